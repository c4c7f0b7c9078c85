// Asynchronous preemption: stops a thread that runs managed code and never meets a check (Go: preempt.go, signal_unix.go).
//
// A managed frame can't be made to call anything at an arbitrary instruction: the collector would not find its roots. So the
// thread stops where the signal found it, inside the handler: the kernel's signal frame holds its registers, and it waits in
// sigtimedwait for one of two signals.
//   - Ours, sent by whoever gives its goroutine a P again: it returns and goes on.
//   - CoreCLR's activation signal (SIGRTMIN): the runtime wants to suspend it, for a collection, a profiler or a debugger. It
//     sends that signal to itself once more, where it stays blocked, and returns: sigreturn unblocks it exactly on the managed
//     instruction, as if it had never been parked. CoreCLR's handler runs inside of ours (activation.c), which parks the thread
//     again when the suspension is over.
// Both signals are blocked in the handler, so neither can be lost between a look at a word and the wait.
// Rejected: waiting on a futex. CoreCLR installs its handler with SA_RESTART, so a futex wait without a timeout is restarted
// after it and the first collection freezes the process; one with a timeout returns, but the activation was spent on a native
// instruction and the collector has to send another.
//
// Nothing here takes a lock, allocates or calls the dynamic linker (linked with -z now, thread-local storage is initial-exec).

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "preempt.h"

// P's state word: status in the low byte, owner's M id above. The same numbers as PStatus in P.cs.
#define P_RUNNING 1
#define P_PREEMPTED 6

// Room for two frames as large as the kernel's and CoreCLR's own for an activation, and to spare.
#define STACK_ROOM (64 * 1024)

// The rule of NoPreempt.cs: code less than this above the mark belongs to the marked frame.
#define SAME_FRAME 512

__thread struct m_slot *ilp_slot INITIAL_EXEC;
int ilp_signal;
static int s_gc_signal;
static pid_t s_pid;
static uint32_t *s_sysmon;          // the word sysmon sleeps on, as Note.cs uses it
static struct sigaction s_before;   // whose signal it was before

// ---------------------------------------------------------------------------------------------------------------------
// The stop.

int ilp_send_to(pid_t tid, int signal)
{
    return (int)syscall(SYS_tgkill, s_pid, tid, signal);
}

void ilp_wake_sysmon(void)
{
    if (__atomic_exchange_n(s_sysmon, 1, __ATOMIC_SEQ_CST) == 0) {
        syscall(SYS_futex, s_sysmon, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

void ilp_save_registers(struct m_slot *m, const ucontext_t *c)
{
#if defined(__x86_64__)
    memcpy(m->registers, c->uc_mcontext.gregs, sizeof c->uc_mcontext.gregs);
#else
    memcpy(m->registers, c->uc_mcontext.regs, sizeof c->uc_mcontext.regs);
    m->registers[31] = c->uc_mcontext.sp;
    m->registers[32] = c->uc_mcontext.pc;
#endif
}

// Waits for one of the two signals; returns its number, or 0 to look again.
static int WaitFor(const sigset_t *set)
{
    struct timespec minute = { 60, 0 };
    long got = syscall(SYS_rt_sigtimedwait, set, NULL, &minute, 8);
    return got > 0 ? (int)got : 0;
}

// Who wakes this thread may have allowed it only the CPU that became free (Platform/CpuPlacement.cs): it may use all again.
static void RestoreCpus(struct m_slot *m)
{
    if (atomic_exchange(&m->steered, 0) != 0) {
        unsigned long all[16];
        memset(all, 0xFF, sizeof all);
        syscall(SYS_sched_setaffinity, 0, sizeof all, all);
    }
}

// The thread is parked (Go: asyncPreempt). `handler` is PARKED; whoever changes it decides how the wait ends.
static void AsyncPreempt(struct m_slot *m)
{
    sigset_t both, ours;
    int signal = m->park_signal;
    sigemptyset(&ours);
    sigaddset(&ours, signal);
    both = ours;
    sigaddset(&both, s_gc_signal);
    for (;;) {
        int got = WaitFor(&both);
        if (got == signal) {
            if (atomic_load(&m->handler) == HANDLER_RESUME) {
                break;
            }
            atomic_store(&m->signal_pending, 0); // a request that crossed with the park
        } else if (got == s_gc_signal) {
            ilp_send_to(atomic_load(&m->tid), s_gc_signal);
            int32_t parked = HANDLER_PARKED;
            if (atomic_compare_exchange_strong(&m->handler, &parked, HANDLER_OUT)) {
                m->released++;
                ilp_let_go = 1;
                ilp_be_hasty(1);
                return;
            }
            // It is resumed at the same time; that signal is sent or about to be, and would find no request.
            while (WaitFor(&ours) != signal) {
            }
            break;
        }
    }
    RestoreCpus(m);
    ilp_be_hasty(0);
    atomic_store(&m->handler, HANDLER_OUT);
}

// Whether a thread that was interrupted there may stay there for long (Go: isAsyncSafePoint). -1: yes; else why not.
int ilp_is_async_safe_point(const struct m_slot *m, const ucontext_t *c)
{
    uintptr_t sp = StackPointer(c);
    if (m->gc_disabled == NULL || *m->gc_disabled == 0) {
        return IN_NATIVE;
    }
    if (sigismember(&c->uc_sigmask, s_gc_signal)) {
        return WITH_GC_MASKED;
    }
    if (m->locks != 0) {
        return IN_RUNTIME;
    }
    if (m->no_preempt_mark != 0 && sp < m->no_preempt_mark + SAME_FRAME) {
        return IN_REGION;
    }
    // What was interrupted is on the thread's own stack. The handler may be on the alternate one: Go's runtime, as a library in
    // the process, installs everybody's handlers anew with SA_ONSTACK, and that stack is ours and large.
    if (sp < m->stack_low + STACK_ROOM || sp >= m->stack_high) {
        return ON_SHORT_STACK;
    }
    return ilp_is_managed_code(ProgramCounter(c)) ? -1 : IN_UNKNOWN_CODE;
}

// A thread that is stopped and was let go parks, unless its goroutine gets a P at this moment.
void ilp_park_again(struct m_slot *m, int signal, const ucontext_t *c)
{
    ilp_save_registers(m, c);
    m->cpu = sched_getcpu();
    m->park_signal = signal;

    // Pairs with ilp_resume: the resumer leaves STOPPED, then looks at `handler`; this stores `handler`, then looks at `stop`.
    atomic_store(&m->handler, HANDLER_PARKED);
    atomic_store(&m->signal_pending, 0);
    int32_t parked = HANDLER_PARKED;
    if (atomic_load(&m->stop) == STOP_STOPPED || !atomic_compare_exchange_strong(&m->handler, &parked, HANDLER_OUT)) {
        AsyncPreempt(m);
    }
}

// Stops the thread if its P can be taken from it (first stop), or if it is stopped already and was let go for a
// collection (parking again). -1: it was stopped and goes on now; else why not.
static int Stop(struct m_slot *m, int signal, const ucontext_t *c)
{
    int32_t stop = atomic_load(&m->stop);
    if (stop != STOP_NONE && stop != STOP_STOPPED) {
        return IN_RUNTIME;
    }
    if (stop == STOP_STOPPED) {
        ilp_park_again(m, signal, c);
        return -1;
    }

    ilp_save_registers(m, c);
    m->cpu = sched_getcpu();
    m->park_signal = signal;
    atomic_store(&m->handler, HANDLER_PARKED);

    // Before the P changes hands: once it has, this thread must find itself stopped wherever it looks.
    atomic_store(&m->stop, STOP_STOPPED);
    int64_t running = ((int64_t)m->id << 8) | P_RUNNING;
    _Atomic int64_t *p = m->p_state;
    if (p == NULL || !atomic_compare_exchange_strong(p, &running, ((int64_t)m->id << 8) | P_PREEMPTED)) {
        atomic_store(&m->stop, STOP_NONE);
        atomic_store(&m->handler, HANDLER_OUT);
        return IN_RUNTIME;
    }
    atomic_store(&m->signal_pending, 0);
    ilp_wake_sysmon();
    AsyncPreempt(m);
    return -1;
}

// Not ours: whoever had the signal before gets it.
static void Forward(int signal, siginfo_t *info, void *context)
{
    if (s_before.sa_flags & SA_SIGINFO) {
        s_before.sa_sigaction(signal, info, context);
    } else if (s_before.sa_handler != SIG_DFL && s_before.sa_handler != SIG_IGN) {
        s_before.sa_handler(signal);
    }
}

static void DoSigPreempt(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    struct m_slot *m = ilp_slot;
    if (info->si_code != SI_TKILL || info->si_pid != s_pid) {
        Forward(signal, info, context);
        errno = error;
        return;
    }
    if (m != NULL) {
        ilp_save_for_capture(m, context);
    }
    if (m != NULL && atomic_load(&m->signal_pending)) {
        // A refused request is not queued: the mark stays, and sysmon asks again.
        int why = ilp_is_async_safe_point(m, context);
        if (why < 0) {
            why = Stop(m, signal, context);
        }
        if (why >= 0) {
            m->refused[why]++;
            atomic_store(&m->signal_pending, 0);
        }
        m->preempt_gen++;
    }
    errno = error;
}

// ---------------------------------------------------------------------------------------------------------------------
// For the scheduler.

// Installs the handler; again, for another signal, when somebody else has taken the first: threads that wait for that one
// still get it. `sysmon` is the word of its Note. Returns 0 or -errno; -EBUSY: somebody handles that signal.
EXPORT int ilp_install(int signal, uint32_t *sysmon, int anonymous)
{
    s_gc_signal = SIGRTMIN;
    s_pid = getpid();
    s_sysmon = sysmon;
    ilp_code_is_anonymous = anonymous;
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = DoSigPreempt;
    ours.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&ours.sa_mask);
    sigaddset(&ours.sa_mask, s_gc_signal);
    struct sigaction before;
    if (sigaction(signal, NULL, &before) != 0) {
        return -errno;
    }
    if (ilp_signal != 0 && (before.sa_handler != SIG_DFL || (before.sa_flags & SA_SIGINFO))) {
        return -EBUSY;
    }
    s_before = before;
    ilp_signal = signal;
    if (sigaction(signal, &ours, NULL) != 0 || !ilp_install_activation(s_gc_signal, signal)) {
        return -errno;
    }
    return 0;
}

// The calling thread is `m` from here on. Without room for our frame it is never signalled.
EXPORT void ilp_register(struct m_slot *m)
{
    if (ilp_enlarge_alternate_stack()) {
        ilp_slot = m;
        atomic_store(&m->tid, (int32_t)syscall(SYS_gettid));
    }
}

// The calling thread is no M any more. Returns when no signal can reach it.
EXPORT void ilp_unregister(struct m_slot *m)
{
    ilp_slot = NULL;
    atomic_store(&m->tid, 0);
    while (atomic_load(&m->sending)) { // pairs with ilp_preempt
    }
    ilp_no_capture(m);
}

// Asks the thread to stop (Go: preemptM). 1: sent; 0: parked, or one is in flight; -1: no thread; -2: the signal is
// somebody else's now.
EXPORT int ilp_preempt(struct m_slot *m)
{
    struct sigaction now;
    if (sigaction(ilp_signal, NULL, &now) != 0 || now.sa_sigaction != DoSigPreempt) {
        return -2;
    }
    int32_t none = 0, nobody = 0;
    if (!atomic_compare_exchange_strong(&m->sending, &nobody, 1)) {
        return 0;
    }
    int sent = 0;
    if (atomic_load(&m->handler) == HANDLER_OUT && atomic_compare_exchange_strong(&m->signal_pending, &none, 1)) {
        int32_t tid = atomic_load(&m->tid);
        sent = tid != 0 && ilp_send_to(tid, ilp_signal) == 0 ? 1 : -1;
        if (sent < 0) {
            atomic_store(&m->signal_pending, 0);
        }
    }
    atomic_store(&m->sending, 0);
    return sent;
}

// Ends the park, if the thread is still in it. The caller has taken the M out of STOPPED before.
EXPORT void ilp_resume(struct m_slot *m)
{
    int32_t parked = HANDLER_PARKED;
    if (atomic_compare_exchange_strong(&m->handler, &parked, HANDLER_RESUME)) {
        ilp_send_to(atomic_load(&m->tid), m->park_signal);
    }
}

// Where the method that has a local at `local` will return to; that method is a caller of this one. Jitted code keeps a chain of frame
// pointers, so its frame is the first one above the local. 0 if the chain leaves the stack.
EXPORT uintptr_t ilp_return_address(uintptr_t local, uintptr_t stack_high)
{
    const uintptr_t *frame = __builtin_frame_address(0);
    while ((uintptr_t)frame <= local) {
        const uintptr_t *above = (const uintptr_t *)*frame;
        if (above <= frame || (uintptr_t)above >= stack_high - 2 * sizeof *frame) {
            return 0;
        }
        frame = above;
    }
    return frame[1];
}

// For a check of the layout at start-up.
EXPORT int ilp_slot_size(void)
{
    return (int)sizeof(struct m_slot);
}
