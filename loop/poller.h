/* add_reader() and add_writer(): see poller.c. */
#ifndef LOOP_POLLER_H
#define LOOP_POLLER_H

#include "loop/callback.h"

/* Watch `fd`: each returns the new Handle (a new reference), or NULL. */
PyObject *poller_add(LoopObject *loop, int fd, int event, PyObject *callback,
                     PyObject *const *args, Py_ssize_t nargs);
/* 1 if something was watched, 0 if not, -1 with an exception. */
int poller_remove(LoopObject *loop, int fd, int event);

#endif /* LOOP_POLLER_H */
