/* Tables over byte codes held in registers and read by byte shuffles. */
#ifndef TQP_BACKEND_CPU_LUT_BYTES_H
#define TQP_BACKEND_CPU_LUT_BYTES_H

#include "backend/cpu/vec.h"

/* 1 << (code & 7) and byte code >> 3 of a table of 32. */
#if ISA_AVX512
INLINE uint64_t lut_mask_word(__m512i codes, __m512i table) {
    const __m512i bits = _mm512_set1_epi64((long long)0x8040201008040201);
    __m512i byte = _mm512_and_si512(_mm512_srli_epi16(codes, 3), _mm512_set1_epi8(31));
    __m512i low = _mm512_and_si512(codes, _mm512_set1_epi8(7));
    return _mm512_test_epi8_mask(_mm512_permutexvar_epi8(byte, table),
                                 _mm512_shuffle_epi8(bits, low));
}
INLINE __m512i lut_mask_table(const uint8_t *bytes) {
    return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)bytes));
}
#else
typedef struct LutTable {
    __m256i low, high; /* bytes 0 .. 15 and 16 .. 31, in both halves */
} LutTable;

INLINE uint64_t lut_mask_word(__m256i codes, LutTable table) {
    const __m256i bits = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i byte = _mm256_and_si256(_mm256_srli_epi16(codes, 3), _mm256_set1_epi8(31));
    __m256i low = _mm256_and_si256(codes, _mm256_set1_epi8(7));
    /* Codes of 128 and more take the second table: their top bit blends. */
    __m256i found = _mm256_blendv_epi8(_mm256_shuffle_epi8(table.low, byte),
                                       _mm256_shuffle_epi8(table.high, byte), codes);
    __m256i wanted = _mm256_shuffle_epi8(bits, low);
    return bits_U8(_mm256_cmpeq_epi8(_mm256_and_si256(found, wanted), wanted));
}
INLINE LutTable lut_mask_table(const uint8_t *bytes) {
    return (LutTable){_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes)),
                      _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(bytes + 16)))};
}
#endif

/* LUT_MASK of byte codes. */
static bool lut_mask_bytes(const TqpKernelArgs *args) {
    uint8_t bytes[32] = {0};
    uint32_t words = tqp_bitmap_words(args->aux_count);
    memcpy(bytes, args->aux, (words < 4 ? words : 4) * sizeof(uint64_t));
    const __auto_type table = lut_mask_table(bytes);
    const uint8_t *x = args->in[0];
    uint64_t *out = args->out;
    for (uint32_t i = 0; i < args->n; i += 64) {
        uint64_t bits = 0;
        for (uint32_t k = 0; k < 64 && i + k < args->n; k += LEN_U8)
            bits |= lut_mask_word(load_U8(x + i + k), table) << k;
        out[i >> 6] = bits;
    }
    clear_tail(out, args->n);
    return true;
}

/* LUT_U8 of byte codes: AVX-512 any table, AVX2 those of at most 64 entries. */
static bool lut_bytes(const TqpKernelArgs *args) {
    _Alignas(64) uint8_t bytes[256] = {0};
    const uint8_t *x = args->in[0];
    uint8_t *out = args->out;
    uint32_t count = args->aux_count < 256 ? args->aux_count : 256;
    memcpy(bytes, args->aux, count);
#if ISA_AVX512
    const __m512i t0 = load_U8(bytes), t1 = load_U8(bytes + 64), t2 = load_U8(bytes + 128),
                  t3 = load_U8(bytes + 192);
    for (uint32_t i = 0; i < args->n; i += 64) {
        __m512i codes = load_U8(x + i);
        __m512i low = _mm512_permutex2var_epi8(t0, codes, t1);
        __m512i high = _mm512_permutex2var_epi8(t2, codes, t3);
        store_U8(out + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high));
    }
    return true;
#else
    if (count > 64)
        return false;
    for (uint32_t i = 0; i < args->n; i += 32) {
        __m256i codes = load_U8(x + i), found = _mm256_setzero_si256();
        for (uint32_t t = 0; t < count; t += 16) {
            /* A distance outside 0 .. 15 of this part gets its top bit set: the shuffle gives 0. */
            __m256i index = _mm256_sub_epi8(codes, _mm256_set1_epi8((char)t));
            index = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
            __m128i part = _mm_load_si128((const __m128i *)(bytes + t));
            found = _mm256_or_si256(found,
                                    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(part), index));
        }
        store_U8(out + i, found);
    }
    return true;
#endif
}

#endif
