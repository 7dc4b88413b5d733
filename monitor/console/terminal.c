/* Telnet, through libtelnet: options agreed on, the window's size, the terminal's
   type, and the two forms of text.

   Only what filter.c lets through reaches libtelnet.  It calls back for each piece
   of output, so output is gathered first and handed over whole.

   A line's end is CR NUL, CR LF, a bare CR or a bare LF, by client and mode.  They
   all become one '\n' here, so that the byte after a CR is never taken for a key. */
#include <stddef.h>
#include <libtelnet.h>
#include <string.h>
#include "monitor/console/client.h"

enum { KEY_INTERRUPT = 3, KEY_END = 4, KEY_KILL = 21, KEY_RUBOUT = 127 };
enum { WINDOW_LEAST = 20, WINDOW_MOST = 1000 };

static const telnet_telopt_t terminal_options[] = {
    {TELNET_TELOPT_ECHO, TELNET_WILL, TELNET_DONT},
    {TELNET_TELOPT_SGA, TELNET_WILL, TELNET_DO},
    {TELNET_TELOPT_BINARY, TELNET_WILL, TELNET_DO},
    {TELNET_TELOPT_NAWS, TELNET_WONT, TELNET_DO},
    {TELNET_TELOPT_TTYPE, TELNET_WONT, TELNET_DO},
    {-1, 0, 0},
};

/* ---- input -------------------------------------------------------------- */

static void
terminal_data(con_client *c, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char byte = bytes[i];
        bool after_cr = c->after_cr;
        c->after_cr = byte == '\r';
        if (c->first_count < sizeof(c->first)) {
            c->first[c->first_count++] = (unsigned char)byte;
        }
        if (byte == '\0' || (byte == '\n' && after_cr)) {
            continue;
        }
        con_buffer_addc(&c->in, byte == '\r' ? '\n' : byte);
    }
}

/* Commands of two bytes, as the keys that they stand for. */
static void
terminal_command(con_client *c, unsigned char command)
{
    static const char yes[] = "[yes]\r\n";
    switch (command) {
    case TELNET_IP:
    case TELNET_BREAK:
    case TELNET_ABORT:
    case TELNET_SUSP:
        con_buffer_addc(&c->in, KEY_INTERRUPT);
        break;
    case TELNET_EC:
        con_buffer_addc(&c->in, KEY_RUBOUT);
        break;
    case TELNET_EL:
        con_buffer_addc(&c->in, KEY_KILL);
        break;
    case TELNET_EOF:
        con_buffer_addc(&c->in, KEY_END);
        break;
    case TELNET_AYT:
        con_client_send(c, yes, sizeof(yes) - 1);
        break;
    default:
        break;
    }
}

static void
terminal_agreed(con_client *c, unsigned char option, bool yes)
{
    if (option == TELNET_TELOPT_ECHO) {
        c->echo = yes;
    }
    else if (option == TELNET_TELOPT_BINARY) {
        c->binary = yes;
    }
}

static int
window_within(unsigned high, unsigned low, int otherwise)
{
    int value = (int)(high << 8 | low);
    if (value == 0) {
        return otherwise;
    }
    return value < WINDOW_LEAST / 4 ? WINDOW_LEAST / 4
           : value > WINDOW_MOST    ? WINDOW_MOST
                                    : value;
}

static void
terminal_window(con_client *c, const char *bytes, size_t count)
{
    const unsigned char *size = (const unsigned char *)bytes;
    if (count != 4) {
        return;
    }
    c->columns = window_within(size[0], size[1], 80);
    c->rows = window_within(size[2], size[3], 24);
    if (c->columns < WINDOW_LEAST) {
        c->columns = WINDOW_LEAST;
    }
    con_session_resized(c);
}

static void
terminal_type(con_client *c, const char *name)
{
    size_t used = 0;
    for (; name[used] != '\0' && used < sizeof(c->type) - 1; used++) {
        char letter = name[used];
        c->type[used] =
            letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
    }
    c->type[used] = '\0';
}

static void
terminal_event(telnet_t *telnet, telnet_event_t *event, void *arg)
{
    con_client *c = arg;
    switch (event->type) {
    case TELNET_EV_DATA:
        terminal_data(c, event->data.buffer, event->data.size);
        break;
    case TELNET_EV_SEND:
        con_client_send(c, event->data.buffer, event->data.size);
        break;
    case TELNET_EV_IAC:
        terminal_command(c, event->iac.cmd);
        break;
    case TELNET_EV_DO:
        terminal_agreed(c, event->neg.telopt, true);
        break;
    case TELNET_EV_DONT:
        terminal_agreed(c, event->neg.telopt, false);
        break;
    case TELNET_EV_WILL:
        if (event->neg.telopt == TELNET_TELOPT_TTYPE) {
            telnet_ttype_send(telnet);
        }
        break;
    case TELNET_EV_SUBNEGOTIATION:
        if (event->sub.telopt == TELNET_TELOPT_NAWS) {
            terminal_window(c, event->sub.buffer, event->sub.size);
        }
        break;
    case TELNET_EV_TTYPE:
        if (event->ttype.cmd == TELNET_TTYPE_IS && event->ttype.name != NULL) {
            terminal_type(c, event->ttype.name);
        }
        break;
    case TELNET_EV_ERROR:
        c->stage = CON_GONE;
        break;
    default:
        break;
    }
}

void
con_terminal_receive(con_client *c, const unsigned char *bytes, size_t count)
{
    con_buffer pass = {0}, reply = {0};
    con_filter_bytes(&c->filter, bytes, count, &pass, &reply);
    if (pass.failed || reply.failed) {
        c->stage = CON_GONE;
    }
    else {
        con_client_send(c, con_buffer_bytes(&reply), con_buffer_used(&reply));
        telnet_recv(c->telnet, con_buffer_bytes(&pass), con_buffer_used(&pass));
    }
    con_buffer_free(&pass);
    con_buffer_free(&reply);
    if (c->in.failed) {
        c->stage = CON_GONE;
    }
}

/* ---- output ------------------------------------------------------------- */

/* The network's line ends; outside of BINARY a bare CR must be CR NUL. */
static void
terminal_wire(const con_client *c, con_buffer *wire, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            con_buffer_addc(wire, '\r');
        }
        con_buffer_addc(wire, text[i]);
        if (text[i] == '\r' && !c->binary) {
            con_buffer_addc(wire, '\0');
        }
    }
}

void
con_terminal_send(con_client *c, const char *text, size_t size)
{
    if (!c->filter.negotiates) {
        con_client_send(c, text, size);
        return;
    }
    con_buffer wire = {0};
    terminal_wire(c, &wire, text, size);
    if (wire.failed) {
        c->stage = CON_GONE;
    }
    else {
        telnet_send(c->telnet, con_buffer_bytes(&wire), con_buffer_used(&wire));
    }
    con_buffer_free(&wire);
}

void
con_terminal_offer(con_client *c)
{
    static const unsigned char ours[] = {TELNET_TELOPT_ECHO, TELNET_TELOPT_SGA,
                                         TELNET_TELOPT_BINARY};
    static const unsigned char theirs[] = {TELNET_TELOPT_SGA, TELNET_TELOPT_NAWS,
                                           TELNET_TELOPT_TTYPE, TELNET_TELOPT_BINARY};
    c->offered = true;
    for (size_t i = 0; i < sizeof(ours); i++) {
        telnet_negotiate(c->telnet, TELNET_WILL, ours[i]);
    }
    for (size_t i = 0; i < sizeof(theirs); i++) {
        telnet_negotiate(c->telnet, TELNET_DO, theirs[i]);
    }
}

void
con_terminal_binary(con_client *c, bool on)
{
    telnet_negotiate(c->telnet, on ? TELNET_WILL : TELNET_WONT, TELNET_TELOPT_BINARY);
    telnet_negotiate(c->telnet, on ? TELNET_DO : TELNET_DONT, TELNET_TELOPT_BINARY);
}

bool
con_terminal_init(con_client *c)
{
    c->telnet = telnet_init(terminal_options, terminal_event, 0, c);
    return c->telnet != NULL;
}

void
con_terminal_free(con_client *c)
{
    telnet_free(c->telnet);
}
