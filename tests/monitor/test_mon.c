/* The monitor: made and freed, levels, thresholds, and resets. */
#include "support.h"

static void
test_a_thousand_made_and_freed(void **state)
{
    for (int i = 0; i < 1000; i++) {
        mon *m = new_monitor();
        assert_int_equal(m->next_id, 1);
        assert_ptr_equal(mon_ref(m), m);
        mon_unref(m);
        new_task(m, 1, "t", 1);
        mon_unref(m);
    }
    mon_unref(NULL);
}

static void
test_a_new_one_is_stopped(void **state)
{
    mon *m = mon_new(MON_OFF, 0.25);
    mon_status s;
    mon_get_status(m, &s);
    assert_int_equal(s.level, MON_OFF);
    assert_int_equal(s.phase, MON_STOPPED);
    assert_near(s.slow_threshold, 0.25, 1e-9);
    assert_near(s.stopped, s.uptime, 1e-6);
    assert_false(s.in_slice);
    mon_unref(m);
}

static void
test_the_threshold_follows_the_rate(void **state)
{
    mon *m = new_monitor();
    assert_near(mon_clock_seconds(&m->clock, m->slow_ticks), 0.1, 1e-6);
    mon_set_slow(m, 0.5);
    assert_near(mon_clock_seconds(&m->clock, m->slow_ticks), 0.5, 1e-6);
    if (m->clock.tsc) {
        m->slow_ticks = 1;
        pause_ms(20);
        mon_anchor(m);
        assert_near(mon_clock_seconds(&m->clock, m->slow_ticks), 0.5, 1e-6);
    }
    mon_unref(m);
}

static void
test_off_forgets_the_live(void **state)
{
    mon *m = new_monitor();
    uint64_t now = mon_now(m);
    mon_run_begin(m, now);
    for (uint64_t i = 0; i < 2000; i++) {
        new_task(m, i, "t", now);
    }
    mon_step_begin(m, mon_task_find(m, key_of(3)), now);
    mon_set_level(m, MON_OFF);
    size_t listed = 0;
    mon_each_task(m, count_tasks, &listed);
    assert_int_equal(listed, 0);
    assert_int_equal(m->live, 0);
    assert_int_equal(m->index.used, 0);
    for (uint64_t i = 0; i < 2000; i++) {
        assert_null(mon_task_find(m, key_of(i)));
    }
    mon_status s;
    mon_get_status(m, &s);
    assert_int_equal(s.phase, MON_CALLING);
    assert_false(s.in_slice);
    mon_set_level(m, MON_ON);
    for (uint64_t i = 0; i < 2000; i++) {
        new_task(m, i, "t", now);
    }
    assert_int_equal(m->live, 2000);
    assert_int_equal(m->chunks, 4);
    mon_unref(m);
}

static void
fill(mon *m, mon_row *row, uint64_t now)
{
    mon_task_done(m, new_task(m, 1, "done", now), now, MON_RESULT, NULL);
    mon_slow_add(m, &(mon_slow_report){.began = now, .ended = now, .what = "f"});
    mon_call_begin(m, row, now, 5);
    mon_call_end(m, now + 10);
    mon_slice_clear(m);
    mon_timer_fired(m, 10);
    MON_BUMP(m->turns, 1);
    MON_BUMP(m->polls, 1);
    MON_BUMP(m->dropped, 1);
}

static int
one_more(const mon_slow_view *view, void *arg)
{
    ++*(size_t *)arg;
    return view == NULL;
}

static void
test_a_reset_forgets_all_but_the_living(void **state)
{
    mon *m = new_monitor();
    mon_row *row = new_row(m, MON_CALLBACK, key_of(77), "tick");
    uint64_t now = mon_now(m);
    fill(m, row, now);
    uint64_t id = new_task(m, 2, "lives", now - 1000)->id;
    mon_reset(m);
    mon_status s;
    mon_get_status(m, &s);
    assert_int_equal(s.turns + s.callbacks + s.steps + s.polls, 0);
    assert_int_equal(s.born + s.done + s.dropped + s.slow, 0);
    assert_int_equal(s.live, 1);
    assert_int_equal(s.step_time.count + s.ready_delay.count + s.timer_late.count, 0);
    assert_near(s.uptime, 0, 0.5);
    assert_near(s.stopped, s.uptime, 1e-6);
    assert_int_equal(row->calls + row->running + row->ready + row->longest, 0);
    size_t count = 0;
    mon_each_done(m, count_tasks, &count);
    mon_each_slow(m, one_more, &count);
    assert_int_equal(count, 0);
    mon_task_view v;
    assert_int_equal(mon_get_task(m, id, &v), 1);
    assert_true(v.age_ticks >= 1000);
    mon_unref(m);
}

/* m.reset() is called from a callback: what that one ran before is not charged. */
static void
check_reset_inside(mon *m, mon_task *t, uint64_t hour)
{
    mon_status s;
    mon_reset(m);
    mon_get_status(m, &s);
    assert_true(s.in_slice);
    assert_near(s.slice_time, 3600, 1);
    assert_near(s.running, 0, 1);
    assert_near(s.own, 0, 1);
    uint64_t end = mon_now(m);
    if (t != NULL) {
        mon_step_end(m, t, end);
        assert_true(t->ready + t->running + t->awaiting == end - t->born);
        assert_true(t->running >= hour);
    }
    else {
        mon_call_end(m, end);
    }
    mon_slice_clear(m);
    mon_get_status(m, &s);
    assert_near(s.running, 0, 1);
}

static void
test_a_reset_from_inside_a_callback(void **state)
{
    mon *m = new_monitor();
    uint64_t hour = mon_clock_duration(&m->clock, 3600);
    mon_task *t = new_task(m, 1, "t", mon_now(m) - hour);
    mon_run_begin(m, mon_now(m));
    mon_step_begin(m, t, mon_now(m) - hour);
    check_reset_inside(m, t, hour);
    mon_call_begin(m, &m->rows[MON_ROW_OTHER_CALLBACK], mon_now(m) - hour, 0);
    check_reset_inside(m, NULL, hour);
    mon_unref(m);
}

/* The callback went without being charged: its total may not come out below zero. */
static void
test_a_total_below_zero_is_nothing(void **state)
{
    mon *m = new_monitor();
    mon_status s;
    mon_call_begin(m, m->rows, mon_now(m) - mon_clock_duration(&m->clock, 3600), 0);
    mon_reset(m);
    mon_slice_clear(m);
    mon_get_status(m, &s);
    assert_near(s.running, 0, 1e-9);
    mon_unref(m);
}

static void
test_off_charges_the_callback_under_way(void **state)
{
    mon *m = new_monitor();
    mon_status s;
    m->started -= mon_clock_duration(&m->clock, 3600);
    mon_call_begin(m, m->rows, m->started, 0);
    mon_set_level(m, MON_OFF);
    mon_get_status(m, &s);
    assert_false(s.in_slice);
    assert_near(s.running, 3600, 1);
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thousand_made_and_freed),
        cmocka_unit_test(test_a_new_one_is_stopped),
        cmocka_unit_test(test_the_threshold_follows_the_rate),
        cmocka_unit_test(test_off_forgets_the_live),
        cmocka_unit_test(test_a_reset_forgets_all_but_the_living),
        cmocka_unit_test(test_a_reset_from_inside_a_callback),
        cmocka_unit_test(test_a_total_below_zero_is_nothing),
        cmocka_unit_test(test_off_charges_the_callback_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
