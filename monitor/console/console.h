/* The telnet console: a native thread that answers from a monitor's tables.

   It needs neither the loop nor the interpreter, and so it answers while both
   are stuck.  The owner starts and stops it; what it serves is all in view.h. */
#ifndef CON_CONSOLE_H
#define CON_CONSOLE_H

#include <stddef.h>
#include "monitor/view.h"

typedef struct con_server con_server;

typedef struct con_options {
    const char
        *address; /* "HOST:PORT", "[V6]:PORT", ":PORT" (loopback), or a path with a slash */
    const char *token; /* asked for before anything else; NULL: none */
} con_options;

/* Binds, then starts the thread.  On failure NULL, and *error says in one
   sentence what is wrong, with the address; *code is the errno or 0 for an
   address that cannot be read.  The server keeps a reference to m. */
con_server *con_start(mon *m, const con_options *options, char *error, size_t size,
                      int *code);

/* Where it listens, in the form that con_options takes, with the real port. */
const char *con_address(const con_server *server);

/* Closes every client and joins the thread; at most some milliseconds, also
   while a client does not read.  A Unix socket's file is removed. */
void con_stop(con_server *server);

#endif /* CON_CONSOLE_H */
