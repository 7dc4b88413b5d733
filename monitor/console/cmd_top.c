/* `top`: the busiest tasks, live.

   A frame is made whole, then sent in one write; a frame is left out while too much
   of the earlier ones is unsent, so that a slow line lags by a frame and not by all
   of them.  The alternate screen keeps what the user had before.  Who has no screen
   to draw on gets one frame as text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/console/command.h"
#include "monitor/console/context.h"
#include "monitor/console/say.h"
#include "monitor/console/tasks.h"
#include "monitor/console/text.h"
#include "monitor/console/units.h"

enum { TOP_AROUND = 6 }; /* lines of a frame that are not tasks, at most */

typedef struct top {
    con_activity activity;
    con_samples samples;
    mon_status before; /* the last frame's */
    size_t limit;      /* 0: as many as fit */
    int sort;
    double interval;
    char *filter; /* a copy, or NULL */
} top;

/* ---- one frame ------------------------------------------------------------ */

static void
top_share(con_buffer *out, const char *what, double part, double whole)
{
    char text[CON_UNIT];
    con_buffer_addf(out, "%s %s", what, con_share(text, part, whole));
}

/* Shares are those since the frame before, or since the start in the first. */
static void
top_head(con_buffer *out, const mon_status *s, const mon_status *b)
{
    char up[CON_UNIT], live[CON_UNIT], due[CON_UNIT], lag[CON_UNIT], delay[CON_UNIT];
    double span = s->uptime - b->uptime;
    con_buffer_addf(out, "up %s, ", con_duration(up, s->uptime));
    top_share(out, "busy", s->running - b->running, span);
    top_share(out, ", idle", s->idle - b->idle, span);
    top_share(out, ", GIL wait", s->gil_wait - b->gil_wait, span);
    top_share(out, ", own", s->own + s->polling - b->own - b->polling, span);
    con_buffer_addf(out, "\n%s tasks, %s callbacks due; p99: loop lag %s, ready delay %s\n",
                    con_count(live, s->live), con_count(due, s->ready_depth),
                    con_duration(lag, s->loop_lag.p99),
                    con_duration(delay, s->ready_delay.p99));
    if (s->in_slice && s->slice_time >= s->slow_threshold) {
        con_say_slice(out, s);
    }
    con_buffer_adds(out, "\n");
}

static size_t
top_fit(con_client *c, const top *t)
{
    size_t height = con_height(c);
    size_t room = height > TOP_AROUND ? height - TOP_AROUND : 1;
    if (!con_screen(c)) {
        room = 20;
    }
    return t->limit == 0 || (con_screen(c) && t->limit > room) ? room : t->limit;
}

static void
top_frame(con_client *c, top *t, con_buffer *out)
{
    mon_status status;
    con_tasks tasks = {.sort = t->sort, .filter = t->filter, .samples = &t->samples};
    tasks.limit = top_fit(c, t);
    mon_get_status(con_monitor(c), &status);
    con_samples_turn(&t->samples, con_now());
    top_head(out, &status, &t->before);
    if (con_tasks_read(&tasks, con_monitor(c))) {
        con_tasks_print(&tasks, out, con_width(c), con_colour(c));
    }
    con_tasks_free(&tasks);
    t->before = status;
}

/* ---- the screen ----------------------------------------------------------- */

/* Columns of a line, not counting colours. */
static size_t
top_line_end(const char *line, size_t size, size_t width)
{
    size_t columns = 0, at = 0;
    while (at < size) {
        uint32_t character;
        size_t length = con_text_decode(line + at, size - at, &character);
        if (character == '\033') {
            const char *end = memchr(line + at, 'm', size - at);
            at = end != NULL ? (size_t)(end - line) + 1 : size;
            continue;
        }
        int shown = con_text_width(character);
        columns += shown < 0 ? 1 : (size_t)shown;
        if (columns > width) {
            break;
        }
        at += length;
    }
    return at;
}

/* The frame over the old one: each line cut to the window and cleared to its end,
   no more lines than there are. */
static void
top_paint(con_client *c, con_buffer *frame)
{
    con_buffer *out = con_out(c);
    const char *line = con_buffer_bytes(frame);
    const char *end = line + con_buffer_used(frame);
    con_buffer_adds(out, "\033[H");
    for (size_t row = 0; row < con_height(c) && line < end; row++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        con_buffer_adds(out, row > 0 ? "\n" : "");
        con_buffer_add(out, line, top_line_end(line, (size_t)(stop - line), con_width(c)));
        con_buffer_adds(out, "\033[0m\033[K");
        line = stop + 1;
    }
    con_buffer_adds(out, "\033[J");
}

static void
top_draw(con_client *c, top *t)
{
    char interval[CON_UNIT];
    con_buffer frame = {0};
    if (con_jammed(c)) {
        return;
    }
    top_frame(c, t, &frame);
    con_buffer_addf(&frame, "every %s; any key ends",
                    con_duration_said(interval, t->interval));
    if (frame.failed) {
        con_out(c)->failed = true;
    }
    else {
        top_paint(c, &frame);
    }
    con_buffer_free(&frame);
}

/* ---- the activity --------------------------------------------------------- */

static con_verdict
top_tick(con_client *c, con_activity *a)
{
    top *t = (top *)a;
    top_draw(c, t);
    a->due = con_now() + t->interval;
    return CON_GOES_ON;
}

static con_verdict
top_resize(con_client *c, con_activity *a)
{
    a->due = con_now();
    return CON_GOES_ON;
}

static con_verdict
top_key(con_client *c, con_activity *a, unsigned char byte)
{
    return CON_OVER;
}

static void
top_free(top *t)
{
    con_samples_free(&t->samples);
    free(t->filter);
    free(t);
}

static void
top_end(con_client *c, con_activity *a)
{
    con_buffer_adds(con_out(c), "\033[?25h\033[?1049l");
    top_free((top *)a);
}

static const con_activity_kind top_kind = {
    .tick = top_tick,
    .key = top_key,
    .resize = top_resize,
    .end = top_end,
    .takes_keys = true,
    .watched = true,
};

static void
top_begin(con_client *c, top *t)
{
    if (!con_screen(c)) {
        top_frame(c, t, con_out(c));
        top_free(t);
        return;
    }
    t->activity.kind = &top_kind;
    con_begin(c, &t->activity);
    con_buffer_adds(con_out(c), "\033[?1049h\033[?25l\033[2J");
    top_tick(c, &t->activity);
}

static void
top_run(con_client *c, int argc, char **argv)
{
    top wanted = {.sort = CON_SORT_BUSY, .interval = 1};
    const char *filter = NULL;
    const con_flag flags[] = {
        {"-f", CON_FLAG_TEXT, &filter},
        {"-i", CON_FLAG_SECONDS, &wanted.interval, 0.1, 3600},
        {"-n", CON_FLAG_COUNT, &wanted.limit, 1, CON_TASKS_MOST},
        {"--sort", CON_FLAG_CHOICE, &wanted.sort, .choices = con_task_columns_sampled},
    };
    if (!con_command_flags(c, flags, sizeof(flags) / sizeof(*flags), argc, argv)) {
        return;
    }
    top *t = malloc(sizeof(*t));
    wanted.filter = filter != NULL ? strdup(filter) : NULL;
    if (t == NULL || (filter != NULL && wanted.filter == NULL)) {
        con_error(c, "top: out of memory");
        free(wanted.filter);
        free(t);
        return;
    }
    *t = wanted;
    top_begin(c, t);
}

const con_command con_cmd_top = {
    .name = "top",
    .usage = "[-n N] [--sort COLUMN] [-f TEXT] [-i SECONDS]",
    .brief = "the busiest tasks, live",
    .text = "  -n N           how many; as many as fit if not given\n"
            "  --sort COLUMN  as for ps, and busy, which is taken if none is given\n"
            "  -f TEXT        only tasks whose name, coroutine or state contains TEXT\n"
            "  -i SECONDS     between two looks, 0.1 to 3600; 1 if not given\n"
            "busy is the share of the time since the last look that a task spent running;\n"
            "in the first frame, of its whole life. Any key ends it.\n",
    .run = top_run,
};
