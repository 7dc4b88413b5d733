/* Durations, counts and shares as people read them, at most six columns wide so
   that they line up in tables. */
#ifndef CON_UNITS_H
#define CON_UNITS_H

#include <stdint.h>

enum { CON_UNIT = 16 }; /* bytes that any of these needs, with the final NUL */

/* "0", "850ns", "1.24ms", "124ms", "3.1s", "1m05s", "2h05m", "12d03h". */
const char *con_duration(char text[CON_UNIT], double seconds);

/* For a sentence: "2.31 s", "850 ms", and "2h05m" from a minute on. */
const char *con_duration_said(char text[CON_UNIT], double seconds);

/* "0" to "999999", then "1.00M", "12.3M", "1.24G", … */
const char *con_count(char text[CON_UNIT], uint64_t count);

/* part of whole: "0%", "<0.1%", "12.3%", "100%"; "-" if whole is 0. */
const char *con_share(char text[CON_UNIT], double part, double whole);

#endif /* CON_UNITS_H */
