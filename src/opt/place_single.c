/*
 * subquery_placement: a scalar subquery that may give two rows, which is an error, is computed for
 * every row for which some plan of PostgreSQL's computes it.  An error that is met here and not
 * there is a replay; one that is met only there would be missing.
 *
 *   correlated    where a filter, a join or a group reads its value, PostgreSQL evaluates it at the
 *                 lowest place that has the columns it reads: so below joins, on their side
 *   uncorrelated  PostgreSQL evaluates it at the first row of some relation that asks for it: so
 *                 even when no row does, as the one match of a row of constants
 */
#include "base/bitmap.h"
#include "opt/pass.h"

/* What is put in place: the single join of some left input with `right`. */
typedef struct Subquery {
    const TqpNode *right;
    const TqpExpr *pred; /* over the left columns, then the right ones */
    bool dependent;      /* right reads the left row */
} Subquery;

/* ---- columns of the left row, which a dependent right side reads ---- */

typedef struct Outer {
    uint32_t level;              /* of the left row where the walk stands */
    uint64_t *read;              /* NULL, or marks those that are read */
    const TqpExpr *const *exprs; /* NULL, or what stands for each, over the new left row */
} Outer;

static const TqpExpr *make_outer(TqpArena *a, const TqpExpr *e, void *arg) {
    const uint32_t *level = arg;
    return e->op == TQP_OP_COL ? tqp_ir_outer(a, *level, e->index, e->type) : e;
}

static const TqpExpr *map_leaf(TqpArena *a, const TqpExpr *e, void *arg) {
    Outer *o = arg;
    if (e->op != TQP_OP_OUTER || e->level != o->level)
        return e;
    if (o->read != NULL)
        tqp_bitmap_set(o->read, e->index);
    return o->exprs != NULL ? tqp_ir_expr_map(a, o->exprs[e->index], make_outer, &o->level) : e;
}

static const TqpExpr *map_expr(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_ir_expr_map(a, e, map_leaf, arg);
}

static const TqpNode *map_outer(TqpArena *a, const TqpNode *node, const Outer *outer) {
    const TqpNode *inputs[2] = {NULL, NULL};
    Outer here = *outer;
    for (uint32_t i = 0; i < node->ninputs; i++) {
        Outer below = *outer;
        below.level += i == 1 && node->kind == TQP_NODE_JOIN && node->join.dependent;
        if ((inputs[i] = map_outer(a, node->inputs[i], &below)) == NULL)
            return NULL;
    }
    const TqpNode *n = tqp_opt_with_inputs(a, node, inputs);
    return n != NULL ? tqp_opt_map_node(a, n, map_expr, &here) : NULL;
}

/* The columns of the left row that it reads; NULL when the arena failed. */
static uint64_t *columns_read(TqpArena *a, const Subquery *s, uint32_t nleft) {
    uint64_t *read = tqp_opt_bitmap(a, nleft + s->right->noutputs);
    Outer outer = {.read = read};
    if (read == NULL || (s->dependent && map_outer(a, s->right, &outer) == NULL))
        return NULL;
    tqp_ir_expr_columns(s->pred, read);
    return read;
}

/* The same over another left row, of nbelow columns, over which exprs are what it reads. */
static bool rewrite(TqpArena *a, const Subquery *s, const TqpExprList *exprs, uint32_t nbelow,
                    Subquery *out) {
    TqpExprList all = {0};
    Outer outer = {.exprs = exprs->items};
    for (uint32_t i = 0; i < exprs->n; i++)
        if (!tqp_opt_list_add(a, &all, exprs->items[i]))
            return false;
    if (!tqp_opt_add_columns(a, &all, s->right, nbelow))
        return false;
    *out = *s;
    out->pred = tqp_ir_expr_substitute(a, s->pred, all.items);
    if (s->dependent)
        out->right = map_outer(a, s->right, &outer);
    return out->pred != NULL && out->right != NULL;
}

/* ---- going down ---- */

/* The join over the node: its columns, then the right ones.  *moved: it went below a join. */
static const TqpNode *sink(TqpArena *a, const TqpNode *node, const Subquery *s, bool *moved);

static const TqpNode *stay(TqpArena *a, const TqpNode *node, const Subquery *s) {
    return tqp_ir_join(a, TQP_JOIN_SINGLE, s->dependent, node, s->right, s->pred);
}

/* The left side's columns, the subquery's, the rest -> the subquery's last. */
static const TqpNode *subquery_last(TqpArena *a, const TqpNode *join, uint32_t nleft,
                                    uint32_t nsub) {
    TqpExprList exprs = {0};
    for (uint32_t i = 0; join != NULL && i < join->noutputs; i++) {
        uint32_t rest = join->noutputs - nleft - nsub;
        uint32_t at = i < nleft ? i : i < nleft + rest ? i + nsub : i - rest;
        if (!tqp_opt_list_add(a, &exprs, tqp_ir_col(a, at, join->types[at])))
            return NULL;
    }
    return join != NULL ? tqp_ir_project(a, join, exprs.n, exprs.items) : NULL;
}

static const TqpNode *sink_left(TqpArena *a, const TqpNode *node, const Subquery *s) {
    const TqpNode *left = node->inputs[0], *right = node->inputs[1];
    uint32_t nleft = left->noutputs, nsub = s->right->noutputs;
    TqpExprList same = {0}, around = {0};
    Subquery below;
    bool moved;
    if (!tqp_opt_add_columns(a, &same, node, 0) || !tqp_opt_add_columns(a, &around, left, 0) ||
        !tqp_opt_add_columns(a, &around, right, nleft + nsub) ||
        !rewrite(a, s, &same, nleft, &below))
        return NULL;
    const TqpExpr *pred = tqp_ir_expr_substitute(a, node->join.pred, around.items);
    const TqpNode *sunk = sink(a, left, &below, &moved);
    if (sunk == NULL || pred == NULL)
        return NULL;
    return subquery_last(
        a, tqp_ir_join(a, node->join.kind, node->join.dependent, sunk, right, pred), nleft, nsub);
}

static const TqpNode *sink_right(TqpArena *a, const TqpNode *node, const Subquery *s) {
    const TqpNode *left = node->inputs[0], *right = node->inputs[1];
    TqpExprList exprs = {0};
    Subquery below;
    bool moved;
    if (!tqp_opt_add_columns(a, &exprs, left, 0) || !tqp_opt_add_columns(a, &exprs, right, 0) ||
        !rewrite(a, s, &exprs, right->noutputs, &below))
        return NULL;
    const TqpNode *sunk = sink(a, right, &below, &moved);
    return sunk != NULL ? tqp_ir_join(a, TQP_JOIN_INNER, false, left, sunk, node->join.pred) : NULL;
}

static bool any_set(const uint64_t *bits, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++)
        if (tqp_bitmap_get(bits, i))
            return true;
    return false;
}

static const TqpNode *sink_join(TqpArena *a, const TqpNode *node, const Subquery *s, bool *moved) {
    uint32_t nleft = node->inputs[0]->noutputs;
    const uint64_t *read = columns_read(a, s, node->noutputs);
    if (read == NULL)
        return NULL;
    bool left = any_set(read, 0, nleft), right = any_set(read, nleft, node->noutputs);
    *moved = node->join.kind != TQP_JOIN_FULL && left != right &&
             (left || (node->join.kind == TQP_JOIN_INNER && !node->join.dependent));
    if (!*moved)
        return stay(a, node, s);
    return left ? sink_left(a, node, s) : sink_right(a, node, s);
}

/* A filter above a join is passed; one of a scan's rows PostgreSQL finds cheaper than a subquery.
 */
static const TqpNode *sink_filter(TqpArena *a, const TqpNode *node, const Subquery *s,
                                  bool *moved) {
    const TqpNode *sunk = sink(a, node->inputs[0], s, moved);
    if (sunk == NULL || !*moved)
        return sunk != NULL ? stay(a, node, s) : NULL;
    return tqp_ir_filter(a, sunk, node->filter.pred);
}

static const TqpNode *sink_project(TqpArena *a, const TqpNode *node, const Subquery *s,
                                   bool *moved) {
    const TqpNode *input = node->inputs[0];
    TqpExprList exprs = {0};
    Subquery below;
    for (uint32_t i = 0; i < node->noutputs; i++) {
        if (tqp_opt_has_outer(node->project.exprs[i]))
            return stay(a, node, s);
        if (!tqp_opt_list_add(a, &exprs, node->project.exprs[i]))
            return NULL;
    }
    if (!rewrite(a, s, &exprs, input->noutputs, &below) ||
        !tqp_opt_add_columns(a, &exprs, s->right, input->noutputs))
        return NULL;
    const TqpNode *sunk = sink(a, input, &below, moved);
    if (sunk == NULL || !*moved)
        return sunk != NULL ? stay(a, node, s) : NULL;
    return tqp_ir_project(a, sunk, exprs.n, exprs.items);
}

static const TqpNode *sink(TqpArena *a, const TqpNode *node, const Subquery *s, bool *moved) {
    *moved = false;
    switch (node->kind) {
    case TQP_NODE_JOIN:
        return sink_join(a, node, s, moved);
    case TQP_NODE_FILTER:
        return sink_filter(a, node, s, moved);
    case TQP_NODE_PROJECT:
        return sink_project(a, node, s, moved);
    default:
        return stay(a, node, s);
    }
}

/* LEFT of what a row of constants has as its one match, if that is one. */
static const TqpNode *computed_anyhow(TqpArena *a, const TqpNode *node) {
    static const TqpType boolean = {.kind = TQP_TYPE_BOOL};
    const TqpExpr *yes = tqp_ir_const_bool(a, true);
    const TqpNode *right = node->inputs[1];
    const TqpNode *one = yes != NULL ? tqp_ir_values(a, 1, &boolean, 1, &yes) : NULL;
    TqpExprList exprs = {0};
    one = tqp_ir_join(a, TQP_JOIN_SINGLE, false, one, right, yes);
    if (one == NULL || !tqp_opt_add_columns(a, &exprs, right, 1))
        return NULL;
    return tqp_ir_join(a, TQP_JOIN_LEFT, false, node->inputs[0],
                       tqp_ir_project(a, one, exprs.n, exprs.items), node->join.pred);
}

static const TqpNode *place(TqpArena *a, const TqpNode *node, const uint64_t *read) {
    bool moved;
    if (!tqp_opt_may_give_two(a, node) || !any_set(read, node->inputs[0]->noutputs, node->noutputs))
        return node;
    if (!node->join.dependent && tqp_opt_is_bool(node->join.pred, true))
        return node->inputs[0]->kind == TQP_NODE_VALUES ? node : computed_anyhow(a, node);
    Subquery s = {node->inputs[1], node->join.pred, node->join.dependent};
    return sink(a, node->inputs[0], &s, &moved);
}

/* ---- which columns are read where PostgreSQL evaluates their expressions as low as it can ---- */

static void add_range(uint64_t *to, uint32_t at, const uint64_t *from, uint32_t first, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (from == NULL || tqp_bitmap_get(from, first + i))
            tqp_bitmap_set(to, at + i);
}

/* Of the columns of the inputs, left ++ right. */
static void read_by_join(const TqpNode *node, const uint64_t *read, uint64_t *below) {
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    TqpJoinKind kind = node->join.kind;
    bool both = node->noutputs == nleft + nright && kind != TQP_JOIN_MARK;
    tqp_ir_expr_columns(node->join.pred, below);
    add_range(below, 0, kind == TQP_JOIN_FULL ? NULL : read, 0, nleft);
    /* Expressions below the nullable side of an outer join are evaluated there. */
    if (both)
        add_range(below, nleft, kind == TQP_JOIN_LEFT || kind == TQP_JOIN_FULL ? NULL : read, nleft,
                  nright);
}

static void read_by(const TqpNode *node, const uint64_t *read, uint64_t *below) {
    switch (node->kind) {
    case TQP_NODE_JOIN:
        read_by_join(node, read, below);
        break;
    case TQP_NODE_FILTER:
        tqp_ir_expr_columns(node->filter.pred, below);
        add_range(below, 0, read, 0, node->noutputs);
        break;
    case TQP_NODE_PROJECT:
        for (uint32_t i = 0; i < node->noutputs; i++)
            if (tqp_bitmap_get(read, i))
                tqp_ir_expr_columns(node->project.exprs[i], below);
        break;
    case TQP_NODE_AGGREGATE: /* with GROUPING SETS, PostgreSQL evaluates the arguments below */
        add_range(below, 0, NULL, 0, node->inputs[0]->noutputs);
        break;
    case TQP_NODE_NUMBER:
        add_range(below, 0, read, 0, node->inputs[0]->noutputs);
        break;
    case TQP_NODE_WITH: /* what its readers do is not known here */
        add_range(below, 0, NULL, 0, node->inputs[0]->noutputs);
        add_range(below, node->inputs[0]->noutputs, read, 0, node->noutputs);
        break;
    default:
        if (node->ninputs > 0)
            add_range(below, 0, read, 0, node->noutputs);
    }
}

static const TqpNode *walk(TqpArena *a, const TqpNode *node, const uint64_t *read) {
    const TqpNode *inputs[2] = {NULL, NULL};
    uint32_t ncolumns = 0;
    for (uint32_t i = 0; i < node->ninputs; i++)
        ncolumns += node->inputs[i]->noutputs;
    uint64_t *below = tqp_opt_bitmap(a, ncolumns);
    if (below == NULL)
        return NULL;
    read_by(node, read, below);
    for (uint32_t i = 0; i < node->ninputs; i++) {
        uint32_t n = node->inputs[i]->noutputs;
        uint64_t *mine = tqp_opt_bitmap(a, n);
        if (mine == NULL)
            return NULL;
        bool behind = i == 1 && node->kind != TQP_NODE_APPEND; /* the other input's columns */
        add_range(mine, 0, below, behind ? ncolumns - n : 0, n);
        if ((inputs[i] = walk(a, node->inputs[i], mine)) == NULL)
            return NULL;
    }
    const TqpNode *n = tqp_opt_with_inputs(a, node, inputs);
    return n != NULL ? place(a, n, read) : NULL;
}

TqpStatus tqp_opt_place_single(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    uint64_t *read = tqp_opt_bitmap(ctx->arena, in->noutputs);
    *out = read != NULL ? walk(ctx->arena, in, read) : NULL;
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
