// What the helper shares with the scheduler: one slot per M, and the table in which all of them are. The layouts are those of
// MSlot.cs and Table.cs.

#pragma once
#include <stdatomic.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

// Why a request was refused; the same order as AsyncRefusal in MSlot.cs.
enum { IN_NATIVE, IN_UNKNOWN_CODE, IN_RUNTIME, IN_REGION, ON_SHORT_STACK, WITH_GC_MASKED, REFUSALS };

struct m_slot {
    _Atomic int32_t tid;            // 0 when no thread is registered
    int32_t id;                     // M.Id
    _Atomic int32_t signal_pending; // 1 while a signal of ours is in flight: at most one per M
    _Atomic int32_t sending;        // 1 while a sender looks at tid and gc_disabled and sends
    _Atomic int32_t stop;
    _Atomic int32_t handler;
    volatile int32_t locks;         // M.Locks: not stopped while above zero
    volatile int32_t park_signal;   // the signal that ends its park
    volatile int32_t cpu;           // where the thread was when it left its goroutine
    _Atomic int32_t capture;        // see ilp_capture
    int32_t managed_id;
    _Atomic int32_t steered; // 1 while the thread is allowed one CPU only, to wake up there
    volatile uint64_t no_preempt_mark;
    _Atomic int64_t *volatile p_state;
    volatile int32_t *volatile gc_disabled; // CoreCLR's Thread.PreemptiveGCDisabled: 1 in managed code
    uint64_t stack_low, stack_high;
    volatile int64_t preempt_gen;   // signals answered, whatever the answer
    volatile int64_t released, unasked; // let go for a collection; parked again after it by itself
    volatile int64_t refused[REFUSALS];
    uint64_t registers[34];         // x64: the kernel's gregs; arm64: x0 to x30, sp, pc. For debuggers
};

// Rows never move and are never freed, only used again.
struct ilp_chunk { struct ilp_chunk *next; uint64_t padding[7]; char rows[]; };
struct ilp_rows { struct ilp_chunk *first; uint32_t row_size, rows_per_chunk; };
struct ilp_table {
    uint64_t magic;
    uint32_t version, size;
    int64_t started_at;             // CLOCK_MONOTONIC, ns
    struct ilp_rows gs, ms, ps;
};

// Which addresses are managed code (codemap.c).
extern int ilp_code_is_anonymous;
int ilp_is_managed_code(uintptr_t pc);
int ilp_read_code_maps(void);

// Capturing registers for a snapshot (capture.c). Between begin and end: capture asks one thread, if it runs managed code, and
// tells whether it did; captured counts those that wait in the handler.
void ilp_capture_begin(void);
int ilp_capture(struct m_slot *m);
int ilp_captured(void);
void ilp_capture_end(void);
