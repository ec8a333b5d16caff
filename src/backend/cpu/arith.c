/* Arithmetic without checks: integers wrap, computed in the unsigned type of their width. */
#include "backend/cpu/vec.h"

typedef uint32_t WrapU8; /* not promoted to a signed int, whose product could overflow */
typedef uint32_t WrapU16;
typedef uint32_t WrapU32;
typedef uint64_t WrapI64;
typedef TqpUint128 WrapI128;
#define WRAP    CAT(Wrap, LANE)
#define ABS_F32 __builtin_fabsf
#define ABS_F64 __builtin_fabs

#define TO       LANE
#define TEMPLATE "backend/cpu/map.inc"

#define TWO_INPUTS
#define OP   ADD_RR
#define EXPR (WRAP) x + (WRAP)y
#include "backend/cpu/each_int.inc"
#undef OP
#undef EXPR
#define OP   SUB_RR
#define EXPR (WRAP) x - (WRAP)y
#include "backend/cpu/each_int.inc"
#undef OP
#undef EXPR
#define OP   MUL_RR
#define EXPR (WRAP) x *(WRAP)y
#include "backend/cpu/each_int.inc"
#undef OP
#undef EXPR
#undef TWO_INPUTS

#define IMM  (WRAP) V(imm)(&args->imm[0])
#define OP   ADD_RI
#define EXPR (WRAP) x + imm
#include "backend/cpu/each_int.inc"
#undef OP
#undef EXPR
#define OP   RSUB_RI
#define EXPR imm - (WRAP)x
#include "backend/cpu/each_int.inc"
#undef OP
#undef EXPR
#define OP   MUL_RI
#define EXPR (WRAP) x *imm
#include "backend/cpu/each_int.inc"
#undef OP
#undef EXPR
#undef IMM

#define OP   ABS
#define EXPR x < 0 ? -(WRAP)x : (WRAP)x
#include "backend/cpu/each_wide.inc"
#undef OP
#undef EXPR

#define OP   FNEG
#define EXPR -x
#include "backend/cpu/each_float.inc"
#undef OP
#undef EXPR
#define OP   FABS
#define EXPR CAT(ABS_, LANE)(x)
#include "backend/cpu/each_float.inc"
#undef OP
#undef EXPR

#define LANE F64
#define OP   FDIV_RI
#define IMM  args->imm[0].f
#define EXPR x / imm
#include TEMPLATE
#undef OP
#undef EXPR
#undef IMM
#undef LANE

#undef TO
#undef TEMPLATE

/* Both factors below 2^32: one multiplication of the low halves. */
void TQP_KERNEL(MUL32_RR, I64)(const TqpKernelArgs *args) {
    const InI64 *x = args->in[0], *y = args->in[1];
    OutI64 *out = args->out;
    uint32_t n = PAD(args->n, int64_t);
#if ISA_AVX512
    for (uint32_t i = 0; i < n; i += 8)
        _mm512_storeu_si512(out + i,
                            _mm512_mul_epu32(_mm512_loadu_si512(x + i), _mm512_loadu_si512(y + i)));
#elif ISA_AVX2
    for (uint32_t i = 0; i < n; i += 4)
        _mm256_storeu_si256((__m256i *)(out + i),
                            _mm256_mul_epu32(_mm256_loadu_si256((const __m256i *)(x + i)),
                                             _mm256_loadu_si256((const __m256i *)(y + i))));
#else
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)(uint32_t)x[i] * (uint32_t)y[i]);
#endif
}

/* As MUL32_RR, without widening the factors first. */
void TQP_KERNEL(MUL_WIDE_RR, U32)(const TqpKernelArgs *args) {
    const InU32 *x = args->in[0], *y = args->in[1];
    OutI64 *out = args->out;
#if ISA_AVX512
    for (uint32_t i = 0; i < args->n; i += 8) {
        __m512i a = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(x + i)));
        __m512i b = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(y + i)));
        _mm512_storeu_si512(out + i, _mm512_mul_epu32(a, b));
    }
#elif ISA_AVX2
    for (uint32_t i = 0; i < args->n; i += 4) {
        __m256i a = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(x + i)));
        __m256i b = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(y + i)));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_mul_epu32(a, b));
    }
#else
    for (uint32_t i = 0; i < args->n; i++)
        out[i] = (int64_t)((uint64_t)x[i] * y[i]);
#endif
}

/*
 * x times (imm[0] + y) or (imm[0] - y) with y a byte: prices and their discounts and taxes.  The
 * sign is applied without a branch: -y = ~y + 1.
 */
void TQP_KERNEL(MUL_SMALL, U32)(const TqpKernelArgs *args) {
    const InU32 *x = args->in[0];
    const InU8 *y = args->in[1];
    OutU32 *out = args->out;
    uint32_t flip = args->imm[1].i < 0 ? UINT32_MAX : 0, add = (uint32_t)args->imm[0].i - flip;
    uint32_t i = 0;
#if ISA_AVX512
    const __m512i flips = _mm512_set1_epi32((int)flip), adds = _mm512_set1_epi32((int)add);
    for (; i < args->n; i += 16) {
        __m512i f = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(y + i)));
        f = _mm512_add_epi32(_mm512_xor_si512(f, flips), adds);
        _mm512_storeu_si512(out + i, _mm512_mullo_epi32(_mm512_loadu_si512(x + i), f));
    }
#elif ISA_AVX2
    const __m256i flips = _mm256_set1_epi32((int)flip), adds = _mm256_set1_epi32((int)add);
    for (; i < args->n; i += 8) {
        __m256i f = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(y + i)));
        f = _mm256_add_epi32(_mm256_xor_si256(f, flips), adds);
        __m256i v = _mm256_loadu_si256((const __m256i *)(x + i));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_mullo_epi32(v, f));
    }
#else
    for (; i < args->n; i++)
        out[i] = x[i] * ((y[i] ^ flip) + add);
#endif
}

void TQP_KERNEL(MUL_WIDE_SMALL, U32)(const TqpKernelArgs *args) {
    const InU32 *x = args->in[0];
    const InU8 *y = args->in[1];
    OutI64 *out = args->out;
    uint32_t flip = args->imm[1].i < 0 ? UINT32_MAX : 0, add = (uint32_t)args->imm[0].i - flip;
    uint32_t i = 0;
#if ISA_AVX512
    const __m512i flips = _mm512_set1_epi64(flip), adds = _mm512_set1_epi64(add);
    for (; i < args->n; i += 8) {
        __m512i f = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(y + i)));
        f = _mm512_add_epi32(_mm512_xor_si512(f, flips), adds);
        __m512i v = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(x + i)));
        _mm512_storeu_si512(out + i, _mm512_mul_epu32(v, f));
    }
#elif ISA_AVX2
    const __m256i flips = _mm256_set1_epi64x(flip), adds = _mm256_set1_epi64x(add);
    for (; i < args->n; i += 4) {
        int four;
        memcpy(&four, y + i, 4);
        __m256i f = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four));
        f = _mm256_add_epi32(_mm256_xor_si256(f, flips), adds);
        __m256i v = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(x + i)));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_mul_epu32(v, f));
    }
#else
    for (; i < args->n; i++)
        out[i] = (int64_t)((uint64_t)x[i] * (uint32_t)((y[i] ^ flip) + add));
#endif
}
