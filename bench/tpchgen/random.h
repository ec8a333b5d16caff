/*
 * Counter-based random numbers: every row of every table owns a stream, seeded by (table, row). So
 * any part of any table can be made alone, in any order, and is always the same. The generator is
 * splitmix64.
 */
#ifndef TPCHGEN_RANDOM_H
#define TPCHGEN_RANDOM_H

#include <stdint.h>

typedef struct Random {
    uint64_t state;
} Random;

static inline uint64_t random_next(Random *random) {
    uint64_t z = (random->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline Random random_stream(uint64_t table, uint64_t row) {
    Random random = {.state = (table << 56) ^ row};
    random.state = random_next(&random);
    return random;
}

/* Uniform over [low, high]; the spans used here are so small beside 2^64 that the bias is nil. */
static inline int64_t random_between(Random *random, int64_t low, int64_t high) {
    uint64_t span = (uint64_t)(high - low) + 1;
    return low + (int64_t)(((unsigned __int128)random_next(random) * span) >> 64);
}

#endif
