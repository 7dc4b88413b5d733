/* Options by table: what is stored, and what the errors say. */
#include "monitor/console/flags.h"
#include "support.h"

static const char *const colours[] = {"red", "green", "grey", NULL};

typedef struct values {
    size_t count;
    double seconds;
    const char *text;
    int colour;
    char error[256];
} values;

static bool
read_words(values *v, int argc, const char *const *argv)
{
    const con_flag flags[] = {
        {"-n", CON_FLAG_COUNT, &v->count, 1, 100},
        {"-i", CON_FLAG_SECONDS, &v->seconds, 0.1, 60},
        {"-f", CON_FLAG_TEXT, &v->text},
        {"--colour", CON_FLAG_CHOICE, &v->colour, .choices = colours},
    };
    v->error[0] = '\0';
    return con_flags_read(flags, 4, argc, (char **)argv, v->error, sizeof(v->error));
}

#define READ(v, ...)                                                                       \
    read_words(v, (int)(sizeof((const char *[]){"x", __VA_ARGS__}) / sizeof(char *)),      \
               (const char *[]){"x", __VA_ARGS__})

static void
test_values(void **state)
{
    values v = {0};
    assert_true(READ(&v, "-n", "7", "-i", "0.5", "-f", "a b", "--colour", "green"));
    assert_int_equal(v.count, 7);
    assert_true(v.seconds == 0.5);
    assert_text(v.text, "a b");
    assert_int_equal(v.colour, 1);
    assert_true(READ(&v, "-n9", "--colour=gree", "--colour=r"));
    assert_int_equal(v.count, 9);
    assert_int_equal(v.colour, 0);
    assert_true(READ(&v, "-f", "-n"));
    assert_text(v.text, "-n");
}

static void
test_bad_numbers(void **state)
{
    static const char *const wrong[] = {"0",  "101",  "-1",  "x",   "",   "1.5",
                                        "1x", "0x10", "nan", "1e1", "inf"};
    values v = {.count = 3};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_false(READ(&v, "-n", wrong[i]));
        assert_holds(v.error, "-n takes a number from 1 to 100, not '");
        assert_int_equal(v.count, 3);
    }
    assert_false(READ(&v, "-i", "0.01"));
    assert_text(v.error, "-i takes seconds from 0.1 to 60, not '0.01'");
}

static void
test_bad_choices(void **state)
{
    values v = {0};
    assert_false(READ(&v, "--colour", "blue"));
    assert_text(v.error, "--colour does not take 'blue'; it takes red, green, grey");
    assert_false(READ(&v, "--colour", "gre"));
    assert_false(READ(&v, "--colour="));
}

static void
test_bad_words(void **state)
{
    values v = {0};
    assert_false(READ(&v, "-z"));
    assert_text(v.error, "there is no option '-z'; the options are -n, -i, -f, --colour");
    assert_false(READ(&v, "word"));
    assert_holds(v.error, "'word' is too much");
    assert_false(READ(&v, "--colourful", "red"));
    assert_false(READ(&v, "-n"));
    assert_text(v.error, "-n needs a value");
    assert_false(
        con_flags_read(NULL, 0, 2, (char *[]){"x", "-q"}, v.error, sizeof(v.error)));
    assert_text(v.error, "there is no option '-q'; it takes no options");
}

static void
test_long_words_are_cut(void **state)
{
    values v = {0};
    char word[5000];
    memset(word, 'w', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_false(READ(&v, word));
    assert_false(READ(&v, "--colour", word));
    assert_false(READ(&v, "-n", word));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_bad_choices),
        cmocka_unit_test(test_bad_words),
        cmocka_unit_test(test_long_words_are_cut),
    };
    return run_all(tests);
}
