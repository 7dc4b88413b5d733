/* The usual limits, and the clock that they are measured on. */
#include <time.h>
#include "monitor/console/context.h"

const con_limits con_limits_usual = {
    .offer = 0.04,
    .plain = 0.34,
    .idle = 1800,
    .stall = 1,
    .linger = 0.5,
    .request = 2,
    .login = 60,
    .login_delay = 1,
    .backlog = 1024 * 1024,
    .frame = 64 * 1024,
};

double
con_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
