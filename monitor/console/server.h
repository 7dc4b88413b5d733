/* The server with its limits in the open, for tests. */
#ifndef CON_SERVER_H
#define CON_SERVER_H

#include "monitor/console/console.h"
#include "monitor/console/context.h"

enum { CON_CLIENTS = 16 }; /* served at once */

/* con_start with limits other than con_limits_usual; they must outlive the server. */
con_server *con_start_with(mon *m, const con_options *options, const con_limits *limits,
                           char *error, size_t size, int *code);

#endif /* CON_SERVER_H */
