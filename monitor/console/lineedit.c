/* The line editor: keys to changes of a line, and changes to screen updates.

   Bytes become keys in three ways: controls are keys themselves, escape sequences
   name one, and all others are text, collected until a UTF-8 character is whole.
   A key's action is a row in the table at the end.  After an action the line is
   drawn anew, except for the common case of typing at its end. */
#include <stdint.h>
#include <string.h>
#include "monitor/console/lineedit.h"
#include "monitor/console/text.h"

#define CTRL(letter) ((letter) - '@')

enum { KEY_ESCAPE = 27, KEY_RUBOUT = 127 };
enum { KEY_UP = 256, KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_HOME, KEY_END, KEY_DELETE };
enum { EDIT_LEAST_ROOM = 8 };

/* ---- drawing ------------------------------------------------------------ */

static size_t
edit_columns(const con_edit *e, size_t from, size_t to)
{
    return con_text_columns(e->text + from, to - from);
}

/* Columns that the text may take beside the prompt. */
static size_t
edit_room(const con_edit *e)
{
    size_t prompt = strlen(e->prompt);
    return e->width > prompt + EDIT_LEAST_ROOM + 1 ? e->width - prompt - 1
                                                   : EDIT_LEAST_ROOM;
}

/* Scrolls so that the cursor is in the window, by half a window at a time. */
static void
edit_scroll(con_edit *e, size_t room)
{
    if (e->cursor < e->from || edit_columns(e, 0, e->used) <= room) {
        e->from = 0;
    }
    if (edit_columns(e, e->from, e->cursor) > room) {
        e->from = con_text_tail(e->text, e->cursor, room / 2);
    }
}

static void
edit_draw(con_edit *e, con_buffer *out)
{
    size_t room = edit_room(e);
    con_buffer_addc(out, '\r');
    con_buffer_adds(out, e->prompt);
    if (e->secret) {
        return;
    }
    edit_scroll(e, room);
    size_t to = e->from + con_text_fit(e->text + e->from, e->used - e->from, room);
    size_t shown = strlen(e->prompt) + edit_columns(e, e->from, to);
    size_t rest = e->shown > shown ? e->shown - shown : 0;
    con_buffer_add(out, e->text + e->from, to - e->from);
    con_buffer_fill(out, ' ', rest);
    con_buffer_fill(out, '\b', rest + edit_columns(e, e->cursor, to));
    e->shown = shown;
}

void
con_edit_show(con_edit *e, con_buffer *out)
{
    e->shown = 0;
    edit_draw(e, out);
}

void
con_edit_hide(con_edit *e, con_buffer *out)
{
    size_t columns = e->secret ? strlen(e->prompt) : e->shown;
    con_buffer_addc(out, '\r');
    con_buffer_fill(out, ' ', columns);
    con_buffer_addc(out, '\r');
    e->shown = 0;
}

/* ---- changing the line ---------------------------------------------------- */

static void
edit_remove(con_edit *e, size_t from, size_t to)
{
    memmove(e->text + from, e->text + to, e->used - to);
    e->used -= to - from;
    e->cursor = from;
}

static void
edit_replace(con_edit *e, const char *line)
{
    size_t size = strlen(line);
    memcpy(e->text, line, size);
    e->used = e->cursor = size;
    e->from = 0;
}

static bool
edit_put(con_edit *e, const char *text, size_t size)
{
    if (e->used + size > CON_LINE_MAX) {
        return false;
    }
    memmove(e->text + e->cursor + size, e->text + e->cursor, e->used - e->cursor);
    memcpy(e->text + e->cursor, text, size);
    e->used += size;
    e->cursor += size;
    return true;
}

void
con_edit_insert(con_edit *e, const char *text, size_t size, con_buffer *out)
{
    if (edit_put(e, text, size)) {
        edit_draw(e, out);
    }
}

static void
edit_clear(con_edit *e)
{
    e->used = e->cursor = e->from = e->shown = 0;
    e->pending_used = 0;
    e->escape = 0;
    e->dropping = false;
}

/* A whole character was typed. */
static con_edit_event
edit_type(con_edit *e, const char *text, size_t size, con_buffer *out)
{
    size_t columns = con_text_columns(text, size);
    if (!edit_put(e, text, size)) {
        edit_clear(e);
        e->dropping = true;
        con_buffer_addc(out, '\n');
        return CON_EDIT_TOO_LONG;
    }
    bool simple = e->cursor == e->used && e->from == 0 &&
                  e->shown + columns <= strlen(e->prompt) + edit_room(e);
    if (e->secret) {
        return CON_EDIT_MORE;
    }
    if (simple) {
        con_buffer_add(out, text, size);
        e->shown += columns;
    }
    else {
        edit_draw(e, out);
    }
    return CON_EDIT_MORE;
}

/* ---- actions ------------------------------------------------------------ */

static con_edit_event
edit_enter(con_edit *e, con_buffer *out)
{
    e->text[e->used] = '\0';
    con_buffer_addc(out, '\n');
    return CON_EDIT_LINE;
}

static con_edit_event
edit_interrupt(con_edit *e, con_buffer *out)
{
    con_buffer_adds(out, "^C\n");
    return CON_EDIT_INTERRUPT;
}

static con_edit_event
edit_delete(con_edit *e, con_buffer *out)
{
    size_t at = e->cursor;
    edit_remove(e, at, con_text_next(e->text, e->used, at));
    return CON_EDIT_MORE;
}

static con_edit_event
edit_end_or_delete(con_edit *e, con_buffer *out)
{
    if (e->used > 0) {
        return edit_delete(e, out);
    }
    con_buffer_addc(out, '\n');
    return CON_EDIT_END;
}

static con_edit_event
edit_tab(con_edit *e, con_buffer *out)
{
    return e->secret ? CON_EDIT_MORE : CON_EDIT_TAB;
}

static con_edit_event
edit_backspace(con_edit *e, con_buffer *out)
{
    edit_remove(e, con_text_previous(e->text, e->cursor), e->cursor);
    return CON_EDIT_MORE;
}

static con_edit_event
edit_home(con_edit *e, con_buffer *out)
{
    e->cursor = 0;
    return CON_EDIT_MORE;
}

static con_edit_event
edit_end(con_edit *e, con_buffer *out)
{
    e->cursor = e->used;
    return CON_EDIT_MORE;
}

static con_edit_event
edit_left(con_edit *e, con_buffer *out)
{
    e->cursor = con_text_previous(e->text, e->cursor);
    return CON_EDIT_MORE;
}

static con_edit_event
edit_right(con_edit *e, con_buffer *out)
{
    e->cursor = con_text_next(e->text, e->used, e->cursor);
    return CON_EDIT_MORE;
}

static con_edit_event
edit_kill_rest(con_edit *e, con_buffer *out)
{
    e->used = e->cursor;
    return CON_EDIT_MORE;
}

static con_edit_event
edit_kill_start(con_edit *e, con_buffer *out)
{
    edit_remove(e, 0, e->cursor);
    return CON_EDIT_MORE;
}

static con_edit_event
edit_kill_word(con_edit *e, con_buffer *out)
{
    size_t at = e->cursor;
    while (at > 0 && e->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && e->text[at - 1] != ' ') {
        at--;
    }
    edit_remove(e, at, e->cursor);
    return CON_EDIT_MORE;
}

static con_edit_event
edit_older(con_edit *e, con_buffer *out)
{
    e->text[e->used] = '\0';
    const char *line = e->secret ? NULL : con_history_older(&e->history, e->text);
    if (line != NULL) {
        edit_replace(e, line);
    }
    return CON_EDIT_MORE;
}

static con_edit_event
edit_newer(con_edit *e, con_buffer *out)
{
    const char *line = e->secret ? NULL : con_history_newer(&e->history);
    if (line != NULL) {
        edit_replace(e, line);
    }
    return CON_EDIT_MORE;
}

static con_edit_event
edit_clear_screen(con_edit *e, con_buffer *out)
{
    con_buffer_adds(out, e->ansi ? "\033[H\033[2J" : "\n");
    e->shown = 0;
    return CON_EDIT_MORE;
}

typedef struct edit_binding {
    int key;
    con_edit_event (*act)(con_edit *e, con_buffer *out);
    bool redraws;
} edit_binding;

static const edit_binding edit_bindings[] = {
    {'\n', edit_enter, false},
    {'\t', edit_tab, false},
    {CTRL('C'), edit_interrupt, false},
    {CTRL('D'), edit_end_or_delete, true},
    {KEY_RUBOUT, edit_backspace, true},
    {CTRL('H'), edit_backspace, true},
    {KEY_DELETE, edit_delete, true},
    {KEY_UP, edit_older, true},
    {CTRL('P'), edit_older, true},
    {KEY_DOWN, edit_newer, true},
    {CTRL('N'), edit_newer, true},
    {KEY_LEFT, edit_left, true},
    {CTRL('B'), edit_left, true},
    {KEY_RIGHT, edit_right, true},
    {CTRL('F'), edit_right, true},
    {KEY_HOME, edit_home, true},
    {CTRL('A'), edit_home, true},
    {KEY_END, edit_end, true},
    {CTRL('E'), edit_end, true},
    {CTRL('K'), edit_kill_rest, true},
    {CTRL('U'), edit_kill_start, true},
    {CTRL('W'), edit_kill_word, true},
    {CTRL('L'), edit_clear_screen, true},
};

static con_edit_event
edit_key(con_edit *e, int key, con_buffer *out)
{
    for (size_t i = 0; i < sizeof(edit_bindings) / sizeof(*edit_bindings); i++) {
        const edit_binding *binding = &edit_bindings[i];
        if (binding->key == key) {
            con_edit_event event = binding->act(e, out);
            if (binding->redraws && event == CON_EDIT_MORE) {
                edit_draw(e, out);
            }
            return event;
        }
    }
    return CON_EDIT_MORE;
}

/* ---- bytes to keys ---------------------------------------------------------- */

/* ESC [ 3 ~ and the like. */
static int
edit_numbered_key(unsigned parameter)
{
    switch (parameter) {
    case 1:
    case 7:
        return KEY_HOME;
    case 3:
        return KEY_DELETE;
    case 4:
    case 8:
        return KEY_END;
    default:
        return 0;
    }
}

static int
edit_named_key(const con_edit *e, unsigned char last)
{
    switch (last) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return KEY_RIGHT;
    case 'D':
        return KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    case '~':
        return edit_numbered_key(e->parameter);
    default:
        return 0;
    }
}

/* One byte of an escape sequence; returns the key that it ends, or 0. */
static int
edit_escape(con_edit *e, unsigned char byte)
{
    if (e->escape == KEY_ESCAPE) {
        e->escape = byte == '[' || byte == 'O' ? byte : 0;
        e->parameter = 0;
        e->parameter_done = false;
        return 0;
    }
    if (byte >= '0' && byte <= '9' && !e->parameter_done) {
        e->parameter =
            e->parameter < 1000 ? e->parameter * 10 + (byte - '0') : e->parameter;
        return 0;
    }
    if (byte >= 0x20 && byte < 0x40) {
        e->parameter_done = true;
        return 0;
    }
    e->escape = 0;
    return edit_named_key(e, byte);
}

/* One byte of text.  What is not UTF-8 is dropped. */
static con_edit_event
edit_text(con_edit *e, unsigned char byte, con_buffer *out)
{
    uint32_t character;
    bool follows = (byte & 0xC0) == 0x80;
    if (!follows || e->pending_used == sizeof(e->pending)) {
        e->pending_used = 0;
    }
    e->pending[e->pending_used++] = (char)byte;
    size_t size = e->pending_used;
    con_text_decode(e->pending, size, &character);
    if (character == CON_TEXT_INVALID || con_text_width(character) < 0) {
        return CON_EDIT_MORE;
    }
    e->pending_used = 0;
    return edit_type(e, e->pending, size, out);
}

/* The rest of a line that was too long goes unheard. */
static con_edit_event
edit_drop(con_edit *e, unsigned char byte, con_buffer *out)
{
    if (byte == CTRL('C')) {
        return edit_interrupt(e, out);
    }
    return byte == '\n' ? CON_EDIT_DROPPED : CON_EDIT_MORE;
}

con_edit_event
con_edit_byte(con_edit *e, unsigned char byte, con_buffer *out)
{
    if (e->dropping) {
        return edit_drop(e, byte, out);
    }
    if (e->escape != 0 && byte >= 0x20) {
        int key = edit_escape(e, byte);
        return key != 0 ? edit_key(e, key, out) : CON_EDIT_MORE;
    }
    if (byte == KEY_ESCAPE) {
        e->escape = KEY_ESCAPE;
        return CON_EDIT_MORE;
    }
    if (byte < 0x20 || byte == KEY_RUBOUT) {
        e->escape = 0;
        return edit_key(e, byte, out);
    }
    return edit_text(e, byte, out);
}

void
con_edit_begin(con_edit *e, const char *prompt, bool secret, con_buffer *out)
{
    edit_clear(e);
    memset(e->text, 0, secret || e->secret ? sizeof(e->text) : 1);
    e->prompt = prompt;
    e->secret = secret;
    con_history_rewind(&e->history);
    con_buffer_adds(out, prompt);
    e->shown = strlen(prompt);
}

void
con_edit_free(con_edit *e)
{
    con_history_free(&e->history);
}
