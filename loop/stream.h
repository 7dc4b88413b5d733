/* Transports: one type, `_loop.Stream`, over TCP and Unix stream sockets.

   stream.c        birth, closing, connection_lost
   stream_type.c   the Python type: what users ask of a transport
   stream_socket.c Python socket objects over a stream's descriptor
   stream_read.c   from libuv's read callbacks to the protocol
   stream_write.c  gathered writes, flow control, half-close
   listener.c      the accepting half of servers, which makes streams
   transports.py   policy: which class, which server, limits, TLS

   Each descriptor has one owner.  Once a stream is open libuv owns its descriptor
   and uv_close() closes it.  A Python socket object over the same descriptor, given
   by the caller or made for get_extra_info("socket"), is detached right before
   that, so the number is closed once. */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include "loop/loop.h"

struct StreamObject {
    UvHandle base;
    loop_flush flush; /* in the loop's list while gathered writes wait */

    /* Reading.  data_received, or the other two, are the protocol's bound methods,
       looked up once for each protocol; all NULL when it lacks them. */
    PyObject *context; /* what the protocol's callbacks run in */
    PyObject *data_received;
    PyObject *get_buffer, *buffer_updated;
    Py_buffer view;   /* a BufferedProtocol's, between alloc and read; view.obj */
    ssize_t received; /* by on_alloc() for on_read(): see stream_read.c */

    /* Writing. */
    struct write_batch *batch;    /* what was gathered, or NULL */
    size_t in_flight;             /* requests that libuv has queued */
    size_t high_water, low_water; /* bytes */

    int fd; /* -1 once closed */
    int family, proto;
    unsigned conn_lost; /* as asyncio's: 0, or 1 + the writes made since */
    bool started;       /* connection_made() has been called */
    bool reading;       /* uv_read_start() is in force */
    bool paused;        /* by pause_reading() */
    bool eof_received;  /* nothing more to read */
    bool write_eof;     /* write_eof() was called */
    bool closing;
    bool protocol_paused; /* by its pause_writing() */
    bool attached;        /* it was open, and connection_lost() has not run */
    bool allocating;      /* between alloc and read: libuv must not be stopped */

    PyObject *protocol;           /* NULL after connection_lost() */
    PyObject *detach_from_server; /* called with the transport; or NULL */
    PyObject *extra;              /* dict of the maker's, or NULL */
    PyObject *sockname, *peername;
    PyObject *sock;         /* the Python socket over our descriptor, or NULL */
    PyObject *sock_view;    /* asyncio.trsock.TransportSocket over it, or NULL */
    PyObject *empty_waiter; /* a future of sendfile's, or NULL */
    PyObject *weakrefs;

    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
};

/* ---- stream.c ------------------------------------------------------------------- */

/* A stream that is not open yet.  Steals `context`, also when it fails. */
StreamObject *stream_new(LoopObject *loop, PyTypeObject *type, PyObject *context);
/* Gives it the descriptor, which libuv owns from then on; on failure it stays the
   caller's.  0, or -1 with the exception set. */
int stream_open(StreamObject *self, int fd, int family, int proto);
/* Joins a server by attach(transport), and will leave it by detach(transport).  Both
   None: there is no server. */
int stream_attach(StreamObject *self, PyObject *attach, PyObject *detach);
int stream_leave_server(StreamObject *self);
int stream_set_protocol(StreamObject *self, PyObject *protocol);
/* connection_made() has returned: reading may begin. */
void stream_start(StreamObject *self);

/* Undoes a half-made stream, keeping the exception that is set. */
void stream_discard(StreamObject *self);
PyObject *stream_call_connection_lost(PyObject *op, PyObject *exception);

/* asyncio's close(), _force_close() and _fatal_error().  stream_fatal() takes the
   exception that is set, and leaves none; SystemExit and KeyboardInterrupt stop the
   loop and leave the transport as it is. */
int stream_close(StreamObject *self);
int stream_force_close(StreamObject *self, PyObject *exception);
void stream_fatal(StreamObject *self, const char *message);
/* Nothing is left to write, and close() was called: connection_lost(None) is due. */
int stream_lose_soon(StreamObject *self, PyObject *exception);
/* logging.getLogger("asyncio").debug(format, self), in debug mode alone. */
void stream_debug(StreamObject *self, const char *format);

/* ---- stream_socket.c ------------------------------------------------------------ */

void stream_detach_socket(StreamObject *self);
PyObject *stream_socket_view(StreamObject *self);
PyObject *stream_start_method(PyObject *op, PyObject *waiter);

/* ---- stream_read.c -------------------------------------------------------------- */

/* Starts or stops libuv's reading, whichever the flags ask for. */
int stream_sync_reading(StreamObject *self);
PyObject *stream_pause_reading(PyObject *op, PyObject *ignored);
PyObject *stream_resume_reading(PyObject *op, PyObject *ignored);
PyObject *stream_is_reading(PyObject *op, PyObject *ignored);

/* ---- stream_write.c ------------------------------------------------------------- */

PyObject *stream_write(PyObject *op, PyObject *data);
PyObject *stream_writelines(PyObject *op, PyObject *list);
PyObject *stream_write_eof(PyObject *op, PyObject *ignored);
PyObject *stream_set_limits(PyObject *op, PyObject *args);
PyObject *stream_make_empty_waiter(PyObject *op, PyObject *ignored);
PyObject *stream_reset_empty_waiter(PyObject *op, PyObject *ignored);

/* loop_flush's: hands what was gathered to the kernel. */
void stream_flush(loop_flush *node);
/* The same at once; a failure closes the stream. */
void stream_flush_now(StreamObject *self);
/* Bytes gathered and queued. */
size_t stream_write_size(const StreamObject *self);
static inline bool
stream_write_idle(const StreamObject *self)
{
    return self->batch == NULL && self->in_flight == 0;
}
void stream_drop_gathered(StreamObject *self);
void stream_send_last(StreamObject *self);

/* ---- for the loop --------------------------------------------------------------- */

/* The open stream on a descriptor, borrowed, or NULL. */
StreamObject *stream_on_fd(LoopObject *loop, int fd);
/* RuntimeError and -1 if a transport that is not closing has the descriptor. */
int stream_check_fd(LoopObject *loop, int fd);

int streams_state_init(stream_state *state);
int streams_state_visit(stream_state *state, visitproc visit, void *arg);
void streams_state_clear(stream_state *state);

/* The loop is about to close: sends what was gathered, cancels name look-ups. */
void streams_closing(LoopObject *loop);
/* It is closed: frees what loop->streams holds. */
void streams_free(LoopObject *loop);

PyObject *loop_open_stream(PyObject *op, PyObject *const *args, Py_ssize_t nargs);
PyObject *loop_transport_on(PyObject *op, PyObject *fd);
PyObject *loop_open_listener(PyObject *op, PyObject *args);

/* Rows of Loop's method table. */
#define STREAM_LOOP_METHODS                                                                \
    {"_open_stream", (PyCFunction)(void (*)(void))loop_open_stream, METH_FASTCALL, NULL},  \
        {"_open_listener", loop_open_listener, METH_VARARGS, NULL},                        \
    {                                                                                      \
        "_transport_on", loop_transport_on, METH_O, NULL                                   \
    }

#endif /* LOOP_STREAM_H */
