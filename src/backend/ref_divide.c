/* ref: PostgreSQL's numeric division, digit by digit as numeric.c has them. */
#include "backend/ref.h"

#include <string.h>

#define GROUPS 400 /* of four decimal digits: more than any scale and 39 digits need */

/* Weight and value of the first group of four digits, counted from the point, that is not 0. */
static void first_group(TqpInt128 value, int scale, int *weight, int *group) {
    char digits[TQP_INT128_DIGITS + 1];
    int n = tqp_int128_print(value, digits);
    *weight = *group = 0;
    for (int w = GROUPS / 8; w > -GROUPS; w--) {
        int g = 0;
        for (int place = 4 * w + 3; place >= 4 * w; place--) {
            int at = n - 1 - scale - place; /* of the digit for 10^place */
            g = 10 * g + (at >= 0 && at < n && digits[at] != '-' ? digits[at] - '0' : 0);
        }
        if (g != 0) {
            *weight = w;
            *group = g;
            return;
        }
    }
}

static int result_scale(TqpInt128 x, int x_scale, TqpInt128 y, int y_scale) {
    int xw, xg, yw, yg;
    first_group(x, x_scale, &xw, &xg);
    first_group(y, y_scale, &yw, &yg);
    int weight = xw - yw;
    if (xg <= yg)
        weight--;
    int scale = 16 - weight * 4;
    if (scale < x_scale)
        scale = x_scale;
    if (scale < y_scale)
        scale = y_scale;
    return scale > 1000 ? 1000 : scale;
}

static TqpUint128 absolute(TqpInt128 v) {
    return v < 0 ? -(TqpUint128)v : (TqpUint128)v;
}

/* |x| / |y| to `k` more decimal digits; false when it does not fit. */
static bool long_division(TqpInt128 x, TqpInt128 y, int k, TqpUint128 *q) {
    TqpUint128 m = absolute(x), d = absolute(y), most = (TqpUint128)TQP_INT128_MAX;
    TqpUint128 rest = m % d;
    *q = m / d;
    if (k > 0 && d > most / 10)
        return false;
    for (; k > 0; k--) {
        rest *= 10;
        if (*q > (most - rest / d) / 10)
            return false;
        *q = *q * 10 + rest / d;
        rest %= d;
    }
    if (rest > (d - 1) / 2)
        ++*q;
    return *q <= most;
}

static bool shift(TqpUint128 *q, int places) {
    for (; *q != 0 && places > 0; places--) {
        if (*q > (TqpUint128)TQP_INT128_MAX / 10)
            return false;
        *q *= 10;
    }
    for (; *q != 0 && places < 0; places++) {
        if (*q % 10 != 0)
            return false;
        *q /= 10;
    }
    return true;
}

void tqp_ref_NUM_DIV(TqpLane lane, const TqpKernelArgs *args) {
    int xs = (int)args->imm[0].i, ys = (int)args->imm[1].i, to = (int)args->imm[2].i;
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i, y = tqp_ref_get(lane, args->in[1], i).i;
        TqpUint128 q = 0;
        uint32_t flags = 0;
        if (y == 0) {
            flags = TQP_FLAG_DIV_BY_ZERO;
        } else {
            int scale = result_scale(x, xs, y, ys);
            if (!long_division(x, y, ys - xs + scale, &q) || !shift(&q, to - scale))
                flags = TQP_FLAG_OVERFLOW;
        }
        if (flags != 0) {
            q = 0;
            if (tqp_ref_guarded(args, i))
                *args->flags |= flags;
        }
        tqp_ref_put(lane, args->out, i,
                    tqp_ref_int((x < 0) == (y < 0) ? (TqpInt128)q : -(TqpInt128)q));
    }
}

void tqp_ref_NUM_DIV_SCALE(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        TqpInt128 x = tqp_ref_get(lane, args->in[0], i).i, y = tqp_ref_get(lane, args->in[1], i).i;
        int scale = result_scale(x, (int)args->imm[0].i, y, (int)args->imm[1].i);
        tqp_ref_put(TQP_LANE_I64, args->out, i, tqp_ref_int(scale));
    }
}
