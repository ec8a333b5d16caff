/*
 * Expressions that choose among values: CASE, NULLIF, COALESCE, GREATEST, LEAST.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/cache.h"
#include "pg/lower.h"

const TqpExpr *tqp_lower_nullif(TqpLowering *l, Node *node) {
    const NullIfExpr *n = (const NullIfExpr *)node;
    TqpOp op;
    if (!tqp_lower_comparison_op(n->opfuncid, &op) || op != TQP_OP_EQ)
        return tqp_lower_fail(l, TQP_DECLINE_NULLIF, format_type_be(n->opresulttype));
    const TqpExpr *value = tqp_lower_expr(l, linitial(n->args));
    const TqpExpr *same =
        tqp_lower_compare(l, TQP_OP_EQ, linitial(n->args), lsecond(n->args), n->inputcollid);
    if (value == NULL || same == NULL)
        return NULL;
    const TqpExpr *args[3] = {same, tqp_ir_const_null(l->arena, value->type), value};
    return tqp_lower_scaled(l, tqp_ir_call(l->arena, TQP_OP_CASE, value->type, 3, args),
                            tqp_lower_scale(l, value));
}

/* The CASE of these conditions (at even places but the last) with other values. */
static const TqpExpr *case_of(TqpLowering *l, uint32_t n, const TqpExpr **conditions,
                              const TqpExpr **values) {
    const TqpExpr **args = palloc(sizeof(*args) * n);
    uint32_t v = 0;
    for (uint32_t i = 0; i < n; i++)
        args[i] = i % 2 == 0 && i + 1 < n ? conditions[i] : values[v++];
    return tqp_ir_call(l->arena, TQP_OP_CASE, values[0]->type, n, args);
}

/* Values stand at odd places and last; they are brought to one type. */
static const TqpExpr *finish_case(TqpLowering *l, uint32_t n, const TqpExpr **args) {
    uint32_t nvalues = 0;
    const TqpExpr **values = palloc(sizeof(*values) * n);
    const TqpExpr **scales = palloc(sizeof(*scales) * n), *scale = NULL;
    for (uint32_t i = 1; i < n; i += 2)
        values[nvalues++] = args[i];
    values[nvalues++] = args[n - 1];
    if (!tqp_lower_unify(l, nvalues, values, scales))
        return NULL;
    if (scales[0] != NULL)
        scale = case_of(l, n, args, scales);
    return tqp_lower_scaled(l, case_of(l, n, args, values), scale);
}

static const TqpExpr *lower_case_arms(TqpLowering *l, const CaseExpr *c) {
    uint32_t n = 0;
    const TqpExpr **args = palloc(sizeof(*args) * (2 * (uint32_t)list_length(c->args) + 1));
    ListCell *lc;
    foreach (lc, c->args) {
        const CaseWhen *when = lfirst(lc);
        args[n] = tqp_lower_expr(l, (Node *)when->expr);
        if (args[n++] == NULL)
            return NULL;
        args[n] = tqp_lower_expr(l, (Node *)when->result);
        if (args[n++] == NULL)
            return NULL;
    }
    args[n] = c->defresult != NULL ? tqp_lower_expr(l, (Node *)c->defresult)
                                   : tqp_ir_const_null(l->arena, args[1]->type);
    if (args[n++] == NULL)
        return NULL;
    return finish_case(l, n, args);
}

const TqpExpr *tqp_lower_case(TqpLowering *l, Node *node) {
    const CaseExpr *c = (const CaseExpr *)node;
    const TqpExpr *outer = l->case_arg, *result;
    if (c->arg != NULL) {
        const TqpExpr *arg = tqp_lower_expr(l, (Node *)c->arg);
        if (arg == NULL)
            return NULL;
        l->case_arg = arg;
    }
    result = lower_case_arms(l, c);
    l->case_arg = outer;
    return result;
}

const TqpExpr *tqp_lower_case_test(TqpLowering *l, Node *node) {
    return l->case_arg != NULL ? l->case_arg : tqp_lower_fail(l, TQP_DECLINE_CASE_OPERAND);
}

static const TqpExpr *lower_choice(TqpLowering *l, TqpOp op, List *nodes, Oid collation) {
    uint32_t n = (uint32_t)list_length(nodes);
    const TqpExpr **args = palloc(sizeof(*args) * n), **scales = palloc(sizeof(*scales) * n);
    TqpType type;
    if (!tqp_lower_list(l, nodes, args) || !tqp_lower_unify(l, n, args, scales))
        return NULL;
    if (op != TQP_OP_COALESCE && tqp_type_class(args[0]->type.kind) == TQP_CLASS_TEXT) {
        if (!tqp_lower_text_type(l, args[0]->type.kind, collation, &type))
            return NULL;
        for (uint32_t i = 0; i < n; i++)
            args[i] = tqp_lower_cast(l, args[i], type);
    }
    return tqp_lower_scaled(l, tqp_ir_call(l->arena, op, args[0]->type, n, args),
                            tqp_lower_choice_scale(l, op, n, args, scales));
}

const TqpExpr *tqp_lower_coalesce(TqpLowering *l, Node *node) {
    return lower_choice(l, TQP_OP_COALESCE, ((const CoalesceExpr *)node)->args, InvalidOid);
}

/* False before true, as integers. */
static const TqpExpr *lower_bool_minmax(TqpLowering *l, TqpOp op, List *nodes) {
    TqpType type_i32 = {.kind = TQP_TYPE_I32};
    uint32_t n = (uint32_t)list_length(nodes);
    const TqpExpr **args = palloc(sizeof(*args) * n);
    if (!tqp_lower_list(l, nodes, args))
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        args[i] = tqp_lower_cast(l, args[i], type_i32);
    return tqp_lower_cast(l, tqp_ir_call(l->arena, op, type_i32, n, args),
                          (TqpType){.kind = TQP_TYPE_BOOL});
}

const TqpExpr *tqp_lower_minmax(TqpLowering *l, Node *node) {
    const MinMaxExpr *m = (const MinMaxExpr *)node;
    if (!tqp_pg_ordered(m->minmaxtype))
        return tqp_lower_fail(l, TQP_DECLINE_ORDER, format_type_be(m->minmaxtype));
    TqpOp op = m->op == IS_GREATEST ? TQP_OP_GREATEST : TQP_OP_LEAST;
    return m->minmaxtype == BOOLOID ? lower_bool_minmax(l, op, m->args)
                                    : lower_choice(l, op, m->args, m->inputcollid);
}
