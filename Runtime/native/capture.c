// Captures: a thread saves its registers and waits while the door forks the process. Our signal and the collector's are blocked
// meanwhile, so a collection waits with it; the door ends it within milliseconds, and the timeout if the door does not.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "preempt.h"

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
    if (ilp_signal == 0 || !atomic_compare_exchange_strong(&m->capture, &none, CAPTURE_LOOKING)) {
        return 0;
    }
    int32_t tid = atomic_load(&m->tid); // pairs with ilp_no_capture: who unregisters clears tid, then looks at `capture`
    int runs = tid != 0 && atomic_load(&m->handler) == HANDLER_OUT && m->gc_disabled != NULL && *m->gc_disabled != 0;
    atomic_store(&m->capture, runs ? CAPTURE_ASKED : CAPTURE_NONE);
    if (runs && ilp_send_to(tid, ilp_signal) != 0) {
        atomic_store(&m->capture, CAPTURE_NONE);
        runs = 0;
    }
    return runs;
}

// In the handler of our signal: saves and waits, if this thread is asked to.
void ilp_save_for_capture(struct m_slot *m, const ucontext_t *context)
{
    int32_t asked = CAPTURE_ASKED;
    if (atomic_load(&m->capture) == CAPTURE_NONE) {
        return;
    }
    if (!atomic_load(&s_capturing) || !atomic_compare_exchange_strong(&m->capture, &asked, CAPTURE_SAVED)) {
        atomic_store(&m->capture, CAPTURE_NONE);
        return;
    }
    struct timespec limit = { 0, 50000000 };
    ilp_save_registers(m, context);
    atomic_fetch_add(&s_captured, 1);
    while (atomic_load(&s_capturing) && !(syscall(SYS_futex, &s_capturing, FUTEX_WAIT_PRIVATE, 1, &limit, NULL, 0) != 0 && errno == ETIMEDOUT)) {
    }
    atomic_store(&m->capture, CAPTURE_NONE);
}

// Of a thread that is no M any more (its tid is cleared): nobody waits for it.
void ilp_no_capture(struct m_slot *m)
{
    while (atomic_load(&m->capture) == CAPTURE_LOOKING) { // pairs with ilp_capture
    }
    int32_t asked = CAPTURE_ASKED;
    atomic_compare_exchange_strong(&m->capture, &asked, CAPTURE_NONE);
}
