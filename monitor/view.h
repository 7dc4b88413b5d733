/* What a reader calls: the monitor's tables as snapshots, and requests to the loop.

   Any thread may call these at any time, also while the loop is stuck: nothing
   here waits for the loop or needs the interpreter's lock.  Every figure handed
   out is in seconds or a count; strings in a snapshot are copies or belong to
   the monitor and live as long as the reader's reference to it. */
#ifndef MON_VIEW_H
#define MON_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mon mon;

enum { MON_NAME = 48 }; /* bytes of a task's name kept, with the final NUL */

typedef enum { MON_OFF, MON_ON } mon_level;
typedef enum { MON_AWAITING = 1, MON_READY, MON_RUNNING, MON_ENDED } mon_state;
typedef enum {
    MON_CAUSE_NONE,   /* not known, or a first step */
    MON_CAUSE_FUTURE, /* another task or callback finished a future, or called call_soon */
    MON_CAUSE_SELF,   /* it yielded and was scheduled again */
    MON_CAUSE_TIMER,
    MON_CAUSE_IO,
    MON_CAUSE_THREAD, /* call_soon_threadsafe from another thread */
    MON_CAUSE_SIGNAL,
} mon_cause;
typedef enum { MON_RESULT, MON_EXCEPTION, MON_CANCELLED, MON_DESTROYED } mon_outcome;
typedef enum { MON_COROUTINE, MON_CALLBACK } mon_row_kind;
typedef enum {
    MON_STOPPED,  /* the loop is not inside run_forever */
    MON_CALLING,  /* runs callbacks */
    MON_POLLING,  /* asks the kernel for events; idle when it blocks there */
    MON_GIL_WAIT, /* has events, waits for the interpreter's lock */
} mon_phase;

const char *mon_state_name(mon_state state); /* "awaiting", "ready", … */
const char *mon_cause_name(mon_cause cause); /* "timer", "io", … */
const char *mon_outcome_name(mon_outcome outcome);
const char *mon_phase_name(mon_phase phase);

/* ---- references --------------------------------------------------------- */

mon *mon_ref(mon *m);
void mon_unref(mon *m);

/* ---- tasks ------------------------------------------------------------- */

typedef struct mon_task_view {
    uint64_t id, parent; /* parent: 0 if it was not made by a task */
    char name[MON_NAME];
    const char *coro; /* the coroutine function's qualified name */
    const char *file;
    int line;
    mon_state state;
    mon_cause cause; /* what woke it last */
    int cause_fd;    /* the descriptor if cause is MON_CAUSE_IO, else -1 */
    uint64_t steps;
    double age;                      /* born until now, or until it ended */
    double in_state;                 /* since it entered `state` */
    double ready, running, awaiting; /* up to now: their sum is age */
    double longest;                  /* the longest step, the current one included */
    uint64_t born_ticks, ready_ticks, running_ticks, awaiting_ticks,
        age_ticks; /* the same, raw */
    /* Finished tasks only: */
    mon_outcome outcome;
    char error[MON_NAME]; /* the exception's type, or "" */
    double ended_ago;
} mon_task_view;

/* Calls visit for each live task, in no order, until it returns non-zero; what it
   returned is the result, else 0. */
typedef int (*mon_task_visit)(const mon_task_view *task, void *arg);
int mon_each_task(const mon *m, mon_task_visit visit, void *arg);

/* The same for the last finished tasks (up to 1000), newest first. */
int mon_each_done(const mon *m, mon_task_visit visit, void *arg);

/* 1 and *out filled for a live or still listed task, 0 if there is none of that id. */
int mon_get_task(const mon *m, uint64_t id, mon_task_view *out);

/* ---- the loop ---------------------------------------------------------- */

typedef struct mon_spread { /* a histogram in six figures; seconds */
    uint64_t count;
    double sum, p50, p90, p99, max;
} mon_spread;

typedef struct mon_status {
    mon_level level;
    mon_phase phase;
    double in_phase;
    double uptime; /* since the monitor began or was reset */
    double slow_threshold;
    uint64_t turns, callbacks, steps, polls; /* callbacks: plain ones, steps: of tasks */
    double running;       /* inside callbacks and steps, the current one included */
    double idle;          /* in a blocking poll */
    double polling;       /* in polls that did not block */
    double gil_wait;      /* had events, waited for the interpreter's lock */
    double stopped;       /* outside run_forever */
    double own;           /* the loop's own work: the rest of uptime */
    uint64_t ready_depth; /* callbacks that are due now */
    uint64_t live, awaiting, ready, in_step; /* tasks now, by state */
    uint64_t born, done, dropped; /* tasks; dropped: not seen, the table was full */
    uint64_t rows_folded; /* coroutines and callbacks that went to the row "other" */
    uint64_t slow;        /* slow steps ever seen */
    mon_spread step_time, ready_delay, loop_lag, poll_time, gil_time, timer_late;
    const char *clock_source;
    /* What runs now: */
    bool in_slice;
    double slice_time;   /* how long it has been running */
    uint64_t slice_task; /* task id, 0 for a plain callback */
    char slice_name[MON_NAME];
    const char *slice_what; /* coroutine or callback; NULL if not in_slice */
    const char *slice_file;
    int slice_line;
} mon_status;

void mon_get_status(const mon *m, mon_status *out);

typedef enum {
    MON_STEP_TIME,
    MON_READY_DELAY,
    MON_LOOP_LAG,
    MON_POLL_TIME,
    MON_GIL_TIME,
    MON_TIMER_LATE
} mon_measure;

const char *mon_measure_name(mon_measure which); /* "step_time", … */
enum { MON_MEASURES = 6 };

/* Calls visit(upper edge in seconds, count, arg) for each bucket that is not empty. */
void mon_each_bucket(const mon *m, mon_measure which,
                     void (*visit)(double upper, uint64_t count, void *arg), void *arg);

/* ---- totals by coroutine function and by callback --------------------------- */

typedef struct mon_row_view {
    mon_row_kind kind;
    const char *name;
    const char *file; /* NULL if it has none */
    int line;
    uint64_t calls, steps; /* a coroutine's calls are the tasks that ran it */
    double ready, running, awaiting, longest;
} mon_row_view;

/* Live tasks' current state counts up to now. */
int mon_each_row(const mon *m, mon_row_kind kind,
                 int (*visit)(const mon_row_view *row, void *arg), void *arg);

/* ---- slow steps -------------------------------------------------------- */

typedef struct mon_slow_view {
    double ago;   /* seconds since it ended */
    double ended; /* CLOCK_MONOTONIC seconds */
    double duration;
    uint64_t task_id; /* 0 for a plain callback */
    char task_name[MON_NAME];
    char what[128];
    char file[256];
    int line;
    mon_cause cause;
    uint64_t delayed;
    double delay;
    uint64_t count; /* of this culprit, up to and with this one */
} mon_slow_view;

/* Newest first. */
int mon_each_slow(const mon *m, int (*visit)(const mon_slow_view *slow, void *arg),
                  void *arg);

/* ---- requests: what only the loop thread can do --------------------------------- */

typedef struct mon_request mon_request;

typedef enum { MON_CANCEL } mon_request_kind;
typedef enum {
    MON_REQUEST_WAITING,
    MON_REQUEST_DONE,    /* text: what was done */
    MON_REQUEST_REFUSED, /* text: why not */
    MON_REQUEST_CLOSED,  /* the loop is closed */
} mon_request_state;

/* Queues a request and wakes the loop.  notify(arg) is called once, on the thread that
   answers; it must only signal.  NULL when out of memory.  The caller owns it and
   gives it up with mon_request_drop, answered or not; after that notify is not called,
   and a request that the loop has not taken yet is not carried out. */
mon_request *mon_request_send(mon *m, mon_request_kind kind, uint64_t id,
                              void (*notify)(void *arg), void *arg);
mon_request_state mon_request_poll(mon_request *r, char *text, size_t size);
void mon_request_drop(mon_request *r);

#endif /* MON_VIEW_H */
