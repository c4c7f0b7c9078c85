// Asynchronous preemption: stops a thread that runs managed code and never meets a check (Go: preempt.go, signal_unix.go).
//
// A managed frame can't be made to call anything at an arbitrary instruction: the collector would not find its roots. So the
// thread stops where the signal found it, inside the handler: the kernel's signal frame holds its registers, and it waits in
// sigtimedwait for one of two signals.
//   - Ours, sent by whoever gives its goroutine a P again: it returns and goes on.
//   - CoreCLR's activation signal (SIGRTMIN): the runtime wants to suspend it, for a collection, a profiler or a debugger. It
//     sends that signal to itself once more, where it stays blocked, and returns: sigreturn unblocks it exactly on the managed
//     instruction, as if it had never been parked. CoreCLR's handler runs inside of ours (DoActivation), which parks the thread
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
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "slot.h"

// P's state word: status in the low byte, owner's M id above. The same numbers as PStatus in P.cs.
#define P_RUNNING 1
#define P_PREEMPTED 6

// Room for two frames as large as the kernel's and CoreCLR's own for an activation, and to spare.
#define STACK_ROOM (64 * 1024)

// The rule of NoPreempt.cs: code less than this above the mark belongs to the marked frame.
#define SAME_FRAME 512

// Who decides about a stopped goroutine; the same numbers as StopState in MSlot.cs.
enum { STOP_NONE, STOP_STOPPED, STOP_RESUMING, STOP_WAITING };

// Where the thread is; the same numbers as HandlerState in MSlot.cs.
enum { HANDLER_OUT, HANDLER_PARKED, HANDLER_RESUME };

#define INITIAL_EXEC __attribute__((tls_model("initial-exec")))
static __thread struct m_slot *t_slot INITIAL_EXEC;
static __thread int t_let_go INITIAL_EXEC;              // left a park for an activation that it has sent to itself
static __thread uintptr_t t_suspended_at INITIAL_EXEC;  // where CoreCLR's handler has suspended it
static __thread int t_idle_activations INITIAL_EXEC;    // activations there that did not suspend it, one after another
static __thread int t_hasty INITIAL_EXEC;               // has a short slice

static int s_signal;
static int s_gc_signal;
static pid_t s_pid;
static uint32_t *s_sysmon;          // the word sysmon sleeps on, as Note.cs uses it
static struct sigaction s_before;   // whose signal it was before
static struct sigaction s_activation; // CoreCLR's handler of its own signal

// ---------------------------------------------------------------------------------------------------------------------
// The stop.

static int SendTo(pid_t tid, int signal)
{
    return (int)syscall(SYS_tgkill, s_pid, tid, signal);
}

static void WakeSysmon(void)
{
    if (__atomic_exchange_n(s_sysmon, 1, __ATOMIC_SEQ_CST) == 0) {
        syscall(SYS_futex, s_sysmon, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static uintptr_t ProgramCounter(const ucontext_t *c)
{
#if defined(__x86_64__)
    return (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)c->uc_mcontext.pc;
#endif
}

static uintptr_t StackPointer(const ucontext_t *c)
{
#if defined(__x86_64__)
    return (uintptr_t)c->uc_mcontext.gregs[REG_RSP];
#else
    return (uintptr_t)c->uc_mcontext.sp;
#endif
}

static void SaveRegisters(struct m_slot *m, const ucontext_t *c)
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

// After a collection everybody waits for one mutex, one after the other, each for a CPU first. Threads that will only park
// again must not wait there behind those that compute: the kernel lets one with a short slice go first when it wakes up
// (Platform/KernelSlice.cs has the rules).
static void BeHasty(int hasty)
{
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } a;
    if (t_hasty == hasty || syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) != 0 || a.policy != SCHED_OTHER) {
        return;
    }
    t_hasty = hasty;
    a.size = sizeof a;
    a.runtime = hasty ? 100000 : 0;
    syscall(SYS_sched_setattr, 0, &a, 0);
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
            SendTo(atomic_load(&m->tid), s_gc_signal);
            int32_t parked = HANDLER_PARKED;
            if (atomic_compare_exchange_strong(&m->handler, &parked, HANDLER_OUT)) {
                m->released++;
                t_let_go = 1;
                BeHasty(1);
                return;
            }
            // It is resumed at the same time; that signal is sent or about to be, and would find no request.
            while (WaitFor(&ours) != signal) {
            }
            break;
        }
    }
    RestoreCpus(m);
    BeHasty(0);
    atomic_store(&m->handler, HANDLER_OUT);
}

// Whether a thread that was interrupted there may stay there for long (Go: isAsyncSafePoint). -1: yes; else why not.
static int IsAsyncSafePoint(const struct m_slot *m, const ucontext_t *c)
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
static void ParkAgain(struct m_slot *m, int signal, const ucontext_t *c)
{
    SaveRegisters(m, c);
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
        ParkAgain(m, signal, c);
        return -1;
    }

    SaveRegisters(m, c);
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
    WakeSysmon();
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

// ---------------------------------------------------------------------------------------------------------------------
// Captures: a thread saves its registers and waits while the door forks the process. Our signal and the collector's are blocked
// meanwhile, so a collection waits with it; the door ends it within milliseconds, and the timeout if the door does not.

enum { CAPTURE_NONE, CAPTURE_LOOKING, CAPTURE_ASKED, CAPTURE_SAVED };

static _Atomic uint32_t s_capturing; // a futex word: 1 while a capture is open
static _Atomic int32_t s_captured;
static pthread_mutex_t s_capture_lock = PTHREAD_MUTEX_INITIALIZER; // one capture at a time; the handler never takes it

void ilp_capture_begin(void)
{
    pthread_mutex_lock(&s_capture_lock);
    atomic_store(&s_captured, 0);
    atomic_store(&s_capturing, 1);
}

int ilp_captured(void)
{
    return atomic_load(&s_captured);
}

void ilp_capture_end(void)
{
    atomic_store(&s_capturing, 0);
    syscall(SYS_futex, &s_capturing, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    pthread_mutex_unlock(&s_capture_lock);
}

// A thread that a signal has parked has saved its registers; one in native code does not need to.
int ilp_capture(struct m_slot *m)
{
    int32_t none = CAPTURE_NONE;
    if (s_signal == 0 || !atomic_compare_exchange_strong(&m->capture, &none, CAPTURE_LOOKING)) {
        return 0;
    }
    int32_t tid = atomic_load(&m->tid); // pairs with ilp_unregister, which clears tid, then looks at `capture`
    int runs = tid != 0 && atomic_load(&m->handler) == HANDLER_OUT && m->gc_disabled != NULL && *m->gc_disabled != 0;
    atomic_store(&m->capture, runs ? CAPTURE_ASKED : CAPTURE_NONE);
    if (runs && SendTo(tid, s_signal) != 0) {
        atomic_store(&m->capture, CAPTURE_NONE);
        runs = 0;
    }
    return runs;
}

static void SaveForCapture(struct m_slot *m, const ucontext_t *context)
{
    int32_t asked = CAPTURE_ASKED;
    if (!atomic_load(&s_capturing) || !atomic_compare_exchange_strong(&m->capture, &asked, CAPTURE_SAVED)) {
        atomic_store(&m->capture, CAPTURE_NONE);
        return;
    }
    struct timespec limit = { 0, 50000000 };
    SaveRegisters(m, context);
    atomic_fetch_add(&s_captured, 1);
    while (atomic_load(&s_capturing) && !(syscall(SYS_futex, &s_capturing, FUTEX_WAIT_PRIVATE, 1, &limit, NULL, 0) != 0 && errno == ETIMEDOUT)) {
    }
    atomic_store(&m->capture, CAPTURE_NONE);
}

static void DoSigPreempt(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    struct m_slot *m = t_slot;
    if (info->si_code != SI_TKILL || info->si_pid != s_pid) {
        Forward(signal, info, context);
        errno = error;
        return;
    }
    if (m != NULL && atomic_load(&m->capture) != CAPTURE_NONE) {
        SaveForCapture(m, context);
    }
    if (m != NULL && atomic_load(&m->signal_pending)) {
        // A refused request is not queued: the mark stays, and sysmon asks again.
        int why = IsAsyncSafePoint(m, context);
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
// CoreCLR's signal comes here first. Its own handler suspends the thread for as long as a collection takes, or only changes a
// return address when the thread must first run to a better place. In the first case a thread that was let go for it parks again
// right after, on the same instruction: it has computed nothing without a P, and nobody has to send it a signal. In the second
// it must run on. Which one it was is told by whether the thread has waited; an activation that comes late finds no suspension and
// returns at once, on an instruction where the thread has been suspended before. A wait may have had another reason (a page), and a
// collection that finds its thread parked at a wrong place asks again and again: so the third answer without a wait is to run on.

#define MAX_IDLE_ACTIVATIONS 2

static long Waits(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static int IsBlocked(int signal)
{
    sigset_t now;
    return pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, signal) == 1;
}

static void DoActivation(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    if (!t_let_go) {
        s_activation.sa_sigaction(signal, info, context);
        errno = error;
        return;
    }
    t_let_go = 0;
    long waits = Waits();
    s_activation.sa_sigaction(signal, info, context);
    struct m_slot *m = t_slot;
    uintptr_t pc = ProgramCounter(context);
    if (Waits() != waits) {
        t_suspended_at = pc;
        t_idle_activations = 0;
    } else if (++t_idle_activations > MAX_IDLE_ACTIVATIONS) {
        t_suspended_at = 0;
    }
    if (m != NULL && atomic_load(&m->stop) == STOP_STOPPED) {
        int preempt = s_signal;
        if (t_suspended_at == pc && IsBlocked(preempt) && IsAsyncSafePoint(m, context) < 0) {
            m->unasked++;
            ParkAgain(m, preempt, context);
        } else {
            WakeSysmon(); // to stop it elsewhere
        }
    }
    if (!t_let_go) {
        BeHasty(0);
    }
    errno = error;
}

// ---------------------------------------------------------------------------------------------------------------------
// For the scheduler.

// CoreCLR's handler for SIGSEGV (a null reference, say) begins on an alternate stack of 16 KB, of which 10 and a guard page are
// gone when ours comes on top. Our frame, 3.4 KB with AVX-512, then does not fit, and the kernel kills a process whose signal frame
// does not fit. So the threads that we signal get a larger one of the same shape, a guard page in front: CoreCLR unmaps at
// the thread's end whatever it finds there. Rejected: blocking our signal while that handler runs. CoreCLR leaves the handler
// without sigreturn and unblocks only its own signal; ours stayed blocked for good.
static int EnlargeAlternateStack(void)
{
    const size_t size = 128 * 1024;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    stack_t old, new;
    if (sigaltstack(NULL, &old) != 0 || (old.ss_flags & SS_ONSTACK)) {
        return 0;
    }
    if ((old.ss_flags & SS_DISABLE) || old.ss_size >= size) {
        return 1;
    }
    new.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    new.ss_size = size;
    new.ss_flags = 0;
    if (new.ss_sp == MAP_FAILED) {
        return 0;
    }
    if (mprotect(new.ss_sp, page, PROT_NONE) != 0 || sigaltstack(&new, NULL) != 0) {
        munmap(new.ss_sp, size);
        return 0;
    }
    // CoreCLR's own has that guard page: the kernel can't read a signal set from it. Anybody else's is left alone.
    int aligned = ((uintptr_t)old.ss_sp | old.ss_size) % page == 0;
    if (aligned && syscall(SYS_rt_sigprocmask, -1, old.ss_sp, NULL, 8) != 0 && errno == EFAULT) {
        munmap(old.ss_sp, old.ss_size);
    }
    return 1;
}

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
    if (s_signal != 0 && (before.sa_handler != SIG_DFL || (before.sa_flags & SA_SIGINFO))) {
        return -EBUSY;
    }
    s_before = before;
    s_signal = signal;
    struct sigaction activation;
    if (sigaction(signal, &ours, NULL) != 0 || sigaction(s_gc_signal, NULL, &activation) != 0) {
        return -errno;
    }
    // Once: somebody who has put a handler in front of ours calls ours.
    if (s_activation.sa_sigaction == NULL && (activation.sa_flags & SA_SIGINFO)) {
        s_activation = activation;
        activation.sa_sigaction = DoActivation;
    }
    if (activation.sa_sigaction == DoActivation) {
        sigaddset(&activation.sa_mask, signal);
        sigaction(s_gc_signal, &activation, NULL);
    }
    return 0;
}

// The calling thread is `m` from here on. Without room for our frame it is never signalled.
EXPORT void ilp_register(struct m_slot *m)
{
    if (EnlargeAlternateStack()) {
        t_slot = m;
        atomic_store(&m->tid, (int32_t)syscall(SYS_gettid));
    }
}

// The calling thread is no M any more. Returns when no signal can reach it.
EXPORT void ilp_unregister(struct m_slot *m)
{
    t_slot = NULL;
    atomic_store(&m->tid, 0);
    while (atomic_load(&m->sending)) { // pairs with ilp_preempt
    }
    while (atomic_load(&m->capture) == CAPTURE_LOOKING) { // pairs with ilp_capture
    }
    int32_t asked = CAPTURE_ASKED;
    atomic_compare_exchange_strong(&m->capture, &asked, CAPTURE_NONE);
}

// Asks the thread to stop (Go: preemptM). 1: sent; 0: parked, or one is in flight; -1: no thread; -2: the signal is
// somebody else's now.
EXPORT int ilp_preempt(struct m_slot *m)
{
    struct sigaction now;
    if (sigaction(s_signal, NULL, &now) != 0 || now.sa_sigaction != DoSigPreempt) {
        return -2;
    }
    int32_t none = 0;
    if (atomic_load(&m->handler) != HANDLER_OUT || !atomic_compare_exchange_strong(&m->signal_pending, &none, 1)) {
        return 0;
    }
    atomic_store(&m->sending, 1);
    int32_t tid = atomic_load(&m->tid);
    int sent = tid != 0 && SendTo(tid, s_signal) == 0;
    atomic_store(&m->sending, 0);
    if (!sent) {
        atomic_store(&m->signal_pending, 0);
    }
    return sent ? 1 : -1;
}

// Ends the park, if the thread is still in it. The caller has taken the M out of STOPPED before.
EXPORT void ilp_resume(struct m_slot *m)
{
    int32_t parked = HANDLER_PARKED;
    if (atomic_compare_exchange_strong(&m->handler, &parked, HANDLER_RESUME)) {
        SendTo(atomic_load(&m->tid), m->park_signal);
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
