/*
 * Aggregation: dense grouping on codes where every key has few, accumulators that are proved to
 * fit, and what the finished columns are to the next pipeline.
 */
#include <stddef.h>

#include "base/moments.h"
#include "program/bind.h"

#define DENSE_LIMIT (UINT64_C(16) << 20)
#define DENSE_BYTES (UINT64_C(256) << 20) /* of one thread's accumulators, when nobody says */

static TqpInt128 row_bound(const TqpBinder *b) {
    return b->source.max_rows > 0 ? (TqpInt128)b->source.max_rows : 1;
}

/* ---- keys ---- */

/* The number of codes of a dense key and, INT class, the value of code 0. */
static bool dense_codes(const TqpBound *v, bool single, uint64_t limit, uint64_t *codes,
                        int64_t *bias) {
    *bias = 0;
    *codes = 1;
    if (v->loose)
        return false;
    if (tqp_bind_is_null(v))
        return true;
    if (v->s.type.kind == TQP_TYPE_BOOL) {
        *codes = 2;
        return true;
    }
    if (tqp_bind_is_dict(v)) {
        *codes = v->s.dict->count;
        return *codes <= limit;
    }
    if (tqp_type_class(v->s.type.kind) != TQP_CLASS_INT || !tqp_bind_fits_i64(v->s.min, v->s.max))
        return false;
    TqpInt128 span = v->s.max - v->s.min, unused = v->s.min - v->s.bias;
    /* A few unused codes are cheaper than a subtraction, but not when they multiply. */
    bool keep =
        !v->is_const && tqp_bind_is_code(v->s.lane) && unused <= (single ? span / 8 + 16 : 0);
    *bias = keep ? v->s.bias : (int64_t)v->s.min;
    TqpInt128 n = v->s.max - *bias + 1;
    *codes = n > (TqpInt128)limit ? limit + 1 : (uint64_t)n;
    return *codes <= limit;
}

static uint16_t dense_code_reg(TqpBinder *b, const TqpBound *v, const TqpDenseKey *key,
                               TqpLane lane, int64_t bias) {
    uint16_t reg;
    if (tqp_bind_is_null(v))
        return tqp_bind_fill_int(b, lane, 0);
    if (v->s.type.kind == TQP_TYPE_BOOL) {
        TqpBound m = tqp_bind_to_reg(b, *v);
        reg = tqp_bind_unary(b, TQP_STEP_MASK_TO_U8, TQP_LANE_MASK, m.s.reg, 0, TQP_LANE_U8);
        if (lane != TQP_LANE_U8)
            reg = tqp_bind_unary(b, TQP_STEP_TO_U32, TQP_LANE_U8, reg, 0, lane);
    } else {
        reg = tqp_bind_int_reg(b, v, lane, bias);
    }
    if (v->s.valid == TQP_NO_REG)
        return reg;
    uint16_t null_code = tqp_bind_fill_int(b, lane, key->cardinality - 1);
    return tqp_bind_select(b, lane, reg, null_code, v->s.valid);
}

static bool is_nullable(const TqpBound *v) {
    return tqp_bind_is_null(v) || v->s.valid != TQP_NO_REG;
}

static uint64_t dense_limit(const TqpBinder *b, uint32_t naccs) {
    uint64_t limit = b->options.dense_group_max;
    if (limit == 0) {
        uint64_t rows = b->source.max_rows;
        limit = rows < DENSE_LIMIT / 2 ? rows * 2 : DENSE_LIMIT;
        limit = limit < 4096 ? 4096 : limit;
    }
    /* Most accumulators have 8 bytes, and rows are counted beside them. */
    uint64_t bytes = b->options.dense_bytes > 0 ? b->options.dense_bytes : DENSE_BYTES;
    uint64_t by_memory = bytes / (8 * ((uint64_t)naccs + 1));
    limit = limit < by_memory ? limit : by_memory;
    return limit < UINT32_MAX ? limit : UINT32_MAX;
}

/* Fills the sink's dense part; false when the keys have too many codes. */
static bool try_dense(TqpBinder *b, TqpSink *sink, const TqpBound *keys, TqpSlot *slots) {
    uint64_t limit = dense_limit(b, sink->naccs), total = 1;
    TqpDenseKey *dense = tqp_bind_zalloc(b, sink->nkeys * sizeof(*dense));
    for (uint32_t i = 0; i < sink->nkeys; i++) {
        uint64_t codes;
        int64_t bias;
        if (dense == NULL || !dense_codes(&keys[i], sink->nkeys == 1, limit, &codes, &bias))
            return false;
        dense[i].nullable = is_nullable(&keys[i]);
        codes += dense[i].nullable && !tqp_bind_is_null(&keys[i]);
        total *= codes;
        if (total > limit)
            return false;
        dense[i].cardinality = (uint32_t)codes;
        slots[i] = keys[i].s;
        slots[i].reg = slots[i].valid = TQP_NO_REG;
        slots[i].bias = bias;
        slots[i].lane =
            slots[i].type.kind == TQP_TYPE_BOOL ? TQP_LANE_U8 : tqp_bind_code_lane((uint32_t)codes);
    }
    TqpLane lane = total <= 256 ? TQP_LANE_U8 : TQP_LANE_U32;
    for (uint32_t i = sink->nkeys; i-- > 0;) {
        uint16_t code = dense_code_reg(b, &keys[i], &dense[i], lane, slots[i].bias);
        if (i + 1 == sink->nkeys) {
            sink->group = code;
            continue;
        }
        uint16_t scaled = sink->group;
        if (dense[i].cardinality != 1)
            scaled = tqp_bind_unary(b, TQP_STEP_MUL_RI, lane, scaled, dense[i].cardinality, lane);
        sink->group = tqp_bind_binary(b, TQP_STEP_ADD_RR, lane, scaled, code, lane);
    }
    sink->grouping = TQP_GROUP_DENSE;
    sink->dense = dense;
    sink->ngroups = (uint32_t)total;
    return true;
}

static TqpSlot hash_key(TqpBinder *b, const TqpBound *v) {
    TqpSlot s = tqp_bind_to_reg(b, *v).s;
    if (s.lane == TQP_LANE_MASK) {
        s.reg = tqp_bind_unary(b, TQP_STEP_MASK_TO_U8, TQP_LANE_MASK, s.reg, 0, TQP_LANE_U8);
        s.lane = TQP_LANE_U8;
    }
    return s;
}

static void group(TqpBinder *b, TqpSink *sink, const TqpBound *keys, TqpSlot *slots) {
    sink->keys = slots;
    sink->group = TQP_NO_REG;
    sink->grouping = TQP_GROUP_NONE;
    sink->ngroups = 1;
    if (sink->nkeys == 0 || try_dense(b, sink, keys, slots))
        return;
    sink->grouping = TQP_GROUP_HASH;
    sink->ngroups = 0;
    for (uint32_t i = 0; i < sink->nkeys; i++)
        slots[i] = hash_key(b, &keys[i]);
}

/* ---- accumulators ---- */

static TqpInt128 times_rows(const TqpBinder *b, TqpInt128 bound, TqpInt128 saturated) {
    TqpInt128 product;
    return __builtin_mul_overflow(bound, row_bound(b), &product) ? saturated : product;
}

static TqpSlot finished(TqpType type, TqpLane lane, TqpInt128 min, TqpInt128 max) {
    return tqp_bind_int_slot(type, lane, 0, TQP_NO_REG, TQP_NO_REG, min, max).s;
}

/*
 * A product with a small factor need not be computed where the sum can multiply: its step is
 * dropped when nothing else reads it.  The sum of the values themselves may share their bytes.
 */
static void take_factor(const TqpBinder *b, TqpAccumulator *acc) {
    const TqpStep *s = NULL;
    for (uint32_t i = b->nsteps; i-- > 0 && s == NULL;)
        if (b->steps[i].out == acc->arg.reg)
            s = &b->steps[i];
    if (s == NULL || s->op != TQP_STEP_MUL_WIDE_SMALL || s->imm[2].i > INT8_MAX)
        return;
    acc->factor = (TqpFactor){s->in[1], (int32_t)s->imm[0].i, (int32_t)s->imm[1].i};
    acc->arg.reg = s->in[0];
    acc->arg.lane = TQP_LANE_U32;
    acc->arg.has_range = false;
}

static void sum_ints(TqpBinder *b, TqpAccumulator *acc, const TqpBound *v, bool few, TqpType type) {
    TqpInt128 low = v->s.min - v->s.bias, high = v->s.max - v->s.bias;
    TqpInt128 top = -low > high ? -low : high;
    acc->arg = v->s;
    if (v->s.min > TQP_INT128_MIN && times_rows(b, top, TQP_INT128_MAX) <= INT64_MAX &&
        v->s.lane != TQP_LANE_I128) {
        acc->kind = TQP_ACC_I64;
        if (few && !acc->distinct)
            take_factor(b, acc);
    } else {
        acc->kind = TQP_ACC_I128;
        acc->arg.lane = v->s.lane == TQP_LANE_I128 ? TQP_LANE_I128 : TQP_LANE_I64;
        acc->arg.reg = tqp_bind_int_reg(b, v, acc->arg.lane, 0);
        acc->arg.bias = 0;
    }
    TqpInt128 min = v->s.min < 0 ? times_rows(b, v->s.min, TQP_INT128_MIN) : v->s.min;
    TqpInt128 max = v->s.max > 0 ? times_rows(b, v->s.max, TQP_INT128_MAX) : v->s.max;
    if (type.kind == TQP_TYPE_I64) { /* a sum that leaves int8 overflows when it is finished */
        min = min < INT64_MIN ? INT64_MIN : min;
        max = max > INT64_MAX ? INT64_MAX : max;
    }
    acc->result =
        finished(type, tqp_bind_fits_i64(min, max) ? TQP_LANE_I64 : TQP_LANE_I128, min, max);
}

/* few: TQP_FEW_GROUPS at most, DENSE. */
static void sum(TqpBinder *b, TqpAccumulator *acc, TqpBound v, bool few, TqpType type) {
    v = tqp_bind_to_reg(b, v);
    if (tqp_type_class(v.s.type.kind) == TQP_CLASS_INT) {
        sum_ints(b, acc, &v, few, type);
        return;
    }
    acc->kind = TQP_ACC_F64;
    acc->arg = v.s;
    acc->result = tqp_bind_slot(type, v.s.lane, TQP_NO_REG, TQP_NO_REG).s;
}

/* Which double of TqpMoments or TqpPairMoments an aggregate is. */
#define PART(type, member) ((uint8_t)(offsetof(type, member) / sizeof(double)))
static const uint8_t parts[TQP_AGG_COUNT_OF_FUNCS] = {
    [TQP_AGG_SXX] = PART(TqpMoments, sxx),          [TQP_AGG_PAIR_SX] = PART(TqpPairMoments, sx),
    [TQP_AGG_PAIR_SXX] = PART(TqpPairMoments, sxx), [TQP_AGG_PAIR_SY] = PART(TqpPairMoments, sy),
    [TQP_AGG_PAIR_SYY] = PART(TqpPairMoments, syy), [TQP_AGG_PAIR_SXY] = PART(TqpPairMoments, sxy),
};

static void moments(TqpBinder *b, TqpAccumulator *acc, TqpBound v, const TqpAgg *agg) {
    acc->kind = TQP_ACC_MOMENTS;
    acc->part = parts[agg->func];
    acc->arg = tqp_bind_to_reg(b, v).s;
    acc->result = tqp_bind_slot(agg->type, TQP_LANE_F64, TQP_NO_REG, TQP_NO_REG).s;
}

/* Registers of both; what they hold where one is NULL is not looked at. */
static TqpBound bind_pair(TqpBinder *b, const TqpExpr *pair, TqpAccumulator *acc) {
    TqpBound x = tqp_bind_expr_guarded(b, pair->args[0], acc->filter);
    TqpBound y = tqp_bind_expr_guarded(b, pair->args[1], acc->filter);
    x = tqp_bind_to_reg(b, x);
    y = tqp_bind_to_reg(b, y);
    x.s.valid = tqp_bind_mask_and(b, x.s.valid, y.s.valid);
    acc->pair = y.s.reg;
    return x;
}

static void extreme(TqpBinder *b, TqpAccumulator *acc, TqpBound v, uint32_t *dict_collation) {
    bool text = tqp_type_class(v.s.type.kind) == TQP_CLASS_TEXT;
    if (tqp_bind_is_dict(&v) && tqp_bind_dict_ranked(b, &v)) {
        acc->arg = v.s;
        acc->arg.reg = tqp_bind_rank_reg(b, &v, &acc->arg.lane);
        acc->arg.by_rank = true;
        acc->result = acc->arg;
        *dict_collation = v.dict_collation;
    } else {
        if (text && v.s.type.collation != 0 && !v.is_const)
            tqp_bind_fail(b, TQP_UNSUPPORTED, "order of text under its collation");
        if (text) {
            v.s.reg = tqp_bind_view_reg(b, &v);
            v.s.valid = tqp_bind_is_null(&v) ? tqp_bind_mask_fill(b, false) : v.s.valid;
            v.s.lane = TQP_LANE_VIEW;
            v.s.dict = NULL;
            v.is_const = false;
        }
        acc->arg = tqp_bind_to_reg(b, v).s;
        acc->result = acc->arg;
    }
    acc->result.reg = acc->result.valid = TQP_NO_REG;
}

static void count(TqpBinder *b, TqpAccumulator *acc, TqpBound v, TqpType type) {
    acc->kind = TQP_ACC_COUNT;
    v = tqp_bind_to_reg(b, v);
    acc->arg = v.s;
    if (!acc->distinct) {
        acc->arg.reg = TQP_NO_REG;
    } else if (v.s.lane == TQP_LANE_MASK) {
        acc->arg.reg =
            tqp_bind_unary(b, TQP_STEP_MASK_TO_U8, TQP_LANE_MASK, v.s.reg, 0, TQP_LANE_U8);
        acc->arg.lane = TQP_LANE_U8;
    }
    acc->result = finished(type, TQP_LANE_I64, 0, row_bound(b));
}

static const TqpExpr *substitute(TqpBinder *b, const TqpExpr *e, const TqpExpr *const *env) {
    const TqpExpr *r = tqp_ir_expr_substitute(b->a, e, env);
    if (r == NULL)
        tqp_bind_no_memory(b);
    return r != NULL ? r : e;
}

static void bind_acc(TqpBinder *b, const TqpAgg *agg, const TqpExpr *const *env, bool few,
                     TqpAccumulator *acc, uint32_t *dict_collation) {
    TqpBound v = tqp_bind_const_bool(true);
    acc->filter = TQP_NO_REG;
    acc->distinct = agg->distinct && agg->arg != NULL &&
                    (agg->func == TQP_AGG_COUNT || agg->func == TQP_AGG_SUM ||
                     agg->func == TQP_AGG_AVG_SUM || agg->func == TQP_AGG_SXX);
    if (agg->filter != NULL) {
        TqpBound f = tqp_bind_expr(b, substitute(b, agg->filter, env));
        acc->filter = tqp_bind_true_mask(b, &f);
    }
    if (agg->arg != NULL && agg->arg->op == TQP_OP_PAIR)
        v = bind_pair(b, substitute(b, agg->arg, env), acc);
    else if (agg->arg != NULL)
        v = tqp_bind_expr_guarded(b, substitute(b, agg->arg, env), acc->filter);
    switch (agg->func) {
    case TQP_AGG_COUNT_STAR:
        acc->kind = TQP_ACC_COUNT;
        acc->arg = tqp_bind_slot(agg->type, TQP_LANE_MASK, TQP_NO_REG, TQP_NO_REG).s;
        acc->result = finished(agg->type, TQP_LANE_I64, 0, row_bound(b));
        break;
    case TQP_AGG_COUNT:
        count(b, acc, v, agg->type);
        break;
    case TQP_AGG_SUM:
    case TQP_AGG_AVG_SUM:
        sum(b, acc, v, few, agg->type);
        acc->bounded = agg->func == TQP_AGG_AVG_SUM;
        break;
    case TQP_AGG_SXX:
        moments(b, acc, v, agg);
        break;
    case TQP_AGG_PAIR_SX:
    case TQP_AGG_PAIR_SXX:
    case TQP_AGG_PAIR_SY:
    case TQP_AGG_PAIR_SYY:
    case TQP_AGG_PAIR_SXY:
        moments(b, acc, v, agg);
        acc->kind = TQP_ACC_PAIRS;
        break;
    case TQP_AGG_MIN:
    case TQP_AGG_MAX:
        acc->kind = agg->func == TQP_AGG_MIN ? TQP_ACC_MIN : TQP_ACC_MAX;
        extreme(b, acc, v, dict_collation);
        break;
    default:
        acc->kind = agg->func == TQP_AGG_BOOL_AND ? TQP_ACC_AND : TQP_ACC_OR;
        acc->arg = tqp_bind_to_reg(b, v).s;
        acc->result = tqp_bind_slot(agg->type, TQP_LANE_MASK, TQP_NO_REG, TQP_NO_REG).s;
        break;
    }
}

/* ---- the sink ---- */

static TqpBindColumn key_column(const TqpSlot *slot, const TqpBound *key) {
    TqpBindColumn col = {.s = *slot, .dict_collation = key->dict_collation};
    col.nullable = is_nullable(key);
    col.all_null = tqp_bind_is_null(key);
    col.s.reg = col.s.valid = TQP_NO_REG;
    if (col.s.type.kind == TQP_TYPE_BOOL)
        col.s.lane = TQP_LANE_MASK;
    return col;
}

void tqp_bind_aggregate(TqpBinder *b, const TqpNode *node, const TqpExpr *const *env) {
    uint32_t nkeys = node->aggregate.nkeys, naccs = node->aggregate.naggs;
    TqpBound *keys = tqp_bind_zalloc(b, nkeys * sizeof(*keys));
    TqpSlot *slots = tqp_bind_zalloc(b, nkeys * sizeof(*slots));
    TqpAccumulator *accs = tqp_bind_zalloc(b, naccs * sizeof(*accs));
    TqpBindColumn *columns = tqp_bind_zalloc(b, ((size_t)nkeys + naccs) * sizeof(*columns));
    TqpSink sink = {.kind = TQP_SINK_AGGREGATE, .nkeys = nkeys, .naccs = naccs, .accs = accs};
    if (b->status != TQP_OK)
        return;
    for (uint32_t i = 0; i < nkeys; i++)
        keys[i] = tqp_bind_expr(b, substitute(b, node->aggregate.keys[i], env));
    group(b, &sink, keys, slots);
    for (uint32_t i = 0; i < nkeys && b->status == TQP_OK; i++)
        columns[i] = key_column(&slots[i], &keys[i]);
    bool few = sink.grouping == TQP_GROUP_DENSE && sink.ngroups <= TQP_FEW_GROUPS;
    for (uint32_t i = 0; i < naccs && b->status == TQP_OK; i++) {
        TqpAccumulator *acc = &accs[i];
        TqpBindColumn *col = &columns[nkeys + i];
        bind_acc(b, &node->aggregate.aggs[i], env, few, acc, &col->dict_collation);
        acc->result_nullable =
            acc->kind != TQP_ACC_COUNT &&
            (nkeys == 0 || acc->filter != TQP_NO_REG || acc->arg.valid != TQP_NO_REG);
        sink.fixed_order |=
            acc->kind == TQP_ACC_F64 || acc->kind == TQP_ACC_MOMENTS || acc->kind == TQP_ACC_PAIRS;
        col->s = acc->result;
        col->s.by_rank = false;
        col->nullable = acc->result_nullable;
    }
    uint64_t rows = nkeys == 0 ? 1 : b->source.max_rows;
    if (sink.grouping == TQP_GROUP_DENSE && sink.ngroups < rows)
        rows = sink.ngroups;
    tqp_bind_finish(b, &sink);
    uint32_t pipeline = b->npipelines - 1;
    tqp_bind_open_results(b, 1, &pipeline, rows, nkeys + naccs, columns);
}
