/* Rows: found by identity, folded into "other" when the table is full, and told
   with the time that live tasks have spent so far. */
#include "support.h"

static void
test_found_by_identity(void **state)
{
    mon *m = new_monitor();
    char name[] = "handler";
    bool folded;
    assert_null(mon_row_find(m, key_of(1)));
    mon_row *row = mon_row_add(m, MON_COROUTINE, key_of(1), name, NULL, 3, &folded);
    assert_false(folded);
    name[0] = 'X';
    assert_text(row->name, "handler");
    assert_null(row->file);
    assert_int_equal(row->line, 3);
    assert_ptr_equal(mon_row_find(m, key_of(1)), row);
    assert_ptr_equal(mon_row_of(m, key_of(1)), row);
    assert_ptr_equal(mon_row_of(m, key_of(1)), row);
    assert_null(mon_row_of(m, key_of(2)));
    assert_ptr_equal(mon_row_add(m, MON_COROUTINE, key_of(1), "again", NULL, 3, &folded),
                     row);
    mon_unref(m);
}

static void
fill(mon *m)
{
    bool folded = false;
    for (uint64_t i = 0; !folded; i++) {
        char name[16];
        snprintf(name, sizeof(name), "row%d", (int)i);
        mon_row *row =
            mon_row_add(m, MON_CALLBACK, key_of(i), name, "f.py", (int)i, &folded);
        assert_non_null(row);
        assert_true(i <= MON_ROWS);
    }
}

static void
test_a_full_table_folds(void **state)
{
    mon *m = new_monitor();
    bool folded;
    fill(m);
    assert_int_equal(m->row_count, MON_ROWS);
    assert_int_equal(m->rows_folded, 1);
    for (int i = 0; i < MON_ROWS - 2; i++) {
        mon_row *row = mon_row_find(m, key_of((uint64_t)i));
        assert_non_null(row);
        assert_int_equal(row->line, i);
    }
    mon_row *a = mon_row_add(m, MON_COROUTINE, key_of(99999), "a", NULL, 0, &folded);
    assert_true(folded);
    assert_text(a->name, "other");
    assert_int_equal(a->kind, MON_COROUTINE);
    mon_row *b = mon_row_add(m, MON_CALLBACK, key_of(99998), "b", NULL, 0, &folded);
    assert_true(folded);
    assert_text(b->name, "other");
    assert_int_equal(b->kind, MON_CALLBACK);
    assert_null(mon_row_find(m, key_of(99999)));
    assert_int_equal(m->rows_folded, 3);
    mon_unref(m);
}

typedef struct found {
    int rows;
    mon_row_view last;
} found;

static int
keep_row(const mon_row_view *view, void *arg)
{
    found *f = arg;
    f->rows++;
    f->last = *view;
    return 0;
}

static int
stop_at_row(const mon_row_view *view, void *arg)
{
    ++*(int *)arg;
    return 42;
}

static void
test_listed_by_kind(void **state)
{
    mon *m = new_monitor();
    mon_row *call = new_row(m, MON_CALLBACK, key_of(1), "tick");
    new_row(m, MON_COROUTINE, key_of(2), "one");
    new_row(m, MON_COROUTINE, key_of(3), "two");
    uint64_t second = mon_clock_duration(&m->clock, 1);
    uint64_t now = mon_now(m);
    mon_call_begin(m, call, now, second);
    mon_call_end(m, now + 2 * second);
    found f = {0};
    assert_int_equal(mon_each_row(m, MON_CALLBACK, keep_row, &f), 0);
    assert_int_equal(f.rows, 1);
    assert_text(f.last.name, "tick");
    assert_text(f.last.file, "app.py");
    assert_int_equal(f.last.line, 7);
    assert_int_equal(f.last.calls, 1);
    assert_near(f.last.ready, 1, 1e-6);
    assert_near(f.last.running, 2, 1e-6);
    assert_near(f.last.longest, 2, 1e-6);
    f.rows = 0;
    mon_each_row(m, MON_COROUTINE, keep_row, &f);
    assert_int_equal(f.rows, 2);
    int visited = 0;
    assert_int_equal(mon_each_row(m, MON_COROUTINE, stop_at_row, &visited), 42);
    assert_int_equal(visited, 1);
    mon_unref(m);
}

static void
test_live_tasks_count_up_to_now(void **state)
{
    mon *m = new_monitor();
    mon_row *row = new_row(m, MON_COROUTINE, key_of(1), "worker");
    uint64_t second = mon_clock_duration(&m->clock, 1);
    uint64_t now = mon_now(m);
    mon_task *t[3];
    for (uint64_t i = 0; i < 3; i++) {
        t[i] = mon_task_born(m, key_of(10 + i), row, "t", 1, NULL, now - 100 * second);
    }
    mon_task_ready(m, t[1], now - 10 * second, MON_CAUSE_TIMER, -1);
    mon_task_ready(m, t[2], now - 20 * second, MON_CAUSE_TIMER, -1);
    mon_step_begin(m, t[2], now - 5 * second);
    found f = {0};
    mon_each_row(m, MON_COROUTINE, keep_row, &f);
    assert_int_equal(f.rows, 1);
    assert_int_equal(f.last.calls, 3);
    assert_int_equal(f.last.steps, 0);
    assert_near(f.last.awaiting, 100 + 90 + 80, 0.5);
    assert_near(f.last.ready, 10 + 15, 0.5);
    assert_near(f.last.running, 5, 0.5);
    assert_near(f.last.longest, 5, 0.5);
    assert_near(row->awaiting / (double)second, 90 + 80, 0.5);
    mon_unref(m);
}

static void
test_what_has_no_row_is_told_as_other(void **state)
{
    mon *m = new_monitor();
    found f = {0};
    mon_each_row(m, MON_COROUTINE, keep_row, &f);
    assert_int_equal(f.rows, 0);
    new_task(m, 1, "t", mon_now(m));
    mon_each_row(m, MON_COROUTINE, keep_row, &f);
    assert_int_equal(f.rows, 1);
    assert_text(f.last.name, "other");
    assert_null(f.last.file);
    mon_each_row(m, MON_CALLBACK, keep_row, &f);
    assert_int_equal(f.rows, 1);
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_identity),
        cmocka_unit_test(test_a_full_table_folds),
        cmocka_unit_test(test_listed_by_kind),
        cmocka_unit_test(test_live_tasks_count_up_to_now),
        cmocka_unit_test(test_what_has_no_row_is_told_as_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
