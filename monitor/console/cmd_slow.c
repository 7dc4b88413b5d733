/* `slow`: the last steps that took longer than the threshold. */
#include <stdio.h>
#include "monitor/console/command.h"
#include "monitor/console/table.h"
#include "monitor/console/units.h"

enum { SLOW_MOST = 1000 };

static const con_column slow_layout[] = {
    {"ago", CON_RIGHT},
    {"took", CON_RIGHT},
    {"task", CON_LEFT, .least = 8},
    {"what", CON_LEFT, .least = 10, .keep_end = true},
    {"where", CON_LEFT, .least = 12, .keep_end = true},
    {"cause", CON_LEFT, .spare = 3},
    {"delayed", CON_RIGHT, .spare = 1},
    {"by", CON_RIGHT, .spare = 2},
    {"times", CON_RIGHT, .spare = 4},
};

typedef struct slow_listing {
    con_table table;
    size_t limit, seen;
} slow_listing;

static void
slow_place(con_table *table, const mon_slow_view *slow)
{
    char place[sizeof(slow->file) + 16] = "";
    if (slow->file[0] != '\0') {
        snprintf(place, sizeof(place), "%s:%d", slow->file, slow->line);
    }
    con_table_cell(table, place);
}

static int
slow_visit(const mon_slow_view *slow, void *arg)
{
    slow_listing *listing = arg;
    con_table *table = &listing->table;
    char text[CON_UNIT];
    if (listing->seen++ >= listing->limit) {
        return 0;
    }
    con_table_row(table, 0);
    con_table_cell(table, con_duration(text, slow->ago));
    con_table_cell(table, con_duration(text, slow->duration));
    con_table_cell(table, slow->task_id != 0 ? slow->task_name : "-");
    con_table_cell(table, slow->what);
    slow_place(table, slow);
    con_table_cell(table, mon_cause_name(slow->cause));
    con_table_cell(table, con_count(text, slow->delayed));
    con_table_cell(table, con_duration(text, slow->delay));
    con_table_cell(table, con_count(text, slow->count));
    return 0;
}

static void
slow_footer(con_client *c, const slow_listing *listing)
{
    char threshold[CON_UNIT], ever[CON_UNIT];
    mon_status status;
    mon_get_status(con_monitor(c), &status);
    con_duration_said(threshold, status.slow_threshold);
    con_count(ever, status.slow);
    if (listing->seen == 0) {
        con_buffer_addf(con_out(c), "no step has taken longer than %s\n", threshold);
        return;
    }
    con_buffer_addf(con_out(c), "%zu of %s steps that took longer than %s\n",
                    listing->seen < listing->limit ? listing->seen : listing->limit, ever,
                    threshold);
}

static void
slow_run(con_client *c, int argc, char **argv)
{
    slow_listing listing = {.limit = 20};
    const con_flag flags[] = {{"-n", CON_FLAG_COUNT, &listing.limit, 1, SLOW_MOST}};
    if (!con_command_flags(c, flags, 1, argc, argv)) {
        return;
    }
    con_table_init(&listing.table, slow_layout, sizeof(slow_layout) / sizeof(*slow_layout));
    mon_each_slow(con_monitor(c), slow_visit, &listing);
    if (listing.seen > 0) {
        con_table_print(&listing.table, con_out(c), con_width(c), con_colour(c));
    }
    slow_footer(c, &listing);
}

const con_command con_cmd_slow = {
    .name = "slow",
    .usage = "[-n N]",
    .brief = "the last slow steps",
    .text =
        "  -n N  how many, 20 if not given; the newest come first\n"
        "delayed is how many other callbacks were due meanwhile, and by is how long they\n"
        "waited, all together. times counts how often the same code has been slow.\n",
    .run = slow_run,
};
