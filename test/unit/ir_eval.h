/*
 * A row-at-a-time interpreter of IR for tests: the meaning that rewrites must keep.  It follows
 * PostgreSQL's executor: arguments from left to right, AND, OR, CASE and COALESCE stop early.  It
 * covers the `evaluable` part of ir_random.h and shares no code with src/.
 */
#ifndef TQP_TEST_IR_EVAL_H
#define TQP_TEST_IR_EVAL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

typedef struct IrEval {
    TqpArena *a;
    bool raised;            /* sticky */
    bool huge;              /* sticky: a join gave more rows than are worth a test */
    struct IrTable *shared; /* what WITHs define, by number */
} IrEval;

typedef struct IrTable {
    uint32_t nrows, ncolumns;
    TqpValue **rows;
} IrTable;

static inline int eval_order(TqpType t, TqpValue x, TqpValue y) {
    switch (tqp_type_class(t.kind)) {
    case TQP_CLASS_BOOL:
        return (int)x.b - (int)y.b;
    case TQP_CLASS_INT:
        return x.i < y.i ? -1 : x.i > y.i;
    case TQP_CLASS_FLOAT:
        if (isnan(x.f) || isnan(y.f))
            return isnan(x.f) ? !isnan(y.f) : -1;
        return x.f < y.f ? -1 : x.f > y.f;
    default:
        for (uint32_t i = 0; i < x.s.len && i < y.s.len; i++)
            if (x.s.data[i] != y.s.data[i])
                return (unsigned char)x.s.data[i] < (unsigned char)y.s.data[i] ? -1 : 1;
        return x.s.len < y.s.len ? -1 : x.s.len > y.s.len;
    }
}

static inline TqpValue eval_null(void) {
    return (TqpValue){.is_null = true};
}

static inline TqpValue eval_bool(bool b) {
    return (TqpValue){.b = b};
}

static inline TqpValue eval_fail(IrEval *ev) {
    ev->raised = true;
    return eval_null();
}

static inline TqpValue eval_int(IrEval *ev, TqpType t, TqpInt128 v) {
    TqpInt128 low, high;
    tqp_type_range(t, &low, &high);
    return v < low || v > high ? eval_fail(ev) : (TqpValue){.i = v};
}

static inline TqpValue eval(IrEval *ev, const TqpExpr *e, const TqpValue *row);

static inline TqpValue eval_logic(IrEval *ev, const TqpExpr *e, const TqpValue *row) {
    bool null_seen = false, stop = e->op == TQP_OP_OR;
    for (uint32_t i = 0; i < e->nargs; i++) {
        TqpValue v = eval(ev, e->args[i], row);
        if (ev->raised)
            return v;
        if (v.is_null)
            null_seen = true;
        else if (v.b == stop)
            return v;
    }
    return null_seen ? eval_null() : eval_bool(!stop);
}

static inline TqpValue eval_case(IrEval *ev, const TqpExpr *e, const TqpValue *row) {
    for (uint32_t i = 0; i + 1 < e->nargs; i += 2) {
        TqpValue c = eval(ev, e->args[i], row);
        if (ev->raised)
            return c;
        if (!c.is_null && c.b)
            return eval(ev, e->args[i + 1], row);
    }
    return eval(ev, e->args[e->nargs - 1], row);
}

static inline TqpValue eval_coalesce(IrEval *ev, const TqpExpr *e, const TqpValue *row) {
    TqpValue v = eval_null();
    for (uint32_t i = 0; i < e->nargs && v.is_null && !ev->raised; i++)
        v = eval(ev, e->args[i], row);
    return v;
}

static inline TqpValue eval_extreme(IrEval *ev, const TqpExpr *e, const TqpValue *row) {
    TqpValue best = eval_null();
    for (uint32_t i = 0; i < e->nargs && !ev->raised; i++) {
        TqpValue v = eval(ev, e->args[i], row);
        if (v.is_null)
            continue;
        int c = best.is_null ? 0 : eval_order(e->type, v, best);
        if (best.is_null || (e->op == TQP_OP_GREATEST ? c > 0 : c < 0))
            best = v;
    }
    return best;
}

static inline TqpValue eval_in(IrEval *ev, const TqpExpr *e, const TqpValue *row) {
    TqpValue x = eval(ev, e->args[0], row);
    bool null_seen = false;
    if (x.is_null)
        return x;
    for (uint32_t i = 1; i < e->nargs; i++) {
        TqpValue y = eval(ev, e->args[i], row);
        null_seen |= y.is_null;
        if (!y.is_null && eval_order(e->args[0]->type, x, y) == 0)
            return eval_bool(true);
    }
    return null_seen ? eval_null() : eval_bool(false);
}

static inline TqpValue eval_float(IrEval *ev, TqpOp op, double x, double y) {
    double r = op == TQP_OP_ADD ? x + y : op == TQP_OP_SUB ? x - y : op == TQP_OP_MUL ? x * y : 0;
    if (op == TQP_OP_DIV) {
        if (y == 0)
            return isnan(x) ? (TqpValue){.f = x} : eval_fail(ev);
        r = x / y;
        if (r == 0 && x != 0 && !isinf(y))
            return eval_fail(ev);
        if (isinf(r) && !isinf(x))
            return eval_fail(ev);
    } else if (isinf(r) && !isinf(x) && !isinf(y)) {
        return eval_fail(ev);
    }
    if (op == TQP_OP_MUL && r == 0 && x != 0 && y != 0)
        return eval_fail(ev);
    return (TqpValue){.f = r};
}

static inline TqpValue eval_arithmetic(IrEval *ev, const TqpExpr *e, TqpValue x, TqpValue y) {
    TqpInt128 r = 0;
    if (tqp_type_class(e->type.kind) == TQP_CLASS_FLOAT)
        return eval_float(ev, e->op, x.f, y.f);
    if (e->args[0]->type.kind == TQP_TYPE_DATE) {
        /* Finite dates only: the interpreter need not know what infinity plus a day is. */
        TqpInt128 sum = e->op == TQP_OP_ADD ? x.i + y.i : x.i - y.i;
        bool second = e->args[1]->type.kind == TQP_TYPE_DATE;
        if (x.i < -2451545 || x.i >= 2145031949 ||
            (second && (y.i < -2451545 || y.i >= 2145031949)))
            return eval_fail(ev);
        if (!second && (sum < -2451545 || sum >= 2145031949))
            return eval_fail(ev);
        return eval_int(ev, e->type, sum);
    }
    if ((e->op == TQP_OP_DIV || e->op == TQP_OP_MOD) && y.i == 0)
        return eval_fail(ev);
    if (e->op == TQP_OP_MUL && __builtin_mul_overflow(x.i, y.i, &r))
        return eval_fail(ev);
    if (e->op == TQP_OP_MOD && y.i == -1)
        return eval_int(ev, e->type, 0);
    return eval_int(ev, e->type,
                    e->op == TQP_OP_ADD   ? x.i + y.i
                    : e->op == TQP_OP_SUB ? x.i - y.i
                    : e->op == TQP_OP_MUL ? r
                    : e->op == TQP_OP_DIV ? x.i / y.i
                                          : x.i % y.i);
}

static inline TqpInt128 eval_power(int n) {
    TqpInt128 p = 1;
    while (n-- > 0)
        p *= 10;
    return p;
}

static inline TqpValue eval_rescale(IrEval *ev, TqpType from, TqpType to, TqpInt128 v) {
    TqpInt128 r;
    if (to.scale >= from.scale) {
        if (__builtin_mul_overflow(v, eval_power(to.scale - from.scale), &r))
            return eval_fail(ev);
        return eval_int(ev, to, r);
    }
    TqpInt128 unit = eval_power(from.scale - to.scale), magnitude = v < 0 ? -v : v;
    r = (magnitude + unit / 2) / unit;
    return eval_int(ev, to, v < 0 ? -r : r);
}

static inline TqpValue eval_cast(IrEval *ev, const TqpExpr *e, TqpValue x) {
    TqpType from = e->args[0]->type, to = e->type;
    const TqpInt128 day = INT64_C(86400000000);
    if (from.kind == TQP_TYPE_BOOL && to.kind == TQP_TYPE_I32)
        return (TqpValue){.i = x.b};
    if (from.kind == TQP_TYPE_I32 && to.kind == TQP_TYPE_BOOL)
        return eval_bool(x.i != 0);
    if (from.kind == TQP_TYPE_DATE && to.kind == TQP_TYPE_TS)
        return x.i < -2451545 || x.i > 106741034 ? eval_fail(ev) : (TqpValue){.i = x.i * day};
    if (from.kind == TQP_TYPE_TS && to.kind == TQP_TYPE_DATE) {
        if (x.i < INT64_C(-211813488000000000) || x.i >= INT64_C(9223371331200000000))
            return eval_fail(ev);
        return (TqpValue){.i = x.i >= 0 ? x.i / day : -((-x.i + day - 1) / day)};
    }
    bool from_float = from.kind == TQP_TYPE_F64, to_float = to.kind == TQP_TYPE_F64;
    if (to_float && !from_float) /* exact enough a test for the small scales that occur */
        return (TqpValue){.f = (double)((long double)x.i / (long double)eval_power(from.scale))};
    if (from_float && !to_float) {
        if (isnan(x.f) || fabs(x.f) > 1e18)
            return eval_fail(ev);
        return eval_int(ev, to, (TqpInt128)nearbyint(x.f));
    }
    if (tqp_type_class(from.kind) == TQP_CLASS_INT && from.kind != to.kind)
        return eval_rescale(ev, from, to, x.i);
    return from.kind == TQP_TYPE_NUM ? eval_rescale(ev, from, to, x.i) : x;
}

static inline TqpValue eval_strict(IrEval *ev, const TqpExpr *e, TqpValue x, TqpValue y) {
    int c = e->op >= TQP_OP_EQ && e->op <= TQP_OP_GE ? eval_order(e->args[0]->type, x, y) : 0;
    switch (e->op) {
    case TQP_OP_EQ:
        return eval_bool(c == 0);
    case TQP_OP_NE:
        return eval_bool(c != 0);
    case TQP_OP_LT:
        return eval_bool(c < 0);
    case TQP_OP_LE:
        return eval_bool(c <= 0);
    case TQP_OP_GT:
        return eval_bool(c > 0);
    case TQP_OP_GE:
        return eval_bool(c >= 0);
    case TQP_OP_NOT:
        return eval_bool(!x.b);
    case TQP_OP_CAST:
        return eval_cast(ev, e, x);
    case TQP_OP_NEG:
    case TQP_OP_ABS:
        if (tqp_type_class(e->type.kind) == TQP_CLASS_FLOAT)
            return (TqpValue){.f = e->op == TQP_OP_NEG ? -x.f : fabs(x.f)};
        return eval_int(ev, e->type, e->op == TQP_OP_NEG || x.i < 0 ? -x.i : x.i);
    default:
        return eval_arithmetic(ev, e, x, y);
    }
}

static inline TqpValue eval(IrEval *ev, const TqpExpr *e, const TqpValue *row) {
    TqpValue v[2] = {{0}, {0}};
    switch (e->op) {
    case TQP_OP_COL:
        return row[e->index];
    case TQP_OP_CONST:
        return e->value;
    case TQP_OP_AND:
    case TQP_OP_OR:
        return eval_logic(ev, e, row);
    case TQP_OP_CASE:
        return eval_case(ev, e, row);
    case TQP_OP_COALESCE:
        return eval_coalesce(ev, e, row);
    case TQP_OP_GREATEST:
    case TQP_OP_LEAST:
        return eval_extreme(ev, e, row);
    case TQP_OP_IN:
        return eval_in(ev, e, row);
    default:
        break;
    }
    for (uint32_t i = 0; i < e->nargs; i++) {
        v[i] = eval(ev, e->args[i], row);
        if (ev->raised)
            return eval_null();
    }
    if (e->op == TQP_OP_IS_NULL)
        return eval_bool(v[0].is_null);
    if (e->op == TQP_OP_IS_TRUE || e->op == TQP_OP_IS_FALSE)
        return eval_bool(!v[0].is_null && v[0].b == (e->op == TQP_OP_IS_TRUE));
    if (e->op == TQP_OP_DISTINCT && (v[0].is_null || v[1].is_null))
        return eval_bool(v[0].is_null != v[1].is_null);
    if (e->op == TQP_OP_DISTINCT)
        return eval_bool(eval_order(e->args[0]->type, v[0], v[1]) != 0);
    if (v[0].is_null || v[1].is_null)
        return eval_null();
    return eval_strict(ev, e, v[0], v[1]);
}

/* A condition on rows: unlike an AND elsewhere, one at its top stops at NULL too (ExecQual). */
static inline bool eval_condition(IrEval *ev, const TqpExpr *e, const TqpValue *row) {
    if (e->op == TQP_OP_AND) {
        for (uint32_t i = 0; i < e->nargs; i++)
            if (!eval_condition(ev, e->args[i], row))
                return false;
        return true;
    }
    TqpValue v = eval(ev, e, row);
    return !v.is_null && v.b;
}

/* ---- nodes: in and out tables of values ---- */

static inline bool eval_same(TqpType t, TqpValue x, TqpValue y) {
    return x.is_null || y.is_null ? x.is_null == y.is_null : eval_order(t, x, y) == 0;
}

static inline IrTable eval_table(IrEval *ev, uint32_t max_rows, uint32_t ncolumns) {
    IrTable t = {0, ncolumns, tqp_arena_alloc(ev->a, max_rows * sizeof(TqpValue *) + 1)};
    return t;
}

static inline TqpValue *eval_new_row(IrEval *ev, IrTable *t) {
    TqpValue *row = tqp_arena_zalloc(ev->a, t->ncolumns * sizeof(TqpValue) + 1);
    t->rows[t->nrows++] = row;
    return row;
}

static inline bool eval_seen(TqpType t, const TqpValue *seen, uint32_t n, TqpValue v) {
    for (uint32_t i = 0; i < n; i++)
        if (eval_same(t, seen[i], v))
            return true;
    return false;
}

/* One aggregate over the rows whose group[] is g. */
static inline TqpValue eval_agg(IrEval *ev, const TqpAgg *agg, const IrTable *in,
                                const uint32_t *group, uint32_t g) {
    TqpValue result = eval_null(), *seen = tqp_arena_alloc(ev->a, in->nrows * sizeof(*seen) + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->nrows && !ev->raised; i++) {
        TqpValue v = {0};
        if (group[i] != g)
            continue;
        if (agg->filter != NULL && !eval_condition(ev, agg->filter, in->rows[i]))
            continue;
        if (agg->arg != NULL)
            v = eval(ev, agg->arg, in->rows[i]);
        if (v.is_null || (agg->distinct && eval_seen(agg->arg->type, seen, n, v)))
            continue;
        seen[n++] = v;
        int c = result.is_null || agg->arg == NULL ? 0 : eval_order(agg->arg->type, v, result);
        if (agg->func == TQP_AGG_SUM)
            result = eval_int(ev, agg->type, result.is_null ? v.i : result.i + v.i);
        else if (result.is_null || (agg->func == TQP_AGG_MIN && c < 0) ||
                 (agg->func == TQP_AGG_MAX && c > 0) || (agg->func == TQP_AGG_BOOL_AND && !v.b) ||
                 (agg->func == TQP_AGG_BOOL_OR && v.b))
            result = v;
    }
    if (agg->func == TQP_AGG_COUNT || agg->func == TQP_AGG_COUNT_STAR)
        result = (TqpValue){.i = n};
    return result;
}

static inline IrTable eval_aggregate(IrEval *ev, const TqpNode *n, const IrTable *in) {
    IrTable out = eval_table(ev, in->nrows + 1, n->noutputs);
    uint32_t *group = tqp_arena_alloc(ev->a, in->nrows * sizeof(*group) + 1);
    uint32_t nkeys = n->aggregate.nkeys;
    if (nkeys == 0)
        eval_new_row(ev, &out);
    for (uint32_t i = 0; i < in->nrows; i++) {
        TqpValue keys[8];
        for (uint32_t k = 0; k < nkeys; k++)
            keys[k] = eval(ev, n->aggregate.keys[k], in->rows[i]);
        uint32_t g = 0;
        for (; g < out.nrows; g++) {
            bool same = true;
            for (uint32_t k = 0; k < nkeys; k++)
                same = same && eval_same(n->types[k], keys[k], out.rows[g][k]);
            if (same)
                break;
        }
        if (g == out.nrows)
            memcpy(eval_new_row(ev, &out), keys, nkeys * sizeof(*keys));
        group[i] = g;
    }
    for (uint32_t g = 0; g < out.nrows; g++)
        for (uint32_t i = 0; i < n->aggregate.naggs; i++)
            out.rows[g][nkeys + i] = eval_agg(ev, &n->aggregate.aggs[i], in, group, g);
    return out;
}

static inline int eval_key_order(const TqpSortKey *k, TqpValue x, TqpValue y) {
    if (x.is_null || y.is_null)
        return x.is_null == y.is_null ? 0 : x.is_null == k->nulls_first ? -1 : 1;
    int c = eval_order(k->expr->type, x, y);
    return k->descending ? -c : c;
}

/* Stable insertion sort. */
static inline void eval_sort(IrEval *ev, const TqpNode *n, IrTable *t) {
    for (uint32_t i = 0; i < t->nrows; i++)
        for (uint32_t j = i; j > 0; j--) {
            int c = 0;
            for (uint32_t k = 0; k < n->sort.nkeys && c == 0; k++)
                c = eval_key_order(&n->sort.keys[k], eval(ev, n->sort.keys[k].expr, t->rows[j - 1]),
                                   eval(ev, n->sort.keys[k].expr, t->rows[j]));
            if (c <= 0)
                break;
            TqpValue *row = t->rows[j];
            t->rows[j] = t->rows[j - 1];
            t->rows[j - 1] = row;
        }
}

/* Sorted rows and two more columns: number and rank. */
static inline IrTable eval_number(IrEval *ev, const TqpNode *n, IrTable *in) {
    IrTable out = eval_table(ev, in->nrows, n->noutputs);
    int64_t number = 0, rank = 0;
    eval_sort(ev, n, in);
    for (uint32_t i = 0; i < in->nrows; i++) {
        TqpValue *row = eval_new_row(ev, &out);
        uint32_t same = 0;
        for (; i > 0 && same < n->sort.nkeys; same++)
            if (eval_key_order(&n->sort.keys[same],
                               eval(ev, n->sort.keys[same].expr, in->rows[i - 1]),
                               eval(ev, n->sort.keys[same].expr, in->rows[i])) != 0)
                break;
        number = i > 0 && same >= n->sort.npartition ? number + 1 : 1;
        rank = i > 0 && same == n->sort.nkeys ? rank : number;
        memcpy(row, in->rows[i], (n->noutputs - 2) * sizeof(*row));
        row[n->noutputs - 2] = (TqpValue){.i = number};
        row[n->noutputs - 1] = (TqpValue){.i = rank};
    }
    return out;
}

/* `scan` is what the scan outputs. */
static inline IrTable eval_node(IrEval *ev, const TqpNode *n, const IrTable *scan) {
    if (n->kind == TQP_NODE_SCAN)
        return *scan;
    IrTable in = eval_node(ev, n->inputs[0], scan);
    if (n->kind == TQP_NODE_AGGREGATE)
        return eval_aggregate(ev, n, &in);
    if (n->kind == TQP_NODE_NUMBER)
        return eval_number(ev, n, &in);
    IrTable out = eval_table(ev, in.nrows, n->noutputs);
    uint64_t skip = n->kind == TQP_NODE_LIMIT && n->limit.offset && !n->limit.offset->value.is_null
                        ? (uint64_t)n->limit.offset->value.i
                        : 0;
    uint64_t take = n->kind == TQP_NODE_LIMIT && n->limit.count && !n->limit.count->value.is_null
                        ? (uint64_t)n->limit.count->value.i
                        : UINT64_MAX;
    for (uint32_t i = 0; i < in.nrows; i++) {
        TqpValue *row = in.rows[i];
        if (n->kind == TQP_NODE_FILTER && !eval_condition(ev, n->filter.pred, row))
            continue;
        if (n->kind == TQP_NODE_LIMIT && (i < skip || i - skip >= take))
            continue;
        if (n->kind == TQP_NODE_PROJECT) {
            TqpValue *made = eval_new_row(ev, &out);
            for (uint32_t k = 0; k < n->noutputs; k++)
                made[k] = eval(ev, n->project.exprs[k], row);
        } else {
            out.rows[out.nrows++] = row;
        }
    }
    if (n->kind == TQP_NODE_SORT)
        eval_sort(ev, n, &out);
    return out;
}

#endif
