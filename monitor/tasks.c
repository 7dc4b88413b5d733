/* The task records: birth, new names, and the end.

   Records live in chunks that are never moved nor given back before the monitor
   itself, so a reader may look at any record at any time; what it finds there it
   trusts only if the record is listed and its sequence number did not move.
   Ended records go to a free list and serve again.  The index from a Task's
   address to its record is linear probing at a load of at most one half, with
   backward-shift deletion; readers never see it.  The last finished tasks stay
   in a ring, each entry under a sequence number of its own.

   Everything here runs on the loop's thread.  A birth that finds no memory is
   counted in `dropped`, and that task is not seen; nothing else happens. */
#include "monitor/inside.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_FIRST = 64 }; /* slots to begin with; a power of two */

/* ---- the index -------------------------------------------------------- */

static void
index_put(struct mon_task_slot *slots, size_t mask, mon_task *t)
{
    size_t i = mon_hash(t->key) & mask;
    while (slots[i].key != NULL) {
        i = (i + 1) & mask;
    }
    slots[i] = (struct mon_task_slot){t->key, t};
}

/* Makes room for one more key. */
static bool
index_reserve(mon_task_index *index)
{
    size_t capacity = index->mask + 1;
    if (2 * (index->used + 1) <= capacity) {
        return true;
    }
    struct mon_task_slot *slots = calloc(2 * capacity, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < capacity; i++) {
        if (index->slots[i].key != NULL) {
            index_put(slots, 2 * capacity - 1, index->slots[i].task);
        }
    }
    free(index->slots);
    index->slots = slots;
    index->mask = 2 * capacity - 1;
    return true;
}

/* Closes the hole at `hole`: each later key of the same run moves up if the hole
   lies between its home and where it is. */
static void
index_close_hole(mon_task_index *index, size_t hole)
{
    struct mon_task_slot *slots = index->slots;
    size_t mask = index->mask;
    for (size_t i = (hole + 1) & mask; slots[i].key != NULL; i = (i + 1) & mask) {
        size_t home = mon_hash(slots[i].key) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            slots[hole] = slots[i];
            hole = i;
        }
    }
    slots[hole] = (struct mon_task_slot){NULL, NULL};
}

static void
index_remove(mon_task_index *index, const void *key)
{
    size_t i = mon_hash(key) & index->mask;
    while (index->slots[i].key != key) {
        if (index->slots[i].key == NULL) {
            return;
        }
        i = (i + 1) & index->mask;
    }
    index_close_hole(index, i);
    index->used--;
}

/* ---- records ------------------------------------------------------------ */

static bool
chunk_add(mon *m)
{
    uint32_t n = m->chunks;
    if (n == MON_TASK_CHUNKS) {
        return false;
    }
    mon_task *chunk = calloc(MON_TASK_CHUNK, sizeof(*chunk));
    if (chunk == NULL) {
        return false;
    }
    for (size_t i = MON_TASK_CHUNK; i-- > 0;) {
        chunk[i].next_free = m->free_tasks;
        m->free_tasks = &chunk[i];
    }
    m->chunk[n] = chunk;
    MON_PUBLISH(m->chunks, n + 1);
    return true;
}

static mon_task *
record_take(mon *m)
{
    if (m->free_tasks == NULL && !chunk_add(m)) {
        return NULL;
    }
    mon_task *t = m->free_tasks;
    m->free_tasks = t->next_free;
    return t;
}

static void
record_give_back(mon *m, mon_task *t)
{
    mon_seq_write_begin(&t->seq);
    MON_SET(t->state, (uint8_t)MON_ENDED);
    MON_SET(t->listed, false);
    mon_seq_write_end(&t->seq);
    t->next_free = m->free_tasks;
    m->free_tasks = t;
    MON_BUMP(m->live, -1);
}

static uint64_t *
row_total(mon_row *row, uint8_t state)
{
    return state == MON_READY     ? &row->ready
           : state == MON_RUNNING ? &row->running
                                  : &row->awaiting;
}

static uint64_t *
record_total(mon_task *t, uint8_t state)
{
    return state == MON_READY     ? &t->ready
           : state == MON_RUNNING ? &t->running
                                  : &t->awaiting;
}

/* Charges the time in the current state to its total, up to `stamp`. */
static void
record_settle(mon_task *t, uint64_t stamp)
{
    uint64_t spent = (int64_t)(stamp - t->since) > 0 ? stamp - t->since : 0;
    mon_seq_write_begin(&t->seq);
    MON_BUMP(*record_total(t, t->state), spent);
    MON_SET(t->since, t->since + spent);
    mon_seq_write_end(&t->seq);
    MON_BUMP(*row_total(t->row, t->state), spent);
}

void
mon_name_copy(char *to, const char *from)
{
    char c = '\1';
    for (size_t i = 0; i < MON_NAME - 1 && c != '\0'; i++) {
        c = MON_GET(from[i]);
        MON_SET(to[i], c);
    }
    MON_SET(to[MON_NAME - 1], '\0');
}

void
mon_task_copy(mon_task *to, const mon_task *from)
{
    MON_SET(to->state, MON_GET(from->state));
    MON_SET(to->cause, MON_GET(from->cause));
    MON_SET(to->listed, MON_GET(from->listed));
    MON_SET(to->cause_fd, MON_GET(from->cause_fd));
    MON_SET(to->steps, MON_GET(from->steps));
    MON_SET(to->since, MON_GET(from->since));
    MON_SET(to->born, MON_GET(from->born));
    MON_SET(to->ready, MON_GET(from->ready));
    MON_SET(to->running, MON_GET(from->running));
    MON_SET(to->awaiting, MON_GET(from->awaiting));
    MON_SET(to->longest, MON_GET(from->longest));
    MON_SET(to->row, MON_GET(from->row));
    MON_SET(to->id, MON_GET(from->id));
    MON_SET(to->parent, MON_GET(from->parent));
    mon_name_copy(to->name, from->name);
}

/* ---- finished tasks --------------------------------------------------------- */

static void
done_keep(mon *m, const mon_task *t, mon_outcome outcome, const char *error)
{
    mon_done *done = &m->done_ring[m->done_head % MON_DONE_KEPT];
    char text[MON_NAME];
    mon_text_copy(text, sizeof(text), error, error != NULL ? strlen(error) : 0);
    mon_seq_write_begin(&done->seq);
    mon_task_copy(&done->task, t);
    MON_SET(done->task.state, (uint8_t)MON_ENDED);
    MON_SET(done->outcome, outcome);
    MON_SET(done->ended, t->since);
    mon_name_copy(done->error, text);
    mon_seq_write_end(&done->seq);
    MON_PUBLISH(m->done_head, m->done_head + 1);
}

void
mon_done_reset(mon *m)
{
    MON_SET(m->done_first, m->done_head);
}

/* ---- life --------------------------------------------------------------- */

int
mon_tasks_init(mon *m)
{
    m->done_ring = calloc(MON_DONE_KEPT, sizeof(*m->done_ring));
    m->index.slots = calloc(INDEX_FIRST, sizeof(*m->index.slots));
    if (m->done_ring == NULL || m->index.slots == NULL) {
        free(m->index.slots);
        free(m->done_ring);
        return -1;
    }
    m->index.mask = INDEX_FIRST - 1;
    m->next_id = 1;
    return 0;
}

void
mon_tasks_free(mon *m)
{
    for (uint32_t i = 0; i < m->chunks; i++) {
        free(m->chunk[i]);
    }
    free(m->index.slots);
    free(m->done_ring);
}

/* The task whose step runs now; a step that has ended is nobody's parent. */
static uint64_t
task_parent(const mon *m)
{
    const mon_task *t = m->slice_task;
    return m->slice_start != 0 && t != NULL && t->state == MON_RUNNING ? t->id : 0;
}

static void
task_name(mon_task *t, const char *name, size_t size, const void *name_key)
{
    char text[MON_NAME];
    mon_text_copy(text, sizeof(text), name, size);
    mon_name_copy(t->name, text);
    t->name_key = name_key;
}

static void
task_begin(mon *m, mon_task *t, uint64_t stamp, uint64_t parent)
{
    MON_SET(t->state, (uint8_t)MON_AWAITING);
    MON_SET(t->cause, (uint8_t)MON_CAUSE_NONE);
    MON_SET(t->cause_fd, -1);
    MON_SET(t->steps, 0);
    MON_SET(t->since, stamp);
    MON_SET(t->born, stamp);
    MON_SET(t->ready, 0);
    MON_SET(t->running, 0);
    MON_SET(t->awaiting, 0);
    MON_SET(t->longest, 0);
    MON_SET(t->id, m->next_id++);
    MON_SET(t->parent, parent);
    MON_SET(t->listed, true);
    t->requeued = false;
}

mon_task *
mon_task_born(mon *m, const void *key, mon_row *row, const char *name, size_t name_size,
              const void *name_key, uint64_t stamp)
{
    uint64_t parent = task_parent(m);
    mon_task *stale = mon_task_find(m, key);
    if (stale != NULL) {
        mon_task_done(m, stale, stamp, MON_DESTROYED, NULL);
    }
    mon_task *t = index_reserve(&m->index) ? record_take(m) : NULL;
    if (t == NULL) {
        MON_BUMP(m->dropped, 1);
        return NULL;
    }
    t->key = key;
    mon_seq_write_begin(&t->seq);
    MON_SET(t->row, row != NULL ? row : &m->rows[MON_ROW_OTHER]);
    task_name(t, name, name_size, name_key);
    task_begin(m, t, stamp, parent);
    mon_seq_write_end(&t->seq);
    index_put(m->index.slots, m->index.mask, t);
    m->index.used++;
    MON_BUMP(t->row->calls, 1);
    MON_BUMP(m->live, 1);
    MON_BUMP(m->born, 1);
    return t;
}

void
mon_task_rename(mon *m, mon_task *t, const char *name, size_t name_size,
                const void *name_key)
{
    mon_seq_write_begin(&t->seq);
    task_name(t, name, name_size, name_key);
    mon_seq_write_end(&t->seq);
    (void)m;
}

/* The entry in the ring comes first, so that a reader who looks for an id among
   the live and then among the finished cannot miss it. */
void
mon_task_done(mon *m, mon_task *t, uint64_t stamp, mon_outcome outcome, const char *error)
{
    if (!t->listed) {
        return;
    }
    record_settle(t, stamp);
    done_keep(m, t, outcome, error);
    index_remove(&m->index, t->key);
    record_give_back(m, t);
    MON_BUMP(m->done, 1);
}

void
mon_tasks_forget(mon *m, uint64_t stamp)
{
    for (uint32_t i = 0; i < m->chunks; i++) {
        for (size_t k = 0; k < MON_TASK_CHUNK; k++) {
            mon_task *t = &m->chunk[i][k];
            if (t->listed) {
                record_settle(t, stamp);
                record_give_back(m, t);
            }
        }
    }
    memset(m->index.slots, 0, (m->index.mask + 1) * sizeof(*m->index.slots));
    m->index.used = 0;
}
