/* The session: prompt, lines, and what goes on after a command has returned.

   A command runs to its end at once and never waits.  One that goes on (`top`, a
   request to the loop) leaves an activity behind.  While there is one, input waits
   in c->in, so that commands sent together are answered one after the other, in
   order.  An activity may also retire behind the prompt; what it prints then goes
   above the line that is being typed. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "monitor/console/client.h"
#include "monitor/console/command.h"
#include "monitor/console/text.h"

enum { KEY_INTERRUPT = 3, KEY_END = 4 };

/* ---- what commands see ------------------------------------------------------ */

mon *
con_monitor(const con_client *c)
{
    return c->context->m;
}

con_buffer *
con_out(con_client *c)
{
    return &c->out;
}

size_t
con_width(const con_client *c)
{
    return c->kind == CON_PLAIN && !c->greeted ? 0 : (size_t)c->columns;
}

size_t
con_height(const con_client *c)
{
    return (size_t)c->rows;
}

bool
con_screen(const con_client *c)
{
    return c->kind == CON_TERMINAL && strcmp(c->type, "dumb") != 0;
}

bool
con_colour(const con_client *c)
{
    return con_screen(c) && c->type[0] != '\0' && strcmp(c->type, "unknown") != 0;
}

bool
con_jammed(const con_client *c)
{
    return con_buffer_used(&c->unsent) > c->context->limits->frame;
}

double
con_patience(const con_client *c)
{
    return c->context->limits->request;
}

void
con_error(con_client *c, const char *format, ...)
{
    con_buffer text = {0};
    va_list args;
    va_start(args, format);
    con_buffer_addv(&text, format, args);
    va_end(args);
    con_buffer_adds(&c->out, con_colour(c) ? "\033[31m" : "");
    con_text_clean(&c->out, con_buffer_bytes(&text), con_buffer_used(&text));
    con_buffer_adds(&c->out, con_colour(c) ? "\033[0m\n" : "\n");
    con_buffer_free(&text);
}

void
con_quit(con_client *c)
{
    con_client_close(c, NULL, con_now());
}

mon_request *
con_request(con_client *c, mon_request_kind kind, uint64_t id)
{
    return mon_request_send(c->context->m, kind, id, c->context->wake,
                            c->context->wake_arg);
}

/* ---- prompt and output ---------------------------------------------------------- */

void
con_session_deliver(con_client *c)
{
    if (c->out.failed) {
        c->stage = CON_GONE;
    }
    else if (con_buffer_used(&c->out) > 0) {
        con_terminal_send(c, con_buffer_bytes(&c->out), con_buffer_used(&c->out));
    }
    con_buffer_clear(&c->out);
}

static void
session_prompt(con_client *c)
{
    bool login = c->stage == CON_LOGIN;
    const char *prompt = login ? "token: " : "uvloupe> ";
    if (c->stage >= CON_CLOSING || c->activity != NULL) {
        return;
    }
    if (c->kind == CON_TERMINAL) {
        c->edit.width = (size_t)c->columns;
        c->edit.ansi = con_screen(c);
        con_edit_begin(&c->edit, prompt, login, &c->out);
    }
    else if (c->kind == CON_LINE) {
        con_buffer_adds(&c->out, prompt);
    }
}

static void
session_greet(con_client *c)
{
    con_buffer_addf(&c->out, "uvloupe console of process %ld; help lists the commands\n",
                    (long)getpid());
}

void
con_session_begin(con_client *c, bool greet)
{
    c->greeted = greet;
    if (greet && c->stage == CON_OPEN) {
        session_greet(c);
    }
    else if (greet && c->kind == CON_PLAIN) {
        con_buffer_adds(&c->out, "token: ");
    }
    session_prompt(c);
    con_session_deliver(c);
}

void
con_session_resized(con_client *c)
{
    c->edit.width = (size_t)c->columns;
    if (c->activity != NULL && c->activity->kind->resize != NULL) {
        c->activity->kind->resize(c, c->activity);
    }
}

/* ---- lines -------------------------------------------------------------- */

static bool
session_hostile(con_client *c, const char *line)
{
    bool hostile = c->lines_seen++ == 0 && con_contact_hostile(line);
    if (hostile) {
        c->stage = CON_GONE;
    }
    return hostile;
}

static void
session_line(con_client *c, char *line, double now)
{
    if (session_hostile(c, line)) {
        return;
    }
    if (c->stage == CON_OPEN) {
        if (c->kind == CON_TERMINAL) {
            con_history_add(&c->edit.history, line);
        }
        con_command_run(c, line);
    }
    else {
        con_login_line(c, line, now);
        explicit_bzero(line, strlen(line));
        if (c->stage == CON_OPEN && c->kind != CON_PLAIN) {
            session_greet(c);
        }
    }
    session_prompt(c);
}

static void
session_too_long(con_client *c, const char *begun)
{
    if (!session_hostile(c, begun)) {
        con_error(c, "a line has at most %d bytes; this one is dropped", CON_LINE_MAX);
    }
}

/* Tab: what can be inserted is, and the choices are listed otherwise. */
static void
session_complete(con_client *c)
{
    con_buffer insert = {0}, choices = {0};
    con_edit *edit = &c->edit;
    con_command_complete(edit->text, edit->cursor, &insert, &choices);
    if (con_buffer_used(&insert) > 0) {
        con_edit_insert(edit, con_buffer_bytes(&insert), con_buffer_used(&insert), &c->out);
    }
    else if (con_buffer_used(&choices) > 0) {
        con_buffer_addc(&c->out, '\n');
        con_buffer_add(&c->out, con_buffer_bytes(&choices), con_buffer_used(&choices));
        con_buffer_addc(&c->out, '\n');
        con_edit_show(edit, &c->out);
    }
    con_buffer_free(&insert);
    con_buffer_free(&choices);
}

static void
session_key(con_client *c, unsigned char byte, double now)
{
    switch (con_edit_byte(&c->edit, byte, &c->out)) {
    case CON_EDIT_MORE:
        break;
    case CON_EDIT_LINE:
        session_line(c, c->edit.text, now);
        break;
    case CON_EDIT_TAB:
        session_complete(c);
        break;
    case CON_EDIT_END:
        con_quit(c);
        break;
    case CON_EDIT_TOO_LONG:
        session_too_long(c, c->edit.text);
        break;
    case CON_EDIT_INTERRUPT:
    case CON_EDIT_DROPPED:
        session_prompt(c);
        break;
    }
}

static void
session_byte(con_client *c, unsigned char byte, double now)
{
    if (c->kind == CON_LINE && byte == KEY_END && c->lines.used == 0) {
        con_quit(c);
        return;
    }
    if (c->kind == CON_LINE && byte == KEY_INTERRUPT) {
        con_lines_last(&c->lines);
        con_buffer_addc(&c->out, '\n');
        session_prompt(c);
        return;
    }
    switch (con_lines_byte(&c->lines, (char)byte)) {
    case CON_LINES_MORE:
        break;
    case CON_LINES_LINE:
        session_line(c, c->lines.text, now);
        break;
    case CON_LINES_TOO_LONG:
        session_too_long(c, c->lines.text);
        break;
    }
}

/* ---- activities ----------------------------------------------------------- */

void
con_begin(con_client *c, con_activity *a)
{
    a->next = NULL;
    c->activity = a;
}

size_t
con_behind(const con_client *c)
{
    size_t count = 0;
    for (const con_activity *a = c->later; a != NULL; a = a->next) {
        count++;
    }
    return count;
}

/* Prints what a retired activity has to say above the line being typed. */
static con_verdict
session_above(con_client *c, con_activity *a)
{
    con_buffer before = c->out;
    c->out = (con_buffer){0};
    con_verdict verdict = a->kind->notify(c, a);
    con_buffer said = c->out;
    c->out = before;
    if (con_buffer_used(&said) > 0) {
        if (c->kind == CON_TERMINAL) {
            con_edit_hide(&c->edit, &c->out);
        }
        else if (c->kind == CON_LINE) {
            con_buffer_addc(&c->out, '\n');
        }
        con_buffer_add(&c->out, con_buffer_bytes(&said), con_buffer_used(&said));
        if (c->kind == CON_TERMINAL) {
            con_edit_show(&c->edit, &c->out);
        }
        else if (c->kind == CON_LINE) {
            con_buffer_adds(&c->out, "uvloupe> ");
        }
    }
    con_buffer_free(&said);
    return verdict;
}

/* Asks the retired activities; not while another one has the screen. */
static void
session_later(con_client *c)
{
    con_activity **link = &c->later;
    while (*link != NULL && c->activity == NULL && c->stage == CON_OPEN) {
        con_activity *a = *link;
        if (session_above(c, a) == CON_OVER) {
            *link = a->next;
            a->kind->end(c, a);
        }
        else {
            link = &a->next;
        }
    }
}

static void
session_settle(con_client *c, con_verdict verdict)
{
    con_activity *a = c->activity;
    if (verdict == CON_GOES_ON) {
        return;
    }
    c->activity = NULL;
    if (verdict == CON_OVER) {
        a->kind->end(c, a);
    }
    else {
        a->next = c->later;
        c->later = a;
    }
    session_prompt(c);
    session_later(c);
}

/* Input during an activity; false if it has to wait. */
static bool
session_activity_key(con_client *c)
{
    const con_activity_kind *kind = c->activity->kind;
    size_t used = con_buffer_used(&c->in);
    if (used == 0) {
        if (c->eof && kind->takes_keys) {
            session_settle(c, CON_OVER);
            return true;
        }
        return false;
    }
    const char *bytes = con_buffer_bytes(&c->in);
    const char *interrupt = memchr(bytes, KEY_INTERRUPT, used);
    if (!kind->takes_keys && interrupt == NULL) {
        return false;
    }
    unsigned char byte = (unsigned char)(kind->takes_keys ? *bytes : *interrupt);
    con_buffer_take(&c->in, kind->takes_keys ? used : (size_t)(interrupt - bytes) + 1);
    session_settle(c, kind->key(c, c->activity, byte));
    return true;
}

/* ---- for client.c ----------------------------------------------------------- */

/* The peer has sent its last byte: a line without an end counts. */
static bool
session_last(con_client *c, double now)
{
    if (c->kind != CON_TERMINAL && con_lines_last(&c->lines)) {
        session_line(c, c->lines.text, now);
        return true;
    }
    con_client_close(c, NULL, now);
    return false;
}

/* Hears one byte; false if there is none that can be heard now. */
static bool
session_step(con_client *c, double now)
{
    if (c->kind == CON_UNKNOWN || c->stage >= CON_CLOSING || now < c->paused ||
        con_client_over(c)) {
        return false;
    }
    if (c->activity != NULL) {
        return session_activity_key(c);
    }
    if (con_buffer_used(&c->in) == 0) {
        return c->eof ? session_last(c, now) : false;
    }
    unsigned char byte = (unsigned char)*con_buffer_bytes(&c->in);
    con_buffer_take(&c->in, 1);
    if (c->kind == CON_TERMINAL) {
        session_key(c, byte, now);
    }
    else {
        session_byte(c, byte, now);
    }
    return true;
}

/* Who sends a thousand commands at once must not keep the others waiting, nor
   con_stop: after some milliseconds it is their turn. */
void
con_session_run(con_client *c, double now)
{
    static const double share = 0.005;
    double began = con_now();
    c->unheard = false;
    while (session_step(c, now)) {
        con_session_deliver(c);
        if (con_now() - began > share) {
            c->unheard = true;
            break;
        }
    }
    con_session_deliver(c);
}

void
con_session_tick(con_client *c, double now)
{
    if (now >= c->paused) {
        c->paused = 0;
    }
    if (c->stage == CON_OPEN && c->activity != NULL && now >= c->activity->due) {
        session_settle(c, c->activity->kind->tick(c, c->activity));
    }
}

void
con_session_notify(con_client *c)
{
    if (c->activity != NULL && c->activity->kind->notify != NULL) {
        session_settle(c, c->activity->kind->notify(c, c->activity));
    }
    session_later(c);
}

double
con_session_due(const con_client *c)
{
    double due = c->activity != NULL ? c->activity->due : INFINITY;
    if (c->unheard) {
        return 0;
    }
    return c->paused > 0 ? fmin(due, c->paused) : due;
}

void
con_session_end(con_client *c)
{
    while (c->activity != NULL || c->later != NULL) {
        con_activity **link = c->activity != NULL ? &c->activity : &c->later;
        con_activity *a = *link;
        *link = a->next;
        a->kind->end(c, a);
    }
    con_session_deliver(c);
}
