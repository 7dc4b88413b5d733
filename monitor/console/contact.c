/* First contact: a telnet client, a script, a person with nc, or a browser?

   A telnet client is silent until it is spoken to, and a script speaks at once and
   does not want to be answered in telnet.  So a short silence is waited for first;
   then the options are offered, and who has not answered after another 300 ms is
   plain.  A whole line without any telnet in it decides the same at once.  Nothing
   that comes meanwhile is lost: it waits in c->in until the kind is known.

   A web page can make a browser post anything to a loopback port.  It cannot choose
   how a request begins, though: a first line that looks like one ends it all. */
#include <math.h>
#include <string.h>
#include "monitor/console/client.h"

bool
con_contact_hostile(const char *line)
{
    static const char *const methods[] = {"GET ",     "POST ",   "PUT ",   "HEAD ",
                                          "OPTIONS ", "DELETE ", "PATCH ", "CONNECT ",
                                          "TRACE ",   "PRI * "};
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        if (strncmp(line, methods[i], strlen(methods[i])) == 0) {
            return true;
        }
    }
    return strstr(line, " HTTP/") != NULL;
}

/* The first bytes of a ClientHello: a handshake record of TLS 1.x. */
static bool
contact_tls(const con_client *c)
{
    return c->first_count == 2 && c->first[0] == 0x16 && c->first[1] == 0x03;
}

static bool
contact_line(const con_client *c)
{
    size_t used = con_buffer_used(&c->in);
    return used > CON_LINE_MAX ||
           (used > 0 && memchr(con_buffer_bytes(&c->in), '\n', used) != NULL);
}

static void
contact_settle(con_client *c, con_kind kind, bool greet)
{
    c->kind = kind;
    if (kind != CON_PLAIN && !c->offered) {
        con_terminal_offer(c);
    }
    if (kind != CON_PLAIN) {
        con_terminal_binary(c, kind == CON_TERMINAL);
    }
    con_session_begin(c, greet);
}

/* Telnet clients change their mind: "mode line", or an answer that came late. */
static void
contact_change(con_client *c)
{
    if (c->echo && c->kind != CON_TERMINAL) {
        contact_settle(c, CON_TERMINAL, false);
    }
    else if (!c->echo && c->kind == CON_TERMINAL) {
        c->kind = CON_LINE;
        con_terminal_binary(c, false);
    }
}

void
con_contact(con_client *c, double now)
{
    con_kind quiet = c->filter.negotiates ? CON_LINE : CON_PLAIN;
    double age = now - c->born;
    if (contact_tls(c)) {
        c->stage = CON_GONE;
    }
    if (c->stage >= CON_CLOSING) {
        return;
    }
    if (c->kind != CON_UNKNOWN) {
        contact_change(c);
        return;
    }
    if (c->echo) {
        contact_settle(c, CON_TERMINAL, true);
    }
    else if (c->filter.echo_refused) {
        contact_settle(c, CON_LINE, true);
    }
    else if (c->eof || (contact_line(c) && quiet == CON_PLAIN)) {
        contact_settle(c, quiet, false);
    }
    else if (age >= c->context->limits->plain) {
        contact_settle(c, quiet, true);
    }
    else if (!c->offered && (quiet == CON_LINE || age >= c->context->limits->offer)) {
        con_terminal_offer(c);
    }
}

double
con_contact_due(const con_client *c)
{
    const con_limits *limits = c->context->limits;
    if (c->kind != CON_UNKNOWN) {
        return INFINITY;
    }
    return c->born + (c->offered ? limits->plain : limits->offer);
}
