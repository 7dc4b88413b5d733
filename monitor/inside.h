/* What the monitor's own files share with each other, and nobody else sees. */
#ifndef MON_INSIDE_H
#define MON_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "monitor/probe.h"

/* Each pair makes and frees one part of a monitor; -1 when out of memory. */
int mon_rows_init(mon *m);
void mon_rows_free(mon *m);
void mon_rows_reset(mon *m);

int mon_tasks_init(mon *m);
void mon_tasks_free(mon *m);
void mon_tasks_forget(mon *m, uint64_t stamp); /* every live record */
void mon_done_reset(mon *m);

mon_slow_log *mon_slow_log_new(void);
void mon_slow_log_free(mon_slow_log *log);
void mon_slow_log_reset(mon_slow_log *log);
uint64_t mon_slow_log_total(mon_slow_log *log); /* any thread */

mon_request_queue *mon_request_queue_new(void);
void mon_request_queue_free(mon_request_queue *queue);

/* The words of a record that readers see, from one record to another.  Either
   side may be shared; the caller holds or checks its sequence number. */
void mon_task_copy(mon_task *to, const mon_task *from);

/* The same for a name of MON_NAME bytes; even a torn copy ends with a NUL. */
void mon_name_copy(char *to, const char *from);

/* Copies a record that the loop may be writing; false if it is not a live task, or
   if the loop stopped for too long inside a write.  Any thread. */
bool mon_task_read(const mon_task *t, mon_task *copy);

/* Calls visit with a copy of each live record, until it returns non-zero. */
int mon_each_record(const mon *m, int (*visit)(const mon_task *copy, void *arg), void *arg);

/* UTF-8 from `text`, cut at a character's boundary to fit `size` bytes with the
   NUL, and without control characters, which a terminal would obey.  A NULL
   text is empty.  Returns the length. */
size_t mon_text_copy(char *to, size_t size, const char *text, size_t length);
char *mon_text_dup(const char *text); /* NULL for NULL, or out of memory */

/* A double has no MON_GET. */
static inline double
mon_get_double(const double *word)
{
    double value;
    __atomic_load(word, &value, __ATOMIC_RELAXED);
    return value;
}

static inline void
mon_set_double(double *word, double value)
{
    __atomic_store(word, &value, __ATOMIC_RELAXED);
}

#endif /* MON_INSIDE_H */
