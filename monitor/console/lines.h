/* Lines from a client that edits for itself or not at all: nc, scripts, telnet in
   line mode. */
#ifndef CON_LINES_H
#define CON_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum { CON_LINE_MAX = 4096 };

typedef enum {
    CON_LINES_MORE,
    CON_LINES_LINE,     /* text[] is a whole line, with a NUL */
    CON_LINES_TOO_LONG, /* said once; the rest of the line is dropped */
} con_lines_event;

typedef struct con_lines {
    char text[CON_LINE_MAX + 1];
    size_t used;
    bool dropping;
} con_lines;

/* '\n' ends a line.  After CON_LINES_LINE the next byte begins a new one. */
con_lines_event con_lines_byte(con_lines *l, char byte);

/* Makes a line of what has come without an end, if anything has. */
bool con_lines_last(con_lines *l);

#endif /* CON_LINES_H */
