/* The best few of many tasks: a bounded heap whose top is the last of those kept.

   A newcomer that would come after the top is passed over, which is what happens to
   nearly all; one that comes before it takes its place. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/console/table.h"
#include "monitor/console/tasks.h"
#include "monitor/console/units.h"

#define TASK_NAMES                                                                         \
    "id", "state", "name", "coroutine", "age", "running", "ready", "awaiting", "steps",    \
        "longest"

const char *const con_task_columns[] = {TASK_NAMES, NULL};
const char *const con_task_columns_sampled[] = {TASK_NAMES, "busy", NULL};

enum { SORT_ID, SORT_STATE, SORT_NAME, SORT_COROUTINE, SORT_AGE, SORT_READY = 6 };
enum { SORT_AWAITING = 7, SORT_STEPS = 8, SORT_LONGEST = 9 };

static const con_column task_layout[] = {
    {"id", CON_RIGHT},
    {"state", CON_LEFT},
    {"name", CON_LEFT, .least = 7},
    {"coroutine", CON_LEFT, .least = 9, .keep_end = true},
    {"age", CON_RIGHT, .spare = 3},
    {"running", CON_RIGHT},
    {"ready", CON_RIGHT, .spare = 2},
    {"awaiting", CON_RIGHT, .spare = 1},
    {"steps", CON_RIGHT, .spare = 5},
    {"longest", CON_RIGHT, .spare = 4},
};

static const con_column task_layout_sampled[] = {
    {"id", CON_RIGHT},
    {"busy", CON_RIGHT},
    {"state", CON_LEFT},
    {"name", CON_LEFT, .least = 7},
    {"coroutine", CON_LEFT, .least = 9, .keep_end = true},
    {"age", CON_RIGHT, .spare = 6},
    {"running", CON_RIGHT, .spare = 1},
    {"ready", CON_RIGHT, .spare = 3},
    {"awaiting", CON_RIGHT, .spare = 2},
    {"steps", CON_RIGHT, .spare = 5},
    {"longest", CON_RIGHT, .spare = 4},
};

/* ---- order -------------------------------------------------------------- */

static con_rank
task_rank(int sort, const mon_task_view *view, double busy)
{
    con_rank rank = {.id = view->id};
    switch (sort) {
    case SORT_STATE:
        rank.number = -(double)view->state;
        break;
    case SORT_NAME:
        rank.text = view->name;
        break;
    case SORT_COROUTINE:
        rank.text = view->coro;
        break;
    case SORT_AGE:
        rank.number = -view->age;
        break;
    case CON_SORT_RUNNING:
        rank.number = -view->running;
        break;
    case SORT_READY:
        rank.number = -view->ready;
        break;
    case SORT_AWAITING:
        rank.number = -view->awaiting;
        break;
    case SORT_STEPS:
        rank.number = -(double)view->steps;
        break;
    case SORT_LONGEST:
        rank.number = -view->longest;
        break;
    case CON_SORT_BUSY:
        rank.number = -busy;
        break;
    default:
        break;
    }
    return rank;
}

static bool
rank_before(const con_rank *a, const con_rank *b)
{
    if (a->number != b->number) {
        return a->number < b->number;
    }
    if (a->text != NULL && b->text != NULL) {
        int order = strverscmp(a->text, b->text); /* Task-2 before Task-10 */
        if (order != 0) {
            return order < 0;
        }
    }
    return a->id < b->id;
}

/* ---- the heap ----------------------------------------------------------- */

static void
heap_swap(con_task **a, con_task **b)
{
    con_task *kept = *a;
    *a = *b;
    *b = kept;
}

static void
heap_up(con_task **heap, size_t at)
{
    while (at > 0 && rank_before(&heap[(at - 1) / 2]->rank, &heap[at]->rank)) {
        heap_swap(&heap[(at - 1) / 2], &heap[at]);
        at = (at - 1) / 2;
    }
}

static void
heap_down(con_task **heap, size_t count, size_t at)
{
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (rank_before(&heap[last]->rank, &heap[child]->rank)) {
                last = child;
            }
        }
        if (last == at) {
            return;
        }
        heap_swap(&heap[last], &heap[at]);
        at = last;
    }
}

/* Takes the last to the end, again and again: the heap becomes a sorted array. */
static void
heap_sort(con_task **heap, size_t count)
{
    while (count > 1) {
        heap_swap(&heap[0], &heap[--count]);
        heap_down(heap, count, 0);
    }
}

/* ---- reading ------------------------------------------------------------ */

static bool
tasks_match(const con_tasks *t, const mon_task_view *view)
{
    return t->filter == NULL || strcasestr(view->name, t->filter) != NULL ||
           (view->coro != NULL && strcasestr(view->coro, t->filter) != NULL) ||
           strcasestr(mon_state_name(view->state), t->filter) != NULL;
}

static void
task_fill(con_tasks *t, con_task *task, const mon_task_view *view, double busy)
{
    task->view = *view;
    task->busy = busy;
    task->rank = task_rank(t->sort, &task->view, busy);
}

static int
tasks_visit(const mon_task_view *view, void *arg)
{
    con_tasks *t = arg;
    double busy = t->samples != NULL ? con_samples_busy(t->samples, view) : 0;
    t->seen++;
    if (!tasks_match(t, view)) {
        return 0;
    }
    t->matched++;
    if (t->kept < t->limit) {
        t->heap[t->kept] = &t->slots[t->kept];
        task_fill(t, t->heap[t->kept], view, busy);
        heap_up(t->heap, t->kept++);
        return 0;
    }
    con_rank rank = task_rank(t->sort, view, busy);
    if (rank_before(&rank, &t->heap[0]->rank)) {
        task_fill(t, t->heap[0], view, busy);
        heap_down(t->heap, t->kept, 0);
    }
    return 0;
}

bool
con_tasks_read(con_tasks *t, mon *m)
{
    t->kept = t->matched = t->seen = 0;
    t->slots = malloc(t->limit * sizeof(*t->slots));
    t->heap = malloc(t->limit * sizeof(*t->heap));
    if (t->slots == NULL || t->heap == NULL) {
        return false;
    }
    mon_each_task(m, tasks_visit, t);
    heap_sort(t->heap, t->kept);
    return true;
}

void
con_tasks_free(con_tasks *t)
{
    free(t->slots);
    free(t->heap);
    t->slots = NULL;
    t->heap = NULL;
}

/* ---- printing ----------------------------------------------------------- */

static void
tasks_seconds(con_table *table, double seconds)
{
    char text[CON_UNIT];
    con_table_cell(table, con_duration(text, seconds));
}

static void
tasks_number(con_table *table, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    con_table_cell(table, text);
}

static void
tasks_row(const con_tasks *t, con_table *table, const con_task *task)
{
    char text[CON_UNIT];
    const mon_task_view *view = &task->view;
    con_table_row(table, view->state == MON_RUNNING ? 32 : 0); /* green */
    tasks_number(table, view->id);
    if (t->samples != NULL) {
        con_table_cell(table, con_share(text, task->busy, 1));
    }
    con_table_cell(table, mon_state_name(view->state));
    con_table_cell(table, view->name);
    con_table_cell(table, view->coro != NULL ? view->coro : "");
    tasks_seconds(table, view->age);
    tasks_seconds(table, view->running);
    tasks_seconds(table, view->ready);
    tasks_seconds(table, view->awaiting);
    con_table_cell(table, con_count(text, view->steps));
    tasks_seconds(table, view->longest);
}

static void
tasks_footer(const con_tasks *t, con_buffer *out)
{
    if (t->filter != NULL) {
        con_buffer_addf(out, "%zu of %zu tasks that match, of %zu in all\n", t->kept,
                        t->matched, t->seen);
    }
    else if (t->kept < t->seen) {
        con_buffer_addf(out, "%zu of %zu tasks\n", t->kept, t->seen);
    }
    else {
        con_buffer_addf(out, "%zu task%s\n", t->seen, t->seen == 1 ? "" : "s");
    }
}

void
con_tasks_print(const con_tasks *t, con_buffer *out, size_t width, bool colour)
{
    con_table table;
    if (t->samples != NULL) {
        con_table_init(&table, task_layout_sampled,
                       sizeof(task_layout_sampled) / sizeof(*task_layout_sampled));
    }
    else {
        con_table_init(&table, task_layout, sizeof(task_layout) / sizeof(*task_layout));
    }
    for (size_t i = 0; i < t->kept; i++) {
        tasks_row(t, &table, t->heap[i]);
    }
    con_table_print(&table, out, width, colour);
    tasks_footer(t, out);
}
