/* Reading options: "-n 5", "-n5", "--sort name" and "--sort=name". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/console/flags.h"

/* The option that `word` is, with *inside set to a value in the same word. */
static const con_flag *
flag_find(const con_flag *flags, size_t count, const char *word, const char **inside)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(flags[i].name);
        bool lengthy = flags[i].name[1] == '-';
        if (strncmp(word, flags[i].name, length) != 0) {
            continue;
        }
        if (word[length] == '\0') {
            *inside = NULL;
            return &flags[i];
        }
        if (!lengthy || word[length] == '=') {
            *inside = word + length + (lengthy ? 1 : 0);
            return &flags[i];
        }
    }
    return NULL;
}

static bool
flag_unknown(const con_flag *flags, size_t count, const char *word, char *error,
             size_t size)
{
    int used = snprintf(
        error, size, word[0] == '-' ? "there is no option '%s'" : "'%s' is too much", word);
    const char *before = count > 0 ? "; the options are " : "; it takes no options";
    for (size_t i = 0; used >= 0 && (size_t)used < size && i < (count > 0 ? count : 1);
         i++) {
        used += snprintf(error + used, size - (size_t)used, "%s%s", before,
                         count > 0 ? flags[i].name : "");
        before = ", ";
    }
    return false;
}

static bool
flag_number(const con_flag *flag, const char *text, char *error, size_t size)
{
    char *end;
    double value = strtod(text, &end);
    bool whole = flag->kind == CON_FLAG_COUNT;
    bool digits = strspn(text, "0123456789.") == strlen(text);
    if (*text == '\0' || !digits || *end != '\0' ||
        !(value >= flag->least && value <= flag->most) ||
        (whole && value != floor(value))) {
        snprintf(error, size, "%s takes %s from %g to %.0f, not '%s'", flag->name,
                 whole ? "a number" : "seconds", flag->least, flag->most, text);
        return false;
    }
    if (whole) {
        *(size_t *)flag->value = (size_t)value;
    }
    else {
        *(double *)flag->value = value;
    }
    return true;
}

/* The index of the choice that `text` is or alone begins; -1 for none, -2 for
   several. */
static int
flag_choice_index(const char *const *choices, const char *text)
{
    int found = -1;
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            return i;
        }
        if (*text != '\0' && strncmp(choices[i], text, strlen(text)) == 0) {
            found = found == -1 ? i : -2;
        }
    }
    return found;
}

static bool
flag_choice(const con_flag *flag, const char *text, char *error, size_t size)
{
    int index = flag_choice_index(flag->choices, text);
    if (index >= 0) {
        *(int *)flag->value = index;
        return true;
    }
    int used = snprintf(error, size, "%s does not take '%s'; it takes ", flag->name, text);
    for (int i = 0; used >= 0 && (size_t)used < size && flag->choices[i] != NULL; i++) {
        used += snprintf(error + used, size - (size_t)used, "%s%s", i > 0 ? ", " : "",
                         flag->choices[i]);
    }
    return false;
}

static bool
flag_set(const con_flag *flag, const char *text, char *error, size_t size)
{
    switch (flag->kind) {
    case CON_FLAG_COUNT:
    case CON_FLAG_SECONDS:
        return flag_number(flag, text, error, size);
    case CON_FLAG_CHOICE:
        return flag_choice(flag, text, error, size);
    case CON_FLAG_TEXT:
        break;
    }
    *(const char **)flag->value = text;
    return true;
}

bool
con_flags_read(const con_flag *flags, size_t count, int argc, char **argv, char *error,
               size_t size)
{
    for (int i = 1; i < argc; i++) {
        const char *value;
        const con_flag *flag = flag_find(flags, count, argv[i], &value);
        if (flag == NULL) {
            return flag_unknown(flags, count, argv[i], error, size);
        }
        if (value == NULL && ++i == argc) {
            snprintf(error, size, "%s needs a value", flag->name);
            return false;
        }
        if (!flag_set(flag, value != NULL ? value : argv[i], error, size)) {
            return false;
        }
    }
    return true;
}
