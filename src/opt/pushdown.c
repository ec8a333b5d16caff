/*
 * predicate_pushdown: the conjuncts of a filter travel down to where the rows come from.
 *
 *   filter   its conjuncts join, after those below
 *   project  through it, columns replaced by the expressions
 *   sort     through it
 *   aggregate  those that use keys only, when there is a key; PostgreSQL moves them from HAVING to
 *            WHERE likewise.  Without a key a row comes out even when none goes in
 *   limit, number, shared  never
 *   join, append  see push_join.c
 *
 * At rest, conjuncts are ordered by estimated cost, but none passes one that may raise.
 */
#include <string.h>

#include "base/bitmap.h"
#include "opt/push.h"

/* An expression is not substituted where it would grow beyond this. */
enum { SUBSTITUTED_MAX = 2000 };
/* Longest list that is searched for duplicates in quadratic time. */
enum { DUPLICATES_MAX = 256 };

bool tqp_opt_push_fits(const TqpExpr *e) {
    uint32_t depth;
    return tqp_ir_expr_size(e, UINT32_MAX, &depth) > 0 && depth < TQP_IR_MAX_DEPTH;
}

/* ---- order of conjuncts ---- */

/* A rough number of element operations per row. */
static uint32_t cost(const TqpExpr *e) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < e->nargs; i++)
        sum += cost(e->args[i]);
    switch (e->op) {
    case TQP_OP_COL:
    case TQP_OP_CONST:
    case TQP_OP_PARAM:
        return 0;
    case TQP_OP_LIKE:
        return sum + 40;
    case TQP_OP_SUBSTR:
    case TQP_OP_LENGTH:
    case TQP_OP_PAD:
        return sum + 10;
    case TQP_OP_EXTRACT:
    case TQP_OP_DATE_TRUNC:
    case TQP_OP_ADD_MONTHS:
    case TQP_OP_AT_ZONE:
    case TQP_OP_SQRT:
    case TQP_OP_DIV:
    case TQP_OP_NUM_DIV:
    case TQP_OP_DIV_SCALE:
    case TQP_OP_MOD:
        return sum + 8;
    case TQP_OP_IN:
        return sum + 3;
    case TQP_OP_HOST:
        return sum + 200;
    default:
        return sum +
               (e->nargs > 0 && tqp_type_class(e->args[0]->type.kind) == TQP_CLASS_TEXT ? 3 : 1);
    }
}

/* A stable insertion sort of each run between conjuncts that may raise. */
static void order_by_cost(TqpExprList *list) {
    uint32_t start = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        const TqpExpr *e = list->items[i];
        if (tqp_ir_expr_may_raise(e)) {
            start = i + 1;
            continue;
        }
        uint32_t c = cost(e), j = i;
        for (; j > start && cost(list->items[j - 1]) > c; j--)
            list->items[j] = list->items[j - 1];
        list->items[j] = e;
    }
}

/* ---- nodes ---- */

const TqpNode *tqp_opt_push_rest(TqpArena *a, const TqpNode *input, const TqpExprList *conjuncts) {
    if (conjuncts->n == 0 || input == NULL)
        return input;
    TqpExprList list = {0};
    for (uint32_t i = 0; i < conjuncts->n; i++) {
        const TqpExpr *e = conjuncts->items[i];
        if (e->op == TQP_OP_CONST && (e->value.is_null || !e->value.b))
            return tqp_ir_filter(
                a, input, tqp_opt_decided(a, TQP_OP_AND, &list, tqp_ir_const_bool(a, false)));
        if (tqp_opt_is_bool(e, true) || (i < DUPLICATES_MAX && tqp_opt_contains(&list, e)))
            continue;
        if (!tqp_opt_list_add(a, &list, e))
            return NULL;
    }
    if (list.n == 0)
        return input;
    order_by_cost(&list);
    return tqp_ir_filter(a, input, tqp_opt_join(a, TQP_OP_AND, &list));
}

static const TqpNode *place_filter(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    TqpExprList all = {0};
    if (!tqp_opt_flatten(a, TQP_OP_AND, node->filter.pred, &all))
        return NULL;
    bool fits = true;
    for (uint32_t i = 0; i < all.n; i++)
        fits = fits && tqp_opt_push_fits(all.items[i]);
    for (uint32_t i = 0; i < above->n; i++)
        fits = fits && tqp_opt_push_fits(above->items[i]);
    if (!fits)
        return tqp_opt_push_rest(a, tqp_opt_push(a, node->inputs[0], &all), above);
    for (uint32_t i = 0; i < above->n; i++)
        if (!tqp_opt_list_add(a, &all, above->items[i]))
            return NULL;
    return tqp_opt_push(a, node->inputs[0], &all);
}

/* e over the node's outputs as an expression over its input; *fits false when it grew too much. */
static const TqpExpr *through(TqpArena *a, const TqpExpr *e, const TqpExpr *const *exprs,
                              bool *fits) {
    const TqpExpr *x = tqp_ir_expr_substitute(a, e, exprs);
    uint32_t depth = 0;
    *fits = x != NULL && tqp_ir_expr_size(x, SUBSTITUTED_MAX, &depth) < SUBSTITUTED_MAX &&
            depth < TQP_IR_MAX_DEPTH;
    return x;
}

/*
 * From the first conjunct that does not pass, all stay: their order matters.  PostgreSQL evaluates
 * expressions of rows that the conjuncts keep, too.
 */
static const TqpNode *place_project(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    TqpExprList below = {0}, stay = {0};
    bool pass = true;
    for (uint32_t i = 0; i < above->n; i++) {
        const TqpExpr *e = above->items[i];
        const TqpExpr *x = pass ? through(a, e, node->project.exprs, &pass) : e;
        if (x == NULL || !tqp_opt_list_add(a, pass ? &below : &stay, pass ? x : e))
            return NULL;
    }
    const TqpNode *input = tqp_opt_push(a, node->inputs[0], &below);
    return tqp_opt_push_rest(a, tqp_opt_with_input(a, node, input), &stay);
}

static const TqpNode *place_sort(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    return tqp_opt_with_input(a, node, tqp_opt_push(a, node->inputs[0], above));
}

static bool only_keys(TqpArena *a, const TqpNode *node, const TqpExpr *e, bool *only) {
    uint64_t *used = tqp_arena_zalloc(a, tqp_bitmap_words(node->noutputs) * sizeof(*used) + 8);
    if (used == NULL)
        return false;
    tqp_ir_expr_columns(e, used);
    *only = true;
    for (uint32_t i = node->aggregate.nkeys; i < node->noutputs; i++)
        *only = *only && !tqp_bitmap_get(used, i);
    return true;
}

static const TqpNode *place_aggregate(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    TqpExprList below = {0}, stay = {0};
    for (uint32_t i = 0; i < above->n; i++) {
        const TqpExpr *e = above->items[i], *x = e;
        bool pass;
        if (!only_keys(a, node, e, &pass))
            return NULL;
        pass = pass && node->aggregate.nkeys > 0;
        if (pass && (x = through(a, e, node->aggregate.keys, &pass)) == NULL)
            return NULL;
        if (!tqp_opt_list_add(a, pass ? &below : &stay, pass ? x : e))
            return NULL;
    }
    const TqpNode *input = tqp_opt_push(a, node->inputs[0], &below);
    return tqp_opt_push_rest(a, tqp_opt_with_input(a, node, input), &stay);
}

/* What one reader of a definition filters the others may read: nothing goes into it. */
static const TqpNode *place_with(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    static const TqpExprList none = {0};
    const TqpNode *inputs[2] = {tqp_opt_push(a, node->inputs[0], &none),
                                tqp_opt_push(a, node->inputs[1], above)};
    return inputs[0] == NULL || inputs[1] == NULL ? NULL : tqp_opt_with_inputs(a, node, inputs);
}

const TqpNode *tqp_opt_push(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    static const TqpExprList none = {0};
    switch (node->kind) {
    case TQP_NODE_FILTER:
        return place_filter(a, node, above);
    case TQP_NODE_PROJECT:
        return place_project(a, node, above);
    case TQP_NODE_SORT:
        return place_sort(a, node, above);
    case TQP_NODE_AGGREGATE:
        return place_aggregate(a, node, above);
    case TQP_NODE_NUMBER:
    case TQP_NODE_LIMIT:
        return tqp_opt_push_rest(
            a, tqp_opt_with_input(a, node, tqp_opt_push(a, node->inputs[0], &none)), above);
    case TQP_NODE_JOIN:
        return tqp_opt_push_join(a, node, above);
    case TQP_NODE_APPEND:
        return tqp_opt_push_append(a, node, above);
    case TQP_NODE_WITH:
        return place_with(a, node, above);
    default:
        return tqp_opt_push_rest(a, node, above);
    }
}

TqpStatus tqp_opt_pushdown(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    static const TqpExprList none = {0};
    *out = tqp_opt_push(ctx->arena, in, &none);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
