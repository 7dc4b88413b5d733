/* The server: one thread, one poll(2), up to sixteen clients.

   The thread owns the clients and all they have.  Others touch three things only:
   the stop flag, the eventfd that wakes poll (also when the loop has answered a
   request), and the monitor, which any thread may read.  So there are no locks.

   All signals are blocked in the thread: they are for the program that we are a
   guest in.  A child of fork() has the descriptors but no thread; con_stop there
   closes them and leaves the rest to the parent. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "monitor/console/client.h"
#include "monitor/console/listen.h"
#include "monitor/console/server.h"

/* Room beyond the served clients for those that are being sent away. */
enum {
    SERVER_SLOTS = CON_CLIENTS + 8,
    SERVER_WAKE = 0,
    SERVER_LISTENER = 1,
    SERVER_FIRST = 2
};

static const double server_rest =
    0.5; /* seconds without accepting when out of descriptors */

struct con_server {
    con_context context;
    char *token;
    con_listener listener;
    int wake;
    pthread_t thread;
    pid_t process;  /* the one that has the thread */
    int stop;       /* atomic: set by con_stop */
    double resting; /* no accept before */
    con_client *clients[SERVER_SLOTS];
};

/* Any thread. */
static void
server_wake(void *arg)
{
    con_server *s = arg;
    uint64_t one = 1;
    while (write(s->wake, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

/* ---- accepting ---------------------------------------------------------- */

static size_t
server_served(const con_server *s)
{
    size_t count = 0;
    for (size_t i = 0; i < SERVER_SLOTS; i++) {
        count += s->clients[i] != NULL && s->clients[i]->stage < CON_CLOSING;
    }
    return count;
}

/* Telnet's urgent byte stays in its place, and keys are sent as they are echoed. */
static void
server_tune(const con_server *s, int fd)
{
    int one = 1;
    if (!con_address_local(&s->listener.address)) {
        setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
}

static void
server_admit(con_server *s, int fd, double now)
{
    size_t slot = 0;
    while (slot < SERVER_SLOTS && s->clients[slot] != NULL) {
        slot++;
    }
    bool full = server_served(s) >= CON_CLIENTS;
    con_client *c = slot < SERVER_SLOTS ? con_client_new(&s->context, fd, now) : NULL;
    if (c == NULL) {
        close(fd);
        return;
    }
    server_tune(s, fd);
    s->clients[slot] = c;
    if (full) {
        con_client_close(c, "there are 16 clients already; try again later\n", now);
        con_client_tick(c, now);
    }
}

static void
server_accept(con_server *s, double now)
{
    for (int i = 0; i < SERVER_SLOTS; i++) {
        int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            server_admit(s, fd, now);
        }
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                 errno == ENOMEM) {
            s->resting = now + server_rest;
            return;
        }
        else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- the thread --------------------------------------------------------- */

static int
server_timeout(const con_server *s, double now)
{
    double due = s->resting > now ? s->resting : INFINITY;
    for (size_t i = 0; i < SERVER_SLOTS; i++) {
        if (s->clients[i] != NULL) {
            due = fmin(due, con_client_due(s->clients[i]));
        }
    }
    if (isinf(due)) {
        return -1;
    }
    return due <= now ? 0 : (int)fmin(ceil((due - now) * 1000), 60000);
}

static void
server_poll_set(const con_server *s, struct pollfd *polled, double now)
{
    polled[SERVER_WAKE] = (struct pollfd){.fd = s->wake, .events = POLLIN};
    polled[SERVER_LISTENER] = (struct pollfd){
        .fd = s->resting > now ? -1 : s->listener.fd,
        .events = POLLIN,
    };
    for (size_t i = 0; i < SERVER_SLOTS; i++) {
        const con_client *c = s->clients[i];
        polled[SERVER_FIRST + i] = (struct pollfd){
            .fd = c != NULL ? c->fd : -1,
            .events = c != NULL ? con_client_events(c) : 0,
        };
    }
}

static void
server_serve(con_server *s, size_t slot, short revents, bool woken, double now)
{
    con_client *c = s->clients[slot];
    if (revents != 0) {
        con_client_ready(c, revents, now);
    }
    if (woken && c->stage < CON_CLOSING) {
        con_client_notify(c, now);
    }
    if (c->stage != CON_GONE && now >= con_client_due(c)) {
        con_client_tick(c, now);
    }
    if (c->stage == CON_GONE) {
        s->clients[slot] = NULL;
        con_client_free(c);
    }
}

static bool
server_woken(con_server *s, const struct pollfd *polled)
{
    uint64_t count;
    return (polled[SERVER_WAKE].revents & POLLIN) &&
           read(s->wake, &count, sizeof(count)) > 0;
}

static void
server_turn(con_server *s)
{
    struct pollfd polled[SERVER_FIRST + SERVER_SLOTS];
    double now = con_now();
    server_poll_set(s, polled, now);
    if (poll(polled, SERVER_FIRST + SERVER_SLOTS, server_timeout(s, now)) < 0) {
        return; /* EINTR or ENOMEM: the next turn tries again */
    }
    now = con_now();
    bool woken = server_woken(s, polled);
    for (size_t i = 0; i < SERVER_SLOTS; i++) {
        if (s->clients[i] != NULL) {
            server_serve(s, i, polled[SERVER_FIRST + i].revents, woken, now);
        }
    }
    if (polled[SERVER_LISTENER].revents != 0) {
        server_accept(s, now);
    }
}

static void *
server_main(void *arg)
{
    con_server *s = arg;
    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        server_turn(s);
    }
    for (size_t i = 0; i < SERVER_SLOTS; i++) {
        if (s->clients[i] != NULL) {
            con_client_free(s->clients[i]);
        }
    }
    return NULL;
}

/* ---- life --------------------------------------------------------------- */

/* The thread starts with all signals blocked. */
static int
server_spawn(con_server *s)
{
    sigset_t all, before;
    sigfillset(&all);
    int code = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (code != 0) {
        return code;
    }
    code = pthread_create(&s->thread, NULL, server_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0) {
        pthread_setname_np(s->thread, "uvloupe-console");
    }
    return code;
}

static void
server_free(con_server *s)
{
    if (s->token != NULL) {
        explicit_bzero(s->token, strlen(s->token));
        free(s->token);
    }
    free(s);
}

static con_server *
server_new(const con_options *options, const con_limits *limits)
{
    con_server *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->token = options->token != NULL ? strdup(options->token) : NULL;
    if (options->token != NULL && s->token == NULL) {
        free(s);
        return NULL;
    }
    s->context = (con_context){
        .token = s->token,
        .limits = limits,
        .wake = server_wake,
        .wake_arg = s,
    };
    return s;
}

/* From here on a failure has bound the address already.  0 or an errno. */
static int
server_run(con_server *s, const con_place *address, char *error, size_t size)
{
    int code = con_listen(&s->listener, address, error, size);
    if (code != 0) {
        return code;
    }
    s->process = getpid();
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0) {
        code = errno;
        goto fail_listener;
    }
    code = server_spawn(s);
    if (code != 0) {
        goto fail_wake;
    }
    return 0;

fail_wake:
    close(s->wake);
fail_listener:
    con_unlisten(&s->listener, true);
    snprintf(error, size, "cannot start the console on %s: %s", address->text,
             strerror(code));
    return code;
}

con_server *
con_start_with(mon *m, const con_options *options, const con_limits *limits, char *error,
               size_t size, int *code)
{
    con_place address;
    *code = 0;
    if (!con_address_parse(&address, options->address, error, size)) {
        return NULL;
    }
    if (options->token != NULL && *options->token == '\0') {
        snprintf(error, size, "the console's token for %s is empty", address.text);
        return NULL;
    }
    con_server *s = server_new(options, limits);
    if (s == NULL) {
        *code = ENOMEM;
        snprintf(error, size, "cannot start the console on %s: %s", address.text,
                 strerror(ENOMEM));
        return NULL;
    }
    s->context.m = mon_ref(m);
    *code = server_run(s, &address, error, size);
    if (*code != 0) {
        mon_unref(m);
        server_free(s);
        return NULL;
    }
    return s;
}

con_server *
con_start(mon *m, const con_options *options, char *error, size_t size, int *code)
{
    return con_start_with(m, options, &con_limits_usual, error, size, code);
}

const char *
con_address(const con_server *server)
{
    return server->listener.address.text;
}

void
con_stop(con_server *s)
{
    bool ours = s->process == getpid();
    if (ours) {
        __atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
        server_wake(s);
        pthread_join(s->thread, NULL);
    }
    con_unlisten(&s->listener, ours);
    close(s->wake);
    mon_unref(s->context.m);
    server_free(s);
}
