/*
 * predicate_pushdown through joins and appends.
 *
 *   inner           conjuncts above and in the predicate go to the side they read, the rest stays
 * in the predicate left, single    those above that read the left go left; those of the predicate
 * that read the right go right semi, anti      likewise; a semi join's that read the left go left
 *   mark            likewise; of the predicate only what is never NULL goes right, since a pair
 * whose predicate is NULL shows in the mark full            nothing append          to both inputs
 *
 * What reads a row further out stays above a dependent join: decorrelation may copy the left input,
 * and is simple where only filters above read that row.
 *
 * What may raise goes as far, as it does in PostgreSQL: rows that the join drops meet it.
 */
#include "opt/push.h"

/* Where the conjuncts of one join go. */
typedef struct Split {
    TqpExprList left, right; /* into the inputs, right ones renumbered */
    TqpExprList pred;
    TqpExprList stay; /* above */
} Split;

static bool movable(const TqpExpr *e) {
    return !tqp_opt_is_bool(e, true);
}

static bool to_left(TqpArena *a, Split *s, const TqpExpr *e) {
    return tqp_opt_list_add(a, &s->left, e);
}

static bool to_right(TqpArena *a, Split *s, const TqpExpr *e, uint32_t nleft) {
    return tqp_opt_list_add(a, &s->right, tqp_opt_shift(a, e, -(int64_t)nleft));
}

/* After decorrelation no more conjuncts go below a scalar subquery that may give two rows. */
static bool is_placed(TqpArena *a, const TqpNode *join) {
    return !join->join.dependent && tqp_opt_may_give_two(a, join);
}

/* Does a function of the host's read both sides?  Such are called for rows of the join. */
static bool host_reads_both(const TqpExpr *e, uint32_t nleft) {
    if (e->op == TQP_OP_HOST && tqp_opt_sides(e, nleft) == (TQP_SIDE_LEFT | TQP_SIDE_RIGHT))
        return true;
    for (uint32_t i = 0; i < e->nargs; i++)
        if (host_reads_both(e->args[i], nleft))
            return true;
    return false;
}

/* A conjunct above the join. */
static bool split_above(TqpArena *a, const TqpNode *node, const TqpExpr *e, Split *s) {
    uint32_t nleft = node->inputs[0]->noutputs;
    unsigned sides = tqp_opt_sides(e, nleft);
    bool inner = node->join.kind == TQP_JOIN_INNER;
    bool copied = node->join.dependent && tqp_opt_has_outer(e);
    if (node->join.kind == TQP_JOIN_FULL || is_placed(a, node) ||
        (inner && !tqp_opt_push_fits(e)) || copied)
        return tqp_opt_list_add(a, &s->stay, e);
    if (movable(e) && (sides == TQP_SIDE_LEFT || (sides == 0 && !tqp_opt_has_outer(e))))
        return to_left(a, s, e);
    if (movable(e) && inner && !node->join.dependent && sides == TQP_SIDE_RIGHT)
        return to_right(a, s, e, nleft);
    return tqp_opt_list_add(a, inner && !host_reads_both(e, nleft) ? &s->pred : &s->stay, e);
}

/* A conjunct of the join's predicate. */
static bool split_pred(TqpArena *a, const TqpNode *node, const TqpExpr *e, Split *s) {
    uint32_t nleft = node->inputs[0]->noutputs;
    unsigned sides = tqp_opt_sides(e, nleft);
    TqpJoinKind kind = node->join.kind;
    bool shrinks = kind == TQP_JOIN_INNER || kind == TQP_JOIN_SEMI;
    if (tqp_opt_is_bool(e, true))
        return true;
    if (movable(e) && shrinks && sides == TQP_SIDE_LEFT)
        return to_left(a, s, e);
    if (movable(e) && kind != TQP_JOIN_FULL && !node->join.dependent && sides == TQP_SIDE_RIGHT &&
        (kind != TQP_JOIN_MARK || tqp_opt_never_null(e)))
        return to_right(a, s, e, nleft);
    return tqp_opt_list_add(a, &s->pred, e);
}

/* Is there a scalar subquery that may give two rows, or are there groups that may raise? */
static bool needs_all(TqpArena *a, const TqpNode *node) {
    bool having = node->kind == TQP_NODE_FILTER && node->inputs[0]->kind == TQP_NODE_AGGREGATE;
    if (tqp_opt_may_give_two(a, node))
        return true;
    if ((node->kind == TQP_NODE_AGGREGATE || having) && tqp_opt_groups_may_raise(a, node))
        return true;
    for (uint32_t i = 0; i < node->ninputs; i++)
        if (needs_all(a, node->inputs[i]))
            return true;
    return false;
}

/*
 * Conjuncts that follow from the predicate and from those above: an inner join's go to either side,
 * another's to the right, where they remove rows that could not match.  PostgreSQL does not derive
 * them, so they must not spare a scalar subquery a row for which it has two, nor leave out a group
 * that raises.
 */
static bool add_derived(TqpArena *a, const TqpNode *node, const TqpExprList *pred,
                        const TqpExprList *above, Split *s) {
    uint32_t nleft = node->inputs[0]->noutputs;
    bool inner = node->join.kind == TQP_JOIN_INNER;
    TqpExprList all = {0}, derived = {0};
    if (node->join.kind == TQP_JOIN_FULL || node->join.kind == TQP_JOIN_MARK)
        return true;
    for (uint32_t i = 0; i < pred->n; i++)
        if (!tqp_opt_list_add(a, &all, pred->items[i]))
            return false;
    for (uint32_t i = 0; i < above->n; i++)
        if ((inner || tqp_opt_sides(above->items[i], nleft) == TQP_SIDE_LEFT) &&
            !tqp_opt_list_add(a, &all, above->items[i]))
            return false;
    if (!tqp_opt_derive(a, nleft, &all, &derived))
        return false;
    bool left = derived.n > 0 && inner && !needs_all(a, node->inputs[0]);
    bool right = derived.n > 0 && !node->join.dependent && !needs_all(a, node->inputs[1]);
    for (uint32_t i = 0; i < derived.n; i++) {
        const TqpExpr *e = derived.items[i];
        unsigned sides = tqp_opt_sides(e, nleft);
        if (left && sides == TQP_SIDE_LEFT && !to_left(a, s, e))
            return false;
        if (right && sides == TQP_SIDE_RIGHT && !to_right(a, s, e, nleft))
            return false;
    }
    return true;
}

const TqpNode *tqp_opt_push_join(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    TqpExprList pred = {0};
    Split s = {0};
    if (!tqp_opt_flatten(a, TQP_OP_AND, node->join.pred, &pred))
        return NULL;
    for (uint32_t i = 0; i < pred.n; i++)
        if (!split_pred(a, node, pred.items[i], &s))
            return NULL;
    for (uint32_t i = 0; i < above->n; i++)
        if (!split_above(a, node, above->items[i], &s))
            return NULL;
    if (!add_derived(a, node, &pred, above, &s))
        return NULL;
    const TqpNode *left = tqp_opt_push(a, node->inputs[0], &s.left);
    const TqpNode *right = tqp_opt_push(a, node->inputs[1], &s.right);
    const TqpExpr *rest = tqp_opt_join(a, TQP_OP_AND, &s.pred);
    if (left == NULL || right == NULL || rest == NULL)
        return NULL;
    return tqp_opt_push_rest(
        a, tqp_ir_join(a, node->join.kind, node->join.dependent, left, right, rest), &s.stay);
}

const TqpNode *tqp_opt_push_append(TqpArena *a, const TqpNode *node, const TqpExprList *above) {
    const TqpNode *inputs[2];
    for (int k = 0; k < 2; k++)
        if ((inputs[k] = tqp_opt_push(a, node->inputs[k], above)) == NULL)
            return NULL;
    return tqp_opt_with_inputs(a, node, inputs);
}
