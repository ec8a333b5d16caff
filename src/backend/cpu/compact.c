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

void TQP_KERNEL(MASK_TO_INDEX, MASK)(const TqpKernelArgs *args) {
    const InWord *in = args->in[0];
    OutU32 *out = args->out;
    uint32_t base = (uint32_t)args->imm[0].i, count = 0;
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++) {
        uint64_t bits = in[w];
#if ISA_AVX512
        const __m512i iota =
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for (uint32_t k = 0; k < 64 && bits >> k != 0; k += 16) {
            __mmask16 m = (__mmask16)(bits >> k);
            __m512i rows = _mm512_add_epi32(iota, _mm512_set1_epi32((int)(base + 64 * w + k)));
            _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32(m, rows));
            count += (uint32_t)__builtin_popcount(m);
        }
#else
        for (; bits != 0; bits &= bits - 1)
            out[count++] = base + 64 * w + (uint32_t)__builtin_ctzll(bits);
#endif
    }
    *args->count = count;
}
