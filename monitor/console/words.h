/* Splitting a command line into words. */
#ifndef CON_WORDS_H
#define CON_WORDS_H

enum { CON_WORDS_MAX = 64 };

/* Splits line in place; argv gets pointers into it and a NULL behind the last.
   Blanks separate; '…' and "…" quote; a backslash takes the next character as it
   is, outside of '…'.  Returns how many, or -1 and a sentence in *error. */
int con_words(char *line, char *argv[CON_WORDS_MAX + 1], const char **error);

#endif /* CON_WORDS_H */
