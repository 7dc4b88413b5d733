/* What the server gives to each of its clients. */
#ifndef CON_CONTEXT_H
#define CON_CONTEXT_H

#include <stddef.h>
#include "monitor/view.h"

/* Times in seconds, sizes in bytes.  Tests make them shorter. */
typedef struct con_limits {
    double offer;       /* silence after which telnet options are offered */
    double plain;       /* and after which, unanswered, a client is plain */
    double idle;        /* without input */
    double stall;       /* with a full backlog of which it takes nothing */
    double linger;      /* a closed client may read its last bytes so long */
    double request;     /* until the loop's silence is reported */
    double login;       /* to give the token */
    double login_delay; /* after a wrong token */
    size_t backlog;     /* unsent bytes, beyond which nothing more is heard */
    size_t frame;       /* unsent bytes, beyond which a frame of `top` is left out */
} con_limits;

extern const con_limits con_limits_usual;

typedef struct con_context {
    mon *m;
    const char *token; /* NULL: none is asked for */
    const con_limits *limits;
    void (*wake)(void *arg); /* any thread: makes the server call con_client_notify */
    void *wake_arg;
} con_context;

/* CLOCK_MONOTONIC in seconds. */
double con_now(void);

#endif /* CON_CONTEXT_H */
