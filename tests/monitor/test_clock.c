/* The clock: its rate against the kernel's, its anchors, and its conversions. */
#include "support.h"

#include <math.h>
#include <pthread.h>

static void
test_rate_agrees_with_the_kernel(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    uint64_t ns = mon_clock_monotonic_ns();
    uint64_t ticks = mon_clock_ticks(&clock);
    pause_ms(200);
    double told = mon_clock_seconds(&clock, mon_clock_ticks(&clock) - ticks);
    double truth = (double)(mon_clock_monotonic_ns() - ns) / 1e9;
    assert_near(told / truth, 1, 0.001);
}

static void
test_anchors_make_the_rate_better(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    uint64_t ns = mon_clock_monotonic_ns();
    uint64_t ticks = mon_clock_ticks(&clock);
    pause_ms(200);
    mon_clock_anchor(&clock);
    double told = mon_clock_seconds(&clock, mon_clock_ticks(&clock) - ticks);
    double truth = (double)(mon_clock_monotonic_ns() - ns) / 1e9;
    assert_near(told / truth, 1, 0.0005);
}

static void
test_stamps_before_and_after_the_anchor(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    uint64_t ns = mon_clock_monotonic_ns();
    uint64_t ticks = mon_clock_ticks(&clock);
    pause_ms(50);
    mon_clock_anchor(&clock);
    assert_near(mon_clock_ns(&clock, ticks), ns, 50e3);
    pause_ms(5);
    ns = mon_clock_monotonic_ns();
    assert_near(mon_clock_ns(&clock, mon_clock_ticks(&clock)), ns, 50e3);
}

static void
test_there_and_back(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    uint64_t now = mon_clock_monotonic_ns();
    const int64_t distances[] = {0, 1, 1000, -5000000, 3600000000000, -3600000000000};
    for (size_t i = 0; i < sizeof(distances) / sizeof(*distances); i++) {
        uint64_t ns = now + (uint64_t)distances[i];
        assert_near(mon_clock_ns(&clock, mon_clock_ticks_at(&clock, ns)), ns, 4);
    }
    for (double s = 1e-6; s < 1e6; s *= 10) {
        assert_near(mon_clock_seconds(&clock, mon_clock_duration(&clock, s)) / s, 1, 1e-3);
    }
}

static void
test_a_year_of_uptime_costs_no_precision(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    const uint64_t year = UINT64_C(365) * 86400 * 1000000000;
    clock.anchor_ns += year;
    clock.anchor_ticks += (uint64_t)((double)year / clock.ns_per_tick);
    uint64_t a = mon_clock_ns(&clock, clock.anchor_ticks + 1000);
    uint64_t b = mon_clock_ns(&clock, clock.anchor_ticks + 2000);
    assert_near(b - a, 1000 * clock.ns_per_tick, 2);
}

static void
test_durations_without_a_number(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    assert_true(mon_clock_duration(&clock, -1) == 0);
    assert_true(mon_clock_duration(&clock, 0) == 0);
    assert_true(mon_clock_duration(&clock, (double)NAN) == 0);
    assert_true(mon_clock_duration(&clock, (double)INFINITY) == UINT64_MAX);
}

static void
test_not_anchored_twice_at_once(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    if (!clock.tsc) {
        return; /* not skip(): cmocka 1.1 calls that "not ok" in TAP */
    }
    pause_ms(20);
    mon_clock_anchor(&clock);
    uint64_t first = clock.anchor_ticks;
    mon_clock_anchor(&clock);
    assert_true(clock.anchor_ticks == first);
    pause_ms(20);
    mon_clock_anchor(&clock);
    assert_true(clock.anchor_ticks != first);
}

/* A machine that slept: an hour passed on one clock and not on the other. */
static void
test_a_jump_begins_a_new_baseline(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    if (!clock.tsc) {
        return; /* not skip(): cmocka 1.1 calls that "not ok" in TAP */
    }
    pause_ms(20);
    mon_clock_anchor(&clock);
    double rate = clock.ns_per_tick;
    const uint64_t hour = UINT64_C(3600) * 1000000000;
    clock.anchor_ticks -= (uint64_t)((double)hour / rate);
    mon_clock_anchor(&clock);
    assert_near(clock.ns_per_tick / rate, 1, 1e-9);
    assert_true(clock.first_ns == clock.anchor_ns);
    pause_ms(20);
    mon_clock_anchor(&clock);
    assert_near(clock.ns_per_tick / rate, 1, 0.005);
}

static void
test_a_bad_rate_heals(void **state)
{
    mon_clock clock;
    mon_clock_init(&clock);
    if (!clock.tsc) {
        return; /* not skip(): cmocka 1.1 calls that "not ok" in TAP */
    }
    double rate = clock.ns_per_tick;
    clock.ns_per_tick *= 1.5;
    for (int i = 0; i < 3; i++) {
        pause_ms(20);
        mon_clock_anchor(&clock);
    }
    assert_near(clock.ns_per_tick / rate, 1, 0.005);
}

static void
test_nanoseconds_where_the_tsc_is_not_trusted(void **state)
{
    mon_clock clock = {.tsc = false, .ns_per_tick = 1.0};
    uint64_t before = mon_clock_monotonic_ns();
    uint64_t now = mon_clock_ticks(&clock);
    assert_true(now >= before && now <= mon_clock_monotonic_ns());
    assert_true(mon_clock_ns(&clock, now) == now);
    assert_true(mon_clock_ticks_at(&clock, now) == now);
    assert_true(mon_clock_duration(&clock, 1.5) == 1500000000);
    mon_clock_anchor(&clock);
    assert_true(clock.ns_per_tick == 1.0);
    assert_text(mon_clock_source(&clock), "clock_gettime");
}

typedef struct converter {
    mon_clock clock;
    bool over;
    int errors;
} converter;

static void *
convert(void *arg)
{
    converter *c = arg;
    while (!MON_GET(c->over)) {
        uint64_t ns = mon_clock_monotonic_ns();
        uint64_t told = mon_clock_ns(&c->clock, mon_clock_ticks(&c->clock));
        uint64_t after = mon_clock_monotonic_ns();
        c->errors += told + 1000000 < ns || told > after + 1000000;
    }
    return NULL;
}

static void
test_conversions_while_the_loop_anchors(void **state)
{
    converter c = {.over = false};
    pthread_t thread;
    mon_clock_init(&c.clock);
    assert_int_equal(pthread_create(&thread, NULL, convert, &c), 0);
    for (int i = 0; i < 30; i++) {
        pause_ms(11);
        mon_clock_anchor(&c.clock);
    }
    MON_SET(c.over, true);
    pthread_join(thread, NULL);
    assert_int_equal(c.errors, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_agrees_with_the_kernel),
        cmocka_unit_test(test_anchors_make_the_rate_better),
        cmocka_unit_test(test_stamps_before_and_after_the_anchor),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_a_year_of_uptime_costs_no_precision),
        cmocka_unit_test(test_durations_without_a_number),
        cmocka_unit_test(test_not_anchored_twice_at_once),
        cmocka_unit_test(test_a_jump_begins_a_new_baseline),
        cmocka_unit_test(test_a_bad_rate_heals),
        cmocka_unit_test(test_nanoseconds_where_the_tsc_is_not_trusted),
        cmocka_unit_test(test_conversions_while_the_loop_anchors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
