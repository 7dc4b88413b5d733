/* Out of memory: nothing aborts, what is lost is counted, and nothing leaks.

   Linked with --wrap, so that each malloc and calloc of the monitor can be told to fail. */
#include "support.h"

static long allowed = -1; /* allocations that still succeed; -1: all */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool
fails(void)
{
    if (allowed == 0) {
        return true;
    }
    allowed -= allowed > 0;
    return false;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

static void
test_a_new_monitor(void **state)
{
    mon *m = NULL;
    for (long i = 0; m == NULL; i++) {
        allowed = i;
        m = mon_new(MON_ON, 0.1);
        allowed = -1;
        assert_true(m != NULL || i < 20);
        assert_true(m == NULL || i > 3);
    }
    mon_unref(m);
}

static void
test_births_are_dropped_and_counted(void **state)
{
    mon *m = new_monitor();
    allowed = 0;
    assert_null(mon_task_born(m, key_of(1), NULL, "t", 1, NULL, 1));
    allowed = -1;
    assert_int_equal(m->dropped, 1);
    assert_int_equal(m->next_id, 1);
    uint64_t born = 0;
    allowed = 1; /* the first chunk, and no larger index */
    for (uint64_t i = 0; i < 1000; i++) {
        born += mon_task_born(m, key_of(i), NULL, "t", 1, NULL, 1) != NULL;
    }
    allowed = -1;
    assert_int_equal(born, 32);
    assert_int_equal(m->dropped, 1 + 968);
    assert_int_equal(m->live, 32);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true((mon_task_find(m, key_of(i)) != NULL) == (i < 32));
    }
    assert_non_null(mon_task_born(m, key_of(500), NULL, "t", 1, NULL, 1));
    mon_unref(m);
}

static void
test_no_second_chunk(void **state)
{
    mon *m = new_monitor();
    for (uint64_t i = 0; i < MON_TASK_CHUNK; i++) {
        new_task(m, i, "t", 1);
    }
    new_task(m, 9000, "t", 1); /* so that the index has room */
    assert_int_equal(m->chunks, 2);
    for (uint64_t i = 0; i < MON_TASK_CHUNK - 1; i++) {
        new_task(m, 10000 + i, "t", 1);
    }
    size_t used = m->index.used;
    allowed = 0;
    assert_null(mon_task_born(m, key_of(50000), NULL, "t", 1, NULL, 1));
    allowed = -1;
    assert_int_equal(m->index.used, used);
    assert_int_equal(m->dropped, 1);
    /* A record that comes free serves again without memory. */
    mon_task_done(m, mon_task_find(m, key_of(3)), 2, MON_RESULT, NULL);
    allowed = 0;
    assert_non_null(mon_task_born(m, key_of(3), NULL, "t", 1, NULL, 2));
    allowed = -1;
    mon_unref(m);
}

static void
test_rows_fold(void **state)
{
    mon *m = new_monitor();
    bool folded;
    for (long i = 0; i < 2; i++) {
        allowed = i;
        mon_row *row = mon_row_add(m, MON_COROUTINE, key_of(1), "f", "f.py", 1, &folded);
        allowed = -1;
        assert_true(folded);
        assert_text(row->name, "other");
    }
    assert_null(mon_row_find(m, key_of(1)));
    assert_int_equal(m->rows_folded, 2);
    new_row(m, MON_COROUTINE, key_of(1), "f");
    mon_unref(m);
}

static int
count_row(const mon_row_view *view, void *arg)
{
    *(double *)arg += view->running;
    return 0;
}

static void
test_rows_are_told_without_their_live_part(void **state)
{
    mon *m = new_monitor();
    mon_row *row = new_row(m, MON_CALLBACK, key_of(1), "f");
    mon_call_begin(m, row, 1, 0);
    mon_call_end(m, 1 + mon_clock_duration(&m->clock, 3));
    double running = 0;
    allowed = 0;
    mon_each_row(m, MON_CALLBACK, count_row, &running);
    allowed = -1;
    assert_near(running, 3, 1e-3);
    mon_unref(m);
}

static void
test_requests_and_slow_steps(void **state)
{
    mon *m = new_monitor();
    mon_status s;
    allowed = 0;
    assert_null(mon_request_send(m, MON_CANCEL, 1, NULL, NULL));
    assert_int_equal(mon_slow_add(m, &(mon_slow_report){.what = "f"}), 1);
    assert_int_equal(mon_slow_add(m, &(mon_slow_report){.what = "f"}), 2);
    allowed = -1;
    assert_null(mon_request_take(m));
    mon_get_status(m, &s);
    assert_int_equal(s.slow, 2);
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_monitor),
        cmocka_unit_test(test_births_are_dropped_and_counted),
        cmocka_unit_test(test_no_second_chunk),
        cmocka_unit_test(test_rows_fold),
        cmocka_unit_test(test_rows_are_told_without_their_live_part),
        cmocka_unit_test(test_requests_and_slow_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
