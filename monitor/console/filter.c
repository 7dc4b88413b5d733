/* The byte filter that stands before libtelnet.

   In libtelnet 0.21 to 0.23 a long ENVIRON subnegotiation overflows the stack,
   COMPRESS2 inflates without having been agreed on, and MSSP reads beyond its
   buffer.  None of them reaches it: a subnegotiation is held back until its end
   is seen, and passes whole if its option is NAWS or TTYPE and it is short.
   Offers and requests of unknown options are answered "no" right here; a "no" is
   never answered, so no exchange can go on for ever.

   Runs on the console's thread, before any byte of a client is looked at. */
#include <string.h>
#include "monitor/console/filter.h"

enum {
    IAC = 255,
    DONT = 254,
    DO = 253,
    WONT = 252,
    WILL = 251,
    SB = 250,
    SE = 240,
    FIRST_COMMAND = 236, /* EOF; below lie no commands */
};

enum { BINARY = 0, ECHO = 1, SGA = 3, TTYPE = 24, NAWS = 31 };

static bool
filter_knows(unsigned char option)
{
    return option == BINARY || option == ECHO || option == SGA || option == TTYPE ||
           option == NAWS;
}

static con_filter_state
filter_data(unsigned char byte, con_buffer *pass)
{
    if (byte == IAC) {
        return CON_FILTER_IAC;
    }
    con_buffer_addc(pass, (char)byte);
    return CON_FILTER_DATA;
}

/* After IAC: an escaped 255, a command of two bytes, or the beginning of more. */
static con_filter_state
filter_command(con_filter *f, unsigned char byte, con_buffer *pass)
{
    if (byte >= WILL && byte <= DONT) {
        f->verb = byte;
        return CON_FILTER_OPTION;
    }
    if (byte == SB) {
        return CON_FILTER_SB;
    }
    if (byte == IAC || (byte >= FIRST_COMMAND && byte != SE)) {
        const char command[] = {(char)IAC, (char)byte};
        con_buffer_add(pass, command, sizeof(command));
    }
    return CON_FILTER_DATA;
}

static con_filter_state
filter_option(con_filter *f, unsigned char option, con_buffer *pass, con_buffer *reply)
{
    f->negotiates = true;
    if (option == ECHO && (f->verb == DO || f->verb == DONT)) {
        f->echo_refused = f->verb == DONT;
    }
    if (filter_knows(option)) {
        const char passed[] = {(char)IAC, (char)f->verb, (char)option};
        con_buffer_add(pass, passed, sizeof(passed));
    }
    else if (f->verb == WILL || f->verb == DO) {
        const char refused[] = {(char)IAC, (char)(f->verb == WILL ? DONT : WONT),
                                (char)option};
        con_buffer_add(reply, refused, sizeof(refused));
    }
    return CON_FILTER_DATA;
}

static con_filter_state
filter_sb_begin(con_filter *f, unsigned char option)
{
    if (option == IAC) {
        f->sb_dropped = true;
        return CON_FILTER_SB_IAC;
    }
    f->sb_dropped = option != NAWS && option != TTYPE;
    f->sb[0] = option;
    f->sb_used = 1;
    return CON_FILTER_SB_DATA;
}

static con_filter_state
filter_sb_byte(con_filter *f, unsigned char byte)
{
    if (f->sb_used == sizeof(f->sb)) {
        f->sb_dropped = true;
    }
    if (!f->sb_dropped) {
        f->sb[f->sb_used++] = byte;
    }
    return CON_FILTER_SB_DATA;
}

static void
filter_sb_pass(const con_filter *f, con_buffer *pass)
{
    const char begin[] = {(char)IAC, (char)SB}, end[] = {(char)IAC, (char)SE};
    con_buffer_add(pass, begin, sizeof(begin));
    for (size_t i = 0; i < f->sb_used; i++) {
        con_buffer_addc(pass, (char)f->sb[i]);
        if (f->sb[i] == IAC) {
            con_buffer_addc(pass, (char)IAC);
        }
    }
    con_buffer_add(pass, end, sizeof(end));
}

/* After IAC inside of a subnegotiation: its end, an escaped 255, or a command in
   the middle, which ends the subnegotiation unheard. */
static con_filter_state
filter_sb_iac(con_filter *f, unsigned char byte, con_buffer *pass)
{
    if (byte == IAC) {
        return filter_sb_byte(f, IAC);
    }
    if (byte != SE) {
        return filter_command(f, byte, pass);
    }
    f->negotiates = true;
    if (!f->sb_dropped) {
        filter_sb_pass(f, pass);
    }
    return CON_FILTER_DATA;
}

static con_filter_state
filter_byte(con_filter *f, unsigned char byte, con_buffer *pass, con_buffer *reply)
{
    switch (f->state) {
    case CON_FILTER_IAC:
        return filter_command(f, byte, pass);
    case CON_FILTER_OPTION:
        return filter_option(f, byte, pass, reply);
    case CON_FILTER_SB:
        return filter_sb_begin(f, byte);
    case CON_FILTER_SB_DATA:
        return byte == IAC ? CON_FILTER_SB_IAC : filter_sb_byte(f, byte);
    case CON_FILTER_SB_IAC:
        return filter_sb_iac(f, byte, pass);
    case CON_FILTER_DATA:
        break;
    }
    return filter_data(byte, pass);
}

void
con_filter_bytes(con_filter *f, const unsigned char *bytes, size_t count, con_buffer *pass,
                 con_buffer *reply)
{
    for (size_t i = 0; i < count; i++) {
        f->state = filter_byte(f, bytes[i], pass, reply);
    }
}
