/*
 * Bitmaps of rows: bit i of word i/64, least significant first.  Bits past n in the last word are 0
 * in every bitmap that a function here or a kernel writes.
 */
#ifndef TQP_BASE_BITMAP_H
#define TQP_BASE_BITMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t tqp_bitmap_words(uint32_t n) {
    return (n + 63) / 64;
}

static inline bool tqp_bitmap_get(const uint64_t *bits, uint64_t i) {
    return (bits[i >> 6] >> (i & 63)) & 1;
}

static inline void tqp_bitmap_set(uint64_t *bits, uint64_t i) {
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

static inline void tqp_bitmap_clear(uint64_t *bits, uint64_t i) {
    bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

/* The mask of valid bits in the last word of an n-bit map, n > 0. */
static inline uint64_t tqp_bitmap_tail(uint32_t n) {
    return (n & 63) ? (UINT64_C(1) << (n & 63)) - 1 : ~UINT64_C(0);
}

static inline void tqp_bitmap_fill(uint64_t *bits, uint32_t n) {
    if (n == 0)
        return;
    memset(bits, 0xff, tqp_bitmap_words(n) * sizeof(uint64_t));
    bits[tqp_bitmap_words(n) - 1] = tqp_bitmap_tail(n);
}

/* Sums of neighbouring bits, pairs, quads: baseline x86-64 has no instruction for it, and this form
 * is vectorised (the compiler's library call is ten times slower). */
static inline uint32_t tqp_bitmap_count(const uint64_t *bits, uint32_t n) {
    uint64_t count = 0;
    for (uint32_t w = 0; w < tqp_bitmap_words(n); w++) {
        uint64_t x = bits[w];
        x -= (x >> 1) & UINT64_C(0x5555555555555555);
        x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
        x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
        x += x >> 8;
        x += x >> 16;
        count += (x + (x >> 32)) & 0xff;
    }
    return (uint32_t)count;
}

#endif
