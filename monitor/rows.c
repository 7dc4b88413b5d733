/* The table of totals by coroutine function and by callback.

   A fixed array of rows, filled from the front and never given back, so that any
   thread may keep a pointer to one, and an open-addressing index from a key (an
   address, for its identity) to a row's number.  The index is twice the table's
   size and nothing is ever removed from it.  What finds the table full is
   counted under "other", one such row for each kind.

   The loop thread adds; readers see a row once row_count says so. */
#include "monitor/inside.h"

#include <stdlib.h>

enum { ROW_SLOTS = 2 * MON_ROWS };

/* The slot that holds `key`, or the empty one where it belongs. */
static uint16_t *
row_slot(const mon *m, const void *key)
{
    size_t i = mon_hash(key) % ROW_SLOTS;
    while (m->row_index[i] != 0 && m->rows[m->row_index[i]].key != key) {
        i = (i + 1) % ROW_SLOTS;
    }
    return &m->row_index[i];
}

int
mon_rows_init(mon *m)
{
    m->rows = calloc(MON_ROWS, sizeof(*m->rows));
    m->row_index = calloc(ROW_SLOTS, sizeof(*m->row_index));
    if (m->rows == NULL || m->row_index == NULL) {
        free(m->row_index);
        free(m->rows);
        return -1;
    }
    m->rows[MON_ROW_OTHER] = (mon_row){.kind = MON_COROUTINE, .name = "other"};
    m->rows[MON_ROW_OTHER_CALLBACK] = (mon_row){.kind = MON_CALLBACK, .name = "other"};
    m->row_count = MON_ROWS_FIXED;
    return 0;
}

void
mon_rows_free(mon *m)
{
    for (uint32_t i = MON_ROWS_FIXED; i < m->row_count; i++) {
        free((char *)m->rows[i].name);
        free((char *)m->rows[i].file);
    }
    free(m->row_index);
    free(m->rows);
}

static void
row_reset(mon_row *row)
{
    MON_SET(row->calls, 0);
    MON_SET(row->steps, 0);
    MON_SET(row->ready, 0);
    MON_SET(row->running, 0);
    MON_SET(row->awaiting, 0);
    MON_SET(row->longest, 0);
}

void
mon_rows_reset(mon *m)
{
    for (uint32_t i = 0; i < m->row_count; i++) {
        row_reset(&m->rows[i]);
    }
}

mon_row *
mon_row_find(mon *m, const void *key)
{
    uint16_t number = *row_slot(m, key);
    return number != 0 ? &m->rows[number] : NULL;
}

static mon_row *
row_fold(mon *m, mon_row_kind kind, bool *folded)
{
    *folded = true;
    MON_BUMP(m->rows_folded, 1);
    return &m->rows[kind == MON_CALLBACK ? MON_ROW_OTHER_CALLBACK : MON_ROW_OTHER];
}

mon_row *
mon_row_add(mon *m, mon_row_kind kind, const void *key, const char *name, const char *file,
            int line, bool *folded)
{
    *folded = false;
    uint16_t *slot = row_slot(m, key);
    if (*slot != 0) {
        return &m->rows[*slot];
    }
    if (m->row_count == MON_ROWS) {
        return row_fold(m, kind, folded);
    }
    char *name_copy = mon_text_dup(name != NULL ? name : "?");
    char *file_copy = mon_text_dup(file);
    if (name_copy == NULL || (file != NULL && file_copy == NULL)) {
        free(name_copy);
        free(file_copy);
        return row_fold(m, kind, folded);
    }
    mon_row *row = &m->rows[m->row_count];
    *row = (mon_row){
        .key = key, .kind = kind, .line = line, .name = name_copy, .file = file_copy};
    *slot = (uint16_t)m->row_count;
    MON_PUBLISH(m->row_count, m->row_count + 1);
    return row;
}
