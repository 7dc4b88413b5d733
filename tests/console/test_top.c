/* `top`: frames that come by themselves, in one window, until a key. */
#include "served.h"

#define ENTER "\033[?1049h"
#define LEAVE "\033[?1049l"

static size_t
frames(peer *p)
{
    size_t count = 0;
    for (const char *text = heard(p); (text = strstr(text, "\033[H")) != NULL; text++) {
        count++;
    }
    return count;
}

static void
test_frames_come_until_a_key(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 100);
    peer p = join_terminal(&s);
    SAY(&p, "top -i 0.1\r\0"); /* the NUL is no key */
    expect(&p, ENTER);
    while (frames(&p) < 4) {
        assert_true(hear(&p, 5));
    }
    SAY(&p, "\x1b[A"); /* an arrow is one key */
    expect(&p, LEAVE "uvloupe> ");
    forget(&p);
    SAY(&p, "ps -n 1\r\0");
    expect(&p, "ps -n 1\r\n");
    expect(&p, "1 of 100 tasks");
    leave(&p);
    unserve(&s);
}

static void
test_a_frame_fits_the_window(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 100);
    peer p = join_terminal(&s);
    SAY(&p, "\xFF\xFA\x1F\x00\x3C\x00\x0C\xFF\xF0top -n 50 -i 5\r\0"); /* 60 by 12 */
    expect(&p, "any key ends");
    size_t lines = 1;
    for (const char *text = strstr(heard(&p), "\033[H"); *text != '\0'; text++) {
        lines += *text == '\n';
    }
    assert_true(lines <= 12);
    assert_holds(heard(&p), "6 of 100 tasks");
    forget(&p);
    SAY(&p, "\xFF\xFA\x1F\x00\x50\x00\x18\xFF\xF0"); /* drawn anew, long before its time */
    expect(&p, "18 of 100 tasks");
    leave(&p);
    unserve(&s);
}

static void
test_plain_clients_get_one_frame(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 100);
    peer p = join(&s);
    SAY(&p, "top -n 3 --sort name\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "busy");
    assert_holds(heard(&p), "Task-3 ");
    assert_holds(heard(&p), "3 of 100 tasks\n");
    assert_lacks(heard(&p), "\033");
    leave(&p);
    unserve(&s);
}

static void
test_bad_options(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    SAY(&p, "top -i 0\ntop --sort x\ntop -f\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "top: -i takes seconds from 0.1 to 3600, not '0'\n");
    assert_holds(heard(&p), "longest, busy\n");
    assert_holds(heard(&p), "top: -f needs a value\n");
    leave(&p);
    unserve(&s);
}

/* Who does not read gets no more frames than fit, and is not in the way.  A Unix
   socket holds about 200 KB, a frame here is some 50 KB. */
static void
test_frames_are_left_out_for_who_does_not_read(void **state)
{
    served s = new_served();
    char folder[] = "/tmp/uvloupe-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/console", folder);
    serve_at(&s, path, NULL);
    fill_monitor(s.m, 500);
    peer p = join_terminal(&s);
    SAY(&p, "\xFF\xFA\x1F\x00\x64\x03\xE8\xFF\xF0top -n 500 -i 0.1\r\0");
    wait_for(1.5);
    peer other = join(&s);
    SAY(&other, "ps -n 1\nquit\n");
    expect_end(&other);
    assert_holds(heard(&other), "1 of 500 tasks");
    leave(&other);
    SAY(&p, "q");
    expect(&p, LEAVE);
    assert_true(frames(&p) > 1 && frames(&p) < 10);
    leave(&p);
    unserve(&s);
    assert_int_equal(rmdir(folder), 0);
}

static void
test_stopping_leaves_the_screen(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    SAY(&p, "top\r\0");
    expect(&p, "any key ends");
    con_stop(s.server);
    expect_end(&p);
    assert_holds(heard(&p), LEAVE);
    leave(&p);
    mon_unref(s.m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_come_until_a_key),
        cmocka_unit_test(test_a_frame_fits_the_window),
        cmocka_unit_test(test_plain_clients_get_one_frame),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_frames_are_left_out_for_who_does_not_read),
        cmocka_unit_test(test_stopping_leaves_the_screen),
    };
    return run_all(tests);
}
