/* Name look-ups on libuv's thread pool: see resolver.c. */
#ifndef LOOP_RESOLVER_H
#define LOOP_RESOLVER_H

#include "loop/loop.h"

/* loop._getaddrinfo(host, service, family, type, proto, flags) and
   loop._getnameinfo(sockaddr, flags): asyncio futures. */
PyObject *loop_getaddrinfo(PyObject *op, PyObject *args);
PyObject *loop_getnameinfo(PyObject *op, PyObject *args);

/* For the loop's traverse: the futures of what is under way. */
int resolver_visit(LoopObject *loop, visitproc visit, void *arg);

/* The loop is closing: those that no thread has begun are not begun. */
void resolver_cancel_all(LoopObject *loop);

/* Rows of Loop's method table. */
#define RESOLVER_LOOP_METHODS                                                              \
    {"_getaddrinfo", loop_getaddrinfo, METH_VARARGS, NULL},                                \
    {                                                                                      \
        "_getnameinfo", loop_getnameinfo, METH_VARARGS, NULL                               \
    }

#endif /* LOOP_RESOLVER_H */
