/* The slow log: the last slow steps, and how often each culprit was one.

   The last MON_SLOW_KEPT reports are kept whole, their strings copied.  A
   culprit is known by a 64-bit hash of what, file and line; its count outlives
   its reports.  The counts are a table of fixed size, sets of eight: a culprit
   that finds its set full takes the place of the rarest in it.

   A mutex guards all of it, because the loop thread and a watchdog may both
   report.  Readers hold it for the copy of one report and never while they
   visit, so that no slow reader makes the loop slower. */
#include "monitor/inside.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CULPRIT_SETS = 256, CULPRIT_WAYS = 8 };

typedef struct slow_culprit {
    uint64_t hash;
    uint64_t count; /* 0: an empty place */
} slow_culprit;

typedef struct slow_entry {
    uint64_t began, ended;
    uint64_t task_id;
    uint64_t delayed, delay;
    uint64_t count;
    mon_cause cause;
    int line;
    char task_name[MON_NAME];
    char what[sizeof(((mon_slow_view *)0)->what)];
    char file[sizeof(((mon_slow_view *)0)->file)];
} slow_entry;

struct mon_slow_log {
    pthread_mutex_t lock;
    slow_entry *ring; /* MON_SLOW_KEPT of them, made at the first report */
    uint64_t head;    /* reports ever written to the ring */
    uint64_t first;   /* those before it are forgotten */
    uint64_t total;   /* since the last reset, those that found no memory included */
    slow_culprit culprit[CULPRIT_SETS][CULPRIT_WAYS];
};

mon_slow_log *
mon_slow_log_new(void)
{
    mon_slow_log *log = calloc(1, sizeof(*log));
    if (log != NULL && pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log);
        return NULL;
    }
    return log;
}

void
mon_slow_log_free(mon_slow_log *log)
{
    pthread_mutex_destroy(&log->lock);
    free(log->ring);
    free(log);
}

void
mon_slow_log_reset(mon_slow_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->first = log->head;
    log->total = 0;
    memset(log->culprit, 0, sizeof(log->culprit));
    pthread_mutex_unlock(&log->lock);
}

uint64_t
mon_slow_log_total(mon_slow_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t total = log->total;
    pthread_mutex_unlock(&log->lock);
    return total;
}

/* ---- culprits --------------------------------------------------------------- */

/* FNV-1a, with the NUL, so that two strings in a row stay two. */
static uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001B3);
    }
    return hash;
}

static uint64_t
culprit_hash(const char *what, const char *file, int line)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    hash = hash_bytes(hash, what, strlen(what) + 1);
    hash = hash_bytes(hash, file, strlen(file) + 1);
    return hash_bytes(hash, &line, sizeof(line));
}

/* The culprit's place, or that of the rarest in its set, emptied. */
static slow_culprit *
culprit_find(mon_slow_log *log, uint64_t hash)
{
    slow_culprit *set = log->culprit[(hash >> 32) % CULPRIT_SETS];
    slow_culprit *rarest = set;
    for (slow_culprit *c = set; c < set + CULPRIT_WAYS; c++) {
        if (c->count != 0 && c->hash == hash) {
            return c;
        }
        if (c->count < rarest->count) {
            rarest = c;
        }
    }
    *rarest = (slow_culprit){.hash = hash};
    return rarest;
}

/* ---- reports ------------------------------------------------------------ */

static void
text_copy(char *to, size_t size, const char *text)
{
    mon_text_copy(to, size, text, text != NULL ? strlen(text) : 0);
}

static void
entry_fill(slow_entry *e, const mon_slow_report *report, uint64_t count)
{
    e->began = report->began;
    e->ended = report->ended;
    e->task_id = report->task_id;
    e->delayed = report->delayed;
    e->delay = report->delay;
    e->count = count;
    e->cause = report->cause;
    e->line = report->line;
    text_copy(e->task_name, sizeof(e->task_name), report->task_name);
    text_copy(e->what, sizeof(e->what), report->what);
    text_copy(e->file, sizeof(e->file), report->file);
}

/* Under the lock.  A report that finds no memory is counted all the same. */
static void
log_keep(mon_slow_log *log, const mon_slow_report *report, uint64_t count)
{
    if (log->ring == NULL) {
        log->ring = calloc(MON_SLOW_KEPT, sizeof(*log->ring));
        if (log->ring == NULL) {
            return;
        }
    }
    entry_fill(&log->ring[log->head % MON_SLOW_KEPT], report, count);
    log->head++;
}

uint64_t
mon_slow_add(mon *m, const mon_slow_report *report)
{
    mon_slow_log *log = m->slow;
    const char *what = report->what != NULL ? report->what : "";
    const char *file = report->file != NULL ? report->file : "";
    uint64_t hash = culprit_hash(what, file, report->line);
    pthread_mutex_lock(&log->lock);
    uint64_t count = ++culprit_find(log, hash)->count;
    log->total++;
    log_keep(log, report, count);
    pthread_mutex_unlock(&log->lock);
    return count;
}

/* ---- readers ---------------------------------------------------------------- */

static uint64_t
log_head(mon_slow_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t head = log->head;
    pthread_mutex_unlock(&log->lock);
    return head;
}

/* False once report number `i` has left the ring or was forgotten. */
static bool
log_read(mon_slow_log *log, uint64_t i, slow_entry *out)
{
    pthread_mutex_lock(&log->lock);
    bool there = i >= log->first && log->head - i <= MON_SLOW_KEPT;
    if (there) {
        *out = log->ring[i % MON_SLOW_KEPT];
    }
    pthread_mutex_unlock(&log->lock);
    return there;
}

static void
entry_view(const mon *m, const slow_entry *e, mon_slow_view *out)
{
    int64_t ago = (int64_t)(mon_now(m) - e->ended);
    *out = (mon_slow_view){
        .ago = ago > 0 ? mon_clock_seconds(&m->clock, (uint64_t)ago) : 0,
        .ended = (double)mon_clock_ns(&m->clock, e->ended) / 1e9,
        .duration = mon_clock_seconds(&m->clock, e->ended - e->began),
        .task_id = e->task_id,
        .line = e->line,
        .cause = e->cause,
        .delayed = e->delayed,
        .delay = mon_clock_seconds(&m->clock, e->delay),
        .count = e->count,
    };
    memcpy(out->task_name, e->task_name, sizeof(out->task_name));
    memcpy(out->what, e->what, sizeof(out->what));
    memcpy(out->file, e->file, sizeof(out->file));
}

int
mon_each_slow(const mon *m, int (*visit)(const mon_slow_view *slow, void *arg), void *arg)
{
    slow_entry entry;
    mon_slow_view view;
    for (uint64_t i = log_head(m->slow); i-- > 0 && log_read(m->slow, i, &entry);) {
        entry_view(m, &entry, &view);
        int stop = visit(&view, arg);
        if (stop != 0) {
            return stop;
        }
    }
    return 0;
}
