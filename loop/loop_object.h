/* What other rooms ask of the loop object as a whole. */
#ifndef LOOP_LOOP_OBJECT_H
#define LOOP_LOOP_OBJECT_H

#include "loop/loop.h"

/* Switches the monitor; 0, or -1 with an exception.  Between or inside callbacks. */
int loop_set_level(LoopObject *loop, mon_level level);
/* The threshold of slow steps, in seconds. */
int loop_set_slow(LoopObject *loop, double seconds);

#endif /* LOOP_LOOP_OBJECT_H */
