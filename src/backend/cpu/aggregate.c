/* Sum, least and greatest of the guarded rows of a tile, added to a running result. */
#include "backend/cpu/vec.h"

#include <math.h>

/* ---- SUM of integers: exact in 128 bits ---- */

typedef uint16_t DoubleU8, DoubleHighU8; /* lanes of the halves: twice as wide as they are */
typedef uint32_t DoubleU16, DoubleHighU16;
typedef uint64_t DoubleU32, DoubleHighU32;
typedef uint64_t DoubleI64; /* 32-bit halves, the upper one signed */
typedef int64_t DoubleHighI64;

/* The narrowest: 2 bytes of 255 in 16 bits, a register of 32 bytes at a time. */
#define SUM_WORDS 128
_Static_assert(SUM_WORDS * 2 * 255 <= UINT16_MAX, "lanes of sum_int.inc");

#define TEMPLATE "backend/cpu/sum_int.inc"
#include "backend/cpu/each_code.inc"
#define LANE I64
#include TEMPLATE
#undef LANE
#undef TEMPLATE

void TQP_KERNEL(SUM, I128)(const TqpKernelArgs *args) {
    const InI128 *x = args->in[0];
    TqpInt128 sum = *(InI128 *)args->out;
    bool over = false;
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++)
        for (uint64_t g = guard_word(args, w); g != 0; g &= g - 1)
            over |= __builtin_add_overflow(sum, x[64 * w + (uint32_t)__builtin_ctzll(g)], &sum);
    *(InI128 *)args->out = sum;
    if (over)
        *args->flags |= TQP_FLAG_OVERFLOW;
}

/* ---- SUM of floats: eight interleaved partial sums, then a fixed tree, whatever the ISA ---- */

/* What a sum over values with an infinity or NaN among them is; flags when there are none. */
static double float_sum_special(const TqpKernelArgs *args, bool nan, bool plus, bool minus) {
    if (nan || (plus && minus))
        return NAN;
    if (plus || minus)
        return plus ? INFINITY : -INFINITY;
    *args->flags |= TQP_FLAG_OVERFLOW;
    return INFINITY;
}

/* LEN_F64 values as doubles. */
INLINE VecF64 doubles_F64(const InF64 *x) {
    return load_F64(x);
}
INLINE VecF64 doubles_F32(const InF32 *x) {
#if ISA_AVX512
    return _mm512_cvtps_pd(_mm256_loadu_ps((const float *)x));
#elif ISA_AVX2
    return _mm256_cvtps_pd(_mm_loadu_ps((const float *)x));
#else
    return (double)*x;
#endif
}

#define TEMPLATE "backend/cpu/sum_float.inc"
#include "backend/cpu/each_float.inc"
#undef TEMPLATE

/* ---- MIN, MAX ---- */

#define TEMPLATE     "backend/cpu/extreme.inc"
#define OP           MIN
#define BETTER(a, b) V(lt)(a, b)
#define PICK(a, b)   V(least)(a, b)
#include "backend/cpu/each_num.inc"
#undef OP
#undef BETTER
#undef PICK
#define OP           MAX
#define BETTER(a, b) V(lt)(b, a)
#define PICK(a, b)   V(greatest)(a, b)
#include "backend/cpu/each_num.inc"
#undef OP
#undef BETTER
#undef PICK
#undef TEMPLATE

/* The running extreme's data is NULL while there is none; `sign` 1 keeps the least, -1 the
 * greatest. */
INLINE void extreme_view(const TqpKernelArgs *args, int sign) {
    const InVIEW *x = args->in[0];
    TqpView best = *(InVIEW *)args->out;
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++) {
        for (uint64_t g = guard_word(args, w); g != 0; g &= g - 1) {
            TqpView v = x[64 * w + (uint32_t)__builtin_ctzll(g)];
            if (best.data == NULL || sign * (int64_t)view_compare(v, best) < 0) {
                best = v;
                if (best.data == NULL)
                    best.data = "";
            }
        }
    }
    *(InVIEW *)args->out = best;
}

void TQP_KERNEL(MIN, VIEW)(const TqpKernelArgs *args) {
    extreme_view(args, 1);
}

void TQP_KERNEL(MAX, VIEW)(const TqpKernelArgs *args) {
    extreme_view(args, -1);
}
