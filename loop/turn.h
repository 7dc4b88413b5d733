/* The ready ring and the turns that empty it.  See turn.c. */
#ifndef LOOP_TURN_H
#define LOOP_TURN_H

#include "loop/callback.h"

/* Makes room for one more handle.  -1 with MemoryError. */
int ring_grow(LoopObject *loop);
static inline int
ring_reserve(LoopObject *loop)
{
    if (__builtin_expect(loop->tail - loop->head > loop->mask, 0)) {
        return ring_grow(loop);
    }
    return 0;
}

/* Puts a handle at the ring's end; the reference becomes the ring's.  After
   ring_reserve(). */
static inline void
ring_push(LoopObject *loop, HandleObject *handle)
{
    loop->ring[loop->tail & loop->mask] = handle;
    MON_PUBLISH(loop->tail, loop->tail + 1);
}

void ring_clear(LoopObject *loop);

/* A callback becomes due: stamps it, tells the monitor, and puts it into the ring.
   Returns a new reference, or NULL with an exception.  context NULL: a copy of the
   current one. */
HandleObject *turn_schedule(LoopObject *loop, PyObject *callback, PyObject *const *args,
                            Py_ssize_t nargs, PyObject *context, mon_cause cause);

/* Ends a slice that brief callbacks share, if one is open. */
void turn_close_slice(LoopObject *loop);

/* Turns until stop() or a KeyboardInterrupt/SystemExit.  0, or -1 with it set. */
int turn_run(LoopObject *loop);

#endif /* LOOP_TURN_H */
