/* `cancel`: the answer, the time-out with the culprit's name, and what comes late.
   The test plays the loop. */
#include "served.h"

static void
answer(served *s, mon_request_state state, const char *text)
{
    mon_request *r;
    for (int i = 0; i < 1000 && (r = mon_request_take(s->m)) == NULL; i++) {
        wait_for(0.01);
    }
    assert_non_null(r);
    mon_request_answer(r, state, text);
}

static void
test_the_answer_is_printed_in_order(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    peer p = join(&s);
    SAY(&p, "cancel 2\nps -n 1\ncancel 3\nquit\n");
    answer(&s, MON_REQUEST_DONE, "cancelled Task-2\033[2J");
    answer(&s, MON_REQUEST_REFUSED, "it is shielded");
    expect_end(&p);
    const char *text = heard(&p);
    assert_holds(text, "task 2: cancelled Task-2?[2J\n");
    assert_holds(text, "task 3 is not cancelled: it is shielded\n");
    assert_true(strstr(text, "task 2:") < strstr(text, "1 of 3 tasks"));
    leave(&p);
    unserve(&s);
}

static void
test_the_culprit_is_named_and_the_answer_comes_late(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    mon_task *busy = new_task(s.m, new_row(s.m, 5, "report"), 99, "Task-99");
    mon_run_begin(s.m, mon_now(s.m));
    mon_step_begin(s.m, busy, mon_now(s.m));
    peer p = join_terminal(&s);
    SAY(&p, "cancel 2\r\0");
    expect(&p,
           "will be cancelled as soon as it turns, if you stay till then.\r\nuvloupe> ");
    assert_holds(heard(&p),
                 "The loop has not answered for 300 ms:\r\nTask-99 (report) has been "
                 "running for ");
    assert_holds(heard(&p), " (defined at /srv/app/main.py:42).\r\nTask 2 (Task-2) will be");
    SAY(&p, "stat");
    expect(&p, "stat");
    forget(&p);
    answer(&s, MON_REQUEST_DONE, "cancelled");
    expect(&p, "task 2: cancelled\r\n\ruvloupe> stat");
    forget(&p);
    SAY(&p, "us\r\0");
    expect(&p, "now     Task-99 (report) has been running for ");
    leave(&p);
    unserve(&s);
}

static void
test_a_script_is_told_and_goes_on(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    peer p = join(&s);
    SAY(&p, "cancel 2\nps -n 1\n");
    shutdown(p.fd, SHUT_WR);
    expect_end(&p);
    assert_holds(heard(&p),
                 "The loop has not answered for 300 ms:\nit has not been running for ");
    assert_holds(heard(&p), "1 of 3 tasks");
    leave(&p);
    assert_null(mon_request_take(s.m)); /* leaving has withdrawn it */
    unserve(&s);
}

static void
test_interrupt_withdraws(void **state)
{
    served s = new_served();
    s.limits.request = 30;
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    peer p = join_terminal(&s);
    SAY(&p, "cancel 2\r\0ps\r\0");
    wait_for(0.1);
    assert_lacks(heard(&p), "tasks");
    SAY(&p, "\x03");
    expect(&p, "Withdrawn");
    expect(&p, "uvloupe> ");
    assert_null(mon_request_take(s.m));
    leave(&p);
    unserve(&s);
}

static void
test_a_closed_loop(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    mon_set_waker(s.m, NULL, NULL);
    peer p = join(&s);
    SAY(&p, "cancel 2\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "task 2 is not cancelled: the loop is closed\n");
    leave(&p);
    unserve(&s);
}

static void
test_an_ended_task(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 1);
    mon_task_done(s.m, mon_task_find(s.m, key_of(1)), mon_now(s.m), MON_RESULT, NULL);
    peer p = join(&s);
    SAY(&p, "cancel 1\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "cancel: task 1 (Task-1) has ended already: result\n");
    leave(&p);
    unserve(&s);
}

static void
test_stopping_while_one_waits(void **state)
{
    served s = new_served();
    s.limits.request = 30;
    serve(&s, NULL);
    fill_monitor(s.m, 3);
    peer p = join(&s);
    SAY(&p, "cancel 2\n");
    wait_for(0.1);
    con_stop(s.server);
    assert_null(mon_request_take(s.m));
    leave(&p);
    mon_unref(s.m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_answer_is_printed_in_order),
        cmocka_unit_test(test_the_culprit_is_named_and_the_answer_comes_late),
        cmocka_unit_test(test_a_script_is_told_and_goes_on),
        cmocka_unit_test(test_interrupt_withdraws),
        cmocka_unit_test(test_a_closed_loop),
        cmocka_unit_test(test_an_ended_task),
        cmocka_unit_test(test_stopping_while_one_waits),
    };
    return run_all(tests);
}
