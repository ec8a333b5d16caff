/*
 * Grouped aggregation: accumulators indexed by a group number per row.  The group numbers are bytes
 * (suffix 8) or 32-bit words; only guarded rows are looked at.
 */
#include "backend/cpu/vec.h"

#include <math.h>

typedef uint8_t Group8;
typedef InU32 Group32;

#define TEMPLATE     "backend/cpu/group_keep.inc"
#define BEFORE(a, b) ((a) < (b))
#include "backend/cpu/each_int.inc"
#undef BEFORE
#define BEFORE(a, b) ((a) < (b) || ((a) == (a) && (b) != (b)))
#include "backend/cpu/each_float.inc"
#undef BEFORE
#undef TEMPLATE

/* A view without data: no value yet. */
INLINE void keep_least_VIEW(InVIEW *acc, TqpView x) {
    if (acc->data != NULL && view_compare(x, *acc) >= 0)
        return;
    *acc = x.data != NULL ? x : tqp_view("", 0);
}

INLINE void keep_greatest_VIEW(InVIEW *acc, TqpView x) {
    if (acc->data != NULL && view_compare(x, *acc) <= 0)
        return;
    *acc = x.data != NULL ? x : tqp_view("", 0);
}

#define WIDTH 8
#define GROUP Group8
#include "backend/cpu/group_all.inc"
#undef WIDTH
#undef GROUP
#define WIDTH 32
#define GROUP Group32
#include "backend/cpu/group_all.inc"
#undef WIDTH
#undef GROUP

#define SEGMENT_BLOCK 512u

#if ISA_AVX512
typedef __m512i RunningVec;

/* x's lanes, those of the carry (all equal) added, shifted up by one; the new carry. */
INLINE RunningVec running_32(RunningVec x, RunningVec carry, void *before) {
    const RunningVec zero = _mm512_setzero_si512();
    RunningVec sum = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 15));
    sum = _mm512_add_epi32(sum, _mm512_alignr_epi32(sum, zero, 14));
    sum = _mm512_add_epi32(sum, _mm512_alignr_epi32(sum, zero, 12));
    sum = _mm512_add_epi32(sum, _mm512_alignr_epi32(sum, zero, 8));
    _mm512_store_si512(before, _mm512_add_epi32(carry, _mm512_sub_epi32(sum, x)));
    RunningVec all = _mm512_permutexvar_epi32(_mm512_set1_epi32(15), sum);
    return _mm512_add_epi32(carry, all);
}

INLINE RunningVec running_64(RunningVec x, RunningVec carry, void *before) {
    const RunningVec zero = _mm512_setzero_si512();
    RunningVec sum = _mm512_add_epi64(x, _mm512_alignr_epi64(x, zero, 7));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64(sum, zero, 6));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64(sum, zero, 4));
    _mm512_store_si512(before, _mm512_add_epi64(carry, _mm512_sub_epi64(sum, x)));
    RunningVec all = _mm512_permutexvar_epi64(_mm512_set1_epi64(7), sum);
    return _mm512_add_epi64(carry, all);
}

INLINE RunningVec running_vector_U8(const void *in, uint64_t guard, RunningVec carry,
                                    void *before) {
    RunningVec x = _mm512_cvtepu8_epi32(_mm_loadu_si128(in));
    return running_32(_mm512_maskz_mov_epi32((__mmask16)guard, x), carry, before);
}

INLINE RunningVec running_vector_U16(const void *in, uint64_t guard, RunningVec carry,
                                     void *before) {
    RunningVec x = _mm512_cvtepu16_epi32(_mm256_loadu_si256(in));
    return running_32(_mm512_maskz_mov_epi32((__mmask16)guard, x), carry, before);
}

INLINE RunningVec running_vector_U32(const void *in, uint64_t guard, RunningVec carry,
                                     void *before) {
    RunningVec x = _mm512_cvtepu32_epi64(_mm256_loadu_si256(in));
    return running_64(_mm512_maskz_mov_epi64((__mmask8)guard, x), carry, before);
}

INLINE RunningVec running_vector_I64(const void *in, uint64_t guard, RunningVec carry,
                                     void *before) {
    RunningVec x = _mm512_maskz_loadu_epi64((__mmask8)guard, in);
    return running_64(x, carry, before);
}
#endif

/* A block's sum of U16 fits 32 bits. */
#define TEMPLATE "backend/cpu/segment_sum.inc"
#define RUNNING  uint32_t
#define LANE     U8
#include TEMPLATE
#undef LANE
#define LANE U16
#include TEMPLATE
#undef LANE
#undef RUNNING
#define RUNNING uint64_t
#define LANE    U32
#include TEMPLATE
#undef LANE
#define LANE I64
#include TEMPLATE
#undef LANE
#undef RUNNING
#undef TEMPLATE
