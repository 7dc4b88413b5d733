/* Log-linear histograms of durations in ticks: eight buckets for each power of
   two, so a bucket is at most 12.5 % wide, from one tick to all 64 bits.

   One thread adds; any thread may read.  A reader sees each count whole, but
   not all of them from one instant. */
#ifndef MON_HISTOGRAM_H
#define MON_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include "monitor/relaxed.h"

enum { MON_HISTOGRAM_BUCKETS = 496 };

typedef struct mon_histogram {
    uint64_t max;
    uint64_t sum;
    uint64_t bucket[MON_HISTOGRAM_BUCKETS];
} mon_histogram;

static inline unsigned
mon_histogram_index(uint64_t value)
{
    /* `| 8` folds the values below 8 onto the first linear stretch. */
    unsigned shift = 60 - (unsigned)__builtin_clzll(value | 8);
    return (shift << 3) + (unsigned)(value >> shift);
}

/* Counts a value whose sum is kept elsewhere. */
static inline void
mon_histogram_tally(mon_histogram *h, uint64_t value)
{
    MON_BUMP(h->bucket[mon_histogram_index(value)], 1);
    if (__builtin_expect(value > h->max, 0)) {
        MON_SET(h->max, value);
    }
}

static inline void
mon_histogram_add(mon_histogram *h, uint64_t value)
{
    mon_histogram_tally(h, value);
    MON_BUMP(h->sum, value);
}

/* The smallest value that falls into bucket `index`. */
uint64_t mon_histogram_floor(unsigned index);

/* The value below which the fraction `q` (0 to 1) of all added values lies, as the
   upper edge of its bucket, never over the maximum; 0 for an empty histogram. */
uint64_t mon_histogram_quantile(const mon_histogram *h, double q);
uint64_t mon_histogram_count(const mon_histogram *h);
void mon_histogram_reset(mon_histogram *h);

#endif /* MON_HISTOGRAM_H */
