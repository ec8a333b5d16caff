/* Comparisons -> MASK: with an immediate, with a register, between two immediates. */
#include "backend/cpu/vec.h"

#define TEMPLATE "backend/cpu/compare_lane.inc"
#include "backend/cpu/each_all.inc"
#undef TEMPLATE

#define TEMPLATE "backend/cpu/between.inc"
#include "backend/cpu/each_int.inc"
#undef TEMPLATE

#define OP        U8_TO_MASK
#define REL(a, b) ~V(eq)(a, b)
#define RIGHT_ZERO
#define TEMPLATE "backend/cpu/compare.inc"
#include "backend/cpu/each_code.inc"
#undef TEMPLATE
#undef RIGHT_ZERO
#undef REL
#undef OP
