/* What a command sees of the client that gave it. */
#ifndef CON_SESSION_H
#define CON_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include "monitor/console/buffer.h"
#include "monitor/view.h"

typedef struct con_client con_client;

mon *con_monitor(const con_client *c);

/* What is printed here is sent in one go when the command returns. */
con_buffer *con_out(con_client *c);

/* An error: red where colours are, cleaned, with a line's end. */
void con_error(con_client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

size_t con_width(const con_client *c); /* 0: a script, print as wide as it gets */
size_t con_height(const con_client *c);
bool con_screen(const con_client *c); /* a terminal that can be drawn on */
bool con_colour(const con_client *c);
bool con_jammed(const con_client *c);     /* too much is unsent for another frame */
double con_patience(const con_client *c); /* until the loop's silence is reported */

void con_quit(con_client *c);

/* ---- activities: what goes on after its command has returned -------------------- */

typedef enum {
    CON_GOES_ON,
    CON_OVER,  /* end() is called, the prompt comes back */
    CON_LATER, /* the prompt comes back; notify() may print above it */
} con_verdict;

typedef struct con_activity con_activity;

typedef struct con_activity_kind {
    con_verdict (*tick)(con_client *c, con_activity *a); /* at a->due */
    con_verdict (*key)(con_client *c, con_activity *a, unsigned char byte);
    con_verdict (*notify)(con_client *c, con_activity *a); /* a request was answered */
    con_verdict (*resize)(con_client *c, con_activity *a); /* the window was */
    void (*end)(con_client *c, con_activity *a);           /* frees it */
    bool takes_keys; /* all of them; else only Ctrl-C, the rest waits */
    bool watched;    /* no idle time-out */
} con_activity_kind;

/* To be the first member of an activity's own structure. */
struct con_activity {
    const con_activity_kind *kind;
    double due; /* when tick is called; infinity: never */
    con_activity *next;
};

/* Runs until a callback says CON_OVER; one at a time.  NULL callbacks go on. */
void con_begin(con_client *c, con_activity *a);

/* How many activities have retired behind the prompt. */
size_t con_behind(const con_client *c);

/* How a request that belongs to an activity is sent: notify() will be called. */
mon_request *con_request(con_client *c, mon_request_kind kind, uint64_t id);

#endif /* CON_SESSION_H */
