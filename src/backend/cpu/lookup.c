/* Lookup tensors indexed by codes, membership in sorted sets. */
#include "backend/cpu/place.h"
#include "backend/cpu/vec.h"

#if ISA_AVX2
#include "backend/cpu/lut_bytes.h"
#endif
#if ISA_AVX512
#include "backend/cpu/member_avx512.h"
#endif

#define TEMPLATE "backend/cpu/lut_mask.inc"
#define LANE     U8
#if ISA_AVX2
#define FAST lut_mask_bytes
#endif
#include TEMPLATE
#undef FAST
#undef LANE
#define LANE U16
#include TEMPLATE
#undef LANE
#define LANE U32
#include TEMPLATE
#undef LANE
#undef TEMPLATE

#define TEMPLATE "backend/cpu/lut.inc"
#define OP       LUT_U8
#define TO       U8
#define LANE     U8
#if ISA_AVX2
#define FAST lut_bytes
#endif
#include TEMPLATE
#undef FAST
#undef LANE
#define LANE U16
#include TEMPLATE
#undef LANE
#define LANE U32
#include TEMPLATE
#undef LANE
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
#define OP LUT_F64
#define TO F64
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

#define OP       IN_SET
#define TEMPLATE "backend/cpu/in_set.inc"
#include "backend/cpu/each_wide.inc"
#undef OP
#define OP   IN_SET_VIEW
#define LANE VIEW
#include TEMPLATE
#undef LANE
#undef OP
#undef TEMPLATE

#define TEMPLATE "backend/cpu/member.inc"
#define IMM      IndexImm
#define IMMS     index_imm
#define UINT     uint64_t
#include "backend/cpu/each_code.inc"
#define LANE I64
#include TEMPLATE
#undef LANE
#undef IMM
#undef IMMS
#undef UINT
#define IMM  WideIndexImm
#define IMMS wide_index_imm
#define UINT TqpUint128
#define WIDE
#define LANE I128
#include TEMPLATE
#undef LANE
#undef WIDE
#undef IMM
#undef IMMS
#undef UINT
#undef TEMPLATE
