/* A growing run of bytes: added at the end, taken at the front.

   Running out of memory is kept in `failed` instead of being returned from each
   call, so that a command can print without a check a line; the client is
   dropped when it is delivered. */
#ifndef CON_BUFFER_H
#define CON_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct con_buffer {
    char *data;
    size_t head, tail; /* the bytes are data[head] .. data[tail - 1] */
    size_t size;
    bool failed;
} con_buffer;

void con_buffer_add(con_buffer *b, const void *bytes, size_t count);
void con_buffer_adds(con_buffer *b, const char *text);
void con_buffer_addc(con_buffer *b, char byte);
void con_buffer_fill(con_buffer *b, char byte, size_t count);
void con_buffer_addf(con_buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void con_buffer_addv(con_buffer *b, const char *format, va_list args);

/* Forgets the first `count` bytes, or all. */
void con_buffer_take(con_buffer *b, size_t count);
void con_buffer_clear(con_buffer *b);
void con_buffer_free(con_buffer *b);

static inline size_t
con_buffer_used(const con_buffer *b)
{
    return b->tail - b->head;
}

static inline const char *
con_buffer_bytes(const con_buffer *b)
{
    return b->data != NULL ? b->data + b->head : "";
}

#endif /* CON_BUFFER_H */
