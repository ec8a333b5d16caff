/*
 * Random IR for tests: typed expressions and plans, from a seed.  `evaluable` keeps to what
 * ir_eval.h understands; otherwise every operator occurs.
 */
#ifndef TQP_TEST_IR_RANDOM_H
#define TQP_TEST_IR_RANDOM_H

#include <math.h>

#include "ir/ir.h"

typedef struct IrRandom {
    uint64_t state;
    TqpArena *a;
    bool evaluable;
    uint32_t ncolumns;
    const TqpType *columns;
} IrRandom;

static inline uint32_t ir_random(IrRandom *r, uint32_t n) {
    r->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % n);
}

static inline TqpType ir_type(TqpTypeKind kind) {
    return (TqpType){.kind = kind};
}

static inline TqpType ir_num(int32_t scale) {
    return (TqpType){.kind = TQP_TYPE_NUM, .scale = scale};
}

static inline TqpType ir_random_type(IrRandom *r) {
    static const TqpTypeKind plain[] = {TQP_TYPE_I32,  TQP_TYPE_I32, TQP_TYPE_I64,  TQP_TYPE_NUM,
                                        TQP_TYPE_NUM,  TQP_TYPE_F64, TQP_TYPE_BOOL, TQP_TYPE_DATE,
                                        TQP_TYPE_TEXT, TQP_TYPE_TS};
    if (!r->evaluable && ir_random(r, 4) == 0) {
        TqpType t = ir_type((TqpTypeKind)ir_random(r, TQP_TYPE_COUNT));
        if (t.kind == TQP_TYPE_NUM)
            t.scale = (int32_t)ir_random(r, 39);
        if (tqp_type_class(t.kind) == TQP_CLASS_TEXT && ir_random(r, 2))
            t.collation = 1 + ir_random(r, 1000);
        return t;
    }
    TqpType t = ir_type(plain[ir_random(r, 10)]);
    if (t.kind == TQP_TYPE_NUM)
        t.scale = 2 * (int32_t)ir_random(r, 3);
    return t;
}

static inline const TqpExpr *ir_random_text(IrRandom *r, TqpType type) {
    static const char odd[] = "\"\\'\n\t\x01\x7f\xff\xc3\xa9%_()";
    char buf[8];
    uint32_t len = ir_random(r, 4);
    for (uint32_t i = 0; i < len; i++)
        buf[i] =
            ir_random(r, 3) ? (char)('a' + ir_random(r, 3)) : odd[ir_random(r, sizeof(odd) - 1)];
    return tqp_ir_const_text(r->a, type, buf, len);
}

static inline const TqpExpr *ir_random_const(IrRandom *r, TqpType type) {
    static const double odd[] = {0.0, -0.0, 1e308, -1e308, 5e-324, INFINITY, -INFINITY, NAN, 0.1};
    TqpInt128 min, max, small = (TqpInt128)ir_random(r, 7) - 3;
    TqpValue v = {0};
    if (ir_random(r, 8) == 0)
        return tqp_ir_const_null(r->a, type);
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        return tqp_ir_const_bool(r->a, ir_random(r, 2));
    case TQP_CLASS_INT:
        tqp_type_range(type, &min, &max);
        if (small < min)
            small = min;
        return tqp_ir_const_int(r->a, type, ir_random(r, 6) ? small : ir_random(r, 2) ? min : max);
    case TQP_CLASS_FLOAT:
        v.f = ir_random(r, 3) ? (double)small / 2 : odd[ir_random(r, 9)];
        if (type.kind == TQP_TYPE_F32)
            v.f = (float)v.f;
        return tqp_ir_const(r->a, type, &v);
    default:
        return ir_random_text(r, type);
    }
}

static inline const TqpExpr *ir_random_leaf(IrRandom *r, TqpType type) {
    uint32_t start = r->ncolumns ? ir_random(r, r->ncolumns) : 0;
    for (uint32_t i = 0; i < r->ncolumns && ir_random(r, 8); i++) {
        uint32_t c = (start + i) % r->ncolumns;
        if (tqp_type_equal(r->columns[c], type))
            return tqp_ir_col(r->a, c, type);
    }
    if (!r->evaluable && ir_random(r, 6) == 0)
        return tqp_ir_param(r->a, ir_random(r, 5), type);
    return ir_random_const(r, type);
}

static inline const TqpExpr *ir_random_expr(IrRandom *r, TqpType type, int depth);

static inline const TqpExpr *ir_random_call(IrRandom *r, TqpOp op, TqpType type, uint32_t nargs,
                                            TqpType arg, int depth) {
    const TqpExpr *args[8];
    for (uint32_t i = 0; i < nargs; i++)
        args[i] = ir_random_expr(r, arg, depth - 1);
    return tqp_ir_call(r->a, op, type, nargs, args);
}

static inline const TqpExpr *ir_random_case(IrRandom *r, TqpType type, int depth) {
    const TqpExpr *args[7];
    uint32_t pairs = 1 + ir_random(r, 3);
    for (uint32_t i = 0; i < pairs; i++) {
        args[2 * i] = ir_random_expr(r, ir_type(TQP_TYPE_BOOL), depth - 1);
        args[2 * i + 1] = ir_random_expr(r, type, depth - 1);
    }
    args[2 * pairs] = ir_random_expr(r, type, depth - 1);
    return tqp_ir_call(r->a, TQP_OP_CASE, type, 2 * pairs + 1, args);
}

static inline const TqpExpr *ir_random_like(IrRandom *r, int depth) {
    TqpType text = ir_type(TQP_TYPE_TEXT);
    const TqpExpr *x = ir_random_expr(r, text, depth - 1);
    if (ir_random(r, 2)) {
        const TqpExpr *width = tqp_ir_const_int(r->a, ir_type(TQP_TYPE_I32), 5);
        x = tqp_ir_call2(r->a, TQP_OP_PAD, text,
                         ir_random_expr(r, ir_type(TQP_TYPE_BPCHAR), depth - 1), width);
    }
    return tqp_ir_call2(r->a, TQP_OP_LIKE, ir_type(TQP_TYPE_BOOL), x, ir_random_text(r, text));
}

static inline const TqpExpr *ir_random_bool(IrRandom *r, int depth) {
    static const TqpOp logic[] = {TQP_OP_AND, TQP_OP_OR, TQP_OP_NOT, TQP_OP_IS_TRUE,
                                  TQP_OP_IS_FALSE};
    TqpType b = ir_type(TQP_TYPE_BOOL), t = ir_random_type(r);
    uint32_t pick = ir_random(r, 12);
    if (pick < 5)
        return ir_random_call(r, (TqpOp)(TQP_OP_EQ + ir_random(r, 7)), b, 2, t, depth);
    if (pick < 8)
        return ir_random_call(r, logic[ir_random(r, 2)], b, 2 + ir_random(r, 3), b, depth);
    if (pick == 8)
        return ir_random_call(r, logic[2 + ir_random(r, 3)], b, 1, b, depth);
    if (pick == 9)
        return ir_random_call(r, TQP_OP_IS_NULL, b, 1, t, depth);
    if (pick == 10 && !r->evaluable)
        return ir_random_like(r, depth);
    const TqpExpr *args[5];
    uint32_t n = 2 + ir_random(r, 4);
    args[0] = ir_random_expr(r, t, depth - 1);
    for (uint32_t i = 1; i < n; i++)
        args[i] = ir_random_const(r, t);
    return tqp_ir_call(r->a, TQP_OP_IN, b, n, args);
}

/* Operators that exist for one type only; NULL when there is none. */
static inline const TqpExpr *ir_random_special(IrRandom *r, TqpType type, int depth) {
    TqpType i32 = ir_type(TQP_TYPE_I32), date = ir_type(TQP_TYPE_DATE), ts = ir_type(TQP_TYPE_TS);
    const TqpExpr *x, *unit = tqp_ir_const_text(r->a, ir_type(TQP_TYPE_TEXT), "month", 5);
    switch (type.kind) {
    case TQP_TYPE_I32:
        if (!r->evaluable && ir_random(r, 2))
            return ir_random_call(r, TQP_OP_LENGTH, type, 1, ir_type(TQP_TYPE_TEXT), depth);
        return ir_random_call(r, TQP_OP_SUB, type, 2, date, depth);
    case TQP_TYPE_DATE:
        x = ir_random_expr(r, date, depth - 1);
        return tqp_ir_call2(r->a, ir_random(r, 2) ? TQP_OP_ADD : TQP_OP_SUB, date, x,
                            ir_random_expr(r, i32, depth - 1));
    case TQP_TYPE_NUM:
        if (!r->evaluable && type.scale == 0 && ir_random(r, 2))
            return tqp_ir_call2(r->a, TQP_OP_EXTRACT, type, unit,
                                ir_random_expr(r, date, depth - 1));
        x = ir_random_expr(r, ir_num(type.scale / 2), depth - 1);
        return tqp_ir_call2(r->a, TQP_OP_MUL, type, x,
                            ir_random_expr(r, ir_num(type.scale - type.scale / 2), depth - 1));
    case TQP_TYPE_TS:
        if (r->evaluable)
            return NULL;
        x = ir_random_expr(r, ts, depth - 1);
        if (ir_random(r, 2))
            return tqp_ir_call2(r->a, TQP_OP_DATE_TRUNC, ts, unit, x);
        return tqp_ir_call2(r->a, TQP_OP_ADD_MONTHS, ts, x, tqp_ir_const_int(r->a, i32, -3));
    case TQP_TYPE_TEXT:
        if (r->evaluable)
            return NULL;
        return tqp_ir_call(r->a, TQP_OP_SUBSTR, type, 3,
                           (const TqpExpr *[]){ir_random_expr(r, type, depth - 1),
                                               tqp_ir_const_int(r->a, i32, -1),
                                               tqp_ir_const_int(r->a, i32, 4)});
    default:
        return NULL;
    }
}

static inline const TqpExpr *ir_random_cast(IrRandom *r, TqpType type, int depth) {
    TqpTypeKind from = type.kind;
    switch (type.kind) {
    case TQP_TYPE_BOOL:
        from = TQP_TYPE_I32;
        break;
    case TQP_TYPE_I32:
        from = ir_random(r, 2) ? TQP_TYPE_BOOL : TQP_TYPE_F64;
        break;
    case TQP_TYPE_NUM:
        return ir_random_call(r, TQP_OP_CAST, type, 1, ir_num(ir_random(r, 2) ? 0 : 4), depth);
    case TQP_TYPE_I16:
    case TQP_TYPE_I64:
    case TQP_TYPE_F64:
        return ir_random_call(r, TQP_OP_CAST, type, 1, ir_num(2), depth);
    case TQP_TYPE_TS:
        from = TQP_TYPE_DATE;
        break;
    case TQP_TYPE_TIME:
    case TQP_TYPE_DATE:
        from = TQP_TYPE_TS;
        break;
    case TQP_TYPE_TEXT:
        from = r->evaluable ? TQP_TYPE_TEXT : TQP_TYPE_BPCHAR;
        break;
    default:
        break;
    }
    return ir_random_call(r, TQP_OP_CAST, type, 1, ir_type(from), depth);
}

static inline const TqpExpr *ir_random_number(IrRandom *r, TqpType type, int depth) {
    static const TqpOp ops[] = {TQP_OP_ADD, TQP_OP_SUB, TQP_OP_MUL, TQP_OP_DIV, TQP_OP_MOD};
    bool floats = tqp_type_class(type.kind) == TQP_CLASS_FLOAT, num = type.kind == TQP_TYPE_NUM;
    TqpOp op = ops[ir_random(r, 5)];
    if ((op == TQP_OP_MOD && floats) || (num && (op == TQP_OP_MUL || op == TQP_OP_DIV)))
        op = TQP_OP_ADD;
    if (type.kind == TQP_TYPE_F64 && !r->evaluable && ir_random(r, 8) == 0)
        return ir_random_call(r, TQP_OP_SQRT, type, 1, type, depth);
    if (ir_random(r, 5) == 0)
        return ir_random_call(r, ir_random(r, 2) ? TQP_OP_NEG : TQP_OP_ABS, type, 1, type, depth);
    return ir_random_call(r, op, type, 2, type, depth);
}

static inline const TqpExpr *ir_random_expr(IrRandom *r, TqpType type, int depth) {
    static const TqpOp any[] = {TQP_OP_COALESCE, TQP_OP_GREATEST, TQP_OP_LEAST};
    const TqpExpr *e = NULL;
    uint32_t pick = ir_random(r, 10);
    bool number = type.kind == TQP_TYPE_I16 || type.kind == TQP_TYPE_I32 ||
                  type.kind == TQP_TYPE_I64 || type.kind == TQP_TYPE_NUM ||
                  tqp_type_class(type.kind) == TQP_CLASS_FLOAT;
    if (depth <= 0 || pick == 0)
        return ir_random_leaf(r, type);
    if (pick == 1)
        return ir_random_case(r, type, depth);
    if (pick == 2)
        return ir_random_call(r, any[ir_random(r, 3)], type, 1 + ir_random(r, 3), type, depth);
    if (pick == 3)
        return ir_random_cast(r, type, depth);
    if (type.kind == TQP_TYPE_BOOL)
        return ir_random_bool(r, depth);
    if (pick < 6)
        e = ir_random_special(r, type, depth);
    if (e == NULL && number)
        e = ir_random_number(r, type, depth);
    return e != NULL ? e : ir_random_leaf(r, type);
}

/* ---- plans ---- */

static inline const TqpNode *ir_random_scan_of(IrRandom *r, uint32_t relation) {
    TqpType types[8];
    const char *names[8] = {"a", "b b", "c\"", "d\\", "e", "f", "\xc3\xa9", "h"};
    uint32_t n = 1 + ir_random(r, 8);
    for (uint32_t i = 0; i < n; i++)
        types[i] = ir_random_type(r);
    return tqp_ir_scan(r->a, relation, "t", n, names, types);
}

static inline const TqpNode *ir_random_scan(IrRandom *r) {
    return ir_random_scan_of(r, 0);
}

static inline const TqpNode *ir_random_aggregate(IrRandom *r, const TqpNode *input, int depth) {
    const TqpExpr *keys[3];
    TqpAgg aggs[4];
    uint32_t nkeys = ir_random(r, 3), naggs = ir_random(r, 5);
    for (uint32_t i = 0; i < nkeys; i++)
        keys[i] = ir_random_expr(r, ir_random_type(r), ir_random(r, 3) ? 0 : depth);
    for (uint32_t i = 0; i < naggs; i++) {
        /* Those of floats alone stand behind the others. */
        uint32_t nfuncs = r->evaluable ? TQP_AGG_AVG_SUM : TQP_AGG_COUNT_OF_FUNCS;
        aggs[i] = (TqpAgg){.func = (TqpAggFunc)ir_random(r, nfuncs)};
        bool logical = aggs[i].func == TQP_AGG_BOOL_AND || aggs[i].func == TQP_AGG_BOOL_OR;
        bool floats = aggs[i].func >= TQP_AGG_AVG_SUM, pairs = aggs[i].func >= TQP_AGG_PAIR_SX;
        TqpType t = ir_type(logical ? TQP_TYPE_BOOL : floats ? TQP_TYPE_F64 : TQP_TYPE_I32);
        if (!logical && !floats && ir_random(r, 2))
            t = ir_num(2);
        if (aggs[i].func != TQP_AGG_COUNT_STAR) {
            aggs[i].arg = ir_random_expr(r, t, depth);
            aggs[i].distinct = !pairs && ir_random(r, 4) == 0;
        }
        if (pairs)
            aggs[i].arg =
                tqp_ir_call2(r->a, TQP_OP_PAIR, t, aggs[i].arg, ir_random_expr(r, t, depth));
        if (ir_random(r, 4) == 0)
            aggs[i].filter = ir_random_expr(r, ir_type(TQP_TYPE_BOOL), depth);
        if (tqp_ir_agg_type(aggs[i].func, aggs[i].arg, &aggs[i].type, NULL) != TQP_OK)
            return NULL;
    }
    return tqp_ir_aggregate(r->a, input, nkeys, keys, naggs, aggs);
}

static inline const TqpNode *ir_random_sort(IrRandom *r, const TqpNode *input) {
    TqpSortKey keys[2];
    uint32_t n = 1 + ir_random(r, 2);
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (TqpSortKey){ir_random_expr(r, ir_random_type(r), (int)ir_random(r, 2)),
                               ir_random(r, 2), ir_random(r, 2)};
    return tqp_ir_sort(r->a, input, n, keys);
}

/* `nodes` nodes over a scan; expressions up to `depth` deep. */
static inline const TqpNode *ir_random_plan(IrRandom *r, int nodes, int depth) {
    const TqpNode *n = ir_random_scan(r);
    TqpType i64 = ir_type(TQP_TYPE_I64);
    const TqpExpr *exprs[6];
    for (; nodes > 0 && n != NULL; nodes--) {
        r->ncolumns = n->noutputs;
        r->columns = n->types;
        switch (ir_random(r, 7)) {
        case 0:
            n = ir_random_aggregate(r, n, depth);
            break;
        case 1:
            n = ir_random_sort(r, n);
            break;
        case 2:
            n = tqp_ir_limit(r->a, n, tqp_ir_const_int(r->a, i64, ir_random(r, 9)),
                             ir_random(r, 2) ? NULL : tqp_ir_const_int(r->a, i64, 1));
            break;
        case 3: {
            uint32_t k = ir_random(r, 6);
            for (uint32_t i = 0; i < k; i++)
                exprs[i] = ir_random_expr(r, ir_random_type(r), ir_random(r, 2) ? 0 : depth);
            n = tqp_ir_project(r->a, n, k, exprs);
            break;
        }
        default:
            n = tqp_ir_filter(r->a, n, ir_random_expr(r, ir_type(TQP_TYPE_BOOL), depth));
        }
    }
    return n;
}

/* ---- several inputs: expressions over n become the random ones from here on ---- */

static inline void ir_random_over(IrRandom *r, const TqpNode *n) {
    r->ncolumns = n->noutputs;
    r->columns = n->types;
}

static inline const TqpNode *ir_random_values(IrRandom *r) {
    TqpType types[4];
    const TqpExpr *exprs[24];
    uint32_t ncolumns = ir_random(r, 5), nrows = ir_random(r, 7);
    for (uint32_t i = 0; i < ncolumns; i++)
        types[i] = ir_random_type(r);
    for (uint32_t i = 0; i < ncolumns * nrows; i++)
        exprs[i] = ir_random_const(r, types[i % ncolumns]);
    return tqp_ir_values(r->a, ncolumns, types, nrows, exprs);
}

/* l = r or not (l is distinct from r) of columns of one type; NULL when there are none. */
static inline const TqpExpr *ir_random_key(IrRandom *r, const TqpNode *left, const TqpNode *right) {
    const TqpType boolean = ir_type(TQP_TYPE_BOOL);
    for (int tries = 0; tries < 12 && left->noutputs > 0 && right->noutputs > 0; tries++) {
        uint32_t x = ir_random(r, left->noutputs), y = ir_random(r, right->noutputs);
        if (!tqp_type_equal(left->types[x], right->types[y]))
            continue;
        const TqpExpr *l = tqp_ir_col(r->a, x, left->types[x]);
        const TqpExpr *k = tqp_ir_col(r->a, left->noutputs + y, right->types[y]);
        if (ir_random(r, 4) == 0)
            return tqp_ir_call1(r->a, TQP_OP_NOT, boolean,
                                tqp_ir_call2(r->a, TQP_OP_DISTINCT, boolean, l, k));
        return ir_random(r, 2) ? tqp_ir_call2(r->a, TQP_OP_EQ, boolean, l, k)
                               : tqp_ir_call2(r->a, TQP_OP_EQ, boolean, k, l);
    }
    return NULL;
}

/* A comparison of columns of one type, of one side each; NULL when there are none. */
static inline const TqpExpr *ir_random_bound(IrRandom *r, const TqpNode *left, const TqpNode *right,
                                             TqpType type, bool lower) {
    const TqpType boolean = ir_type(TQP_TYPE_BOOL);
    for (int tries = 0; tries < 24 && left->noutputs > 0 && right->noutputs > 0; tries++) {
        uint32_t x = ir_random(r, left->noutputs), y = ir_random(r, right->noutputs);
        if (!tqp_type_equal(left->types[x], type) || !tqp_type_equal(right->types[y], type))
            continue;
        const TqpExpr *l = tqp_ir_col(r->a, x, type);
        const TqpExpr *k = tqp_ir_col(r->a, left->noutputs + y, type);
        if (type.kind == TQP_TYPE_I64 && ir_random(r, 4) == 0)
            k = tqp_ir_call2(r->a, ir_random(r, 2) ? TQP_OP_ADD : TQP_OP_SUB, type, k,
                             tqp_ir_const_int(r->a, type, ir_random(r, 40)));
        TqpOp less = ir_random(r, 2) ? TQP_OP_LT : TQP_OP_LE;
        TqpOp more = less == TQP_OP_LT ? TQP_OP_GT : TQP_OP_GE;
        return ir_random(r, 2) ? tqp_ir_call2(r->a, lower ? more : less, boolean, k, l)
                               : tqp_ir_call2(r->a, lower ? less : more, boolean, l, k);
    }
    return NULL;
}

/* One or two bounds, of one column or of two. */
static inline uint32_t ir_random_bounds(IrRandom *r, const TqpNode *left, const TqpNode *right,
                                        const TqpExpr **out) {
    TqpType type = ir_type(TQP_TYPE_I64);
    uint32_t n = 0;
    for (uint32_t i = 0; i < left->noutputs; i++)
        for (uint32_t k = 0; k < right->noutputs; k++) {
            TqpTypeClass class = tqp_type_class(left->types[i].kind);
            bool ordered = class == TQP_CLASS_INT || class == TQP_CLASS_FLOAT;
            if (ordered && tqp_type_equal(left->types[i], right->types[k]) && ir_random(r, 2))
                type = left->types[i];
        }
    bool lower = ir_random(r, 2);
    for (uint32_t i = 1 + ir_random(r, 2); i > 0; i--, lower = !lower) {
        out[n] = ir_random_bound(r, left, right, type, lower);
        n += out[n] != NULL;
    }
    return n;
}

/* Mostly keys, with conditions of any kind among them. */
static inline const TqpExpr *ir_random_join_pred(IrRandom *r, const TqpNode *left,
                                                 const TqpNode *right, int depth) {
    const TqpType boolean = ir_type(TQP_TYPE_BOOL);
    const TqpExpr *conjuncts[6];
    TqpType types[64];
    bool bounds = ir_random(r, 3) == 0, first = ir_random(r, 2);
    uint32_t n = 0, nkeys = ir_random(r, bounds ? 2 : 8) ? 1 + ir_random(r, 2) : 0;
    uint32_t nothers = ir_random(r, 2) ? 0 : 1 + ir_random(r, 2);
    for (uint32_t i = 0; i < left->noutputs + right->noutputs && i < 64; i++)
        types[i] = i < left->noutputs ? left->types[i] : right->types[i - left->noutputs];
    r->ncolumns = left->noutputs + right->noutputs < 64 ? left->noutputs + right->noutputs : 64;
    r->columns = types;
    n = bounds && first ? ir_random_bounds(r, left, right, conjuncts) : 0;
    for (uint32_t i = 0; i < nothers; i++)
        conjuncts[n++] = ir_random_expr(r, boolean, depth);
    for (uint32_t i = 0; i < nkeys; i++) {
        const TqpExpr *key = ir_random_key(r, left, right);
        if (key != NULL)
            conjuncts[n++] = key;
    }
    if (bounds && !first)
        n += ir_random_bounds(r, left, right, conjuncts + n);
    r->ncolumns = 0;
    if (n == 0)
        return tqp_ir_const_bool(r->a, true);
    return n == 1 ? conjuncts[0] : tqp_ir_call(r->a, TQP_OP_AND, boolean, n, conjuncts);
}

/* n's rows in these types. */
static inline const TqpNode *ir_random_fit(IrRandom *r, const TqpNode *n, uint32_t ntypes,
                                           const TqpType *types) {
    const TqpExpr **exprs = tqp_arena_alloc(r->a, (ntypes + 1) * sizeof(*exprs));
    ir_random_over(r, n);
    for (uint32_t i = 0; i < ntypes; i++)
        exprs[i] = ir_random_leaf(r, types[i]);
    return tqp_ir_project(r->a, n, ntypes, exprs);
}

#endif
