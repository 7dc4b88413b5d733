/* UTF-8 as far as a console needs it: characters, columns, and making foreign
   text harmless. */
#ifndef CON_TEXT_H
#define CON_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include "monitor/console/buffer.h"

enum { CON_TEXT_INVALID = 0xFFFFFFFF };

/* The character at text, and how many bytes it takes (at least 1).  An invalid
   or cut-off sequence is one byte of CON_TEXT_INVALID. */
size_t con_text_decode(const char *text, size_t size, uint32_t *character);

/* Columns on a screen: 0 for combining marks, 2 for wide characters, and -1 for
   what must not reach a terminal (controls, bidirectional overrides, …). */
int con_text_width(uint32_t character);

size_t con_text_columns(const char *text, size_t size);

/* The byte offset of the next or previous character, its marks included. */
size_t con_text_next(const char *text, size_t size, size_t at);
size_t con_text_previous(const char *text, size_t at);

/* How many bytes of text fit into `columns`; from its end for con_text_tail, which
   returns the offset where that end begins. */
size_t con_text_fit(const char *text, size_t size, size_t columns);
size_t con_text_tail(const char *text, size_t size, size_t columns);

/* Adds text with '?' for each character that must not reach a terminal.  Task
   names and error texts come from anywhere, and an escape sequence in one must
   not drive the reader's screen. */
void con_text_clean(con_buffer *out, const char *text, size_t size);

#endif /* CON_TEXT_H */
