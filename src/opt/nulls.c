/* What a NULL among its columns does to an expression. */
#include "base/bitmap.h"
#include "opt/pass.h"

static bool all_never_null(const TqpExpr *e, const uint64_t *not_null) {
    for (uint32_t i = 0; i < e->nargs; i++)
        if (!tqp_opt_never_null_of(e->args[i], not_null))
            return false;
    return true;
}

bool tqp_opt_never_null(const TqpExpr *e) {
    return tqp_opt_never_null_of(e, NULL);
}

bool tqp_opt_never_null_of(const TqpExpr *e, const uint64_t *not_null) {
    switch (e->op) {
    case TQP_OP_COL:
        return not_null != NULL && tqp_bitmap_get(not_null, e->index);
    case TQP_OP_CONST:
        return !e->value.is_null;
    case TQP_OP_IS_NULL:
    case TQP_OP_IS_TRUE:
    case TQP_OP_IS_FALSE:
    case TQP_OP_DISTINCT:
        return true;
    case TQP_OP_COALESCE:
        return tqp_opt_never_null_of(e->args[e->nargs - 1], not_null);
    case TQP_OP_AND:
    case TQP_OP_OR:
    case TQP_OP_NOT:
    case TQP_OP_EQ:
    case TQP_OP_NE:
    case TQP_OP_LT:
    case TQP_OP_LE:
    case TQP_OP_GT:
    case TQP_OP_GE:
    case TQP_OP_IN:
    case TQP_OP_NEG:
    case TQP_OP_SQRT:
    case TQP_OP_ADD:
    case TQP_OP_SUB:
    case TQP_OP_MUL:
    case TQP_OP_CAST:
        return all_never_null(e, not_null);
    default:
        return false;
    }
}

/* Does a NULL argument make the result NULL? */
static bool is_strict(TqpOp op) {
    switch (op) {
    case TQP_OP_NEG:
    case TQP_OP_ABS:
    case TQP_OP_ADD:
    case TQP_OP_SUB:
    case TQP_OP_MUL:
    case TQP_OP_DIV:
    case TQP_OP_MOD:
    case TQP_OP_EQ:
    case TQP_OP_NE:
    case TQP_OP_LT:
    case TQP_OP_LE:
    case TQP_OP_GT:
    case TQP_OP_GE:
    case TQP_OP_NOT:
    case TQP_OP_LIKE:
    case TQP_OP_CAST:
    case TQP_OP_EXTRACT:
    case TQP_OP_DATE_TRUNC:
    case TQP_OP_ADD_MONTHS:
    case TQP_OP_LENGTH:
    case TQP_OP_SUBSTR:
    case TQP_OP_PAD:
    case TQP_OP_PAIR:
        return true;
    default:
        return false;
    }
}

static bool add(TqpArena *a, const TqpExpr *e, TqpNullEffect effect, uint32_t n, uint64_t *columns);

/* The columns that have the effect on any argument, or on all of them. */
static bool of_args(TqpArena *a, const TqpExpr *e, TqpNullEffect effect, bool any, uint32_t n,
                    uint64_t *columns) {
    uint64_t *common = NULL;
    for (uint32_t i = 0; i < e->nargs; i++) {
        uint64_t *of = any ? columns : tqp_opt_bitmap(a, n);
        if (of == NULL || !add(a, e->args[i], effect, n, of))
            return false;
        for (uint32_t w = 0; common != NULL && w < tqp_bitmap_words(n); w++)
            common[w] &= of[w];
        common = common == NULL ? of : common;
    }
    for (uint32_t w = 0; !any && common != NULL && w < tqp_bitmap_words(n); w++)
        columns[w] |= common[w];
    return true;
}

static bool add(TqpArena *a, const TqpExpr *e, TqpNullEffect effect, uint32_t n,
                uint64_t *columns) {
    bool not_true = effect == TQP_NULL_NOT_TRUE, not_false = effect == TQP_NULL_NOT_FALSE;
    switch (e->op) {
    case TQP_OP_COL:
        tqp_bitmap_set(columns, e->index);
        return true;
    case TQP_OP_AND:
        return of_args(a, e, effect, not_true, n, columns);
    case TQP_OP_OR:
        return of_args(a, e, effect, not_false, n, columns);
    case TQP_OP_NOT:
        return add(a, e->args[0],
                   not_true    ? TQP_NULL_NOT_FALSE
                   : not_false ? TQP_NULL_NOT_TRUE
                               : TQP_NULL_NULL,
                   n, columns);
    case TQP_OP_IS_NULL: /* becomes true */
        return !not_false || add(a, e->args[0], TQP_NULL_NULL, n, columns);
    case TQP_OP_IS_TRUE: /* becomes false */
        return !not_true || add(a, e->args[0], TQP_NULL_NOT_TRUE, n, columns);
    case TQP_OP_IS_FALSE:
        return !not_true || add(a, e->args[0], TQP_NULL_NOT_FALSE, n, columns);
    case TQP_OP_IN:
        return add(a, e->args[0], TQP_NULL_NULL, n, columns);
    default:
        return !is_strict(e->op) || of_args(a, e, TQP_NULL_NULL, true, n, columns);
    }
}

bool tqp_opt_null_effect(TqpArena *a, const TqpExpr *e, TqpNullEffect effect, uint32_t ncolumns,
                         uint64_t *columns) {
    return add(a, e, effect, ncolumns, columns);
}

/* ---- outputs that are never NULL ---- */

/* From the input's columns, marked in `in`, to the node's. */
static void pass_columns(const TqpNode *node, const uint64_t *in, uint32_t first, uint64_t *out) {
    uint32_t n = node->noutputs;
    const TqpExpr *const *exprs = NULL;
    if (node->kind == TQP_NODE_PROJECT) {
        exprs = node->project.exprs;
    } else if (node->kind == TQP_NODE_AGGREGATE) {
        exprs = node->aggregate.keys;
        n = node->aggregate.nkeys;
    }
    for (uint32_t i = 0; i < n; i++)
        if (exprs != NULL ? tqp_opt_never_null_of(exprs[i], in)
                          : i >= node->inputs[0]->noutputs || tqp_bitmap_get(in, i))
            tqp_bitmap_set(out, first + i);
}

static bool of_join(TqpArena *a, const TqpNode *node, uint32_t first, uint64_t *out) {
    TqpJoinKind kind = node->join.kind;
    if (kind != TQP_JOIN_FULL && !tqp_opt_not_null_outputs(a, node->inputs[0], first, out))
        return false;
    return kind != TQP_JOIN_INNER ||
           tqp_opt_not_null_outputs(a, node->inputs[1], first + node->inputs[0]->noutputs, out);
}

bool tqp_opt_not_null_outputs(TqpArena *a, const TqpNode *node, uint32_t first, uint64_t *out) {
    if (node->kind == TQP_NODE_JOIN)
        return of_join(a, node, first, out);
    if (node->kind == TQP_NODE_SCAN)
        for (uint32_t i = 0; i < node->scan.nnot_null; i++)
            tqp_bitmap_set(out, first + node->scan.not_null[i]);
    if (node->kind == TQP_NODE_SHARED && (node = tqp_opt_definition(node)) != NULL)
        return tqp_opt_not_null_outputs(a, node, first, out);
    if (node == NULL || node->ninputs != 1)
        return true;
    uint32_t n = node->inputs[0]->noutputs;
    uint64_t *in = tqp_opt_bitmap(a, n);
    if (in == NULL || !tqp_opt_not_null_outputs(a, node->inputs[0], 0, in) ||
        (node->kind == TQP_NODE_FILTER &&
         !tqp_opt_null_effect(a, node->filter.pred, TQP_NULL_NOT_TRUE, n, in)))
        return false;
    pass_columns(node, in, first, out);
    return true;
}
