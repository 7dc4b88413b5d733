/* The load on an echo server: N connections, each sending M bytes and waiting for them to
 * come back.
 *
 *     echo_client PORT BYTES CONNECTIONS WARMUP_MS WINDOW_MS
 *
 * It runs two phases, warm-up and window. Between them it prints "warm" and waits for a
 * line on stdin. At the end of a phase no connection sends again, and the phase ends when
 * the last answer is in: so whoever asks the server for its CPU time before and after the
 * window gets the cost of exactly the round trips counted here. The result is one line of
 * JSON on stdout, times in nanoseconds. Every byte that comes back is compared; what each
 * message holds depends on its connection and number, so that an old or a foreign answer is
 * caught. Exit status 1 and a word on stderr otherwise. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SHIFTS     251   /* how many different messages there are */
#define SILENCE_MS 10000 /* a server that says nothing for this long has failed */
#define READ_SIZE  (256 * 1024)

typedef struct {
    int fd;
    int wants_write; /* EPOLLOUT is asked for */
    unsigned shift;  /* where in `text` this message begins */
    size_t sent, received;
    uint64_t since; /* when the message was begun, ns */
} Conn;

typedef struct {
    uint32_t *ns; /* one latency a round trip */
    size_t count, room;
} Latencies;

static int epoll_fd;
static size_t message_size;
static unsigned char *text;
static unsigned char inbox[READ_SIZE];
static Latencies latencies;

static void
fail(const char *what)
{
    fprintf(stderr, "echo_client: %s%s%s\n", what, errno ? ": " : "",
            errno ? strerror(errno) : "");
    exit(1);
}

static uint64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
latency_add(uint64_t ns)
{
    if (latencies.count == latencies.room) {
        latencies.room = latencies.room ? 2 * latencies.room : 1 << 16;
        latencies.ns = realloc(latencies.ns, latencies.room * sizeof(*latencies.ns));
        if (latencies.ns == NULL)
            fail("no memory for latencies");
    }
    latencies.ns[latencies.count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static int
latency_compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t
latency_quantile(double q)
{
    return latencies.ns[(size_t)(q * (double)(latencies.count - 1))];
}

static void
text_fill(void)
{
    uint32_t x = 2463534242u; /* xorshift: any text without a short period will do */
    text = malloc(message_size + SHIFTS);
    if (text == NULL)
        fail("no memory for the message");
    for (size_t i = 0; i < message_size + SHIFTS; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        text[i] = (unsigned char)x;
    }
}

static void
conn_open(Conn *c, int port, unsigned number)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("cannot connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->shift = number * 17 % SHIFTS;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
        fail("epoll_ctl");
}

static void
conn_watch_write(Conn *c, int wanted)
{
    if (c->wants_write == wanted)
        return;
    c->wants_write = wanted;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event) < 0)
        fail("epoll_ctl");
}

static void
conn_write(Conn *c)
{
    ssize_t n =
        send(c->fd, text + c->shift + c->sent, message_size - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        fail("send");
    if (n > 0)
        c->sent += (size_t)n;
    conn_watch_write(c, c->sent < message_size);
}

static void
conn_begin(Conn *c)
{
    c->shift = (c->shift + 1) % SHIFTS;
    c->sent = c->received = 0;
    c->since = now_ns();
    conn_write(c);
}

/* Take what has come; 1 when the message is complete. */
static int
conn_read(Conn *c)
{
    ssize_t n = recv(c->fd, inbox, sizeof(inbox), 0);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        fail(n == 0 ? "the server closed a connection" : "recv");
    if ((size_t)n > c->sent - c->received) {
        errno = 0;
        fail("the server sent more than it was sent");
    }
    if (memcmp(inbox, text + c->shift + c->received, (size_t)n) != 0) {
        errno = 0;
        fail("the server sent back something else");
    }
    c->received += (size_t)n;
    return c->received == message_size;
}

/* Keep every connection busy until `length` ns have passed, then let each finish. Returns
 * the ns it took. */
static uint64_t
phase(Conn *conns, int count, uint64_t length)
{
    struct epoll_event events[64];
    uint64_t begin = now_ns(), end = begin;
    int busy = count;
    latencies.count = 0;
    for (int i = 0; i < count; i++)
        conn_begin(&conns[i]);
    while (busy > 0) {
        int ready = epoll_wait(epoll_fd, events, 64, SILENCE_MS);
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        if (ready == 0) {
            errno = 0;
            fail("the server has fallen silent");
        }
        for (int i = 0; i < ready; i++) {
            Conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                conn_write(c);
            if (!(events[i].events & ~(uint32_t)EPOLLOUT) || !conn_read(c))
                continue;
            end = now_ns();
            latency_add(end - c->since);
            if (end - begin < length)
                conn_begin(c);
            else
                busy--;
        }
    }
    return end - begin;
}

static void
print_result(uint64_t wall)
{
    qsort(latencies.ns, latencies.count, sizeof(*latencies.ns), latency_compare);
    printf("{\"trips\": %zu, \"wall_ns\": %llu, \"p50_ns\": %u, \"p99_ns\": %u, "
           "\"max_ns\": %u}\n",
           latencies.count, (unsigned long long)wall, latency_quantile(0.5),
           latency_quantile(0.99), latency_quantile(1.0));
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    char line[16];
    if (argc != 6) {
        fputs("usage: echo_client PORT BYTES CONNECTIONS WARMUP_MS WINDOW_MS\n", stderr);
        return 2;
    }
    int count = atoi(argv[3]);
    message_size = (size_t)atol(argv[2]);
    Conn *conns = calloc((size_t)count, sizeof(*conns));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (conns == NULL || epoll_fd < 0)
        fail("cannot start");
    text_fill();
    for (int i = 0; i < count; i++)
        conn_open(&conns[i], atoi(argv[1]), (unsigned)i);
    phase(conns, count, (uint64_t)atol(argv[4]) * 1000000u);
    puts("warm");
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL)
        return 1; /* whoever asked has gone */
    print_result(phase(conns, count, (uint64_t)atol(argv[5]) * 1000000u));
    return 0;
}
