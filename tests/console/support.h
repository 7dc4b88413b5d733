/* What the console's tests share: cmocka with what it needs before it, and a small
   random generator. */
#ifndef CON_TEST_SUPPORT_H
#define CON_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/console/buffer.h"

/* splitmix64: the same numbers in every run. */
static inline uint64_t
random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* The buffer's bytes as a string; valid until the buffer is changed. */
static inline const char *
text_of(con_buffer *b)
{
    con_buffer_addc(b, '\0');
    assert_false(b->failed);
    b->tail--;
    return b->data + b->head;
}

#define assert_text(got, want) assert_string_equal(got, want)
#define assert_holds(text, part)                                                           \
    do {                                                                                   \
        if (strstr(text, part) == NULL) {                                                  \
            fail_msg("no \"%s\" in \"%s\"", part, text);                                   \
        }                                                                                  \
    } while (0)
#define assert_lacks(text, part)                                                           \
    do {                                                                                   \
        if (strstr(text, part) != NULL) {                                                  \
            fail_msg("\"%s\" in \"%s\"", part, text);                                      \
        }                                                                                  \
    } while (0)

#define run_all(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif /* CON_TEST_SUPPORT_H */
