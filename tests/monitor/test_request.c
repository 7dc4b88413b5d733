/* Requests: answered once, notified once and never after the drop. */
#include "support.h"

#include <pthread.h>

static void
count(void *arg)
{
    int *n = arg;
    __atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static void
test_asked_and_answered(void **state)
{
    mon *m = new_monitor();
    char text[64];
    int woken = 0, told = 0;
    mon_set_waker(m, count, &woken);
    mon_request *r = mon_request_send(m, MON_CANCEL, 7, count, &told);
    assert_int_equal(woken, 1);
    assert_int_equal(mon_request_poll(r, text, sizeof(text)), MON_REQUEST_WAITING);
    assert_text(text, "");
    mon_request *taken = mon_request_take(m);
    assert_ptr_equal(taken, r);
    assert_int_equal(mon_request_what(taken), MON_CANCEL);
    assert_int_equal(mon_request_id(taken), 7);
    assert_null(mon_request_take(m));
    assert_int_equal(told, 0);
    mon_request_answer(taken, MON_REQUEST_DONE, "cancelled Task-7");
    assert_int_equal(told, 1);
    assert_int_equal(mon_request_poll(r, text, sizeof(text)), MON_REQUEST_DONE);
    assert_text(text, "cancelled Task-7");
    assert_int_equal(mon_request_poll(r, text, 10), MON_REQUEST_DONE);
    assert_text(text, "cancelled");
    mon_request_drop(r);
    mon_unref(m);
}

static void
test_oldest_first(void **state)
{
    mon *m = new_monitor();
    int ignored = 0;
    mon_request *r[5];
    for (uint64_t i = 0; i < 5; i++) {
        r[i] = mon_request_send(m, MON_CANCEL, i, count, &ignored);
    }
    for (uint64_t i = 0; i < 5; i++) {
        mon_request *taken = mon_request_take(m);
        assert_int_equal(mon_request_id(taken), i);
        mon_request_answer(taken, MON_REQUEST_REFUSED, NULL);
    }
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(mon_request_poll(r[i], NULL, 0), MON_REQUEST_REFUSED);
        mon_request_drop(r[i]);
    }
    mon_unref(m);
}

static void
test_dropped_before_it_was_taken(void **state)
{
    mon *m = new_monitor();
    int told = 0;
    mon_request *first = mon_request_send(m, MON_CANCEL, 1, count, &told);
    mon_request *second = mon_request_send(m, MON_CANCEL, 2, count, &told);
    mon_request_drop(first);
    mon_request *taken = mon_request_take(m);
    assert_ptr_equal(taken, second);
    mon_request_answer(taken, MON_REQUEST_DONE, "");
    assert_int_equal(told, 1);
    mon_request_drop(second);
    mon_unref(m);
}

static void
test_dropped_before_it_was_answered(void **state)
{
    mon *m = new_monitor();
    int told = 0;
    mon_request *r = mon_request_send(m, MON_CANCEL, 1, count, &told);
    mon_request *taken = mon_request_take(m);
    mon_request_drop(r);
    mon_request_answer(taken, MON_REQUEST_DONE, "late");
    assert_int_equal(told, 0);
    mon_unref(m);
}

static void
test_the_loop_closes(void **state)
{
    mon *m = new_monitor();
    char text[64];
    int woken = 0, told = 0;
    mon_set_waker(m, count, &woken);
    mon_request *queued = mon_request_send(m, MON_CANCEL, 1, count, &told);
    mon_set_waker(m, NULL, NULL);
    assert_int_equal(told, 1);
    assert_int_equal(mon_request_poll(queued, text, sizeof(text)), MON_REQUEST_CLOSED);
    assert_text(text, "the loop is closed");
    mon_request *late = mon_request_send(m, MON_CANCEL, 2, count, &told);
    assert_int_equal(woken, 1);
    assert_int_equal(told, 2);
    assert_int_equal(mon_request_poll(late, text, sizeof(text)), MON_REQUEST_CLOSED);
    assert_null(mon_request_take(m));
    mon_request_drop(queued);
    mon_request_drop(late);
    mon_unref(m);
}

static void
test_asked_before_there_is_a_waker(void **state)
{
    mon *m = new_monitor();
    int woken = 0, told = 0;
    mon_request *r = mon_request_send(m, MON_CANCEL, 1, count, &told);
    mon_set_waker(m, count, &woken);
    assert_int_equal(woken, 1);
    mon_request_answer(mon_request_take(m), MON_REQUEST_DONE, "");
    mon_request_drop(r);
    mon_unref(m);
}

static void
test_the_monitor_goes_first(void **state)
{
    mon *m = new_monitor();
    int told = 0;
    mon_request *r = mon_request_send(m, MON_CANCEL, 1, count, &told);
    mon_unref(m);
    assert_int_equal(told, 1);
    assert_int_equal(mon_request_poll(r, NULL, 0), MON_REQUEST_CLOSED);
    mon_request_drop(r);
}

/* ---- many threads ------------------------------------------------------- */

enum { ASKERS = 3, ASKED = 2000 };

typedef struct asker {
    mon *m;
    uint64_t number;
    int errors;
} asker;

/* A flag on the asker's stack: a notification after the drop would write there. */
static void
set_flag(void *arg)
{
    __atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
}

static void
ask(asker *a, uint64_t i, bool wait)
{
    int *told = calloc(1, sizeof(*told));
    mon_request *r = mon_request_send(a->m, MON_CANCEL, i, set_flag, told);
    for (int spins = 0; wait && spins < 1000000; spins++) {
        if (__atomic_load_n(told, __ATOMIC_ACQUIRE)) {
            break;
        }
        sched_yield();
    }
    char text[32], expected[32];
    mon_request_state state = mon_request_poll(r, text, sizeof(text));
    snprintf(expected, sizeof(expected), "%llu", (unsigned long long)i);
    a->errors += wait && state == MON_REQUEST_WAITING;
    a->errors += state == MON_REQUEST_DONE && strcmp(text, expected) != 0;
    mon_request_drop(r);
    free(told);
}

static void *
ask_many(void *arg)
{
    asker *a = arg;
    uint64_t seed = a->number;
    for (uint64_t i = 0; i < ASKED; i++) {
        ask(a, i, random_next(&seed) % 2);
    }
    return NULL;
}

static void
serve(mon *m)
{
    for (mon_request *r; (r = mon_request_take(m)) != NULL;) {
        char text[32];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)mon_request_id(r));
        mon_request_answer(r, MON_REQUEST_DONE, text);
    }
}

static void
test_many_askers_and_a_loop_that_closes(void **state)
{
    mon *m = new_monitor();
    int woken = 0, errors = 0;
    pthread_t thread[ASKERS];
    asker a[ASKERS];
    mon_set_waker(m, count, &woken);
    for (uint64_t i = 0; i < ASKERS; i++) {
        a[i] = (asker){m, i + 1, 0};
        pthread_create(&thread[i], NULL, ask_many, &a[i]);
    }
    while (__atomic_load_n(&woken, __ATOMIC_RELAXED) < ASKERS * ASKED / 2) {
        serve(m);
    }
    mon_set_waker(m, NULL, NULL);
    int at_close = __atomic_load_n(&woken, __ATOMIC_RELAXED);
    for (size_t i = 0; i < ASKERS; i++) {
        pthread_join(thread[i], NULL);
        errors += a[i].errors;
    }
    assert_int_equal(errors, 0);
    assert_int_equal(woken, at_close);
    assert_null(mon_request_take(m));
    mon_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asked_and_answered),
        cmocka_unit_test(test_oldest_first),
        cmocka_unit_test(test_dropped_before_it_was_taken),
        cmocka_unit_test(test_dropped_before_it_was_answered),
        cmocka_unit_test(test_the_loop_closes),
        cmocka_unit_test(test_asked_before_there_is_a_waker),
        cmocka_unit_test(test_the_monitor_goes_first),
        cmocka_unit_test(test_many_askers_and_a_loop_that_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
