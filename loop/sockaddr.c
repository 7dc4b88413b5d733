/* Socket addresses, from struct sockaddr to the objects that Python's socket module
   shows, and back.  No names are looked up here. */
#include "loop/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

enum { UNIX_PATH_OFFSET = offsetof(struct sockaddr_un, sun_path) };

static PyObject *
sockaddr_unix_to_py(const struct sockaddr_un *address, socklen_t size)
{
    size_t length = size > UNIX_PATH_OFFSET ? size - UNIX_PATH_OFFSET : 0;
#ifdef __linux__
    if (length > 0 && address->sun_path[0] == '\0') {
        return PyBytes_FromStringAndSize(address->sun_path, (Py_ssize_t)length);
    }
#endif
    /* The kernel may fill sun_path to the brim, without a final zero. */
    length = strnlen(address->sun_path, length);
    return PyUnicode_DecodeFSDefaultAndSize(address->sun_path, (Py_ssize_t)length);
}

PyObject *
sockaddr_to_py(const struct sockaddr *address, socklen_t size)
{
    char host[INET6_ADDRSTRLEN];

    switch (address->sa_family) {
    case AF_INET: {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        return Py_BuildValue("(si)", host, (int)ntohs(in->sin_port));
    }
    case AF_INET6: {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        return Py_BuildValue("(siII)", host, (int)ntohs(in6->sin6_port),
                             (unsigned)ntohl(in6->sin6_flowinfo),
                             (unsigned)in6->sin6_scope_id);
    }
    case AF_UNIX:
        return sockaddr_unix_to_py((const struct sockaddr_un *)address, size);
    default:
        Py_RETURN_NONE;
    }
}

static PyObject *
sockaddr_ask(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    memset(&address, 0, sizeof(address));
    if (ask(fd, (struct sockaddr *)&address, &size) < 0) {
        Py_RETURN_NONE;
    }
    return sockaddr_to_py((struct sockaddr *)&address, size);
}

PyObject *
sockaddr_of_socket(int fd)
{
    return sockaddr_ask(fd, getsockname);
}

PyObject *
sockaddr_of_peer(int fd)
{
    return sockaddr_ask(fd, getpeername);
}

/* ---- from Python ---------------------------------------------------------------- */

static int
sockaddr_bad_host(const char *host)
{
    PyErr_Format(PyExc_ValueError, "not a numeric address: %.200s", host);
    return -1;
}

static int
sockaddr_check_port(int port)
{
    if (port < 0 || port > 0xFFFF) {
        PyErr_SetString(PyExc_OverflowError, "port must be 0-65535.");
        return -1;
    }
    return 0;
}

static int
sockaddr_inet_from_py(PyObject *object, struct sockaddr_in *in)
{
    const char *host;
    int port;

    if (!PyArg_ParseTuple(object, "si;address must be (host, port)", &host, &port) ||
        sockaddr_check_port(port) < 0) {
        return -1;
    }
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : sockaddr_bad_host(host);
}

static int
sockaddr_inet6_from_py(PyObject *object, struct sockaddr_in6 *in6)
{
    const char *host;
    int port;
    unsigned flowinfo = 0, scope = 0;
    const char *usage = "si|II;address must be (host, port[, flowinfo[, scope_id]])";

    if (!PyArg_ParseTuple(object, usage, &host, &port, &flowinfo, &scope) ||
        sockaddr_check_port(port) < 0) {
        return -1;
    }
    if (flowinfo > 0xFFFFF) {
        PyErr_SetString(PyExc_OverflowError, "flowinfo must be 0-1048575.");
        return -1;
    }
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t)port);
    in6->sin6_flowinfo = htonl(flowinfo);
    in6->sin6_scope_id = scope;
    return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : sockaddr_bad_host(host);
}

static int
sockaddr_unix_from_py(PyObject *object, struct sockaddr_un *un, socklen_t *size)
{
    PyObject *path = NULL;
    int status = -1;

    if (PyBytes_Check(object)) {
        path = Py_NewRef(object);
    }
    else if (!PyUnicode_FSConverter(object, &path)) {
        return -1;
    }
    size_t length = (size_t)PyBytes_GET_SIZE(path);
    const char *text = PyBytes_AS_STRING(path);
    bool is_abstract = length > 0 && text[0] == '\0';
    if (length + (is_abstract ? 0 : 1) > sizeof(un->sun_path)) {
        PyErr_SetString(PyExc_OSError, "AF_UNIX path too long");
        goto done;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, text, length);
    /* An abstract name is as long as its size says; a path ends with its zero. */
    *size = (socklen_t)(UNIX_PATH_OFFSET + length + (is_abstract ? 0 : 1));
    status = 0;
done:
    Py_DECREF(path);
    return status;
}

int
sockaddr_from_py(PyObject *object, int family, struct sockaddr_storage *address,
                 socklen_t *size)
{
    memset(address, 0, sizeof(*address));
    if ((family == AF_INET || family == AF_INET6) && !PyTuple_Check(object)) {
        PyErr_Format(PyExc_TypeError, "address must be a tuple, not %.100s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    switch (family) {
    case AF_INET:
        *size = sizeof(struct sockaddr_in);
        return sockaddr_inet_from_py(object, (struct sockaddr_in *)address);
    case AF_INET6:
        *size = sizeof(struct sockaddr_in6);
        return sockaddr_inet6_from_py(object, (struct sockaddr_in6 *)address);
    case AF_UNIX:
        return sockaddr_unix_from_py(object, (struct sockaddr_un *)address, size);
    default:
        PyErr_Format(PyExc_OSError, "address family %d is not supported", family);
        return -1;
    }
}
