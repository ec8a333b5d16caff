/*
 * The vector layer: for each lane a type Vec<LANE> of LEN_<LANE> values and
 *   load(p) store(p, v) set1(x)
 *   eq(a, b) lt(a, b) le(a, b)   -> one bit per value, least significant first
 *   blend(bits, a, b)            -> bit set ? a : b
 *   least(a, b) greatest(a, b)
 * each suffixed by the lane: load_U8, eq_F64.  Floats: NaN equals NaN and is the greatest.
 * Templates reach them as V(load).  Lanes without instructions of their own (I128, VIEW; all of
 * them under scalar) have one value per vector.
 */
#ifndef TQP_BACKEND_CPU_VEC_H
#define TQP_BACKEND_CPU_VEC_H

#include "backend/cpu/view.h"

#define V(name) CAT(CAT(name, _), LANE)
#define VAL     CAT(Val, LANE)
#define IN      CAT(In, LANE)
#define OUT     CAT(Out, LANE)
#define VEC     CAT(Vec, LANE)
#define LEN     CAT(LEN_, LANE)

#if ISA_AVX512
#include "backend/cpu/vec_avx512.h"
#elif ISA_AVX2
#include "backend/cpu/vec_avx2.h"
#else
#define LANE U8
#include "backend/cpu/vec_scalar.inc"
#undef LANE
#define LANE U16
#include "backend/cpu/vec_scalar.inc"
#undef LANE
#define LANE U32
#include "backend/cpu/vec_scalar.inc"
#undef LANE
#define LANE I64
#include "backend/cpu/vec_scalar.inc"
#undef LANE
#define LANE           F32
#define VALUE_EQ(a, b) ((a) == (b) || ((a) != (a) && (b) != (b)))
#define VALUE_LT(a, b) ((a) < (b) || ((a) == (a) && (b) != (b)))
#include "backend/cpu/vec_scalar.inc"
#undef LANE
#define LANE           F64
#define VALUE_EQ(a, b) ((a) == (b) || ((a) != (a) && (b) != (b)))
#define VALUE_LT(a, b) ((a) < (b) || ((a) == (a) && (b) != (b)))
#include "backend/cpu/vec_scalar.inc"
#undef LANE
#endif

#define LANE I128
#include "backend/cpu/vec_scalar.inc"
#undef LANE
#define LANE     VIEW
#define VALUE_EQ view_eq
#define VALUE_LT view_lt
#include "backend/cpu/vec_scalar.inc"
#undef LANE

#endif
