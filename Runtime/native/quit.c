// SIGQUIT: the program's goroutines on standard error, then what would have happened without us.
//
// The handler only writes a byte. The door's thread runs the tool on the process itself, looks now and then whether it has ended, and
// answers it in between.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "door.h"

#define QUIT_SECONDS 30

static char *const *s_program;
static int s_goes_on;
static int s_pipe[2] = { -1, -1 };
static struct sigaction s_before;
static pid_t s_running;                 // the tool; 0 for none
static int64_t s_deadline;

static void OnQuit(int signal)
{
    int error = errno;
    char byte = (char)signal;
    if (write(s_pipe[1], &byte, 1) < 0) {
        // The pipe is full: the door knows already.
    }
    errno = error;
}

static void GoOn(void)
{
    if (!s_goes_on) {
        ilp_remove_door();
        sigaction(SIGQUIT, &s_before, NULL);
        kill(getpid(), SIGQUIT);
    }
}

int ilp_quit_pipe(void)
{
    return s_pipe[0];
}

int ilp_quit_is_running(void)
{
    return s_running != 0;
}

void ilp_quit_look(int is_readable)
{
    char byte;
    if (is_readable && read(s_pipe[0], &byte, 1) == 1 && s_running == 0) {
        s_running = ilp_start_tool(s_program, 2);
        s_deadline = Now() + QUIT_SECONDS * 1000000000LL;
    }
    if (s_running != 0 && (s_running < 0 || waitpid(s_running, NULL, WNOHANG | __WALL) != 0 || Now() > s_deadline)) {
        s_running = 0;
        GoOn();
    }
}

// From now on SIGQUIT runs `program` first. The strings live as long as the process. To be called before the door opens.
EXPORT int ilp_on_quit(char *const *program, int goes_on)
{
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = OnQuit;
    ours.sa_flags = SA_RESTART;
    s_program = program;
    ilp_tool_environment();
    s_goes_on = goes_on;
    if (sigaction(SIGQUIT, NULL, &s_before) != 0 || pipe2(s_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -errno;
    }
    // Started in the background of a shell, it ignores the signal, as it would without us.
    int ignored = !(s_before.sa_flags & SA_SIGINFO) && s_before.sa_handler == SIG_IGN;
    return ignored || sigaction(SIGQUIT, &ours, NULL) == 0 ? 0 : -errno;
}
