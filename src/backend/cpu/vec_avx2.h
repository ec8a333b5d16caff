/*
 * The vector layer of AVX2.  Compares give full-width lanes, gathered into bits by movemask; a
 * blend spreads bits back into lanes.  Unsigned order comes from min and max.
 */
enum { LEN_U8 = 32, LEN_U16 = 16, LEN_U32 = 8, LEN_I64 = 4, LEN_F32 = 8, LEN_F64 = 4 };

/* Every lane: the low bits of `bits` as all-ones or all-zeroes values. */
INLINE __m256i spread_U8(uint64_t bits) {
    const __m256i byte_of =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), byte_of);
    return _mm256_cmpeq_epi8(_mm256_and_si256(v, bit_of), bit_of);
}
INLINE __m256i spread_U16(uint64_t bits) {
    const __m256i bit_of = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048,
                                             4096, 8192, 16384, (short)32768);
    __m256i v = _mm256_set1_epi16((short)bits);
    return _mm256_cmpeq_epi16(_mm256_and_si256(v, bit_of), bit_of);
}
INLINE __m256i spread_U32(uint64_t bits) {
    const __m256i bit_of = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i v = _mm256_set1_epi32((int)bits);
    return _mm256_cmpeq_epi32(_mm256_and_si256(v, bit_of), bit_of);
}
INLINE __m256i spread_I64(uint64_t bits) {
    const __m256i bit_of = _mm256_setr_epi64x(1, 2, 4, 8);
    __m256i v = _mm256_set1_epi64x((long long)bits);
    return _mm256_cmpeq_epi64(_mm256_and_si256(v, bit_of), bit_of);
}

INLINE uint64_t bits_U8(__m256i lanes) {
    return (uint32_t)_mm256_movemask_epi8(lanes);
}
INLINE uint64_t bits_U16(__m256i lanes) {
    return _pext_u32((uint32_t)_mm256_movemask_epi8(lanes), 0xaaaaaaaa);
}
INLINE uint64_t bits_U32(__m256i lanes) {
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(lanes));
}
INLINE uint64_t bits_I64(__m256i lanes) {
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(lanes));
}

#define LANE      U8
#define EPI       epi8
#define EPU       epu8
#define MM_SIGNED char
#include "backend/cpu/vec_avx2_unsigned.inc"
#undef LANE
#define LANE      U16
#define EPI       epi16
#define EPU       epu16
#define MM_SIGNED short
#include "backend/cpu/vec_avx2_unsigned.inc"
#undef LANE
#define LANE      U32
#define EPI       epi32
#define EPU       epu32
#define MM_SIGNED int
#include "backend/cpu/vec_avx2_unsigned.inc"
#undef LANE

typedef __m256i VecI64;

INLINE VecI64 load_I64(const void *p) {
    return _mm256_loadu_si256(p);
}
INLINE void store_I64(void *p, VecI64 v) {
    _mm256_storeu_si256(p, v);
}
INLINE VecI64 set1_I64(int64_t x) {
    return _mm256_set1_epi64x(x);
}
INLINE uint64_t eq_I64(VecI64 a, VecI64 b) {
    return bits_I64(_mm256_cmpeq_epi64(a, b));
}
INLINE uint64_t lt_I64(VecI64 a, VecI64 b) {
    return bits_I64(_mm256_cmpgt_epi64(b, a));
}
INLINE uint64_t le_I64(VecI64 a, VecI64 b) {
    return bits_I64(_mm256_cmpgt_epi64(a, b)) ^ 15;
}
INLINE VecI64 blend_I64(uint64_t bits, VecI64 a, VecI64 b) {
    return _mm256_blendv_epi8(b, a, spread_I64(bits));
}
INLINE VecI64 least_I64(VecI64 a, VecI64 b) {
    return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}
INLINE VecI64 greatest_I64(VecI64 a, VecI64 b) {
    return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b));
}

#define LANE         F32
#define VEC_TYPE     __m256
#define PS           ps
#define SPREAD(bits) _mm256_castsi256_ps(spread_U32(bits))
#include "backend/cpu/vec_avx2_float.inc"
#undef LANE
#define LANE         F64
#define VEC_TYPE     __m256d
#define PS           pd
#define SPREAD(bits) _mm256_castsi256_pd(spread_I64(bits))
#include "backend/cpu/vec_avx2_float.inc"
#undef LANE
