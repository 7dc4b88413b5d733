/* Durations, counts and shares: short, six columns at most, right at every edge. */
#include <math.h>
#include "monitor/console/units.h"
#include "support.h"

static void
test_durations(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-1, "0"},
        {850e-9, "850ns"},
        {999.4e-9, "999ns"},
        {999.6e-9, "1.00us"},
        {1.24e-3, "1.24ms"},
        {12.4e-3, "12.4ms"},
        {0.124, "124ms"},
        {0.9994, "999ms"},
        {0.9996, "1.0s"},
        {3.1, "3.1s"},
        {59.94, "59.9s"},
        {59.96, "1m00s"},
        {65, "1m05s"},
        {3599.9, "59m59s"},
        {3600, "1h00m"},
        {7500, "2h05m"},
        {86400 * 12.125, "12d03h"},
        {86400 * 365.0, "365d"},
        {1e300, "49000d"},
    };
    char text[CON_UNIT];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_text(con_duration(text, cases[i].seconds), cases[i].text);
    }
    assert_text(con_duration(text, NAN), "-");
    assert_text(con_duration(text, INFINITY), "49000d");
}

static void
test_durations_fit_six_columns(void **state)
{
    char text[CON_UNIT];
    for (double seconds = 1e-9; seconds < 86400 * 9999.0; seconds *= 1.0137) {
        assert_true(strlen(con_duration(text, seconds)) <= 6);
    }
}

static void
test_said(void **state)
{
    char text[CON_UNIT];
    assert_text(con_duration_said(text, 2.314), "2.31 s");
    assert_text(con_duration_said(text, 0.1), "100 ms");
    assert_text(con_duration_said(text, 0.9999), "1.00 s");
    assert_text(con_duration_said(text, 59.999), "1m00s");
    assert_text(con_duration_said(text, 7500), "2h05m");
    assert_text(con_duration_said(text, 5e-6), "5.00us");
    assert_text(con_duration_said(text, 0), "0 s");
    assert_text(con_duration_said(text, NAN), "0 s");
}

static void
test_counts(void **state)
{
    char text[CON_UNIT];
    assert_text(con_count(text, 0), "0");
    assert_text(con_count(text, 999999), "999999");
    assert_text(con_count(text, 1000000), "1.00M");
    assert_text(con_count(text, 12345678), "12.3M");
    assert_text(con_count(text, 999999999), "1.00G");
    assert_text(con_count(text, UINT64_MAX), "18.4E");
}

static void
test_shares(void **state)
{
    char text[CON_UNIT];
    assert_text(con_share(text, 0, 1), "0%");
    assert_text(con_share(text, 1e-6, 1), "<0.1%");
    assert_text(con_share(text, 0.1234, 1), "12.3%");
    assert_text(con_share(text, 0.9999, 1), "100%");
    assert_text(con_share(text, 1, 1), "100%");
    assert_text(con_share(text, 1, 0), "-");
    assert_text(con_share(text, -1, 1), "0%");
    assert_text(con_share(text, 1e300, 1), "9999%");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations), cmocka_unit_test(test_durations_fit_six_columns),
        cmocka_unit_test(test_said),      cmocka_unit_test(test_counts),
        cmocka_unit_test(test_shares),
    };
    return run_all(tests);
}
