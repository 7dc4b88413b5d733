/* Sentences that more than one command says. */
#ifndef CON_SAY_H
#define CON_SAY_H

#include "monitor/console/buffer.h"
#include "monitor/view.h"

/* "Task-12 (worker) has been running for 2.31 s", or without a name for a plain
   callback.  Only while status->in_slice. */
void con_say_slice(con_buffer *out, const mon_status *status);

/* "/srv/app.py:42"; nothing if it is not known. */
void con_say_place(con_buffer *out, const char *file, int line);

/* Why the loop does not answer: what runs, or what it waits for. */
void con_say_holdup(con_buffer *out, const mon_status *status);

/* A string that came from the monitored program, made harmless. */
void con_say_name(con_buffer *out, const char *name);

#endif /* CON_SAY_H */
