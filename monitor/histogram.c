/* Reading a log-linear histogram, and emptying it.  Adding is inline in the header.

   The loop thread adds while any other thread reads, so the buckets that a
   reader walks may not be those of one instant: each walk therefore only ever
   counts what it meets, and falls back to the maximum when it meets too little. */
#include "monitor/histogram.h"

uint64_t
mon_histogram_floor(unsigned index)
{
    if (index < 16) {
        return index;
    }
    if (index >= MON_HISTOGRAM_BUCKETS) {
        return UINT64_MAX;
    }
    return (uint64_t)(8 + (index & 7)) << ((index >> 3) - 1);
}

/* The largest value that falls into bucket `index`. */
static uint64_t
histogram_ceiling(unsigned index)
{
    return index + 1 < MON_HISTOGRAM_BUCKETS ? mon_histogram_floor(index + 1) - 1
                                             : UINT64_MAX;
}

uint64_t
mon_histogram_count(const mon_histogram *h)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < MON_HISTOGRAM_BUCKETS; i++) {
        count += MON_GET(h->bucket[i]);
    }
    return count;
}

/* Which of `count` sorted values, from 1, the quantile is: the first that has at
   least the fraction q at or below it. */
static uint64_t
histogram_rank(uint64_t count, double q)
{
    double exact = q * (double)count;
    if (!(exact > 1)) {
        return 1;
    }
    if (exact >= (double)count) {
        return count;
    }
    uint64_t rank = (uint64_t)exact;
    return rank + ((double)rank < exact);
}

uint64_t
mon_histogram_quantile(const mon_histogram *h, double q)
{
    uint64_t count = mon_histogram_count(h);
    if (count == 0) {
        return 0;
    }
    uint64_t rank = histogram_rank(count, q);
    uint64_t max = MON_GET(h->max);
    uint64_t seen = 0;
    for (unsigned i = 0; i < MON_HISTOGRAM_BUCKETS; i++) {
        seen += MON_GET(h->bucket[i]);
        if (seen >= rank) {
            uint64_t top = histogram_ceiling(i);
            return top < max ? top : max;
        }
    }
    return max;
}

void
mon_histogram_reset(mon_histogram *h)
{
    for (unsigned i = 0; i < MON_HISTOGRAM_BUCKETS; i++) {
        MON_SET(h->bucket[i], 0);
    }
    MON_SET(h->sum, 0);
    MON_SET(h->max, 0);
}
