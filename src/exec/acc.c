/* Accumulator arrays: planning, growing, adding tiles, merging. */
#include "exec/acc.h"
#include "base/moments.h"
#include "exec/memory.h"

#include <math.h>
#include <string.h>

static bool counts_own_rows(const TqpAccumulator *acc) {
    return acc->distinct &&
           (acc->kind == TQP_ACC_COUNT || acc->kind == TQP_ACC_I64 || acc->kind == TQP_ACC_I128 ||
            acc->kind == TQP_ACC_F64 || acc->kind == TQP_ACC_MOMENTS);
}

static uint32_t find_count(TqpAccPlan *plan, const TqpAccumulator *acc) {
    TqpAccCount count = {acc->arg.valid, acc->filter, counts_own_rows(acc)};
    for (uint32_t k = 0; k < plan->ncounts && !count.distinct; k++)
        if (plan->counts[k].valid == count.valid && plan->counts[k].filter == count.filter &&
            !plan->counts[k].distinct)
            return k;
    plan->counts[plan->ncounts] = count;
    return plan->ncounts++;
}

static TqpLane value_lane(const TqpAccPlan *plan, const TqpAccumulator *acc) {
    switch (acc->kind) {
    case TQP_ACC_I64:
        return plan->scalar ? TQP_LANE_I128 : TQP_LANE_I64;
    case TQP_ACC_I128:
        return TQP_LANE_I128;
    case TQP_ACC_F64:
    case TQP_ACC_MOMENTS:
    case TQP_ACC_PAIRS:
        return TQP_LANE_F64;
    case TQP_ACC_MIN:
    case TQP_ACC_MAX:
        return acc->arg.lane;
    default:
        return TQP_LANE_I64;
    }
}

static uint32_t value_width(const TqpAccInfo *info) {
    if (info->acc->kind == TQP_ACC_MOMENTS)
        return sizeof(TqpMoments);
    if (info->acc->kind == TQP_ACC_PAIRS)
        return sizeof(TqpPairMoments);
    return tqp_column_width(info->lane);
}

/* Whichever part of them the result is. */
static bool same_values(const TqpAccumulator *a, const TqpAccumulator *b) {
    return a->kind == b->kind && a->arg.reg == b->arg.reg && a->arg.valid == b->arg.valid &&
           a->filter == b->filter && counts_own_rows(a) == counts_own_rows(b) &&
           a->factor.times == b->factor.times && a->factor.add == b->factor.add &&
           a->factor.reg == b->factor.reg && (a->kind != TQP_ACC_PAIRS || a->pair == b->pair);
}

TqpStatus tqp_acc_plan(TqpAccPlan *plan, TqpArena *arena, const TqpBackend *backend,
                       const TqpSink *sink) {
    memset(plan, 0, sizeof(*plan));
    plan->backend = backend;
    plan->scalar = sink->grouping == TQP_GROUP_NONE;
    plan->naccs = sink->naccs;
    plan->mask_words = backend->tile_rows / 64;
    plan->infos = tqp_arena_zalloc(arena, (sink->naccs + 1) * sizeof(TqpAccInfo));
    plan->counts = tqp_arena_zalloc(arena, (sink->naccs + 1) * sizeof(TqpAccCount));
    if (plan->infos == NULL || plan->counts == NULL)
        return arena->failed != TQP_OK ? arena->failed : TQP_NO_MEMORY;
    plan->counts[plan->ncounts++] = (TqpAccCount){TQP_NO_REG, TQP_NO_REG, false};
    for (uint32_t a = 0; a < sink->naccs; a++) {
        TqpAccInfo *info = &plan->infos[a];
        info->acc = &sink->accs[a];
        info->lane = value_lane(plan, info->acc);
        info->width = value_width(info);
        info->distinct = counts_own_rows(info->acc);
        info->same = a;
        for (uint32_t b = 0; b < a; b++)
            if (same_values(info->acc, plan->infos[b].acc)) {
                info->same = plan->infos[b].same;
                break;
            }
        plan->infos[info->same].bounded |= info->acc->bounded;
        info->count = info->same != a ? plan->infos[info->same].count : find_count(plan, info->acc);
        info->has_values = info->same == a && info->acc->kind != TQP_ACC_COUNT;
    }
    plan->by_segments = tqp_acc_plan_has_segments(plan);
    return TQP_OK;
}

size_t tqp_accs_bytes_per_group(const TqpAccPlan *plan) {
    size_t bytes = plan->ncounts * sizeof(int64_t);
    for (uint32_t a = 0; a < plan->naccs; a++)
        if (plan->infos[a].has_values)
            bytes += plan->infos[a].width + 1;
    return bytes;
}

TqpStatus tqp_accs_init(TqpAccs *accs, const TqpAccPlan *plan, TqpArena *arena) {
    memset(accs, 0, sizeof(*accs));
    size_t n = plan->naccs + 1;
    accs->counts = tqp_arena_zalloc(arena, plan->ncounts * sizeof(TqpBuffer));
    accs->values = tqp_arena_zalloc(arena, n * sizeof(TqpBuffer));
    accs->special = tqp_arena_zalloc(arena, n * sizeof(TqpBuffer));
    accs->masks = tqp_arena_zalloc(arena, (plan->ncounts + 1) * plan->mask_words * 8);
    accs->sums = tqp_arena_alloc(arena, n * sizeof(TqpSum));
    accs->sum_out = tqp_arena_alloc(arena, n * TQP_FEW_GROUPS * sizeof(int64_t));
    accs->scratch = tqp_arena_alloc(arena, (size_t)plan->backend->tile_rows * sizeof(TqpInt128));
    if (accs->counts == NULL || accs->values == NULL || accs->special == NULL ||
        accs->masks == NULL || accs->sums == NULL || accs->sum_out == NULL ||
        accs->scratch == NULL) {
        memset(accs, 0, sizeof(*accs));
        return arena->failed != TQP_OK ? arena->failed : TQP_NO_MEMORY;
    }
    return TQP_OK;
}

void tqp_accs_free(TqpAccs *accs, const TqpAccPlan *plan) {
    for (uint32_t k = 0; accs->counts != NULL && k < plan->ncounts; k++)
        tqp_buffer_free(&accs->counts[k]);
    for (uint32_t a = 0; accs->counts != NULL && a < plan->naccs; a++) {
        tqp_buffer_free(&accs->values[a]);
        tqp_buffer_free(&accs->special[a]);
    }
}

/*
 * The value of an empty group: what MIN and MAX begin with, -0 for a sum of floats (0 + -0 is 0),
 * else 0.  NaN is the greatest float.
 */
static TqpStatus init_values(const TqpAccInfo *info, void *values, uint32_t from, uint32_t to,
                             const TqpStop *stop) {
    bool min = info->acc->kind == TQP_ACC_MIN, max = info->acc->kind == TQP_ACC_MAX;
    bool sum = info->acc->kind == TQP_ACC_F64;
    uint32_t width = info->width;
    TqpInt128 least, most;
    if ((!min && !max && !sum) || info->lane == TQP_LANE_VIEW) {
        return tqp_memory_clear((char *)values + (size_t)from * width, (size_t)(to - from) * width,
                                stop);
    }
    tqp_lane_bounds(info->lane, &least, &most);
    for (uint32_t g = from; g < to; g++) {
        if (tqp_stop_at(stop, g))
            return TQP_CANCELLED;
        if (info->lane == TQP_LANE_F32)
            ((float *)values)[g] = min ? NAN : -INFINITY;
        else if (info->lane == TQP_LANE_F64)
            ((double *)values)[g] = sum ? -0.0 : min ? NAN : -INFINITY;
        else
            tqp_lane_put(info->lane, values, g, min ? most : least);
    }
    return TQP_OK;
}

TqpStatus tqp_accs_reserve(TqpAccs *accs, const TqpAccPlan *plan, TqpBroker *broker, uint32_t n,
                           const TqpStop *stop) {
    size_t kept = accs->ngroups, cap = n;
    if (n <= accs->capacity)
        return TQP_OK;
    for (uint32_t k = 0; k < plan->ncounts; k++)
        TQP_TRY(tqp_memory_grow(&accs->counts[k], broker, kept * 8, cap * 8, stop));
    for (uint32_t a = 0; a < plan->naccs; a++) {
        const TqpAccInfo *info = &plan->infos[a];
        size_t width = info->width;
        if (!info->has_values)
            continue;
        TQP_TRY(tqp_memory_grow(&accs->values[a], broker, kept * width, cap * width, stop));
        if (info->acc->kind == TQP_ACC_F64)
            TQP_TRY(tqp_memory_grow(&accs->special[a], broker, kept, cap, stop));
    }
    accs->capacity = n;
    return TQP_OK;
}

TqpStatus tqp_accs_grow(TqpAccs *accs, const TqpAccPlan *plan, TqpBroker *broker, uint32_t n,
                        const TqpStop *stop) {
    uint32_t from = accs->ngroups;
    if (n <= from)
        return TQP_OK;
    if (n > accs->capacity) {
        uint64_t cap = (uint64_t)accs->capacity * 2;
        cap = cap < n ? n : cap < UINT32_MAX ? cap : UINT32_MAX;
        TQP_TRY(tqp_accs_reserve(accs, plan, broker, (uint32_t)cap, stop));
    }
    size_t more = n - from;
    for (uint32_t k = 0; k < plan->ncounts; k++)
        TQP_TRY(tqp_memory_clear((int64_t *)accs->counts[k].data + from, more * 8, stop));
    for (uint32_t a = 0; a < plan->naccs; a++) {
        const TqpAccInfo *info = &plan->infos[a];
        if (!info->has_values)
            continue;
        TQP_TRY(init_values(info, accs->values[a].data, from, n, stop));
        if (info->acc->kind == TQP_ACC_F64)
            TQP_TRY(tqp_memory_clear((char *)accs->special[a].data + from, more, stop));
    }
    accs->ngroups = n;
    return TQP_OK;
}

const uint64_t *tqp_acc_guard(const TqpAccPlan *plan, const TqpTile *tile, const TqpAccInfo *info,
                              uint64_t *buf) {
    const TqpAccCount *count = &plan->counts[info->count];
    return tqp_tile_guard(tile, count->valid, count->filter, buf);
}

/* ---- adding a tile ---- */

typedef struct Add {
    TqpAccs *accs;
    const TqpAccPlan *plan;
    TqpTile *tile;
    const void *groups; /* NULL when scalar */
    bool narrow;        /* groups are U8 */
    bool few;           /* ... and at most TQP_FEW_GROUPS */
} Add;

static void call(Add *add, TqpStepOp op, TqpLane lane, void *out, const void *in,
                 const uint64_t *guard) {
    TqpKernelArgs args = {.n = add->tile->n,
                          .out = out,
                          .in = {in, add->groups, NULL},
                          .guard = guard,
                          .aux_count = add->accs->ngroups,
                          .flags = &add->tile->flags};
    add->plan->backend->kernels[op][lane](&args);
}

/* ---- few groups: all counts and sums of the same rows in one pass ---- */

static bool is_summed_at_once(const Add *add, const TqpAccInfo *info) {
    return add->few && info->has_values && !info->distinct && info->acc->kind == TQP_ACC_I64;
}

static TqpSum sum_of(const Add *add, const TqpAccumulator *acc) {
    const TqpSlot *arg = &acc->arg;
    TqpInt128 least = arg->min - arg->bias, most = arg->max - arg->bias;
    TqpSum sum = {.lane = arg->lane,
                  .values = add->tile->regs[arg->reg],
                  .add = acc->factor.add,
                  .times = acc->factor.times};
    if (acc->factor.times != 0)
        sum.factor = add->tile->regs[acc->factor.reg];
    if (arg->has_range && least >= 0 && most <= INT64_MAX)
        sum.greatest = (uint64_t)most;
    return sum;
}

static void add_results(const Add *add, const int64_t *results, int64_t *values) {
    for (uint32_t g = 0; g < add->accs->ngroups; g++)
        values[g] = (int64_t)((uint64_t)values[g] + (uint64_t)results[g]);
}

/* Counts number `k`, and the sums over the same rows. */
static void add_few(Add *add, uint32_t k, const uint64_t *guard) {
    TqpAccs *accs = add->accs;
    const TqpAccPlan *plan = add->plan;
    uint32_t n = 0, ngroups = accs->ngroups;
    accs->sums[n++] = (TqpSum){.lane = TQP_LANE_MASK};
    for (uint32_t a = 0; a < plan->naccs; a++)
        if (plan->infos[a].count == k && is_summed_at_once(add, &plan->infos[a]))
            accs->sums[n++] = sum_of(add, plan->infos[a].acc);
    memset(accs->sum_out, 0, (size_t)n * ngroups * sizeof(int64_t));
    /* The tile's columns are fetched for the next tile once, beside the count of all rows. */
    TqpSumPass pass = {.ngroups = ngroups,
                       .nsums = n,
                       .nahead = k == 0 ? add->tile->nahead : 0,
                       .sums = accs->sums,
                       .ahead = add->tile->ahead};
    TqpKernelArgs args = {.n = add->tile->n,
                          .out = accs->sum_out,
                          .in = {NULL, add->groups, NULL},
                          .guard = guard,
                          .aux = &pass,
                          .aux_count = 1,
                          .flags = &add->tile->flags};
    plan->backend->kernels[TQP_STEP_GROUP_SUMS8][TQP_LANE_MASK](&args);
    const int64_t *results = accs->sum_out;
    add_results(add, results, accs->counts[k].data);
    for (uint32_t a = 0; a < plan->naccs; a++)
        if (plan->infos[a].count == k && is_summed_at_once(add, &plan->infos[a]))
            add_results(add, results += ngroups, accs->values[a].data);
}

/* ---- one array at a time ---- */

static void add_count(Add *add, int64_t *counts, const uint64_t *guard) {
    if (add->groups == NULL)
        *counts += guard == NULL ? add->tile->n : tqp_bitmap_count(guard, add->tile->n);
    else
        call(add, add->narrow ? TQP_STEP_GROUP_COUNT8 : TQP_STEP_GROUP_COUNT32, TQP_LANE_MASK,
             counts, NULL, guard);
}

/* bool_and counts false rows, bool_or true ones. */
static void add_bools(Add *add, const TqpAccInfo *info, int64_t *counts, const uint64_t *guard) {
    const uint64_t *arg = add->tile->regs[info->acc->arg.reg];
    uint64_t *mask = add->accs->masks + (size_t)add->plan->ncounts * add->plan->mask_words;
    uint32_t words = tqp_bitmap_words(add->tile->n);
    uint64_t flip = info->acc->kind == TQP_ACC_AND ? ~UINT64_C(0) : 0;
    for (uint32_t w = 0; w < words; w++) {
        uint64_t rows = guard != NULL    ? guard[w]
                        : w + 1 == words ? tqp_bitmap_tail(add->tile->n)
                                         : ~UINT64_C(0);
        mask[w] = (arg[w] ^ flip) & rows;
    }
    add_count(add, counts, mask);
}

/* An integer argument in a lane that the wide sums know. */
static const void *widen(Add *add, const TqpAccInfo *info, TqpLane *lane) {
    const void *arg = add->tile->regs[info->acc->arg.reg];
    if (*lane == TQP_LANE_I64 || *lane == TQP_LANE_I128)
        return arg;
    tqp_tile_kernel(add->tile, TQP_STEP_TO_I64, *lane, add->tile->n, add->accs->scratch, arg, NULL,
                    NULL, (TqpScalar){.i = 0}, NULL);
    *lane = TQP_LANE_I64;
    return add->accs->scratch;
}

static void add_int(Add *add, const TqpAccInfo *info, void *values, const uint64_t *guard) {
    TqpLane lane = info->acc->arg.lane;
    const void *arg = add->tile->regs[info->acc->arg.reg];
    if (add->groups == NULL) {
        call(add, TQP_STEP_SUM, lane, values, arg, guard);
    } else if (info->lane == TQP_LANE_I64) {
        call(add, add->narrow ? TQP_STEP_GROUP_SUM8 : TQP_STEP_GROUP_SUM32, lane, values, arg,
             guard);
    } else {
        arg = widen(add, info, &lane);
        call(add, add->narrow ? TQP_STEP_GROUP_WSUM8 : TQP_STEP_GROUP_WSUM32, lane, values, arg,
             guard);
    }
}

/* No infinity, no NaN and, of F64, nothing from `limit` on (exponent bits). */
static bool all_below(TqpLane lane, const void *values, uint32_t n, uint64_t limit) {
    uint64_t special = 0;
    if (lane == TQP_LANE_F32) {
        const uint32_t *bits = values;
        for (uint32_t i = 0; i < n; i++)
            special |= (bits[i] & 0x7f800000u) == 0x7f800000u;
    } else {
        const uint64_t *bits = values;
        const uint64_t magnitude = ~(UINT64_C(1) << 63);
        for (uint32_t i = 0; i < n; i++)
            special |= (bits[i] & magnitude) >= limit;
    }
    return special == 0;
}

static uint32_t special_of(double v) {
    if (isnan(v))
        return TQP_SPECIAL_NAN;
    return !isinf(v) ? 0 : v > 0 ? TQP_SPECIAL_INF : TQP_SPECIAL_NEG_INF;
}

static void add_special(Add *add, const TqpAccInfo *info, uint8_t *special, const uint64_t *guard) {
    const void *arg = add->tile->regs[info->acc->arg.reg];
    for (uint32_t i = 0; i < add->tile->n; i++) {
        if (guard != NULL && !tqp_bitmap_get(guard, i))
            continue;
        uint32_t group = add->groups == NULL ? 0
                         : add->narrow       ? ((const uint8_t *)add->groups)[i]
                                             : ((const uint32_t *)add->groups)[i];
        bool single = info->acc->arg.lane == TQP_LANE_F32;
        double x = single ? ((const float *)arg)[i] : ((const double *)arg)[i];
        special[group] |= (uint8_t)special_of(x);
        if (info->bounded && isfinite(x) && fabs(x) >= 0x1p440)
            add->tile->flags |= TQP_FLAG_OVERFLOW;
    }
}

static void add_float(Add *add, const TqpAccInfo *info, uint32_t a, const uint64_t *guard) {
    TqpLane lane = info->acc->arg.lane;
    const void *arg = add->tile->regs[info->acc->arg.reg];
    TqpStepOp op = add->groups == NULL ? TQP_STEP_SUM
                   : add->narrow       ? TQP_STEP_GROUP_FSUM8
                                       : TQP_STEP_GROUP_FSUM32;
    call(add, op, lane, add->accs->values[a].data, arg, guard);
    uint64_t limit = info->bounded ? TQP_BOUND_EXPONENT : UINT64_C(0x7ff) << 52;
    if (!all_below(lane, arg, add->tile->n, limit))
        add_special(add, info, add->accs->special[a].data, guard);
}

static void add_moments(Add *add, const TqpAccInfo *info, void *values, const uint64_t *guard) {
    static const TqpStepOp ops[2][3] = {
        {TQP_STEP_MOMENTS, TQP_STEP_GROUP_MOMENTS8, TQP_STEP_GROUP_MOMENTS32},
        {TQP_STEP_PAIR_MOMENTS, TQP_STEP_GROUP_PAIR_MOMENTS8, TQP_STEP_GROUP_PAIR_MOMENTS32}};
    bool pairs = info->acc->kind == TQP_ACC_PAIRS;
    int grouping = add->groups == NULL ? 0 : add->narrow ? 1 : 2;
    TqpKernelArgs args = {.n = add->tile->n,
                          .out = values,
                          .in = {add->tile->regs[info->acc->arg.reg], add->groups,
                                 pairs ? add->tile->regs[info->acc->pair] : NULL},
                          .guard = guard,
                          .aux_count = add->accs->ngroups,
                          .flags = &add->tile->flags};
    add->plan->backend->kernels[ops[pairs][grouping]][TQP_LANE_F64](&args);
}

static void add_extreme(Add *add, const TqpAccInfo *info, void *values, const uint64_t *guard) {
    static const TqpStepOp ops[2][3] = {{TQP_STEP_MIN, TQP_STEP_GROUP_MIN8, TQP_STEP_GROUP_MIN32},
                                        {TQP_STEP_MAX, TQP_STEP_GROUP_MAX8, TQP_STEP_GROUP_MAX32}};
    int grouping = add->groups == NULL ? 0 : add->narrow ? 1 : 2;
    call(add, ops[info->acc->kind == TQP_ACC_MAX][grouping], info->lane, values,
         add->tile->regs[info->acc->arg.reg], guard);
}

void tqp_accs_add(TqpAccs *accs, const TqpAccPlan *plan, TqpTile *tile, const void *groups,
                  TqpLane group_lane) {
    Add add = {.accs = accs,
               .plan = plan,
               .tile = tile,
               .groups = plan->scalar ? NULL : groups,
               .narrow = group_lane == TQP_LANE_U8};
    add.few = add.groups != NULL && add.narrow && accs->ngroups <= TQP_FEW_GROUPS;
    for (uint32_t k = 0; k < plan->ncounts; k++) {
        if (plan->counts[k].distinct)
            continue;
        const TqpAccCount *count = &plan->counts[k];
        uint64_t *buf = accs->masks + (size_t)k * plan->mask_words;
        const uint64_t *guard = tqp_tile_guard(tile, count->valid, count->filter, buf);
        if (add.few)
            add_few(&add, k, guard);
        else
            add_count(&add, accs->counts[k].data, guard);
    }
    for (uint32_t a = 0; a < plan->naccs; a++) {
        const TqpAccInfo *info = &plan->infos[a];
        if (!info->has_values || info->distinct || is_summed_at_once(&add, info))
            continue;
        /* Recomputed where it was computed for the count: a few words of AND. */
        const uint64_t *guard =
            tqp_acc_guard(plan, tile, info, accs->masks + (size_t)info->count * plan->mask_words);
        void *values = accs->values[a].data;
        if (info->acc->kind == TQP_ACC_AND || info->acc->kind == TQP_ACC_OR)
            add_bools(&add, info, values, guard);
        else if (info->acc->kind == TQP_ACC_F64)
            add_float(&add, info, a, guard);
        else if (info->acc->kind == TQP_ACC_MOMENTS || info->acc->kind == TQP_ACC_PAIRS)
            add_moments(&add, info, values, guard);
        else if (info->acc->kind == TQP_ACC_MIN || info->acc->kind == TQP_ACC_MAX)
            add_extreme(&add, info, values, guard);
        else
            add_int(&add, info, values, guard);
    }
}
