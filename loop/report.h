/* Saying that a callback was slow.  See report.c. */
#ifndef LOOP_REPORT_H
#define LOOP_REPORT_H

#include "loop/loop.h"

/* A callback ran from `began` to `ended` (ticks), longer than loop->report_ticks: keeps
   and logs a slow step if it is one, and asyncio's own message in debug mode.
   `callback` may be NULL.  Leaves no exception set, and a new loop->stamp. */
void report_slow(LoopObject *loop, PyObject *callback, uint64_t began, uint64_t ended);

/* Puts together report_ticks from the monitor's threshold and debug mode's. */
void report_set_threshold(LoopObject *loop);

#endif /* LOOP_REPORT_H */
