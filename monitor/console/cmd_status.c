/* `status`: what runs now, where the loop's time goes, and how late things are. */
#include "monitor/console/command.h"
#include "monitor/console/say.h"
#include "monitor/console/table.h"
#include "monitor/console/units.h"

static const con_column status_spreads[] = {
    {"", CON_LEFT},     {"p50", CON_RIGHT}, {"p90", CON_RIGHT},
    {"p99", CON_RIGHT}, {"max", CON_RIGHT}, {"count", CON_RIGHT},
};

static void
status_count(con_buffer *out, const char *before, uint64_t count, const char *what)
{
    char text[CON_UNIT];
    con_buffer_addf(out, "%s%s %s", before, con_count(text, count), what);
}

static void
status_share(con_buffer *out, const char *what, double part, const mon_status *s)
{
    char text[CON_UNIT];
    con_buffer_addf(out, "%s %s", what, con_share(text, part, s->uptime));
}

/* Shown once the callback under way is a slow one. */
static void
status_now(con_buffer *out, const mon_status *s)
{
    double slow = s->slow_threshold > 0 ? s->slow_threshold : 0.1;
    if (!s->in_slice || s->slice_time < slow) {
        return;
    }
    con_buffer_adds(out, "now     ");
    con_say_slice(out, s);
    con_buffer_addc(out, '\n');
    if (s->slice_file != NULL) {
        con_buffer_adds(out, "        defined at ");
        con_say_place(out, s->slice_file, s->slice_line);
        con_buffer_addc(out, '\n');
    }
}

static void
status_loop(con_buffer *out, const mon_status *s)
{
    char phase[CON_UNIT], uptime[CON_UNIT];
    con_buffer_addf(out, "loop    up %s, ", con_duration(uptime, s->uptime));
    if (s->stopped > s->uptime / 1000) {
        status_share(out, "stopped", s->stopped, s);
        con_buffer_adds(out, " of it, ");
    }
    con_buffer_addf(out, "%s for %s, clock %s\n", mon_phase_name(s->phase),
                    con_duration(phase, s->in_phase), s->clock_source);
    if (s->level == MON_OFF) {
        con_buffer_adds(out, "        the monitor is off: the figures stand still\n");
    }
}

static void
status_time(con_buffer *out, const mon_status *s)
{
    status_share(out, "time    busy", s->running, s);
    status_share(out, ", idle", s->idle, s);
    status_share(out, ", GIL wait", s->gil_wait, s);
    status_share(out, ", polling", s->polling, s);
    status_share(out, ", own", s->own, s);
    con_buffer_addc(out, '\n');
}

static void
status_counts(con_buffer *out, const mon_status *s)
{
    char threshold[CON_UNIT];
    status_count(out, "counts  ", s->turns, "turns");
    status_count(out, ", ", s->polls, "polls");
    status_count(out, ", ", s->callbacks, "callbacks");
    status_count(out, ", ", s->steps, "steps\n");
    status_count(out, "slow    ", s->slow, "over");
    con_buffer_addf(out, " %s\n", con_duration_said(threshold, s->slow_threshold));
}

static void
status_tasks(con_buffer *out, const mon_status *s)
{
    status_count(out, "ready   ", s->ready_depth, "callbacks are due now\n");
    status_count(out, "tasks   ", s->live, "live:");
    status_count(out, " ", s->awaiting, "awaiting");
    status_count(out, ", ", s->ready, "ready");
    status_count(out, ", ", s->in_step, "running\n");
    status_count(out, "        ", s->born, "born");
    status_count(out, ", ", s->done, "done");
    status_count(out, ", ", s->dropped, "dropped\n");
    if (s->rows_folded > 0) {
        status_count(out, "        ", s->rows_folded,
                     "kinds of coroutines and callbacks are counted as \"other\"\n");
    }
}

static void
status_spread(con_table *table, const char *name, const mon_spread *spread)
{
    char text[CON_UNIT];
    con_table_row(table, 0);
    con_table_cell(table, name);
    con_table_cell(table, con_duration(text, spread->p50));
    con_table_cell(table, con_duration(text, spread->p90));
    con_table_cell(table, con_duration(text, spread->p99));
    con_table_cell(table, con_duration(text, spread->max));
    con_table_cell(table, con_count(text, spread->count));
}

static void
status_table(con_client *c, const mon_status *s)
{
    con_table table;
    con_table_init(&table, status_spreads,
                   sizeof(status_spreads) / sizeof(*status_spreads));
    status_spread(&table, "loop lag", &s->loop_lag);
    status_spread(&table, "ready delay", &s->ready_delay);
    status_spread(&table, "step time", &s->step_time);
    status_spread(&table, "GIL wait", &s->gil_time);
    status_spread(&table, "timer late", &s->timer_late);
    con_table_print(&table, con_out(c), con_width(c), con_colour(c));
}

static void
status_run(con_client *c, int argc, char **argv)
{
    mon_status s;
    con_buffer *out = con_out(c);
    if (!con_command_flags(c, NULL, 0, argc, argv)) {
        return;
    }
    mon_get_status(con_monitor(c), &s);
    status_now(out, &s);
    status_loop(out, &s);
    status_time(out, &s);
    status_counts(out, &s);
    status_tasks(out, &s);
    status_table(c, &s);
}

const con_command con_cmd_status = {
    .name = "status",
    .usage = "",
    .brief = "what runs now, how it goes",
    .text =
        "busy is inside of callbacks and steps, idle in a poll that blocks, own the\n"
        "loop's own work. Loop lag: how long the kernel's events waited from one poll to\n"
        "the next; ready delay: how long a due callback waited; step time: how long one\n"
        "ran; GIL wait: for the interpreter's lock after a poll; timer late: how late\n"
        "timers fired.\n",
    .run = status_run,
};
