/* The server's life: starting, serving many at once, stopping at any moment, and not
   being in its process's way. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include "served.h"

static void
test_many_at_once(void **state)
{
    served s = new_served();
    peer peers[CON_CLIENTS];
    serve(&s, NULL);
    fill_monitor(s.m, 50);
    for (int i = 0; i < CON_CLIENTS; i++) {
        peers[i] = join(&s);
        SAY(&peers[i], "ps -n 3\nstatus\nslow\nhelp\nhelp ps\n");
    }
    for (int i = 0; i < CON_CLIENTS; i++) {
        SAY(&peers[i], "quit\n");
        expect_end(&peers[i]);
        assert_holds(heard(&peers[i]), "3 of 50 tasks");
        assert_holds(heard(&peers[i]), "no step has taken longer than 100 ms");
        assert_holds(heard(&peers[i]), "--sort COLUMN");
        leave(&peers[i]);
    }
    unserve(&s);
}

/* The loop's thread goes on while the console reads. */
static void *
play_loop(void *arg)
{
    mon *m = ((void **)arg)[0];
    bool *stop = ((void **)arg)[1];
    mon_row *row = new_row(m, 3, "player");
    uint64_t seed = 1, key = 1000;
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        mon_task *t = new_task(m, row, key, "Task-x");
        for (int i = 0; i < 5; i++) {
            mon_task_ready(m, t, mon_now(m), MON_CAUSE_SELF, -1);
            mon_step_begin(m, t, mon_now(m));
            mon_step_end(m, t, mon_now(m));
        }
        if (random_next(&seed) % 2) {
            mon_task_done(m, t, mon_now(m), MON_RESULT, NULL);
        }
        key = 1000 + (key + 1) % 5000;
        mon_slice_clear(m);
        wait_for(0.00005);
    }
    return NULL;
}

static void
test_reading_while_the_loop_writes(void **state)
{
    served s = new_served();
    bool stop = false;
    pthread_t thread;
    serve(&s, NULL);
    void *args[] = {s.m, &stop};
    assert_int_equal(pthread_create(&thread, NULL, play_loop, args), 0);
    peer p = join(&s);
    for (int i = 0; i < 20; i++) {
        SAY(&p, "ps -n 50\nstatus\nps --sort name -f x\ntop -n 5\n");
        expect(&p, "timer late");
        forget(&p);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    leave(&p);
    unserve(&s);
}

static void
test_stopping_with_clients_of_all_kinds(void **state)
{
    served s = new_served();
    s.limits.request = 30;
    serve(&s, NULL);
    fill_monitor(s.m, 5000);
    peer silent = join(&s), plain = join(&s), terminal = join_terminal(&s), deaf = join(&s);
    SAY(&plain, "cancel 3\n");
    SAY(&terminal, "top -i 0.1\r\0");
    for (int i = 0; i < 10; i++) {
        SAY(&deaf, "ps -n 5000\n");
    }
    wait_for(0.2);
    double began = con_now();
    con_stop(s.server);
    assert_true(con_now() - began < 1);
    mon_unref(s.m);
    expect_end(&plain);
    leave(&silent);
    leave(&plain);
    leave(&terminal);
    leave(&deaf);
}

/* A thousand slow commands of one client do not keep another waiting. */
static void
test_everyone_has_a_turn(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 20000);
    peer greedy = join(&s), modest = join(&s);
    for (int i = 0; i < 1000; i++) {
        SAY(&greedy, "ps -f nothing\n");
    }
    expect(&greedy, "0 of 0 tasks");
    double began = con_now();
    SAY(&modest, "ps -n 1\n");
    expect(&modest, "1 of 20000 tasks");
    assert_true(con_now() - began < 1);
    con_stop(s.server);
    assert_true(con_now() - began < 2);
    mon_unref(s.m);
    leave(&greedy);
    leave(&modest);
}

static size_t
open_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void
test_starting_and_stopping_often(void **state)
{
    size_t before = open_descriptors();
    for (int i = 0; i < 100; i++) {
        served s = new_served();
        serve(&s, i % 2 ? "token" : NULL);
        peer p = join(&s);
        if (i % 3 == 0) {
            SAY(&p, "ps\n");
        }
        unserve(&s);
        leave(&p);
    }
    assert_int_equal(open_descriptors(), before);
}

static int signals_seen;
static pthread_t signals_thread;

static void
on_signal(int number)
{
    signals_seen++;
    signals_thread = pthread_self();
}

/* Signals go to the program's own thread, and its mask is as it was. */
static void
test_signals_are_not_taken(void **state)
{
    served s = new_served();
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    serve(&s, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++) {
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    }
    signal(SIGUSR1, on_signal);
    for (int i = 0; i < 20; i++) {
        kill(getpid(), SIGUSR1);
        wait_for(0.001);
    }
    assert_true(signals_seen > 0);
    assert_true(pthread_equal(signals_thread, pthread_self()));
    unserve(&s);
}

/* A child has the descriptors and no thread: it must neither hang nor take anything
   from the parent. */
static void
test_stopping_in_a_child(void **state)
{
    served s = new_served();
    char folder[] = "/tmp/uvloupe-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/console", folder);
    serve_at(&s, path, NULL);
    pid_t child = fork();
    if (child == 0) {
        con_stop(s.server);
        _exit(access(path, F_OK) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    peer p = join(&s);
    SAY(&p, "ps\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "0 tasks");
    leave(&p);
    unserve(&s);
    assert_int_equal(rmdir(folder), 0);
}

static void
test_an_idle_server_uses_no_processor(void **state)
{
    served s = new_served();
    struct timespec before, after;
    serve(&s, NULL);
    peer p = join_terminal(&s), plain = join(&s);
    expect(&plain, "help lists");
    shutdown(plain.fd, SHUT_RD);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    wait_for(0.5);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double used = (double)(after.tv_sec - before.tv_sec) +
                  (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
    assert_true(used < 0.05);
    leave(&p);
    leave(&plain);
    unserve(&s);
}

static void
test_status_in_numbers(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 5);
    peer p = join(&s);
    SAY(&p, "status\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "tasks   5 live: 5 awaiting, 0 ready, 0 running\n        5 "
                            "born, 0 done, 0 dropped\n");
    assert_lacks(heard(&p), "now  ");
    for (const char *line = heard(&p); *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 80);
    }
    leave(&p);
    unserve(&s);
}

static void
test_slow_steps_are_listed(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    uint64_t now = mon_now(s.m), second = mon_clock_duration(&s.m->clock, 1);
    mon_slow_report step = {now - 3 * second,
                            now - second,
                            7,
                            "Task-7",
                            "worker",
                            "/srv/app.py",
                            42,
                            MON_CAUSE_IO,
                            3,
                            second};
    mon_slow_report call = {now - second, now, 0, NULL, "Reader.on_data", NULL, 0};
    mon_slow_add(s.m, &step);
    mon_slow_add(s.m, &call);
    peer p = join(&s);
    SAY(&p, "slow\nslow -n 1\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "2.0s  Task-7  worker          /srv/app.py:42  io ");
    assert_holds(heard(&p), "1.0s  -       Reader.on_data");
    assert_holds(heard(&p), "2 of 2 steps that took longer than 100 ms\n");
    assert_holds(heard(&p), "1 of 2 steps");
    leave(&p);
    unserve(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_reading_while_the_loop_writes),
        cmocka_unit_test(test_stopping_with_clients_of_all_kinds),
        cmocka_unit_test(test_everyone_has_a_turn),
        cmocka_unit_test(test_starting_and_stopping_often),
        cmocka_unit_test(test_signals_are_not_taken),
        cmocka_unit_test(test_stopping_in_a_child),
        cmocka_unit_test(test_an_idle_server_uses_no_processor),
        cmocka_unit_test(test_status_in_numbers),
        cmocka_unit_test(test_slow_steps_are_listed),
    };
    return run_all(tests);
}
