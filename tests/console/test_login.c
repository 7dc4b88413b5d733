/* The token: asked for before anything else, never shown, and three tries. */
#include "served.h"

static void
test_a_script_gives_it_first(void **state)
{
    served s = new_served();
    serve(&s, "secret");
    peer p = join(&s);
    SAY(&p, "secret\nps\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "0 tasks\n");
    assert_lacks(heard(&p), "secret");
    leave(&p);
    unserve(&s);
}

static void
test_a_terminal_is_asked(void **state)
{
    served s = new_served();
    serve(&s, "secret");
    peer p = join(&s);
    SAY(&p, TELNET_YES);
    expect(&p, "token: ");
    assert_lacks(heard(&p), "uvloupe");
    SAY(&p, "secret\r\0");
    expect(&p, "uvloupe> ");
    SAY(&p, "\x1b[A\r\0ps\r\0"); /* it is not in the history */
    expect(&p, "0 tasks");
    assert_lacks(heard(&p), "secret");
    leave(&p);
    unserve(&s);
}

static void
test_wrong_ones_are_slowed_down_and_end(void **state)
{
    served s = new_served();
    serve(&s, "secret");
    peer p = join(&s);
    double began = con_now();
    SAY(&p, "secre\nsecrets\nps\nsecret\nps\n");
    expect_end(&p);
    assert_true(con_now() - began >= 0.2);
    assert_lacks(heard(&p), "0 tasks");
    assert_holds(heard(&p), "closed after three tries");
    leave(&p);
    unserve(&s);
}

static void
test_others_are_served_meanwhile(void **state)
{
    served s = new_served();
    s.limits.login_delay = 5;
    serve(&s, "secret");
    peer slow = join(&s), quick = join(&s);
    SAY(&slow, "wrong\nsecret\n");
    expect(&slow, "not the token");
    double began = con_now();
    SAY(&quick, "secret\nps\n");
    expect(&quick, "0 tasks");
    assert_true(con_now() - began < 2);
    leave(&slow);
    leave(&quick);
    unserve(&s);
}

static void
test_the_second_try_counts(void **state)
{
    served s = new_served();
    serve(&s, "secret");
    peer p = join(&s);
    SAY(&p, TELNET_YES);
    expect(&p, "token: ");
    SAY(&p, "wrong\r\0secret\r\0");
    expect(&p, "uvloupe> ");
    assert_lacks(heard(&p), "wrong");
    leave(&p);
    unserve(&s);
}

static void
test_there_is_not_for_ever(void **state)
{
    served s = new_served();
    s.limits.login = 0.3;
    serve(&s, "secret");
    peer p = join(&s);
    expect_end(&p);
    assert_holds(heard(&p), "token: ");
    assert_holds(heard(&p), "no token was given in time");
    leave(&p);
    unserve(&s);
}

static void
test_an_empty_one_is_refused(void **state)
{
    char error[256];
    int code = -1;
    mon *m = new_monitor();
    con_options options = {"127.0.0.1:0", ""};
    assert_null(con_start(m, &options, error, sizeof(error), &code));
    assert_int_equal(code, 0);
    assert_holds(error, "token");
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_script_gives_it_first),
        cmocka_unit_test(test_a_terminal_is_asked),
        cmocka_unit_test(test_wrong_ones_are_slowed_down_and_end),
        cmocka_unit_test(test_others_are_served_meanwhile),
        cmocka_unit_test(test_the_second_try_counts),
        cmocka_unit_test(test_there_is_not_for_ever),
        cmocka_unit_test(test_an_empty_one_is_refused),
    };
    return run_all(tests);
}
