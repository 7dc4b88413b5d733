/* Requests: what a reader asks of the loop's thread, and how it hears the answer.

   A reader queues a request and wakes the loop; the loop takes it, does what it
   says and answers.  A request belongs to both: it is freed when the reader has
   dropped it and the loop has answered it, in whichever order.  One that is
   dropped before the loop took it is withdrawn: nobody waits for it any more.

   Two locks, never both held:
     the queue's     the list, the waker, and the call of it, so that a loop that
                     has ended its waker is not woken any more;
     the request's   state and text, and the call of notify, so that a reader
                     that has dropped its request is not notified any more. */
#include "monitor/inside.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_TEXT = 512 };

struct mon_request {
    mon_request_kind kind;
    uint64_t id;
    mon_request *next;    /* under the queue's lock */
    pthread_mutex_t lock; /* guards what follows */
    int references;       /* the reader's and the loop's */
    bool dropped;
    mon_request_state state;
    void (*notify)(void *arg);
    void *arg;
    char text[REQUEST_TEXT];
};

struct mon_request_queue {
    pthread_mutex_t lock;
    mon_request *first, **last;
    bool closed; /* the waker was ended */
    void (*wake)(void *arg);
    void *arg;
};

/* ---- one request -------------------------------------------------------- */

static mon_request *
request_new(mon_request_kind kind, uint64_t id, void (*notify)(void *arg), void *arg)
{
    mon_request *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return NULL;
    }
    r->kind = kind;
    r->id = id;
    r->references = 2;
    r->state = MON_REQUEST_WAITING;
    r->notify = notify;
    r->arg = arg;
    return r;
}

/* Gives up the lock and one reference. */
static void
request_unlock_unref(mon_request *r)
{
    bool last = --r->references == 0;
    pthread_mutex_unlock(&r->lock);
    if (last) {
        pthread_mutex_destroy(&r->lock);
        free(r);
    }
}

static bool
request_dropped(mon_request *r)
{
    pthread_mutex_lock(&r->lock);
    bool dropped = r->dropped;
    pthread_mutex_unlock(&r->lock);
    return dropped;
}

mon_request_kind
mon_request_what(const mon_request *r)
{
    return r->kind;
}

uint64_t
mon_request_id(const mon_request *r)
{
    return r->id;
}

void
mon_request_answer(mon_request *r, mon_request_state state, const char *text)
{
    pthread_mutex_lock(&r->lock);
    mon_text_copy(r->text, sizeof(r->text), text, text != NULL ? strlen(text) : 0);
    r->state = state;
    if (r->notify != NULL) {
        r->notify(r->arg);
    }
    request_unlock_unref(r);
}

mon_request_state
mon_request_poll(mon_request *r, char *text, size_t size)
{
    pthread_mutex_lock(&r->lock);
    mon_request_state state = r->state;
    mon_text_copy(text, size, r->text, strlen(r->text));
    pthread_mutex_unlock(&r->lock);
    return state;
}

void
mon_request_drop(mon_request *r)
{
    pthread_mutex_lock(&r->lock);
    r->dropped = true;
    r->notify = NULL;
    request_unlock_unref(r);
}

static void
request_close(mon_request *r)
{
    mon_request_answer(r, MON_REQUEST_CLOSED, "the loop is closed");
}

/* ---- the queue ------------------------------------------------------------ */

mon_request_queue *
mon_request_queue_new(void)
{
    mon_request_queue *q = calloc(1, sizeof(*q));
    if (q == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        free(q);
        return NULL;
    }
    q->last = &q->first;
    return q;
}

/* Under the lock. */
static mon_request *
queue_pop(mon_request_queue *q)
{
    mon_request *r = q->first;
    if (r != NULL) {
        q->first = r->next;
        if (q->first == NULL) {
            q->last = &q->first;
        }
    }
    return r;
}

static mon_request *
queue_take(mon_request_queue *q)
{
    pthread_mutex_lock(&q->lock);
    mon_request *r = queue_pop(q);
    pthread_mutex_unlock(&q->lock);
    return r;
}

static void
queue_close_all(mon_request_queue *q)
{
    for (mon_request *r; (r = queue_take(q)) != NULL;) {
        request_close(r);
    }
}

void
mon_request_queue_free(mon_request_queue *q)
{
    queue_close_all(q);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

/* Requests that came before the first waker wait for it. */
void
mon_set_waker(mon *m, void (*wake)(void *arg), void *arg)
{
    mon_request_queue *q = m->requests;
    pthread_mutex_lock(&q->lock);
    q->wake = wake;
    q->arg = arg;
    q->closed = wake == NULL;
    if (wake != NULL && q->first != NULL) {
        wake(arg);
    }
    pthread_mutex_unlock(&q->lock);
    if (wake == NULL) {
        queue_close_all(q);
    }
}

/* False if the loop is closed. */
static bool
queue_put(mon_request_queue *q, mon_request *r)
{
    pthread_mutex_lock(&q->lock);
    bool open = !q->closed;
    if (open) {
        *q->last = r;
        q->last = &r->next;
        if (q->wake != NULL) {
            q->wake(q->arg);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return open;
}

mon_request *
mon_request_send(mon *m, mon_request_kind kind, uint64_t id, void (*notify)(void *arg),
                 void *arg)
{
    mon_request *r = request_new(kind, id, notify, arg);
    if (r != NULL && !queue_put(m->requests, r)) {
        request_close(r);
    }
    return r;
}

mon_request *
mon_request_take(mon *m)
{
    mon_request *r;
    while ((r = queue_take(m->requests)) != NULL && request_dropped(r)) {
        request_close(r);
    }
    return r;
}
