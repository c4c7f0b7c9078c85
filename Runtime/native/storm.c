// The stress mode of signals: asks whoever runs managed code to stop, so many times a second, whether its slice is over or not, and
// so where the scheduler would never ask. A thread that CoreCLR does not know: no collection holds it up, as it does sysmon.
// To the scheduler such a stop is one whose signal came late: the handler's CAS decides, and sysmon moves the goroutine.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include "clock.h"
#include "preempt.h"

#define READ_AGAIN_NS 10000000 // as AsyncPreempt.cs
#define MAX_BEHIND 50 // periods; a storm that got no CPU for longer does not make up for it

static struct ilp_rows *s_ms;
static int64_t s_period;
static int s_max_stopped;
static int64_t s_unknown;   // refusals in unknown code, of all Ms
static int64_t s_read_at;

// CoreCLR's flag goes with its thread: ilp_unregister waits for `sending`.
static int RunsManagedCode(struct m_slot *m)
{
    int32_t nobody = 0;
    if (atomic_load(&m->tid) == 0 || !atomic_compare_exchange_strong(&m->sending, &nobody, 1)) {
        return 0;
    }
    const volatile int32_t *gc_disabled = m->gc_disabled;
    int runs = atomic_load(&m->tid) != 0 && atomic_load(&m->handler) == HANDLER_OUT && gc_disabled != NULL && *gc_disabled != 0;
    atomic_store(&m->sending, 0);
    return runs;
}

// A thread was met in code that the map does not know: it may have been compiled since.
static void ReadCodeMaps(int64_t unknown)
{
    int64_t now = Now();
    if (unknown != s_unknown && now - s_read_at >= READ_AGAIN_NS) {
        s_unknown = unknown;
        s_read_at = now;
        ilp_read_code_maps();
    }
}

// One signal, to the first that can be asked after the place where the last one went.
static void Strike(uint32_t *place)
{
    struct m_slot *first = NULL, *next = NULL;
    uint32_t at = 0, first_at = 0;
    int stopped = 0;
    int64_t unknown = 0;
    for (struct ilp_chunk *c = s_ms->first; c != NULL; c = c->next) {
        for (uint32_t i = 0; i < s_ms->rows_per_chunk; i++, at++) {
            struct m_slot *m = (struct m_slot *)(c->rows + (size_t)i * s_ms->row_size);
            stopped += atomic_load(&m->stop) == STOP_STOPPED;
            unknown += m->refused[IN_UNKNOWN_CODE];
            if (!RunsManagedCode(m)) {
                continue;
            }
            if (first == NULL) {
                first = m;
                first_at = at;
            }
            if (next == NULL && at > *place) {
                next = m;
                first_at = at;
            }
        }
    }
    ReadCodeMaps(unknown);
    struct m_slot *m = next != NULL ? next : first;
    if (m != NULL && stopped < s_max_stopped) {
        *place = first_at;
        ilp_preempt(m);
    }
}

static void *Storm(void *unused)
{
    (void)unused;
    ilp_be_hasty(1);
    uint32_t place = 0;
    for (int64_t due = Now() + s_period;; due += s_period) {
        int64_t now = Now();
        if (now - due > MAX_BEHIND * s_period) {
            due = now;
        }
        struct timespec until = { due / 1000000000, due % 1000000000 };
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        Strike(&place);
    }
    return NULL;
}

// Begins; once. `ms`: the table's rows of Ms. 0 or an error number.
EXPORT int ilp_storm(struct ilp_rows *ms, int64_t period_ns, int max_stopped)
{
    s_ms = ms;
    s_period = period_ns;
    s_max_stopped = max_stopped;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // the program's signals go to its own threads
    int error = pthread_create(&thread, NULL, Storm, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        pthread_setname_np(thread, "ILPreempt storm");
        pthread_detach(thread);
    }
    return error;
}
