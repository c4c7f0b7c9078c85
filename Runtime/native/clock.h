// Nanoseconds of the clock that does not jump, as Clock.Now of the runtime.

#pragma once
#include <stdint.h>
#include <time.h>

static inline int64_t Now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
