/* The loop's timers: one 4-ary heap of TimerHandles.  See timers.c. */
#ifndef LOOP_TIMERS_H
#define LOOP_TIMERS_H

#include "loop/callback.h"

/* Takes a new reference to the timer.  -1 with MemoryError. */
int timers_add(LoopObject *loop, TimerObject *timer);
/* A scheduled timer was cancelled: it leaves the heap now or later. */
void timers_cancelled(LoopObject *loop, TimerObject *timer);
/* Moves every timer that is due to the ready ring.  -1 with MemoryError: the
   rest stays for the next turn. */
int timers_fire(LoopObject *loop);
/* Milliseconds until the first deadline, rounded up, or -1 without a timer. */
int64_t timers_wait_ms(LoopObject *loop);
/* The first deadline in ticks, for the turn's comparison; again after each anchor,
   because the rate of the ticks is then better known. */
void timers_set_due(LoopObject *loop);
/* How many timers are due and how late they are in all, in seconds. */
void timers_overdue(LoopObject *loop, double since, uint64_t *count, double *late);
void timers_clear(LoopObject *loop);
int timers_visit(LoopObject *loop, visitproc visit, void *arg);

static inline double
timers_now(void)
{
    return (double)mon_clock_monotonic_ns() / 1e9; /* as time.monotonic() rounds */
}

#endif /* LOOP_TIMERS_H */
