/*
 * Is this IR well formed?  Types by ir/types.c, columns within the input, constants within the
 * range of their types, nesting bounded so that every recursion over checked IR is.
 */
#include <math.h>
#include <string.h>

#include "ir/ir.h"

typedef struct Scope {
    uint32_t ncolumns;
    const TqpType *columns;
    TqpError *err;
} Scope;

static TqpStatus check_type(TqpType t, TqpError *err) {
    if ((unsigned)t.kind >= TQP_TYPE_COUNT)
        return tqp_error_set(err, TQP_INVALID, "type %d is unknown", (int)t.kind);
    if (t.scale < 0 || t.scale > (t.kind == TQP_TYPE_NUM ? TQP_POW10_MAX : 0))
        return tqp_error_set(err, TQP_INVALID, "%s with scale %d", tqp_type_kind_name(t.kind),
                             t.scale);
    if (t.collation != 0 && tqp_type_class(t.kind) != TQP_CLASS_TEXT)
        return tqp_error_set(err, TQP_INVALID, "%s with a collation", tqp_type_kind_name(t.kind));
    return TQP_OK;
}

static TqpStatus check_const(const TqpExpr *e, TqpError *err) {
    char type[32];
    if (e->value.is_null)
        return TQP_OK;
    tqp_type_print(e->type, type);
    if (tqp_type_class(e->type.kind) == TQP_CLASS_INT) {
        TqpInt128 min, max;
        tqp_type_range(e->type, &min, &max);
        if (e->value.i < min || e->value.i > max)
            return tqp_error_set(err, TQP_INVALID, "constant is out of the range of %s", type);
    }
    if (e->type.kind == TQP_TYPE_F32 && !isnan(e->value.f) &&
        (double)(float)e->value.f != e->value.f)
        return tqp_error_set(err, TQP_INVALID, "constant %.17g is not an f32", e->value.f);
    if (tqp_type_class(e->type.kind) == TQP_CLASS_TEXT && e->value.s.len > 0 &&
        memchr(e->value.s.data, 0, e->value.s.len) != NULL)
        return tqp_error_set(err, TQP_INVALID, "text constant holds a NUL byte");
    return TQP_OK;
}

static TqpStatus check_leaf(const TqpExpr *e, const Scope *scope) {
    if (e->op == TQP_OP_CONST)
        return check_const(e, scope->err);
    if (e->op != TQP_OP_COL)
        return TQP_OK;
    if (e->index >= scope->ncolumns)
        return tqp_error_set(scope->err, TQP_INVALID, "col %u: the input has %u columns", e->index,
                             scope->ncolumns);
    if (!tqp_type_equal(e->type, scope->columns[e->index])) {
        char want[32], have[32];
        tqp_type_print(e->type, want);
        tqp_type_print(scope->columns[e->index], have);
        return tqp_error_set(scope->err, TQP_INVALID, "col %u is %s, not %s", e->index, have, want);
    }
    return TQP_OK;
}

/* The collation of a text result is the producer's to name. */
static bool result_type_fits(TqpType type, TqpType derived) {
    if (tqp_type_class(derived.kind) == TQP_CLASS_TEXT)
        return type.kind == derived.kind;
    return tqp_type_equal(type, derived);
}

static TqpStatus check_expr(const TqpExpr *e, const Scope *scope, int depth) {
    if (depth > TQP_IR_MAX_DEPTH)
        return tqp_error_set(scope->err, TQP_INVALID, "expressions are nested too deep");
    TQP_TRY(check_type(e->type, scope->err));
    for (uint32_t i = 0; i < e->nargs; i++) {
        TQP_TRY(check_expr(e->args[i], scope, depth + 1));
        if (e->args[i]->op == TQP_OP_PAD && (e->op != TQP_OP_LIKE || i != 0))
            return tqp_error_set(scope->err, TQP_INVALID, "pad outside of like");
    }
    TqpType derived = e->type;
    TQP_TRY(tqp_ir_call_type(e->op, e->nargs, e->args, &derived, scope->err));
    if (!result_type_fits(e->type, derived)) {
        char is[32], has[32];
        tqp_type_print(derived, is);
        tqp_type_print(e->type, has);
        return tqp_error_set(scope->err, TQP_INVALID, "%s: the result is %s, not %s",
                             tqp_ir_op_name(e->op), is, has);
    }
    return check_leaf(e, scope);
}

static TqpStatus check_root(const TqpExpr *e, const Scope *scope) {
    if (e == NULL)
        return tqp_error_set(scope->err, TQP_INVALID, "an expression is missing");
    if (e->op == TQP_OP_PAD)
        return tqp_error_set(scope->err, TQP_INVALID, "pad outside of like");
    return check_expr(e, scope, 1);
}

static TqpStatus check_pred(const TqpExpr *e, const Scope *scope, const char *what) {
    TQP_TRY(check_root(e, scope));
    if (e->type.kind != TQP_TYPE_BOOL)
        return tqp_error_set(scope->err, TQP_INVALID, "%s is not boolean", what);
    return TQP_OK;
}

TqpStatus tqp_ir_check_expr(const TqpExpr *e, uint32_t ncolumns, const TqpType *columns,
                            TqpError *err) {
    return check_root(e, &(Scope){ncolumns, columns, err});
}

static TqpStatus check_aggregate(const TqpNode *n, const Scope *scope) {
    if (n->noutputs != n->aggregate.nkeys + n->aggregate.naggs)
        return tqp_error_set(scope->err, TQP_INVALID, "aggregate: wrong number of outputs");
    for (uint32_t i = 0; i < n->aggregate.nkeys; i++)
        TQP_TRY(check_root(n->aggregate.keys[i], scope));
    for (uint32_t i = 0; i < n->aggregate.naggs; i++) {
        const TqpAgg *agg = &n->aggregate.aggs[i];
        TqpType type;
        if (agg->arg != NULL)
            TQP_TRY(check_root(agg->arg, scope));
        if (agg->filter != NULL)
            TQP_TRY(check_pred(agg->filter, scope, "filter of an aggregate"));
        TQP_TRY(tqp_ir_agg_type(agg->func, agg->arg, &type, scope->err));
        if (!result_type_fits(agg->type, type))
            return tqp_error_set(scope->err, TQP_INVALID, "%s: wrong result type",
                                 tqp_ir_agg_name(agg->func));
        if (agg->distinct && agg->arg == NULL)
            return tqp_error_set(scope->err, TQP_INVALID, "distinct needs an argument");
    }
    return TQP_OK;
}

static TqpStatus check_bound(const TqpExpr *e, TqpError *err) {
    if (e == NULL)
        return TQP_OK;
    TQP_TRY(check_root(e, &(Scope){0, NULL, err}));
    if (e->type.kind != TQP_TYPE_I64 || (e->op != TQP_OP_CONST && e->op != TQP_OP_PARAM))
        return tqp_error_set(err, TQP_INVALID, "limit: not an i64 constant or parameter");
    if (e->op == TQP_OP_CONST && !e->value.is_null && e->value.i < 0)
        return tqp_error_set(err, TQP_INVALID, "limit: negative");
    return TQP_OK;
}

static TqpStatus check_body(const TqpNode *n, const Scope *scope) {
    switch (n->kind) {
    case TQP_NODE_FILTER:
        return check_pred(n->filter.pred, scope, "filter");
    case TQP_NODE_PROJECT:
        for (uint32_t i = 0; i < n->noutputs; i++)
            TQP_TRY(check_root(n->project.exprs[i], scope));
        return TQP_OK;
    case TQP_NODE_AGGREGATE:
        return check_aggregate(n, scope);
    case TQP_NODE_SORT:
        for (uint32_t i = 0; i < n->sort.nkeys; i++)
            TQP_TRY(check_root(n->sort.keys[i].expr, scope));
        return n->sort.nkeys > 0 ? TQP_OK
                                 : tqp_error_set(scope->err, TQP_INVALID, "sort without keys");
    case TQP_NODE_LIMIT:
        TQP_TRY(check_bound(n->limit.count, scope->err));
        return check_bound(n->limit.offset, scope->err);
    default:
        return tqp_error_set(scope->err, TQP_INVALID, "node %d is unknown", (int)n->kind);
    }
}

static TqpStatus check_node(const TqpNode *n, TqpError *err, int depth) {
    if (depth > TQP_IR_MAX_DEPTH)
        return tqp_error_set(err, TQP_INVALID, "nodes are nested too deep");
    if (n->kind == TQP_NODE_SCAN) {
        for (uint32_t i = 0; i < n->noutputs; i++)
            TQP_TRY(check_type(n->types[i], err));
        return TQP_OK;
    }
    if (n->ninputs != 1 || n->inputs[0] == NULL)
        return tqp_error_set(err, TQP_INVALID, "a node has %u inputs", n->ninputs);
    const TqpNode *input = n->inputs[0];
    TQP_TRY(check_node(input, err, depth + 1));
    return check_body(n, &(Scope){input->noutputs, input->types, err});
}

TqpStatus tqp_ir_check(const TqpNode *node, TqpError *err) {
    if (node == NULL)
        return tqp_error_set(err, TQP_INVALID, "no plan");
    return check_node(node, err, 1);
}
