/*
 * What every kernel file includes: names, prototypes, value types, guards.  Each file in this
 * folder is compiled once per instruction set with -DTQP_ISA=scalar|avx2|avx512 (../isa.mk).
 *
 * Kernels read at most 64 bytes past the last value of an input, write at most n rounded up to 64
 * values, look at views and table codes of the n rows only, and trap on no input.
 */
#ifndef TQP_BACKEND_CPU_KERNEL_H
#define TQP_BACKEND_CPU_KERNEL_H

#include <string.h>

#include "base/bitmap.h"
#include "program/step.h"

#define CAT(a, b)  CAT_(a, b)
#define CAT_(a, b) a##b

#define TQP_ISA_ID_scalar 0
#define TQP_ISA_ID_avx2   1
#define TQP_ISA_ID_avx512 2
#define ISA_AVX2          (CAT(TQP_ISA_ID_, TQP_ISA) >= 1)
#define ISA_AVX512        (CAT(TQP_ISA_ID_, TQP_ISA) >= 2)

#if ISA_AVX2
#include <immintrin.h>
#endif

/* tqp_cpu_avx2_EQ_RI_U8 and so on. */
#define TQP_KERNEL(op, lane)        TQP_KERNEL_(TQP_ISA, op, lane)
#define TQP_KERNEL_(isa, op, lane)  TQP_KERNEL__(isa, op, lane)
#define TQP_KERNEL__(isa, op, lane) tqp_cpu_##isa##_##op##_##lane

#define KERNEL_PROTOTYPE(op, lane)  void TQP_KERNEL(op, lane)(const TqpKernelArgs *args);
#define TQP_STEP(e, n, lanes, note) lanes(KERNEL_PROTOTYPE, e)
#include "program/steps.def"
#undef TQP_STEP
#undef KERNEL_PROTOTYPE

/* ValU8: a value.  InU8: a value in an input tile, of any alignment.  OutU8: one in an output. */
#define TQP_LANE(e, n, c, b)                                                                       \
    typedef c Val##e, Out##e;                                                                      \
    typedef c In##e __attribute__((aligned(1)));
#include "tensor/lanes.def"
#undef TQP_LANE

typedef InMASK InWord;

#define INLINE static inline __attribute__((always_inline, unused))

INLINE ValU8 imm_U8(const TqpScalar *s) {
    return (uint8_t)s->i;
}
INLINE ValU16 imm_U16(const TqpScalar *s) {
    return (uint16_t)s->i;
}
INLINE ValU32 imm_U32(const TqpScalar *s) {
    return (uint32_t)s->i;
}
INLINE ValI64 imm_I64(const TqpScalar *s) {
    return s->i;
}
INLINE ValI128 imm_I128(const TqpScalar *s) {
    return s->w;
}
INLINE ValF32 imm_F32(const TqpScalar *s) {
    return (float)s->f;
}
INLINE ValF64 imm_F64(const TqpScalar *s) {
    return s->f;
}
INLINE ValVIEW imm_VIEW(const TqpScalar *s) {
    return s->s;
}

/* n rounded up so that whole vectors of 64 bytes cover it: what loops over one width may touch. */
#define PAD(n, type) (((n) + 64 / (uint32_t)sizeof(type) - 1) & ~(64 / (uint32_t)sizeof(type) - 1))

/* The rows of word w (64 rows) that are within n and guarded. */
INLINE uint64_t guard_word(const TqpKernelArgs *a, uint32_t w) {
    uint64_t bits = a->guard != NULL ? ((const InWord *)a->guard)[w] : ~UINT64_C(0);
    return 64 * w + 64 > a->n ? bits & tqp_bitmap_tail(a->n) : bits;
}

INLINE void clear_tail(uint64_t *out, uint32_t n) {
    if (n & 63)
        out[n >> 6] &= tqp_bitmap_tail(n);
}

INLINE bool bit(const InWord *bits, uint32_t i) {
    return bits[i >> 6] >> (i & 63) & 1;
}

#endif
