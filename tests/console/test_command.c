/* Finding and completing commands by name. */
#include "monitor/console/command.h"
#include "support.h"

static const char *
found(const char *word, con_buffer *why)
{
    con_buffer_clear(why);
    const con_command *command = con_command_find(word, why);
    return command != NULL ? command->name : "";
}

static void
test_finding(void **state)
{
    con_buffer why = {0};
    assert_text(found("ps", &why), "ps");
    assert_text(found("stat", &why), "status");
    assert_text(found("q", &why), "quit");
    assert_int_equal(con_buffer_used(&why), 0);
    assert_text(found("s", &why), "");
    assert_text(text_of(&why), "'s' could be status, slow");
    assert_text(found("stauts", &why), "");
    assert_text(text_of(&why), "there is no command 'stauts'; did you mean status?");
    assert_text(found("slwo", &why), "");
    assert_holds(text_of(&why), "did you mean slow?");
    assert_text(found("xyzzyxyzzy", &why), "");
    assert_text(text_of(&why), "there is no command 'xyzzyxyzzy'; help lists them all");
    con_buffer_free(&why);
}

static void
test_long_words(void **state)
{
    char word[4096];
    con_buffer why = {0};
    memset(word, 'p', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_text(found(word, &why), "");
    assert_true(con_buffer_used(&why) < 200);
    con_buffer_free(&why);
}

static void
check_completion(const char *text, const char *insert, const char *choices)
{
    con_buffer inserted = {0}, chosen = {0};
    con_command_complete(text, strlen(text), &inserted, &chosen);
    assert_text(text_of(&inserted), insert);
    assert_text(text_of(&chosen), choices);
    con_buffer_free(&inserted);
    con_buffer_free(&chosen);
}

static void
test_completing(void **state)
{
    check_completion("st", "atus ", "");
    check_completion("status", " ", "");
    check_completion("s", "", "status  slow  ");
    check_completion("x", "", "");
    check_completion("ps x", "", "");
    check_completion("help ca", "ncel ", "");
    check_completion("help ps x", "", "");
    check_completion("", "", "status  ps  top  slow  cancel  help  quit  ");
}

/* What help shows of each must be there, and fit. */
static void
test_every_command_is_described(void **state)
{
    for (size_t i = 0; con_commands[i] != NULL; i++) {
        const con_command *command = con_commands[i];
        assert_true(strlen(command->brief) > 0 && strlen(command->brief) <= 28);
        assert_true(strlen(command->name) + strlen(command->usage) <= 50);
        assert_true(command->text[strlen(command->text) - 1] == '\n');
        for (const char *line = command->text; *line != '\0';
             line = strchr(line, '\n') + 1) {
            assert_true(strcspn(line, "\n") <= 80);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_completing),
        cmocka_unit_test(test_every_command_is_described),
    };
    return run_all(tests);
}
