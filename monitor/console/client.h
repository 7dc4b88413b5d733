/* One connection, from its first byte to its last.

   All of it belongs to the console's thread.  client.c moves bytes between the
   socket and the buffers, contact.c finds out whom it talks to, terminal.c speaks
   telnet, session.c makes lines and commands of the input.  Commands see
   session.h only. */
#ifndef CON_CLIENT_H
#define CON_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "monitor/console/buffer.h"
#include "monitor/console/context.h"
#include "monitor/console/filter.h"
#include "monitor/console/lineedit.h"
#include "monitor/console/lines.h"
#include "monitor/console/session.h"

typedef enum {
    CON_UNKNOWN,  /* may still turn out to be a telnet client */
    CON_PLAIN,    /* never spoke telnet: no prompt, no codes */
    CON_LINE,     /* speaks telnet, edits and echoes for itself */
    CON_TERMINAL, /* sends each key, we echo */
} con_kind;

typedef enum {
    CON_LOGIN, /* must give the token */
    CON_OPEN,
    CON_CLOSING, /* unsent bytes go out, input is not looked at */
    CON_LINGER,  /* all is sent and shut down; waits for the peer's end */
    CON_GONE,    /* to be freed */
} con_stage;

struct con_client {
    const con_context *context;
    int fd;
    con_kind kind;
    con_stage stage;

    /* client.c */
    con_buffer unsent; /* as it goes over the wire */
    double born, last_input, last_progress, closing;
    bool eof; /* the peer has closed its sending half */

    /* contact.c */
    bool offered;
    unsigned char first[2]; /* the first bytes of data, */
    size_t first_count;     /* of which so many have come */

    /* terminal.c */
    struct telnet_t *telnet;
    con_filter filter;
    con_buffer in;     /* decoded input that waits: lines end in '\n' */
    bool after_cr;     /* a CR was the last byte of data */
    bool echo, binary; /* agreed: we echo, we send eight bits */
    int columns, rows;
    char type[41]; /* the terminal's, or "" */

    /* session.c */
    con_buffer out; /* what a command prints, before the wire's form */
    con_edit edit;
    con_lines lines;
    uint64_t lines_seen;
    bool greeted;           /* a plain client that was silent: a person with nc */
    bool unheard;           /* input was left for the next turn */
    double paused;          /* input waits until then */
    unsigned failures;      /* wrong tokens */
    con_activity *activity; /* what runs on after its command */
    con_activity *later;    /* what still waits for the loop, behind the prompt */
};

/* ---- client.c ----------------------------------------------------------- */

/* Takes the descriptor over, nonblocking already; NULL when out of memory, and it
   is then still the caller's. */
con_client *con_client_new(const con_context *context, int fd, double now);

/* Closes it at once. */
void con_client_free(con_client *c);

/* For poll(2), and when to call con_client_tick next (infinity: never). */
short con_client_events(const con_client *c);
double con_client_due(const con_client *c);

void con_client_ready(con_client *c, short revents, double now);
void con_client_tick(con_client *c, double now);

/* A request was answered, maybe one of this client's. */
void con_client_notify(con_client *c, double now);

/* No more input; closes once all is sent, after `text` if it is not NULL. */
void con_client_close(con_client *c, const char *text, double now);

/* Bytes for the wire as they are. */
void con_client_send(con_client *c, const void *bytes, size_t count);

static inline bool
con_client_over(const con_client *c)
{
    return con_buffer_used(&c->unsent) > c->context->limits->backlog;
}

/* ---- contact.c ------------------------------------------------------------ */

/* Settles c->kind as soon as that can be done. */
void con_contact(con_client *c, double now);
double con_contact_due(const con_client *c);

/* A browser's or a TLS client's first bytes: not to be answered at all. */
bool con_contact_hostile(const char *line);

/* ---- terminal.c ----------------------------------------------------------- */

bool con_terminal_init(con_client *c);
void con_terminal_free(con_client *c);
void con_terminal_offer(con_client *c);

/* Eight bits both ways, for terminals.  In line mode telnet clients stop translating
   the ends of their own echoed lines under it, and so it is given up there. */
void con_terminal_binary(con_client *c, bool on);

/* Raw bytes from the socket: data is added to c->in. */
void con_terminal_receive(con_client *c, const unsigned char *bytes, size_t count);

/* Text to the wire: line ends and escapes as this client needs them. */
void con_terminal_send(con_client *c, const char *text, size_t size);

/* ---- login.c -------------------------------------------------------------- */

/* A line that should be the token. */
void con_login_line(con_client *c, const char *line, double now);

/* ---- session.c ------------------------------------------------------------ */

/* The client's kind is known: greets it. */
void con_session_begin(con_client *c, bool greet);

/* Hears what has come in, as far as it can now. */
void con_session_run(con_client *c, double now);
void con_session_tick(con_client *c, double now);
void con_session_notify(con_client *c);
double con_session_due(const con_client *c);
void con_session_resized(con_client *c);
void con_session_end(con_client *c);

/* Sends what was printed. */
void con_session_deliver(con_client *c);

#endif /* CON_CLIENT_H */
