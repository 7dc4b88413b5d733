/* What the monitor's tests share: cmocka with what it needs before it, a small
   random generator, and short ways to make tasks. */
#ifndef MON_TEST_SUPPORT_H
#define MON_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/inside.h"

/* splitmix64: the same numbers in every run. */
static inline uint64_t
random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* An address for identity only, spaced as objects are. */
static inline const void *
key_of(uint64_t number)
{
    return (const void *)(uintptr_t)(0x7f0000000000u + number * 144);
}

static inline mon *
new_monitor(void)
{
    mon *m = mon_new(MON_ON, 0.1);
    assert_non_null(m);
    return m;
}

static inline mon_row *
new_row(mon *m, mon_row_kind kind, const void *key, const char *name)
{
    bool folded;
    mon_row *row = mon_row_add(m, kind, key, name, "app.py", 7, &folded);
    assert_false(folded);
    return row;
}

static inline mon_task *
new_task(mon *m, uint64_t key, const char *name, uint64_t stamp)
{
    mon_task *t = mon_task_born(m, key_of(key), NULL, name, strlen(name), NULL, stamp);
    assert_non_null(t);
    return t;
}

static inline void
pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
              NULL);
}

/* For mon_each_task and mon_each_done: keeps the first, and stops. */
static inline int
keep_first(const mon_task_view *view, void *arg)
{
    *(mon_task_view *)arg = *view;
    return 1;
}

static inline int
count_tasks(const mon_task_view *view, void *arg)
{
    ++*(size_t *)arg;
    return view->id == 0;
}

#define assert_text(got, want) assert_string_equal(got, want)
#define assert_near(got, want, by)                                                         \
    assert_true((double)(got) >= (double)(want) - (by) &&                                  \
                (double)(got) <= (double)(want) + (by))

#endif /* MON_TEST_SUPPORT_H */
