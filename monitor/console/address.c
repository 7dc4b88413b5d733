/* Reading the address to listen on.

   Only loopback and Unix sockets: what the console shows and does belongs to the
   machine's own people, and a tunnel brings it further with real authentication.
   Host names are not resolved, because a look-up may block and may change its
   mind about what is loopback; "localhost" stands for 127.0.0.1. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "monitor/console/address.h"

static bool
address_port(const char *text, in_port_t *port, char *error, size_t size)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > 65535) {
        snprintf(error, size, "'%.100s' is not a port: it is a number from 0 to 65535",
                 text);
        return false;
    }
    *port = htons((in_port_t)value);
    return true;
}

/* A path that is still right after a chdir(), where that fits. */
static void
address_absolute(struct sockaddr_un *local)
{
    char given[sizeof(local->sun_path)], here[sizeof(local->sun_path)];
    if (local->sun_path[0] == '/' || getcwd(here, sizeof(here)) == NULL) {
        return;
    }
    memcpy(given, local->sun_path, sizeof(given));
    if (strlen(here) + 1 + strlen(given) < sizeof(local->sun_path)) {
        strcpy(local->sun_path, here);
        strcat(local->sun_path, "/");
        strcat(local->sun_path, given);
    }
}

static bool
address_path(con_place *a, const char *text, char *error, size_t size)
{
    struct sockaddr_un *local = &a->sock.local;
    if (strlen(text) >= sizeof(local->sun_path)) {
        snprintf(error, size,
                 "the path '%.100s' is too long: a Unix socket's has at most %zu bytes",
                 text, sizeof(local->sun_path) - 1);
        return false;
    }
    local->sun_family = AF_UNIX;
    strcpy(local->sun_path, text);
    address_absolute(local);
    a->size = sizeof(*local);
    return true;
}

/* The text between the brackets, or before the colon; false if it is too long. */
static bool
address_copy(char *to, size_t size, const char *from, size_t count)
{
    if (count >= size) {
        return false;
    }
    memcpy(to, from, count);
    to[count] = '\0';
    return true;
}

static bool
address_refuse(const char *text, char *error, size_t size)
{
    snprintf(
        error, size,
        "will not listen on %.100s: the console listens on loopback (127.0.0.1, [::1]) "
        "or on a Unix socket only",
        text);
    return false;
}

static bool
address_v6(con_place *a, const char *text, char *error, size_t size)
{
    struct sockaddr_in6 *v6 = &a->sock.v6;
    char host[INET6_ADDRSTRLEN];
    const char *end = strchr(text, ']');
    v6->sin6_family = AF_INET6;
    a->size = sizeof(*v6);
    if (end == NULL || end[1] != ':' ||
        !address_copy(host, sizeof(host), text + 1, (size_t)(end - text - 1)) ||
        inet_pton(AF_INET6, host, &v6->sin6_addr) != 1) {
        snprintf(error, size, "'%.100s' is not an address: [::1]:PORT is one", text);
        return false;
    }
    if (!IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) {
        return address_refuse(text, error, size);
    }
    return address_port(end + 2, &v6->sin6_port, error, size);
}

static bool
address_v4(con_place *a, const char *text, char *error, size_t size)
{
    struct sockaddr_in *v4 = &a->sock.v4;
    char host[64];
    const char *colon = strrchr(text, ':');
    v4->sin_family = AF_INET;
    a->size = sizeof(*v4);
    if (colon != strchr(text, ':')) {
        snprintf(error, size,
                 "'%.100s' is not an address: IPv6 needs brackets, as in [::1]:PORT", text);
        return false;
    }
    if (!address_copy(host, sizeof(host), text, (size_t)(colon - text))) {
        snprintf(error, size, "'%.100s' is not an address: its host is too long", text);
        return false;
    }
    const char *numeric =
        *host == '\0' || strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, numeric, &v4->sin_addr) != 1) {
        snprintf(
            error, size,
            "'%.100s' is not an address: the host must be 127.0.0.1, [::1] or localhost",
            text);
        return false;
    }
    if (ntohl(v4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
        return address_refuse(text, error, size);
    }
    return address_port(colon + 1, &v4->sin_port, error, size);
}

bool
con_address_parse(con_place *a, const char *text, char *error, size_t size)
{
    bool good;
    memset(a, 0, sizeof(*a));
    if (strchr(text, '/') != NULL) {
        good = address_path(a, text, error, size);
    }
    else if (text[0] == '[') {
        good = address_v6(a, text, error, size);
    }
    else if (strchr(text, ':') != NULL) {
        good = address_v4(a, text, error, size);
    }
    else {
        snprintf(error, size,
                 "'%.100s' is not an address: it is HOST:PORT, [::1]:PORT, :PORT, or a "
                 "path with a "
                 "slash",
                 text);
        good = false;
    }
    if (good) {
        con_address_name(a);
    }
    return good;
}

void
con_address_name(con_place *a)
{
    char host[INET6_ADDRSTRLEN] = "?";
    switch (a->sock.any.sa_family) {
    case AF_UNIX:
        snprintf(a->text, sizeof(a->text), "%s", a->sock.local.sun_path);
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &a->sock.v6.sin6_addr, host, sizeof(host));
        snprintf(a->text, sizeof(a->text), "[%s]:%u", host, ntohs(a->sock.v6.sin6_port));
        break;
    default:
        inet_ntop(AF_INET, &a->sock.v4.sin_addr, host, sizeof(host));
        snprintf(a->text, sizeof(a->text), "%s:%u", host, ntohs(a->sock.v4.sin_port));
    }
}
