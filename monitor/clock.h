/* The monitor's clock.

   Durations are kept in raw ticks, because a tick costs a third of a
   clock_gettime().  A tick is one of the TSC where the kernel itself trusts the
   TSC, and a nanosecond of CLOCK_MONOTONIC elsewhere.  Ticks become nanoseconds
   only on reading, along a line through two anchors (ticks, CLOCK_MONOTONIC):
   the first taken when the clock was made, the last at a recent blocking poll,
   so that the rate gets better the longer the process runs.

   The loop thread anchors; any thread converts. */
#ifndef MON_CLOCK_H
#define MON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

typedef struct mon_clock {
    bool tsc;     /* ticks are the TSC's (or cntvct_el0's), not nanoseconds */
    uint32_t seq; /* odd while the loop thread moves the anchor */
    uint64_t first_ticks, first_ns;
    uint64_t anchor_ticks, anchor_ns;
    double ns_per_tick;
} mon_clock;

/* Chooses the source and takes the first anchor.  The rate of the TSC is
   measured once per process, over a fraction of a millisecond. */
void mon_clock_init(mon_clock *clock);

/* Takes a new anchor if the last is older than some milliseconds. */
void mon_clock_anchor(mon_clock *clock);

/* CLOCK_MONOTONIC in nanoseconds, straight from the kernel. */
uint64_t mon_clock_monotonic_ns(void);

/* Ticks -> CLOCK_MONOTONIC nanoseconds, and back. */
uint64_t mon_clock_ns(const mon_clock *clock, uint64_t ticks);
uint64_t mon_clock_ticks_at(const mon_clock *clock, uint64_t ns);

/* A duration in ticks -> seconds, and back. */
double mon_clock_seconds(const mon_clock *clock, uint64_t duration);
uint64_t mon_clock_duration(const mon_clock *clock, double seconds);

/* "tsc", "cntvct" or "clock_gettime". */
const char *mon_clock_source(const mon_clock *clock);

static inline uint64_t
mon_clock_ticks(const mon_clock *clock)
{
#if defined(__x86_64__)
    if (__builtin_expect(clock->tsc, 1)) {
        return __rdtsc();
    }
#elif defined(__aarch64__)
    if (__builtin_expect(clock->tsc, 1)) {
        uint64_t ticks;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
    }
#endif
    return mon_clock_monotonic_ns();
}

#endif /* MON_CLOCK_H */
