/* The growing run of bytes behind all output and unread input.

   Its memory doubles as needed and is given back when a large one runs empty, so
   that sixteen clients do not keep what one long listing took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/console/buffer.h"

enum { BUFFER_FIRST = 256, BUFFER_KEPT = 64 * 1024 };

static void
buffer_compact(con_buffer *b)
{
    if (b->head > 0) {
        memmove(b->data, b->data + b->head, b->tail - b->head);
        b->tail -= b->head;
        b->head = 0;
    }
}

/* True if `count` more bytes fit behind the tail. */
static bool
buffer_reserve(con_buffer *b, size_t count)
{
    if (b->failed) {
        return false;
    }
    if (b->size - b->tail >= count) {
        return true;
    }
    if (b->head > 0) {
        buffer_compact(b);
    }
    size_t size = b->size ? b->size : BUFFER_FIRST;
    while (size - b->tail < count) {
        size *= 2;
    }
    char *data = size == b->size ? b->data : realloc(b->data, size);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->size = size;
    return true;
}

void
con_buffer_add(con_buffer *b, const void *bytes, size_t count)
{
    if (count > 0 && buffer_reserve(b, count)) {
        memcpy(b->data + b->tail, bytes, count);
        b->tail += count;
    }
}

void
con_buffer_adds(con_buffer *b, const char *text)
{
    con_buffer_add(b, text, strlen(text));
}

void
con_buffer_addc(con_buffer *b, char byte)
{
    con_buffer_add(b, &byte, 1);
}

void
con_buffer_fill(con_buffer *b, char byte, size_t count)
{
    if (count > 0 && buffer_reserve(b, count)) {
        memset(b->data + b->tail, byte, count);
        b->tail += count;
    }
}

void
con_buffer_addv(con_buffer *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0) {
        b->failed = true;
    }
    else if (buffer_reserve(b, (size_t)length + 1)) {
        vsnprintf(b->data + b->tail, (size_t)length + 1, format, again);
        b->tail += (size_t)length;
    }
    va_end(again);
}

void
con_buffer_addf(con_buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    con_buffer_addv(b, format, args);
    va_end(args);
}

void
con_buffer_take(con_buffer *b, size_t count)
{
    b->head += count;
    if (b->head >= b->tail) {
        con_buffer_clear(b);
    }
}

void
con_buffer_clear(con_buffer *b)
{
    b->head = b->tail = 0;
    if (b->size > BUFFER_KEPT) {
        free(b->data);
        b->data = NULL;
        b->size = 0;
    }
}

void
con_buffer_free(con_buffer *b)
{
    free(b->data);
    *b = (con_buffer){0};
}
