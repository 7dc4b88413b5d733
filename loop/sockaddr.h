/* Socket addresses as Python's socket module shows them. */
#ifndef LOOP_SOCKADDR_H
#define LOOP_SOCKADDR_H

#include <sys/socket.h>
#include "loop/compat.h"

/* ("127.0.0.1", 80), ("::1", 80, flowinfo, scope_id), "/path" or b"\0abstract".
   None for a family that this file does not know. */
PyObject *sockaddr_to_py(const struct sockaddr *address, socklen_t size);

/* The other way, for AF_INET and AF_INET6 with numeric hosts, and AF_UNIX.
   0, or -1 with the exception set. */
int sockaddr_from_py(PyObject *object, int family, struct sockaddr_storage *address,
                     socklen_t *size);

/* getsockname() and getpeername() of a descriptor; None where there is none. */
PyObject *sockaddr_of_socket(int fd);
PyObject *sockaddr_of_peer(int fd);

#endif /* LOOP_SOCKADDR_H */
