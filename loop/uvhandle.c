/* The life of uv handles that are embedded in Python objects: loop.h has the rule. */
#include "loop/loop.h"

void
uvhandle_opened(UvHandle *self, uv_handle_t *uv)
{
    LoopObject *loop = self->loop;
    uv->data = self;
    self->uv = uv;
    self->state = UVH_OPEN;
    self->next = loop->open;
    self->prev = &loop->open;
    if (loop->open != NULL) {
        loop->open->prev = &self->next;
    }
    loop->open = self;
    Py_INCREF(self);
}

static void
on_closed(uv_handle_t *uv)
{
    UvHandle *self = uv->data;
    gil_take(self->loop);
    self->state = UVH_CLOSED;
    *self->prev = self->next;
    if (self->next != NULL) {
        self->next->prev = self->prev;
    }
    self->next = NULL;
    self->prev = NULL;
    if (self->on_closed != NULL) {
        self->on_closed(self);
    }
    Py_DECREF(self); /* the open list's */
}

void
uvhandle_close(UvHandle *self)
{
    if (self->state == UVH_OPEN) {
        self->state = UVH_CLOSING;
        uv_close(self->uv, on_closed);
    }
}
