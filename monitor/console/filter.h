/* The byte filter that stands before libtelnet.

   libtelnet decodes every option it has heard of, agreed on or not, and some of
   its decoders can be driven out of bounds.  So only well-formed pieces of the
   five options that we use pass; all other negotiation is refused here. */
#ifndef CON_FILTER_H
#define CON_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include "monitor/console/buffer.h"

enum { CON_SUBNEGOTIATION_MAX = 512 };

typedef enum {
    CON_FILTER_DATA,
    CON_FILTER_IAC,    /* after IAC */
    CON_FILTER_OPTION, /* after IAC WILL/WONT/DO/DONT */
    CON_FILTER_SB,     /* after IAC SB: the option */
    CON_FILTER_SB_DATA,
    CON_FILTER_SB_IAC, /* after IAC inside of a subnegotiation */
} con_filter_state;

typedef struct con_filter {
    con_filter_state state;
    unsigned char verb; /* the WILL, WONT, DO or DONT under way */
    bool negotiates;    /* the peer has said something in telnet */
    bool echo_refused;  /* its last word on ECHO was DONT */
    bool sb_dropped;    /* this subnegotiation does not pass */
    size_t sb_used;
    unsigned char sb[CON_SUBNEGOTIATION_MAX]; /* the option's byte first */
} con_filter;

/* Filters `count` bytes: what libtelnet may see is added to `pass`, the refusals
   that the peer must get to `reply`. */
void con_filter_bytes(con_filter *f, const unsigned char *bytes, size_t count,
                      con_buffer *pass, con_buffer *reply);

#endif /* CON_FILTER_H */
