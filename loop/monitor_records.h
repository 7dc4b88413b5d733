/* The monitor's snapshots as Python objects.

   Each function takes a snapshot first and makes objects of it afterwards: the
   monitor's own locks are never held while Python code (a collector's finalizer,
   say) could run.  All need the interpreter's lock; they return a new reference,
   or NULL with the exception set. */
#ifndef LOOP_MONITOR_RECORDS_H
#define LOOP_MONITOR_RECORDS_H

#include "loop/compat.h"
#include "monitor/view.h"

PyObject *records_tasks(const mon *m, bool done);        /* list of dicts */
PyObject *records_rows(const mon *m, mon_row_kind kind); /* list of dicts */
PyObject *records_slow(const mon *m);                    /* list of dicts, newest first */
PyObject *records_status(const mon *m);                  /* dict */
PyObject *records_buckets(const mon *m,
                          mon_measure which); /* list of (upper edge, count) */

#endif /* LOOP_MONITOR_RECORDS_H */
