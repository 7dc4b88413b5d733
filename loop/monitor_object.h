/* _loop.Monitor and _loop.Console: what Python sees of the monitor. */
#ifndef LOOP_MONITOR_OBJECT_H
#define LOOP_MONITOR_OBJECT_H

#include "loop/loop.h"

/* The Monitor of a constructed loop; new reference, or NULL with the exception set. */
PyObject *monitor_object_new(LoopObject *loop);

/* Starts a console for `m`; `token` may be NULL.  A new _loop.Console, or NULL with
   ValueError (the address cannot be read) or OSError set. */
PyObject *console_object_start(PyTypeObject *type, mon *m, const char *address,
                               const char *token);

#endif /* LOOP_MONITOR_OBJECT_H */
