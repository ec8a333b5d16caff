/*
 * The tail: expressions over the engine's columns that PostgreSQL's own functions evaluate, because
 * the IR lacks them or because their result must be finished exactly as PostgreSQL does (avg).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pg/lower.h"

/* The width that bpchar values of this expression are padded to, as a typmod; -1: not known. */
static int32 width_typmod(Node *node) {
    if (IsA(node, Aggref)) {
        const Aggref *a = (const Aggref *)node;
        if (a->aggfnoid != F_MIN_BPCHAR && a->aggfnoid != F_MAX_BPCHAR)
            return -1;
        node = (Node *)((TargetEntry *)linitial(a->args))->expr;
    }
    return exprTypmod(node);
}

static int add_output(TqpLowering *l, const TqpExpr *ir, Oid type, int32 typmod, Oid collation,
                      bool reuse) {
    ListCell *lc;
    foreach (lc, l->outputs) {
        const TqpOutput *old = lfirst(lc);
        if (reuse && old->type == type && old->typmod == typmod && tqp_ir_expr_equal(old->ir, ir))
            return foreach_current_index(lc);
    }
    TqpOutput *output = palloc(sizeof(*output));
    *output = (TqpOutput){.ir = ir, .type = type, .collation = collation, .typmod = typmod};
    l->outputs = lappend(l->outputs, output);
    return list_length(l->outputs) - 1;
}

static int node_output(TqpLowering *l, const TqpExpr *ir, Node *node, bool reuse) {
    int32 typmod = width_typmod(node), width = typmod;
    Oid type = exprType(node);
    if (get_typtype(type) == TYPTYPE_DOMAIN)
        type = getBaseTypeAndTypmod(type, &width);
    if (type == BPCHAROID && width < (int32)VARHDRSZ) {
        tqp_lower_fail(l, TQP_DECLINE_WIDTH);
        return -1;
    }
    return add_output(l, ir, exprType(node), typmod, exprCollation(node), reuse);
}

/* Index of the engine's column that holds `ir`, the lowered form of node; -1: reason is set. */
int tqp_lower_output(TqpLowering *l, const TqpExpr *ir, Node *node, bool reuse) {
    if (tqp_lower_scale(l, ir) == NULL)
        return node_output(l, ir, node, reuse);
    tqp_lower_fail(l, TQP_DECLINE_MIXED_SCALES);
    return -1;
}

int tqp_lower_sort_output(TqpLowering *l, const TqpExpr *ir, Node *node) {
    return node_output(l, ir, node, true);
}

static Node *output_var(int index, Oid type, int32 typmod, Oid collation) {
    return (Node *)makeVar(INDEX_VAR, (AttrNumber)(index + 1), type, typmod, collation, 0);
}

static Node *call(Oid funcid, Oid type, List *args) {
    return (Node *)makeFuncExpr(funcid, type, args, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* A value of the greatest scale, shown with its own. */
static Node *rescale(TqpLowering *l, Node *value, const TqpExpr *scale) {
    int index = add_output(l, scale, INT4OID, -1, InvalidOid, true);
    return call(F_ROUND_NUMERIC_INT4, NUMERICOID,
                list_make2(value, output_var(index, INT4OID, -1, InvalidOid)));
}

/* float8_accum adds to 0, so avg() is 0 where sum() is -0. */
static Node *from_zero(Node *sum) {
    Const *zero = makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(0), false,
                            FLOAT8PASSBYVAL);
    return call(F_FLOAT8PL, FLOAT8OID, list_make2(sum, zero));
}

/* int8_avg, numeric_avg and numeric_poly_avg divide in numeric, float8_avg in double. */
static Node *finish_average(TqpLowering *l, const TqpAverage *average) {
    int sum = add_output(l, average->sum, average->sum_type, -1, InvalidOid, true);
    int count = add_output(l, average->count, INT8OID, -1, InvalidOid, true);
    Node *s = output_var(sum, average->sum_type, -1, InvalidOid);
    Node *n = output_var(count, INT8OID, -1, InvalidOid);
    if (average->sum_type == FLOAT8OID)
        return call(F_FLOAT8DIV, FLOAT8OID,
                    list_make2(from_zero(s), call(F_FLOAT8_INT8, FLOAT8OID, list_make1(n))));
    if (average->scale != NULL)
        s = rescale(l, s, average->scale);
    if (average->sum_type == INT8OID)
        s = call(F_NUMERIC_INT8, NUMERICOID, list_make1(s));
    return call(F_NUMERIC_DIV, NUMERICOID,
                list_make2(s, call(F_NUMERIC_INT8, NUMERICOID, list_make1(n))));
}

/* tqp.variance finishes as numeric_stddev_internal does. */
static Node *finish_variance(TqpLowering *l, const TqpVariance *variance) {
    int sum = add_output(l, variance->sum, variance->sum_type, -1, InvalidOid, true);
    int squares = add_output(l, variance->squares, NUMERICOID, -1, InvalidOid, true);
    int count = add_output(l, variance->count, INT8OID, -1, InvalidOid, true);
    Node *n = output_var(count, INT8OID, -1, InvalidOid);
    Node *s = output_var(sum, variance->sum_type, -1, InvalidOid);
    Node *q = output_var(squares, NUMERICOID, -1, InvalidOid);
    if (variance->sum_type == INT8OID)
        s = call(F_NUMERIC_INT8, NUMERICOID, list_make1(s));
    if (variance->scale != NULL) {
        s = rescale(l, s, variance->scale);
        q = rescale(l, q,
                    tqp_ir_call2(l->arena, TQP_OP_ADD, variance->scale->type, variance->scale,
                                 variance->scale));
    }
    return call(variance->finish, NUMERICOID,
                list_make5(n, s, q, makeBoolConst(variance->sample, false),
                           makeBoolConst(variance->root, false)));
}

static Node *column(TqpLowering *l, Node *node) {
    const TqpExpr *ir = tqp_lower_expr(l, node);
    int index = ir != NULL ? node_output(l, ir, node, true) : -1;
    if (index < 0)
        return NULL;
    Node *var = output_var(index, exprType(node), exprTypmod(node), exprCollation(node));
    const TqpExpr *scale = tqp_lower_scale(l, ir);
    return scale != NULL ? rescale(l, var, scale) : var;
}

typedef struct TailContext {
    TqpLowering *l;
    bool failed;
} TailContext;

static bool is_input(TqpLowering *l, Node *node) {
    ListCell *lc;
    if (IsA(node, Var) || IsA(node, SubLink))
        return true;
    foreach (lc, l->inputs)
        if (l->grouped && equal(((TqpInput *)lfirst(lc))->expr, node))
            return true;
    return false;
}

static Node *replace(Node *node, void *arg) {
    TailContext *context = arg;
    ListCell *lc;
    Node *result = NULL;
    if (node == NULL || context->failed)
        return NULL;
    if (is_input(context->l, node)) {
        result = column(context->l, node);
    } else if (IsA(node, Aggref)) {
        foreach (lc, context->l->averages)
            if (result == NULL && equal(((TqpAverage *)lfirst(lc))->aggref, node))
                result = finish_average(context->l, lfirst(lc));
        foreach (lc, context->l->variances)
            if (result == NULL && equal(((TqpVariance *)lfirst(lc))->aggref, node))
                result = finish_variance(context->l, lfirst(lc));
    } else {
        return expression_tree_mutator(node, replace, context);
    }
    context->failed = result == NULL;
    return result;
}

Node *tqp_lower_tail_expr(TqpLowering *l, Node *node) {
    TailContext context = {l, false};
    Node *result = replace(node, &context);
    if (!IsA(node, Aggref) && !IsA(node, Var))
        l->tail_may_raise = true;
    return context.failed ? NULL : result;
}
