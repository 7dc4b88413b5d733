/* A listening socket, and the file of a Unix one. */
#ifndef CON_LISTEN_H
#define CON_LISTEN_H

#include <stddef.h>
#include <sys/stat.h>
#include "monitor/console/address.h"

typedef struct con_listener {
    int fd;
    con_place address; /* with the real port */
    dev_t device;      /* of a Unix socket's file */
    ino_t inode;
} con_listener;

/* Binds and listens; nonblocking and CLOEXEC.  0, or the errno and a sentence in
   error. */
int con_listen(con_listener *l, const con_place *address, char *error, size_t size);

/* Closes it.  The file is removed if remove is true and it is still ours. */
void con_unlisten(con_listener *l, bool remove);

#endif /* CON_LISTEN_H */
