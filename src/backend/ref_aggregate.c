/* ref: compaction and aggregation. */
#include "backend/ref.h"

#include <math.h>

static void compress(TqpLane lane, const TqpKernelArgs *args) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < args->n; i++)
        if (tqp_ref_guarded(args, i))
            tqp_ref_put(lane, args->out, count++, tqp_ref_get(lane, args->in[0], i));
    if (lane == TQP_LANE_MASK) /* bits past the rows kept are 0 */
        for (uint32_t i = count; i % 64 != 0; i++)
            tqp_ref_put(lane, args->out, i, tqp_ref_int(0));
    *args->count = count;
}

void tqp_ref_COMPRESS(TqpLane lane, const TqpKernelArgs *args) {
    compress(lane, args);
}

void tqp_ref_COMPRESS_MASK(TqpLane lane, const TqpKernelArgs *args) {
    compress(lane, args);
}

void tqp_ref_GATHER(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        uint32_t from = (uint32_t)tqp_ref_get(TQP_LANE_U32, args->in[1], i).i;
        tqp_ref_put(lane, args->out, i, tqp_ref_get(lane, args->in[0], from));
    }
}

void tqp_ref_MASK_COUNT(TqpLane lane, const TqpKernelArgs *args) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < args->n; i++)
        count += tqp_ref_get(lane, args->in[0], i).i != 0;
    *args->count = count;
}

void tqp_ref_MASK_TO_INDEX(TqpLane lane, const TqpKernelArgs *args) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < args->n; i++)
        if (tqp_ref_get(lane, args->in[0], i).i != 0)
            tqp_ref_put(TQP_LANE_U32, args->out, count++, tqp_ref_int(i + args->imm[0].i));
    *args->count = count;
}

/* ---- sums ---- */

static bool is_float(TqpLane lane) {
    return lane == TQP_LANE_F32 || lane == TQP_LANE_F64;
}

static void sum_ints(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        if (!tqp_ref_guarded(args, i))
            continue;
        TqpInt128 a = tqp_ref_get(TQP_LANE_I128, args->out, 0).i;
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i;
        if (x > 0 ? a > TQP_INT128_MAX - x : a < TQP_INT128_MIN - x)
            *args->flags |= TQP_FLAG_OVERFLOW;
        tqp_ref_put(TQP_LANE_I128, args->out, 0,
                    tqp_ref_int((TqpInt128)((TqpUint128)a + (TqpUint128)x)));
    }
}

/*
 * The order that every ISA keeps: eight partial sums by row number modulo 8, each from -0, added as
 * ((0+4)+(2+6)) + ((1+5)+(3+7)), then the accumulator.  If that is not finite: by the special
 * values among the inputs, and an overflow when there is none.
 */
static void sum_floats(TqpLane lane, const TqpKernelArgs *args) {
    double start = tqp_ref_get(TQP_LANE_F64, args->out, 0).f, p[8];
    bool nan = isnan(start), plus = start == INFINITY, minus = start == -INFINITY;
    for (uint32_t k = 0; k < 8; k++) {
        p[k] = -0.0;
        for (uint32_t i = k; i < args->n; i += 8) {
            if (!tqp_ref_guarded(args, i))
                continue;
            double x = tqp_ref_get(lane, args->in[0], i).f;
            p[k] += x;
            nan |= isnan(x);
            plus |= x == INFINITY;
            minus |= x == -INFINITY;
        }
    }
    double sum = start + (((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])));
    if (!isfinite(sum)) {
        if (nan || (plus && minus))
            sum = NAN;
        else if (plus || minus)
            sum = plus ? INFINITY : -INFINITY;
        else
            *args->flags |= TQP_FLAG_OVERFLOW;
    }
    tqp_ref_put(TQP_LANE_F64, args->out, 0, tqp_ref_float(sum));
}

void tqp_ref_SUM(TqpLane lane, const TqpKernelArgs *args) {
    if (is_float(lane))
        sum_floats(lane, args);
    else
        sum_ints(lane, args);
}

/* ---- extremes; the first of equals stays ---- */

static void keep_best(TqpLane lane, const TqpKernelArgs *args, uint32_t i, uint32_t slot,
                      int sign) {
    RefCell x = tqp_ref_get(lane, args->in[0], i), best = tqp_ref_get(lane, args->out, slot);
    bool none = lane == TQP_LANE_VIEW && best.s.data == NULL;
    if (!none && sign * tqp_ref_compare(lane, x, best) >= 0)
        return;
    if (lane == TQP_LANE_VIEW && x.s.data == NULL)
        x.s.data = "";
    tqp_ref_put(lane, args->out, slot, x);
}

static void extreme(TqpLane lane, const TqpKernelArgs *args, int sign) {
    for (uint32_t i = 0; i < args->n; i++)
        if (tqp_ref_guarded(args, i))
            keep_best(lane, args, i, 0, sign);
}

void tqp_ref_MIN(TqpLane lane, const TqpKernelArgs *args) {
    extreme(lane, args, 1);
}

void tqp_ref_MAX(TqpLane lane, const TqpKernelArgs *args) {
    extreme(lane, args, -1);
}

/* ---- grouped ---- */

/* Adds guarded row i to accumulator g of acc_lane: its value, or 1 for MASK (counts). */
static void group_add(TqpLane lane, const TqpKernelArgs *args, TqpLane group, TqpLane acc_lane) {
    for (uint32_t i = 0; i < args->n; i++) {
        if (!tqp_ref_guarded(args, i))
            continue;
        uint32_t g = (uint32_t)tqp_ref_get(group, args->in[1], i).i;
        RefCell acc = tqp_ref_get(acc_lane, args->out, g), sum = {0};
        RefCell x = lane == TQP_LANE_MASK ? tqp_ref_int(1) : tqp_ref_get(lane, args->in[0], i);
        sum.i = (TqpInt128)((TqpUint128)acc.i + (TqpUint128)x.i);
        sum.f = acc.f + x.f;
        if (acc_lane == TQP_LANE_I128 && (x.i > 0 ? sum.i < acc.i : sum.i > acc.i))
            *args->flags |= TQP_FLAG_OVERFLOW;
        if (acc_lane == TQP_LANE_F64 && isinf(sum.f) && !isinf(acc.f) && !isinf(x.f))
            *args->flags |= TQP_FLAG_OVERFLOW;
        tqp_ref_put(acc_lane, args->out, g, sum);
    }
}

static void group_extreme(TqpLane lane, const TqpKernelArgs *args, TqpLane group, int sign) {
    for (uint32_t i = 0; i < args->n; i++)
        if (tqp_ref_guarded(args, i))
            keep_best(lane, args, i, (uint32_t)tqp_ref_get(group, args->in[1], i).i, sign);
}

void tqp_ref_GROUP_COUNT8(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U8, TQP_LANE_I64);
}

void tqp_ref_GROUP_SUM8(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U8, TQP_LANE_I64);
}

void tqp_ref_GROUP_SUMS8(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    const TqpSumPass *pass = args->aux;
    for (uint32_t s = 0; s < pass->nsums; s++) {
        const TqpSum *sum = &pass->sums[s];
        for (uint32_t i = 0; i < args->n; i++) {
            if (!tqp_ref_guarded(args, i))
                continue;
            uint32_t g = (uint32_t)tqp_ref_get(TQP_LANE_U8, args->in[1], i).i;
            uint32_t at = s * pass->ngroups + g;
            TqpInt128 x = sum->lane == TQP_LANE_MASK ? 1 : tqp_ref_get(sum->lane, sum->values, i).i;
            if (sum->times != 0)
                x *= sum->add + sum->times * tqp_ref_get(TQP_LANE_U8, sum->factor, i).i;
            x += tqp_ref_get(TQP_LANE_I64, args->out, at).i;
            tqp_ref_put(TQP_LANE_I64, args->out, at, tqp_ref_int(x));
        }
    }
}

void tqp_ref_GROUP_WSUM8(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U8, TQP_LANE_I128);
}

void tqp_ref_GROUP_FSUM8(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U8, TQP_LANE_F64);
}

void tqp_ref_GROUP_MIN8(TqpLane lane, const TqpKernelArgs *args) {
    group_extreme(lane, args, TQP_LANE_U8, 1);
}

void tqp_ref_GROUP_MAX8(TqpLane lane, const TqpKernelArgs *args) {
    group_extreme(lane, args, TQP_LANE_U8, -1);
}

void tqp_ref_GROUP_COUNT32(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U32, TQP_LANE_I64);
}

void tqp_ref_GROUP_SUM32(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U32, TQP_LANE_I64);
}

void tqp_ref_GROUP_WSUM32(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U32, TQP_LANE_I128);
}

void tqp_ref_GROUP_FSUM32(TqpLane lane, const TqpKernelArgs *args) {
    group_add(lane, args, TQP_LANE_U32, TQP_LANE_F64);
}

void tqp_ref_GROUP_MIN32(TqpLane lane, const TqpKernelArgs *args) {
    group_extreme(lane, args, TQP_LANE_U32, 1);
}

void tqp_ref_GROUP_MAX32(TqpLane lane, const TqpKernelArgs *args) {
    group_extreme(lane, args, TQP_LANE_U32, -1);
}

void tqp_ref_SEGMENT_SUM(TqpLane lane, const TqpKernelArgs *args) {
    const uint32_t *ends = args->aux;
    for (uint32_t i = 0, k = 0; i < args->n; i++) {
        k += i == ends[k];
        if (!tqp_ref_guarded(args, i))
            continue;
        TqpInt128 sum = tqp_ref_get(TQP_LANE_I64, args->out, k).i;
        tqp_ref_put(TQP_LANE_I64, args->out, k,
                    tqp_ref_int(sum + tqp_ref_get(lane, args->in[0], i).i));
    }
}
