/*
 * Float arithmetic with the errors of PostgreSQL's float.h as sticky flags: OVERFLOW also stands
 * for underflow.  A division by zero is an error unless the dividend is NaN.
 */
#include "backend/cpu/vec.h"

typedef uint32_t FlagF32; /* as wide as the lane, so that one loop has one width */
typedef uint64_t FlagF64;
#define FLAG        CAT(Flag, LANE)
#define INFINITE(v) ((v) > CAT(MAX_, LANE) || (v) < -CAT(MAX_, LANE))
#define MAX_F32     __FLT_MAX__
#define MAX_F64     __DBL_MAX__

#define TEMPLATE "backend/cpu/float_check.inc"
#define OP       FADD
#define RESULT   x + y
#define BAD      (INFINITE(r) & !INFINITE(x) & !INFINITE(y))
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
#define BAD    ((INFINITE(r) & !INFINITE(x) & !INFINITE(y)) | ((r == 0) & (x != 0) & (y != 0)))
#include "backend/cpu/each_float.inc"
#undef OP
#undef RESULT
#undef BAD
#define OP     FDIV
#define RESULT x / y
#define BAD                                                                                        \
    (((y == 0) & (x == x)) | (INFINITE(r) & !INFINITE(x)) | ((r == 0) & (x != 0) & !INFINITE(y)))
#define ZERO_DIVISOR (y == 0)
#include "backend/cpu/each_float.inc"
#undef OP
#undef RESULT
#undef BAD
#undef ZERO_DIVISOR
#undef TEMPLATE
