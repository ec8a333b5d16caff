/* Questions about expressions, and rebuilding them. */
#include <math.h>
#include <string.h>

#include "base/bitmap.h"
#include "ir/ir.h"

static bool value_equal(TqpType type, const TqpValue *x, const TqpValue *y) {
    if (x->is_null || y->is_null)
        return x->is_null == y->is_null;
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        return x->b == y->b;
    case TQP_CLASS_INT:
        return x->i == y->i;
    case TQP_CLASS_FLOAT: /* as text: one NaN, but two zeros */
        return (isnan(x->f) && isnan(y->f)) || (x->f == y->f && signbit(x->f) == signbit(y->f));
    case TQP_CLASS_TEXT:
        return x->s.len == y->s.len &&
               (x->s.len == 0 || memcmp(x->s.data, y->s.data, x->s.len) == 0);
    }
    return false;
}

bool tqp_ir_expr_equal(const TqpExpr *a, const TqpExpr *b) {
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->op != b->op || !tqp_type_equal(a->type, b->type) ||
        a->index != b->index || a->level != b->level || a->nargs != b->nargs)
        return false;
    if (a->op == TQP_OP_CONST)
        return value_equal(a->type, &a->value, &b->value);
    for (uint32_t i = 0; i < a->nargs; i++)
        if (!tqp_ir_expr_equal(a->args[i], b->args[i]))
            return false;
    return true;
}

static bool exprs_equal(uint32_t n, const TqpExpr *const *a, const TqpExpr *const *b) {
    for (uint32_t i = 0; i < n; i++)
        if (!tqp_ir_expr_equal(a[i], b[i]))
            return false;
    return true;
}

static bool aggregates_equal(const TqpNode *a, const TqpNode *b) {
    if (a->aggregate.nkeys != b->aggregate.nkeys || a->aggregate.naggs != b->aggregate.naggs ||
        !exprs_equal(a->aggregate.nkeys, a->aggregate.keys, b->aggregate.keys))
        return false;
    for (uint32_t i = 0; i < a->aggregate.naggs; i++) {
        const TqpAgg *x = &a->aggregate.aggs[i], *y = &b->aggregate.aggs[i];
        if (x->func != y->func || !tqp_type_equal(x->type, y->type) || x->distinct != y->distinct ||
            !tqp_ir_expr_equal(x->arg, y->arg) || !tqp_ir_expr_equal(x->filter, y->filter))
            return false;
    }
    return true;
}

static bool sorts_equal(const TqpNode *a, const TqpNode *b) {
    if (a->sort.nkeys != b->sort.nkeys || a->sort.npartition != b->sort.npartition)
        return false;
    for (uint32_t i = 0; i < a->sort.nkeys; i++) {
        const TqpSortKey *x = &a->sort.keys[i], *y = &b->sort.keys[i];
        if (x->descending != y->descending || x->nulls_first != y->nulls_first ||
            !tqp_ir_expr_equal(x->expr, y->expr))
            return false;
    }
    return true;
}

static bool uniques_equal(const TqpNode *a, const TqpNode *b) {
    if (a->scan.nuniques != b->scan.nuniques)
        return false;
    for (uint32_t i = 0; i < a->scan.nuniques; i++) {
        const TqpUnique *x = &a->scan.uniques[i], *y = &b->scan.uniques[i];
        if (x->ncolumns != y->ncolumns)
            return false;
        for (uint32_t k = 0; k < x->ncolumns; k++)
            if (x->columns[k] != y->columns[k])
                return false;
    }
    return true;
}

static bool bodies_equal(const TqpNode *a, const TqpNode *b) {
    switch (a->kind) {
    case TQP_NODE_SCAN:
        if (a->scan.relation != b->scan.relation || strcmp(a->scan.name, b->scan.name) != 0)
            return false;
        for (uint32_t i = 0; i < a->noutputs; i++)
            if (strcmp(a->scan.columns[i], b->scan.columns[i]) != 0)
                return false;
        return uniques_equal(a, b) && a->scan.nnot_null == b->scan.nnot_null &&
               (a->scan.nnot_null == 0 || memcmp(a->scan.not_null, b->scan.not_null,
                                                 a->scan.nnot_null * sizeof(uint32_t)) == 0);
    case TQP_NODE_VALUES:
        return a->values.nrows == b->values.nrows &&
               exprs_equal(a->values.nrows * a->noutputs, a->values.exprs, b->values.exprs);
    case TQP_NODE_JOIN:
        return a->join.kind == b->join.kind && a->join.dependent == b->join.dependent &&
               tqp_ir_expr_equal(a->join.pred, b->join.pred);
    case TQP_NODE_APPEND:
        return true;
    case TQP_NODE_FILTER:
        return tqp_ir_expr_equal(a->filter.pred, b->filter.pred);
    case TQP_NODE_PROJECT:
        return exprs_equal(a->noutputs, a->project.exprs, b->project.exprs);
    case TQP_NODE_AGGREGATE:
        return aggregates_equal(a, b);
    case TQP_NODE_SORT:
    case TQP_NODE_NUMBER:
        return sorts_equal(a, b);
    case TQP_NODE_LIMIT:
        return tqp_ir_expr_equal(a->limit.count, b->limit.count) &&
               tqp_ir_expr_equal(a->limit.offset, b->limit.offset);
    case TQP_NODE_WITH:
    case TQP_NODE_SHARED:
        return a->shared.number == b->shared.number;
    case TQP_NODE_KIND_COUNT:
        break;
    }
    return false;
}

bool tqp_ir_node_equal(const TqpNode *a, const TqpNode *b) {
    if (a == b)
        return true;
    if (a->kind != b->kind || a->ninputs != b->ninputs || a->noutputs != b->noutputs)
        return false;
    for (uint32_t i = 0; i < a->noutputs; i++)
        if (!tqp_type_equal(a->types[i], b->types[i]))
            return false;
    if (!bodies_equal(a, b))
        return false;
    for (uint32_t i = 0; i < a->ninputs; i++)
        if (!tqp_ir_node_equal(a->inputs[i], b->inputs[i]))
            return false;
    return true;
}

uint32_t tqp_ir_expr_size(const TqpExpr *e, uint32_t cap, uint32_t *depth) {
    uint32_t size = 1, deepest = 0;
    for (uint32_t i = 0; i < e->nargs && size < cap; i++) {
        uint32_t d = 0;
        size += tqp_ir_expr_size(e->args[i], cap - size, &d);
        deepest = d > deepest ? d : deepest;
    }
    if (depth != NULL)
        *depth = deepest + 1;
    return size;
}

/* ---- may evaluating it raise? ---- */

static bool is_exact(TqpTypeKind k) {
    return k == TQP_TYPE_I16 || k == TQP_TYPE_I32 || k == TQP_TYPE_I64 || k == TQP_TYPE_NUM;
}

/* Casts that hold for every value of the source do not raise; everything unlisted may. */
static bool cast_may_raise(TqpType from, TqpType to) {
    TqpTypeClass class = tqp_type_class(from.kind);
    if (class == TQP_CLASS_TEXT || from.kind == TQP_TYPE_BOOL || to.kind == TQP_TYPE_BOOL ||
        (from.kind == to.kind && from.kind != TQP_TYPE_NUM))
        return false;
    if (is_exact(from.kind) && is_exact(to.kind)) {
        TqpInt128 low, high, to_low, to_high;
        tqp_type_range(from, &low, &high);
        tqp_type_range(to, &to_low, &to_high);
        if (to.kind == TQP_TYPE_NUM && to.scale <= from.scale)
            return false; /* rounding to fewer digits shrinks the integer */
        if (from.scale > 0)
            return true;
        return low < to_low / tqp_int128_pow10(to.scale) ||
               high > to_high / tqp_int128_pow10(to.scale);
    }
    if (is_exact(from.kind)) /* to a float: at most 10^37, but 10^-38 underflows float4 */
        return to.kind == TQP_TYPE_F32 && from.scale > 37;
    return !(from.kind == TQP_TYPE_F32 && to.kind == TQP_TYPE_F64) &&
           !(from.kind == TQP_TYPE_TS && to.kind == TQP_TYPE_TIME);
}

/* An integer division whose constant divisor rules out both errors. */
static bool safe_divisor(const TqpExpr *e) {
    const TqpExpr *d = e->args[1];
    return d->op == TQP_OP_CONST && is_exact(d->type.kind) && !d->value.is_null &&
           d->value.i != 0 && (d->value.i != -1 || e->op == TQP_OP_MOD);
}

static bool op_may_raise(const TqpExpr *e) {
    switch (e->op) {
    case TQP_OP_NEG:
    case TQP_OP_ABS: /* the least integer; numeric and floats are symmetric */
        return is_exact(e->type.kind) && e->type.kind != TQP_TYPE_NUM;
    case TQP_OP_SQRT:
    case TQP_OP_ADD:
    case TQP_OP_SUB:
    case TQP_OP_MUL:
    case TQP_OP_ADD_MONTHS:
    case TQP_OP_NUM_DIV:
    case TQP_OP_AT_ZONE:
        return true;
    case TQP_OP_DIV:
    case TQP_OP_MOD:
        return !safe_divisor(e);
    case TQP_OP_CAST:
        return cast_may_raise(e->args[0]->type, e->type);
    case TQP_OP_EXTRACT: /* an infinite date has no year in our types */
        return e->args[1]->type.kind != TQP_TYPE_TIME;
    case TQP_OP_DATE_TRUNC: /* the first days of the range */
        return true;
    case TQP_OP_SUBSTR:
        return false; /* negative lengths are refused by the type rule */
    case TQP_OP_LIKE: /* a pattern that ends in its escape raises */
        return e->args[1]->op != TQP_OP_CONST ||
               (!e->args[1]->value.is_null && e->args[1]->value.s.len > 0 &&
                e->args[1]->value.s.data[e->args[1]->value.s.len - 1] == '\\');
    default:
        return false;
    }
}

bool tqp_ir_expr_may_raise(const TqpExpr *e) {
    if (op_may_raise(e))
        return true;
    for (uint32_t i = 0; i < e->nargs; i++)
        if (tqp_ir_expr_may_raise(e->args[i]))
            return true;
    return false;
}

void tqp_ir_expr_columns(const TqpExpr *e, uint64_t *used) {
    if (e->op == TQP_OP_COL)
        tqp_bitmap_set(used, e->index);
    for (uint32_t i = 0; i < e->nargs; i++)
        tqp_ir_expr_columns(e->args[i], used);
}

/* ---- rebuilding ---- */

const TqpExpr *tqp_ir_expr_map(TqpArena *a, const TqpExpr *e, TqpExprMap fn, void *arg) {
    const TqpExpr **args = NULL;
    for (uint32_t i = 0; i < e->nargs; i++) {
        const TqpExpr *x = tqp_ir_expr_map(a, e->args[i], fn, arg);
        if (x == NULL)
            return NULL;
        if (x == e->args[i])
            continue;
        if (args == NULL) {
            if ((args = tqp_arena_alloc(a, e->nargs * sizeof(*args))) == NULL)
                return NULL;
            memcpy(args, e->args, e->nargs * sizeof(*args));
        }
        args[i] = x;
    }
    if (args != NULL) {
        TqpExpr *copy = tqp_arena_alloc(a, sizeof(*copy));
        if (copy == NULL)
            return NULL;
        *copy = *e;
        copy->args = args;
        e = copy;
    }
    return fn(a, e, arg);
}

static const TqpExpr *replace_col(TqpArena *a, const TqpExpr *e, void *arg) {
    const TqpExpr *const *exprs = arg;
    (void)a;
    return e->op == TQP_OP_COL ? exprs[e->index] : e;
}

const TqpExpr *tqp_ir_expr_substitute(TqpArena *a, const TqpExpr *e, const TqpExpr *const *exprs) {
    return tqp_ir_expr_map(a, e, replace_col, (void *)exprs);
}
