/* Binding to a loopback port or to a file.

   A Unix socket's file is made readable and writable for its owner alone before
   listen(): until then nobody can connect, whatever the umask was.  A file left by
   a server that died is recognised by connecting to it, and replaced; one behind
   which somebody listens is not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "monitor/console/listen.h"

enum { LISTEN_BACKLOG = 16 };

static int
listen_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* True if the file is a socket behind which nobody listens any more. */
static bool
listen_stale(const con_place *address)
{
    struct stat file;
    if (lstat(address->sock.local.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode)) {
        return false;
    }
    int fd = listen_socket(AF_UNIX);
    if (fd < 0) {
        return false;
    }
    bool refused =
        connect(fd, &address->sock.any, address->size) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static bool
listen_bind(con_listener *l)
{
    const con_place *address = &l->address;
    if (bind(l->fd, &address->sock.any, address->size) == 0) {
        return true;
    }
    if (errno != EADDRINUSE || !con_address_local(address)) {
        return false;
    }
    if (!listen_stale(address) || unlink(address->sock.local.sun_path) != 0) {
        errno = EADDRINUSE;
        return false;
    }
    return bind(l->fd, &address->sock.any, address->size) == 0;
}

/* Shuts others out of the file, and notes which file it is. */
static bool
listen_own_file(con_listener *l)
{
    const char *path = l->address.sock.local.sun_path;
    struct stat file;
    if (chmod(path, S_IRUSR | S_IWUSR) != 0 || lstat(path, &file) != 0) {
        int code = errno;
        unlink(path);
        errno = code;
        return false;
    }
    l->device = file.st_dev;
    l->inode = file.st_ino;
    return true;
}

static bool
listen_start(con_listener *l)
{
    int one = 1;
    if (con_address_local(&l->address)) {
        return listen_bind(l) && listen_own_file(l);
    }
    return setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
           listen_bind(l) &&
           getsockname(l->fd, &l->address.sock.any, &l->address.size) == 0;
}

int
con_listen(con_listener *l, const con_place *address, char *error, size_t size)
{
    *l = (con_listener){.address = *address};
    l->fd = listen_socket(address->sock.any.sa_family);
    if (l->fd < 0 || !listen_start(l) || listen(l->fd, LISTEN_BACKLOG) != 0) {
        int code = errno;
        snprintf(error, size, "cannot listen on %s: %s", address->text, strerror(code));
        con_unlisten(l, true);
        return code;
    }
    con_address_name(&l->address);
    return 0;
}

void
con_unlisten(con_listener *l, bool remove)
{
    const char *path = l->address.sock.local.sun_path;
    struct stat file;
    if (l->fd >= 0) {
        close(l->fd);
        l->fd = -1;
    }
    if (remove && con_address_local(&l->address) && l->inode != 0 &&
        lstat(path, &file) == 0 && file.st_dev == l->device && file.st_ino == l->inode) {
        unlink(path);
    }
}
