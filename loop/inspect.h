/* Answering the console's requests on the loop's thread.  See inspect.c. */
#ifndef LOOP_INSPECT_H
#define LOOP_INSPECT_H

#include "loop/loop.h"

void inspect_answer(LoopObject *loop);

#endif /* LOOP_INSPECT_H */
