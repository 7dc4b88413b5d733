/* Splitting a command line into words, with a shell's quotes and none of its
   other magic.  The words are written over the line, which they never outgrow. */
#include <stdbool.h>
#include <stddef.h>
#include "monitor/console/words.h"

static bool
word_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Copies what lies between quotes from *from to *to; false if they stay open. */
static bool
word_quoted(char **from, char **to, char quote)
{
    char *in = *from, *out = *to;
    while (*in != quote) {
        if (*in == '\\' && quote == '"' && in[1] != '\0') {
            in++;
        }
        if (*in == '\0') {
            return false;
        }
        *out++ = *in++;
    }
    *from = in + 1;
    *to = out;
    return true;
}

/* Copies one word; leaves *from behind it. */
static bool
word_take(char **from, char **to)
{
    while (**from != '\0' && !word_blank(**from)) {
        char byte = *(*from)++;
        if (byte == '\'' || byte == '"') {
            if (!word_quoted(from, to, byte)) {
                return false;
            }
            continue;
        }
        if (byte == '\\' && **from != '\0') {
            byte = *(*from)++;
        }
        *(*to)++ = byte;
    }
    return true;
}

int
con_words(char *line, char *argv[CON_WORDS_MAX + 1], const char **error)
{
    int count = 0;
    char *from = line, *to = line;
    for (;;) {
        while (word_blank(*from)) {
            from++;
        }
        if (*from == '\0') {
            argv[count] = NULL;
            return count;
        }
        if (count == CON_WORDS_MAX) {
            *error = "there are too many words";
            return -1;
        }
        argv[count++] = to;
        if (!word_take(&from, &to)) {
            *error = "a quote is not closed";
            return -1;
        }
        bool more = *from != '\0';
        *to++ = '\0';
        from += more ? 1 : 0;
    }
}
