/*
 * Random graphs of joins for tests: correlated to any depth, over small tables full of NULLs and
 * duplicates.  Expressions do not raise; a scalar subquery may, by its number of rows.
 */
#ifndef TQP_TEST_IR_RANDOM_JOIN_H
#define TQP_TEST_IR_RANDOM_JOIN_H

#include "unit/ir_random.h"

enum { JOIN_RELATIONS = 24 };

typedef struct JoinRandom {
    IrRandom r;
    uint32_t nrelations;
    const TqpNode *lefts[8]; /* of the dependent joins around, the nearest last */
    uint32_t nlefts;
    bool correlate; /* may `outer` occur here? */
    const TqpNode *defined[2];
    uint32_t ndefined;
} JoinRandom;

static inline const TqpExpr *join_random_column(JoinRandom *j, TqpType t, uint32_t n,
                                                const TqpType *types) {
    uint32_t start = n ? ir_random(&j->r, n) : 0;
    for (uint32_t i = 0; i < n; i++)
        if (tqp_type_equal(types[(start + i) % n], t))
            return tqp_ir_col(j->r.a, (start + i) % n, t);
    return ir_random(&j->r, 6) ? tqp_ir_const_int(j->r.a, t, ir_random(&j->r, 4))
                               : tqp_ir_const_null(j->r.a, t);
}

static inline const TqpExpr *join_random_outer(JoinRandom *j, TqpType t) {
    uint32_t level = ir_random(&j->r, 4) ? 0 : ir_random(&j->r, j->nlefts);
    const TqpNode *left = j->lefts[j->nlefts - 1 - level];
    uint32_t start = left->noutputs ? ir_random(&j->r, left->noutputs) : 0;
    for (uint32_t i = 0; i < left->noutputs; i++)
        if (tqp_type_equal(left->types[(start + i) % left->noutputs], t))
            return tqp_ir_outer(j->r.a, level, (start + i) % left->noutputs, t);
    return tqp_ir_const_int(j->r.a, t, ir_random(&j->r, 4));
}

static inline const TqpExpr *join_random_scalar(JoinRandom *j, TqpType t, uint32_t n,
                                                const TqpType *types) {
    uint32_t pick = ir_random(&j->r, 12);
    if (j->nlefts > 0 && j->correlate && pick < 3)
        return join_random_outer(j, t);
    if (pick == 3)
        return tqp_ir_const_int(j->r.a, t, ir_random(&j->r, 4));
    if (pick == 4) {
        const TqpExpr *x[2] = {join_random_column(j, t, n, types),
                               tqp_ir_const_int(j->r.a, t, ir_random(&j->r, 4))};
        return tqp_ir_call(j->r.a, TQP_OP_COALESCE, t, 2, x);
    }
    return join_random_column(j, t, n, types);
}

static inline const TqpExpr *join_random_pred(JoinRandom *j, uint32_t n, const TqpType *types,
                                              int depth) {
    TqpArena *a = j->r.a;
    TqpType b = ir_type(TQP_TYPE_BOOL);
    TqpType t = ir_type(ir_random(&j->r, 4) ? TQP_TYPE_I32 : TQP_TYPE_I64);
    uint32_t pick = ir_random(&j->r, 16);
    if (depth > 0 && pick < 6) {
        const TqpExpr *args[3];
        uint32_t k = 2 + ir_random(&j->r, 2);
        for (uint32_t i = 0; i < k; i++)
            args[i] = join_random_pred(j, n, types, depth - 1);
        return tqp_ir_call(a, pick < 4 ? TQP_OP_AND : TQP_OP_OR, b, k, args);
    }
    if (depth > 0 && pick == 6)
        return tqp_ir_call1(a, TQP_OP_NOT, b, join_random_pred(j, n, types, depth - 1));
    if (pick == 7)
        return tqp_ir_const_bool(a, true);
    if (pick == 8)
        return tqp_ir_call1(a, TQP_OP_IS_NULL, b, join_random_column(j, t, n, types));
    if (pick == 9) /* a mark */
        for (uint32_t i = 0; i < n; i++)
            if (types[i].kind == TQP_TYPE_BOOL)
                return tqp_ir_col(a, i, b);
    if (pick == 10 || pick == 11) { /* an interval, of one column or between two */
        const TqpExpr *x = join_random_column(j, t, n, types);
        const TqpExpr *y = join_random_column(j, t, n, types);
        const TqpExpr *bounds[2] = {
            tqp_ir_call2(a, ir_random(&j->r, 2) ? TQP_OP_GE : TQP_OP_GT, b, x, y),
            tqp_ir_call2(a, ir_random(&j->r, 2) ? TQP_OP_LE : TQP_OP_LT, b,
                         pick == 10 ? x : join_random_column(j, t, n, types),
                         join_random_scalar(j, t, n, types))};
        return tqp_ir_call(a, TQP_OP_AND, b, 2, bounds);
    }
    TqpOp op = ir_random(&j->r, 3) ? TQP_OP_EQ : (TqpOp)(TQP_OP_EQ + ir_random(&j->r, 7));
    return tqp_ir_call2(a, op, b, join_random_column(j, t, n, types),
                        join_random_scalar(j, t, n, types));
}

static inline const TqpNode *join_random_scan(JoinRandom *j) {
    static const char *const names[] = {"a", "b", "c"};
    const TqpType types[] = {ir_type(TQP_TYPE_I32), ir_type(TQP_TYPE_I32), ir_type(TQP_TYPE_I64)};
    static const uint32_t first[] = {0};
    uint32_t relation = j->nrelations++ % JOIN_RELATIONS;
    const TqpNode *scan = tqp_ir_scan(j->r.a, relation, "t", 3, names, types);
    return relation % 3 == 0 ? tqp_ir_scan_unique(j->r.a, scan, 1, &(TqpUnique){1, first}) : scan;
}

static inline const TqpNode *join_random_node(JoinRandom *j, int depth);

static inline const TqpNode *join_random_join(JoinRandom *j, int depth) {
    TqpType types[64];
    const TqpNode *left = join_random_node(j, depth - 1);
    TqpJoinKind kind = (TqpJoinKind)ir_random(&j->r, TQP_JOIN_KIND_COUNT);
    bool dependent = kind != TQP_JOIN_FULL && j->nlefts < 3 && ir_random(&j->r, 2);
    if (ir_random(&j->r, 3) == 0)
        kind = TQP_JOIN_INNER;
    bool correlate = j->correlate;
    if (dependent) {
        j->lefts[j->nlefts++] = left;
        j->correlate = true;
    }
    const TqpNode *right = join_random_node(j, depth - 1);
    if (dependent)
        j->nlefts--;
    j->correlate = correlate;
    bool exists = kind == TQP_JOIN_SEMI || kind == TQP_JOIN_ANTI || kind == TQP_JOIN_MARK;
    if (exists && ir_random(&j->r, 3) == 0) { /* EXISTS (... LIMIT 1) */
        const TqpExpr *one = tqp_ir_const_int(j->r.a, ir_type(TQP_TYPE_I64), 1);
        return tqp_ir_join(j->r.a, kind, dependent, left, tqp_ir_limit(j->r.a, right, one, NULL),
                           tqp_ir_const_bool(j->r.a, true));
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < left->noutputs && n < 32; i++)
        types[n++] = left->types[i];
    for (uint32_t i = 0; left->noutputs <= 32 && i < right->noutputs && n < 64; i++)
        types[n++] = right->types[i];
    return tqp_ir_join(j->r.a, kind, dependent, left, right, join_random_pred(j, n, types, 1));
}

static inline const TqpNode *join_random_aggregate(JoinRandom *j, const TqpNode *in) {
    static const TqpAggFunc funcs[] = {TQP_AGG_COUNT_STAR, TQP_AGG_COUNT, TQP_AGG_SUM, TQP_AGG_MIN};
    TqpType i32 = ir_type(TQP_TYPE_I32);
    const TqpExpr *keys[2];
    TqpAgg aggs[2];
    uint32_t nkeys = ir_random(&j->r, 3), naggs = ir_random(&j->r, 3);
    for (uint32_t i = 0; i < nkeys; i++)
        keys[i] = join_random_scalar(j, i32, in->noutputs, in->types);
    for (uint32_t i = 0; i < naggs; i++) {
        aggs[i] = (TqpAgg){.func = funcs[ir_random(&j->r, 4)]};
        if (aggs[i].func != TQP_AGG_COUNT_STAR)
            aggs[i].arg = join_random_scalar(j, i32, in->noutputs, in->types);
        if (tqp_ir_agg_type(aggs[i].func, aggs[i].arg, &aggs[i].type, NULL) != TQP_OK)
            return NULL;
    }
    return tqp_ir_aggregate(j->r.a, in, nkeys, keys, naggs, aggs);
}

static inline const TqpNode *join_random_project(JoinRandom *j, const TqpNode *in) {
    const TqpExpr *exprs[4];
    uint32_t n = 1 + ir_random(&j->r, 4);
    for (uint32_t i = 0; i < n; i++)
        exprs[i] = join_random_scalar(j, ir_type(ir_random(&j->r, 4) ? TQP_TYPE_I32 : TQP_TYPE_I64),
                                      in->noutputs, in->types);
    return tqp_ir_project(j->r.a, in, n, exprs);
}

static inline const TqpNode *join_random_append(JoinRandom *j, int depth) {
    TqpType i32 = ir_type(TQP_TYPE_I32);
    const TqpNode *in[2];
    for (int k = 0; k < 2; k++) {
        const TqpExpr *exprs[2];
        in[k] = join_random_node(j, depth - 1);
        for (int i = 0; i < 2; i++)
            exprs[i] = join_random_scalar(j, i32, in[k]->noutputs, in[k]->types);
        in[k] = tqp_ir_project(j->r.a, in[k], 2, exprs);
    }
    return tqp_ir_append(j->r.a, in[0], in[1]);
}

static inline const TqpNode *join_random_values(JoinRandom *j) {
    const TqpType types[2] = {ir_type(TQP_TYPE_I32), ir_type(TQP_TYPE_I32)};
    const TqpExpr *exprs[6];
    uint32_t n = ir_random(&j->r, 4);
    for (uint32_t i = 0; i < 2 * n; i++)
        exprs[i] = join_random_column(j, types[0], 0, NULL);
    return tqp_ir_values(j->r.a, 2, types, n, exprs);
}

static inline const TqpNode *join_random_node(JoinRandom *j, int depth) {
    uint32_t pick = ir_random(&j->r, 14);
    const TqpNode *in;
    if (depth <= 0 && j->ndefined > 0 && ir_random(&j->r, 3) == 0) {
        uint32_t number = ir_random(&j->r, j->ndefined);
        return tqp_ir_shared(j->r.a, number, j->defined[number]);
    }
    if (depth <= 0)
        return ir_random(&j->r, 8) ? join_random_scan(j) : join_random_values(j);
    if (pick < 6)
        return join_random_join(j, depth);
    if (pick == 6)
        return join_random_append(j, depth);
    in = join_random_node(j, depth - 1);
    if (pick == 7 || pick == 8)
        return join_random_aggregate(j, in);
    if (pick == 9)
        return join_random_project(j, in);
    if (pick == 10) {
        TqpSortKey key = {
            .expr = join_random_scalar(j, ir_type(TQP_TYPE_I32), in->noutputs, in->types)};
        return tqp_ir_sort(j->r.a, in, 1, &key);
    }
    return tqp_ir_filter(j->r.a, in, join_random_pred(j, in->noutputs, in->types, 2));
}

/* Every other one with definitions around, the second of which may read the first. */
static inline const TqpNode *join_random_graph(JoinRandom *j, int depth) {
    uint32_t n = ir_random(&j->r, 2) * (1 + ir_random(&j->r, 2));
    while (j->ndefined < n) {
        const TqpNode *defined = join_random_node(j, depth > 2 ? 2 : depth);
        j->defined[j->ndefined++] = defined;
    }
    const TqpNode *node = join_random_node(j, depth);
    while (n-- > 0)
        node = tqp_ir_with(j->r.a, n, j->defined[n], node);
    return node;
}

#endif
