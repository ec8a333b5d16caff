/* Hash functions for hash tables (not for files: see checksum.h). */
#ifndef TQP_BASE_HASH_H
#define TQP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t tqp_hash_u64(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0x9fb21c651e98df25);
    x ^= x >> 29;
    x *= UINT64_C(0x9fb21c651e98df25);
    return x ^ (x >> 32);
}

static inline uint64_t tqp_hash_combine(uint64_t a, uint64_t b) {
    return tqp_hash_u64(a * UINT64_C(0x9e3779b97f4a7c15) + b);
}

uint64_t tqp_hash_bytes(const void *data, size_t len, uint64_t seed);

#endif
