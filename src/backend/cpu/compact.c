/* Compaction: keep the selected rows of a tile, positions of set bits, gather by positions. */
#include "backend/cpu/vec.h"

#define TEMPLATE     "backend/cpu/compact.inc"
#define COMPRESSIBLE 1
#include "backend/cpu/each_code.inc"
#include "backend/cpu/each_float.inc"
#define LANE I64
#include TEMPLATE
#undef LANE
#undef COMPRESSIBLE
#define COMPRESSIBLE 0
#define LANE         I128
#include TEMPLATE
#undef LANE
#define LANE VIEW
#include TEMPLATE
#undef LANE
#undef COMPRESSIBLE
#undef TEMPLATE

/* The bits of x at the set bits of mask, packed to the low end. */
INLINE uint64_t extract_bits(uint64_t x, uint64_t mask) {
#if ISA_AVX2
    return _pext_u64(x, mask);
#else
    uint64_t out = 0;
    for (uint32_t k = 0; mask != 0; mask &= mask - 1, k++)
        out |= (x >> __builtin_ctzll(mask) & 1) << k;
    return out;
#endif
}

/* out may equal in[0]: a word is read before anything at or after it is written. */
void TQP_KERNEL(COMPRESS_MASK, MASK)(const TqpKernelArgs *args) {
    const InWord *in = args->in[0];
    OutMASK *out = args->out;
    uint64_t pending = 0;
    uint32_t count = 0;
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++) {
        uint64_t guard = guard_word(args, w);
        uint64_t bits = extract_bits(in[w], guard);
        uint32_t fill = count & 63, more = (uint32_t)__builtin_popcountll(guard);
        pending |= bits << fill;
        if (fill + more >= 64) {
            out[count >> 6] = pending;
            pending = fill == 0 ? 0 : bits >> (64 - fill);
        }
        count += more;
    }
    if (count & 63)
        out[count >> 6] = pending;
    *args->count = count;
}

#if ISA_AVX512
/* Bytes 0..63 packed by the bits, widened 16 at a time: one branch for each 16 positions. */
INLINE uint32_t put_positions(OutU32 *out, uint32_t at, uint64_t bits) {
    static const uint8_t iota[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    uint32_t found = (uint32_t)__builtin_popcountll(bits);
    __m512i packed = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(iota));
    const __m512i base = _mm512_set1_epi32((int)at);
    for (uint32_t k = 0;; k += 16) {
        __m512i rows = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed));
        _mm512_storeu_si512(out + k, _mm512_add_epi32(rows, base));
        if (found <= k + 16)
            return found;
        packed = _mm512_alignr_epi64(packed, packed, 2);
    }
}
#else
/* Up to 8 positions 4 at a time without a branch on each, more one by one. */
INLINE uint32_t put_positions(OutU32 *out, uint32_t at, uint64_t bits) {
    uint32_t found = (uint32_t)__builtin_popcountll(bits);
    if (found > 8) {
        for (; bits != 0; bits &= bits - 1)
            *out++ = at + (uint32_t)__builtin_ctzll(bits);
        return found;
    }
    for (uint32_t k = 0; k < 8; k += 4) {
        for (uint32_t j = k; j < k + 4; j++, bits &= bits - 1)
            out[j] = at + (bits != 0 ? (uint32_t)__builtin_ctzll(bits) : 0);
        if (found <= k + 4)
            break;
    }
    return found;
}
#endif

/* A word's positions begin no later than at slot 64 * w, so whole vectors stay inside out's room.
 */
void TQP_KERNEL(MASK_TO_INDEX, MASK)(const TqpKernelArgs *args) {
    const InWord *in = args->in[0];
    OutU32 *out = args->out;
    uint32_t base = (uint32_t)args->imm[0].i, count = 0;
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++)
        count += put_positions(out + count, base + 64 * w, in[w]);
    *args->count = count;
}
