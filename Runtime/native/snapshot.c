// Snapshots: the process forks, and the child, which never runs a line of the program, lends its memory to the tool over the same
// connection until the tool hangs up. So the tool reads one frozen moment at leisure, and the program stood still for as long as
// fork copies page tables: some milliseconds.
//
// What fork does not keep are registers. A thread that is blocked or in native code does not need them: CoreCLR has left a record
// on its stack. A thread that runs managed code is asked by our signal to save them and to wait in the handler while
// the process forks. One that a signal has parked already saved them.
// Rejected: ptrace (containers forbid it), a core file by the runtime's createdump (stops the process for as long as it writes),
// walking stacks in the handler (names and lines would need tables that only the debugging library can read).

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "door.h"

#define MAX_THREADS 65536
#define MAX_SNAPSHOTS 4
#define CAPTURE_NS 40000000L
#define SNAPSHOT_SECONDS 60

// What is known of a thread without stopping it: where it entered the kernel. sp and pc are 0 for one that runs.
struct thread_place { int32_t tid, state; uint64_t sp, pc; };
struct places { uint32_t count, captured; uint64_t paused_ns; struct thread_place at[MAX_THREADS]; };

// A request to the child. READ: bytes [address, address + length); USED: for each page from address on, length of them, the kernel's
// 64 bits (pagemap); MAPS: its memory map; AUXV: what the kernel told it at its start; PLACES: struct places.
enum { READ = 'R', USED = 'P', MAPS = 'M', AUXV = 'A', PLACES = 'T' };
struct request { uint32_t kind, length; uint64_t address; };

static struct places *s_places;         // shared with the child, which so learns how long the fork took
static pid_t s_children[MAX_SNAPSHOTS];

// ---------------------------------------------------------------------------------------------------------------------
// The child.

static int ReceiveAll(int fd, void *bytes, size_t length)
{
    char *p = bytes;
    while (length > 0) {
        ssize_t n = recv(fd, p, length, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return 0;
        }
        p += n;
        length -= (size_t)n;
    }
    return 1;
}

static int Reply(int fd, const void *bytes, uint32_t length)
{
    return ilp_send_all(fd, &length, sizeof length) && ilp_send_all(fd, bytes, length);
}

static int ReplyWithFile(int fd, const char *path, char *buffer, size_t size)
{
    int file = open(path, O_RDONLY);
    size_t have = 0;
    while (file >= 0 && have < size) {
        ssize_t n = read(file, buffer + have, size - have);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
    }
    close(file);
    return Reply(fd, buffer, (uint32_t)have);
}

// It knows how long the fork took when it is back from it.
static void AwaitParent(void)
{
    struct timespec pause = { 0, 100000 };
    for (int i = 0; i < 1000 && *(volatile uint64_t *)&s_places->paused_ns == 0; i++) {
        nanosleep(&pause, NULL);
    }
}

// The memory in which the runtime keeps its own structures and jitted code is shared (W^X maps it twice), so fork does not freeze it:
// the copy makes it private at once. A type loaded in between may point to memory that the copy does not have.
static void Freeze(char *buffer, size_t size)
{
    int file = open("/proc/self/maps", O_RDONLY);
    size_t have = 0;
    for (ssize_t n = 1; file >= 0 && n > 0 && have < size - 1; have += n > 0 ? (size_t)n : 0) {
        n = read(file, buffer + have, size - 1 - have);
    }
    close(file);
    buffer[have] = 0;
    for (char *line = buffer, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = 0;
        char *dash, *permissions;
        uintptr_t low = strtoull(line, &dash, 16), high = strtoull(dash + 1, &permissions, 16);
        if (strlen(permissions) < 5 || permissions[1] != 'r' || permissions[2] != 'w' || permissions[4] != 's' || strstr(line, "doublemapper") == NULL) {
            continue;
        }
        void *copy = mmap(NULL, high - low, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (copy != MAP_FAILED) {
            memcpy(copy, (void *)low, high - low);
            mremap(copy, high - low, high - low, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)low);
        }
    }
}

// Lends its memory until the tool hangs up or falls silent. Nothing of the parent may stay open here: a pipe whose end the
// program closes must close.
static void Lend(int connection)
{
    const size_t size = 16 << 20;
    dup2(connection, 0);
    syscall(SYS_close_range, 1, ~0U, 0);
    int memory = open("/proc/self/mem", O_RDONLY), pages = open("/proc/self/pagemap", O_RDONLY);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    char *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ilp_set_timeout(0, SNAPSHOT_SECONDS);
    struct request request;
    int more = memory >= 0 && buffer != MAP_FAILED;
    if (more) {
        Freeze(buffer, size);
        more = ilp_send_all(0, "ok\n", 3);
    }
    while (more && ReceiveAll(0, &request, sizeof request)) {
        if (request.kind == READ) {
            size_t length = request.length < size ? request.length : size;
            ssize_t n = pread(memory, buffer, length, (off_t)request.address);
            more = Reply(0, buffer, n > 0 ? (uint32_t)n : 0);
        } else if (request.kind == USED) {
            size_t length = (size_t)request.length * 8 < size ? (size_t)request.length * 8 : size;
            ssize_t n = pread(pages, buffer, length, (off_t)(request.address / page * 8));
            more = Reply(0, buffer, n > 0 ? (uint32_t)n : 0);
        } else if (request.kind == AUXV) {
            more = ReplyWithFile(0, "/proc/self/auxv", buffer, size);
        } else if (request.kind == MAPS) {
            more = ReplyWithFile(0, "/proc/self/maps", buffer, size);
        } else if (request.kind == PLACES) {
            AwaitParent();
            more = Reply(0, s_places, (uint32_t)(offsetof(struct places, at) + s_places->count * sizeof s_places->at[0]));
        } else {
            more = 0;
        }
    }
    _exit(0);
}

// ---------------------------------------------------------------------------------------------------------------------
// The parent's part.

// "running", or "number arguments... sp pc", or "-1 sp pc".
static void ReadPlace(struct thread_place *place)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", place->tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;
    char *pc = strrchr(text, ' ');
    if (n <= 0 || text[0] == 'r' || pc == NULL) {
        return;
    }
    *pc = 0;
    char *sp = strrchr(text, ' ');
    if (sp != NULL) {
        place->sp = strtoull(sp + 1, NULL, 16);
        place->pc = strtoull(pc + 1, NULL, 16);
        place->state = 1;
    }
}

static void ReadPlaces(void)
{
    DIR *tasks = opendir("/proc/self/task");
    s_places->count = 0;
    for (struct dirent *d; tasks != NULL && (d = readdir(tasks)) != NULL && s_places->count < MAX_THREADS;) {
        int tid = atoi(d->d_name);
        if (tid > 0) {
            struct thread_place *place = &s_places->at[s_places->count++];
            *place = (struct thread_place){ .tid = tid };
            ReadPlace(place);
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
}

// Threads in managed code save their registers and wait. One that is not on a CPU within the time is left out.
static void Capture(void)
{
    int asked = 0;
    ilp_capture_begin();
    for (struct ilp_chunk *c = ilp_table->ms.first; c != NULL; c = c->next) {
        for (uint32_t i = 0; i < ilp_table->ms.rows_per_chunk; i++) {
            asked += ilp_capture((struct m_slot *)(c->rows + (size_t)i * ilp_table->ms.row_size));
        }
    }
    int64_t until = Now() + CAPTURE_NS;
    struct timespec pause = { 0, 20000 };
    while (ilp_captured() < asked && Now() < until) {
        nanosleep(&pause, NULL);
    }
    s_places->captured = (uint32_t)ilp_captured();
}

// The innermost return addresses of a thread in managed code, its own first: it waits in the handler while the chain of its frame
// pointers is read. 0: it is in native code, or on no CPU. For threads other than the door's.
EXPORT int ilp_stack_of(struct m_slot *m, uintptr_t *addresses, int max)
{
#if defined(__x86_64__)
    enum { FRAME = 10, INSTRUCTION = 16 };
#else
    enum { FRAME = 29, INSTRUCTION = 32 };
#endif
    int count = 0;
    struct timespec pause = { 0, 20000 };
    int64_t until = Now() + CAPTURE_NS;
    ilp_capture_begin();
    int asked = ilp_capture(m);
    while (ilp_captured() < asked && Now() < until) {
        nanosleep(&pause, NULL);
    }
    if (asked != 0 && ilp_captured() == asked) {
        uintptr_t frame = m->registers[FRAME];
        addresses[count++] = m->registers[INSTRUCTION];
        while (count < max && frame % sizeof frame == 0 && frame >= m->stack_low && frame < m->stack_high - 2 * sizeof frame) {
            const uintptr_t *link = (const uintptr_t *)frame;
            addresses[count++] = link[1];
            if (link[0] <= frame) {
                break;
            }
            frame = link[0];
        }
    }
    ilp_capture_end();
    return count;
}

// No exit signal: the program's own handling of its children never sees this one.
pid_t ilp_fork(void)
{
    return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
}

static int Keep(pid_t child)
{
    for (int i = 0; i < MAX_SNAPSHOTS; i++) {
        if (s_children[i] == 0) {
            s_children[i] = child;
            return 1;
        }
    }
    return 0;
}

int ilp_snapshots(void)
{
    int count = 0;
    for (int i = 0; i < MAX_SNAPSHOTS; i++) {
        if (s_children[i] != 0 && waitpid(s_children[i], NULL, WNOHANG | __WALL) != 0) {
            s_children[i] = 0;
        }
        count += s_children[i] != 0;
    }
    return count;
}

void ilp_snapshot(int connection)
{
    static const char no_memory[] = "error there is not enough memory to fork\n", busy[] = "error four snapshots are being read already\n";
    if (s_places == NULL) {
        void *room = mmap(NULL, sizeof *s_places, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        s_places = room != MAP_FAILED ? room : NULL;
    }
    if (ilp_snapshots() == MAX_SNAPSHOTS) {
        ilp_send_all(connection, busy, sizeof busy - 1);
        return;
    }
    if (s_places == NULL) {
        ilp_send_all(connection, no_memory, sizeof no_memory - 1);
        return;
    }
    ReadPlaces();
    int64_t from = Now();
    Capture();
    s_places->paused_ns = 0;
    pid_t child = ilp_fork();
    if (child == 0) {
        Lend(connection);
    }
    ilp_capture_end();
    s_places->paused_ns = (uint64_t)(Now() - from);
    if (child < 0 || !Keep(child)) {
        ilp_send_all(connection, no_memory, sizeof no_memory - 1);
    }
}
