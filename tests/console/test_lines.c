/* Plain lines: cut at '\n', and at 4 KB with one error. */
#include "monitor/console/lines.h"
#include "support.h"

static con_lines_event
feed(con_lines *l, const char *text)
{
    con_lines_event event = CON_LINES_MORE;
    while (*text != '\0') {
        event = con_lines_byte(l, *text++);
    }
    return event;
}

static void
test_lines(void **state)
{
    con_lines l = {0};
    assert_int_equal(feed(&l, "ps"), CON_LINES_MORE);
    assert_int_equal(feed(&l, " -n 3\n"), CON_LINES_LINE);
    assert_text(l.text, "ps -n 3");
    assert_int_equal(feed(&l, "\n"), CON_LINES_LINE);
    assert_text(l.text, "");
}

static void
test_a_long_line_is_an_error_once(void **state)
{
    con_lines l = {0};
    size_t errors = 0;
    for (size_t i = 0; i < 1024 * 1024; i++) {
        con_lines_event event = con_lines_byte(&l, 'x');
        assert_int_not_equal(event, CON_LINES_LINE);
        errors += event == CON_LINES_TOO_LONG;
    }
    assert_int_equal(errors, 1);
    assert_int_equal(feed(&l, "\n"), CON_LINES_MORE);
    assert_int_equal(feed(&l, "next\n"), CON_LINES_LINE);
    assert_text(l.text, "next");
}

static void
test_the_longest_line_is_whole(void **state)
{
    con_lines l = {0};
    for (size_t i = 0; i < CON_LINE_MAX; i++) {
        assert_int_equal(con_lines_byte(&l, 'x'), CON_LINES_MORE);
    }
    assert_int_equal(con_lines_byte(&l, '\n'), CON_LINES_LINE);
    assert_int_equal(strlen(l.text), CON_LINE_MAX);
}

static void
test_the_last_line_needs_no_end(void **state)
{
    con_lines l = {0};
    assert_false(con_lines_last(&l));
    feed(&l, "quit");
    assert_true(con_lines_last(&l));
    assert_text(l.text, "quit");
    assert_false(con_lines_last(&l));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_long_line_is_an_error_once),
        cmocka_unit_test(test_the_longest_line_is_whole),
        cmocka_unit_test(test_the_last_line_needs_no_end),
    };
    return run_all(tests);
}
