// What the files of asynchronous preemption share: preempt.c (the stop), activation.c (collections let parked threads go),
// capture.c (registers for snapshots), altstack.c (room for the handler), storm.c (a stress mode).

#pragma once
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <ucontext.h>
#include "slot.h"

#define INITIAL_EXEC __attribute__((tls_model("initial-exec")))

// Who decides about a stopped goroutine; the same numbers as StopState in MSlot.cs.
enum { STOP_NONE, STOP_STOPPED, STOP_RESUMING, STOP_WAITING };

// Where the thread is; the same numbers as HandlerState in MSlot.cs.
enum { HANDLER_OUT, HANDLER_PARKED, HANDLER_RESUME };

static inline uintptr_t ProgramCounter(const ucontext_t *c)
{
#if defined(__x86_64__)
    return (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)c->uc_mcontext.pc;
#endif
}

static inline uintptr_t StackPointer(const ucontext_t *c)
{
#if defined(__x86_64__)
    return (uintptr_t)c->uc_mcontext.gregs[REG_RSP];
#else
    return (uintptr_t)c->uc_mcontext.sp;
#endif
}

// preempt.c
extern int ilp_signal;                                          // 0 before it is installed
extern __thread struct m_slot *ilp_slot INITIAL_EXEC;           // the calling thread's, if it is an M
int ilp_send_to(pid_t tid, int signal);
void ilp_wake_sysmon(void);
void ilp_save_registers(struct m_slot *m, const ucontext_t *c);
int ilp_is_async_safe_point(const struct m_slot *m, const ucontext_t *c); // -1: yes; else why not
void ilp_park_again(struct m_slot *m, int signal, const ucontext_t *c);
int ilp_preempt(struct m_slot *m);

// activation.c
extern __thread int ilp_let_go INITIAL_EXEC;                    // left a park for an activation that it has sent to itself
void ilp_be_hasty(int hasty);
int ilp_install_activation(int gc_signal, int preempt_signal);

// capture.c
void ilp_save_for_capture(struct m_slot *m, const ucontext_t *c);
void ilp_no_capture(struct m_slot *m);

// altstack.c
int ilp_enlarge_alternate_stack(void);
