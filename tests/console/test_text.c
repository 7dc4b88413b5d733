/* UTF-8: decoding by the book, widths, and nothing harmful to a terminal. */
#include "monitor/console/text.h"
#include "support.h"

static uint32_t
decoded(const char *text, size_t want)
{
    uint32_t character;
    assert_int_equal(con_text_decode(text, strlen(text), &character), want);
    return character;
}

static void
test_decoding(void **state)
{
    assert_int_equal(decoded("a", 1), 'a');
    assert_int_equal(decoded("é", 2), 0xE9);
    assert_int_equal(decoded("日", 3), 0x65E5);
    assert_int_equal(decoded("\xF0\x9F\x98\x80", 4), 0x1F600);
}

static void
test_what_is_not_utf8_is_one_byte(void **state)
{
    static const char *const wrong[] = {
        "\x80",
        "\xC0\x80",
        "\xC3",
        "\xC3(",
        "\xE0\x80\x80",
        "\xED\xA0\x80",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xFF",
        "\xE6\x97",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(decoded(wrong[i], 1), (uint32_t)CON_TEXT_INVALID);
    }
}

static void
test_columns(void **state)
{
    assert_int_equal(con_text_columns("abc", 3), 3);
    assert_int_equal(con_text_columns("日本", 6), 4);
    assert_int_equal(con_text_columns("e\xCC\x81", 3), 1);
    assert_int_equal(con_text_width('\033'), -1);
    assert_int_equal(con_text_width(0x9B), -1);
    assert_int_equal(con_text_width(0x202E), -1);
}

static void
test_moving_by_character(void **state)
{
    const char *text =
        "ae\xCC\x81日\xFFz"; /* a, e with an accent, a wide one, rubbish, z */
    static const size_t stops[] = {0, 1, 4, 7, 8, 9};
    size_t at = 0;
    for (size_t i = 1; i < 6; i++) {
        at = con_text_next(text, 9, at);
        assert_int_equal(at, stops[i]);
    }
    for (size_t i = 5; i-- > 0;) {
        at = con_text_previous(text, at);
        assert_int_equal(at, stops[i]);
    }
    assert_int_equal(con_text_previous(text, 0), 0);
    assert_int_equal(con_text_next(text, 9, 9), 9);
}

static void
test_fitting(void **state)
{
    assert_int_equal(con_text_fit("abcdef", 6, 4), 4);
    assert_int_equal(con_text_fit("a日b", 5, 2), 1);
    assert_int_equal(con_text_fit("a日b", 5, 3), 4);
    assert_int_equal(con_text_tail("abcdef", 6, 2), 4);
    assert_int_equal(con_text_tail("a日b", 5, 2), 4);
    assert_int_equal(con_text_tail("ab", 2, 9), 0);
}

static void
test_cleaning(void **state)
{
    con_buffer out = {0};
    const char *evil = "a\033[31m\r\n\x07\xFF\xC2\x9B\xE2\x80\xAEz é日";
    con_text_clean(&out, evil, strlen(evil));
    assert_text(text_of(&out), "a?[31m?????"
                               "?z é日");
    con_buffer_free(&out);
}

static void
test_random_bytes_come_out_printable(void **state)
{
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        con_buffer out = {0};
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (char)random_next(&seed);
        }
        con_text_clean(&out, bytes, sizeof(bytes));
        const char *text = con_buffer_bytes(&out);
        size_t used = con_buffer_used(&out);
        assert_int_equal(con_text_columns(text, used),
                         con_text_columns(bytes, sizeof(bytes)));
        for (size_t at = 0; at < used;) {
            uint32_t character;
            at += con_text_decode(text + at, used - at, &character);
            assert_true(con_text_width(character) >= 0);
        }
        con_buffer_free(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_what_is_not_utf8_is_one_byte),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_moving_by_character),
        cmocka_unit_test(test_fitting),
        cmocka_unit_test(test_cleaning),
        cmocka_unit_test(test_random_bytes_come_out_printable),
    };
    return run_all(tests);
}
