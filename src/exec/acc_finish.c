/*
 * Accumulators -> result columns: NULL over no row, bias * count added, the range of the result's
 * type and lane enforced.
 */
#include <float.h>
#include <math.h>

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

static TqpStatus finish_int(const Finish *f) {
    const TqpAccumulator *acc = f->info->acc;
    const TqpSlot *slot = &f->column->slot;
    bool sum = acc->kind == TQP_ACC_I64 || acc->kind == TQP_ACC_I128;
    bool count = acc->kind == TQP_ACC_COUNT;
    TqpInt128 least, most;
    result_range(slot, &least, &most);
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t g = group_of(f, i);
        TqpInt128 v = count ? (TqpInt128)f->counts[g] : tqp_lane_get(f->info->lane, f->values, g);
        TqpInt128 add = acc->arg.bias;
        if (count)
            add = 0;
        else if (sum && add != 0 && __builtin_mul_overflow(add, (TqpInt128)f->counts[g], &add))
            return TQP_OVERFLOW;
        if (f->counts[g] == 0 && !count)
            v = 0;
        else if (__builtin_add_overflow(v, add, &v) || v < least || v > most)
            return TQP_OVERFLOW;
        else
            v -= slot->bias;
        tqp_lane_put(slot->lane, f->column->values.data, f->at + i, v);
    }
    return TQP_OK;
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

static TqpStatus finish_values(const Finish *f) {
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
