// The door: a unix socket through which a tool of the same user looks at the process, without ptrace and almost without stopping
// it.
//
// Its thread is not managed and needs nobody: it answers while the program hangs, collects or waits for a debugger. One command
// is its own, `snapshot`: the process forks, and the child, which never runs a line of the program, lends its memory to the
// tool over the same connection until the tool hangs up. So the tool reads one frozen moment at leisure, and the program
// stood still for as long as fork copies page tables: some milliseconds. All other commands go to managed code (Door.cs).
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
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "slot.h"

#define MAX_COMMAND 4096
#define MAX_THREADS 65536
#define MAX_SNAPSHOTS 4
#define CAPTURE_NS 40000000L
#define COMMAND_SECONDS 2
#define SNAPSHOT_SECONDS 60
#define QUIT_SECONDS 30

// Handles one command and writes the answer to the connection.
typedef void (*command_handler)(const char *text, int length, int connection);

// What is known of a thread without stopping it: where it entered the kernel. sp and pc are 0 for one that runs.
struct thread_place { int32_t tid, state; uint64_t sp, pc; };
struct places { uint32_t count, captured; uint64_t paused_ns; struct thread_place at[MAX_THREADS]; };

// A request to the child. READ: bytes [address, address + length); USED: for each page from address on, length of them, the kernel's
// 64 bits (pagemap); MAPS: its memory map; AUXV: what the kernel told it at its start; PLACES: struct places.
enum { READ = 'R', USED = 'P', MAPS = 'M', AUXV = 'A', PLACES = 'T' };
struct request { uint32_t kind, length; uint64_t address; };

static struct sockaddr_un s_address;
static int s_listener = -1;
static command_handler s_command;
EXPORT struct ilp_table *ilp_table;     // for tools, by name
static struct places *s_places;         // shared with the child, which so learns how long the fork took
static pid_t s_children[MAX_SNAPSHOTS];
static char *const *s_quit_program;
static int s_quit_goes_on;
static int s_quit_pipe[2] = { -1, -1 };
static struct sigaction s_quit_before;
static pid_t s_opened_by;

static int64_t Now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int SendAll(int fd, const void *bytes, size_t length)
{
    const char *p = bytes;
    while (length > 0) {
        ssize_t n = send(fd, p, length, MSG_NOSIGNAL);
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

static void SetTimeout(int fd, int seconds)
{
    struct timeval t = { seconds, 0 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static int Reply(int fd, const void *bytes, uint32_t length)
{
    return SendAll(fd, &length, sizeof length) && SendAll(fd, bytes, length);
}

// ---------------------------------------------------------------------------------------------------------------------
// The child.

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
    SetTimeout(0, SNAPSHOT_SECONDS);
    struct request request;
    int more = memory >= 0 && buffer != MAP_FAILED;
    if (more) {
        Freeze(buffer, size);
        more = SendAll(0, "ok\n", 3);
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
// The parent's part of a snapshot.

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
static pid_t Fork(void)
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

static int Outstanding(void)
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

static void Snapshot(int connection)
{
    static const char no_memory[] = "error there is not enough memory to fork\n", busy[] = "error four snapshots are being read already\n";
    if (s_places == NULL) {
        void *room = mmap(NULL, sizeof *s_places, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        s_places = room != MAP_FAILED ? room : NULL;
    }
    if (Outstanding() == MAX_SNAPSHOTS) {
        SendAll(connection, busy, sizeof busy - 1);
        return;
    }
    if (s_places == NULL) {
        SendAll(connection, no_memory, sizeof no_memory - 1);
        return;
    }
    ReadPlaces();
    int64_t from = Now();
    Capture();
    s_places->paused_ns = 0;
    pid_t child = Fork();
    if (child == 0) {
        Lend(connection);
    }
    ilp_capture_end();
    s_places->paused_ns = (uint64_t)(Now() - from);
    if (child < 0 || !Keep(child)) {
        SendAll(connection, no_memory, sizeof no_memory - 1);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// SIGQUIT: the program's goroutines on standard error, then what would have happened without us.

// Of the program's environment only what the tool needs to start: the rest may be meant for .NET, and steer it. Read once: the program
// may change it.
static char *const *ToolEnvironment(void)
{
    static const char *const names[] = { "PATH", "HOME", "TMPDIR", "DOTNET_ROOT", "LANG" };
    static char *variables[sizeof names / sizeof *names + 1];
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    static int count = -1;
    pthread_mutex_lock(&once);
    if (count < 0) {
        count = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const char *value = getenv(names[i]);
            if (value != NULL && asprintf(&variables[count], "%s=%s", names[i], value) >= 0) {
                count++;
            }
        }
    }
    pthread_mutex_unlock(&once);
    return variables;
}

static void OnQuit(int signal)
{
    int error = errno;
    char byte = (char)signal;
    if (write(s_quit_pipe[1], &byte, 1) < 0) {
        // The pipe is full: the door knows already.
    }
    errno = error;
}

// Runs a program that is no child as the program knows them, with standard output at `output`.
static pid_t RunProgram(char *const *program, int output)
{
    char *const *environment = ToolEnvironment();
    pid_t child = Fork();
    if (child != 0) {
        return child;
    }
    sigset_t none;
    sigemptyset(&none);
    dup2(output, 1);
    syscall(SYS_close_range, 3, ~0U, 0);
    for (int signal = 1; signal < 32; signal++) {
        struct sigaction standard;
        memset(&standard, 0, sizeof standard);
        sigaction(signal, &standard, NULL);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(program[0], program, environment);
    _exit(127);
}

// Waits for its end until `deadline`, then ends it.
static void AwaitProgram(pid_t child, int64_t deadline)
{
    struct timespec pause = { 0, 5000000 };
    while (waitpid(child, NULL, WNOHANG | __WALL) == 0) {
        if (Now() > deadline) {
            kill(child, SIGKILL);
            waitpid(child, NULL, __WALL);
            return;
        }
        nanosleep(&pause, NULL);
    }
}

// Runs `program`, at most so long. What it prints goes into `text`, or to standard error if that is NULL. Returns the number of bytes,
// or -errno. The caller waits, so it is none of the threads that the program needs.
EXPORT int ilp_run_tool(char *const *program, char *text, int size, int seconds)
{
    int ends[2] = { -1, -1 }, have = 0;
    int64_t deadline = Now() + seconds * 1000000000LL;
    if (text != NULL && pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    pid_t child = RunProgram(program, text != NULL ? ends[1] : 2);
    int error = child < 0 ? errno : 0;
    close(ends[1]);
    while (child > 0 && text != NULL && have < size && Now() < deadline) {
        struct pollfd readable = { ends[0], POLLIN, 0 };
        if (poll(&readable, 1, 50) > 0) {
            ssize_t n = read(ends[0], text + have, (size_t)(size - have));
            if (n == 0 || (n < 0 && errno != EINTR)) {
                break;
            }
            have += n > 0 ? (int)n : 0;
        }
    }
    close(ends[0]);
    if (child > 0) {
        AwaitProgram(child, deadline);
    }
    return child > 0 ? have : -error;
}

static void RemoveDoor(void)
{
    if (s_opened_by == getpid()) {
        unlink(s_address.sun_path);
    }
}

static void GoOnWithQuit(void)
{
    if (!s_quit_goes_on) {
        RemoveDoor();
        sigaction(SIGQUIT, &s_quit_before, NULL);
        kill(getpid(), SIGQUIT);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The thread.

static int IsSameUser(int connection)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

// A command is a line.
static int ReceiveLine(int fd, char *text)
{
    int have = 0;
    while (have < MAX_COMMAND - 1) {
        ssize_t n = recv(fd, text + have, 1, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        if (text[have] == '\n') {
            text[have] = 0;
            return have;
        }
        have++;
    }
    return -1;
}

static void Answer(int connection)
{
    static const char other_user[] = "error the process belongs to another user\n";
    char text[MAX_COMMAND];
    SetTimeout(connection, COMMAND_SECONDS);
    if (!IsSameUser(connection)) {
        SendAll(connection, other_user, sizeof other_user - 1);
        return;
    }
    int length = ReceiveLine(connection, text);
    if (length < 0) {
        return;
    }
    if (strcmp(text, "snapshot") == 0) {
        Snapshot(connection);
    } else {
        s_command(text, length, connection);
    }
}

// A killed process leaves its socket's file behind: nobody listens there. Tried by connecting, not by the process's number, which
// may be of another container.
static void Sweep(void)
{
    char folder[sizeof s_address.sun_path];
    strcpy(folder, s_address.sun_path);
    *strrchr(folder, '/') = 0;
    DIR *files = opendir(*folder ? folder : "/");
    for (struct dirent *d; files != NULL && (d = readdir(files)) != NULL;) {
        struct sockaddr_un other = { .sun_family = AF_UNIX };
        size_t length = strlen(d->d_name);
        int ours = strncmp(d->d_name, "ilpreempt-", 10) == 0 && length > 7 && strcmp(d->d_name + length - 7, "-socket") == 0;
        if (!ours || (size_t)snprintf(other.sun_path, sizeof other.sun_path, "%s/%s", folder, d->d_name) >= sizeof other.sun_path) {
            continue;
        }
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&other, sizeof other) != 0 && errno == ECONNREFUSED) {
            unlink(other.sun_path);
        }
        close(fd);
    }
    if (files != NULL) {
        closedir(files);
    }
}

static void *RunDoor(void *argument)
{
    (void)argument;
    prctl(PR_SET_NAME, "ILPreempt door");
    Sweep();
    pid_t quit_program = 0;
    int64_t quit_deadline = 0;
    for (;;) {
        struct pollfd polled[2] = { { s_listener, POLLIN, 0 }, { s_quit_pipe[0], POLLIN, 0 } };
        int busy = Outstanding() > 0 || quit_program != 0;
        poll(polled, s_quit_pipe[0] >= 0 ? 2 : 1, busy ? 50 : -1);
        if (polled[0].revents & POLLIN) {
            int connection = accept4(s_listener, NULL, NULL, SOCK_CLOEXEC);
            if (connection >= 0) {
                Answer(connection);
                close(connection);
            }
        }
        char byte;
        if ((polled[1].revents & POLLIN) && read(s_quit_pipe[0], &byte, 1) == 1 && quit_program == 0) {
            quit_program = RunProgram(s_quit_program, 2);
            quit_deadline = Now() + QUIT_SECONDS * 1000000000LL;
        }
        if (quit_program != 0 && (quit_program < 0 || waitpid(quit_program, NULL, WNOHANG | __WALL) != 0 || Now() > quit_deadline)) {
            quit_program = 0;
            GoOnWithQuit();
        }
    }
    return NULL;
}

static int StartThread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, RunDoor, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

// Listens at `path`, which only the user may connect to. Returns 0 or -errno.
EXPORT int ilp_open_door(const char *path, struct ilp_table *table, command_handler command)
{
    if (strlen(path) + 1 >= sizeof s_address.sun_path) {
        return -ENAMETOOLONG;
    }
    s_address.sun_family = AF_UNIX;
    strcpy(s_address.sun_path, path);
    // It gets its name when it listens: another process would take it for one left behind (Sweep).
    struct sockaddr_un opening = s_address;
    strcat(opening.sun_path, "~");
    ilp_table = table;
    s_command = command;
    s_opened_by = getpid();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(opening.sun_path); // left by a process of the same number
    // Linux takes the mode of the file from the socket's own.
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&opening, sizeof opening) != 0 || listen(fd, 8) != 0
        || rename(opening.sun_path, path) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    s_listener = fd;
    atexit(RemoveDoor);
    return StartThread();
}

// From now on SIGQUIT runs `program` first. The strings live as long as the process. To be called before the door opens.
EXPORT int ilp_on_quit(char *const *program, int goes_on)
{
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = OnQuit;
    ours.sa_flags = SA_RESTART;
    s_quit_program = program;
    ToolEnvironment();
    s_quit_goes_on = goes_on;
    if (sigaction(SIGQUIT, NULL, &s_quit_before) != 0 || pipe2(s_quit_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -errno;
    }
    // Started in the background of a shell, it ignores the signal, as it would without us.
    int ignored = !(s_quit_before.sa_flags & SA_SIGINFO) && s_quit_before.sa_handler == SIG_IGN;
    return ignored || sigaction(SIGQUIT, &ours, NULL) == 0 ? 0 : -errno;
}
