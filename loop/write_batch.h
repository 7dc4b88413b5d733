/* What a stream has gathered to write, and, once the kernel is full, libuv's request
   for it.  A batch owns references to the bytes objects in it and nothing else. */
#ifndef LOOP_WRITE_BATCH_H
#define LOOP_WRITE_BATCH_H

#include "loop/loop.h"

enum { BATCH_ITEMS = 32, BATCH_ARENA = 2048 };

typedef struct write_batch {
    uv_write_t request;
    StreamObject *stream; /* of a request in flight: borrowed, it is open */
    struct write_batch *next_spare;
    size_t bytes;
    size_t arena_used;
    unsigned count; /* at most BATCH_ITEMS */
    uv_buf_t buffer[BATCH_ITEMS];
    PyObject *owner[BATCH_ITEMS]; /* bytes; NULL: in the arena */
    char arena[BATCH_ARENA];
} write_batch;

/* Empty; NULL with MemoryError set. */
write_batch *write_batch_new(LoopObject *loop);
void write_batch_free(LoopObject *loop, write_batch *batch);
/* The loop is closed: frees its free list. */
void write_batches_free(LoopObject *loop);

/* Adds bytes to a batch that is not full: few are copied, many kept by a reference to
   `owner`, the bytes object that they are part of; NULL: they may change, copy them.
   0, or -1 with MemoryError set. */
int write_batch_add(write_batch *batch, PyObject *owner, const char *base, size_t size);

/* The first `written` bytes are the kernel's; returns the first item with bytes left. */
unsigned write_batch_advance(write_batch *batch, size_t written);

#endif /* LOOP_WRITE_BATCH_H */
