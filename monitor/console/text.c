/* UTF-8 decoding, column widths and the cleaning of foreign text.

   The C library's wcwidth() depends on the process's locale, which belongs to the
   program that we are a guest in; the short tables here do not. */
#include <stdbool.h>
#include "monitor/console/text.h"

typedef struct text_range {
    uint32_t first, last;
} text_range;

static const text_range text_marks[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},
    {0x064B, 0x065F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
};

static const text_range text_wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};

/* Controls, invisible characters and overrides of the writing direction. */
static const text_range text_harmful[] = {
    {0x0000, 0x001F}, {0x007F, 0x009F}, {0x00AD, 0x00AD},   {0x061C, 0x061C},
    {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},   {0xD800, 0xDFFF},
    {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB}, {0xE0000, 0xE0FFF}, {0x110000, 0xFFFFFFFF},
};

static bool
text_in(uint32_t character, const text_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

#define TEXT_IN(character, ranges)                                                         \
    text_in(character, ranges, sizeof(ranges) / sizeof(*(ranges)))

int
con_text_width(uint32_t character)
{
    if (character >= 0x20 && character < 0x7F) {
        return 1;
    }
    if (TEXT_IN(character, text_harmful)) {
        return -1;
    }
    if (TEXT_IN(character, text_marks)) {
        return 0;
    }
    return TEXT_IN(character, text_wide) ? 2 : 1;
}

/* How many bytes the sequence has that begins with `lead`; 0: none does. */
static size_t
text_length(unsigned char lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return 0;
    }
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

size_t
con_text_decode(const char *text, size_t size, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    size_t length = text_length(lead);
    *character = CON_TEXT_INVALID;
    if (length == 0 || length > size) {
        return 1;
    }
    uint32_t value = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) {
            return 1;
        }
        value = value << 6 | ((unsigned char)text[i] & 0x3F);
    }
    if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return 1;
    }
    *character = value;
    return length;
}

/* Columns of one character as con_text_clean shows it. */
static size_t
text_shown(uint32_t character)
{
    int width = con_text_width(character);
    return width < 0 ? 1 : (size_t)width;
}

size_t
con_text_columns(const char *text, size_t size)
{
    size_t columns = 0;
    for (size_t i = 0; i < size;) {
        uint32_t character;
        i += con_text_decode(text + i, size - i, &character);
        columns += text_shown(character);
    }
    return columns;
}

size_t
con_text_next(const char *text, size_t size, size_t at)
{
    uint32_t character;
    if (at >= size) {
        return size;
    }
    at += con_text_decode(text + at, size - at, &character);
    while (at < size) {
        size_t length = con_text_decode(text + at, size - at, &character);
        if (con_text_width(character) != 0) {
            break;
        }
        at += length;
    }
    return at;
}

size_t
con_text_previous(const char *text, size_t at)
{
    while (at > 0) {
        uint32_t character;
        size_t end = at--;
        while (at > 0 && end - at < 4 && ((unsigned char)text[at] & 0xC0) == 0x80) {
            at--;
        }
        if (con_text_decode(text + at, end - at, &character) != end - at) {
            return end - 1; /* not a sequence: one byte back */
        }
        if (con_text_width(character) != 0) {
            break;
        }
    }
    return at;
}

size_t
con_text_fit(const char *text, size_t size, size_t columns)
{
    size_t at = 0;
    while (at < size) {
        uint32_t character;
        size_t length = con_text_decode(text + at, size - at, &character);
        size_t width = text_shown(character);
        if (width > columns) {
            break;
        }
        columns -= width;
        at += length;
    }
    return at;
}

size_t
con_text_tail(const char *text, size_t size, size_t columns)
{
    size_t at = 0;
    size_t left = con_text_columns(text, size);
    while (at < size && left > columns) {
        uint32_t character;
        at += con_text_decode(text + at, size - at, &character);
        left -= text_shown(character);
    }
    return at;
}

void
con_text_clean(con_buffer *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint32_t character;
        size_t length = con_text_decode(text + i, size - i, &character);
        if (con_text_width(character) < 0) {
            con_buffer_addc(out, '?');
        }
        else {
            con_buffer_add(out, text + i, length);
        }
        i += length;
    }
}
