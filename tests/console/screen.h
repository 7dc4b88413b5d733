/* One line of a screen, as a terminal would show what the line editor sends. */
#ifndef CON_TEST_SCREEN_H
#define CON_TEST_SCREEN_H

#include "monitor/console/text.h"
#include "support.h"

enum { SCREEN_COLUMNS = 512 };

typedef struct screen {
    char cell[SCREEN_COLUMNS][5]; /* UTF-8; "" right of a wide character */
    size_t column, widest;
} screen;

static inline void
screen_clear(screen *s)
{
    for (size_t i = 0; i < SCREEN_COLUMNS; i++) {
        strcpy(s->cell[i], " ");
    }
    s->column = 0;
}

static inline size_t
screen_character(screen *s, const char *text, size_t size)
{
    uint32_t character;
    size_t length = con_text_decode(text, size, &character);
    int width = con_text_width(character);
    assert_true(width >= 0);
    if (width > 0) {
        assert_true(s->column + (size_t)width < SCREEN_COLUMNS);
        snprintf(s->cell[s->column], sizeof(s->cell[0]), "%.*s", (int)length, text);
        if (width == 2) {
            s->cell[s->column + 1][0] = '\0';
        }
        s->column += (size_t)width;
        s->widest = s->column > s->widest ? s->column : s->widest;
    }
    return length;
}

/* Shows what is in `out`, and empties it. */
static inline void
screen_show(screen *s, con_buffer *out)
{
    const char *text = con_buffer_bytes(out);
    size_t size = con_buffer_used(out);
    for (size_t i = 0; i < size;) {
        if (text[i] == '\n') {
            screen_clear(s);
        }
        else if (text[i] == '\r') {
            s->column = 0;
        }
        else if (text[i] == '\b') {
            assert_true(s->column > 0);
            s->column--;
        }
        else {
            i += screen_character(s, text + i, size - i);
            continue;
        }
        i++;
    }
    con_buffer_clear(out);
}

/* The line without the blanks at its end. */
static inline const char *
screen_line(const screen *s)
{
    static char line[SCREEN_COLUMNS * 4 + 1];
    size_t used = 0;
    for (size_t i = 0; i < SCREEN_COLUMNS; i++) {
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s", s->cell[i]);
    }
    while (used > 0 && line[used - 1] == ' ') {
        used--;
    }
    line[used] = '\0';
    return line;
}

#endif /* CON_TEST_SCREEN_H */
