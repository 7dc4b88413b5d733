/* The lines that one client has entered, for the arrow keys. */
#ifndef CON_HISTORY_H
#define CON_HISTORY_H

#include <stddef.h>

enum { CON_HISTORY_LINES = 64 };

typedef struct con_history {
    char *line[CON_HISTORY_LINES]; /* the oldest first */
    size_t count;
    size_t at;   /* the one shown; count: the new line */
    char *draft; /* the new line while an old one is shown */
} con_history;

/* Keeps a line, unless it is empty or the same as the last. */
void con_history_add(con_history *h, const char *line);

/* The line before or after the one shown, which holds `shown` now; NULL at an end. */
const char *con_history_older(con_history *h, const char *shown);
const char *con_history_newer(con_history *h);

/* A new line begins. */
void con_history_rewind(con_history *h);
void con_history_free(con_history *h);

#endif /* CON_HISTORY_H */
