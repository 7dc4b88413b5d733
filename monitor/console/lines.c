/* Plain lines, at most 4 KB each: who sends a megabyte without an end gets one
   error and takes no more memory than anyone else. */
#include "monitor/console/lines.h"

bool
con_lines_last(con_lines *l)
{
    bool any = l->used > 0 && !l->dropping;
    l->text[l->used] = '\0';
    l->used = 0;
    l->dropping = false;
    return any;
}

con_lines_event
con_lines_byte(con_lines *l, char byte)
{
    if (byte == '\n') {
        bool dropped = l->dropping;
        con_lines_last(l);
        return dropped ? CON_LINES_MORE : CON_LINES_LINE;
    }
    if (l->dropping) {
        return CON_LINES_MORE;
    }
    if (l->used == CON_LINE_MAX) {
        l->dropping = true;
        l->text[l->used] = '\0';
        return CON_LINES_TOO_LONG;
    }
    l->text[l->used++] = byte;
    return CON_LINES_MORE;
}
