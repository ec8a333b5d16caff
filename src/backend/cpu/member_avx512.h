/*
 * MEMBER of 16 (of I64: 8) values at once: of near places from one window of the set, else by
 * gathers.
 */
#ifndef TQP_BACKEND_CPU_MEMBER_AVX512_H
#define TQP_BACKEND_CPU_MEMBER_AVX512_H

#include "backend/cpu/kernel.h"

/*
 * x is at place x - lo + from when x - lo < count, else nowhere.  Of lanes up to 32 bits lo is a
 * value of 32 bits, so that the vectors need no more.
 */
typedef struct MemberPlaces {
    uint64_t lo, count, from;
} MemberPlaces;

INLINE MemberPlaces member_places(uint64_t add, uint64_t limit, size_t width) {
    MemberPlaces p = {0 - add, limit, 0};
    if (width == 8)
        return p;
    if (add < limit) /* the first places are of values below 0 */
        p = (MemberPlaces){0, limit - add, add};
    else if (p.lo > UINT32_MAX)
        p = (MemberPlaces){0, 0, 0};
    else if (limit > UINT32_MAX - p.lo) /* below lo differences wrap */
        p.count = UINT32_MAX - p.lo + 1;
    return p;
}

/* Places that begin at `first` and lie within 32 of it: keys of clustered rows mostly do. */
INLINE uint64_t member_near(__m512i distance, uint32_t first, const uint64_t *bits) {
    uint64_t window;
    memcpy(&window, (const char *)bits + (first >> 3), sizeof(window));
    __m512i near = _mm512_set1_epi32((int)(window >> (first & 7)));
    return _mm512_test_epi32_mask(_mm512_srlv_epi32(near, distance), _mm512_set1_epi32(1));
}

INLINE uint64_t member_16(__m512i x, MemberPlaces p, const uint64_t *bits) {
    __m512i at = _mm512_sub_epi32(x, _mm512_set1_epi32((int)p.lo));
    __mmask16 in = _mm512_cmplt_epu32_mask(at, _mm512_set1_epi32((int)p.count));
    at = _mm512_add_epi32(at, _mm512_set1_epi32((int)p.from));
    uint32_t first = (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(at));
    __m512i distance = _mm512_sub_epi32(at, _mm512_set1_epi32((int)first));
    if (in == 0xffff && _mm512_cmplt_epu32_mask(distance, _mm512_set1_epi32(32)) == 0xffff)
        return member_near(distance, first, bits);
    __m512i words =
        _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), in, _mm512_srli_epi32(at, 5), bits, 4);
    __m512i bit =
        _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(at, _mm512_set1_epi32(31)));
    return _mm512_mask_test_epi32_mask(in, words, bit);
}

INLINE uint64_t member_word_U32(const InU32 *x, uint32_t n, MemberPlaces p, const uint64_t *bits) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 64 && k < n; k += 16)
        word |= member_16(_mm512_loadu_si512(x + k), p, bits) << k;
    return word;
}

INLINE uint64_t member_word_U16(const InU16 *x, uint32_t n, MemberPlaces p, const uint64_t *bits) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 64 && k < n; k += 16) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(x + k));
        word |= member_16(_mm512_cvtepu16_epi32(v), p, bits) << k;
    }
    return word;
}

INLINE uint64_t member_word_U8(const InU8 *x, uint32_t n, MemberPlaces p, const uint64_t *bits) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 64 && k < n; k += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(x + k));
        word |= member_16(_mm512_cvtepu8_epi32(v), p, bits) << k;
    }
    return word;
}

INLINE uint64_t member_8(__m512i x, MemberPlaces p, const uint64_t *bits) {
    __m512i at = _mm512_sub_epi64(x, _mm512_set1_epi64((long long)p.lo));
    __mmask8 in = _mm512_cmplt_epu64_mask(at, _mm512_set1_epi64((long long)p.count));
    __m512i words =
        _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), in, _mm512_srli_epi64(at, 6), bits, 8);
    __m512i bit =
        _mm512_sllv_epi64(_mm512_set1_epi64(1), _mm512_and_si512(at, _mm512_set1_epi64(63)));
    return _mm512_mask_test_epi64_mask(in, words, bit);
}

INLINE uint64_t member_word_I64(const InI64 *x, uint32_t n, MemberPlaces p, const uint64_t *bits) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 64 && k < n; k += 8)
        word |= member_8(_mm512_loadu_si512(x + k), p, bits) << k;
    return word;
}

#endif
