/* A terminal in character mode: echo, ends of lines, keys, window and colours. */
#include "served.h"

static void
test_keys_are_echoed_and_lines_run(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    SAY(&p, "p");
    expect(&p, "p");
    SAY(&p, "s\r");
    expect(&p, "ps\r\n");
    expect(&p, "0 tasks\r\nuvloupe> ");
    leave(&p);
    unserve(&s);
}

/* Enter is CR NUL, CR LF or CR: one line each time, and no key after it. */
static void
test_ends_of_lines(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    static const char *const ends[] = {"\r", "\r\n", "\n", "\r"};
    static const size_t sizes[] = {2, 2, 1, 1};
    for (size_t i = 0; i < 4; i++) {
        SAY(&p, "ps");
        say(&p, ends[i], sizes[i]);
        expect(&p, "0 tasks\r\nuvloupe> ");
        wait_for(0.02);
        assert_lacks(heard(&p), "uvloupe> \r\n");
        assert_lacks(heard(&p), "uvloupe> \r\nuvloupe> ");
        forget(&p);
    }
    leave(&p);
    unserve(&s);
}

static void
test_interrupt_and_end(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    SAY(&p, "nonsense\x03");
    expect(&p, "^C\r\nuvloupe> ");
    forget(&p);
    SAY(&p, "nonsense\xFF\xF4\xFF\xF2");
    expect(&p, "^C\r\nuvloupe> ");
    assert_lacks(heard(&p), "no command");
    SAY(&p, "\x04");
    expect_end(&p);
    leave(&p);
    unserve(&s);
}

static void
test_history_and_completion(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    SAY(&p, "ps -n 1\r\0");
    expect(&p, "0 tasks\r\nuvloupe> ");
    forget(&p);
    SAY(&p, "\x1b[A\r\0");
    expect(&p, "0 tasks\r\nuvloupe> ");
    forget(&p);
    SAY(&p, "st\t\r\0");
    expect(&p, "loop lag");
    expect(&p, "uvloupe> ");
    forget(&p);
    SAY(&p, "s\t");
    expect(&p, "status  slow  \r\n\ruvloupe> s");
    leave(&p);
    unserve(&s);
}

static void
test_the_window_is_followed(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    peer p = join_terminal(&s);
    SAY(&p, "\xFF\xFA\x1F\x00\x28\x00\x18\xFF\xF0ps\r\0"); /* 40 columns */
    expect(&p, "3 tasks");
    assert_lacks(heard(&p), "steps");
    forget(&p);
    SAY(&p, "\xFF\xFA\x1F\x01\x2C\x00\x18\xFF\xF0ps\r\0"); /* 300 */
    expect(&p, "3 tasks");
    assert_holds(heard(&p), "steps");
    leave(&p);
    unserve(&s);
}

static void
test_colours(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    SAY(&p, "xyzzy\r\0");
    expect(&p, "\033[31mthere is no command");
    leave(&p);
    unserve(&s);
}

static void
test_a_dumb_terminal_gets_no_codes(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    peer p = join(&s);
    SAY(&p, TELNET_YES);
    expect(&p, "uvloupe> ");
    SAY(&p, "\xFF\xFA\x18\x00"
            "DUMB\xFF\xF0");
    SAY(&p, "xyzzy\r\0top\r\0ps\r\0");
    expect(&p, "3 tasks\r\nuvloupe> ");
    assert_lacks(heard(&p), "\033");
    leave(&p);
    unserve(&s);
}

/* Without an answer about its type a terminal gets no colours. */
static void
test_an_unnamed_terminal_gets_no_colours(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    SAY(&p, "\xFF\xFD\x01\xFF\xFD\x03\xFF\xFC\x18");
    expect(&p, "uvloupe> ");
    SAY(&p, "xyzzy\r\0");
    expect(&p, "there is no command");
    assert_lacks(heard(&p), "\033");
    leave(&p);
    unserve(&s);
}

static void
test_evil_names_do_not_reach_the_screen(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    new_task(s.m, new_row(s.m, 1, "co\033]0;title\007ro"), 1, "na\033[2Jme");
    peer p = join_terminal(&s);
    SAY(&p, "ps -f \x1b\r\0ps\r\0");
    expect(&p, "1 task\r\n");
    assert_lacks(heard(&p), "\033[2J");
    assert_lacks(heard(&p), "\033]");
    assert_holds(heard(&p), "na?[2Jme");
    leave(&p);
    unserve(&s);
}

static void
test_are_you_there(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    SAY(&p, "\xFF\xF6");
    expect(&p, "[yes]");
    leave(&p);
    unserve(&s);
}

/* "mode line" and "mode character" of a telnet client. */
static void
test_modes_may_change(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    SAY(&p, "\xFF\xFE\x01");
    wait_for(0.05);
    SAY(&p, "ps\r\n");
    expect(&p, "0 tasks\r\nuvloupe> ");
    assert_lacks(heard(&p), "ps\r\n");
    SAY(&p, "\xFF\xFD\x01");
    wait_for(0.05);
    forget(&p);
    SAY(&p, "ps\r\n");
    expect(&p, "ps\r\n");
    leave(&p);
    unserve(&s);
}

static void
test_errors_are_clear(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    SAY(&p,
        "stauts\nps -n x\nps --sort color\ncancel\ncancel x\ncancel 77\nslow 3\nquit now\n"
        "help nothing\nps 'a\nhelp ps top\n");
    shutdown(p.fd, SHUT_WR);
    expect_end(&p);
    assert_holds(heard(&p), "there is no command 'stauts'; did you mean status?\n");
    assert_holds(heard(&p), "ps: -n takes a number from 1 to 10000, not 'x'\n");
    assert_holds(heard(&p), "ps: --sort does not take 'color'; it takes id, state, name,");
    assert_holds(heard(&p), "cancel: takes one task's id; ps lists them\n");
    assert_holds(heard(&p), "cancel: 'x' is not a task's id; ps lists them\n");
    assert_holds(heard(&p), "cancel: there is no task 77; ps lists them\n");
    assert_holds(heard(&p), "slow: '3' is too much; the options are -n\n");
    assert_holds(heard(&p), "quit: 'now' is too much; it takes no options\n");
    assert_holds(heard(&p), "help: there is no command 'nothing'");
    assert_holds(heard(&p), "a quote is not closed\n");
    assert_holds(heard(&p), "help: takes at most one command's name\n");
    leave(&p);
    unserve(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_echoed_and_lines_run),
        cmocka_unit_test(test_ends_of_lines),
        cmocka_unit_test(test_interrupt_and_end),
        cmocka_unit_test(test_history_and_completion),
        cmocka_unit_test(test_the_window_is_followed),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_a_dumb_terminal_gets_no_codes),
        cmocka_unit_test(test_an_unnamed_terminal_gets_no_colours),
        cmocka_unit_test(test_evil_names_do_not_reach_the_screen),
        cmocka_unit_test(test_are_you_there),
        cmocka_unit_test(test_modes_may_change),
        cmocka_unit_test(test_errors_are_clear),
    };
    return run_all(tests);
}
