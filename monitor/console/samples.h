/* How long each task had been running when `top` last looked, so that a frame can
   show what happened since. */
#ifndef CON_SAMPLES_H
#define CON_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include "monitor/view.h"

typedef struct con_sample {
    uint64_t id; /* 0: free */
    double running;
} con_sample;

typedef struct con_sample_set {
    con_sample *slots; /* open addressing; the size is a power of two */
    size_t size, used;
} con_sample_set;

typedef struct con_samples {
    con_sample_set before, now;
    double taken; /* when `before` was; 0: there is none */
    double span;  /* seconds between before and now */
} con_samples;

/* A new frame begins at `time`: what was "now" becomes "before". */
void con_samples_turn(con_samples *s, double time);

/* Notes the task and returns its share of the time since the frame before; over its
   whole life in the first frame. */
double con_samples_busy(con_samples *s, const mon_task_view *task);
void con_samples_free(con_samples *s);

#endif /* CON_SAMPLES_H */
