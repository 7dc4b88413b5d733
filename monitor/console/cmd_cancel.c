/* `cancel`: asks the loop to cancel a task.

   Only the loop's thread may do that, so the command waits for an answer, for two
   seconds at most.  Then it says what holds the loop up and goes behind the prompt:
   the request stays queued, the loop carries it out as soon as it turns, and the
   answer is printed when it comes.  Ctrl-C and the end of the connection withdraw a
   request that the loop has not taken yet. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/console/command.h"
#include "monitor/console/context.h"
#include "monitor/console/say.h"
#include "monitor/console/units.h"

enum { CANCEL_ANSWER = 512, CANCEL_BEHIND = 16 };

typedef struct cancel {
    con_activity activity;
    mon_request *request;
    uint64_t id;
    char name[MON_NAME];
} cancel;

/* Prints the answer; false if there is none yet. */
static bool
cancel_answered(con_client *c, cancel *self)
{
    char text[CANCEL_ANSWER] = "";
    mon_request_state state = mon_request_poll(self->request, text, sizeof(text));
    unsigned long long id = self->id;
    switch (state) {
    case MON_REQUEST_WAITING:
        return false;
    case MON_REQUEST_DONE:
        con_buffer_addf(con_out(c), "task %llu: ", id);
        con_say_name(con_out(c), *text != '\0' ? text : "done");
        con_buffer_addc(con_out(c), '\n');
        break;
    case MON_REQUEST_REFUSED:
        con_error(c, "task %llu is not cancelled: %s", id,
                  *text != '\0' ? text : "refused");
        break;
    case MON_REQUEST_CLOSED:
        con_error(c, "task %llu is not cancelled: the loop is closed", id);
        break;
    }
    return true;
}

static con_verdict
cancel_tick(con_client *c, con_activity *a)
{
    char patience[CON_UNIT];
    mon_status status;
    con_buffer *out = con_out(c);
    if (cancel_answered(c, (cancel *)a)) {
        return CON_OVER;
    }
    mon_get_status(con_monitor(c), &status);
    con_buffer_addf(out, "The loop has not answered for %s:\n",
                    con_duration_said(patience, con_patience(c)));
    con_say_holdup(out, &status);
    con_buffer_addf(out, ".\nTask %llu (", (unsigned long long)((cancel *)a)->id);
    con_say_name(out, ((cancel *)a)->name);
    con_buffer_adds(out,
                    ") will be cancelled as soon as it turns, if you stay till then.\n");
    a->due = INFINITY;
    return CON_LATER;
}

static con_verdict
cancel_key(con_client *c, con_activity *a, unsigned char byte)
{
    con_buffer_adds(con_out(c), "^C\n");
    if (!cancel_answered(c, (cancel *)a)) {
        con_buffer_adds(con_out(c), "Withdrawn, unless the loop was at it already.\n");
    }
    return CON_OVER;
}

static con_verdict
cancel_notify(con_client *c, con_activity *a)
{
    return cancel_answered(c, (cancel *)a) ? CON_OVER : CON_GOES_ON;
}

static void
cancel_end(con_client *c, con_activity *a)
{
    cancel *self = (cancel *)a;
    mon_request_drop(self->request);
    free(self);
}

static const con_activity_kind cancel_kind = {
    .tick = cancel_tick,
    .key = cancel_key,
    .notify = cancel_notify,
    .end = cancel_end,
};

/* The id that `text` is, of a task that lives; false after an error. */
static bool
cancel_find(con_client *c, const char *text, mon_task_view *task)
{
    char *end;
    errno = 0;
    unsigned long long id = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || id == 0) {
        con_error(c, "cancel: '%s' is not a task's id; ps lists them", text);
        return false;
    }
    if (mon_get_task(con_monitor(c), id, task) != 1) {
        con_error(c, "cancel: there is no task %llu; ps lists them", id);
        return false;
    }
    if (task->state == MON_ENDED) {
        con_error(c, "cancel: task %llu (%s) has ended already: %s", id, task->name,
                  mon_outcome_name(task->outcome));
        return false;
    }
    return true;
}

static void
cancel_begin(con_client *c, const mon_task_view *task)
{
    cancel *self = calloc(1, sizeof(*self));
    mon_request *request = self != NULL ? con_request(c, MON_CANCEL, task->id) : NULL;
    if (request == NULL) {
        con_error(c, "cancel: out of memory");
        free(self);
        return;
    }
    self->request = request;
    self->id = task->id;
    memcpy(self->name, task->name, sizeof(self->name));
    self->activity.kind = &cancel_kind;
    self->activity.due = con_now() + con_patience(c);
    con_begin(c, &self->activity);
}

static void
cancel_run(con_client *c, int argc, char **argv)
{
    mon_task_view task;
    if (argc != 2) {
        con_error(c, "cancel: takes one task's id; ps lists them");
    }
    else if (con_behind(c) >= CANCEL_BEHIND) {
        con_error(c, "cancel: the loop has %d requests of yours to answer already",
                  CANCEL_BEHIND);
    }
    else if (cancel_find(c, argv[1], &task)) {
        cancel_begin(c, &task);
    }
}

const con_command con_cmd_cancel = {
    .name = "cancel",
    .usage = "ID",
    .brief = "cancel a task",
    .text =
        "Asks the loop to call the task's cancel(). If the loop is held up, it is said\n"
        "by whom after two seconds, and the task is cancelled as soon as the loop turns.\n"
        "Ctrl-C withdraws the request; so does leaving before the loop has taken it.\n",
    .run = cancel_run,
};
