/* Words that one thread writes and others read.

   The writer is alone, so adding is a load and a store and never a locked
   instruction.  On the machines that we build for these are plain moves; the
   names make each shared word visible in the source, and keep the compiler and
   ThreadSanitizer from seeing a data race. */
#ifndef MON_RELAXED_H
#define MON_RELAXED_H

#include <stdint.h>

#define MON_GET(word)        __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define MON_SET(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)
#define MON_BUMP(word, by)   MON_SET(word, MON_GET(word) + (by))

/* Publishing and following a pointer or a counter that stands for data. */
#define MON_FOLLOW(word)         __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define MON_PUBLISH(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)

/* A sequence lock: odd while the one writer is at work.  A reader copies, and
   copies again if the number was odd or has moved. */
static inline void
mon_seq_write_begin(uint32_t *seq)
{
    MON_SET(*seq, *seq + 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void
mon_seq_write_end(uint32_t *seq)
{
    MON_PUBLISH(*seq, *seq + 1);
}

static inline uint32_t
mon_seq_read_begin(const uint32_t *seq)
{
    return MON_FOLLOW(*seq);
}

static inline int
mon_seq_read_torn(const uint32_t *seq, uint32_t begun)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return (begun & 1) || MON_GET(*seq) != begun;
}

#endif /* MON_RELAXED_H */
