/* Batches of gathered writes, from a free list of their loop: see stream_write.c. */
#include "loop/write_batch.h"
#include "loop/stream.h"

enum {
    SMALL_WRITE = 512, /* up to this many bytes are copied into the arena */
    BATCHES_KEPT = 64,
};

write_batch *
write_batch_new(LoopObject *loop)
{
    stream_room *room = &loop->streams;
    write_batch *batch = room->spare;

    if (batch != NULL) {
        room->spare = batch->next_spare;
        room->spare_count--;
    }
    else {
        batch = PyMem_Malloc(sizeof(*batch));
        if (batch == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
    }
    batch->stream = NULL;
    batch->bytes = 0;
    batch->arena_used = 0;
    batch->count = 0;
    return batch;
}

void
write_batch_free(LoopObject *loop, write_batch *batch)
{
    stream_room *room = &loop->streams;

    for (unsigned i = 0; i < batch->count; i++) {
        Py_CLEAR(batch->owner[i]);
    }
    if (room->spare_count < BATCHES_KEPT && !loop->closed) {
        batch->next_spare = room->spare;
        room->spare = batch;
        room->spare_count++;
    }
    else {
        PyMem_Free(batch);
    }
}

void
write_batches_free(LoopObject *loop)
{
    stream_room *room = &loop->streams;
    while (room->spare != NULL) {
        write_batch *batch = room->spare;
        room->spare = batch->next_spare;
        PyMem_Free(batch);
    }
    room->spare_count = 0;
}

static void
batch_append(write_batch *batch, PyObject *owner, char *base, size_t size)
{
    batch->buffer[batch->count].base = base;
    batch->buffer[batch->count].len = size;
    batch->owner[batch->count] = owner;
    batch->count++;
    batch->bytes += size;
}

/* Copies a small piece behind the last one. */
static void
batch_copy(write_batch *batch, const char *base, size_t size)
{
    char *place = batch->arena + batch->arena_used;

    memcpy(place, base, size);
    batch->arena_used += size;
    uv_buf_t *last = batch->count > 0 ? &batch->buffer[batch->count - 1] : NULL;
    if (last != NULL && batch->owner[batch->count - 1] == NULL &&
        last->base + last->len == place) {
        last->len += size;
        batch->bytes += size;
    }
    else {
        batch_append(batch, NULL, place, size);
    }
}

int
write_batch_add(write_batch *batch, PyObject *owner, const char *base, size_t size)
{
    if (size <= SMALL_WRITE && size <= BATCH_ARENA - batch->arena_used) {
        batch_copy(batch, base, size);
        return 0;
    }
    if (owner != NULL) {
        batch_append(batch, Py_NewRef(owner), (char *)base, size);
        return 0;
    }
    PyObject *copy = PyBytes_FromStringAndSize(base, (Py_ssize_t)size);
    if (copy == NULL) {
        return -1;
    }
    batch_append(batch, copy, PyBytes_AS_STRING(copy), size);
    return 0;
}

unsigned
write_batch_advance(write_batch *batch, size_t written)
{
    unsigned i = 0;
    batch->bytes -= written;
    while (i < batch->count && written >= batch->buffer[i].len) {
        written -= batch->buffer[i].len;
        i++;
    }
    if (written > 0) {
        batch->buffer[i].base += written;
        batch->buffer[i].len -= written;
    }
    return i;
}
