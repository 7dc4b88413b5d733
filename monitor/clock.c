/* Choosing the clock's source, keeping its rate, and turning ticks into time.

   The TSC is used only where the kernel itself keeps its time by it: then it is
   constant, synchronous between the cores, and someone has checked.  Its rate
   is measured once per process and known to some hundred ppm; each anchor then
   takes the rate over all the time since that first measurement, so it is known
   to a part in a million within a tenth of a second and follows NTP's slewing
   after that.  Where a clock jumps against the other (a suspended machine), the
   baseline begins anew instead of averaging over the jump.

   The loop thread anchors, under the clock's sequence number.  Any thread
   converts; a duration needs the rate alone, which is one word. */
#include "monitor/inside.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define NS_PER_SECOND UINT64_C(1000000000)

enum {
    CLOCK_CALIBRATION_NS = 200 * 1000,
    CLOCK_ANCHOR_NS = 10 * 1000 * 1000, /* the shortest time between two anchors */
    CLOCK_PAIR_TRIES = 3,
    CLOCK_READ_TRIES = 64,
};

static const double clock_jump = 0.01; /* a rate that differs by more is a jump */

typedef struct clock_pair {
    uint64_t ticks, ns;
} clock_pair;

/* A line through one anchor: what a conversion needs. */
typedef struct clock_line {
    clock_pair at;
    double rate;
} clock_line;

/* Measured once, then constant. */
static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static bool process_tsc;
static clock_pair process_first;
static double process_rate = 1.0;

uint64_t
mon_clock_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* The same instant on both clocks, as close as three tries get: an interrupt
   between the readings would otherwise shift the whole line. */
static clock_pair
clock_pair_now(const mon_clock *clock)
{
    clock_pair best = {0, 0};
    uint64_t narrowest = UINT64_MAX;
    for (int i = 0; i < CLOCK_PAIR_TRIES; i++) {
        uint64_t before = mon_clock_ticks(clock);
        uint64_t ns = mon_clock_monotonic_ns();
        uint64_t width = mon_clock_ticks(clock) - before;
        if (width < narrowest) {
            narrowest = width;
            best = (clock_pair){before + width / 2, ns};
        }
    }
    return best;
}

static double
clock_rate(clock_pair from, clock_pair to)
{
    return (double)(to.ns - from.ns) / (double)(to.ticks - from.ticks);
}

/* ---- the source --------------------------------------------------------- */

#if defined(__x86_64__)
static bool
clock_tsc_invariant(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
}

static bool
clock_kernel_trusts_tsc(void)
{
    FILE *file =
        fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (file == NULL) {
        return false;
    }
    char name[16] = "";
    bool tsc = fgets(name, sizeof(name), file) != NULL && strcmp(name, "tsc\n") == 0;
    fclose(file);
    return tsc;
}

static bool
clock_tsc_usable(void)
{
    return clock_tsc_invariant() && clock_kernel_trusts_tsc();
}
#elif defined(__aarch64__)
static bool
clock_tsc_usable(void)
{
    return true;
}
#else
static bool
clock_tsc_usable(void)
{
    return false;
}
#endif

static void
process_measure(void)
{
    process_tsc = clock_tsc_usable();
    if (!process_tsc) {
        return;
    }
    const mon_clock clock = {.tsc = true};
    process_first = clock_pair_now(&clock);
    while (mon_clock_monotonic_ns() - process_first.ns < CLOCK_CALIBRATION_NS) {
    }
    process_rate = clock_rate(process_first, clock_pair_now(&clock));
}

/* ---- anchors ------------------------------------------------------------ */

/* Whether the clocks went different ways between the last anchor and `now`.  A
   baseline that has just begun is believed, so that a rate which was measured
   badly is not defended for ever. */
static bool
clock_jumped(const mon_clock *clock, clock_pair now)
{
    clock_pair last = {clock->anchor_ticks, clock->anchor_ns};
    if ((int64_t)(now.ticks - last.ticks) <= 0 || (int64_t)(now.ns - last.ns) <= 0) {
        return true;
    }
    if (last.ticks == clock->first_ticks) {
        return false;
    }
    double change = clock_rate(last, now) / clock->ns_per_tick - 1;
    return change > clock_jump || change < -clock_jump;
}

static void
clock_move(mon_clock *clock, clock_pair now)
{
    bool jumped = clock_jumped(clock, now);
    clock_pair first = jumped ? now : (clock_pair){clock->first_ticks, clock->first_ns};
    mon_seq_write_begin(&clock->seq);
    MON_SET(clock->first_ticks, first.ticks);
    MON_SET(clock->first_ns, first.ns);
    MON_SET(clock->anchor_ticks, now.ticks);
    MON_SET(clock->anchor_ns, now.ns);
    if (!jumped) {
        mon_set_double(&clock->ns_per_tick, clock_rate(first, now));
    }
    mon_seq_write_end(&clock->seq);
}

void
mon_clock_init(mon_clock *clock)
{
    pthread_once(&process_once, process_measure);
    *clock = (mon_clock){.tsc = process_tsc, .ns_per_tick = process_rate};
    clock->first_ticks = clock->anchor_ticks = process_first.ticks;
    clock->first_ns = clock->anchor_ns = process_first.ns;
    mon_clock_anchor(clock);
}

void
mon_clock_anchor(mon_clock *clock)
{
    if (!clock->tsc) {
        return;
    }
    uint64_t age = mon_clock_ticks(clock) - clock->anchor_ticks;
    if ((double)age * clock->ns_per_tick >= CLOCK_ANCHOR_NS) {
        clock_move(clock, clock_pair_now(clock));
    }
}

/* ---- conversions, on any thread -------------------------------------------- */

/* The line of the last anchor.  A loop thread that lost its processor in the
   middle of an anchor is not waited for: the reader then anchors for itself. */
static clock_line
clock_line_read(const mon_clock *clock)
{
    for (int i = 0; i < CLOCK_READ_TRIES; i++) {
        uint32_t seq = mon_seq_read_begin(&clock->seq);
        clock_line line = {
            .at = {MON_GET(clock->anchor_ticks), MON_GET(clock->anchor_ns)},
            .rate = mon_get_double(&clock->ns_per_tick),
        };
        if (!mon_seq_read_torn(&clock->seq, seq)) {
            return line;
        }
    }
    return (clock_line){clock_pair_now(clock), mon_get_double(&clock->ns_per_tick)};
}

/* Only the distance from the anchor passes through a double, so that a long
   uptime costs no precision; it is signed, for stamps from before the anchor. */
uint64_t
mon_clock_ns(const mon_clock *clock, uint64_t ticks)
{
    if (!clock->tsc) {
        return ticks;
    }
    clock_line line = clock_line_read(clock);
    double distance = (double)(int64_t)(ticks - line.at.ticks) * line.rate;
    return line.at.ns + (uint64_t)(int64_t)distance;
}

uint64_t
mon_clock_ticks_at(const mon_clock *clock, uint64_t ns)
{
    if (!clock->tsc) {
        return ns;
    }
    clock_line line = clock_line_read(clock);
    double distance = (double)(int64_t)(ns - line.at.ns) / line.rate;
    return line.at.ticks + (uint64_t)(int64_t)distance;
}

double
mon_clock_seconds(const mon_clock *clock, uint64_t duration)
{
    return (double)duration * mon_get_double(&clock->ns_per_tick) / (double)NS_PER_SECOND;
}

uint64_t
mon_clock_duration(const mon_clock *clock, double seconds)
{
    double ticks = seconds * (double)NS_PER_SECOND / mon_get_double(&clock->ns_per_tick);
    if (!(ticks > 0)) {
        return 0;
    }
    return ticks < 18e18 ? (uint64_t)ticks : UINT64_MAX; /* never, for an infinite one */
}

const char *
mon_clock_source(const mon_clock *clock)
{
    if (!clock->tsc) {
        return "clock_gettime";
    }
#if defined(__aarch64__)
    return "cntvct";
#else
    return "tsc";
#endif
}
