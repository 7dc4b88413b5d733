/* The loop's timers.

   One 4-ary heap, ordered by deadline and then by age, so that timers of one
   deadline fire in the order in which they were set.  A cancelled timer gives up
   its callback at once and stays until it comes to the top, unless it is the last
   leaf, or until more than half of the heap is cancelled: then they all go.

   The turn compares its stamps with loop->timers_due, the first deadline in ticks;
   only when that has passed is CLOCK_MONOTONIC read.  It decides: no timer fires
   before its time. */
#include "loop/timers.h"
#include "loop/turn.h"

enum { ARITY = 4, COMPACT_FROM = 64 };

static inline bool
before(const TimerObject *a, const TimerObject *b)
{
    return a->when < b->when || (a->when == b->when && a->order < b->order);
}

static void
sift_up(timer_heap *heap, size_t at)
{
    TimerObject *moving = heap->item[at];
    while (at > 0) {
        size_t parent = (at - 1) / ARITY;
        if (!before(moving, heap->item[parent])) {
            break;
        }
        heap->item[at] = heap->item[parent];
        at = parent;
    }
    heap->item[at] = moving;
}

static void
sift_down(timer_heap *heap, size_t at)
{
    TimerObject *moving = heap->item[at];
    for (;;) {
        size_t child = at * ARITY + 1;
        if (child >= heap->count) {
            break;
        }
        size_t end = child + ARITY < heap->count ? child + ARITY : heap->count;
        size_t least = child;
        for (size_t i = child + 1; i < end; i++) {
            if (before(heap->item[i], heap->item[least])) {
                least = i;
            }
        }
        if (!before(heap->item[least], moving)) {
            break;
        }
        heap->item[at] = heap->item[least];
        at = least;
    }
    heap->item[at] = moving;
}

/* Takes the first timer off the heap; the reference is the caller's. */
static TimerObject *
pop(timer_heap *heap)
{
    TimerObject *first = heap->item[0];
    heap->count--;
    if (heap->count > 0) {
        heap->item[0] = heap->item[heap->count];
        sift_down(heap, 0);
    }
    first->scheduled = false;
    if (first->base.cancelled) {
        heap->cancelled--;
    }
    return first;
}

static void
drop_cancelled_top(timer_heap *heap)
{
    while (heap->count > 0 && heap->item[0]->base.cancelled) {
        Py_DECREF(pop(heap));
    }
}

void
timers_set_due(LoopObject *loop)
{
    timer_heap *heap = &loop->timers;
    if (heap->count == 0) {
        loop->timers_due = UINT64_MAX;
        return;
    }
    double when = heap->item[0]->when;
    if (when <= 0) {
        loop->timers_due = 0;
        return;
    }
    double ns = when * 1e9;
    loop->timers_due =
        ns < 1e17 ? mon_clock_ticks_at(&loop->mon->clock, (uint64_t)ns) : UINT64_MAX;
}

static int
grow(timer_heap *heap)
{
    size_t capacity = heap->capacity ? heap->capacity * 2 : 64;
    TimerObject **item = PyMem_Realloc(heap->item, capacity * sizeof(*item));
    if (item == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    heap->item = item;
    heap->capacity = capacity;
    return 0;
}

int
timers_add(LoopObject *loop, TimerObject *timer)
{
    timer_heap *heap = &loop->timers;
    if (heap->count == heap->capacity && grow(heap) < 0) {
        return -1;
    }
    timer->order = heap->order++;
    timer->scheduled = true;
    heap->item[heap->count++] = (TimerObject *)Py_NewRef((PyObject *)timer);
    sift_up(heap, heap->count - 1);
    if (heap->item[0] == timer) {
        timers_set_due(loop);
    }
    return 0;
}

/* Takes all cancelled timers out at once: linear, and paid for by their number. */
static void
compact(LoopObject *loop)
{
    timer_heap *heap = &loop->timers;
    size_t kept = 0, gone = 0;
    /* The dead go behind the living before any is let go, so that what a finalizer
       does to the heap finds it whole. */
    for (size_t i = 0; i < heap->count; i++) {
        TimerObject *timer = heap->item[i];
        if (!timer->base.cancelled) {
            heap->item[i] = heap->item[kept];
            heap->item[kept++] = timer;
        }
    }
    TimerObject **dead = PyMem_Malloc((heap->count - kept) * sizeof(*dead));
    if (dead == NULL) {
        kept = heap->count; /* no memory: they go one by one as they come to the top */
    }
    for (size_t i = kept; i < heap->count; i++) {
        dead[gone] = heap->item[i];
        dead[gone++]->scheduled = false;
    }
    heap->count = kept;
    heap->cancelled -= gone;
    for (size_t i = kept / ARITY + 1; i-- > 0;) {
        if (i < kept) {
            sift_down(heap, i);
        }
    }
    timers_set_due(loop);
    for (size_t i = 0; i < gone; i++) {
        Py_DECREF(dead[i]);
    }
    PyMem_Free(dead);
}

void
timers_cancelled(LoopObject *loop, TimerObject *timer)
{
    timer_heap *heap = &loop->timers;
    heap->cancelled++;
    if (heap->item[heap->count - 1] == timer) {
        heap->count--;
        heap->cancelled--;
        timer->scheduled = false;
        if (heap->count == 0) {
            loop->timers_due = UINT64_MAX;
        }
        Py_DECREF(timer);
        return;
    }
    if (heap->cancelled > COMPACT_FROM && heap->cancelled * 2 > heap->count) {
        compact(loop);
    }
}

/* Since when a timer has been waiting for the loop, in ticks: its deadline, if callbacks
   were running then.  If the loop was idle, it was the kernel that had still to wake it. */
static uint64_t
due_since(LoopObject *loop, double when)
{
    uint64_t due =
        when > 0 ? mon_clock_ticks_at(&loop->mon->clock, (uint64_t)(when * 1e9)) : 0;
    due = due > loop->busy_since ? due : loop->busy_since;
    return due < loop->stamp ? due : loop->stamp;
}

int
timers_fire(LoopObject *loop)
{
    timer_heap *heap = &loop->timers;
    double now = timers_now();
    int result = 0;
    drop_cancelled_top(heap);
    while (heap->count > 0 && heap->item[0]->when <= now) {
        if (ring_reserve(loop) < 0) {
            result = -1;
            break;
        }
        TimerObject *timer = pop(heap);
        if (loop->timed) {
            double late = now - timer->when < 1e6 ? now - timer->when : 1e6;
            mon_timer_fired(loop->mon, mon_clock_duration(&loop->mon->clock, late));
            timer->base.stamp = due_since(loop, timer->when);
        }
        ring_push(loop, &timer->base);
        drop_cancelled_top(heap);
    }
    timers_set_due(loop);
    return result;
}

int64_t
timers_wait_ms(LoopObject *loop)
{
    timer_heap *heap = &loop->timers;
    drop_cancelled_top(heap);
    if (heap->count == 0) {
        loop->timers_due = UINT64_MAX;
        return -1;
    }
    double wait = heap->item[0]->when - timers_now();
    if (wait <= 0) {
        return 0;
    }
    if (wait > 86400.0) {
        return 86400 * 1000; /* a day at most: wake up, and look again */
    }
    double ms = wait * 1000.0;
    int64_t whole = (int64_t)ms;
    return (double)whole < ms ? whole + 1 : whole;
}

void
timers_overdue(LoopObject *loop, double since, uint64_t *count, double *late)
{
    timer_heap *heap = &loop->timers;
    double now = timers_now();
    *count = 0;
    *late = 0;
    for (size_t i = 0; i < heap->count; i++) {
        const TimerObject *timer = heap->item[i];
        if (!timer->base.cancelled && timer->when <= now) {
            *count += 1;
            *late += now - (timer->when > since ? timer->when : since);
        }
    }
}

void
timers_clear(LoopObject *loop)
{
    timer_heap *heap = &loop->timers;
    while (heap->count > 0) {
        TimerObject *timer = heap->item[--heap->count];
        timer->scheduled = false;
        handle_clear(&timer->base);
        Py_DECREF(timer);
    }
    heap->cancelled = 0;
    PyMem_Free(heap->item);
    heap->item = NULL;
    heap->capacity = 0;
    loop->timers_due = UINT64_MAX;
}

int
timers_visit(LoopObject *loop, visitproc visit, void *arg)
{
    for (size_t i = 0; i < loop->timers.count; i++) {
        Py_VISIT(loop->timers.item[i]);
    }
    return 0;
}
