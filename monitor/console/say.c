/* Sentences that more than one command says: who holds up the loop, and where. */
#include <string.h>
#include "monitor/console/say.h"
#include "monitor/console/text.h"
#include "monitor/console/units.h"

void
con_say_name(con_buffer *out, const char *name)
{
    con_text_clean(out, name, strlen(name));
}

void
con_say_slice(con_buffer *out, const mon_status *status)
{
    char time[CON_UNIT];
    const char *what = status->slice_what != NULL ? status->slice_what : "a callback";
    if (status->slice_task != 0) {
        con_say_name(out, status->slice_name);
        con_buffer_adds(out, " (");
        con_say_name(out, what);
        con_buffer_addc(out, ')');
    }
    else {
        con_buffer_adds(out, "the callback ");
        con_say_name(out, what);
    }
    con_buffer_addf(out, " has been running for %s",
                    con_duration_said(time, status->slice_time));
}

void
con_say_place(con_buffer *out, const char *file, int line)
{
    if (file == NULL || *file == '\0') {
        return;
    }
    con_say_name(out, file);
    if (line > 0) {
        con_buffer_addf(out, ":%d", line);
    }
}

void
con_say_holdup(con_buffer *out, const mon_status *status)
{
    char time[CON_UNIT];
    con_duration_said(time, status->in_phase);
    if (status->in_slice) {
        con_say_slice(out, status);
        if (status->slice_file != NULL) {
            con_buffer_adds(out, " (defined at ");
            con_say_place(out, status->slice_file, status->slice_line);
            con_buffer_addc(out, ')');
        }
    }
    else if (status->phase == MON_STOPPED) {
        con_buffer_addf(out, "it has not been running for %s", time);
    }
    else if (status->phase == MON_GIL_WAIT) {
        con_buffer_addf(out, "it has been waiting for the interpreter's lock for %s", time);
    }
    else {
        con_buffer_adds(out, "it runs, but has not come to it");
    }
}
