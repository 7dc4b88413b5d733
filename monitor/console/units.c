/* Seconds, counts and shares to short text.

   A figure keeps three significant digits: more would only flicker in `top`.
   The unit is chosen after rounding, so 999.7 ms is "1.0s" and never "1000ms". */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "monitor/console/units.h"

/* Three significant digits of a value below 999.5. */
static const char *
units_digits(char text[CON_UNIT], double value, const char *unit)
{
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(text, CON_UNIT, "%.*f%s", decimals, value, unit);
    return text;
}

/* Two neighbouring units, "2h05m"; from 100 of the larger on that one alone. */
static const char *
units_pair(char text[CON_UNIT], uint32_t first, char big, uint32_t second, char little)
{
    if (first > 99) {
        snprintf(text, CON_UNIT, "%" PRIu32 "%c", first, big);
    }
    else {
        snprintf(text, CON_UNIT, "%" PRIu32 "%c%02" PRIu32 "%c", first, big, second % 100,
                 little);
    }
    return text;
}

static const char *
units_long(char text[CON_UNIT], double seconds)
{
    static const double most = 86400.0 * 49000; /* a century and more, in 32 bits */
    uint32_t whole = (uint32_t)(seconds < most ? seconds : most);
    if (whole < 3600) {
        return units_pair(text, whole / 60, 'm', whole % 60, 's');
    }
    if (whole < 86400) {
        return units_pair(text, whole / 3600, 'h', whole % 3600 / 60, 'm');
    }
    return units_pair(text, whole / 86400, 'd', whole % 86400 / 3600, 'h');
}

static const char *
units_plain(char text[CON_UNIT], const char *what)
{
    snprintf(text, CON_UNIT, "%s", what);
    return text;
}

const char *
con_duration(char text[CON_UNIT], double seconds)
{
    if (isnan(seconds)) {
        return units_plain(text, "-");
    }
    if (seconds < 0.5e-9) {
        return units_plain(text, "0");
    }
    if (seconds < 999.5e-9) {
        snprintf(text, CON_UNIT, "%.0fns", seconds * 1e9);
        return text;
    }
    if (seconds < 999.5e-6) {
        return units_digits(text, seconds * 1e6, "us");
    }
    if (seconds < 999.5e-3) {
        return units_digits(text, seconds * 1e3, "ms");
    }
    if (seconds < 59.95) {
        snprintf(text, CON_UNIT, "%.1fs", seconds);
        return text;
    }
    return units_long(text, seconds < 60 ? 60 : seconds);
}

const char *
con_duration_said(char text[CON_UNIT], double seconds)
{
    if (!(seconds > 0)) {
        return units_plain(text, "0 s");
    }
    if (seconds < 0.9995e-3) {
        return con_duration(text, seconds);
    }
    if (seconds < 0.9995) {
        return units_digits(text, seconds * 1e3, " ms");
    }
    if (seconds < 59.995) {
        snprintf(text, CON_UNIT, "%.2f s", seconds);
        return text;
    }
    return con_duration(text, seconds);
}

const char *
con_count(char text[CON_UNIT], uint64_t count)
{
    static const char *const units[] = {"M", "G", "T", "P", "E"};
    if (count < 1000000) {
        snprintf(text, CON_UNIT, "%" PRIu32, (uint32_t)count);
        return text;
    }
    double value = (double)count / 1e6;
    unsigned unit = 0;
    while (value >= 999.5) {
        value /= 1000;
        unit++;
    }
    return units_digits(text, value, units[unit]);
}

const char *
con_share(char text[CON_UNIT], double part, double whole)
{
    if (!(whole > 0)) {
        return units_plain(text, "-");
    }
    double share = 100 * part / whole;
    if (!(share > 0)) {
        return units_plain(text, "0%");
    }
    if (share < 0.05) {
        return units_plain(text, "<0.1%");
    }
    if (share >= 99.95) {
        snprintf(text, CON_UNIT, "%.0f%%", share > 9999 ? 9999 : share);
        return text;
    }
    snprintf(text, CON_UNIT, "%.1f%%", share);
    return text;
}
