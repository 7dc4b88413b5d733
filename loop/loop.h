/* The loop object and what its rooms share.

   _loop.Loop is the C half of uvloupe.Loop; asyncio.BaseEventLoop is the other.
   What runs for each callback, timer or packet is here; policy is CPython's.

   Who may call what: everything needs the interpreter's lock unless it says
   otherwise, and everything but call_soon_threadsafe runs on the loop's thread.

   A turn (turn.c) runs the callbacks that were ready when it began.  Turns go on
   without asking the kernel until a poll is due; the poll (poll.c) is one
   uv_run(), in which libuv's callbacks run Python through loop_call().  The lock
   is given up and taken back in gil.c alone. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include "loop/compat.h"
#include "loop/layout.h"
#include "monitor/probe.h"

typedef struct LoopObject LoopObject;
typedef struct HandleObject HandleObject;
typedef struct TimerObject TimerObject;
typedef struct UvHandle UvHandle;
typedef struct StreamObject StreamObject;

/* What streams use of Python: nothing but object pointers (stream_type.c). */
typedef struct stream_state {
    PyObject *buffered_protocol; /* asyncio.BufferedProtocol */
    PyObject *transport_socket;  /* asyncio.trsock.TransportSocket */
    PyObject *wake_waiter;       /* asyncio.futures._set_result_unless_cancelled */
    PyObject *minus_one;
    PyObject *connection_made, *connection_lost, *data_received, *eof_received;
    PyObject *get_buffer, *buffer_updated, *pause_writing, *resume_writing;
    PyObject *detach, *call_connection_lost, *start;
} stream_state;

/* Per-module state: no C static is mutable. */
typedef struct loop_state {
    PyTypeObject *loop_type, *handle_type, *timer_type, *monitor_type, *console_type;
    PyTypeObject *poller_type, *stream_type, *listener_type;
    task_layout layout;
    PyObject *future_type;      /* _asyncio.Future */
    PyObject *task_type;        /* _asyncio.Task */
    PyObject *partial_type;     /* functools.partial */
    PyObject *handle_repr_info; /* asyncio.events.Handle._repr_info */
    PyObject *extract_stack;    /* asyncio.format_helpers.extract_stack */
    PyObject *logger;           /* logging.getLogger("uvloupe") */
    PyObject *asyncio_logger;   /* logging.getLogger("asyncio") */
    PyObject *gaierror;         /* socket.gaierror */
    PyObject *base_loop_type;   /* asyncio.BaseEventLoop */
    PyObject *tasks_module;     /* asyncio.tasks */
    PyObject *format_callback;  /* asyncio.format_helpers._format_callback_source */
    PyObject *str_context, *str_call_exception_handler, *str_fut_waiter, *str_coro,
        *str_Task;
    PyObject *loop_kwnames;    /* ("loop",) */
    PyObject *context_kwnames; /* the ("context",) that _asyncio passes, once seen */
    stream_state streams;
} loop_state;

/* ---- uv handles embedded in Python objects (uvhandle.c) --------------------------

   The loop owns open handles.  A uv struct is embedded in its Python object; when
   uv_*_init has succeeded, uvhandle_opened() puts the object on the loop's open
   list, which holds a strong reference; only the close callback takes it off.  So
   a deallocated object never has a live uv handle.  NEW -> OPEN -> CLOSING ->
   CLOSED; only uvhandle.c moves them and calls uv_close(). */

typedef enum { UVH_NEW, UVH_OPEN, UVH_CLOSING, UVH_CLOSED } uvhandle_state;

struct UvHandle {
    PyObject_HEAD
    LoopObject *loop;       /* strong, from construction to tp_clear */
    UvHandle *next, **prev; /* the loop's open list */
    uv_handle_t *uv;        /* the embedded struct */
    uvhandle_state state;
    /* Called once from the close callback, with the lock, before the list lets go
       of the object; may be NULL.  Must not leave an exception set. */
    void (*on_closed)(UvHandle *self);
};

/* After a successful uv_*_init(): uv->data is set to self. */
void uvhandle_opened(UvHandle *self, uv_handle_t *uv);
/* Starts closing; does nothing unless OPEN. */
void uvhandle_close(UvHandle *self);
static inline bool
uvhandle_is_open(const UvHandle *self)
{
    return self->state == UVH_OPEN;
}

/* ---- the loop ----------------------------------------------------------------- */

/* A stream with writes gathered during the current callback: flushed when it returns. */
typedef struct loop_flush {
    struct loop_flush *next;
    bool queued;
    void (*flush)(struct loop_flush *self); /* must not leave an exception set */
} loop_flush;

/* What the transports keep with their loop (stream.c, write_batch.c, resolver.c). */
typedef struct stream_room {
    StreamObject **on_fd; /* open streams by descriptor, borrowed */
    size_t on_fd_size;
    struct write_batch *spare; /* a free list */
    unsigned spare_count;
    struct resolve_request *resolving; /* name look-ups under way */
} stream_room;

typedef struct timer_heap {
    TimerObject **item; /* strong references */
    size_t count, capacity;
    size_t cancelled; /* how many of them are cancelled */
    uint64_t order;   /* of the next timer: equal deadlines fire in order */
} timer_heap;

enum { LOOP_HANDLES_KEPT = 1024 };

struct LoopObject {
    PyObject_HEAD
    /* Hot. */
    HandleObject **ring; /* strong references, [head, tail) modulo mask + 1 */
    uint64_t head, tail;
    size_t mask;
    mon *mon;                      /* never NULL once constructed */
    uint64_t stamp;                /* ticks: the last boundary between callbacks */
    uint64_t report_ticks;         /* a callback longer than this is looked at */
    uint64_t timers_due;           /* ticks: when to look at the timers; UINT64_MAX: none */
    uint64_t busy_since;           /* ticks: when the last poll that blocked ended */
    uint64_t timer_due;            /* ticks: when the timer that runs now became due */
    uint64_t due_slice, due_stamp; /* turn.c: what plain callbacks' due times share */
    unsigned due_shared;
    loop_flush *flush_first;
    HandleObject *free_handles;
    loop_state *state;
    unsigned free_count;
    bool timed; /* the monitor is on */
    bool stopping, closed, debug;
    bool may_block;         /* the poll under way may wait for events */
    bool in_kernel;         /* ... and does so, with the lock given up */
    uint64_t events_at;     /* ticks: when the poll under way had its events */
    uint64_t poll_due;      /* ticks: when to ask the kernel, ready work or not */
    uint64_t poll_interval; /* ticks: how long ready work may keep events waiting */

    timer_heap timers;
    PyObject *thread_id;           /* of run_forever; None or NULL outside it */
    double slow_callback_duration; /* asyncio's, for debug mode; seconds */
    PyThreadState *suspended;      /* gil.c: ours while the lock is given up */
    PyObject *fatal;        /* KeyboardInterrupt or SystemExit, to raise from run_forever */
    PyObject *task_factory; /* or NULL */
    PyObject *kept_keys;    /* list: keeps the rows' code objects alive */
    PyObject *pollers;      /* dict: fd -> Poller */
    UvHandle *open;         /* the open list */
    stream_room streams;

    bool uv_ready; /* uv_loop_init and all below have succeeded */
    uv_loop_t uv;
    uv_async_t async; /* call_soon_threadsafe, the console's requests */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;        /* active: the poll must not block */
    uv_timer_t timer;      /* armed before a poll that may block */
    PyObject *read_buffer; /* bytes that streams read into (stream_read.c), or NULL */
};

/* ---- running Python (call.c) -------------------------------------------------- */

/* From a libuv callback: takes the lock if the poll gave it up, then calls
   callable(*args) inside `context` (NULL: the thread's own) as one timed slice
   whose cause is `cause` on `fd`, flushes gathered writes, and returns the result,
   or NULL with the exception set.  args[-1] must be writable by the callee
   (PY_VECTORCALL_ARGUMENTS_OFFSET is passed). */
PyObject *loop_call(LoopObject *loop, PyObject *context, PyObject *callable,
                    PyObject *const *args, size_t nargs, mon_cause cause, int fd);

/* A timed slice around C code that runs on behalf of `callable` (for its name only;
   may be NULL).  loop_slice_begin() takes the lock; false if a slice was open already,
   which loop_slice_end() must be told. */
bool loop_slice_begin(LoopObject *loop, PyObject *callable, mon_cause cause, int fd);
void loop_slice_end(LoopObject *loop, bool opened);

/* The one reporter.  An exception must be set, and is taken: KeyboardInterrupt and
   SystemExit are kept, the loop stops, and run_forever raises them; everything else
   goes to loop.call_exception_handler() with `message` and, when not NULL, the
   values under "transport", "protocol" and "handle". */
void loop_report(LoopObject *loop, const char *message, PyObject *transport,
                 PyObject *protocol, PyObject *handle);

/* Drops the exception that is set, if any: for code whose failure must not matter.  A
   KeyboardInterrupt or SystemExit is kept and stops the loop all the same. */
void loop_swallow(LoopObject *loop);

/* call_soon(callable, arg) for C callers, in `context` (NULL: a copy of the current
   one).  arg may be NULL: no argument.  0, or -1 with the exception set. */
int loop_call_soon(LoopObject *loop, PyObject *callable, PyObject *arg, PyObject *context);

/* Queues a flush for the end of the current callback (or the next turn). */
static inline void
loop_flush_soon(LoopObject *loop, loop_flush *node)
{
    if (!node->queued) {
        node->queued = true;
        node->next = loop->flush_first;
        loop->flush_first = node;
    }
}
void loop_flush_all(LoopObject *loop);

/* RuntimeError("Event loop is closed") and -1 if it is. */
int loop_check_closed(LoopObject *loop);

/* ---- the lock (gil.c) ------------------------------------------------------------ */

void gil_give_up(LoopObject *loop);
void gil_take_back(LoopObject *loop);
/* First thing in every libuv callback that touches Python. */
static inline void
gil_take(LoopObject *loop)
{
    if (loop->suspended != NULL) {
        gil_take_back(loop);
    }
}

/* ---- errors (errors.c) ------------------------------------------------------------- */

/* Sets the OSError subclass for a libuv code, e.g. UV_ECONNRESET -> ConnectionResetError
   with its errno and the system's text; returns NULL. */
PyObject *error_from_uv(int code);
/* The same as an exception object that is not raised; NULL with MemoryError set. */
PyObject *error_object_from_uv(int code);

static inline LoopObject *
loop_from_uv(uv_loop_t *uv)
{
    return (LoopObject *)uv->data;
}

/* ---- the types, each from its own file ---------------------------------------------- */

extern PyType_Spec loop_spec, handle_spec, timer_spec, monitor_spec, console_spec,
    poller_spec, stream_spec, listener_spec;
extern PyModuleDef loop_module;

#endif /* LOOP_LOOP_H */
