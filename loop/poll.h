/* Asking the kernel.  See poll.c. */
#ifndef LOOP_POLL_H
#define LOOP_POLL_H

#include "loop/loop.h"

/* One uv_run(): waits for events if `block`, else only looks. */
void poll_run(LoopObject *loop, bool block);
/* Starts and ends the loop's own uv handles.  -1 with an exception. */
int poll_init(LoopObject *loop);
void poll_close(LoopObject *loop);
/* Makes a blocking poll return.  Any thread, with or without the lock. */
void poll_wake(void *loop);

#endif /* LOOP_POLL_H */
