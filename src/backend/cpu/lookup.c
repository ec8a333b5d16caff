/* Lookup tensors indexed by codes, membership in sorted sets, LIKE. */
#include "backend/cpu/vec.h"
#include "program/program.h"

#define TEMPLATE "backend/cpu/lut_mask.inc"
#include "backend/cpu/each_code.inc"
#undef TEMPLATE

#define TEMPLATE "backend/cpu/lut.inc"
#define OP LUT_U8
#define TO U8
#include "backend/cpu/each_code.inc"
#undef OP
#undef TO
#define OP LUT_U16
#define TO U16
#include "backend/cpu/each_code.inc"
#undef OP
#undef TO
#define OP LUT_U32
#define TO U32
#include "backend/cpu/each_code.inc"
#undef OP
#undef TO
#define OP LUT_I64
#define TO I64
#include "backend/cpu/each_code.inc"
#undef OP
#undef TO
#define OP LUT_VIEW
#define TO VIEW
#include "backend/cpu/each_code.inc"
#undef OP
#undef TO
#undef TEMPLATE

INLINE bool set_le_I64(int64_t a, int64_t b) {
    return a <= b;
}
INLINE bool set_eq_I64(int64_t a, int64_t b) {
    return a == b;
}
INLINE bool set_le_I128(TqpInt128 a, TqpInt128 b) {
    return a <= b;
}
INLINE bool set_eq_I128(TqpInt128 a, TqpInt128 b) {
    return a == b;
}
INLINE bool set_le_VIEW(TqpView a, TqpView b) {
    return view_compare(a, b) <= 0;
}
INLINE bool set_eq_VIEW(TqpView a, TqpView b) {
    return view_eq(a, b);
}

#define OP IN_SET
#define TEMPLATE "backend/cpu/in_set.inc"
#include "backend/cpu/each_wide.inc"
#undef OP
#define OP IN_SET_VIEW
#define LANE VIEW
#include TEMPLATE
#undef LANE
#undef OP
#undef TEMPLATE

void TQP_KERNEL(LIKE, VIEW)(const TqpKernelArgs *args) {
    const InVIEW *x = args->in[0];
    const TqpLikePattern *pattern = args->aux;
    uint64_t *out = args->out;
    uint32_t pad = (uint32_t)args->imm[0].i;
    for (uint32_t i = 0; i < args->n; i += 64) {
        uint32_t rows = args->n - i < 64 ? args->n - i : 64;
        uint64_t bits = 0;
        for (uint32_t k = 0; k < rows; k++) {
            TqpView v = x[i + k];
            bits |= (uint64_t)tqp_like_match(pattern, v.data, v.len, pad) << k;
        }
        out[i >> 6] = bits;
    }
}
