/* The words for the monitor's enumerations, as consoles and exporters print them.
   Constant tables: any thread.  A value outside its enumeration is "?". */
#include "monitor/view.h"

#define NAME_OF(table, value)                                                              \
    ((size_t)(value) < sizeof(table) / sizeof(*(table)) && (table)[value] != NULL          \
         ? (table)[value]                                                                  \
         : "?")

static const char *const state_names[] = {
    [MON_AWAITING] = "awaiting",
    [MON_READY] = "ready",
    [MON_RUNNING] = "running",
    [MON_ENDED] = "done",
};

static const char *const cause_names[] = {
    [MON_CAUSE_NONE] = "none",     [MON_CAUSE_FUTURE] = "future",
    [MON_CAUSE_SELF] = "self",     [MON_CAUSE_TIMER] = "timer",
    [MON_CAUSE_IO] = "io",         [MON_CAUSE_THREAD] = "thread",
    [MON_CAUSE_SIGNAL] = "signal",
};

static const char *const outcome_names[] = {
    [MON_RESULT] = "result",
    [MON_EXCEPTION] = "exception",
    [MON_CANCELLED] = "cancelled",
    [MON_DESTROYED] = "destroyed",
};

static const char *const phase_names[] = {
    [MON_STOPPED] = "stopped",
    [MON_CALLING] = "calling",
    [MON_POLLING] = "polling",
    [MON_GIL_WAIT] = "gil_wait",
};

static const char *const measure_names[] = {
    [MON_STEP_TIME] = "step_time", [MON_READY_DELAY] = "ready_delay",
    [MON_LOOP_LAG] = "loop_lag",   [MON_POLL_TIME] = "poll_time",
    [MON_GIL_TIME] = "gil_time",   [MON_TIMER_LATE] = "timer_late",
};

const char *
mon_state_name(mon_state state)
{
    return NAME_OF(state_names, state);
}

const char *
mon_cause_name(mon_cause cause)
{
    return NAME_OF(cause_names, cause);
}

const char *
mon_outcome_name(mon_outcome outcome)
{
    return NAME_OF(outcome_names, outcome);
}

const char *
mon_phase_name(mon_phase phase)
{
    return NAME_OF(phase_names, phase);
}

const char *
mon_measure_name(mon_measure which)
{
    return NAME_OF(measure_names, which);
}
