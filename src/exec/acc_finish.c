/*
 * Accumulators -> result columns: NULL over no row, bias * count added, the range of the result's
 * type and lane enforced.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "exec/acc.h"

typedef struct Finish {
    const TqpAccInfo *info;
    const int64_t *counts;
    const void *values;
    const uint8_t *special;
    uint32_t first, n;
    const uint32_t *ids;
    TqpColumn *column;
    uint64_t at;
} Finish;

static uint32_t group_of(const Finish *f, uint32_t i) {
    return f->ids != NULL ? f->ids[i] : f->first + i;
}

/* Values that the result's type and its lane can hold. */
static void result_range(const TqpSlot *slot, TqpInt128 *least, TqpInt128 *most) {
    TqpInt128 type_least, type_most;
    tqp_lane_bounds(slot->lane, least, most);
    if (slot->lane != TQP_LANE_I128) {
        *least += slot->bias;
        *most += slot->bias;
    }
    if (slot->type.kind == TQP_TYPE_NUM)
        return;
    tqp_type_range(slot->type, &type_least, &type_most);
    *least = *least > type_least ? *least : type_least;
    *most = *most < type_most ? *most : type_most;
}

/* Lanes are constants where it is called, so that nothing is chosen in the loop. */
static inline __attribute__((always_inline)) TqpStatus finish_lanes(const Finish *f, TqpLane from,
                                                                    TqpLane to) {
    const TqpAccumulator *acc = f->info->acc;
    const TqpSlot *slot = &f->column->slot;
    bool sum = acc->kind == TQP_ACC_I64 || acc->kind == TQP_ACC_I128;
    TqpInt128 least, most;
    result_range(slot, &least, &most);
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t g = group_of(f, i);
        TqpInt128 v = tqp_lane_get(from, f->values, g), add = acc->arg.bias;
        if (sum && add != 0 && __builtin_mul_overflow(add, (TqpInt128)f->counts[g], &add))
            return TQP_OVERFLOW;
        if (f->counts[g] == 0)
            v = 0;
        else if (__builtin_add_overflow(v, add, &v) || v < least || v > most)
            return TQP_OVERFLOW;
        else
            v -= slot->bias;
        tqp_lane_put(to, f->column->values.data, f->at + i, v);
    }
    return TQP_OK;
}

/* Any int64_t fits the result, and no bias is to be added: values of no row are 0 as well. */
static bool is_copied(const TqpAccInfo *info, const TqpSlot *slot) {
    const TqpAccumulator *acc = info->acc;
    if (slot->lane != TQP_LANE_I64 ||
        (slot->type.kind != TQP_TYPE_I64 && slot->type.kind != TQP_TYPE_NUM))
        return false;
    return acc->kind == TQP_ACC_COUNT ||
           (acc->kind == TQP_ACC_I64 && info->lane == TQP_LANE_I64 && acc->arg.bias == 0);
}

static void copy_values(const Finish *f, const int64_t *values) {
    int64_t *out = (int64_t *)f->column->values.data + f->at;
    if (f->ids == NULL)
        memcpy(out, values + f->first, f->n * sizeof(int64_t));
    for (uint32_t i = 0; f->ids != NULL && i < f->n; i++)
        out[i] = values[f->ids[i]];
}

static TqpStatus finish_int(const Finish *finish) {
    Finish f = *finish;
    TqpLane to = f.column->slot.lane;
    TqpAccKind kind = f.info->acc->kind;
    if (kind == TQP_ACC_COUNT)
        f.values = f.counts;
    if (is_copied(f.info, &f.column->slot)) {
        copy_values(&f, f.values);
        return TQP_OK;
    }
    if (kind == TQP_ACC_COUNT) {
        for (uint32_t i = 0; i < f.n; i++)
            tqp_lane_put(to, f.column->values.data, f.at + i, f.counts[group_of(&f, i)]);
        return TQP_OK;
    }
    if (f.info->lane == TQP_LANE_I64 && to == TQP_LANE_I64)
        return finish_lanes(&f, TQP_LANE_I64, TQP_LANE_I64);
    if (f.info->lane == TQP_LANE_I64 && to == TQP_LANE_I128)
        return finish_lanes(&f, TQP_LANE_I64, TQP_LANE_I128);
    if (f.info->lane == TQP_LANE_I128 && to == TQP_LANE_I128)
        return finish_lanes(&f, TQP_LANE_I128, TQP_LANE_I128);
    return finish_lanes(&f, f.info->lane, to);
}

/* Codes and ranks are copied as they are. */
static TqpStatus finish_codes(const Finish *f) {
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t g = group_of(f, i);
        TqpInt128 v = f->counts[g] > 0 ? tqp_lane_get(f->info->lane, f->values, g) : 0;
        tqp_lane_put(f->column->slot.lane, f->column->values.data, f->at + i, v);
    }
    return TQP_OK;
}

static TqpStatus finish_views(const Finish *f) {
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t g = group_of(f, i);
        TqpView v = f->counts[g] > 0 ? ((const TqpView *)f->values)[g] : tqp_view("", 0);
        ((TqpView *)f->column->values.data)[f->at + i] = v;
    }
    return TQP_OK;
}

static TqpStatus finish_bools(const Finish *f) {
    bool and = f->info->acc->kind == TQP_ACC_AND;
    for (uint32_t i = 0; i < f->n; i++) {
        bool any = ((const int64_t *)f->values)[group_of(f, i)] > 0;
        ((uint8_t *)f->column->values.data)[f->at + i] = and? !any : any;
    }
    return TQP_OK;
}

/*
 * A float sum that is not finite must be what its special inputs make it, whatever the order:
 * otherwise finite values overflowed on the way, and PostgreSQL is to say what happens then.
 */
static bool sum_is_genuine(double sum, uint32_t special) {
    const uint32_t both = TQP_SPECIAL_INF | TQP_SPECIAL_NEG_INF;
    if (isfinite(sum))
        return true;
    if ((special & TQP_SPECIAL_NAN) || (special & both) == both)
        return isnan(sum);
    return isinf(sum) && (special & (sum > 0 ? TQP_SPECIAL_INF : TQP_SPECIAL_NEG_INF)) != 0;
}

static TqpStatus finish_float(const Finish *f) {
    bool sum = f->info->acc->kind == TQP_ACC_F64;
    bool single = f->info->lane == TQP_LANE_F32;
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t g = group_of(f, i);
        double v = single ? ((const float *)f->values)[g] : ((const double *)f->values)[g];
        if (f->counts[g] == 0)
            v = 0;
        if (sum && !sum_is_genuine(v, f->special[g]))
            return TQP_OVERFLOW;
        if (f->column->slot.lane == TQP_LANE_F64) {
            ((double *)f->column->values.data)[f->at + i] = v;
            continue;
        }
        float narrow = (float)v;
        if (isinf(narrow) && !isinf(v))
            return TQP_OVERFLOW;
        ((float *)f->column->values.data)[f->at + i] = narrow;
    }
    return TQP_OK;
}

/* The sum of x may be infinite where an input is; nothing else can be. */
static void finish_moments(const Finish *f) {
    uint32_t width = f->info->width / (uint32_t)sizeof(double), part = f->info->acc->part;
    for (uint32_t i = 0; i < f->n; i++)
        ((double *)f->column->values.data)[f->at + i] =
            ((const double *)f->values)[(size_t)group_of(f, i) * width + part];
}

static TqpStatus finish_values(const Finish *f) {
    if (f->info->acc->kind == TQP_ACC_MOMENTS || f->info->acc->kind == TQP_ACC_PAIRS) {
        finish_moments(f);
        return TQP_OK;
    }
    switch (tqp_type_class(f->column->slot.type.kind)) {
    case TQP_CLASS_BOOL:
        return finish_bools(f);
    case TQP_CLASS_INT:
        return finish_int(f);
    case TQP_CLASS_FLOAT:
        return finish_float(f);
    case TQP_CLASS_TEXT:
        return f->info->lane == TQP_LANE_VIEW ? finish_views(f) : finish_codes(f);
    }
    return TQP_INVALID;
}

const int64_t *tqp_accs_finished(const TqpAccs *accs, const TqpAccPlan *plan, uint32_t acc,
                                 const TqpSlot *slot) {
    const TqpAccInfo *info = &plan->infos[acc];
    bool count = info->acc->kind == TQP_ACC_COUNT;
    /* Counts number 0 are of all rows: no group lacks any. */
    if (!is_copied(info, slot) || (!count && info->count != 0))
        return NULL;
    return count ? accs->counts[info->count].data : accs->values[info->same].data;
}

TqpStatus tqp_accs_finish(const TqpAccs *accs, const TqpAccPlan *plan, uint32_t acc, uint32_t first,
                          uint32_t n, const uint32_t *ids, TqpColumn *column, uint64_t at) {
    const TqpAccInfo *info = &plan->infos[acc];
    Finish f = {.info = info,
                .counts = accs->counts[info->count].data,
                .values = accs->values[info->same].data,
                .special = accs->special[info->same].data,
                .first = first,
                .n = n,
                .ids = ids,
                .column = column,
                .at = at};
    TQP_TRY(finish_values(&f));
    uint8_t *valid = column->valid.data;
    for (uint32_t i = 0; valid != NULL && i < n; i++)
        valid[at + i] = f.counts[group_of(&f, i)] > 0;
    return TQP_OK;
}
