/*
 * Proofs that no two rows of a node agree in some columns.  A unique index says nothing of rows
 * with NULL; groups and single rows differ however NULLs are compared.
 */
#include <string.h>

#include "base/bitmap.h"
#include "program/bind_node.h"

/* Columns that are equal and not NULL; columns that are not distinct, `equal` among them. */
typedef struct Set {
    uint64_t *equal, *same;
    uint32_t *budget; /* nodes to look at: a join asks its inputs twice */
} Set;

#define BUDGET 5000

static Set set_new(TqpBinder *b, uint32_t n, Set above) {
    size_t bytes = (tqp_bitmap_words(n) + 1) * sizeof(uint64_t);
    return (Set){tqp_bind_zalloc(b, bytes), tqp_bind_zalloc(b, bytes), above.budget};
}

static bool prove(TqpBinder *b, const TqpNode *n, Set s);

static bool prove_scan(const TqpNode *n, Set s) {
    for (uint32_t i = 0; i < n->scan.nuniques; i++) {
        const TqpUnique *u = &n->scan.uniques[i];
        uint32_t k = 0;
        while (k < u->ncolumns && tqp_bitmap_get(s.equal, u->columns[k]))
            k++;
        if (k == u->ncolumns)
            return true;
    }
    return false;
}

static bool prove_project(TqpBinder *b, const TqpNode *n, Set s) {
    Set below = set_new(b, n->inputs[0]->noutputs, s);
    if (b->status != TQP_OK)
        return false;
    for (uint32_t i = 0; i < n->noutputs; i++) {
        const TqpExpr *e = n->project.exprs[i];
        if (e->op != TQP_OP_COL)
            continue;
        if (tqp_bitmap_get(s.equal, i))
            tqp_bitmap_set(below.equal, e->index);
        if (tqp_bitmap_get(s.same, i))
            tqp_bitmap_set(below.same, e->index);
    }
    return prove(b, n->inputs[0], below);
}

static bool is_literal(const TqpExpr *e) {
    return e->op == TQP_OP_CONST || e->op == TQP_OP_PARAM;
}

/* column = constant in every row that passes. */
static void add_constants(const TqpExpr *e, Set s) {
    if (e->op == TQP_OP_AND) {
        for (uint32_t i = 0; i < e->nargs; i++)
            add_constants(e->args[i], s);
        return;
    }
    if (e->op != TQP_OP_EQ)
        return;
    for (int i = 0; i < 2; i++) {
        if (e->args[i]->op == TQP_OP_COL && is_literal(e->args[1 - i])) {
            tqp_bitmap_set(s.equal, e->args[i]->index);
            tqp_bitmap_set(s.same, e->args[i]->index);
        }
    }
}

static bool prove_filter(TqpBinder *b, const TqpNode *n, Set s) {
    Set more = set_new(b, n->noutputs, s);
    if (b->status != TQP_OK)
        return false;
    memcpy(more.equal, s.equal, tqp_bitmap_words(n->noutputs) * 8);
    memcpy(more.same, s.same, tqp_bitmap_words(n->noutputs) * 8);
    add_constants(n->filter.pred, more);
    return prove(b, n->inputs[0], more);
}

/*
 * Part of a join's columns as a set of one input's; with `partner`, also its columns that the
 * predicate equates with the other input's: in pairs of one row of that, they are equal.
 */
static Set side_set(TqpBinder *b, const TqpNode *n, Set s, bool right, bool partner) {
    uint32_t nleft = n->inputs[0]->noutputs, first = right ? nleft : 0;
    uint32_t count = n->inputs[right]->noutputs;
    Set side = set_new(b, count, s);
    for (uint32_t i = 0; i < count && b->status == TQP_OK; i++) {
        if (tqp_bitmap_get(s.equal, first + i))
            tqp_bitmap_set(side.equal, i);
        if (tqp_bitmap_get(s.same, first + i))
            tqp_bitmap_set(side.same, i);
    }
    const TqpExpr *pred = n->join.pred;
    uint32_t nterms = pred->op == TQP_OP_AND ? pred->nargs : 1;
    for (uint32_t i = 0; partner && i < nterms && b->status == TQP_OK; i++) {
        const TqpExpr *e = pred->op == TQP_OP_AND ? pred->args[i] : pred;
        if (e->op != TQP_OP_EQ || e->args[0]->op != TQP_OP_COL || e->args[1]->op != TQP_OP_COL)
            continue;
        uint32_t x = e->args[0]->index, y = e->args[1]->index;
        if ((x < nleft) == (y < nleft))
            continue;
        uint32_t mine = (x < nleft) == right ? y : x;
        tqp_bitmap_set(side.equal, mine - first);
        tqp_bitmap_set(side.same, mine - first);
    }
    return side;
}

static bool prove_join(TqpBinder *b, const TqpNode *n, Set s) {
    const TqpNode *left = n->inputs[0], *right = n->inputs[1];
    switch (n->join.kind) {
    case TQP_JOIN_SEMI:
    case TQP_JOIN_ANTI:
        return prove(b, left, s);
    case TQP_JOIN_MARK:
    case TQP_JOIN_SINGLE:
        return prove(b, left, side_set(b, n, s, false, false));
    case TQP_JOIN_FULL:
        return false;
    default:
        break;
    }
    if (prove(b, left, side_set(b, n, s, false, false)) &&
        prove(b, right, side_set(b, n, s, true, true)))
        return true;
    return n->join.kind == TQP_JOIN_INNER && prove(b, right, side_set(b, n, s, true, false)) &&
           prove(b, left, side_set(b, n, s, false, true));
}

static bool prove_aggregate(const TqpNode *n, Set s) {
    for (uint32_t i = 0; i < n->aggregate.nkeys; i++)
        if (!tqp_bitmap_get(s.same, i))
            return false;
    return true;
}

static bool prove_limit(TqpBinder *b, const TqpNode *n, Set s) {
    TqpValue v;
    if (n->limit.count != NULL && tqp_bind_value_of(b, n->limit.count, &v) && !v.is_null &&
        v.i <= 1)
        return true;
    return prove(b, n->inputs[0], s);
}

static bool prove(TqpBinder *b, const TqpNode *n, Set s) {
    if (b->status != TQP_OK || *s.budget == 0)
        return false;
    --*s.budget;
    switch (n->kind) {
    case TQP_NODE_SCAN:
        return prove_scan(n, s);
    case TQP_NODE_VALUES:
        return n->values.nrows <= 1;
    case TQP_NODE_JOIN:
        return prove_join(b, n, s);
    case TQP_NODE_FILTER:
        return prove_filter(b, n, s);
    case TQP_NODE_PROJECT:
        return prove_project(b, n, s);
    case TQP_NODE_AGGREGATE:
        return prove_aggregate(n, s);
    case TQP_NODE_SORT:
        return prove(b, n->inputs[0], s);
    case TQP_NODE_LIMIT:
        return prove_limit(b, n, s);
    case TQP_NODE_SHARED:
        return prove(b, n->shared.definition, s);
    case TQP_NODE_WITH:
        return prove(b, n->inputs[1], s);
    default:
        return false;
    }
}

bool tqp_bind_unique(TqpBinder *b, const TqpNode *node, const uint64_t *equal,
                     const uint64_t *same) {
    uint32_t budget = BUDGET;
    Set s = {(uint64_t *)(uintptr_t)equal, (uint64_t *)(uintptr_t)same, &budget};
    return prove(b, node, s);
}
