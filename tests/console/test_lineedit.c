/* The line editor: every key does what it should to the line, and the screen shows
   the line with the cursor where it is. */
#include "monitor/console/lineedit.h"
#include "screen.h"

typedef struct editor {
    con_edit edit;
    con_buffer out;
    screen screen;
} editor;

static void
begin(editor *e, size_t width)
{
    memset(e, 0, sizeof(*e));
    e->edit.width = width;
    screen_clear(&e->screen);
    con_edit_begin(&e->edit, "> ", false, &e->out);
    screen_show(&e->screen, &e->out);
}

static void
again(editor *e)
{
    con_edit_begin(&e->edit, "> ", false, &e->out);
    screen_show(&e->screen, &e->out);
}

static con_edit_event
feed(editor *e, const char *bytes, size_t count)
{
    con_edit_event event = CON_EDIT_MORE;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(event, CON_EDIT_MORE);
        event = con_edit_byte(&e->edit, (unsigned char)bytes[i], &e->out);
        screen_show(&e->screen, &e->out);
    }
    return event;
}

#define FEED(e, bytes) feed(e, bytes, sizeof(bytes) - 1)

/* What the line holds with '|' at the cursor, and what the screen shows. */
static void
check(editor *e, const char *want, const char *shown)
{
    char line[8300];
    snprintf(line, sizeof(line), "%.*s|%.*s", (int)e->edit.cursor, e->edit.text,
             (int)(e->edit.used - e->edit.cursor), e->edit.text + e->edit.cursor);
    assert_text(line, want);
    assert_text(screen_line(&e->screen), shown);
}

static void
release(editor *e)
{
    con_edit_free(&e->edit);
    con_buffer_free(&e->out);
}

static void
test_typing(void **state)
{
    editor e;
    begin(&e, 80);
    FEED(&e, "status");
    check(&e, "status|", "> status");
    assert_int_equal(e.screen.column, 8);
    assert_int_equal(FEED(&e, "\n"), CON_EDIT_LINE);
    assert_text(e.edit.text, "status");
    again(&e);
    check(&e, "|", ">");
    release(&e);
}

static void
test_moving_and_changing(void **state)
{
    editor e;
    begin(&e, 80);
    FEED(&e, "ace\x1b[D\x1b[Dbc\x1b[D\x7f");
    check(&e, "a|cce", "> acce");
    assert_int_equal(e.screen.column, 3);
    FEED(&e, "\x1b[3~");
    check(&e, "a|ce", "> ace");
    FEED(&e, "\x01x\x05y");
    check(&e, "xacey|", "> xacey");
    FEED(&e, "\x1b[H1\x1b[F2\x1bOH3\x1bOF4\x1b[1~5\x1b[4~6");
    check(&e, "531xacey246|", "> 531xacey246");
    FEED(&e, "\x1b[D\x1b[D\x0b");
    check(&e, "531xacey2|", "> 531xacey2");
    FEED(&e, "\x02\x02\x06\x15");
    check(&e, "|2", "> 2");
    FEED(&e, "\x04");
    check(&e, "|", ">");
    release(&e);
}

static void
test_words_are_killed(void **state)
{
    editor e;
    begin(&e, 80);
    FEED(&e, "ps --sort  name  \x17");
    check(&e, "ps --sort  |", "> ps --sort");
    FEED(&e, "\x17\x17\x17\x17");
    check(&e, "|", ">");
    release(&e);
}

static void
test_characters_are_moved_over_whole(void **state)
{
    editor e;
    begin(&e, 80);
    FEED(&e, "a日e\xCC\x81z");
    check(&e, "a日e\xCC\x81z|", "> a日ez");
    FEED(&e, "\x1b[D\x1b[D");
    check(&e, "a日|e\xCC\x81z", "> a日ez");
    assert_int_equal(e.screen.column, 5);
    FEED(&e, "\x7f");
    check(&e, "a|e\xCC\x81z", "> aez");
    FEED(&e, "\x1b[3~");
    check(&e, "a|z", "> az");
    release(&e);
}

static void
test_what_is_not_text_is_dropped(void **state)
{
    editor e;
    begin(&e, 80);
    FEED(&e, "a\xFF\xC3(\x80\xE6\x97"
             "b\xC2\x9B\x1b[99;5Xc\x1bxd\x1c\x00");
    check(&e, "a(bcd|", "> a(bcd");
    release(&e);
}

static void
test_history(void **state)
{
    editor e;
    begin(&e, 80);
    con_history_add(&e.edit.history, "first");
    con_history_add(&e.edit.history, "second one");
    FEED(&e, "dra\x1b[A");
    check(&e, "second one|", "> second one");
    FEED(&e, "\x10\x1b[A");
    check(&e, "first|", "> first");
    FEED(&e, "\x1b[B\x1b[B");
    check(&e, "dra|", "> dra");
    FEED(&e, "\x0e");
    check(&e, "dra|", "> dra");
    release(&e);
}

static void
test_ends(void **state)
{
    editor e;
    begin(&e, 80);
    assert_int_equal(FEED(&e, "abc\x03"), CON_EDIT_INTERRUPT);
    again(&e);
    check(&e, "|", ">");
    assert_int_equal(FEED(&e, "a\t"), CON_EDIT_TAB);
    con_edit_insert(&e.edit, "bc", 2, &e.out);
    screen_show(&e.screen, &e.out);
    check(&e, "abc|", "> abc");
    assert_int_equal(FEED(&e, "\x15\x04"), CON_EDIT_END);
    release(&e);
}

static void
test_a_long_line_is_an_error_once(void **state)
{
    editor e;
    size_t errors = 0;
    begin(&e, 80);
    for (size_t i = 0; i < 100 * 1024; i++) {
        con_edit_event event = con_edit_byte(&e.edit, 'x', &e.out);
        assert_true(event == CON_EDIT_MORE || event == CON_EDIT_TOO_LONG);
        errors += event == CON_EDIT_TOO_LONG;
        con_buffer_clear(&e.out);
    }
    assert_int_equal(errors, 1);
    assert_int_equal(FEED(&e, "\n"), CON_EDIT_DROPPED);
    again(&e);
    assert_int_equal(FEED(&e, "ps\n"), CON_EDIT_LINE);
    assert_text(e.edit.text, "ps");
    release(&e);
}

static void
test_a_line_wider_than_the_window_scrolls(void **state)
{
    editor e;
    begin(&e, 20);
    FEED(&e, "abcdefghijklmnopqrstuvwxyz");
    assert_holds(screen_line(&e.screen), "> ");
    assert_holds(screen_line(&e.screen), "xyz");
    FEED(&e, "\x01");
    assert_text(screen_line(&e.screen), "> abcdefghijklmnopq");
    assert_int_equal(e.screen.column, 2);
    FEED(&e, "\x05\x15short");
    check(&e, "short|", "> short");
    assert_true(e.screen.widest < 20);
    release(&e);
}

static void
test_a_secret_is_not_shown(void **state)
{
    editor e;
    begin(&e, 80);
    con_buffer_adds(&e.out, "\n");
    con_history_add(&e.edit.history, "earlier");
    con_edit_begin(&e.edit, "token: ", true, &e.out);
    screen_show(&e.screen, &e.out);
    FEED(&e, "secret\x1b[Dx\x7f\x1b[A\t");
    check(&e, "secre|t", "token:");
    assert_int_equal(FEED(&e, "\n"), CON_EDIT_LINE);
    again(&e);
    for (size_t i = 0; i < sizeof(e.edit.text); i++) {
        assert_int_equal(e.edit.text[i], 0);
    }
    release(&e);
}

static void
test_hiding_and_showing(void **state)
{
    editor e;
    begin(&e, 80);
    FEED(&e, "half a li\x1b[D");
    con_edit_hide(&e.edit, &e.out);
    screen_show(&e.screen, &e.out);
    assert_text(screen_line(&e.screen), "");
    assert_int_equal(e.screen.column, 0);
    con_edit_show(&e.edit, &e.out);
    screen_show(&e.screen, &e.out);
    check(&e, "half a l|i", "> half a li");
    assert_int_equal(e.screen.column, 10);
    release(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing),
        cmocka_unit_test(test_moving_and_changing),
        cmocka_unit_test(test_words_are_killed),
        cmocka_unit_test(test_characters_are_moved_over_whole),
        cmocka_unit_test(test_what_is_not_text_is_dropped),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_a_long_line_is_an_error_once),
        cmocka_unit_test(test_a_line_wider_than_the_window_scrolls),
        cmocka_unit_test(test_a_secret_is_not_shown),
        cmocka_unit_test(test_hiding_and_showing),
    };
    return run_all(tests);
}
