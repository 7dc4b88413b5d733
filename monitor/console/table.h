/* Aligned columns fitted to a window.

   Cells are added row by row, left to right, and cleaned on the way in; nothing
   is printed before con_table_print, which knows all widths. */
#ifndef CON_TABLE_H
#define CON_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include "monitor/console/buffer.h"

enum { CON_TABLE_COLUMNS = 16 };

typedef enum { CON_LEFT, CON_RIGHT } con_align;

typedef struct con_column {
    const char *title;
    con_align align;
    size_t least;   /* it may be cut down to this; 0: it may not be cut */
    bool keep_end;  /* cut at its beginning: the end says more */
    unsigned spare; /* 0: never left out; else the highest goes first */
} con_column;

typedef struct con_table {
    const con_column *columns;
    size_t count;
    size_t next; /* the column of the next cell */
    size_t rows;
    size_t widest[CON_TABLE_COLUMNS];
    con_buffer cells; /* a row: its style's byte, then each cell with a NUL */
} con_table;

/* The columns must outlive the table; at most CON_TABLE_COLUMNS. */
void con_table_init(con_table *t, const con_column *columns, size_t count);

/* style: 0, or an SGR number for the row when colours are on. */
void con_table_row(con_table *t, unsigned char style);
void con_table_cell(con_table *t, const char *text);

/* width 0: as wide as it gets.  Frees the table. */
void con_table_print(con_table *t, con_buffer *out, size_t width, bool colour);

#endif /* CON_TABLE_H */
