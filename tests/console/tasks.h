/* Made-up tasks in a real monitor. */
#ifndef CON_TEST_TASKS_H
#define CON_TEST_TASKS_H

#include "monitor/probe.h"
#include "support.h"

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
new_row(mon *m, uint64_t key, const char *name)
{
    bool folded;
    return mon_row_add(m, MON_COROUTINE, key_of(1000000000 + key), name, "/srv/app/main.py",
                       42, &folded);
}

static inline mon_task *
new_task(mon *m, mon_row *row, uint64_t key, const char *name)
{
    mon_task *t = mon_task_born(m, key_of(key), row, name, strlen(name), NULL, mon_now(m));
    assert_non_null(t);
    return t;
}

/* Task-1 to Task-count, all of one coroutine; each has made one step, whose length
   is what a generator says. */
static inline void
fill_monitor(mon *m, size_t count)
{
    mon_row *row = new_row(m, 0, "worker");
    uint64_t seed = 11;
    for (size_t i = 1; i <= count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "Task-%zu", i);
        mon_task *t = new_task(m, row, i, name);
        uint64_t now = mon_now(m);
        mon_task_ready(m, t, now, MON_CAUSE_TIMER, -1);
        mon_step_begin(m, t, now);
        mon_step_end(m, t, now + random_next(&seed) % mon_clock_duration(&m->clock, 0.1));
    }
    mon_slice_clear(m);
}

#endif /* CON_TEST_TASKS_H */
