/*
 * ref: sums about the mean, as PostgreSQL's float8_accum and float8_regr_accum add a value.  An
 * accumulator is 3 doubles, or 6 of pairs: n, Sx, Sxx, Sy, Syy, Sxy.
 */
#include "backend/ref.h"

#include <math.h>

static bool is_special(double x) {
    return isnan(x) || isinf(x);
}

/* An overflow is one of finite values. */
static bool overflows(double sum, double before, double x) {
    return isinf(sum) && !isinf(before) && !isinf(x);
}

/* One row of one value. */
static bool add(double *a, double x) {
    double n = a[0] + 1, sx = a[1] + x, sxx = a[2];
    bool over = false;
    if (a[0] > 0) {
        double t = x * n - sx;
        sxx += t * t / (n * a[0]);
        over = overflows(sx, a[1], x) || overflows(sxx, a[1], x);
        if (isinf(sx) || isinf(sxx))
            sxx = NAN;
    } else if (is_special(x)) {
        sxx = NAN;
    }
    a[0] = n;
    a[1] = sx;
    a[2] = sxx;
    return over;
}

static bool add_pair(double *a, double x, double y) {
    double n = a[0] + 1, sx = a[1] + x, sy = a[3] + y, sxx = a[2], syy = a[4], sxy = a[5];
    bool over = false;
    if (a[0] > 0) {
        double tx = x * n - sx, ty = y * n - sy, scale = 1 / (n * a[0]);
        sxx += tx * tx * scale;
        syy += ty * ty * scale;
        sxy += tx * ty * scale;
    } else {
        if (is_special(x))
            sxx = sxy = NAN;
        if (is_special(y))
            syy = sxy = NAN;
    }
    if (isinf(sx) || isinf(sxx) || isinf(sy) || isinf(syy) || isinf(sxy)) {
        over = overflows(sx, a[1], x) || overflows(sxx, a[1], x) || overflows(sy, a[3], y) ||
               overflows(syy, a[3], y) || (overflows(sxy, a[1], x) && overflows(sxy, a[3], y));
        sxx = isinf(sxx) ? NAN : sxx;
        syy = isinf(syy) ? NAN : syy;
        sxy = isinf(sxy) ? NAN : sxy;
    }
    const double next[6] = {n, sx, sxx, sy, syy, sxy};
    for (int k = 0; k < 6; k++)
        a[k] = next[k];
    return over;
}

/* group_lane MASK: all rows are of one group. */
static void each(const TqpKernelArgs *args, TqpLane group_lane, bool pair) {
    for (uint32_t i = 0; i < args->n; i++) {
        if (!tqp_ref_guarded(args, i))
            continue;
        uint32_t g =
            group_lane == TQP_LANE_MASK ? 0 : (uint32_t)tqp_ref_get(group_lane, args->in[1], i).i;
        double *a = (double *)args->out + g * (pair ? 6 : 3);
        double x = tqp_ref_get(TQP_LANE_F64, args->in[0], i).f;
        bool over = pair ? add_pair(a, x, tqp_ref_get(TQP_LANE_F64, args->in[2], i).f) : add(a, x);
        if (over)
            *args->flags |= TQP_FLAG_OVERFLOW;
    }
}

void tqp_ref_MOMENTS(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    each(args, TQP_LANE_MASK, false);
}

void tqp_ref_GROUP_MOMENTS8(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    each(args, TQP_LANE_U8, false);
}

void tqp_ref_GROUP_MOMENTS32(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    each(args, TQP_LANE_U32, false);
}

void tqp_ref_PAIR_MOMENTS(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    each(args, TQP_LANE_MASK, true);
}

void tqp_ref_GROUP_PAIR_MOMENTS8(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    each(args, TQP_LANE_U8, true);
}

void tqp_ref_GROUP_PAIR_MOMENTS32(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    each(args, TQP_LANE_U32, true);
}
