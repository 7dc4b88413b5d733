/* One connection: the socket, what is unsent, and the ways in which it ends.

   Output is added to `unsent` and goes out as the peer takes it.  Beyond the
   backlog's limit nothing more is read or run for this client; if it then takes
   nothing for a second it is dropped.  So a listing longer than the limit reaches
   a client that reads, and one that does not read costs its one megabyte.

   An end is orderly where there is something to read: all is sent, our half is
   shut down, and the rest of the input is read and forgotten for a moment,
   because closing on unread input would make the kernel throw away what the peer
   has not read yet. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "monitor/console/client.h"

enum { CLIENT_CHUNK = 4096, CLIENT_UNHEARD = 16 * 1024 };

con_client *
con_client_new(const con_context *context, int fd, double now)
{
    con_client *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->context = context;
    c->fd = fd;
    c->stage = context->token != NULL ? CON_LOGIN : CON_OPEN;
    c->born = c->last_input = c->last_progress = now;
    c->columns = 80;
    c->rows = 24;
    if (!con_terminal_init(c)) {
        free(c);
        return NULL;
    }
    return c;
}

/* ---- output ------------------------------------------------------------- */

static void
client_flush(con_client *c)
{
    while (con_buffer_used(&c->unsent) > 0 && c->stage < CON_LINGER) {
        ssize_t count = send(c->fd, con_buffer_bytes(&c->unsent),
                             con_buffer_used(&c->unsent), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            con_buffer_take(&c->unsent, (size_t)count);
            c->last_progress = con_now();
        }
        else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        else if (errno != EINTR) {
            c->stage = CON_GONE;
        }
    }
}

void
con_client_send(con_client *c, const void *bytes, size_t count)
{
    if (c->stage >= CON_LINGER) {
        return;
    }
    if (con_buffer_used(&c->unsent) == 0) {
        c->last_progress = con_now();
    }
    con_buffer_add(&c->unsent, bytes, count);
    if (c->unsent.failed) {
        c->stage = CON_GONE;
    }
    else if (con_client_over(c)) {
        client_flush(c);
    }
}

void
con_client_close(con_client *c, const char *text, double now)
{
    if (c->stage >= CON_CLOSING) {
        return;
    }
    con_session_deliver(c);
    if (text != NULL) {
        con_terminal_send(c, text, strlen(text));
    }
    if (c->stage < CON_CLOSING) {
        c->stage = CON_CLOSING;
        c->closing = now;
    }
}

/* After anything that may have printed: sends, and goes on with an end under way. */
static void
client_settle(con_client *c, double now)
{
    client_flush(c);
    if (c->stage == CON_CLOSING && con_buffer_used(&c->unsent) == 0) {
        c->stage = shutdown(c->fd, SHUT_WR) == 0 && !c->eof ? CON_LINGER : CON_GONE;
        c->closing = now;
    }
}

/* ---- input -------------------------------------------------------------- */

static void
client_receive(con_client *c, double now)
{
    unsigned char chunk[CLIENT_CHUNK];
    ssize_t count = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (count < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            c->stage = CON_GONE;
        }
        return;
    }
    if (count == 0) {
        c->eof = true;
        if (c->stage == CON_LINGER) {
            c->stage = CON_GONE;
        }
        return;
    }
    if (c->stage < CON_CLOSING) {
        c->last_input = now;
        con_terminal_receive(c, chunk, (size_t)count);
    }
}

/* Hears what there is; a session may end, and an ending may have to be sent. */
static void
client_run(con_client *c, double now)
{
    con_contact(c, now);
    con_session_run(c, now);
    client_settle(c, now);
}

/* ---- for the server -------------------------------------------------------- */

short
con_client_events(const con_client *c)
{
    short events = 0;
    bool listens = c->stage < CON_CLOSING && !con_client_over(c) &&
                   con_buffer_used(&c->in) < CLIENT_UNHEARD;
    if (!c->eof && (listens || c->stage == CON_LINGER)) {
        events |= POLLIN;
    }
    if (con_buffer_used(&c->unsent) > 0 && c->stage < CON_LINGER) {
        events |= POLLOUT;
    }
    return events;
}

void
con_client_ready(con_client *c, short revents, double now)
{
    if (revents & POLLIN) {
        client_receive(c, now);
    }
    else if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
        c->stage = CON_GONE;
    }
    client_flush(c);
    client_run(c, now);
}

static bool
client_watched(const con_client *c)
{
    return c->activity != NULL && c->activity->kind->watched;
}

/* When this client is dropped or closed if nothing happens before. */
static double
client_end_due(const con_client *c)
{
    const con_limits *limits = c->context->limits;
    double due = INFINITY;
    if (c->stage >= CON_CLOSING) {
        return c->closing + limits->linger + (c->stage == CON_CLOSING ? limits->stall : 0);
    }
    if (con_client_over(c)) {
        due = fmin(due, c->last_progress + limits->stall);
    }
    if (c->stage == CON_LOGIN) {
        due = fmin(due, c->born + limits->login);
    }
    if (!client_watched(c)) {
        due = fmin(due, c->last_input + limits->idle);
    }
    return due;
}

double
con_client_due(const con_client *c)
{
    double due = client_end_due(c);
    if (c->stage < CON_CLOSING) {
        due = fmin(due, con_contact_due(c));
        due = fmin(due, con_session_due(c));
    }
    return due;
}

void
con_client_tick(con_client *c, double now)
{
    if (now >= client_end_due(c)) {
        if (c->stage >= CON_CLOSING || con_client_over(c)) {
            c->stage = CON_GONE;
            return;
        }
        con_client_close(c,
                         c->stage == CON_LOGIN
                             ? "\nno token was given in time\n"
                             : "\nclosed, as there was no input for long\n",
                         now);
    }
    con_session_tick(c, now);
    client_run(c, now);
}

void
con_client_notify(con_client *c, double now)
{
    con_session_notify(c);
    client_run(c, now);
}

void
con_client_free(con_client *c)
{
    con_session_end(c);
    client_flush(c);
    close(c->fd);
    con_terminal_free(c);
    con_edit_free(&c->edit);
    con_buffer_free(&c->unsent);
    con_buffer_free(&c->in);
    con_buffer_free(&c->out);
    free(c);
}
