// The door: a unix socket through which a tool of the same user looks at the process, without ptrace and almost without stopping
// it.
//
// Its thread is not managed and needs nobody: it answers while the program hangs, collects or waits for a debugger. One command
// is its own, `snapshot` (snapshot.c); all others go to managed code (Door.cs). The same thread waits for SIGQUIT (quit.c).

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "door.h"

#define MAX_COMMAND 4096
#define COMMAND_SECONDS 2

// Handles one command and writes the answer to the connection.
typedef void (*command_handler)(const char *text, int length, int connection);

EXPORT struct ilp_table *ilp_table;     // for tools, by name
static struct sockaddr_un s_address;
static int s_listener = -1;
static command_handler s_command;
static pid_t s_opened_by;

int ilp_send_all(int fd, const void *bytes, size_t length)
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

void ilp_set_timeout(int fd, int seconds)
{
    struct timeval t = { seconds, 0 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

void ilp_remove_door(void)
{
    if (s_opened_by == getpid()) {
        unlink(s_address.sun_path);
    }
}

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
    ilp_set_timeout(connection, COMMAND_SECONDS);
    if (!IsSameUser(connection)) {
        ilp_send_all(connection, other_user, sizeof other_user - 1);
        return;
    }
    int length = ReceiveLine(connection, text);
    if (length < 0) {
        return;
    }
    if (strcmp(text, "snapshot") == 0) {
        ilp_snapshot(connection);
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
    for (;;) {
        int quit = ilp_quit_pipe();
        struct pollfd polled[2] = { { s_listener, POLLIN, 0 }, { quit, POLLIN, 0 } };
        int busy = ilp_snapshots() > 0 || ilp_quit_is_running();
        poll(polled, quit >= 0 ? 2 : 1, busy ? 50 : -1);
        if (polled[0].revents & POLLIN) {
            int connection = accept4(s_listener, NULL, NULL, SOCK_CLOEXEC);
            if (connection >= 0) {
                Answer(connection);
                close(connection);
            }
        }
        ilp_quit_look(polled[1].revents & POLLIN);
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
    atexit(ilp_remove_door);
    return StartThread();
}
