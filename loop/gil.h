/* libuv's callbacks around its poll: see gil.c. */
#ifndef LOOP_GIL_H
#define LOOP_GIL_H

#include <uv.h>

void gil_before_poll(uv_prepare_t *prepare);
void gil_after_poll(uv_check_t *check);
void gil_idle(uv_idle_t *idle);

#endif /* LOOP_GIL_H */
