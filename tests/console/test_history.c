/* The history: what was entered, in order, without repeats, and the draft kept. */
#include "monitor/console/history.h"
#include "support.h"

static void
test_going_back_and_forth(void **state)
{
    con_history h = {0};
    con_history_add(&h, "one");
    con_history_add(&h, "two");
    assert_text(con_history_older(&h, "draft"), "two");
    assert_text(con_history_older(&h, "two"), "one");
    assert_null(con_history_older(&h, "one"));
    assert_text(con_history_newer(&h), "two");
    assert_text(con_history_newer(&h), "draft");
    assert_null(con_history_newer(&h));
    con_history_free(&h);
}

static void
test_empty_and_repeated_lines_are_not_kept(void **state)
{
    con_history h = {0};
    con_history_add(&h, "");
    con_history_add(&h, "one");
    con_history_add(&h, "one");
    assert_int_equal(h.count, 1);
    con_history_free(&h);
}

static void
test_the_oldest_is_forgotten(void **state)
{
    con_history h = {0};
    char line[16];
    for (int i = 0; i < CON_HISTORY_LINES + 10; i++) {
        snprintf(line, sizeof(line), "%d", i);
        con_history_add(&h, line);
    }
    assert_int_equal(h.count, CON_HISTORY_LINES);
    assert_text(h.line[0], "10");
    assert_text(con_history_older(&h, ""), "73");
    con_history_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_going_back_and_forth),
        cmocka_unit_test(test_empty_and_repeated_lines_are_not_kept),
        cmocka_unit_test(test_the_oldest_is_forgotten),
    };
    return run_all(tests);
}
