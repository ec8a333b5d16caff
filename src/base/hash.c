/* Hash of byte strings: 8 bytes a round, multiply and fold. */
#include "base/hash.h"

#include <string.h>

#include "base/int128.h"

static inline uint64_t fold(uint64_t a, uint64_t b) {
    TqpUint128 p = (TqpUint128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t tqp_hash_bytes(const void *data, size_t len, uint64_t seed) {
    const uint64_t k0 = UINT64_C(0xa0761d6478bd642f), k1 = UINT64_C(0xe7037ed1a0b428db);
    const char *p = data;
    uint64_t h = seed ^ k0, w;
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = fold(h ^ w, k1);
    }
    w = 0;
    if (left > 0)
        memcpy(&w, p, left);
    return fold(h ^ w ^ ((uint64_t)len << 56), k0 ^ len);
}
