/* Words and quotes. */
#include "monitor/console/words.h"
#include "support.h"

static int
split(const char *text, char *line, char **argv, const char **error)
{
    strcpy(line, text);
    return con_words(line, argv, error);
}

static void
check(const char *text, int count, const char *const *want)
{
    char line[256], *argv[CON_WORDS_MAX + 1];
    const char *error;
    assert_int_equal(split(text, line, argv, &error), count);
    for (int i = 0; i < count; i++) {
        assert_text(argv[i], want[i]);
    }
    assert_null(argv[count]);
}

static void
test_words(void **state)
{
    check("", 0, NULL);
    check(" \t ", 0, NULL);
    check("ps", 1, (const char *[]){"ps"});
    check("  ps   -n\t5  ", 3, (const char *[]){"ps", "-n", "5"});
}

static void
test_quotes(void **state)
{
    check("ps -f 'a b'", 3, (const char *[]){"ps", "-f", "a b"});
    check("ps \"a 'b' \\\" c\"", 2, (const char *[]){"ps", "a 'b' \" c"});
    check("a'b'\"c\"d", 1, (const char *[]){"abcd"});
    check("'' \"\" x", 3, (const char *[]){"", "", "x"});
    check("a\\ b 'c\\d'", 2, (const char *[]){"a b", "c\\d"});
    check("a\\", 1, (const char *[]){"a\\"});
}

static void
test_errors(void **state)
{
    char line[512], *argv[CON_WORDS_MAX + 1];
    const char *error;
    assert_int_equal(split("ps 'a", line, argv, &error), -1);
    assert_holds(error, "quote");
    assert_int_equal(split("ps \"a\\", line, argv, &error), -1);
    assert_int_equal(split("\"", line, argv, &error), -1);
    char many[2 * (CON_WORDS_MAX + 1) + 1] = "";
    for (int i = 0; i <= CON_WORDS_MAX; i++) {
        strcat(many, "a ");
    }
    assert_int_equal(split(many, line, argv, &error), -1);
    assert_holds(error, "too many");
    many[2 * CON_WORDS_MAX] = '\0';
    assert_int_equal(split(many, line, argv, &error), CON_WORDS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_errors),
    };
    return run_all(tests);
}
