/* Conversions between lanes; the sum with imm[0].i is proved to fit the target. */
#include "backend/cpu/place.h"
#include "backend/cpu/vec.h"

#include <math.h>

typedef uint8_t WrapU8;
typedef uint16_t WrapU16;
typedef uint32_t WrapU32;
typedef uint64_t WrapI64;
typedef TqpUint128 WrapI128;
#define WRAP_TO CAT(Wrap, TO)

#define TEMPLATE "backend/cpu/map.inc"
#define IMM      (WRAP_TO) args->imm[0].i
#define EXPR     (WRAP_TO) x + imm
#define OP       TO_U8
#define TO       U8
#include "backend/cpu/each_int.inc"
#undef OP
#undef TO
#define OP TO_U16
#define TO U16
#include "backend/cpu/each_int.inc"
#undef OP
#undef TO
#define OP TO_U32
#define TO U32
#include "backend/cpu/each_int.inc"
#undef OP
#undef TO
#define OP TO_I64
#define TO I64
#include "backend/cpu/each_int.inc"
#undef OP
#undef TO
#define OP TO_I128
#define TO I128
#include "backend/cpu/each_int.inc"
#undef OP
#undef TO
#undef EXPR
#undef IMM

#define OP   INDEX
#define TO   U32
#define IMM  index_imm(args)
#define EXPR (uint64_t) x + imm.add < imm.limit ? (uint64_t)x + imm.add : imm.limit
#include "backend/cpu/each_code.inc"
#define LANE I64
#include TEMPLATE
#undef LANE
#undef EXPR
#undef IMM
#define IMM  wide_index_imm(args)
#define EXPR (TqpUint128) x + imm.add < imm.limit ? (TqpUint128)x + imm.add : imm.limit
#define LANE I128
#include TEMPLATE
#undef LANE
#undef EXPR
#undef IMM
#undef TO
#undef OP

#define OP   TO_F64
#define TO   F64
#define IMM  args->imm[0].i
#define EXPR (int64_t)((uint64_t)x + (uint64_t)imm)
#include "backend/cpu/each_code.inc"
#define LANE I64
#include TEMPLATE
#undef LANE
#undef EXPR
#define EXPR (TqpInt128)((TqpUint128)x + (TqpUint128)imm)
#define LANE I128
#include TEMPLATE
#undef LANE
#undef EXPR
#undef IMM
#define EXPR x
#include "backend/cpu/each_float.inc"
#undef EXPR
#undef TO
#undef OP
#undef TEMPLATE

/* PostgreSQL's dtof. */
void TQP_KERNEL(F64_TO_F32, F64)(const TqpKernelArgs *args) {
    const InF64 *in = args->in[0];
    OutF32 *out = args->out;
    for (uint32_t i = 0; i < args->n; i++) {
        double x = in[i];
        float r = (float)x;
        out[i] = r;
        bool bad = (isinf(r) && !isinf(x)) || (r == 0 && x != 0);
        if (bad && (args->guard == NULL || bit(args->guard, i)))
            *args->flags |= TQP_FLAG_OVERFLOW;
    }
}

/* PostgreSQL's dtoi8. */
void TQP_KERNEL(F64_TO_I64, F64)(const TqpKernelArgs *args) {
    const InF64 *in = args->in[0];
    OutI64 *out = args->out;
    for (uint32_t i = 0; i < args->n; i++) {
        double x = rint(in[i]);
        bool fits = x >= -0x1p63 && x < 0x1p63; /* false for NaN */
        out[i] = fits ? (int64_t)x : 0;
        if (!fits && (args->guard == NULL || bit(args->guard, i)))
            *args->flags |= TQP_FLAG_OVERFLOW;
    }
}

void TQP_KERNEL(MASK_TO_U8, MASK)(const TqpKernelArgs *args) {
    const InWord *in = args->in[0];
    uint8_t *out = args->out;
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++) {
#if ISA_AVX512
        _mm512_storeu_si512(out + 64 * w, _mm512_maskz_set1_epi8(in[w], 1));
#elif ISA_AVX2
        const __m256i one = _mm256_set1_epi8(1);
        store_U8(out + 64 * w, _mm256_and_si256(spread_U8(in[w]), one));
        store_U8(out + 64 * w + 32, _mm256_and_si256(spread_U8(in[w] >> 32), one));
#else
        uint64_t bits = in[w];
        for (uint32_t k = 0; k < 64; k++)
            out[64 * w + k] = bits >> k & 1;
#endif
    }
}
