/* A real server over a real monitor, and clients of it: the bytes that a test sends
   are the bytes on the wire. */
#ifndef CON_TEST_SERVED_H
#define CON_TEST_SERVED_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "monitor/console/address.h"
#include "monitor/console/server.h"
#include "tasks.h"

/* Answers of a terminal: DO ECHO, DO SGA, DO BINARY, WILL BINARY, WILL NAWS with
   80 × 24, WILL TTYPE (its name is asked for next). */
#define TELNET_YES                                                                         \
    "\xFF\xFD\x01\xFF\xFD\x03\xFF\xFD\x00\xFF\xFB\x00\xFF\xFB\x1F\xFF\xFA\x1F\x00\x50\x00" \
    "\x18"                                                                                 \
    "\xFF\xF0\xFF\xFB\x18"
#define TELNET_XTERM "\xFF\xFA\x18\x00XTERM-256COLOR\xFF\xF0"

typedef struct served {
    mon *m;
    con_limits limits;
    con_server *server;
} served;

typedef struct peer {
    int fd;
    con_buffer got; /* all that has come, not yet forgotten */
    bool closed;
} peer;

/* In tests things happen sooner. */
static inline con_limits
quick_limits(void)
{
    con_limits limits = con_limits_usual;
    limits.offer = 0.02;
    limits.plain = 0.15;
    limits.stall = 0.3;
    limits.linger = 0.3;
    limits.request = 0.3;
    limits.login_delay = 0.1;
    return limits;
}

static inline void
serve_at(served *s, const char *address, const char *token)
{
    char error[256];
    int code;
    con_options options = {address, token};
    s->server = con_start_with(s->m, &options, &s->limits, error, sizeof(error), &code);
    if (s->server == NULL) {
        fail_msg("%s", error);
    }
}

/* Its limits may be changed until it is served. */
static inline served
new_served(void)
{
    return (served){.m = new_monitor(), .limits = quick_limits()};
}

static inline void
serve(served *s, const char *token)
{
    serve_at(s, "127.0.0.1:0", token);
}

static inline void
unserve(served *s)
{
    con_stop(s->server);
    mon_unref(s->m);
}

static inline int
connect_to(const char *address)
{
    con_place place;
    char error[256];
    assert_true(con_address_parse(&place, address, error, sizeof(error)));
    int fd = socket(place.sock.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, &place.sock.any, place.size) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline peer
join(const served *s)
{
    peer p = {.fd = connect_to(con_address(s->server))};
    assert_true(p.fd >= 0);
    return p;
}

static inline void
leave(peer *p)
{
    close(p->fd);
    con_buffer_free(&p->got);
}

/* Sends all; false if the other end is gone. */
static inline bool
say(peer *p, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(p->fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0) {
            return false;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

#define SAY(p, bytes) say(p, bytes, sizeof(bytes) - 1)

/* Reads what comes within `seconds`; false once the other end has closed. */
static inline bool
hear(peer *p, double seconds)
{
    char bytes[65536];
    struct pollfd polled = {.fd = p->fd, .events = POLLIN};
    if (p->closed || poll(&polled, 1, (int)(seconds * 1000)) <= 0) {
        return !p->closed;
    }
    ssize_t count = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (count > 0) {
        con_buffer_add(&p->got, bytes, (size_t)count);
    }
    p->closed = count == 0 || (count < 0 && errno != EAGAIN);
    return !p->closed;
}

/* Negotiation and NULs out of the way, so that the rest is text. */
static inline const char *
heard(peer *p)
{
    static char text[4 * 1024 * 1024];
    const unsigned char *bytes = (const unsigned char *)con_buffer_bytes(&p->got);
    size_t used = 0, size = con_buffer_used(&p->got);
    for (size_t i = 0; i < size && used < sizeof(text) - 1; i++) {
        if (bytes[i] == 255) {
            i += i + 1 < size && bytes[i + 1] == 250 ? 5 : 2; /* SB TTYPE SEND is six */
        }
        else if (bytes[i] != 0) {
            text[used++] = (char)bytes[i];
        }
    }
    text[used] = '\0';
    return text;
}

/* Reads until `text` has come; fails after ten seconds or at the end. */
static inline void
expect(peer *p, const char *text)
{
    double until = con_now() + 10;
    while (strstr(heard(p), text) == NULL) {
        if (!hear(p, 0.05) || con_now() > until) {
            if (strstr(heard(p), text) == NULL) {
                fail_msg("no \"%s\" in \"%s\"", text, heard(p));
            }
            return;
        }
    }
}

/* Reads until the other end closes. */
static inline void
expect_end(peer *p)
{
    double until = con_now() + 10;
    while (hear(p, 0.05)) {
        if (con_now() > until) {
            fail_msg("still open after \"%s\"", heard(p));
        }
    }
}

static inline void
forget(peer *p)
{
    con_buffer_clear(&p->got);
}

static inline void
wait_for(double seconds)
{
    nanosleep(
        &(struct timespec){(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)},
        NULL);
}

/* A terminal that has its prompt. */
static inline peer
join_terminal(const served *s)
{
    peer p = join(s);
    SAY(&p, TELNET_YES);
    expect(&p, "uvloupe> ");
    SAY(&p, TELNET_XTERM);
    wait_for(0.02);
    forget(&p);
    return p;
}

#endif /* CON_TEST_SERVED_H */
