// Runs the tool beside the program, which must not notice. The tool is no child as the program knows them, gets none of its files but
// the standard ones, none of its signal handling and little of its environment, and is ended when it takes too long.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "door.h"

// Of the program's environment only what the tool needs to start: the rest may be meant for .NET, and steer it. Read once: the program
// may change it.
char *const *ilp_tool_environment(void)
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

// Runs a program that is no child as the program knows them, with standard output at `output`.
pid_t ilp_start_tool(char *const *program, int output)
{
    char *const *environment = ilp_tool_environment();
    pid_t child = ilp_fork();
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
    pid_t child = ilp_start_tool(program, text != NULL ? ends[1] : 2);
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
