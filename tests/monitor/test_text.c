/* Text: whole characters only, and nothing that a terminal would obey. */
#include "support.h"

static const char *
copied(const char *text, size_t size)
{
    static char to[64];
    memset(to, 'x', sizeof(to));
    size_t length = mon_text_copy(to, size, text, strlen(text));
    assert_int_equal(length, strlen(to));
    assert_true(length < size);
    return to;
}

static void
test_cut_at_a_character(void **state)
{
    assert_text(copied("hello", 6), "hello");
    assert_text(copied("hello", 5), "hell");
    assert_text(copied("h\xC3\xA9", 3), "h");
    assert_text(copied("h\xC3\xA9", 4), "h\xC3\xA9");
    assert_text(copied("\xE2\x82\xAC\xE2\x82\xAC", 6), "\xE2\x82\xAC");
    for (size_t size = 2; size < 9; size++) {
        assert_text(copied("a\xF0\x9F\x90\x8D\x62", size), size < 6 ? "a"
                                                           : size < 7
                                                               ? "a\xF0\x9F\x90\x8D"
                                                               : "a\xF0\x9F\x90\x8D\x62");
    }
    assert_text(copied("hello", 1), "");
}

static void
test_broken_utf8_is_kept_within_its_place(void **state)
{
    assert_int_equal(strlen(copied("\x80\x80\x80\x80\x80\x80\x80\x80", 8)), 4);
    assert_text(copied("a\xC2", 8), "a\xC2");
}

static void
test_no_control_characters(void **state)
{
    char to[16];
    assert_text(copied("a\x1b[2Jb\r\n\t\x7f", 64), "a?[2Jb????");
    assert_text(copied("a\xC2\x9B"
                       "2Jb",
                       64),
                "a?2Jb");
    assert_text(copied("a\xC2\xA0"
                       "b",
                       64),
                "a\xC2\xA0"
                "b");
    assert_int_equal(mon_text_copy(to, sizeof(to), "a\0b", 3), 3);
    assert_text(to, "a?b");
}

static void
test_no_text(void **state)
{
    char to[4] = "xxx";
    assert_int_equal(mon_text_copy(to, sizeof(to), NULL, 0), 0);
    assert_text(to, "");
    assert_int_equal(mon_text_copy(to, 0, "abc", 3), 0);
    assert_null(mon_text_dup(NULL));
    char *copy = mon_text_dup("a\nb");
    assert_text(copy, "a?b");
    free(copy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_a_character),
        cmocka_unit_test(test_broken_utf8_is_kept_within_its_place),
        cmocka_unit_test(test_no_control_characters),
        cmocka_unit_test(test_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
