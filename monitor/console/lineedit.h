/* The line editor for terminals in character mode: bytes in, screen updates out.

   It knows nothing of sockets.  It draws with carriage returns, spaces and
   backspaces only, which every terminal understands, and scrolls a long line
   sideways instead of wrapping it. */
#ifndef CON_LINEEDIT_H
#define CON_LINEEDIT_H

#include <stdbool.h>
#include <stddef.h>
#include "monitor/console/buffer.h"
#include "monitor/console/history.h"
#include "monitor/console/lines.h"

typedef enum {
    CON_EDIT_MORE,
    CON_EDIT_LINE,      /* text[] is a whole line, with a NUL */
    CON_EDIT_TAB,       /* complete the word before the cursor */
    CON_EDIT_INTERRUPT, /* Ctrl-C: the line was dropped */
    CON_EDIT_END,       /* Ctrl-D on an empty line */
    CON_EDIT_TOO_LONG,  /* said once; the rest of the line is dropped */
    CON_EDIT_DROPPED,   /* a line that was too long has ended */
} con_edit_event;

typedef struct con_edit {
    char text[CON_LINE_MAX + 1];
    size_t used, cursor; /* bytes */
    size_t from;         /* the first byte shown */
    size_t shown;        /* columns that prompt and text took when last drawn */
    const char *prompt;
    size_t width; /* of the window */
    bool ansi;    /* the terminal understands more than \r and \b */
    bool secret;  /* show nothing that is typed */
    bool dropping;
    int escape;         /* 0, or what came of an escape sequence: ESC, '[', 'O' */
    unsigned parameter; /* the first number of an escape sequence */
    bool parameter_done;
    char pending[4]; /* an incomplete UTF-8 character */
    size_t pending_used;
    con_history history;
} con_edit;

/* A new line: shows the prompt, which must live as long as the line. */
void con_edit_begin(con_edit *e, const char *prompt, bool secret, con_buffer *out);

/* After anything but CON_EDIT_MORE and CON_EDIT_TAB the caller begins a new line. */
con_edit_event con_edit_byte(con_edit *e, unsigned char byte, con_buffer *out);

/* Inserts at the cursor, as if typed. */
void con_edit_insert(con_edit *e, const char *text, size_t size, con_buffer *out);

/* Takes prompt and line off the screen, for something else to be printed, and
   puts them back. */
void con_edit_hide(con_edit *e, con_buffer *out);
void con_edit_show(con_edit *e, con_buffer *out);

void con_edit_free(con_edit *e);

#endif /* CON_LINEEDIT_H */
