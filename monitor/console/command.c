/* The table of commands, and the way from a line to one of them.

   A word may be any unique beginning of a command's name.  One that is neither is
   answered with the names that are nearest to it, by edit distance. */
#include <string.h>
#include "monitor/console/command.h"
#include "monitor/console/words.h"

const con_command *const con_commands[] = {
    &con_cmd_status, &con_cmd_ps,   &con_cmd_top,  &con_cmd_slow,
    &con_cmd_cancel, &con_cmd_help, &con_cmd_quit, NULL,
};

enum { NEAR_ENOUGH = 2, LONGEST_WORD = 24 };

static bool
command_begins(const con_command *command, const char *word, size_t size)
{
    return strncmp(command->name, word, size) == 0;
}

static size_t
least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many letters must be put in, left out or changed (Levenshtein). */
static size_t
command_distance(const char *a, const char *b)
{
    size_t row[LONGEST_WORD + 1];
    size_t length = strlen(b);
    if (strlen(a) > LONGEST_WORD || length > LONGEST_WORD) {
        return LONGEST_WORD;
    }
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t changed = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = least_of(row[j] + 1, row[j - 1] + 1, changed);
        }
    }
    return row[length];
}

/* Adds the names that `word` begins, or that are near it: "a, b". */
static size_t
command_list(con_buffer *out, const char *word, bool nearest)
{
    size_t count = 0;
    for (size_t i = 0; con_commands[i] != NULL; i++) {
        const char *name = con_commands[i]->name;
        if (nearest ? command_distance(word, name) <= NEAR_ENOUGH
                    : command_begins(con_commands[i], word, strlen(word))) {
            con_buffer_addf(out, "%s%s", count++ > 0 ? ", " : "", name);
        }
    }
    return count;
}

static void
command_unknown(const char *word, size_t matches, con_buffer *why)
{
    if (matches > 1) {
        con_buffer_addf(why, "'%s' could be ", word);
        command_list(why, word, false);
        return;
    }
    con_buffer near = {0};
    con_buffer_addf(why, "there is no command '%.40s'", word);
    if (command_list(&near, word, true) > 0) {
        con_buffer_adds(why, "; did you mean ");
        con_buffer_add(why, con_buffer_bytes(&near), con_buffer_used(&near));
        con_buffer_addc(why, '?');
    }
    else {
        con_buffer_adds(why, "; help lists them all");
    }
    con_buffer_free(&near);
}

const con_command *
con_command_find(const char *word, con_buffer *why)
{
    const con_command *found = NULL;
    size_t matches = 0;
    for (size_t i = 0; con_commands[i] != NULL; i++) {
        if (strcmp(con_commands[i]->name, word) == 0) {
            return con_commands[i];
        }
        if (command_begins(con_commands[i], word, strlen(word))) {
            found = con_commands[i];
            matches++;
        }
    }
    if (matches == 1) {
        return found;
    }
    command_unknown(word, matches, why);
    return NULL;
}

void
con_command_run(con_client *c, char *line)
{
    char *argv[CON_WORDS_MAX + 1];
    const char *error;
    int argc = con_words(line, argv, &error);
    if (argc < 0) {
        con_error(c, "%s", error);
        return;
    }
    if (argc == 0) {
        return;
    }
    con_buffer why = {0};
    const con_command *command = con_command_find(argv[0], &why);
    if (command != NULL) {
        command->run(c, argc, argv);
    }
    else {
        con_error(c, "%.*s", (int)con_buffer_used(&why), con_buffer_bytes(&why));
    }
    con_buffer_free(&why);
}

bool
con_command_flags(con_client *c, const con_flag *flags, size_t count, int argc, char **argv)
{
    char error[512];
    con_buffer why = {0};
    if (con_flags_read(flags, count, argc, argv, error, sizeof(error))) {
        return true;
    }
    const con_command *command = con_command_find(argv[0], &why);
    con_error(c, "%s: %s", command != NULL ? command->name : argv[0], error);
    con_buffer_free(&why);
    return false;
}

/* ---- completion ----------------------------------------------------------- */

/* Where the word to complete begins: the first, or help's argument.  NULL if a
   command's name does not belong here. */
static const char *
complete_word(const char *text, size_t *size)
{
    const char *word = text;
    const char *end = text + *size;
    if (*size >= 5 && memcmp(text, "help ", 5) == 0) {
        word += 5;
    }
    *size = (size_t)(end - word);
    return memchr(word, ' ', *size) == NULL ? word : NULL;
}

void
con_command_complete(const char *text, size_t size, con_buffer *insert, con_buffer *choices)
{
    const char *word = complete_word(text, &size);
    const char *first = NULL;
    size_t matches = 0, common = 0;
    for (size_t i = 0; word != NULL && con_commands[i] != NULL; i++) {
        const char *name = con_commands[i]->name;
        if (!command_begins(con_commands[i], word, size)) {
            continue;
        }
        if (matches++ == 0) {
            first = name;
            common = strlen(name);
        }
        while (strncmp(first, name, common) != 0) {
            common--;
        }
        con_buffer_addf(choices, "%s  ", name);
    }
    if (matches > 0) {
        con_buffer_add(insert, first + size, common - size);
    }
    if (matches == 1) {
        con_buffer_addc(insert, ' ');
    }
    if (con_buffer_used(insert) > 0) {
        con_buffer_clear(choices);
    }
}
