/* Bad input for real: none of it takes memory, time or the console from others. */
#include "served.h"

/* AddressSanitizer and valgrind keep freed memory for a while. */
static bool
keeps_freed_memory(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true;
#else
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
#endif
}

/* The console still answers somebody else. */
static void
check_alive(const served *s)
{
    peer p = join(s);
    SAY(&p, "ps\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "tasks\n");
    leave(&p);
}

static void
check_unanswered(const char *bytes, size_t count, double pause)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    wait_for(pause);
    say(&p, bytes, count);
    expect_end(&p);
    assert_lacks(heard(&p), "tasks");
    assert_lacks(heard(&p), "command '");
    leave(&p);
    check_alive(&s);
    unserve(&s);
}

#define CHECK_UNANSWERED(bytes, pause) check_unanswered(bytes, sizeof(bytes) - 1, pause)

static void
test_requests_of_browsers_are_not_answered(void **state)
{
    CHECK_UNANSWERED("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 0);
    CHECK_UNANSWERED("POST /x HTTP/1.1\r\nContent-Length: 6\r\n\r\nps\nps\n", 0);
    CHECK_UNANSWERED("PUT / HTTP/1.1\r\n\r\nps\n", 0);
    CHECK_UNANSWERED("HEAD / HTTP/1.0\r\n\r\nps\n", 0);
    CHECK_UNANSWERED("OPTIONS * HTTP/1.1\r\n\r\nps\n", 0);
    CHECK_UNANSWERED("DELETE /a HTTP/1.1\nps\n", 0);
    CHECK_UNANSWERED("PATCH /a HTTP/1.1\nps\n", 0);
    CHECK_UNANSWERED("CONNECT a:1 HTTP/1.1\nps\n", 0);
    CHECK_UNANSWERED("PRI * HTTP/2.0\r\n\r\nps\n", 0);
    CHECK_UNANSWERED("BREW /pot HTTP/1.1\nps\n", 0);
}

/* A browser connects ahead of time, and posts telnet options if a page says so. */
static void
test_late_and_disguised_requests(void **state)
{
    CHECK_UNANSWERED("POST / HTTP/1.1\r\n\r\nps\n", 0.3);
    CHECK_UNANSWERED("POST / HTTP/1.1\r\n\r\n\xFF\xFD\x01ps\r\nps\n", 0);
}

static void
test_a_long_request_is_not_answered(void **state)
{
    char request[8192];
    memset(request, 'a', sizeof(request));
    memcpy(request, "GET /", 5);
    memcpy(request + sizeof(request) - 4, "\nps\n", 4);
    check_unanswered(request, sizeof(request), 0);
}

static void
test_tls_is_not_answered(void **state)
{
    CHECK_UNANSWERED("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 0);
    CHECK_UNANSWERED("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 0.3);
}

static size_t
memory_used(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long all = 0, resident = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &all, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void
send_megabyte(peer *p)
{
    static char megabyte[1024 * 1024];
    memset(megabyte, 'x', sizeof(megabyte));
    assert_true(say(p, megabyte, sizeof(megabyte)));
}

static size_t
count_of(const char *text, const char *part)
{
    size_t count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

static void
test_a_megabyte_without_a_line_is_one_error(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    send_megabyte(&p);
    size_t before = memory_used();
    for (int i = 0; i < 8; i++) {
        send_megabyte(&p);
    }
    SAY(&p, "\nps\nquit\n");
    expect_end(&p);
    assert_int_equal(count_of(heard(&p), "at most 4096 bytes"), 1);
    assert_holds(heard(&p), "0 tasks\n");
    assert_true(keeps_freed_memory() || memory_used() < before + 2 * 1024 * 1024);
    leave(&p);
    unserve(&s);
}

static void
test_a_megabyte_of_keys_is_one_error(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    for (int i = 0; i < 8; i++) {
        char keys[4096];
        memset(keys, 'x', sizeof(keys));
        assert_true(say(&p, keys, sizeof(keys)));
        hear(&p, 0.02);
    }
    SAY(&p, "\r\0ps\r\0");
    expect(&p, "0 tasks");
    assert_int_equal(count_of(heard(&p), "at most 4096 bytes"), 1);
    leave(&p);
    unserve(&s);
}

static void
test_random_bytes_are_harmless(void **state)
{
    served s = new_served();
    uint64_t seed = 5;
    s.limits.plain = 0.03;
    serve(&s, NULL);
    for (int round = 0; round < 30; round++) {
        peer p = join(&s);
        for (int i = 0; i < 20; i++) {
            char bytes[997];
            for (size_t k = 0; k < sizeof(bytes); k++) {
                uint64_t value = random_next(&seed);
                bytes[k] = (char)(value % 4 ? value >> 8 : 255 - (value >> 8) % 20);
            }
            say(&p, bytes, sizeof(bytes));
            hear(&p, 0.001);
        }
        leave(&p);
    }
    check_alive(&s);
    unserve(&s);
}

static void
flood(peer *p, unsigned char option, size_t size)
{
    static char bytes[400 * 1024];
    memset(bytes, 1, sizeof(bytes));
    bytes[0] = '\xFF';
    bytes[1] = '\xFA';
    bytes[2] = (char)option;
    bytes[3 + size] = '\xFF';
    bytes[4 + size] = '\xF0';
    assert_true(say(p, bytes, size + 5));
}

static void
test_subnegotiation_floods(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    flood(&p, 36, 360 * 1024); /* ENVIRON */
    flood(&p, 39, 360 * 1024); /* NEW-ENVIRON */
    flood(&p, 86, 0);          /* COMPRESS2 */
    flood(&p, 70, 512);        /* MSSP */
    flood(&p, 70, 511);
    flood(&p, 93, 512);        /* ZMP */
    flood(&p, 24, 360 * 1024); /* TTYPE */
    flood(&p, 24, 0);
    flood(&p, 31, 3); /* NAWS */
    SAY(&p, "ps\r\0");
    expect(&p, "0 tasks");
    leave(&p);
    unserve(&s);
}

static void
test_a_flood_of_options_ends(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join_terminal(&s);
    for (int i = 0; i < 20000; i++) {
        char options[] = {'\xFF', (char)(251 + i % 4), (char)(i / 4)};
        if (!say(&p, options, sizeof(options)) || !hear(&p, 0)) {
            break;
        }
    }
    leave(&p);
    check_alive(&s);
    unserve(&s);
}

static void
test_who_does_not_read_is_dropped(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    fill_monitor(s.m, 200);
    peer p = join(&s);
    int small = 4096;
    setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    fcntl(p.fd, F_SETFL, O_NONBLOCK);
    double until = con_now() + 20;
    bool dropped = false;
    while (!dropped && con_now() < until) {
        dropped = send(p.fd, "ps -n 200\n", 10, MSG_NOSIGNAL) < 0 && errno != EAGAIN;
        struct pollfd polled = {.fd = p.fd, .events = POLLOUT};
        poll(&polled, 1, 5);
    }
    assert_true(dropped);
    leave(&p);
    check_alive(&s);
    unserve(&s);
}

/* One that reads gets everything, however much it asks for in one go. */
static void
test_who_reads_gets_more_than_the_backlog(void **state)
{
    served s = new_served();
    s.limits.backlog = 64 * 1024;
    serve(&s, NULL);
    fill_monitor(s.m, 10000);
    peer p = join(&s);
    SAY(&p, "ps -n 10000\nps -n 10000\nquit\n");
    expect_end(&p);
    assert_int_equal(count_of(heard(&p), "\n10000 tasks\n"), 2);
    leave(&p);
    unserve(&s);
}

static void
test_the_seventeenth_is_sent_away(void **state)
{
    served s = new_served();
    peer peers[CON_CLIENTS];
    serve(&s, NULL);
    for (int i = 0; i < CON_CLIENTS; i++) {
        peers[i] = join(&s);
    }
    expect(&peers[CON_CLIENTS - 1], "help lists");
    for (int i = 0; i < 12; i++) {
        peer p = join(&s);
        SAY(&p, "ps\n");
        expect_end(&p);
        assert_lacks(heard(&p), "tasks");
        if (i < 4) {
            assert_holds(heard(&p), "there are 16 clients already");
        }
        leave(&p);
    }
    SAY(&peers[0], "ps\n");
    expect(&peers[0], "0 tasks\n");
    leave(&peers[0]);
    wait_for(0.1);
    check_alive(&s);
    for (int i = 1; i < CON_CLIENTS; i++) {
        leave(&peers[i]);
    }
    unserve(&s);
}

static void
test_who_goes_away_at_once(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    for (int i = 0; i < 100; i++) {
        peer p = join(&s);
        struct linger reset = {1, 0};
        SAY(&p, "ps\nps\n");
        if (i % 2) {
            setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        }
        leave(&p);
    }
    wait_for(0.1);
    check_alive(&s);
    unserve(&s);
}

static void
test_the_idle_are_sent_away(void **state)
{
    served s = new_served();
    s.limits.idle = 0.3;
    serve(&s, NULL);
    peer p = join_terminal(&s);
    peer watching = join_terminal(&s);
    SAY(&watching, "top\r\0");
    expect_end(&p);
    assert_holds(heard(&p), "no input for long");
    expect(&watching, "any key ends");
    assert_true(hear(&watching, 0.1));
    leave(&p);
    leave(&watching);
    unserve(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_of_browsers_are_not_answered),
        cmocka_unit_test(test_late_and_disguised_requests),
        cmocka_unit_test(test_a_long_request_is_not_answered),
        cmocka_unit_test(test_tls_is_not_answered),
        cmocka_unit_test(test_a_megabyte_without_a_line_is_one_error),
        cmocka_unit_test(test_a_megabyte_of_keys_is_one_error),
        cmocka_unit_test(test_random_bytes_are_harmless),
        cmocka_unit_test(test_subnegotiation_floods),
        cmocka_unit_test(test_a_flood_of_options_ends),
        cmocka_unit_test(test_who_does_not_read_is_dropped),
        cmocka_unit_test(test_who_reads_gets_more_than_the_backlog),
        cmocka_unit_test(test_the_seventeenth_is_sent_away),
        cmocka_unit_test(test_who_goes_away_at_once),
        cmocka_unit_test(test_the_idle_are_sent_away),
    };
    return run_all(tests);
}
