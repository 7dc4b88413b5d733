/* Snapshots: right for one thread, and never torn while the loop's thread churns. */
#include "support.h"

#include <pthread.h>

/* ---- at rest -------------------------------------------------------------- */

static void
test_the_state_counts_up_to_now(void **state)
{
    mon *m = new_monitor();
    uint64_t second = mon_clock_duration(&m->clock, 1);
    uint64_t now = mon_now(m);
    mon_task_view v;
    mon_task *t = new_task(m, 1, "t", now - 100 * second);
    assert_int_equal(mon_get_task(m, t->id, &v), 1);
    assert_int_equal(v.state, MON_AWAITING);
    assert_near(v.awaiting, 100, 1);
    mon_task_ready(m, t, now - 60 * second, MON_CAUSE_THREAD, 3);
    mon_get_task(m, t->id, &v);
    assert_int_equal(v.cause, MON_CAUSE_THREAD);
    assert_int_equal(v.cause_fd, -1);
    assert_near(v.awaiting, 40, 1);
    assert_near(v.ready, 60, 1);
    assert_near(v.in_state, 60, 1);
    mon_step_begin(m, t, now - 50 * second);
    mon_get_task(m, t->id, &v);
    assert_near(v.running, 50, 1);
    assert_near(v.longest, 50, 1);
    assert_near(v.age, 100, 1);
    assert_near(v.ready + v.running + v.awaiting, v.age, 1e-6);
    assert_true(v.ready_ticks + v.running_ticks + v.awaiting_ticks == v.age_ticks);
    mon_unref(m);
}

static void
test_a_stamp_from_the_future_is_now(void **state)
{
    mon *m = new_monitor();
    mon_task_view v;
    mon_task *t = new_task(m, 1, "t", mon_now(m) + mon_clock_duration(&m->clock, 10));
    mon_get_task(m, t->id, &v);
    assert_true(v.age_ticks == 0 && v.awaiting_ticks == 0 && v.in_state == 0);
    mon_unref(m);
}

static void
test_found_while_listed(void **state)
{
    mon *m = new_monitor();
    mon_task_view v;
    uint64_t id = new_task(m, 1, "first", mon_now(m))->id;
    mon_task_done(m, mon_task_find(m, key_of(1)), mon_now(m), MON_RESULT, NULL);
    assert_int_equal(mon_get_task(m, id, &v), 1);
    assert_int_equal(v.state, MON_ENDED);
    assert_near(v.ended_ago, 0, 1);
    for (uint64_t i = 0; i < MON_DONE_KEPT; i++) {
        mon_task_done(m, new_task(m, 1, "t", mon_now(m)), mon_now(m), MON_RESULT, NULL);
    }
    assert_int_equal(mon_get_task(m, id, &v), 0);
    assert_int_equal(mon_get_task(m, id + 1, &v), 1);
    assert_int_equal(mon_get_task(m, 0, &v), 0);
    mon_unref(m);
}

static int
stop_with(const mon_task_view *view, void *arg)
{
    return *(int *)arg;
}

static void
test_a_visitor_may_stop(void **state)
{
    mon *m = new_monitor();
    int value = 17;
    assert_int_equal(mon_each_task(m, stop_with, &value), 0);
    new_task(m, 1, "t", mon_now(m));
    assert_int_equal(mon_each_task(m, stop_with, &value), 17);
    mon_unref(m);
}

/* A loop thread that stopped inside a write is waited for, but not for ever. */
static void
test_a_record_half_written_is_left_out(void **state)
{
    mon *m = new_monitor();
    size_t listed = 0;
    mon_task *t = new_task(m, 1, "t", mon_now(m));
    new_task(m, 2, "t", mon_now(m));
    mon_seq_write_begin(&t->seq);
    mon_each_task(m, count_tasks, &listed);
    assert_int_equal(listed, 1);
    mon_seq_write_end(&t->seq);
    mon_each_task(m, count_tasks, &listed);
    assert_int_equal(listed, 3);
    mon_unref(m);
}

/* ---- under churn ------------------------------------------------------------ */

enum { ADDRESSES = 700, READERS = 2, CHURN_MS = 1200 };

typedef struct churn {
    mon *m;
    mon_row *rows[7];
    uint64_t head, tail;
    bool over;
} churn;

typedef struct reader {
    churn *c;
    uint64_t seen, done, running, errors;
    uint64_t last;     /* an id seen lately */
    const char *wrong; /* the last thing that was */
} reader;

/* Asserts are for the main thread alone: a reader only takes note. */
#define WRONG_IF(r, condition)                                                             \
    do {                                                                                   \
        if (condition) {                                                                   \
            (r)->errors++;                                                                 \
            (r)->wrong = #condition;                                                       \
        }                                                                                  \
    } while (0)

static void
name_of(uint64_t id, char *name)
{
    snprintf(name, MON_NAME, "task-%u-%.*s", (unsigned)id, (int)(id % 30),
             "abcdefghijklmnopqrstuvwxyzabcd");
}

static bool
task_is_whole(const mon_task_view *v)
{
    char name[MON_NAME];
    name_of(v->id, name);
    return v->ready_ticks + v->running_ticks + v->awaiting_ticks == v->age_ticks &&
           v->age_ticks < UINT64_C(1) << 44 && strcmp(v->name, name) == 0 &&
           v->coro[4] == (char)('0' + v->id % 7) && v->line == 7 && v->steps <= 3;
}

static int
check_live(const mon_task_view *v, void *arg)
{
    reader *r = arg;
    r->seen++;
    r->last = v->id;
    r->running += v->state == MON_RUNNING;
    WRONG_IF(r, !task_is_whole(v) || v->state < MON_AWAITING || v->state > MON_RUNNING);
    return 0;
}

static int
check_done(const mon_task_view *v, void *arg)
{
    reader *r = arg;
    r->done++;
    WRONG_IF(r,
             !task_is_whole(v) || v->state != MON_ENDED || strcmp(v->error, "Error") != 0);
    return 0;
}

static int
check_row(const mon_row_view *v, void *arg)
{
    reader *r = arg;
    WRONG_IF(r, v->awaiting < 0 || v->awaiting > 1e5 || v->name == NULL);
    return 0;
}

static void
check_bucket(double upper, uint64_t count, void *arg)
{
    reader *r = arg;
    WRONG_IF(r, count == 0 || upper > 1e3);
}

static void
check_status(const mon *m, reader *r)
{
    mon_status s;
    char name[MON_NAME];
    mon_get_status(m, &s);
    WRONG_IF(r, s.live != s.awaiting + s.ready + s.in_step || s.live > ADDRESSES + 1);
    WRONG_IF(r, s.ready_depth > 1);
    WRONG_IF(r, s.running < 0 || s.running > s.uptime + 1 || s.own < 0 || s.own > s.uptime);
    if (s.in_slice) {
        WRONG_IF(r, s.slice_time < 0 || s.slice_time > 10 || s.slice_what == NULL);
    }
    if (s.in_slice && s.slice_task != 0) {
        name_of(s.slice_task, name);
        WRONG_IF(r, strcmp(s.slice_name, name) != 0);
        WRONG_IF(r, s.slice_what[4] != (char)('0' + s.slice_task % 7));
    }
}

static void *
read_all(void *arg)
{
    reader *r = arg;
    const mon *m = r->c->m;
    mon_task_view v;
    while (!MON_FOLLOW(r->c->over)) {
        mon_each_task(m, check_live, r);
        mon_each_done(m, check_done, r);
        mon_each_row(m, MON_COROUTINE, check_row, r);
        mon_each_row(m, MON_CALLBACK, check_row, r);
        mon_each_bucket(m, MON_STEP_TIME, check_bucket, r);
        check_status(m, r);
        if (mon_get_task(m, r->last, &v)) {
            WRONG_IF(r, !task_is_whole(&v) || v.id != r->last);
        }
    }
    return NULL;
}

static mon_task *
churn_birth(churn *c, uint64_t key)
{
    char name[MON_NAME];
    uint64_t id = c->m->next_id;
    name_of(id, name);
    return mon_task_born(c->m, key_of(key), c->rows[id % 7], name, strlen(name), NULL,
                         mon_now(c->m));
}

static void
churn_step(churn *c, mon_task *t)
{
    mon *m = c->m;
    MON_BUMP(c->tail, 1);
    mon_task_ready(m, t, mon_now(m), MON_CAUSE_IO, 5);
    MON_BUMP(c->head, 1);
    mon_step_begin(m, t, mon_now(m));
    uint64_t end = mon_now(m);
    mon_step_end(m, t, end);
    if (t->steps == 3) {
        mon_task_done(m, t, end, MON_EXCEPTION, "Error");
    }
}

/* Now and then the loop polls, and is reset, as a loop may be. */
static void
churn_poll(churn *c, uint64_t turn)
{
    mon *m = c->m;
    mon_poll_begin(m, mon_now(m));
    mon_poll_blocks(m, mon_now(m));
    mon_poll_wakes(m, mon_now(m));
    mon_gil_taken(m, mon_now(m));
    mon_poll_end(m, mon_now(m));
    mon_anchor(m);
    if (turn % 1000 == 0) {
        mon_reset(m);
    }
}

static void
churn_turn(churn *c, uint64_t *seed, uint64_t turn)
{
    mon *m = c->m;
    for (int i = 0; i < 20; i++) {
        uint64_t key = random_next(seed) % ADDRESSES;
        mon_task *t = mon_task_find(m, key_of(key));
        churn_step(c, t != NULL ? t : churn_birth(c, key));
    }
    mon_call_begin(m, m->rows + MON_ROWS_FIXED, mon_now(m), 3);
    mon_call_end(m, mon_now(m));
    churn_poll(c, turn);
    if (turn % 4000 == 3999) {
        mon_set_level(m, MON_OFF);
        mon_set_level(m, MON_ON);
    }
}

static void
churn_begin(churn *c)
{
    c->m = new_monitor();
    new_row(c->m, MON_CALLBACK, key_of(90000), "tick");
    for (uint64_t i = 0; i < 7; i++) {
        char name[8];
        snprintf(name, sizeof(name), "coro%d", (int)i);
        c->rows[i] = new_row(c->m, MON_COROUTINE, key_of(90001 + i), name);
    }
    mon_attach_ring(c->m, &c->head, &c->tail);
    mon_run_begin(c->m, mon_now(c->m));
}

static void
test_readers_while_the_loop_churns(void **state)
{
    churn c = {0};
    reader r[READERS];
    pthread_t thread[READERS];
    uint64_t seed = 5, end = mon_clock_monotonic_ns() + CHURN_MS * UINT64_C(1000000);
    churn_begin(&c);
    for (size_t i = 0; i < READERS; i++) {
        r[i] = (reader){.c = &c};
        assert_int_equal(pthread_create(&thread[i], NULL, read_all, &r[i]), 0);
    }
    for (uint64_t turn = 1; mon_clock_monotonic_ns() < end; turn++) {
        churn_turn(&c, &seed, turn);
    }
    MON_PUBLISH(c.over, true);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(thread[i], NULL);
        if (r[i].errors != 0) {
            fail_msg("%d times: %s", (int)r[i].errors, r[i].wrong);
        }
        assert_true(r[i].seen > 1000 && r[i].done > 1000);
    }
    mon_attach_ring(c.m, NULL, NULL);
    mon_unref(c.m);
}

/* Loops come and go while a console looks at their rings. */
static void *
read_status(void *arg)
{
    churn *c = arg;
    mon_status s;
    while (!MON_FOLLOW(c->over)) {
        mon_get_status(c->m, &s);
    }
    return NULL;
}

static void
test_a_ring_freed_once_it_is_detached(void **state)
{
    churn c = {.m = new_monitor()};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_status, &c), 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t *ring = calloc(2, sizeof(*ring));
        mon_attach_ring(c.m, &ring[0], &ring[1]);
        mon_attach_ring(c.m, NULL, NULL);
        free(ring);
    }
    MON_PUBLISH(c.over, true);
    pthread_join(thread, NULL);
    mon_unref(c.m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_state_counts_up_to_now),
        cmocka_unit_test(test_a_stamp_from_the_future_is_now),
        cmocka_unit_test(test_found_while_listed),
        cmocka_unit_test(test_a_visitor_may_stop),
        cmocka_unit_test(test_a_record_half_written_is_left_out),
        cmocka_unit_test(test_readers_while_the_loop_churns),
        cmocka_unit_test(test_a_ring_freed_once_it_is_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
