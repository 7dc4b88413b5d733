/* Histograms: no gap between buckets, and quantiles close to the sorted truth. */
#include "support.h"

#include <math.h>

enum { SAMPLES = 20000 };

static void
test_buckets_join_without_a_gap(void **state)
{
    for (unsigned i = 0; i < MON_HISTOGRAM_BUCKETS; i++) {
        uint64_t low = mon_histogram_floor(i);
        uint64_t high =
            i + 1 < MON_HISTOGRAM_BUCKETS ? mon_histogram_floor(i + 1) - 1 : UINT64_MAX;
        assert_true(low <= high);
        assert_int_equal(mon_histogram_index(low), i);
        assert_int_equal(mon_histogram_index(high), i);
        assert_true(high - low <= low / 8);
    }
}

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void
check_quantiles(uint64_t *values)
{
    static mon_histogram h;
    uint64_t sum = 0;
    mon_histogram_reset(&h);
    for (size_t i = 0; i < SAMPLES; i++) {
        mon_histogram_add(&h, values[i]);
        sum += values[i];
    }
    qsort(values, SAMPLES, sizeof(*values), compare);
    for (int q = 1; q <= 1000; q++) {
        uint64_t truth = values[(SAMPLES * q + 999) / 1000 - 1];
        uint64_t told = mon_histogram_quantile(&h, q / 1000.0);
        assert_true(told >= truth);
        assert_true(told - truth <= truth / 8);
    }
    assert_true(mon_histogram_count(&h) == SAMPLES);
    assert_true(h.max == values[SAMPLES - 1]);
    assert_true(h.sum == sum);
    assert_true(mon_histogram_quantile(&h, 1) == h.max);
    assert_true(mon_histogram_quantile(&h, 0) >= values[0]);
}

static void
test_quantiles_of_many_shapes(void **state)
{
    static uint64_t values[SAMPLES];
    uint64_t seed = 1;
    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = random_next(&seed) % 1000000;
    }
    check_quantiles(values);
    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = random_next(&seed) >> (random_next(&seed) % 64) >> 16;
    }
    check_quantiles(values);
    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = i % 12;
    }
    check_quantiles(values);
    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = 4711;
    }
    check_quantiles(values);
}

static void
test_one_outlier_is_the_maximum(void **state)
{
    static mon_histogram h;
    mon_histogram_reset(&h);
    for (int i = 0; i < 999; i++) {
        mon_histogram_add(&h, 100);
    }
    mon_histogram_add(&h, 1000001);
    assert_true(mon_histogram_quantile(&h, 0.5) < 113);
    assert_true(mon_histogram_quantile(&h, 0.999) < 113);
    assert_true(mon_histogram_quantile(&h, 0.9999) == 1000001);
}

static void
test_empty_and_extreme(void **state)
{
    static mon_histogram h;
    mon_histogram_reset(&h);
    assert_true(mon_histogram_quantile(&h, 0.5) == 0);
    assert_true(mon_histogram_count(&h) == 0);
    mon_histogram_add(&h, UINT64_MAX);
    mon_histogram_add(&h, 0);
    assert_true(mon_histogram_quantile(&h, 1) == UINT64_MAX);
    assert_true(mon_histogram_quantile(&h, 0.5) == 0);
    assert_true(mon_histogram_quantile(&h, (double)NAN) == 0);
    mon_histogram_reset(&h);
    assert_true(mon_histogram_count(&h) == 0 && h.max == 0 && h.sum == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets_join_without_a_gap),
        cmocka_unit_test(test_quantiles_of_many_shapes),
        cmocka_unit_test(test_one_outlier_is_the_maximum),
        cmocka_unit_test(test_empty_and_extreme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
