/* The best few of many tasks, and their table: what `ps` and `top` share.

   Tasks are looked at one by one as the monitor hands them out; only those that
   are among the best so far are copied.  So 100,000 tasks cost a comparison each
   and the memory of the twenty that are shown. */
#ifndef CON_TASKS_H
#define CON_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include "monitor/console/buffer.h"
#include "monitor/console/samples.h"
#include "monitor/view.h"

enum { CON_TASKS_MOST = 10000 }; /* that can be asked for */

/* The columns' names, with a NULL behind the last: what --sort takes.  "busy" is the
   last, and there only with samples. */
extern const char *const con_task_columns[];
extern const char *const con_task_columns_sampled[];
enum { CON_SORT_RUNNING = 5, CON_SORT_BUSY = 10 };

/* Where a task comes in the order: the smaller number first, then text, then id. */
typedef struct con_rank {
    double number;
    const char *text; /* inside of the view, or NULL */
    uint64_t id;
} con_rank;

typedef struct con_task {
    mon_task_view view;
    double busy;
    con_rank rank;
} con_task;

typedef struct con_tasks {
    int sort;             /* index into the columns' names */
    const char *filter;   /* NULL: all */
    size_t limit;         /* how many to keep, at least 1 */
    con_samples *samples; /* NULL: no column "busy" */
    con_task *slots;
    con_task **heap; /* the last of those kept at the top; sorted when read */
    size_t kept, matched, seen;
} con_tasks;

/* Reads the live tasks of m into t, whose first four members the caller has set.
   false when out of memory; free it in any case. */
bool con_tasks_read(con_tasks *t, mon *m);
void con_tasks_free(con_tasks *t);

/* The table, and a line that says "20 of 100000 tasks". */
void con_tasks_print(const con_tasks *t, con_buffer *out, size_t width, bool colour);

#endif /* CON_TASKS_H */
