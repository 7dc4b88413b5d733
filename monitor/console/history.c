/* The lines that one client has entered: a short list that forgets its oldest.
   Out of memory it keeps less and says nothing, as no one depends on it. */
#include <stdlib.h>
#include <string.h>
#include "monitor/console/history.h"

void
con_history_rewind(con_history *h)
{
    free(h->draft);
    h->draft = NULL;
    h->at = h->count;
}

void
con_history_add(con_history *h, const char *line)
{
    if (*line != '\0' && (h->count == 0 || strcmp(h->line[h->count - 1], line) != 0)) {
        char *copy = strdup(line);
        if (copy != NULL && h->count == CON_HISTORY_LINES) {
            free(h->line[0]);
            memmove(h->line, h->line + 1, sizeof(h->line) - sizeof(h->line[0]));
            h->count--;
        }
        if (copy != NULL) {
            h->line[h->count++] = copy;
        }
    }
    con_history_rewind(h);
}

const char *
con_history_older(con_history *h, const char *shown)
{
    if (h->at == 0) {
        return NULL;
    }
    if (h->at == h->count) {
        free(h->draft);
        h->draft = strdup(shown);
    }
    return h->line[--h->at];
}

const char *
con_history_newer(con_history *h)
{
    if (h->at == h->count) {
        return NULL;
    }
    if (++h->at < h->count) {
        return h->line[h->at];
    }
    return h->draft != NULL ? h->draft : "";
}

void
con_history_free(con_history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        free(h->line[i]);
    }
    free(h->draft);
    *h = (con_history){0};
}
