// CoreCLR's signal comes here first. Its own handler suspends the thread for as long as a collection takes, or only changes a
// return address when the thread must first run to a better place. In the first case a thread that was let go for it parks again
// right after, on the same instruction: it has computed nothing without a P, and nobody has to send it a signal. In the second
// it must run on. Which one it was is told by whether the thread has waited; an activation that comes late finds no suspension and
// returns at once, on an instruction where the thread has been suspended before. A wait may have had another reason (a page), and a
// collection that finds its thread parked at a wrong place asks again and again: so the third answer without a wait is to run on.
//
// A thread leaves its park (AsyncPreempt in preempt.c) with ilp_let_go set and the activation pending; sigreturn delivers it here.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "preempt.h"

#define MAX_IDLE_ACTIVATIONS 2

__thread int ilp_let_go INITIAL_EXEC;
static __thread uintptr_t t_suspended_at INITIAL_EXEC;  // where CoreCLR's handler has suspended it
static __thread int t_idle_activations INITIAL_EXEC;    // activations there that did not suspend it, one after another
static __thread int t_hasty INITIAL_EXEC;               // has a short slice
static struct sigaction s_activation;                   // CoreCLR's handler of its own signal

// After a collection everybody waits for one mutex, one after the other, each for a CPU first. Threads that will only park
// again must not wait there behind those that compute: the kernel lets one with a short slice go first when it wakes up
// (Platform/KernelSlice.cs has the rules).
void ilp_be_hasty(int hasty)
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
    if (!ilp_let_go) {
        s_activation.sa_sigaction(signal, info, context);
        errno = error;
        return;
    }
    ilp_let_go = 0;
    long waits = Waits();
    s_activation.sa_sigaction(signal, info, context);
    struct m_slot *m = ilp_slot;
    uintptr_t pc = ProgramCounter(context);
    if (Waits() != waits) {
        t_suspended_at = pc;
        t_idle_activations = 0;
    } else if (++t_idle_activations > MAX_IDLE_ACTIVATIONS) {
        t_suspended_at = 0;
    }
    if (m != NULL && atomic_load(&m->stop) == STOP_STOPPED) {
        int preempt = ilp_signal;
        if (t_suspended_at == pc && IsBlocked(preempt) && ilp_is_async_safe_point(m, context) < 0) {
            m->unasked++;
            ilp_park_again(m, preempt, context);
        } else {
            ilp_wake_sysmon(); // to stop it elsewhere
        }
    }
    if (!ilp_let_go) {
        ilp_be_hasty(0);
    }
    errno = error;
}

// Puts our handler in front of CoreCLR's, once: somebody who has put one in front of ours calls ours. Our own signal is blocked in
// it. 0: the C library refused, errno says why.
int ilp_install_activation(int gc_signal, int preempt_signal)
{
    struct sigaction now;
    if (sigaction(gc_signal, NULL, &now) != 0) {
        return 0;
    }
    if (s_activation.sa_sigaction == NULL && (now.sa_flags & SA_SIGINFO)) {
        s_activation = now;
        now.sa_sigaction = DoActivation;
    }
    if (now.sa_sigaction == DoActivation) {
        sigaddset(&now.sa_mask, preempt_signal);
        sigaction(gc_signal, &now, NULL);
    }
    return 1;
}
