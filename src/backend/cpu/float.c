/*
 * Float arithmetic with the errors of PostgreSQL's float.h as sticky flags: OVERFLOW also stands
 * for underflow.  A division by zero is an error unless the dividend is NaN.
 */
#include "backend/cpu/vec.h"

/*
 * Errors are told from the bits of x, y and the result r, shifted left by one to drop the sign:
 * integer comparisons of one width vectorise, those of floats do not while they may trap.
 */
typedef uint32_t BitsF32;
typedef uint64_t BitsF64;
#define BITS CAT(Bits, LANE)

INLINE uint32_t magnitude_F32(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits << 1;
}
INLINE uint64_t magnitude_F64(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits << 1;
}
#define INF_F32 UINT32_C(0xff000000) /* magnitude of infinity; NaN is above */
#define INF_F64 UINT64_C(0xffe0000000000000)
#define INF     CAT(INF_, LANE)

#define TEMPLATE "backend/cpu/float_check.inc"
#define OP       FADD
#define RESULT   x + y
#define BAD      ((r == INF) & (x != INF) & (y != INF))
#include "backend/cpu/each_float.inc"
#undef OP
#undef RESULT
#define OP     FSUB
#define RESULT x - y
#include "backend/cpu/each_float.inc"
#undef OP
#undef RESULT
#undef BAD
#define OP     FMUL
#define RESULT x *y
#define BAD    (((r == INF) & (x != INF) & (y != INF)) | ((r == 0) & (x != 0) & (y != 0)))
#include "backend/cpu/each_float.inc"
#undef OP
#undef RESULT
#undef BAD
#define OP           FDIV
#define RESULT       x / y
#define ZERO_DIVISOR ((y == 0) & (x <= INF))
#define BAD          (ZERO_DIVISOR | ((r == INF) & (x != INF)) | ((r == 0) & (x != 0) & (y != INF)))
#include "backend/cpu/each_float.inc"
#undef OP
#undef RESULT
#undef BAD
#undef ZERO_DIVISOR
#undef TEMPLATE

void TQP_KERNEL(FSQRT, F64)(const TqpKernelArgs *args) {
    const InF64 *in = args->in[0];
    OutF64 *out = args->out;
    bool negative = false;
    for (uint32_t i = 0; i < args->n; i++) {
        double x = in[i];
        negative |= x < 0;
        out[i] = x < 0 ? x : __builtin_sqrt(x); /* never of a negative: no errno */
    }
    for (uint32_t w = 0; negative && w < tqp_bitmap_words(args->n); w++)
        for (uint64_t g = guard_word(args, w); g != 0; g &= g - 1)
            if (in[64 * w + (uint32_t)__builtin_ctzll(g)] < 0)
                *args->flags |= TQP_FLAG_OVERFLOW;
}
