/* Two small hash tables from a task's id to its running time: the last frame's, and
   the one being filled.  Out of memory a task is not noted, and its next share is
   that of a new task. */
#include <stdlib.h>
#include "monitor/console/samples.h"

enum { SAMPLES_FIRST = 256 };

static con_sample *
sample_slot(const con_sample_set *set, uint64_t id)
{
    size_t at = (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (set->size - 1);
    while (set->slots[at].id != 0 && set->slots[at].id != id) {
        at = (at + 1) & (set->size - 1);
    }
    return &set->slots[at];
}

static bool
sample_grow(con_sample_set *set)
{
    con_sample_set larger = {.size = set->size > 0 ? set->size * 2 : SAMPLES_FIRST};
    larger.slots = calloc(larger.size, sizeof(*larger.slots));
    if (larger.slots == NULL) {
        return false;
    }
    larger.used = set->used;
    for (size_t i = 0; i < set->size; i++) {
        if (set->slots[i].id != 0) {
            *sample_slot(&larger, set->slots[i].id) = set->slots[i];
        }
    }
    free(set->slots);
    *set = larger;
    return true;
}

static void
sample_note(con_sample_set *set, uint64_t id, double running)
{
    if (set->used * 2 >= set->size && !sample_grow(set)) {
        return;
    }
    con_sample *slot = sample_slot(set, id);
    set->used += slot->id == 0;
    *slot = (con_sample){id, running};
}

void
con_samples_turn(con_samples *s, double time)
{
    free(s->before.slots);
    s->before = s->now;
    s->now = (con_sample_set){0};
    s->span = s->taken > 0 ? time - s->taken : 0;
    s->taken = time;
}

double
con_samples_busy(con_samples *s, const mon_task_view *task)
{
    sample_note(&s->now, task->id, task->running);
    if (!(s->span > 0)) {
        return task->age > 0 ? task->running / task->age : 0;
    }
    double before = s->before.size > 0 ? sample_slot(&s->before, task->id)->running : 0;
    double share = (task->running - before) / s->span;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

void
con_samples_free(con_samples *s)
{
    free(s->before.slots);
    free(s->now.slots);
    *s = (con_samples){0};
}
