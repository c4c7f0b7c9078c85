// Which addresses are managed code. "In no library" is not enough: the copied write barrier and foreign JIT compilers are
// in none. Two tables; the reader checks that the one it used was not rewritten meanwhile.

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "slot.h"

#define MAX_RANGES 8192
struct range { uintptr_t low, high; };
struct table { _Atomic uint32_t count; struct range ranges[MAX_RANGES]; };
static struct table s_tables[2];
static _Atomic uint32_t s_version;  // the table in use is s_tables[version & 1]
int ilp_code_is_anonymous;          // W^X is off: jitted code is in plain anonymous memory

int ilp_is_managed_code(uintptr_t pc)
{
    uint32_t version = atomic_load(&s_version);
    const struct table *t = &s_tables[version & 1];
    uint32_t low = 0, high = atomic_load(&t->count);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (pc >= t->ranges[middle].high) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    int found = low < atomic_load(&t->count) && pc >= t->ranges[low].low;
    return found && atomic_load(&s_version) == version;
}

static int EndsWith(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && memcmp(text + n - k, end, k) == 0;
}

static const char *Hex(const char *s, uintptr_t *value)
{
    uintptr_t v = 0;
    for (;; s++) {
        if (*s >= '0' && *s <= '9') {
            v = v * 16 + (uintptr_t)(*s - '0');
        } else if (*s >= 'a' && *s <= 'f') {
            v = v * 16 + (uintptr_t)(*s - 'a' + 10);
        } else {
            *value = v;
            return s;
        }
    }
}

// One line of /proc/self/maps: "low-high perms offset dev inode   path".
static void AddRange(struct table *t, uint32_t *count, const char *line)
{
    struct range r;
    const char *s = Hex(line, &r.low);
    if (*s != '-') {
        return;
    }
    s = Hex(s + 1, &r.high);
    if (strlen(s) < 6 || s[3] != 'x') {
        return;
    }
    const char *path = s + 5;
    for (int field = 0; field < 3 && *path; field++) {
        while (*path && *path != ' ') {
            path++;
        }
        while (*path == ' ') {
            path++;
        }
    }
    int managed = strstr(path, "doublemapper") != NULL || EndsWith(path, ".dll") || (ilp_code_is_anonymous && *path == 0);
    if (!managed) {
        return;
    }
    if (*count > 0 && t->ranges[*count - 1].high == r.low) {
        t->ranges[*count - 1].high = r.high;
    } else if (*count < MAX_RANGES) {
        t->ranges[(*count)++] = r;
    }
}

static int ReadMaps(void)
{
    static char buffer[64 * 1024];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    uint32_t version = atomic_load(&s_version) + 1;
    struct table *t = &s_tables[version & 1];
    uint32_t count = 0;
    size_t have = 0;
    for (;;) {
        ssize_t n = read(fd, buffer + have, sizeof buffer - 1 - have);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        have += n > 0 ? (size_t)n : 0;
        char *line = buffer, *end;
        while ((end = memchr(line, '\n', have - (size_t)(line - buffer))) != NULL) {
            *end = 0;
            AddRange(t, &count, line);
            line = end + 1;
        }
        have -= (size_t)(line - buffer);
        memmove(buffer, line, have);
        if (n <= 0) {
            break;
        }
    }
    close(fd);
    atomic_store(&t->count, count);
    atomic_store(&s_version, version);
    return (int)count;
}

// Reads the map of memory anew. Returns the number of ranges, or -errno; 0 if another thread is at it (sysmon, or a storm).
EXPORT int ilp_read_code_maps(void)
{
    static atomic_flag reading = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&reading)) {
        return 0;
    }
    int count = ReadMaps();
    atomic_flag_clear(&reading);
    return count;
}
