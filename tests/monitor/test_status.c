/* The loop's status: what is under way counts up to now, and the parts make up
   the whole. */
#include "support.h"

static mon_status
status_of(const mon *m)
{
    mon_status s;
    mon_get_status(m, &s);
    assert_near(s.running + s.idle + s.polling + s.gil_wait + s.stopped + s.own, s.uptime,
                1e-6);
    return s;
}

/* A monitor that began an hour ago and whose loop has been running since. */
static mon *
old_monitor(uint64_t *second)
{
    mon *m = new_monitor();
    *second = mon_clock_duration(&m->clock, 1);
    m->started = m->phase_since = mon_now(m) - 3600 * *second;
    mon_run_begin(m, m->started);
    return m;
}

static void
test_stopped_counts_up_to_now(void **state)
{
    uint64_t second;
    mon *m = old_monitor(&second);
    assert_near(status_of(m).own, 3600, 1);
    mon_run_end(m, mon_now(m) - 600 * second);
    mon_status s = status_of(m);
    assert_int_equal(s.phase, MON_STOPPED);
    assert_near(s.stopped, 600, 1);
    assert_near(s.in_phase, 600, 1);
    assert_near(s.own, 3000, 1);
    mon_run_begin(m, mon_now(m) - 100 * second);
    s = status_of(m);
    assert_int_equal(s.phase, MON_CALLING);
    assert_near(s.stopped, 500, 1);
    mon_unref(m);
}

static void
test_a_blocking_poll_is_idle_then_gil_wait(void **state)
{
    uint64_t second;
    mon *m = old_monitor(&second);
    uint64_t now = mon_now(m);
    mon_poll_begin(m, now - 1000 * second);
    mon_poll_blocks(m, now - 1000 * second);
    assert_near(status_of(m).idle, 1000, 1);
    mon_poll_wakes(m, now - 200 * second);
    mon_status s = status_of(m);
    assert_int_equal(s.phase, MON_GIL_WAIT);
    assert_near(s.idle, 800, 1);
    assert_near(s.gil_wait, 200, 1);
    mon_gil_taken(m, now - 50 * second);
    mon_poll_end(m, now - 40 * second);
    s = status_of(m);
    assert_near(s.idle, 800, 1);
    assert_near(s.gil_wait, 150, 1);
    assert_near(s.polling, 10, 1);
    assert_near(s.own, 2640, 1);
    assert_int_equal(s.polls, 1);
    assert_near(s.poll_time.max, 800, 1);
    assert_near(s.gil_time.max, 150, 1);
    assert_near(s.loop_lag.max, 2600, 1);
    mon_unref(m);
}

static void
test_callbacks_inside_a_poll_are_not_idle(void **state)
{
    uint64_t second;
    mon *m = old_monitor(&second);
    uint64_t now = mon_now(m);
    mon_poll_begin(m, now - 100 * second);
    mon_call_begin(m, &m->rows[MON_ROW_OTHER_CALLBACK], now - 90 * second, 0);
    mon_status s = status_of(m);
    assert_near(s.running, 90, 1);
    assert_near(s.idle, 0, 1);
    mon_call_end(m, now - 20 * second);
    mon_poll_end(m, now - 15 * second);
    s = status_of(m);
    assert_near(s.running, 70, 1);
    assert_near(s.polling, 15, 1);
    mon_unref(m);
}

static void
test_a_step_under_way(void **state)
{
    uint64_t second;
    mon *m = old_monitor(&second);
    mon_row *row = new_row(m, MON_COROUTINE, key_of(7), "handler");
    uint64_t now = mon_now(m);
    mon_task *t = mon_task_born(m, key_of(1), row, "Task-1", 6, NULL, now - 100 * second);
    mon_step_begin(m, t, now - 30 * second);
    mon_status s = status_of(m);
    assert_true(s.in_slice);
    assert_near(s.slice_time, 30, 1);
    assert_near(s.running, 30, 1);
    assert_int_equal(s.slice_task, t->id);
    assert_text(s.slice_name, "Task-1");
    assert_text(s.slice_what, "handler");
    assert_text(s.slice_file, "app.py");
    assert_int_equal(s.slice_line, 7);
    assert_int_equal(s.in_step, 1);
    mon_step_end(m, t, now - 10 * second);
    s = status_of(m);
    assert_false(s.in_slice);
    assert_near(s.running, 20, 1);
    assert_int_equal(s.steps, 1);
    assert_near(s.step_time.p50, 20, 3);
    mon_unref(m);
}

static void
test_a_callback_under_way(void **state)
{
    uint64_t second;
    mon *m = old_monitor(&second);
    mon_row *row = new_row(m, MON_CALLBACK, key_of(7), "tick");
    mon_call_begin(m, row, mon_now(m) - 5 * second, 0);
    mon_status s = status_of(m);
    assert_true(s.in_slice);
    assert_near(s.slice_time, 5, 1);
    assert_int_equal(s.slice_task, 0);
    assert_text(s.slice_name, "");
    assert_text(s.slice_what, "tick");
    mon_call_end(m, mon_now(m));
    mon_slice_clear(m);
    s = status_of(m);
    assert_false(s.in_slice);
    assert_null(s.slice_what);
    assert_int_equal(s.callbacks, 1);
    mon_unref(m);
}

/* The slice still points to a record that serves another task by now. */
static void
test_a_recycled_record_does_not_run(void **state)
{
    uint64_t second;
    mon *m = old_monitor(&second);
    mon_task *t = new_task(m, 1, "old", mon_now(m));
    mon_step_begin(m, t, mon_now(m));
    mon_step_end(m, t, mon_now(m));
    mon_task_done(m, t, mon_now(m), MON_RESULT, NULL);
    assert_false(status_of(m).in_slice);
    assert_ptr_equal(new_task(m, 2, "new", mon_now(m)), t);
    assert_false(status_of(m).in_slice);
    mon_slice_clear(m);
    uint64_t now = mon_now(m);
    mon_step_begin(m, t, now);
    mon_step_end(m, t, now); /* in no time: it still does not run */
    assert_false(status_of(m).in_slice);
    mon_unref(m);
}

/* What a reader finds in the words of the slice it follows only into the tables. */
static void
test_garbage_is_not_followed(void **state)
{
    mon *m = new_monitor();
    mon_row row = {.name = "garbage"};
    mon_task garbage = {
        .state = MON_RUNNING, .listed = true, .row = &row, .name = "garbage"};
    mon_run_begin(m, mon_now(m));
    garbage.since = m->slice_start = mon_now(m);
    m->slice_task = &garbage;
    m->slice_row = m->rows;
    assert_false(status_of(m).in_slice);
    garbage.row = m->rows;
    assert_false(status_of(m).in_slice);
    m->slice_task = NULL;
    m->slice_row = &row;
    assert_false(status_of(m).in_slice);
    m->slice_row = m->rows + m->row_count;
    assert_false(status_of(m).in_slice);
    m->slice_row = m->rows;
    assert_true(status_of(m).in_slice);
    mon_unref(m);
}

static void
test_tasks_by_state(void **state)
{
    mon *m = new_monitor();
    for (uint64_t i = 0; i < 1000; i++) {
        mon_task *t = new_task(m, i, "t", mon_now(m));
        if (i % 4 == 0) {
            mon_task_ready(m, t, mon_now(m), MON_CAUSE_TIMER, -1);
        }
        if (i % 10 == 1) {
            mon_task_done(m, t, mon_now(m), MON_RESULT, NULL);
        }
    }
    mon_status s = status_of(m);
    assert_int_equal(s.live, 900);
    assert_int_equal(s.ready, 250);
    assert_int_equal(s.awaiting, 650);
    assert_int_equal(s.in_step, 0);
    assert_int_equal(s.born, 1000);
    assert_int_equal(s.done, 100);
    mon_unref(m);
}

static void
test_the_ready_ring(void **state)
{
    mon *m = new_monitor();
    uint64_t head = 40, tail = 47;
    assert_int_equal(status_of(m).ready_depth, 0);
    mon_attach_ring(m, &head, &tail);
    assert_int_equal(status_of(m).ready_depth, 7);
    head = 48;
    assert_int_equal(status_of(m).ready_depth, 0);
    mon_attach_ring(m, NULL, NULL);
    assert_int_equal(status_of(m).ready_depth, 0);
    mon_unref(m);
}

typedef struct buckets {
    int visited;
    uint64_t count;
    double upper[4];
} buckets;

static void
keep_bucket(double upper, uint64_t count, void *arg)
{
    buckets *b = arg;
    b->upper[b->visited++ % 4] = upper;
    b->count += count;
}

static void
test_buckets(void **state)
{
    mon *m = new_monitor();
    buckets b = {0};
    mon_each_bucket(m, MON_TIMER_LATE, keep_bucket, &b);
    assert_int_equal(b.visited, 0);
    for (int i = 0; i < 10; i++) {
        mon_timer_fired(m, mon_clock_duration(&m->clock, i < 7 ? 0.001 : 2));
    }
    mon_each_bucket(m, MON_TIMER_LATE, keep_bucket, &b);
    assert_int_equal(b.visited, 2);
    assert_int_equal(b.count, 10);
    assert_true(b.upper[0] > 0.001 && b.upper[0] <= 0.001 * 1.13);
    assert_true(b.upper[1] > 2 && b.upper[1] <= 2 * 1.13);
    mon_each_bucket(m, (mon_measure)MON_MEASURES, keep_bucket, &b);
    mon_each_bucket(m, MON_STEP_TIME, keep_bucket, &b);
    assert_int_equal(b.visited, 2);
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_counts_up_to_now),
        cmocka_unit_test(test_a_blocking_poll_is_idle_then_gil_wait),
        cmocka_unit_test(test_callbacks_inside_a_poll_are_not_idle),
        cmocka_unit_test(test_a_step_under_way),
        cmocka_unit_test(test_a_callback_under_way),
        cmocka_unit_test(test_a_recycled_record_does_not_run),
        cmocka_unit_test(test_garbage_is_not_followed),
        cmocka_unit_test(test_tasks_by_state),
        cmocka_unit_test(test_the_ready_ring),
        cmocka_unit_test(test_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
