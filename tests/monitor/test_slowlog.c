/* The slow log: newest first, bounded, and counts that outlive their reports. */
#include "support.h"

#include <pthread.h>

static uint64_t
slow(mon *m, const char *what, const char *file, int line)
{
    uint64_t now = mon_now(m);
    mon_slow_report report = {
        .began = now - mon_clock_duration(&m->clock, 0.25),
        .ended = now,
        .task_id = 12,
        .task_name = "Task-12",
        .what = what,
        .file = file,
        .line = line,
        .cause = MON_CAUSE_TIMER,
        .delayed = 3,
        .delay = mon_clock_duration(&m->clock, 0.5),
    };
    return mon_slow_add(m, &report);
}

typedef struct listed {
    int reports;
    int wrong; /* not in descending order of line */
    int last_line;
    mon_slow_view first;
} listed;

static int
list(const mon_slow_view *view, void *arg)
{
    listed *l = arg;
    if (l->reports++ == 0) {
        l->first = *view;
    }
    else if (view->line != l->last_line - 1) {
        l->wrong++;
    }
    l->last_line = view->line;
    return 0;
}

static int
stop_at_once(const mon_slow_view *view, void *arg)
{
    return view->line;
}

static void
test_a_report_is_kept_whole(void **state)
{
    mon *m = new_monitor();
    assert_int_equal(slow(m, "handler", "app.py", 33), 1);
    assert_int_equal(slow(m, "handler", "app.py", 33), 2);
    listed l = {0};
    assert_int_equal(mon_each_slow(m, list, &l), 0);
    assert_int_equal(l.reports, 2);
    assert_text(l.first.what, "handler");
    assert_text(l.first.file, "app.py");
    assert_text(l.first.task_name, "Task-12");
    assert_int_equal(l.first.task_id, 12);
    assert_int_equal(l.first.line, 33);
    assert_int_equal(l.first.cause, MON_CAUSE_TIMER);
    assert_int_equal(l.first.delayed, 3);
    assert_int_equal(l.first.count, 2);
    assert_near(l.first.duration, 0.25, 1e-4);
    assert_near(l.first.delay, 0.5, 1e-4);
    assert_near(l.first.ago, 0.5, 0.5);
    assert_near(l.first.ended, (double)mon_clock_monotonic_ns() / 1e9, 1);
    assert_int_equal(mon_each_slow(m, stop_at_once, NULL), 33);
    mon_unref(m);
}

static void
test_the_ring_wraps_newest_first(void **state)
{
    mon *m = new_monitor();
    for (int i = 1; i <= 3 * MON_SLOW_KEPT + 10; i++) {
        assert_int_equal(slow(m, "f", "app.py", i), 1);
    }
    listed l = {0};
    mon_each_slow(m, list, &l);
    assert_int_equal(l.reports, MON_SLOW_KEPT);
    assert_int_equal(l.wrong, 0);
    assert_int_equal(l.first.line, 3 * MON_SLOW_KEPT + 10);
    mon_status status;
    mon_get_status(m, &status);
    assert_int_equal(status.slow, 3 * MON_SLOW_KEPT + 10);
    mon_unref(m);
}

static void
test_counts_outlive_the_reports(void **state)
{
    mon *m = new_monitor();
    for (int i = 0; i < 5; i++) {
        slow(m, "culprit", "app.py", 1);
    }
    for (int i = 0; i < 2 * MON_SLOW_KEPT; i++) {
        slow(m, "other", "app.py", 2);
    }
    assert_int_equal(slow(m, "culprit", "app.py", 1), 6);
    assert_int_equal(slow(m, "culprit", "app.py", 2), 1);
    assert_int_equal(slow(m, "culprit", "b.py", 1), 1);
    assert_int_equal(slow(m, "culpri", "tapp.py", 1), 1);
    mon_unref(m);
}

static void
test_ten_thousand_culprits_do_not_oust_a_frequent_one(void **state)
{
    mon *m = new_monitor();
    slow(m, "often", "app.py", 1);
    slow(m, "often", "app.py", 1);
    for (int i = 0; i < 10000; i++) {
        slow(m, "once", "app.py", i);
    }
    assert_int_equal(slow(m, "often", "app.py", 1), 3);
    mon_unref(m);
}

static void
test_missing_and_long_strings(void **state)
{
    mon *m = new_monitor();
    char text[1000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    mon_slow_report report = {.began = mon_now(m), .ended = mon_now(m), .what = text};
    assert_int_equal(mon_slow_add(m, &report), 1);
    listed l = {0};
    mon_each_slow(m, list, &l);
    assert_int_equal(strlen(l.first.what), sizeof(l.first.what) - 1);
    assert_text(l.first.file, "");
    assert_text(l.first.task_name, "");
    text[sizeof(text) - 2] = 'b'; /* two that differ after the cut are two */
    assert_int_equal(mon_slow_add(m, &report), 1);
    mon_unref(m);
}

static void
test_a_reset_forgets(void **state)
{
    mon *m = new_monitor();
    slow(m, "f", "app.py", 1);
    mon_reset(m);
    listed l = {0};
    mon_each_slow(m, list, &l);
    assert_int_equal(l.reports, 0);
    assert_int_equal(slow(m, "f", "app.py", 1), 1);
    mon_each_slow(m, list, &l);
    assert_int_equal(l.reports, 1);
    mon_unref(m);
}

static void *
report_many(void *arg)
{
    for (int i = 0; i < 5000; i++) {
        slow(arg, "busy", "app.py", 1);
    }
    return NULL;
}

static int
count_slow(const mon_slow_view *view, void *arg)
{
    uint64_t *last = arg;
    int wrong = view->count > *last || strcmp(view->what, "busy") != 0;
    *last = view->count;
    return wrong;
}

static void
test_two_reporters_and_a_reader(void **state)
{
    mon *m = new_monitor();
    pthread_t a, b;
    pthread_create(&a, NULL, report_many, m);
    pthread_create(&b, NULL, report_many, m);
    for (int i = 0; i < 200; i++) {
        uint64_t last = UINT64_MAX;
        assert_int_equal(mon_each_slow(m, count_slow, &last), 0);
    }
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    assert_int_equal(slow(m, "busy", "app.py", 1), 10001);
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_report_is_kept_whole),
        cmocka_unit_test(test_the_ring_wraps_newest_first),
        cmocka_unit_test(test_counts_outlive_the_reports),
        cmocka_unit_test(test_ten_thousand_culprits_do_not_oust_a_frequent_one),
        cmocka_unit_test(test_missing_and_long_strings),
        cmocka_unit_test(test_a_reset_forgets),
        cmocka_unit_test(test_two_reporters_and_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
