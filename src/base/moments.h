/*
 * Sums about the mean by the recurrence of Youngs and Cramer, as PostgreSQL keeps them (float.c,
 * float8_accum, float8_regr_accum and their combines): exact where a sum of squares cancels.  A
 * NaN or an infinity among the values makes the sums about the mean NaN.  All functions return
 * false when finite values overflow; what they leave then is not to be used.
 */
#ifndef TQP_BASE_MOMENTS_H
#define TQP_BASE_MOMENTS_H

#include <math.h>
#include <stdbool.h>

/* n values, their sum, the sum of their squared distances from the mean; all 0 at first. */
typedef struct TqpMoments {
    double n, sx, sxx;
} TqpMoments;

/* Of n pairs; sxy: the sum of the products of the distances. */
typedef struct TqpPairMoments {
    double n, sx, sxx, sy, syy, sxy;
} TqpPairMoments;

static inline bool tqp_moments_add(TqpMoments *m, double x) {
    double before = m->n, n = before + 1.0, sx = m->sx + x, sxx = m->sxx;
    bool ok = true;
    if (before > 0.0) {
        double distance = x * n - sx;
        sxx += distance * distance / (n * before);
        if (__builtin_expect(isinf(sx) || isinf(sxx), 0)) {
            ok = isinf(m->sx) || isinf(x);
            sxx = NAN;
        }
    } else if (!isfinite(x)) {
        sxx = NAN;
    }
    *m = (TqpMoments){n, sx, sxx};
    return ok;
}

static inline bool tqp_moments_merge(TqpMoments *a, const TqpMoments *b) {
    if (b->n == 0.0)
        return true;
    if (a->n == 0.0) {
        *a = *b;
        return true;
    }
    double n = a->n + b->n, sx = a->sx + b->sx, distance = a->sx / a->n - b->sx / b->n;
    double sxx = a->sxx + b->sxx + a->n * b->n * distance * distance / n;
    bool ok = !isinf(sxx) && (!isinf(sx) || isinf(a->sx) || isinf(b->sx));
    *a = (TqpMoments){n, sx, sxx};
    return ok;
}

/* An infinite sum of one value, or about the mean of it, is no error where an input was infinite.
 */
static inline bool tqp_pair_moments_settle(TqpPairMoments *m, const TqpPairMoments *before,
                                           double x, double y) {
    bool inf_x = isinf(before->sx) || isinf(x), inf_y = isinf(before->sy) || isinf(y);
    bool ok = ((!isinf(m->sx) && !isinf(m->sxx)) || inf_x) &&
              ((!isinf(m->sy) && !isinf(m->syy)) || inf_y) && (!isinf(m->sxy) || inf_x || inf_y);
    m->sxx = isinf(m->sxx) ? NAN : m->sxx;
    m->syy = isinf(m->syy) ? NAN : m->syy;
    m->sxy = isinf(m->sxy) ? NAN : m->sxy;
    return ok;
}

static inline bool tqp_pair_moments_add(TqpPairMoments *m, double x, double y) {
    const TqpPairMoments before = *m;
    TqpPairMoments next = before;
    next.n += 1.0;
    next.sx += x;
    next.sy += y;
    if (before.n > 0.0) {
        double dx = x * next.n - next.sx, dy = y * next.n - next.sy;
        double scale = 1.0 / (next.n * before.n);
        next.sxx += dx * dx * scale;
        next.syy += dy * dy * scale;
        next.sxy += dx * dy * scale;
    } else {
        next.sxx = isfinite(x) ? next.sxx : NAN;
        next.syy = isfinite(y) ? next.syy : NAN;
        next.sxy = isfinite(x) && isfinite(y) ? next.sxy : NAN;
    }
    *m = next;
    if (__builtin_expect(isinf(next.sx) || isinf(next.sxx) || isinf(next.sy) || isinf(next.syy) ||
                             isinf(next.sxy),
                         0))
        return tqp_pair_moments_settle(m, &before, x, y);
    return true;
}

static inline bool tqp_pair_moments_merge(TqpPairMoments *a, const TqpPairMoments *b) {
    if (b->n == 0.0)
        return true;
    if (a->n == 0.0) {
        *a = *b;
        return true;
    }
    double n = a->n + b->n, dx = a->sx / a->n - b->sx / b->n, dy = a->sy / a->n - b->sy / b->n;
    TqpPairMoments m = {.n = n,
                        .sx = a->sx + b->sx,
                        .sxx = a->sxx + b->sxx + a->n * b->n * dx * dx / n,
                        .sy = a->sy + b->sy,
                        .syy = a->syy + b->syy + a->n * b->n * dy * dy / n,
                        .sxy = a->sxy + b->sxy + a->n * b->n * dx * dy / n};
    bool ok = !isinf(m.sxx) && !isinf(m.syy) && !isinf(m.sxy) &&
              (!isinf(m.sx) || isinf(a->sx) || isinf(b->sx)) &&
              (!isinf(m.sy) || isinf(a->sy) || isinf(b->sy));
    *a = m;
    return ok;
}

#endif
