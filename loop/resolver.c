/* getaddrinfo() and getnameinfo() on libuv's thread pool.

   A request belongs to its loop's list from its start to libuv's callback, which
   always comes: loop.close() cancels what no thread has begun and waits for the rest.
   A request holds its future, which the loop's traverse visits; the loop outlives it. */
#define _GNU_SOURCE 1 /* EAI_ADDRFAMILY, EAI_NODATA */
#include "loop/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "loop/sockaddr.h"

typedef struct resolve_request {
    union {
        uv_req_t req;
        uv_getaddrinfo_t addrinfo;
        uv_getnameinfo_t nameinfo;
    } uv;
    LoopObject *loop;
    PyObject *future;
    struct resolve_request *next, **prev;
} resolve_request;

static resolve_request *
resolve_new(LoopObject *loop)
{
    resolve_request *self = PyMem_Malloc(sizeof(*self));
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->future = PyObject_CallMethod((PyObject *)loop, "create_future", NULL);
    if (self->future == NULL) {
        PyMem_Free(self);
        return NULL;
    }
    self->loop = loop;
    self->uv.req.data = self;
    self->next = loop->streams.resolving;
    self->prev = &loop->streams.resolving;
    if (self->next != NULL) {
        self->next->prev = &self->next;
    }
    loop->streams.resolving = self;
    return self;
}

static void
resolve_free(resolve_request *self)
{
    *self->prev = self->next;
    if (self->next != NULL) {
        self->next->prev = self->prev;
    }
    Py_DECREF(self->future);
    PyMem_Free(self);
}

void
resolver_cancel_all(LoopObject *loop)
{
    for (resolve_request *r = loop->streams.resolving; r != NULL; r = r->next) {
        (void)uv_cancel(&r->uv.req);
    }
}

int
resolver_visit(LoopObject *loop, visitproc visit, void *arg)
{
    for (resolve_request *r = loop->streams.resolving; r != NULL; r = r->next) {
        Py_VISIT(r->future);
    }
    return 0;
}

/* ---- errors --------------------------------------------------------------------- */

/* libuv's code for what getaddrinfo() returned, turned back; 0 if it is none of those. */
static int
resolver_eai(int code)
{
    switch (code) {
#define EAI(name)                                                                          \
    case UV_##name:                                                                        \
        return name;
#ifdef EAI_ADDRFAMILY
        EAI(EAI_ADDRFAMILY)
#endif
        EAI(EAI_AGAIN)
        EAI(EAI_BADFLAGS)
        EAI(EAI_FAIL)
        EAI(EAI_FAMILY)
        EAI(EAI_MEMORY)
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
        EAI(EAI_NODATA)
#endif
        EAI(EAI_NONAME)
        EAI(EAI_OVERFLOW)
        EAI(EAI_SERVICE)
        EAI(EAI_SOCKTYPE)
#undef EAI
    default:
        return 0;
    }
}

static PyObject *
resolver_gaierror(LoopObject *loop, int eai)
{
    return PyObject_CallFunction(loop->state->gaierror, "is", eai, gai_strerror(eai));
}

static PyObject *
resolver_error(LoopObject *loop, int code)
{
    int eai = resolver_eai(code);
    return eai != 0 ? resolver_gaierror(loop, eai) : error_object_from_uv(code);
}

/* ---- results -------------------------------------------------------------------- */

/* future.set_result(value) or set_exception(error); a future that is done is left. */
static int
resolve_settle(resolve_request *self, const char *method, PyObject *value)
{
    PyObject *done = PyObject_CallMethod(self->future, "done", NULL);
    if (done == NULL) {
        return -1;
    }
    PyObject *result = done == Py_True
                           ? Py_NewRef(Py_None)
                           : PyObject_CallMethod(self->future, method, "(O)", value);
    Py_DECREF(done);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Ends a request with what it found or failed with (stolen; NULL: the exception that is
   set, which cannot be passed on). */
static void
resolve_end(resolve_request *self, bool failed, PyObject *value)
{
    LoopObject *loop = self->loop;

    bool opened = loop_slice_begin(loop, NULL, MON_CAUSE_IO, -1);
    if (value == NULL ||
        resolve_settle(self, failed ? "set_exception" : "set_result", value) < 0) {
        loop_report(loop, "A name look-up could not be answered", NULL, NULL, NULL);
    }
    loop_slice_end(loop, opened);
    Py_XDECREF(value);
    resolve_free(self);
}

static PyObject *
addrinfo_entry(const struct addrinfo *info)
{
    PyObject *address = sockaddr_to_py(info->ai_addr, info->ai_addrlen);
    if (address == NULL) {
        return NULL;
    }
    const char *name = info->ai_canonname != NULL ? info->ai_canonname : "";
    return Py_BuildValue("iiisN", info->ai_family, info->ai_socktype, info->ai_protocol,
                         name, address);
}

static PyObject *
addrinfo_list(const struct addrinfo *first)
{
    PyObject *list = PyList_New(0);
    for (const struct addrinfo *info = first; list != NULL && info != NULL;
         info = info->ai_next) {
        PyObject *entry = addrinfo_entry(info);
        if (entry == NULL || PyList_Append(list, entry) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(entry);
    }
    return list;
}

static void
on_addrinfo(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    resolve_request *self = req->data;

    gil_take(self->loop);
    if (self->loop->closed) {
        resolve_free(self);
    }
    else {
        resolve_end(self, status < 0,
                    status < 0 ? resolver_error(self->loop, status) : addrinfo_list(found));
    }
    uv_freeaddrinfo(found);
}

static void
on_nameinfo(uv_getnameinfo_t *req, int status, const char *host, const char *service)
{
    resolve_request *self = req->data;

    gil_take(self->loop);
    if (self->loop->closed) {
        resolve_free(self);
    }
    else {
        resolve_end(self, status < 0,
                    status < 0 ? resolver_error(self->loop, status)
                               : Py_BuildValue("ss", host, service));
    }
}

/* ---- starting
 * ---------------------------------------------------------------------------- */

/* None or bytes without a zero in them, borrowed. */
static int
resolver_text(PyObject *object, char **text)
{
    *text = NULL;
    return object == Py_None ? 0 : PyBytes_AsStringAndSize(object, text, NULL);
}

/* libuv refuses names that cannot exist, such as "".  What is wrong with one is then
   getaddrinfo()'s to say, which with AI_NUMERICHOST asks nobody. */
static PyObject *
resolver_refused(LoopObject *loop, int status, const char *host, const char *service,
                 const struct addrinfo *hints)
{
    if (status != UV_EINVAL && status != UV_ENAMETOOLONG) {
        return resolver_error(loop, status);
    }
    struct addrinfo numeric = *hints, *found = NULL;
    numeric.ai_flags |= AI_NUMERICHOST;
    int eai = getaddrinfo(host, service, &numeric, &found);
    if (eai == 0) {
        freeaddrinfo(found);
    }
    return resolver_gaierror(loop, eai != 0 ? eai : EAI_NONAME);
}

PyObject *
loop_getaddrinfo(PyObject *op, PyObject *args)
{
    LoopObject *loop = (LoopObject *)op;
    struct addrinfo hints;
    PyObject *given_host, *given_service;
    char *host, *service;

    memset(&hints, 0, sizeof(hints));
    if (!PyArg_ParseTuple(args, "OOiiii:_getaddrinfo", &given_host, &given_service,
                          &hints.ai_family, &hints.ai_socktype, &hints.ai_protocol,
                          &hints.ai_flags) ||
        resolver_text(given_host, &host) < 0 ||
        resolver_text(given_service, &service) < 0 || loop_check_closed(loop) < 0) {
        return NULL;
    }
    resolve_request *self = resolve_new(loop);
    if (self == NULL) {
        return NULL;
    }
    PyObject *future = Py_NewRef(self->future);
    int status =
        uv_getaddrinfo(&loop->uv, &self->uv.addrinfo, on_addrinfo, host, service, &hints);
    if (status < 0) {
        resolve_end(self, true, resolver_refused(loop, status, host, service, &hints));
    }
    return future;
}

/* As socket.getnameinfo() reads its argument: a numeric host, which tells the family. */
static int
nameinfo_address(LoopObject *loop, PyObject *address, struct sockaddr_storage *storage)
{
    const char *host;
    int port;
    unsigned flowinfo = 0, scope = 0;
    char service[16];
    struct addrinfo hints, *found = NULL;
    int status = -1;

    if (!PyTuple_Check(address)) {
        PyErr_SetString(PyExc_TypeError, "getnameinfo() argument 1 must be a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(address, "si|II;getnameinfo(): illegal sockaddr argument", &host,
                          &port, &flowinfo, &scope)) {
        return -1;
    }
    if (flowinfo > 0xFFFFF) {
        PyErr_SetString(PyExc_OverflowError, "getnameinfo(): flowinfo must be 0-1048575.");
        return -1;
    }
    PyOS_snprintf(service, sizeof(service), "%d", port);
    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_NUMERICHOST;
    int eai = getaddrinfo(host, service, &hints, &found); /* numeric: asks nobody */
    if (eai != 0) {
        PyObject *error = resolver_gaierror(loop, eai);
        if (error != NULL) {
            PyErr_SetObject(loop->state->gaierror, error);
            Py_DECREF(error);
        }
        return -1;
    }
    memset(storage, 0, sizeof(*storage));
    memcpy(storage, found->ai_addr, found->ai_addrlen);
    if (found->ai_next != NULL) {
        PyErr_SetString(PyExc_OSError, "sockaddr resolved to multiple addresses");
    }
    else if (found->ai_family == AF_INET && PyTuple_GET_SIZE(address) != 2) {
        PyErr_SetString(PyExc_OSError, "IPv4 sockaddr must be 2 tuple");
    }
    else {
        status = 0;
    }
    if (found->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)storage)->sin6_flowinfo = htonl(flowinfo);
        ((struct sockaddr_in6 *)storage)->sin6_scope_id = scope;
    }
    freeaddrinfo(found);
    return status;
}

PyObject *
loop_getnameinfo(PyObject *op, PyObject *args)
{
    LoopObject *loop = (LoopObject *)op;
    struct sockaddr_storage storage;
    PyObject *address;
    int flags;

    if (!PyArg_ParseTuple(args, "Oi:_getnameinfo", &address, &flags) ||
        loop_check_closed(loop) < 0 || nameinfo_address(loop, address, &storage) < 0) {
        return NULL;
    }
    resolve_request *self = resolve_new(loop);
    if (self == NULL) {
        return NULL;
    }
    PyObject *future = Py_NewRef(self->future);
    int status = uv_getnameinfo(&loop->uv, &self->uv.nameinfo, on_nameinfo,
                                (struct sockaddr *)&storage, flags);
    if (status < 0) {
        resolve_end(self, true, resolver_error(loop, status));
    }
    return future;
}
