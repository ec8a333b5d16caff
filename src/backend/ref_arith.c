/* ref: arithmetic and conversions. */
#include "backend/ref.h"

#include <math.h>

static void flag(const TqpKernelArgs *args, uint32_t i, uint32_t flags) {
    if (tqp_ref_guarded(args, i))
        *args->flags |= flags;
}

/* ---- integers ---- */

typedef enum RefArith { REF_ADD, REF_SUB, REF_MUL } RefArith;

/* Modulo 2^128, hence modulo any lane. */
static TqpInt128 wrapped(RefArith op, TqpInt128 x, TqpInt128 y) {
    TqpUint128 a = (TqpUint128)x, b = (TqpUint128)y;
    return (TqpInt128)(op == REF_ADD ? a + b : op == REF_SUB ? a - b : a * b);
}

/* Does the exact result leave the lane?  I64 results are exact in 128 bits; I128: undo the step. */
static bool overflows(TqpLane lane, RefArith op, TqpInt128 x, TqpInt128 y) {
    TqpInt128 r = wrapped(op, x, y);
    if (lane == TQP_LANE_I64)
        return r < INT64_MIN || r > INT64_MAX;
    if (op == REF_ADD)
        return y >= 0 ? r < x : r > x;
    if (op == REF_SUB)
        return y >= 0 ? r > x : r < x;
    if (x == 0 || y == 0)
        return false;
    if ((x == -1 && y == TQP_INT128_MIN) || (y == -1 && x == TQP_INT128_MIN))
        return true;
    return y == -1 ? false : r / y != x || r % y != 0 || (r == TQP_INT128_MIN && x == -1);
}

static void arith(TqpLane lane, const TqpKernelArgs *args, RefArith op, bool check) {
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i, y = tqp_ref_get(lane, args->in[1], i).i;
        tqp_ref_put(lane, args->out, i, tqp_ref_int(wrapped(op, x, y)));
        if (check && overflows(lane, op, x, y))
            flag(args, i, TQP_FLAG_OVERFLOW);
    }
}

/* The immediate is the left operand. */
static void arith_imm(TqpLane lane, const TqpKernelArgs *args, RefArith op) {
    TqpInt128 imm = tqp_ref_imm(lane, &args->imm[0]).i;
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i;
        tqp_ref_put(lane, args->out, i, tqp_ref_int(wrapped(op, imm, x)));
    }
}

void tqp_ref_ADD_RR(TqpLane lane, const TqpKernelArgs *args) {
    arith(lane, args, REF_ADD, false);
}

void tqp_ref_SUB_RR(TqpLane lane, const TqpKernelArgs *args) {
    arith(lane, args, REF_SUB, false);
}

void tqp_ref_MUL_RR(TqpLane lane, const TqpKernelArgs *args) {
    arith(lane, args, REF_MUL, false);
}

void tqp_ref_MUL32_RR(TqpLane lane, const TqpKernelArgs *args) {
    arith(lane, args, REF_MUL, false);
}

void tqp_ref_MUL_WIDE_RR(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i, y = tqp_ref_get(lane, args->in[1], i).i;
        tqp_ref_put(TQP_LANE_I64, args->out, i, tqp_ref_int(wrapped(REF_MUL, x, y)));
    }
}

static void mul_small(const TqpKernelArgs *args, TqpLane out) {
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(TQP_LANE_U32, args->in[0], i).i;
        TqpInt128 y = tqp_ref_get(TQP_LANE_U8, args->in[1], i).i;
        tqp_ref_put(out, args->out, i, tqp_ref_int(x * (args->imm[0].i + args->imm[1].i * y)));
    }
}

void tqp_ref_MUL_SMALL(TqpLane lane, const TqpKernelArgs *args) {
    mul_small(args, lane);
}

void tqp_ref_MUL_WIDE_SMALL(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    mul_small(args, TQP_LANE_I64);
}

void tqp_ref_ADD_CHECK(TqpLane lane, const TqpKernelArgs *args) {
    arith(lane, args, REF_ADD, true);
}

void tqp_ref_SUB_CHECK(TqpLane lane, const TqpKernelArgs *args) {
    arith(lane, args, REF_SUB, true);
}

void tqp_ref_MUL_CHECK(TqpLane lane, const TqpKernelArgs *args) {
    arith(lane, args, REF_MUL, true);
}

void tqp_ref_ADD_RI(TqpLane lane, const TqpKernelArgs *args) {
    arith_imm(lane, args, REF_ADD);
}

void tqp_ref_RSUB_RI(TqpLane lane, const TqpKernelArgs *args) {
    arith_imm(lane, args, REF_SUB);
}

void tqp_ref_MUL_RI(TqpLane lane, const TqpKernelArgs *args) {
    arith_imm(lane, args, REF_MUL);
}

void tqp_ref_ABS(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i;
        tqp_ref_put(lane, args->out, i, tqp_ref_int(x < 0 ? wrapped(REF_SUB, 0, x) : x));
    }
}

/* Rows that raise give 0. */
static void divide(TqpLane lane, const TqpKernelArgs *args, bool remainder) {
    TqpInt128 least = lane == TQP_LANE_I64 ? INT64_MIN : TQP_INT128_MIN;
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i, y = tqp_ref_get(lane, args->in[1], i).i;
        TqpInt128 r = 0;
        if (y == 0)
            flag(args, i, TQP_FLAG_DIV_BY_ZERO);
        else if (x == least && y == -1 && !remainder)
            flag(args, i, TQP_FLAG_OVERFLOW);
        else if (y != -1)
            r = remainder ? x % y : x / y;
        else
            r = remainder ? 0 : -x;
        tqp_ref_put(lane, args->out, i, tqp_ref_int(r));
    }
}

void tqp_ref_DIV_CHECK(TqpLane lane, const TqpKernelArgs *args) {
    divide(lane, args, false);
}

void tqp_ref_MOD_CHECK(TqpLane lane, const TqpKernelArgs *args) {
    divide(lane, args, true);
}

/* Half away from zero, on the magnitude. */
void tqp_ref_DIV_ROUND_RI(TqpLane lane, const TqpKernelArgs *args) {
    TqpUint128 d = (TqpUint128)tqp_ref_imm(lane, &args->imm[0]).i;
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i;
        TqpUint128 m = x < 0 ? -(TqpUint128)x : (TqpUint128)x;
        TqpUint128 q = m / d + (2 * (m % d) >= d); /* d < 2^127: the double fits */
        tqp_ref_put(lane, args->out, i, tqp_ref_int((TqpInt128)(x < 0 ? -q : q)));
    }
}

void tqp_ref_RANGE_CHECK(TqpLane lane, const TqpKernelArgs *args) {
    TqpInt128 lo = tqp_ref_imm(lane, &args->imm[0]).i, hi = tqp_ref_imm(lane, &args->imm[1]).i;
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i;
        if (x < lo || x > hi)
            flag(args, i, TQP_FLAG_OVERFLOW);
    }
}

/* ---- floats: PostgreSQL's float.h ---- */

static bool is_zero(double x) {
    return fpclassify(x) == FP_ZERO;
}

static uint32_t float_error(TqpStepOp op, double x, double y, double r) {
    bool from_infinity = isinf(x) || (isinf(y) && op != TQP_STEP_FDIV);
    if (op == TQP_STEP_FDIV && is_zero(y) && !isnan(x))
        return TQP_FLAG_DIV_BY_ZERO;
    if (isinf(r) && !from_infinity)
        return TQP_FLAG_OVERFLOW;
    if (op == TQP_STEP_FMUL && is_zero(r) && !is_zero(x) && !is_zero(y))
        return TQP_FLAG_OVERFLOW;
    if (op == TQP_STEP_FDIV && is_zero(r) && !is_zero(x) && !isinf(y))
        return TQP_FLAG_OVERFLOW;
    return 0;
}

static double float_result(TqpLane lane, TqpStepOp op, double x, double y) {
    if (lane == TQP_LANE_F32) {
        float a = (float)x, b = (float)y;
        return op == TQP_STEP_FADD   ? a + b
               : op == TQP_STEP_FSUB ? a - b
               : op == TQP_STEP_FMUL ? a * b
                                     : a / b;
    }
    return op == TQP_STEP_FADD   ? x + y
           : op == TQP_STEP_FSUB ? x - y
           : op == TQP_STEP_FMUL ? x * y
                                 : x / y;
}

static void float_arith(TqpLane lane, const TqpKernelArgs *args, TqpStepOp op) {
    for (uint32_t i = 0; i < args->n; i++) {
        double x = tqp_ref_get(lane, args->in[0], i).f, y = tqp_ref_get(lane, args->in[1], i).f;
        double r = float_result(lane, op, x, y);
        tqp_ref_put(lane, args->out, i, tqp_ref_float(r));
        flag(args, i, float_error(op, x, y, r));
    }
}

void tqp_ref_FADD(TqpLane lane, const TqpKernelArgs *args) {
    float_arith(lane, args, TQP_STEP_FADD);
}

void tqp_ref_FSUB(TqpLane lane, const TqpKernelArgs *args) {
    float_arith(lane, args, TQP_STEP_FSUB);
}

void tqp_ref_FMUL(TqpLane lane, const TqpKernelArgs *args) {
    float_arith(lane, args, TQP_STEP_FMUL);
}

void tqp_ref_FDIV(TqpLane lane, const TqpKernelArgs *args) {
    float_arith(lane, args, TQP_STEP_FDIV);
}

void tqp_ref_FNEG(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++)
        tqp_ref_put(lane, args->out, i, tqp_ref_float(-tqp_ref_get(lane, args->in[0], i).f));
}

void tqp_ref_FABS(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        double x = tqp_ref_get(lane, args->in[0], i).f;
        tqp_ref_put(lane, args->out, i, tqp_ref_float(signbit(x) ? -x : x));
    }
}

void tqp_ref_FSQRT(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        double x = tqp_ref_get(lane, args->in[0], i).f;
        tqp_ref_put(lane, args->out, i, tqp_ref_float(sqrt(x)));
        flag(args, i, x < 0 ? TQP_FLAG_OVERFLOW : 0);
    }
}

void tqp_ref_FDIV_RI(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        double x = tqp_ref_get(lane, args->in[0], i).f;
        tqp_ref_put(lane, args->out, i, tqp_ref_float(x / args->imm[0].f));
    }
}

/* ---- conversions ---- */

static void convert(TqpLane lane, const TqpKernelArgs *args, TqpLane to) {
    for (uint32_t i = 0; i < args->n; i++) {
        RefCell x = tqp_ref_get(lane, args->in[0], i);
        x.i = wrapped(REF_ADD, x.i, args->imm[0].i);
        tqp_ref_put(to, args->out, i, x);
    }
}

void tqp_ref_TO_U8(TqpLane lane, const TqpKernelArgs *args) {
    convert(lane, args, TQP_LANE_U8);
}

void tqp_ref_TO_U16(TqpLane lane, const TqpKernelArgs *args) {
    convert(lane, args, TQP_LANE_U16);
}

void tqp_ref_TO_U32(TqpLane lane, const TqpKernelArgs *args) {
    convert(lane, args, TQP_LANE_U32);
}

/* x + imm[0], wrapped; imm[1] where that is not within 0 .. imm[1] - 1. */
static TqpInt128 place(TqpLane lane, const TqpKernelArgs *args, uint32_t i) {
    TqpInt128 limit = args->imm[1].i, x = tqp_ref_get(lane, args->in[0], i).i, at;
    if (lane == TQP_LANE_I128)
        at = (TqpInt128)((TqpUint128)x + (TqpUint128)args->imm[0].w);
    else
        at = (int64_t)(uint64_t)(x + args->imm[0].i);
    return at < 0 || at >= limit ? limit : at;
}

void tqp_ref_INDEX(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++)
        tqp_ref_put(TQP_LANE_U32, args->out, i, tqp_ref_int(place(lane, args, i)));
}

void tqp_ref_MEMBER(TqpLane lane, const TqpKernelArgs *args) {
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 at = place(lane, args, i);
        bool in = at < args->imm[1].i && tqp_ref_get(TQP_LANE_MASK, args->aux, (uint32_t)at).i != 0;
        tqp_ref_put(TQP_LANE_MASK, args->out, i, tqp_ref_int(in));
    }
}

void tqp_ref_RANK(TqpLane lane, const TqpKernelArgs *args) {
    const TqpRanks *ranks = args->aux;
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 at = place(lane, args, i), rank = args->imm[2].i;
        if (at < args->imm[1].i && tqp_ref_get(TQP_LANE_MASK, ranks->bits, (uint32_t)at).i != 0) {
            rank = ranks->before[at / 64];
            for (uint32_t k = (uint32_t)(at / 64 * 64); k < at; k++)
                rank += tqp_ref_get(TQP_LANE_MASK, ranks->bits, k).i;
        }
        tqp_ref_put(TQP_LANE_U32, args->out, i, tqp_ref_int(rank));
    }
}

void tqp_ref_TO_I64(TqpLane lane, const TqpKernelArgs *args) {
    convert(lane, args, TQP_LANE_I64);
}

void tqp_ref_TO_I128(TqpLane lane, const TqpKernelArgs *args) {
    convert(lane, args, TQP_LANE_I128);
}

void tqp_ref_TO_F64(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        RefCell x = tqp_ref_get(lane, args->in[0], i);
        if (lane != TQP_LANE_F32 && lane != TQP_LANE_F64)
            x.f = (double)wrapped(REF_ADD, x.i, args->imm[0].i);
        tqp_ref_put(TQP_LANE_F64, args->out, i, x);
    }
}

void tqp_ref_F64_TO_F32(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        RefCell x = tqp_ref_get(lane, args->in[0], i);
        tqp_ref_put(TQP_LANE_F32, args->out, i, x);
        double r = tqp_ref_get(TQP_LANE_F32, args->out, i).f;
        if ((isinf(r) && !isinf(x.f)) || (is_zero(r) && !is_zero(x.f)))
            flag(args, i, TQP_FLAG_OVERFLOW);
    }
}

void tqp_ref_F64_TO_I64(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        double x = nearbyint(tqp_ref_get(lane, args->in[0], i).f);
        bool fits = !isnan(x) && x >= -9223372036854775808.0 && x < 9223372036854775808.0;
        tqp_ref_put(TQP_LANE_I64, args->out, i, tqp_ref_int(fits ? (int64_t)x : 0));
        if (!fits)
            flag(args, i, TQP_FLAG_OVERFLOW);
    }
}
