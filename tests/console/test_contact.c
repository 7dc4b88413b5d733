/* First contact: scripts, nc, telnet clients and those in between. */
#include "served.h"

static void
test_a_script_is_answered_in_plain_text(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 30);
    peer p = join(&s);
    SAY(&p, "ps -n 2\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "id  state");
    assert_holds(heard(&p), "2 of 30 tasks\n");
    assert_lacks(heard(&p), "\033");
    assert_lacks(heard(&p), "uvloupe");
    assert_lacks(heard(&p), "\r");
    assert_null(memchr(con_buffer_bytes(&p.got), 255, con_buffer_used(&p.got)));
    leave(&p);
    unserve(&s);
}

static void
test_a_whole_line_is_answered_at_once(void **state)
{
    served s = new_served();
    s.limits.offer = s.limits.plain = 30;
    serve(&s, NULL);
    peer p = join(&s);
    double began = con_now();
    SAY(&p, "ps\r\n");
    expect(&p, "0 tasks\n");
    assert_true(con_now() - began < 5);
    leave(&p);
    unserve(&s);
}

static void
test_a_half_closed_client_is_answered_in_full(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    peer p = join(&s);
    SAY(&p, "ps -f task-1\nstatus\nps -f task-3");
    shutdown(p.fd, SHUT_WR);
    expect_end(&p);
    assert_holds(heard(&p), "Task-1");
    assert_holds(heard(&p), "loop lag");
    assert_holds(heard(&p), "Task-3");
    leave(&p);
    unserve(&s);
}

static void
test_a_silent_half_close_ends(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    shutdown(p.fd, SHUT_WR);
    expect_end(&p);
    leave(&p);
    unserve(&s);
}

/* A person with nc: no answer to the offers. */
static void
test_silence_is_greeted_without_a_prompt(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    new_task(s.m, new_row(s.m, 1, "Server.handle_connection.<locals>.reader"), 500,
             "a long name");
    peer p = join(&s);
    expect(&p, "help lists the commands\n");
    SAY(&p, "ps\n");
    expect(&p, "4 tasks\n");
    for (const char *line = heard(&p); *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 80); /* a person's window, as far as we know */
    }
    assert_lacks(heard(&p), "uvloupe> ");
    assert_lacks(heard(&p), "\033");
    leave(&p);
    unserve(&s);
}

static void
test_early_bytes_are_kept(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    SAY(&p, "p");
    wait_for(0.05);
    SAY(&p, "s --so");
    expect(&p, "help lists");
    SAY(&p, "rt name\n");
    expect(&p, "0 tasks\n");
    leave(&p);
    p = join(&s);
    SAY(&p, "ps\r"); /* and the answer to the offers comes after it */
    wait_for(0.05);
    SAY(&p, TELNET_YES);
    expect(&p, "0 tasks");
    leave(&p);
    unserve(&s);
}

static void
test_the_offers(void **state)
{
    served s = new_served();
    static const char offers[] =
        "\xFF\xFB\x01\xFF\xFB\x03\xFF\xFB\x00\xFF\xFD\x03\xFF\xFD\x1F"
        "\xFF\xFD\x18\xFF\xFD\x00";
    s.limits.plain = 30;
    serve(&s, NULL);
    peer p = join(&s);
    while (con_buffer_used(&p.got) < sizeof(offers) - 1) {
        assert_true(hear(&p, 5));
    }
    assert_memory_equal(con_buffer_bytes(&p.got), offers, sizeof(offers) - 1);
    leave(&p);
    unserve(&s);
}

static void
test_a_terminal_is_greeted_and_prompted(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    SAY(&p, TELNET_YES);
    expect(&p, "uvloupe> ");
    assert_holds(heard(&p), "help lists the commands\r\n");
    leave(&p);
    unserve(&s);
}

/* Telnet in line mode: it echoes and edits, we prompt. */
static void
test_who_refuses_echo_gets_lines(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    SAY(&p, "\xFF\xFE\x01\xFF\xFE\x03");
    expect(&p, "uvloupe> ");
    forget(&p);
    SAY(&p, "ps\r\n");
    expect(&p, "0 tasks\r\nuvloupe> ");
    assert_lacks(heard(&p), "ps\r\n");
    assert_lacks(heard(&p), "\033");
    forget(&p);
    SAY(&p, "half\xFF\xF4"); /* Ctrl-C in line mode */
    expect(&p, "uvloupe> ");
    SAY(&p, "quit\r\n");
    expect_end(&p);
    leave(&p);
    unserve(&s);
}

static void
test_a_late_answer_still_makes_a_terminal(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    expect(&p, "help lists");
    SAY(&p, TELNET_YES);
    expect(&p, "uvloupe> ");
    leave(&p);
    unserve(&s);
}

static void
test_linemode_is_refused(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    SAY(&p, "\xFF\xFB\x22\xFF\xFD\x06");
    while (con_buffer_used(&p.got) < 6) {
        assert_true(hear(&p, 5));
    }
    assert_memory_equal(con_buffer_bytes(&p.got), "\xFF\xFE\x22\xFF\xFC\x06", 6);
    leave(&p);
    unserve(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_script_is_answered_in_plain_text),
        cmocka_unit_test(test_a_whole_line_is_answered_at_once),
        cmocka_unit_test(test_a_half_closed_client_is_answered_in_full),
        cmocka_unit_test(test_a_silent_half_close_ends),
        cmocka_unit_test(test_silence_is_greeted_without_a_prompt),
        cmocka_unit_test(test_early_bytes_are_kept),
        cmocka_unit_test(test_the_offers),
        cmocka_unit_test(test_a_terminal_is_greeted_and_prompted),
        cmocka_unit_test(test_who_refuses_echo_gets_lines),
        cmocka_unit_test(test_a_late_answer_still_makes_a_terminal),
        cmocka_unit_test(test_linemode_is_refused),
    };
    return run_all(tests);
}
