/* The control: an echo server in plain C on libuv, the least that a loop on libuv could
 * spend.
 *
 * It prints {"port": N}. A line on stdin is answered with this thread's CPU time,
 * {"cpu_ns": N}; the end of stdin ends the program. One thread, one read buffer; what the
 * kernel does not take at once is copied and queued. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

typedef struct {
    uv_write_t request;
    char bytes[];
} Rest;

static char inbox[256 * 1024];

static void
check(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "echo_server: %s: %s\n", what, uv_strerror(rc));
        exit(1);
    }
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(inbox, sizeof(inbox));
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void
on_written(uv_write_t *request, int status)
{
    (void)status; /* a connection that broke is closed by its reader */
    free(request);
}

static void
write_rest(uv_stream_t *stream, const char *bytes, size_t count)
{
    Rest *rest = malloc(sizeof(*rest) + count);
    if (rest == NULL)
        check(UV_ENOMEM, "write");
    memcpy(rest->bytes, bytes, count);
    uv_buf_t buf = uv_buf_init(rest->bytes, (unsigned)count);
    check(uv_write(&rest->request, stream, &buf, 1, on_written), "write");
}

static void
on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    if (count < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    uv_buf_t out = uv_buf_init(buf->base, (unsigned)count);
    int written = uv_try_write(stream, &out, 1);
    if (written == UV_EAGAIN)
        written = 0;
    if (written >= 0 && written < count)
        write_rest(stream, buf->base + written, (size_t)(count - written));
}

static void
on_connection(uv_stream_t *server, int status)
{
    check(status, "accept");
    uv_tcp_t *client = malloc(sizeof(*client));
    if (client == NULL)
        check(UV_ENOMEM, "accept");
    check(uv_tcp_init(server->loop, client), "accept");
    check(uv_accept(server, (uv_stream_t *)client), "accept");
    uv_tcp_nodelay(client, 1);
    check(uv_read_start((uv_stream_t *)client, on_alloc, on_read), "read");
}

static void
on_command(uv_stream_t *stdin_pipe, ssize_t count, const uv_buf_t *buf)
{
    struct timespec t;
    (void)buf;
    if (count < 0) {
        uv_stop(stdin_pipe->loop);
        return;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    printf("{\"cpu_ns\": %lld}\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    fflush(stdout);
}

int
main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t server;
    uv_pipe_t commands;
    struct sockaddr_in address;
    int size = sizeof(address);

    check(uv_tcp_init(loop, &server), "listen");
    check(uv_ip4_addr("127.0.0.1", 0, &address), "listen");
    check(uv_tcp_bind(&server, (const struct sockaddr *)&address, 0), "bind");
    check(uv_listen((uv_stream_t *)&server, 128, on_connection), "listen");
    check(uv_tcp_getsockname(&server, (struct sockaddr *)&address, &size), "getsockname");
    check(uv_pipe_init(loop, &commands, 0), "stdin");
    check(uv_pipe_open(&commands, 0), "stdin");
    check(uv_read_start((uv_stream_t *)&commands, on_alloc, on_command), "stdin");
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
