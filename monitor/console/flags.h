/* Reading a command's options out of its words, by a table. */
#ifndef CON_FLAGS_H
#define CON_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    CON_FLAG_COUNT,
    CON_FLAG_SECONDS,
    CON_FLAG_TEXT,
    CON_FLAG_CHOICE
} con_flag_kind;

typedef struct con_flag {
    const char *name; /* "-n", "--sort" */
    con_flag_kind kind;
    void *value;                /* size_t, double, const char *, or the index as int */
    double least, most;         /* of a count or seconds */
    const char *const *choices; /* with a NULL behind the last */
} con_flag;

/* Stores what argv[1..] sets.  A choice may be any unique beginning.  false, and a
   sentence in error that says what is accepted, if a word is no option or has a
   bad value; values read before stay set. */
bool con_flags_read(const con_flag *flags, size_t count, int argc, char **argv, char *error,
                    size_t size);

#endif /* CON_FLAGS_H */
