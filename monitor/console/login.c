/* The token: asked for before anything else if the server has one.

   The comparison takes the same time wherever the first difference lies.  After a
   wrong token the client's input waits for a second (the thread does not), and the
   third ends the connection. */
#include <string.h>
#include "monitor/console/client.h"

enum { LOGIN_TRIES = 3 };

static bool
login_equal(const char *given, const char *token)
{
    size_t length = strlen(given), right = strlen(token);
    unsigned char differs = length != right;
    for (size_t i = 0; i < length; i++) {
        differs |= (unsigned char)(given[i] ^ token[i % right]);
    }
    return differs == 0;
}

void
con_login_line(con_client *c, const char *line, double now)
{
    if (login_equal(line, c->context->token)) {
        c->stage = CON_OPEN;
        return;
    }
    if (++c->failures == LOGIN_TRIES) {
        con_client_close(c, "that is not the token; closed after three tries\n", now);
        return;
    }
    c->paused = now + c->context->limits->login_delay;
    con_error(c, "that is not the token");
}
