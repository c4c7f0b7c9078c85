// What the parts of the door share; for nobody else.

#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "clock.h"
#include "slot.h"

EXPORT extern struct ilp_table *ilp_table;

// door.c
int ilp_send_all(int fd, const void *bytes, size_t length);
void ilp_set_timeout(int fd, int seconds);
void ilp_remove_door(void);

// snapshot.c. snapshots counts those that are still read.
pid_t ilp_fork(void);
void ilp_snapshot(int connection);
int ilp_snapshots(void);

// tool.c
char *const *ilp_tool_environment(void);
pid_t ilp_start_tool(char *const *program, int output);

// quit.c. The pipe is readable after the signal, and -1 if nobody asked for it; look is called after each wait for it.
int ilp_quit_pipe(void);
int ilp_quit_is_running(void);
void ilp_quit_look(int is_readable);
