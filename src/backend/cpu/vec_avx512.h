/* The vector layer of AVX-512: compares give mask registers, blends take them. */
#define LANE      U8
#define EPI       epi8
#define EPU       epu8
#define MM_SIGNED char
#define MM_MASK   __mmask64
#include "backend/cpu/vec_avx512_int.inc"
#undef LANE
#define LANE      U16
#define EPI       epi16
#define EPU       epu16
#define MM_SIGNED short
#define MM_MASK   __mmask32
#include "backend/cpu/vec_avx512_int.inc"
#undef LANE
#define LANE      U32
#define EPI       epi32
#define EPU       epu32
#define MM_SIGNED int
#define MM_MASK   __mmask16
#include "backend/cpu/vec_avx512_int.inc"
#undef LANE
#define LANE      I64
#define EPI       epi64
#define EPU       epi64
#define MM_SIGNED long long
#define MM_MASK   __mmask8
#include "backend/cpu/vec_avx512_int.inc"
#undef LANE
#define LANE     F32
#define VEC_TYPE __m512
#define MM_MASK  __mmask16
#define PS       ps
#include "backend/cpu/vec_avx512_float.inc"
#undef LANE
#define LANE     F64
#define VEC_TYPE __m512d
#define MM_MASK  __mmask8
#define PS       pd
#include "backend/cpu/vec_avx512_float.inc"
#undef LANE
