/* Text that comes from the observed program and goes to somebody's terminal.

   Names of tasks, types and files are whatever the program chose.  They are cut
   to their place without breaking a UTF-8 character, and control characters are
   replaced, because a name must not be able to move an operator's cursor.  Pure
   functions: any thread. */
#include "monitor/inside.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes of `text` fit into `room`, ending at a character's boundary. */
static size_t
text_fit(const char *text, size_t length, size_t room)
{
    if (length <= room) {
        return length;
    }
    size_t cut = room;
    for (int back = 0; back < 3 && cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80;
         back++) {
        cut--;
    }
    return cut;
}

/* The bytes that the control character at `text` takes, or 0 if it is none: C0
   and DEL are one byte, C1 (which holds a one-character CSI) is C2 80 to C2 9F. */
static size_t
text_control(const unsigned char *text, size_t length)
{
    if (text[0] < 0x20 || text[0] == 0x7F) {
        return 1;
    }
    return length > 1 && text[0] == 0xC2 && text[1] >= 0x80 && text[1] < 0xA0 ? 2 : 0;
}

size_t
mon_text_copy(char *to, size_t size, const char *text, size_t length)
{
    if (size == 0) {
        return 0;
    }
    size_t end = text == NULL ? 0 : text_fit(text, length, size - 1);
    size_t n = 0;
    for (size_t i = 0; i < end;) {
        size_t control = text_control((const unsigned char *)text + i, end - i);
        to[n++] = control ? '?' : text[i];
        i += control ? control : 1;
    }
    to[n] = '\0';
    return n;
}

char *
mon_text_dup(const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t length = strlen(text);
    char *copy = malloc(length + 1);
    if (copy != NULL) {
        mon_text_copy(copy, length + 1, text, length);
    }
    return copy;
}
