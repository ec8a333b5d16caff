/*
 * Is this IR well formed?  Types by ir/types.c, columns within the input, constants within the
 * range of their types, nesting bounded so that every recursion over checked IR is.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

/* The left input of a dependent join, for what stands on its right side. */
typedef struct Outer {
    const TqpNode *left;
    const struct Outer *around;
} Outer;

/* A definition of WITH, for what stands in its body. */
typedef struct With {
    const TqpNode *node;
    const struct With *around;
} With;

typedef struct Scope {
    uint32_t ncolumns;
    const TqpType *columns;
    TqpError *err;
    const Outer *outer;
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

static TqpStatus check_column(const TqpExpr *e, uint32_t n, const TqpType *types, TqpError *err) {
    const char *name = tqp_ir_op_name(e->op);
    if (e->index >= n)
        return tqp_error_set(err, TQP_INVALID, "%s %u: the input has %u columns", name, e->index,
                             n);
    if (!tqp_type_equal(e->type, types[e->index])) {
        char want[32], have[32];
        tqp_type_print(e->type, want);
        tqp_type_print(types[e->index], have);
        return tqp_error_set(err, TQP_INVALID, "%s %u is %s, not %s", name, e->index, have, want);
    }
    return TQP_OK;
}

static TqpStatus check_leaf(const TqpExpr *e, const Scope *scope) {
    if (e->op == TQP_OP_CONST)
        return check_const(e, scope->err);
    if (e->op == TQP_OP_COL)
        return check_column(e, scope->ncolumns, scope->columns, scope->err);
    if (e->op != TQP_OP_OUTER)
        return TQP_OK;
    const Outer *outer = scope->outer;
    for (uint32_t level = e->level; level > 0 && outer != NULL; level--)
        outer = outer->around;
    if (outer == NULL)
        return tqp_error_set(scope->err, TQP_INVALID, "outer %u: no such dependent join", e->level);
    return check_column(e, outer->left->noutputs, outer->left->types, scope->err);
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
        if (e->args[i]->op == TQP_OP_PAIR)
            return tqp_error_set(scope->err, TQP_INVALID, "pair outside of an aggregate");
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

static TqpStatus check_agg_arg(const TqpExpr *e, const Scope *scope) {
    if (e->op == TQP_OP_PAD)
        return tqp_error_set(scope->err, TQP_INVALID, "pad outside of like");
    return check_expr(e, scope, 1);
}

static TqpStatus check_root(const TqpExpr *e, const Scope *scope) {
    if (e == NULL)
        return tqp_error_set(scope->err, TQP_INVALID, "an expression is missing");
    if (e->op == TQP_OP_PAIR)
        return tqp_error_set(scope->err, TQP_INVALID, "pair outside of an aggregate");
    return check_agg_arg(e, scope);
}

static TqpStatus check_pred(const TqpExpr *e, const Scope *scope, const char *what) {
    TQP_TRY(check_root(e, scope));
    if (e->type.kind != TQP_TYPE_BOOL)
        return tqp_error_set(scope->err, TQP_INVALID, "%s is not boolean", what);
    return TQP_OK;
}

TqpStatus tqp_ir_check_expr(const TqpExpr *e, uint32_t ncolumns, const TqpType *columns,
                            TqpError *err) {
    return check_root(e, &(Scope){ncolumns, columns, err, NULL});
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
            TQP_TRY(check_agg_arg(agg->arg, scope));
        if (agg->filter != NULL)
            TQP_TRY(check_pred(agg->filter, scope, "filter of an aggregate"));
        TQP_TRY(tqp_ir_agg_type(agg->func, agg->arg, &type, scope->err));
        if (!result_type_fits(agg->type, type))
            return tqp_error_set(scope->err, TQP_INVALID, "%s: wrong result type",
                                 tqp_ir_agg_name(agg->func));
        if (agg->distinct && (agg->arg == NULL || agg->arg->op == TQP_OP_PAIR))
            return tqp_error_set(scope->err, TQP_INVALID, "distinct needs an argument, not a pair");
    }
    return TQP_OK;
}

/* What holds for the node whatever its inputs. */
static TqpStatus check_scan(const TqpNode *n, TqpError *err) {
    for (uint32_t i = 0; i < n->noutputs; i++)
        TQP_TRY(check_type(n->types[i], err));
    for (uint32_t i = 0; i < n->scan.nuniques; i++)
        for (uint32_t k = 0; k < n->scan.uniques[i].ncolumns; k++)
            if (n->scan.uniques[i].columns[k] >= n->noutputs)
                return tqp_error_set(err, TQP_INVALID, "unique: the scan has no column %u",
                                     n->scan.uniques[i].columns[k]);
    for (uint32_t i = 0; i < n->scan.nnot_null; i++)
        if (n->scan.not_null[i] >= n->noutputs)
            return tqp_error_set(err, TQP_INVALID, "not_null: the scan has no column %u",
                                 n->scan.not_null[i]);
    return TQP_OK;
}

static TqpStatus check_values(const TqpNode *n, TqpError *err) {
    const Scope none = {0, NULL, err, NULL};
    for (uint32_t i = 0; i < n->noutputs; i++)
        TQP_TRY(check_type(n->types[i], err));
    for (uint32_t i = 0; i < n->values.nrows * n->noutputs; i++) {
        const TqpExpr *e = n->values.exprs[i];
        TQP_TRY(check_root(e, &none));
        if (e->op != TQP_OP_CONST && e->op != TQP_OP_PARAM)
            return tqp_error_set(err, TQP_INVALID, "values: not a constant or parameter");
        if (!tqp_type_equal(e->type, n->types[i % n->noutputs]))
            return tqp_error_set(err, TQP_INVALID, "values: a row of other types");
    }
    return TQP_OK;
}

static TqpStatus check_append(const TqpNode *n, TqpError *err) {
    const TqpNode *second = n->inputs[1];
    if (second->noutputs != n->noutputs)
        return tqp_error_set(err, TQP_INVALID, "append: %u and %u columns", n->noutputs,
                             second->noutputs);
    for (uint32_t i = 0; i < n->noutputs; i++)
        if (!tqp_type_equal(n->types[i], second->types[i]))
            return tqp_error_set(err, TQP_INVALID, "append: columns of other types");
    return TQP_OK;
}

static TqpStatus check_bound(const TqpExpr *e, TqpError *err) {
    if (e == NULL)
        return TQP_OK;
    TQP_TRY(check_root(e, &(Scope){0, NULL, err, NULL}));
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
    case TQP_NODE_NUMBER:
        if (n->kind == TQP_NODE_NUMBER && n->sort.npartition > n->sort.nkeys)
            return tqp_error_set(scope->err, TQP_INVALID, "number: more keys than there are");
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

/* A join's predicate reads both inputs; outer columns are for the right side's insides only. */
static TqpStatus check_join(const TqpNode *n, TqpError *err, const Outer *around) {
    const TqpNode *left = n->inputs[0], *right = n->inputs[1];
    uint32_t total = left->noutputs + right->noutputs;
    if ((unsigned)n->join.kind >= TQP_JOIN_KIND_COUNT)
        return tqp_error_set(err, TQP_INVALID, "join %d is unknown", (int)n->join.kind);
    if (n->join.dependent && n->join.kind == TQP_JOIN_FULL)
        return tqp_error_set(err, TQP_INVALID, "a full join cannot be dependent");
    TqpType *types = malloc(total * sizeof(*types) + 1);
    if (types == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory to check a join");
    for (uint32_t i = 0; i < total; i++)
        types[i] = i < left->noutputs ? left->types[i] : right->types[i - left->noutputs];
    TqpStatus status =
        check_pred(n->join.pred, &(Scope){total, types, err, around}, "join predicate");
    free(types);
    return status;
}

static const TqpNode *find_with(const With *with, uint32_t number) {
    while (with != NULL && with->node->shared.number != number)
        with = with->around;
    return with == NULL ? NULL : with->node;
}

static TqpStatus check_shared(const TqpNode *n, TqpError *err, const With *with) {
    const TqpNode *around = find_with(with, n->shared.number);
    if (around == NULL || n->shared.definition == NULL)
        return tqp_error_set(err, TQP_INVALID, "shared %u is not defined", n->shared.number);
    const TqpNode *defined[] = {around->inputs[0], n->shared.definition};
    for (int k = 0; k < 2; k++) {
        if (defined[k]->noutputs != n->noutputs)
            return tqp_error_set(err, TQP_INVALID, "shared %u: %u and %u columns", n->shared.number,
                                 n->noutputs, defined[k]->noutputs);
        for (uint32_t i = 0; i < n->noutputs; i++)
            if (!tqp_type_equal(n->types[i], defined[k]->types[i]))
                return tqp_error_set(err, TQP_INVALID, "shared %u: columns of other types",
                                     n->shared.number);
    }
    return TQP_OK;
}

static TqpStatus check_node(const TqpNode *n, TqpError *err, const Outer *outer, const With *with,
                            int depth) {
    static const uint32_t ninputs[TQP_NODE_KIND_COUNT] = {
        [TQP_NODE_JOIN] = 2,    [TQP_NODE_APPEND] = 2,    [TQP_NODE_FILTER] = 1,
        [TQP_NODE_PROJECT] = 1, [TQP_NODE_AGGREGATE] = 1, [TQP_NODE_SORT] = 1,
        [TQP_NODE_NUMBER] = 1,  [TQP_NODE_LIMIT] = 1};
    if (depth > TQP_IR_MAX_DEPTH)
        return tqp_error_set(err, TQP_INVALID, "nodes are nested too deep");
    if ((unsigned)n->kind >= TQP_NODE_KIND_COUNT)
        return tqp_error_set(err, TQP_INVALID, "node %d is unknown", (int)n->kind);
    if (n->kind == TQP_NODE_WITH)
        return tqp_error_set(err, TQP_INVALID, "with %u is not at the root", n->shared.number);
    if (n->ninputs != ninputs[n->kind])
        return tqp_error_set(err, TQP_INVALID, "a node has %u inputs", n->ninputs);
    bool dependent = n->kind == TQP_NODE_JOIN && n->join.dependent;
    for (uint32_t i = 0; i < n->ninputs; i++) {
        if (n->inputs[i] == NULL)
            return tqp_error_set(err, TQP_INVALID, "an input is missing");
        const Outer inside = {n->inputs[0], outer};
        TQP_TRY(
            check_node(n->inputs[i], err, dependent && i == 1 ? &inside : outer, with, depth + 1));
    }
    if (n->kind == TQP_NODE_SCAN)
        return check_scan(n, err);
    if (n->kind == TQP_NODE_VALUES)
        return check_values(n, err);
    if (n->kind == TQP_NODE_SHARED)
        return check_shared(n, err, with);
    if (n->kind == TQP_NODE_JOIN)
        return check_join(n, err, outer);
    if (n->kind == TQP_NODE_APPEND)
        return check_append(n, err);
    const TqpNode *input = n->inputs[0];
    return check_body(n, &(Scope){input->noutputs, input->types, err, outer});
}

/* A chain of WITHs, each of which sees those around it. */
static TqpStatus check_root_node(const TqpNode *n, TqpError *err, const With *around, int depth) {
    if (n->kind != TQP_NODE_WITH)
        return check_node(n, err, NULL, around, depth);
    if (depth > TQP_IR_MAX_DEPTH)
        return tqp_error_set(err, TQP_INVALID, "nodes are nested too deep");
    if (n->ninputs != 2 || n->inputs[0] == NULL || n->inputs[1] == NULL)
        return tqp_error_set(err, TQP_INVALID, "an input is missing");
    if (find_with(around, n->shared.number) != NULL)
        return tqp_error_set(err, TQP_INVALID, "two withs of number %u", n->shared.number);
    const With with = {n, around};
    TQP_TRY(check_node(n->inputs[0], err, NULL, around, depth + 1));
    TQP_TRY(check_root_node(n->inputs[1], err, &with, depth + 1));
    if (n->noutputs != n->inputs[1]->noutputs)
        return tqp_error_set(err, TQP_INVALID, "with: wrong number of outputs");
    return TQP_OK;
}

TqpStatus tqp_ir_check(const TqpNode *node, TqpError *err) {
    if (node == NULL)
        return tqp_error_set(err, TQP_INVALID, "no plan");
    return check_root_node(node, err, NULL, 1);
}
