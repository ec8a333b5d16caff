/* Arithmetic that sets a sticky flag where a guarded row leaves the lane or divides by zero. */
#include "backend/cpu/vec.h"

typedef uint64_t WrapI64;
typedef TqpUint128 WrapI128;
#define WRAP CAT(Wrap, LANE)

/* OVER: negative when r, the wrapped result, is not the true one.  Hacker's Delight 2-13. */
#define TEMPLATE "backend/cpu/check.inc"
#define OP       ADD_CHECK
#define RESULT   (WRAP) x + (WRAP)y
#define OVER     ((x ^ r) & (y ^ r))
#include "backend/cpu/each_wide.inc"
#undef OP
#undef RESULT
#undef OVER
#define OP     SUB_CHECK
#define RESULT (WRAP) x - (WRAP)y
#define OVER   ((x ^ y) & (x ^ r))
#include "backend/cpu/each_wide.inc"
#undef OP
#undef RESULT
#undef OVER
#define OP     MUL_CHECK
#define RESULT (WRAP) x *(WRAP)y
#define OVER   (-(VAL)__builtin_mul_overflow(x, y, &r))
#include "backend/cpu/each_wide.inc"
#undef OP
#undef RESULT
#undef OVER
#undef TEMPLATE

#define TEMPLATE "backend/cpu/divide.inc"
#include "backend/cpu/each_wide.inc"
#undef TEMPLATE

#define LANE I128
#include "backend/cpu/numeric_divide.inc"
#undef LANE
