/* Task records: the times add up, the index finds what it should and nothing else,
   and the table grows without moving anything. */
#include "support.h"

/* ---- birth and end ---------------------------------------------------------- */

static void
test_a_life(void **state)
{
    mon *m = new_monitor();
    mon_row *row = new_row(m, MON_COROUTINE, key_of(999), "main");
    mon_task *t = mon_task_born(m, key_of(1), row, "Task-1", 6, key_of(5), 1000);
    assert_int_equal(t->id, 1);
    assert_int_equal(t->parent, 0);
    assert_int_equal(t->state, MON_AWAITING);
    assert_ptr_equal(t->name_key, key_of(5));
    assert_ptr_equal(mon_task_find(m, key_of(1)), t);
    mon_task_ready(m, t, 1010, MON_CAUSE_IO, 4);
    mon_step_begin(m, t, 1030);
    assert_int_equal(mon_step_end(m, t, 1070), 40);
    mon_task_done(m, t, 1070, MON_EXCEPTION, "ValueError");
    assert_int_equal(t->state, MON_ENDED);
    assert_false(t->listed);
    assert_null(mon_task_find(m, key_of(1)));
    mon_task_view v = {0};
    assert_int_equal(mon_each_done(m, keep_first, &v), 1);
    assert_text(v.name, "Task-1");
    assert_text(v.coro, "main");
    assert_text(v.error, "ValueError");
    assert_int_equal(v.outcome, MON_EXCEPTION);
    assert_int_equal(v.state, MON_ENDED);
    assert_int_equal(v.cause, MON_CAUSE_IO);
    assert_int_equal(v.cause_fd, 4);
    assert_int_equal(v.steps, 1);
    assert_int_equal(v.awaiting_ticks, 10);
    assert_int_equal(v.ready_ticks, 20);
    assert_int_equal(v.running_ticks, 40);
    assert_int_equal(v.age_ticks, 70);
    assert_int_equal(v.born_ticks, 1000);
    assert_int_equal(row->calls, 1);
    assert_int_equal(m->born, 1);
    assert_int_equal(m->done, 1);
    assert_int_equal(m->live, 0);
    mon_unref(m);
}

static void
test_ended_while_it_waits(void **state)
{
    mon *m = new_monitor();
    mon_task_view v = {0};
    mon_task_done(m, new_task(m, 1, "a", 100), 150, MON_CANCELLED, NULL);
    mon_each_done(m, keep_first, &v);
    assert_int_equal(v.awaiting_ticks, 50);
    assert_text(v.error, "");
    mon_task *t = new_task(m, 2, "b", 100);
    mon_task_ready(m, t, 110, MON_CAUSE_FUTURE, -1);
    mon_task_done(m, t, 150, MON_CANCELLED, NULL);
    mon_each_done(m, keep_first, &v);
    assert_int_equal(v.awaiting_ticks, 10);
    assert_int_equal(v.ready_ticks, 40);
    assert_int_equal(m->rows[0].awaiting, 60);
    assert_int_equal(m->rows[0].ready, 40);
    mon_unref(m);
}

static void
test_requeued_from_its_own_step(void **state)
{
    mon *m = new_monitor();
    mon_task *t = new_task(m, 1, "a", 100);
    mon_task_ready(m, t, 100, MON_CAUSE_NONE, -1);
    mon_step_begin(m, t, 110);
    mon_task_ready(m, t, 115, MON_CAUSE_FUTURE, -1);
    mon_step_end(m, t, 120);
    assert_int_equal(t->state, MON_READY);
    assert_int_equal(t->cause, MON_CAUSE_SELF);
    mon_step_begin(m, t, 150);
    mon_step_end(m, t, 151);
    assert_int_equal(t->state, MON_AWAITING);
    assert_int_equal(t->ready, 10 + 30);
    assert_int_equal(t->running, 10 + 1);
    assert_int_equal(t->awaiting, 0);
    assert_int_equal(t->longest, 10);
    mon_unref(m);
}

static void
test_an_address_in_use_again(void **state)
{
    mon *m = new_monitor();
    new_task(m, 1, "old", 100);
    mon_task *t = new_task(m, 1, "new", 180);
    assert_ptr_equal(mon_task_find(m, key_of(1)), t);
    mon_task_view v = {0};
    mon_each_done(m, keep_first, &v);
    assert_text(v.name, "old");
    assert_int_equal(v.outcome, MON_DESTROYED);
    assert_int_equal(v.age_ticks, 80);
    assert_int_equal(m->live, 1);
    assert_int_equal(m->index.used, 1);
    mon_unref(m);
}

static void
test_a_parent_is_whose_step_runs(void **state)
{
    mon *m = new_monitor();
    mon_task *t = new_task(m, 1, "parent", 100);
    mon_step_begin(m, t, 110);
    assert_int_equal(new_task(m, 2, "child", 120)->parent, t->id);
    mon_step_end(m, t, 130);
    mon_task_done(m, t, 130, MON_RESULT, NULL);
    assert_int_equal(new_task(m, 3, "orphan", 131)->parent, 0);
    assert_int_equal(new_task(m, 4, "orphan", 131)->parent, 0);
    mon_call_begin(m, &m->rows[MON_ROW_OTHER_CALLBACK], 140, 0);
    assert_int_equal(new_task(m, 5, "a callback's", 145)->parent, 0);
    mon_slice_clear(m);
    assert_int_equal(new_task(m, 6, "nobody's", 150)->parent, 0);
    mon_unref(m);
}

static void
test_names_are_cut_and_cleaned(void **state)
{
    mon *m = new_monitor();
    mon_task_view v;
    char name[200];
    memset(name, 'n', sizeof(name));
    mon_task *t = mon_task_born(m, key_of(1), NULL, name, sizeof(name), NULL, mon_now(m));
    mon_get_task(m, t->id, &v);
    assert_int_equal(strlen(v.name), MON_NAME - 1);
    memcpy(name + MON_NAME - 2, "\xC3\xA9", 2);
    mon_task_rename(m, t, name, sizeof(name), key_of(3));
    mon_get_task(m, t->id, &v);
    assert_int_equal(strlen(v.name), MON_NAME - 2);
    assert_ptr_equal(t->name_key, key_of(3));
    mon_task_rename(m, t, "x\x1b[0m\n", 6, NULL);
    mon_get_task(m, t->id, &v);
    assert_text(v.name, "x?[0m?");
    mon_task_rename(m, t, NULL, 0, NULL);
    mon_get_task(m, t->id, &v);
    assert_text(v.name, "");
    memset(name, 'E', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    mon_task_done(m, t, mon_now(m), MON_EXCEPTION, name);
    mon_each_done(m, keep_first, &v);
    assert_int_equal(strlen(v.error), MON_NAME - 1);
    mon_unref(m);
}

static int
newest_first(const mon_task_view *view, void *arg)
{
    uint64_t *next = arg;
    return view->id != (*next)--;
}

static void
test_the_last_thousand_stay_listed(void **state)
{
    mon *m = new_monitor();
    uint64_t next;
    for (uint64_t i = 1; i <= 2 * MON_DONE_KEPT + 345; i++) {
        mon_task_done(m, new_task(m, i, "t", i), i, MON_RESULT, NULL);
        next = i;
        assert_true(i % 97 != 0 || mon_each_done(m, newest_first, &next) == 0);
        assert_true(i % 97 != 0 || i - next == (i < MON_DONE_KEPT ? i : MON_DONE_KEPT));
    }
    mon_reset(m);
    size_t listed = 0;
    mon_each_done(m, count_tasks, &listed);
    assert_int_equal(listed, 0);
    uint64_t id = m->next_id;
    mon_task_done(m, new_task(m, 1, "t", 1), 1, MON_RESULT, NULL);
    next = id;
    assert_int_equal(mon_each_done(m, newest_first, &next), 0);
    assert_int_equal(next, id - 1);
    mon_unref(m);
}

/* ---- the times add up ------------------------------------------------------- */

/* What a task must show, kept by the simplest of means. */
typedef struct shadow {
    mon_task *task;
    mon_state state;
    bool again;
    uint64_t id, born, since, steps;
    uint64_t spent[MON_ENDED];
} shadow;

enum { WORKERS = 300, EVENTS = 400000 };

typedef struct world {
    mon *m;
    mon_row *rows[5];
    shadow shadow[WORKERS];
    shadow *runs;
    uint64_t now, seed;
    uint64_t total[5][MON_ENDED];
    uint64_t births[5];
} world;

static size_t
row_number(const shadow *s)
{
    return s->id % 5;
}

static void
shadow_move(world *w, shadow *s, mon_state to)
{
    s->spent[s->state] += w->now - s->since;
    w->total[row_number(s)][s->state] += w->now - s->since;
    s->since = w->now;
    s->state = to;
}

static void
check_record(const world *w, const shadow *s, const mon_task_view *v, uint64_t until)
{
    assert_int_equal(v->id, s->id);
    assert_int_equal(v->steps, s->steps);
    assert_true(v->ready_ticks + v->running_ticks + v->awaiting_ticks == until - s->born);
    assert_true(v->age_ticks == until - s->born);
    assert_true(v->awaiting_ticks == s->spent[MON_AWAITING]);
    assert_true(v->ready_ticks == s->spent[MON_READY]);
    assert_true(v->running_ticks == s->spent[MON_RUNNING]);
    assert_ptr_equal(v->coro, w->rows[row_number(s)]->name);
}

static void
world_end(world *w, shadow *s, mon_outcome outcome)
{
    mon_task_view v = {0};
    shadow_move(w, s, MON_ENDED);
    if (outcome == MON_DESTROYED) {
        return; /* a birth at the same address does it */
    }
    mon_task_done(w->m, s->task, w->now, outcome, NULL);
    mon_each_done(w->m, keep_first, &v);
    check_record(w, s, &v, w->now);
    s->task = NULL;
}

static void
world_birth(world *w, shadow *s)
{
    shadow old = *s;
    *s = (shadow){
        .id = w->m->next_id, .born = w->now, .since = w->now, .state = MON_AWAITING};
    mon_row *row = w->rows[row_number(s)];
    s->task =
        mon_task_born(w->m, key_of((uint64_t)(s - w->shadow)), row, "t", 1, NULL, w->now);
    assert_non_null(s->task);
    w->births[row_number(s)]++;
    if (old.task != NULL) {
        mon_task_view v = {0};
        mon_each_done(w->m, keep_first, &v);
        check_record(w, &old, &v, w->now);
        assert_int_equal(v.outcome, MON_DESTROYED);
    }
}

static void
world_wake(world *w, shadow *s)
{
    mon_task_ready(w->m, s->task, w->now, MON_CAUSE_FUTURE, -1);
    if (s->state == MON_AWAITING) {
        shadow_move(w, s, MON_READY);
    }
    s->again |= s->state == MON_RUNNING;
}

static void
world_step(world *w, shadow *s)
{
    if (s->state == MON_AWAITING) {
        shadow_move(w, s, MON_READY); /* never seen to become due */
    }
    mon_step_begin(w->m, s->task, w->now);
    shadow_move(w, s, MON_RUNNING);
    s->again = false;
    w->runs = s;
}

static void
world_step_ends(world *w)
{
    shadow *s = w->runs;
    w->runs = NULL;
    assert_int_equal(mon_step_end(w->m, s->task, w->now), w->now - s->since);
    shadow_move(w, s, s->again ? MON_READY : MON_AWAITING);
    s->steps++;
    if (!s->again && random_next(&w->seed) % 4 == 0) {
        world_end(w, s, MON_RESULT);
    }
}

static void
world_event(world *w)
{
    shadow *s = &w->shadow[random_next(&w->seed) % WORKERS];
    uint64_t what = random_next(&w->seed) % 100;
    w->now += random_next(&w->seed) % 3 * (random_next(&w->seed) % 1000);
    if (w->runs != NULL && what < 40) {
        world_step_ends(w);
    }
    else if (s->task == NULL) {
        world_birth(w, s);
    }
    else if (what < 70) {
        world_wake(w, s);
    }
    else if (s == w->runs) {
        return;
    }
    else if (w->runs == NULL && what < 95) {
        world_step(w, s);
    }
    else if (what == 98) {
        world_end(w, s, MON_CANCELLED);
    }
    else if (what == 99) {
        world_end(w, s, MON_DESTROYED);
        world_birth(w, s);
    }
}

static void
check_rows(world *w)
{
    for (size_t i = 0; i < 5; i++) {
        assert_true(w->rows[i]->awaiting == w->total[i][MON_AWAITING]);
        assert_true(w->rows[i]->ready == w->total[i][MON_READY]);
        assert_true(w->rows[i]->running == w->total[i][MON_RUNNING]);
        assert_true(w->rows[i]->calls == w->births[i]);
    }
}

static void
test_the_times_add_up_to_the_tick(void **state)
{
    static world w;
    w = (world){.m = new_monitor(), .now = 1000000, .seed = 42};
    for (uint64_t i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof(name), "coro%d", (int)i);
        w.rows[i] = new_row(w.m, MON_COROUTINE, key_of(100000 + i), name);
    }
    for (int i = 0; i < EVENTS; i++) {
        world_event(&w);
    }
    assert_true(w.m->done > 10000);
    check_rows(&w);
    for (size_t i = 0; i < WORKERS; i++) {
        if (w.shadow[i].task != NULL && &w.shadow[i] != w.runs) {
            world_end(&w, &w.shadow[i], MON_RESULT);
        }
    }
    check_rows(&w);
    assert_int_equal(w.m->live, w.runs != NULL);
    assert_int_equal(w.m->born, w.m->done + w.m->live);
    mon_unref(w.m);
}

/* ---- the index ---------------------------------------------------------- */

enum { MANY = 100000 };

static void
check_index(const mon *m, mon_task *const *record, uint64_t count)
{
    uint64_t live = 0;
    for (uint64_t i = 0; i < count; i++) {
        assert_ptr_equal(mon_task_find(m, key_of(i)), record[i]);
        live += record[i] != NULL;
    }
    assert_int_equal(m->index.used, live);
    assert_int_equal(m->live, live);
    assert_true(2 * m->index.used <= m->index.mask + 1);
}

static void
test_a_hundred_thousand_tasks(void **state)
{
    static mon_task *record[MANY];
    mon *m = new_monitor();
    for (uint64_t i = 0; i < MANY; i++) {
        record[i] = new_task(m, i, "t", i);
    }
    check_index(m, record, MANY);
    size_t listed = 0;
    mon_each_task(m, count_tasks, &listed);
    assert_int_equal(listed, MANY);
    assert_int_equal(m->chunks, (MANY + MON_TASK_CHUNK - 1) / MON_TASK_CHUNK);
    for (uint64_t i = 0; i < MANY; i++) {
        mon_task_done(m, record[i], MANY, MON_RESULT, NULL);
        record[i] = NULL;
    }
    check_index(m, record, MANY);
    new_task(m, 5, "t", MANY);
    assert_int_equal(m->chunks, (MANY + MON_TASK_CHUNK - 1) / MON_TASK_CHUNK);
    mon_unref(m);
}

/* Addresses come and go and come again, as malloc makes them. */
static void
test_churn_with_addresses_used_again(void **state)
{
    static mon_task *record[MANY];
    mon *m = new_monitor();
    uint64_t seed = 7;
    memset(record, 0, sizeof(record));
    for (uint64_t i = 0; i < 10 * MANY; i++) {
        uint64_t range = i < 5 * MANY ? MANY : 200;
        uint64_t k = random_next(&seed) % range;
        if (record[k] == NULL || random_next(&seed) % 16 == 0) {
            record[k] = new_task(m, k, "t", i);
        }
        else {
            mon_task_done(m, record[k], i, MON_RESULT, NULL);
            record[k] = NULL;
        }
        assert_ptr_equal(mon_task_find(m, key_of(k)), record[k]);
    }
    check_index(m, record, MANY);
    mon_unref(m);
}

/* Keys that all hash to the last slots, so that runs wrap around the end. */
static void
test_runs_that_wrap_around(void **state)
{
    mon *m = new_monitor();
    mon_task *record[24];
    const void *key[24];
    uint64_t seed = 3;
    size_t found = 0;
    for (uint64_t i = 1; found < 24; i++) {
        if ((mon_hash(key_of(i)) & m->index.mask) >= m->index.mask - 2) {
            key[found++] = key_of(i);
        }
    }
    memset(record, 0, sizeof(record));
    for (int i = 0; i < 20000; i++) {
        size_t k = random_next(&seed) % 24;
        if (record[k] == NULL) {
            record[k] = mon_task_born(m, key[k], NULL, "t", 1, NULL, 1);
        }
        else {
            mon_task_done(m, record[k], 1, MON_RESULT, NULL);
            record[k] = NULL;
        }
        for (size_t j = 0; j < 24; j++) {
            assert_ptr_equal(mon_task_find(m, key[j]), record[j]);
        }
    }
    assert_int_equal(m->index.mask, 63);
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_ended_while_it_waits),
        cmocka_unit_test(test_requeued_from_its_own_step),
        cmocka_unit_test(test_an_address_in_use_again),
        cmocka_unit_test(test_a_parent_is_whose_step_runs),
        cmocka_unit_test(test_names_are_cut_and_cleaned),
        cmocka_unit_test(test_the_last_thousand_stay_listed),
        cmocka_unit_test(test_the_times_add_up_to_the_tick),
        cmocka_unit_test(test_a_hundred_thousand_tasks),
        cmocka_unit_test(test_churn_with_addresses_used_again),
        cmocka_unit_test(test_runs_that_wrap_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
