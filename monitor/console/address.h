/* Where to listen: a loopback address and port, or the path of a Unix socket. */
#ifndef CON_ADDRESS_H
#define CON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { CON_ADDRESS_TEXT = 128 };

typedef struct con_place {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } sock;
    socklen_t size;
    char text[CON_ADDRESS_TEXT]; /* in the form that con_address_parse takes */
} con_place;

/* "HOST:PORT", "[V6]:PORT", ":PORT" or a path with a slash.  false, and a sentence
   in error, for anything else and for what is not loopback. */
bool con_address_parse(con_place *a, const char *text, char *error, size_t size);

/* Writes a->text from a->sock, after bind has filled in the port. */
void con_address_name(con_place *a);

static inline bool
con_address_local(const con_place *a)
{
    return a->sock.any.sa_family == AF_UNIX;
}

#endif /* CON_ADDRESS_H */
