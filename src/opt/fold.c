/*
 * constant_folding: evaluate what is constant, simplify logic with constant operands.  As in
 * PostgreSQL's eval_const_expressions, a strict operator with a NULL constant is NULL.  An AND with
 * FALSE keeps the operands before it that may raise: a FALSE that PostgreSQL sees as well has made
 * it fold them away before, and one that is only found here has not.
 */
#include "opt/pass.h"

static bool is_const(const TqpExpr *e) {
    return e->op == TQP_OP_CONST;
}

static bool is_null(const TqpExpr *e) {
    return is_const(e) && e->value.is_null;
}

static bool is_bool(const TqpExpr *e, bool value) {
    return is_const(e) && !e->value.is_null && e->value.b == value;
}

/* AND and OR: `stop` is FALSE for AND, TRUE for OR. */
static const TqpExpr *fold_logic(TqpArena *a, const TqpExpr *e) {
    bool stop = e->op == TQP_OP_OR, null_seen = false;
    TqpExprList kept = {0};
    for (uint32_t i = 0; i < e->nargs; i++) {
        const TqpExpr *x = e->args[i];
        if (is_bool(x, stop)) {
            const TqpExpr *decided = tqp_opt_decided(a, e->op, &kept, x);
            return decided != NULL && tqp_ir_expr_equal(decided, e) ? e : decided;
        }
        if (is_bool(x, !stop) || (is_null(x) && null_seen))
            continue;
        null_seen |= is_null(x);
        if (!tqp_opt_list_add(a, &kept, x))
            return NULL;
    }
    return kept.n == e->nargs ? e : tqp_opt_join(a, e->op, &kept);
}

static const TqpExpr *fold_not(TqpArena *a, const TqpExpr *e) {
    const TqpExpr *x = e->args[0];
    if (is_null(x))
        return x;
    return is_const(x) ? tqp_ir_const_bool(a, !x->value.b) : e;
}

static const TqpExpr *fold_test(TqpArena *a, const TqpExpr *e) {
    const TqpExpr *x = e->args[0];
    if (!is_const(x))
        return e;
    if (e->op == TQP_OP_IS_NULL)
        return tqp_ir_const_bool(a, x->value.is_null);
    return tqp_ir_const_bool(a, is_bool(x, e->op == TQP_OP_IS_TRUE));
}

/* Branches that cannot be taken go; a branch that is always taken ends the list. */
static const TqpExpr *fold_case(TqpArena *a, const TqpExpr *e) {
    TqpExprList kept = {0};
    const TqpExpr *last = e->args[e->nargs - 1];
    for (uint32_t i = 0; i + 1 < e->nargs; i += 2) {
        if (is_bool(e->args[i], true)) {
            last = e->args[i + 1];
            break;
        }
        if (is_const(e->args[i]))
            continue;
        if (!tqp_opt_list_add(a, &kept, e->args[i]) || !tqp_opt_list_add(a, &kept, e->args[i + 1]))
            return NULL;
    }
    if (kept.n == 0)
        return last;
    if (kept.n + 1 == e->nargs)
        return e;
    if (!tqp_opt_list_add(a, &kept, last))
        return NULL;
    return tqp_ir_call(a, e->op, e->type, kept.n, kept.items);
}

/* A list of arguments after some have gone. */
static const TqpExpr *shortened(TqpArena *a, const TqpExpr *e, const TqpExprList *kept) {
    if (kept->n == 0)
        return tqp_ir_const_null(a, e->type);
    if (kept->n == 1 && tqp_type_equal(kept->items[0]->type, e->type))
        return kept->items[0];
    return kept->n == e->nargs ? e : tqp_ir_call(a, e->op, e->type, kept->n, kept->items);
}

static const TqpExpr *fold_coalesce(TqpArena *a, const TqpExpr *e) {
    TqpExprList kept = {0};
    for (uint32_t i = 0; i < e->nargs; i++) {
        if (is_null(e->args[i]))
            continue;
        if (!tqp_opt_list_add(a, &kept, e->args[i]))
            return NULL;
        if (is_const(e->args[i]))
            break;
    }
    return shortened(a, e, &kept);
}

static const TqpExpr *fold_strict(TqpArena *a, const TqpExpr *e) {
    bool all_const = true;
    TqpValue value;
    for (uint32_t i = 0; i < e->nargs; i++) {
        if (is_null(e->args[i]))
            return tqp_ir_const_null(a, e->type);
        all_const &= is_const(e->args[i]);
    }
    return all_const && tqp_opt_evaluate(e, &value) ? tqp_ir_const(a, e->type, &value) : e;
}

static const TqpExpr *fold_extreme(TqpArena *a, const TqpExpr *e) {
    TqpExprList kept = {0};
    for (uint32_t i = 0; i < e->nargs; i++)
        if (!is_null(e->args[i]) && !tqp_opt_list_add(a, &kept, e->args[i]))
            return NULL;
    const TqpExpr *x = shortened(a, e, &kept);
    return x == NULL || x->op != e->op ? x : fold_strict(a, x);
}

static const TqpExpr *fold_distinct(TqpArena *a, const TqpExpr *e) {
    const TqpExpr *x = e->args[0], *y = e->args[1];
    if (is_const(x) && is_const(y) && (is_null(x) || is_null(y)))
        return tqp_ir_const_bool(a, is_null(x) != is_null(y));
    return is_null(x) || is_null(y) ? e : fold_strict(a, e);
}

/* Constant IN (constants): TRUE at a match, else NULL when an element is. */
static const TqpExpr *fold_in(TqpArena *a, const TqpExpr *e) {
    const TqpExpr *x = e->args[0];
    bool known = true, null_seen = false;
    if (is_null(x))
        return tqp_ir_const_null(a, e->type);
    if (!is_const(x))
        return e;
    for (uint32_t i = 1; i < e->nargs; i++) {
        const TqpExpr *y = e->args[i];
        int c;
        if (is_null(y))
            null_seen = true;
        else if (!is_const(y) || !tqp_opt_compare(x->type, &x->value, &y->value, &c))
            known = false;
        else if (c == 0)
            return tqp_ir_const_bool(a, true);
    }
    if (!known)
        return e;
    return null_seen ? tqp_ir_const_null(a, e->type) : tqp_ir_const_bool(a, false);
}

/* An integer as a numeric, then as one of more digits: at once, which fits. */
static const TqpExpr *fold_cast(TqpArena *a, const TqpExpr *e) {
    const TqpExpr *x = e->args[0], *y = x->op == TQP_OP_CAST ? x->args[0] : x;
    TqpTypeKind from = y->type.kind;
    if (y != x && x->type.kind == TQP_TYPE_NUM && e->type.kind == TQP_TYPE_NUM &&
        e->type.scale >= x->type.scale &&
        (from == TQP_TYPE_I16 || from == TQP_TYPE_I32 || from == TQP_TYPE_I64))
        return tqp_ir_call1(a, TQP_OP_CAST, e->type, y);
    return fold_strict(a, e);
}

static const TqpExpr *fold_none(TqpArena *a, const TqpExpr *e) {
    (void)a;
    return e;
}

/* What is not listed is strict. */
static const TqpExpr *(*const folds[TQP_OP_COUNT])(TqpArena *a, const TqpExpr *e) = {
    [TQP_OP_COL] = fold_none,
    [TQP_OP_CONST] = fold_none,
    [TQP_OP_PARAM] = fold_none,
    [TQP_OP_AND] = fold_logic,
    [TQP_OP_OR] = fold_logic,
    [TQP_OP_NOT] = fold_not,
    [TQP_OP_IS_NULL] = fold_test,
    [TQP_OP_IS_TRUE] = fold_test,
    [TQP_OP_IS_FALSE] = fold_test,
    [TQP_OP_CASE] = fold_case,
    [TQP_OP_COALESCE] = fold_coalesce,
    [TQP_OP_GREATEST] = fold_extreme,
    [TQP_OP_LEAST] = fold_extreme,
    [TQP_OP_DISTINCT] = fold_distinct,
    [TQP_OP_IN] = fold_in,
    [TQP_OP_PAD] = fold_none,
    [TQP_OP_PAIR] = fold_none,
    [TQP_OP_CAST] = fold_cast,
};

static const TqpExpr *fold_expr(TqpArena *a, const TqpExpr *e, void *arg) {
    (void)arg;
    const TqpExpr *x = folds[e->op] != NULL ? folds[e->op](a, e) : fold_strict(a, e);
    if (x == NULL || tqp_type_equal(x->type, e->type))
        return x;
    /* A text result may name another collation than its argument: the parent relies on it. */
    return is_const(x) ? tqp_ir_const(a, e->type, &x->value)
                       : tqp_ir_call1(a, TQP_OP_CAST, e->type, x);
}

static const TqpExpr *fold_root(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_ir_expr_map(a, e, fold_expr, arg);
}

static const TqpNode *fold_node(TqpArena *a, const TqpNode *node, void *arg) {
    (void)arg;
    const TqpNode *n = tqp_opt_map_node(a, node, fold_root, NULL);
    if (n == NULL || n->kind != TQP_NODE_FILTER)
        return n;
    if (is_bool(n->filter.pred, true))
        return n->inputs[0];
    return is_null(n->filter.pred) ? tqp_ir_filter(a, n->inputs[0], tqp_ir_const_bool(a, false))
                                   : n;
}

TqpStatus tqp_opt_fold(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    *out = tqp_opt_map_graph(ctx->arena, in, fold_node, NULL);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
