/* Random input with fixed seeds, through the filter, libtelnet's place, and the line
   editor: what passes is always well-formed, and the screen always shows the line. */
#include "monitor/console/filter.h"
#include "monitor/console/lineedit.h"
#include "monitor/console/words.h"
#include "screen.h"

enum { ROUNDS = 400, BYTES = 600 };

/* Bytes that matter come more often than others. */
static unsigned char
byte_of(uint64_t *seed)
{
    static const unsigned char often[] = {
        255, 255, 250, 240, 251, 253,  254,  24,   31,   1,    36,  86,  27, '[', 'A', 'D',
        'C', 3,   127, '~', 'H', 0xE6, 0x97, 0xA5, 0xCC, 0x81, 'x', ' ', 21, 23,  11,  4};
    uint64_t value = random_next(seed);
    return value % 3 ? often[(value >> 8) % sizeof(often)] : (unsigned char)(value >> 8);
}

/* Reads one piece of what passed: data, an escaped 255, a command, an option of
   ours, or a whole short subnegotiation of ours. */
static size_t
piece(const unsigned char *bytes, size_t size)
{
    if (bytes[0] != 255) {
        return 1;
    }
    assert_true(size >= 2);
    if (bytes[1] != 250 && (bytes[1] < 251 || bytes[1] == 255)) {
        assert_true(bytes[1] >= 236 && bytes[1] != 240);
        return 2;
    }
    assert_true(size >= 3);
    if (bytes[1] != 250) {
        assert_true(bytes[2] == 0 || bytes[2] == 1 || bytes[2] == 3 || bytes[2] == 24 ||
                    bytes[2] == 31);
        return 3;
    }
    assert_true(bytes[2] == 24 || bytes[2] == 31);
    size_t at = 3;
    while (!(bytes[at] == 255 && bytes[at + 1] == 240)) {
        assert_true(bytes[at] != 255 || bytes[at + 1] == 255);
        at += bytes[at] == 255 ? 2 : 1;
        assert_true(at + 1 < size);
    }
    assert_true(at <= 3 + 2 * CON_SUBNEGOTIATION_MAX);
    return at + 2;
}

static void
test_what_passes_the_filter_is_well_formed(void **state)
{
    uint64_t seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        con_filter filter = {0};
        con_buffer pass = {0}, reply = {0};
        for (int i = 0; i < BYTES; i++) {
            unsigned char byte = byte_of(&seed);
            con_filter_bytes(&filter, &byte, 1, &pass, &reply);
        }
        const unsigned char *bytes = (const unsigned char *)con_buffer_bytes(&pass);
        for (size_t at = 0, size = con_buffer_used(&pass); at < size;) {
            at += piece(bytes + at, size - at);
        }
        assert_int_equal(con_buffer_used(&reply) % 3, 0);
        con_buffer_free(&pass);
        con_buffer_free(&reply);
    }
}

/* A whole window of text and the cursor's column, worked out from the line alone. */
static void
check_screen(const con_edit *e, const screen *s, size_t width)
{
    size_t prompt = strlen(e->prompt);
    size_t cursor = con_text_columns(e->text + e->from, e->cursor - e->from);
    assert_int_equal(s->column, prompt + cursor);
    assert_true(e->cursor >= e->from && e->cursor <= e->used);
    assert_true(s->widest < width);
    size_t room = width - prompt - 1;
    size_t count = con_text_fit(e->text + e->from, e->used - e->from, room);
    char want[CON_LINE_MAX + 16];
    size_t used = (size_t)snprintf(want, sizeof(want), "%s", e->prompt);
    for (size_t i = e->from; i < e->from + count;) {
        uint32_t character;
        size_t length = con_text_decode(e->text + i, e->used - i, &character);
        if (con_text_width(character) != 0) {
            memcpy(want + used, e->text + i, length);
            used += length;
        }
        i += length;
    }
    while (used > 0 && want[used - 1] == ' ') {
        used--;
    }
    want[used] = '\0';
    assert_text(screen_line(s), want);
}

static void
edit_round(uint64_t *seed, size_t width)
{
    con_edit e = {.width = width};
    con_buffer out = {0};
    screen s = {0};
    screen_clear(&s);
    con_edit_begin(&e, "uvloupe> ", false, &out);
    screen_show(&s, &out);
    for (int i = 0; i < BYTES; i++) {
        con_edit_event event = con_edit_byte(&e, byte_of(seed), &out);
        if (event == CON_EDIT_LINE) {
            con_history_add(&e.history, e.text);
        }
        if (event != CON_EDIT_MORE && event != CON_EDIT_TAB) {
            con_edit_begin(&e, "uvloupe> ", false, &out);
        }
        screen_show(&s, &out);
        check_screen(&e, &s, width);
    }
    con_edit_free(&e);
    con_buffer_free(&out);
}

static void
test_the_screen_shows_the_line(void **state)
{
    uint64_t seed = 2;
    for (int round = 0; round < ROUNDS / 4; round++) {
        edit_round(&seed, 30 + random_next(&seed) % 200);
    }
}

static void
test_words_of_anything(void **state)
{
    static const char letters[] = "ab '\"\\\t";
    uint64_t seed = 3;
    for (int round = 0; round < ROUNDS * 50; round++) {
        char line[40], *argv[CON_WORDS_MAX + 1];
        const char *error = NULL;
        size_t size = random_next(&seed) % sizeof(line);
        for (size_t i = 0; i < size; i++) {
            line[i] = letters[random_next(&seed) % (sizeof(letters) - 1)];
        }
        line[size < sizeof(line) ? size : sizeof(line) - 1] = '\0';
        int count = con_words(line, argv, &error);
        assert_true(count >= 0 || error != NULL);
        for (int i = 0; i < count; i++) {
            assert_true(argv[i] >= line && argv[i] + strlen(argv[i]) < line + sizeof(line));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_passes_the_filter_is_well_formed),
        cmocka_unit_test(test_the_screen_shows_the_line),
        cmocka_unit_test(test_words_of_anything),
    };
    return run_all(tests);
}
