/* The best few of many tasks: the right ones, in order, and fast enough. */
#include "monitor/console/context.h"
#include "monitor/console/tasks.h"
#include "tasks.h"

static void
check_order(const con_tasks *t)
{
    for (size_t i = 1; i < t->kept; i++) {
        assert_true(t->heap[i - 1]->rank.number <= t->heap[i]->rank.number);
    }
}

typedef struct busier {
    const con_tasks *tasks;
    size_t count;
} busier;

/* Counts the tasks that run longer than the last one kept. */
static int
count_busier(const mon_task_view *view, void *arg)
{
    busier *b = arg;
    b->count += view->running > b->tasks->heap[b->tasks->kept - 1]->view.running;
    return 0;
}

static void
test_the_largest_are_kept(void **state)
{
    mon *m = new_monitor();
    fill_monitor(m, 3000);
    for (size_t limit = 1; limit < 4000; limit = limit * 3 + 1) {
        con_tasks t = {.sort = CON_SORT_RUNNING, .limit = limit};
        assert_true(con_tasks_read(&t, m));
        assert_int_equal(t.seen, 3000);
        assert_int_equal(t.kept, limit < 3000 ? limit : 3000);
        check_order(&t);
        busier b = {&t, 0};
        mon_each_task(m, count_busier, &b);
        assert_int_equal(b.count, t.kept - 1);
        con_tasks_free(&t);
    }
    mon_unref(m);
}

static void
test_every_column_sorts(void **state)
{
    mon *m = new_monitor();
    fill_monitor(m, 100);
    con_samples samples = {0};
    con_samples_turn(&samples, 1);
    for (int sort = 0; con_task_columns_sampled[sort] != NULL; sort++) {
        con_tasks t = {.sort = sort, .limit = 30, .samples = &samples};
        assert_true(con_tasks_read(&t, m));
        check_order(&t);
        con_tasks_free(&t);
    }
    con_samples_free(&samples);
    mon_unref(m);
}

static void
test_names_sort_by_number(void **state)
{
    mon *m = new_monitor();
    fill_monitor(m, 12);
    con_tasks t = {.sort = 2, .limit = 20};
    assert_true(con_tasks_read(&t, m));
    assert_text(t.heap[1]->view.name, "Task-2");
    assert_text(t.heap[11]->view.name, "Task-12");
    con_tasks_free(&t);
    mon_unref(m);
}

static size_t
matching(mon *m, const char *filter)
{
    con_tasks t = {.filter = filter, .limit = 5};
    assert_true(con_tasks_read(&t, m));
    con_tasks_free(&t);
    return t.matched;
}

static void
test_filters(void **state)
{
    mon *m = new_monitor();
    fill_monitor(m, 100);
    new_task(m, new_row(m, 1, "Server.handle"), 500, "odd one");
    assert_int_equal(matching(m, "task-10"), 2);
    assert_int_equal(matching(m, "server"), 1);
    assert_int_equal(matching(m, "ODD"), 1);
    assert_int_equal(matching(m, "await"), 101);
    assert_int_equal(matching(m, "nothing"), 0);
    mon_unref(m);
}

static void
check_printed(mon *m, con_tasks t, const char *footer)
{
    con_buffer out = {0};
    assert_true(con_tasks_read(&t, m));
    con_tasks_print(&t, &out, 80, false);
    const char *text = text_of(&out);
    assert_holds(text, footer);
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 80);
    }
    con_tasks_free(&t);
    con_buffer_free(&out);
}

static void
test_printing(void **state)
{
    mon *m = new_monitor();
    check_printed(m, (con_tasks){.limit = 20}, "0 tasks\n");
    fill_monitor(m, 100);
    new_task(m, new_row(m, 1, "Server.handle_connection.<locals>.reader"), 500,
             "a name as long as a name may be, without end");
    check_printed(m, (con_tasks){.limit = 20}, "20 of 101 tasks\n");
    check_printed(m, (con_tasks){.limit = 200}, "101 tasks\n");
    check_printed(m, (con_tasks){.limit = 1, .filter = "task-10"},
                  "1 of 2 tasks that match, of 101 in all\n");
    mon_unref(m);
}

static void
test_many_tasks_are_read_fast(void **state)
{
    mon *m = new_monitor();
    fill_monitor(m, 100000);
    double best = 1;
    for (int i = 0; i < 5; i++) {
        con_tasks t = {.sort = CON_SORT_RUNNING, .limit = 20};
        double began = con_now();
        assert_true(con_tasks_read(&t, m));
        double took = con_now() - began;
        best = took < best ? took : best;
        assert_int_equal(t.seen, 100000);
        con_tasks_free(&t);
    }
    print_message("# 100000 tasks in %.1f ms\n", best * 1e3);
    assert_true(best < 0.5); /* a tenth of this; sanitizers and valgrind need the rest */
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_largest_are_kept),
        cmocka_unit_test(test_every_column_sorts),
        cmocka_unit_test(test_names_sort_by_number),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_printing),
        cmocka_unit_test(test_many_tasks_are_read_fast),
    };
    return run_all(tests);
}
