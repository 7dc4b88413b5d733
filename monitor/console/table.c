/* Aligned columns fitted to a window.

   What is too wide is narrowed in three steps: the gap between columns goes from
   two spaces to one, the widest cuttable column is cut again and again, and last
   whole columns are left out, the most spare first.  A cut shows as '~'. */
#include <string.h>
#include "monitor/console/table.h"
#include "monitor/console/text.h"

typedef struct table_fit {
    size_t width[CON_TABLE_COLUMNS];
    bool shown[CON_TABLE_COLUMNS];
    size_t gap;
} table_fit;

void
con_table_init(con_table *t, const con_column *columns, size_t count)
{
    *t = (con_table){.columns = columns, .count = count};
    for (size_t i = 0; i < count; i++) {
        t->widest[i] = strlen(columns[i].title);
    }
}

void
con_table_row(con_table *t, unsigned char style)
{
    t->rows++;
    t->next = 0;
    con_buffer_addc(&t->cells, (char)style);
}

void
con_table_cell(con_table *t, const char *text)
{
    size_t begin = t->cells.tail;
    con_text_clean(&t->cells, text, strlen(text));
    if (t->cells.failed) {
        return;
    }
    size_t columns = con_text_columns(t->cells.data + begin, t->cells.tail - begin);
    con_buffer_addc(&t->cells, '\0');
    if (columns > t->widest[t->next]) {
        t->widest[t->next] = columns;
    }
    t->next++;
}

static size_t
fit_total(const con_table *t, const table_fit *fit)
{
    size_t total = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (fit->shown[i]) {
            total += fit->width[i] + (total > 0 ? fit->gap : 0);
        }
    }
    return total;
}

/* The widest column that may still be cut, or -1. */
static int
fit_cuttable(const con_table *t, const table_fit *fit)
{
    int widest = -1;
    for (size_t i = 0; i < t->count; i++) {
        size_t least = t->columns[i].least;
        if (fit->shown[i] && least > 0 && fit->width[i] > least &&
            (widest < 0 || fit->width[i] > fit->width[widest])) {
            widest = (int)i;
        }
    }
    return widest;
}

/* The column to leave out next, or -1. */
static int
fit_spare(const con_table *t, const table_fit *fit)
{
    int most = -1;
    for (size_t i = 0; i < t->count; i++) {
        unsigned spare = t->columns[i].spare;
        if (fit->shown[i] && spare > 0 && (most < 0 || spare > t->columns[most].spare)) {
            most = (int)i;
        }
    }
    return most;
}

static void
fit_find(const con_table *t, table_fit *fit, size_t width)
{
    int column;
    fit->gap = 2;
    for (size_t i = 0; i < t->count; i++) {
        fit->width[i] = t->widest[i];
        fit->shown[i] = true;
    }
    if (width == 0 || fit_total(t, fit) <= width) {
        return;
    }
    fit->gap = 1;
    while (fit_total(t, fit) > width && (column = fit_cuttable(t, fit)) >= 0) {
        fit->width[column]--;
    }
    while (fit_total(t, fit) > width && (column = fit_spare(t, fit)) >= 0) {
        fit->shown[column] = false;
    }
}

/* The cell, cut to `width` columns; a wide character that does not fit by half
   leaves a space. */
static void
table_cut(con_buffer *out, const char *text, size_t size, size_t width, bool keep_end)
{
    size_t from = keep_end ? con_text_tail(text, size, width - 1) : 0;
    size_t to = keep_end ? size : con_text_fit(text, size, width - 1);
    con_buffer_adds(out, keep_end ? "~" : "");
    con_buffer_add(out, text + from, to - from);
    con_buffer_adds(out, keep_end ? "" : "~");
    con_buffer_fill(out, ' ', width - 1 - con_text_columns(text + from, to - from));
}

/* One cell; *owed is the padding that is due before the next thing printed, so
   that no line ends in spaces. */
static void
table_put(con_buffer *out, const con_column *column, const char *text, size_t width,
          size_t *owed)
{
    size_t size = strlen(text);
    size_t columns = con_text_columns(text, size);
    size_t pad = columns < width ? width - columns : 0;
    if (size == 0) {
        *owed += width;
        return;
    }
    con_buffer_fill(out, ' ', *owed + (column->align == CON_RIGHT ? pad : 0));
    if (columns > width && width > 0) {
        table_cut(out, text, size, width, column->keep_end);
    }
    else {
        con_buffer_add(out, text, size);
    }
    *owed = column->align == CON_LEFT ? pad : 0;
}

static void
table_style(con_buffer *out, unsigned style, bool colour)
{
    if (colour && style > 0) {
        con_buffer_addf(out, "\033[%um", style);
    }
}

/* A line out of `count` strings that follow each other; returns what follows them. */
static const char *
table_line(const con_table *t, con_buffer *out, const table_fit *fit, const char *cells)
{
    size_t owed = 0;
    bool first = true;
    for (size_t i = 0; i < t->count; i++) {
        const char *text = cells != NULL ? cells : t->columns[i].title;
        if (fit->shown[i]) {
            owed += first ? 0 : fit->gap;
            table_put(out, &t->columns[i], text, fit->width[i], &owed);
            first = false;
        }
        cells = cells != NULL ? cells + strlen(cells) + 1 : NULL;
    }
    return cells;
}

static void
table_body(const con_table *t, con_buffer *out, const table_fit *fit, bool colour)
{
    const char *cells = con_buffer_bytes(&t->cells);
    for (size_t row = 0; row < t->rows; row++) {
        unsigned style = (unsigned char)*cells++;
        table_style(out, style, colour);
        cells = table_line(t, out, fit, cells);
        con_buffer_adds(out, colour && style > 0 ? "\033[0m\n" : "\n");
    }
}

void
con_table_print(con_table *t, con_buffer *out, size_t width, bool colour)
{
    table_fit fit;
    fit_find(t, &fit, width);
    table_style(out, 1, colour);
    table_line(t, out, &fit, NULL);
    con_buffer_adds(out, colour ? "\033[0m\n" : "\n");
    if (t->cells.failed) {
        out->failed = true;
    }
    else if (t->rows > 0) {
        table_body(t, out, &fit, colour);
    }
    con_buffer_free(&t->cells);
}
