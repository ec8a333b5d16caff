/*
 * group_restriction: an aggregate on the right of a join computes only groups that the left can ask
 * for, where a filtered scan tells which these are, and a semi or anti join builds only such rows:
 *
 *   join l.k = a.k (.. filter(scan p) joined on p.k = l.k ..) (aggregate by k (x))
 *     the aggregate's input becomes  semi join x.k = p.k x (project p.k (filter (scan p)))
 *
 * Groups of other keys would find no match; where they could raise they stay.  join_order then
 * finds the semi join's place in x.
 *
 * Where no scan tells but joins on the left leave few rows, these are computed once (WITH): they
 * are the left side, and their keys restrict the right one.
 */
#include "opt/join_order.h"

/* Keys of the scan, of the keys there are, below which a second scan of it is worth it. */
static const double restrict_share = 0.25;
/* Rows of that scan, of the rows to be grouped, or of those that a semi join builds from a scan. */
static const double restrict_rows = 2, restrict_scan_rows = 0.3;
/* Values of a scan's key: the map of fewer stays in the caches and costs less than probing. */
static const double restrict_scan_keys = 2e5;
/* Reading a materialised row, in rows of a scan; rows of a scan that restricts as well as one. */
static const double shared_row = 3, shared_gain = 4;
enum { DEPTH_MAX = 40 };

/* A column of a filtered scan that has all values of some column which are not NULL. */
typedef struct Domain {
    const TqpOptContext *ctx;
    const TqpNode *node; /* NULL: none found */
    uint32_t column;
    double rows, base_rows;
    bool scans; /* restrict scans too, which semi and anti joins look up */
    bool failed;
} Domain;

/* A left side that is to be computed once. */
typedef struct Definition {
    uint32_t number;
    const TqpNode *node;
    struct Definition *before;
} Definition;

typedef struct Restrictor {
    const TqpOptContext *ctx;
    uint32_t next; /* number of a definition */
    Definition *made;
} Restrictor;

static bool is_filtered_scan(const TqpNode *n) {
    if (n->kind != TQP_NODE_FILTER)
        return false;
    while (n->kind == TQP_NODE_FILTER)
        n = n->inputs[0];
    return n->kind == TQP_NODE_SCAN;
}

static void consider(Domain *d, const TqpNode *n, uint32_t column) {
    TqpEstimate e;
    if (!tqp_opt_estimate(d->ctx, n, &e)) {
        d->failed = true;
        return;
    }
    if (d->node != NULL && d->rows <= e.rows)
        return;
    d->node = n;
    d->column = column;
    d->rows = e.rows;
    d->base_rows = e.base_rows;
}

static void find(Domain *d, const TqpNode *n, uint32_t column, uint32_t depth);

/* The columns that the predicate sets equal to this one, on the other side. */
static void find_equal(Domain *d, const TqpNode *n, uint32_t column, uint32_t depth) {
    uint32_t nleft = n->inputs[0]->noutputs;
    TqpExprList all = {0};
    if (!tqp_opt_flatten(d->ctx->arena, TQP_OP_AND, n->join.pred, &all)) {
        d->failed = true;
        return;
    }
    for (uint32_t i = 0; i < all.n; i++) {
        const TqpExpr *e = all.items[i];
        if (e->op != TQP_OP_EQ || e->args[0]->op != TQP_OP_COL || e->args[1]->op != TQP_OP_COL)
            continue;
        uint32_t x = e->args[0]->index, y = e->args[1]->index;
        if (x != column && y != column)
            continue;
        uint32_t other = x == column ? y : x;
        if ((other < nleft) != (column < nleft))
            find(d, n->inputs[other >= nleft], other >= nleft ? other - nleft : other, depth);
    }
}

static void find_in_join(Domain *d, const TqpNode *n, uint32_t column, uint32_t depth) {
    uint32_t nleft = n->inputs[0]->noutputs;
    TqpJoinKind kind = n->join.kind;
    bool inner = kind == TQP_JOIN_INNER;
    if (n->join.dependent || kind == TQP_JOIN_FULL || (column >= nleft && !inner))
        return;
    find(d, n->inputs[column >= nleft], column >= nleft ? column - nleft : column, depth);
    if (inner || kind == TQP_JOIN_SEMI)
        find_equal(d, n, column, depth);
}

static void find(Domain *d, const TqpNode *n, uint32_t column, uint32_t depth) {
    if (depth == 0 || d->failed)
        return;
    depth--;
    if (is_filtered_scan(n) || n->kind == TQP_NODE_SHARED) {
        consider(d, n, column);
        return;
    }
    switch (n->kind) {
    case TQP_NODE_FILTER:
    case TQP_NODE_SORT:
    case TQP_NODE_LIMIT:
        find(d, n->inputs[0], column, depth);
        break;
    case TQP_NODE_PROJECT:
        if (n->project.exprs[column]->op == TQP_OP_COL)
            find(d, n->inputs[0], n->project.exprs[column]->index, depth);
        break;
    case TQP_NODE_AGGREGATE:
        if (column < n->aggregate.nkeys && n->aggregate.keys[column]->op == TQP_OP_COL)
            find(d, n->inputs[0], n->aggregate.keys[column]->index, depth);
        break;
    case TQP_NODE_JOIN:
        find_in_join(d, n, column, depth);
        break;
    default:
        break;
    }
}

static bool is_worth(const Domain *d, const TqpNode *input, uint32_t key, bool grouped) {
    TqpEstimate e;
    if (!tqp_opt_estimate(d->ctx, input, &e))
        return false;
    double keys = e.columns[key].ndistinct;
    return d->rows < restrict_share * keys && (grouped || keys >= restrict_scan_keys) &&
           d->base_rows < (grouped ? restrict_rows : restrict_scan_rows) * e.rows;
}

static const TqpNode *semi_join(TqpArena *a, const TqpNode *input, uint32_t key, const Domain *d) {
    static const TqpType boolean = {.kind = TQP_TYPE_BOOL};
    TqpExprList columns = {0};
    if (!tqp_opt_add_columns(a, &columns, d->node, 0))
        return NULL;
    const TqpExpr *value = columns.items[d->column];
    const TqpNode *values = tqp_ir_project(a, d->node, 1, &value);
    const TqpExpr *x = tqp_ir_col(a, key, value->type),
                  *y = tqp_ir_col(a, input->noutputs, value->type);
    const TqpExpr *equal =
        x == NULL || y == NULL ? NULL : tqp_ir_call2(a, TQP_OP_EQ, boolean, x, y);
    if (values == NULL || equal == NULL)
        return NULL;
    return tqp_ir_join(a, TQP_JOIN_SEMI, false, input, values, equal);
}

static const TqpNode *over(TqpArena *a, const TqpNode *n, const TqpNode *input) {
    if (input == NULL || input == n->inputs[0])
        return input == NULL ? NULL : n;
    return tqp_opt_with_input(a, n, input);
}

/*
 * The same node, its groups restricted to the values of a column; itself where that does not pay,
 * or would spare a row an error.
 */
static const TqpNode *restricted(const Domain *d, const TqpNode *n, uint32_t column) {
    TqpArena *a = d->ctx->arena;
    if (n->ninputs == 1 && tqp_opt_groups_may_raise(a, n))
        return n;
    if (n->kind == TQP_NODE_FILTER) {
        const TqpNode *input = restricted(d, n->inputs[0], column);
        return over(a, n, input);
    }
    if (n->kind == TQP_NODE_PROJECT && n->project.exprs[column]->op == TQP_OP_COL) {
        const TqpNode *input = restricted(d, n->inputs[0], n->project.exprs[column]->index);
        return over(a, n, input);
    }
    if (n->kind == TQP_NODE_SCAN && d->scans)
        return is_worth(d, n, column, false) ? semi_join(a, n, column, d) : n;
    if (n->kind != TQP_NODE_AGGREGATE || column >= n->aggregate.nkeys ||
        n->aggregate.keys[column]->op != TQP_OP_COL ||
        !is_worth(d, n->inputs[0], n->aggregate.keys[column]->index, true))
        return n;
    const TqpNode *input = semi_join(a, n->inputs[0], n->aggregate.keys[column]->index, d);
    return input == NULL ? NULL : tqp_opt_with_input(a, n, input);
}

static bool has_join(const TqpNode *n) {
    for (uint32_t i = 0; i < n->ninputs; i++)
        if (has_join(n->inputs[i]))
            return true;
    return n->kind == TQP_NODE_JOIN;
}

/* The left side itself, to be shared, where it tells more than the scan that was found. */
static bool consider_left(Restrictor *r, const TqpNode *left, uint32_t column, Domain *d) {
    TqpEstimate e;
    if (!has_join(left))
        return true;
    if (!tqp_opt_estimate(r->ctx, left, &e))
        return false;
    if (d->node != NULL && d->rows < shared_gain * e.rows)
        return true;
    d->node = tqp_ir_shared(r->ctx->arena, r->next, left);
    d->column = column;
    d->rows = e.rows;
    d->base_rows = shared_row * e.rows;
    return d->node != NULL;
}

/* The left side with its columns, computed once; the domain reads it already. */
static const TqpNode *share_left(Restrictor *r, const TqpNode *left, const Domain *d) {
    Definition *definition = tqp_arena_alloc(r->ctx->arena, sizeof(*definition));
    if (definition == NULL)
        return NULL;
    *definition = (Definition){r->next++, left, r->made};
    r->made = definition;
    return d->node;
}

/* The right side restricted to keys of the left one, which may become a shared one. */
static bool restrict_inputs(Restrictor *r, const TqpNode *node, uint32_t left, uint32_t right,
                            const TqpNode **inputs) {
    TqpJoinKind kind = node->join.kind;
    Domain d = {.ctx = r->ctx, .scans = kind == TQP_JOIN_SEMI || kind == TQP_JOIN_ANTI};
    find(&d, node->inputs[0], left, DEPTH_MAX);
    const TqpNode *found = d.node;
    if (d.failed || !consider_left(r, node->inputs[0], left, &d))
        return false;
    if (d.node == NULL)
        return true;
    inputs[1] = restricted(&d, node->inputs[1], right);
    if (inputs[1] != NULL && inputs[1] != node->inputs[1] && d.node != found)
        inputs[0] = share_left(r, node->inputs[0], &d);
    return inputs[0] != NULL && inputs[1] != NULL;
}

static const TqpNode *restrict_join(TqpArena *a, const TqpNode *node, void *arg) {
    Restrictor *r = arg;
    TqpExprList all = {0};
    if (node->kind != TQP_NODE_JOIN || node->join.dependent || node->join.kind == TQP_JOIN_FULL ||
        node->join.kind == TQP_JOIN_MARK)
        return node;
    uint32_t nleft = node->inputs[0]->noutputs;
    if (!tqp_opt_flatten(a, TQP_OP_AND, node->join.pred, &all))
        return NULL;
    for (uint32_t i = 0; i < all.n; i++) {
        const TqpExpr *e = all.items[i];
        if (e->op != TQP_OP_EQ || e->args[0]->op != TQP_OP_COL || e->args[1]->op != TQP_OP_COL ||
            (e->args[0]->index < nleft) == (e->args[1]->index < nleft))
            continue;
        bool first = e->args[0]->index < nleft;
        uint32_t left = e->args[first ? 0 : 1]->index, right = e->args[first ? 1 : 0]->index;
        const TqpNode *inputs[2] = {node->inputs[0], node->inputs[1]};
        if (!restrict_inputs(r, node, left, right - nleft, inputs))
            return NULL;
        if (inputs[1] != node->inputs[1])
            return tqp_opt_with_inputs(a, node, inputs);
    }
    return node;
}

/* A definition may read what is defined around it, and what was made before. */
static const TqpNode *restrict_root(Restrictor *r, const TqpNode *node) {
    TqpArena *a = r->ctx->arena;
    const TqpNode *out;
    if (node->kind == TQP_NODE_WITH) {
        const TqpNode *inputs[2] = {NULL, restrict_root(r, node->inputs[1])};
        r->made = NULL;
        inputs[0] = tqp_opt_map_graph(a, node->inputs[0], restrict_join, r);
        out = inputs[0] == NULL || inputs[1] == NULL ? NULL : tqp_opt_with_inputs(a, node, inputs);
    } else {
        r->made = NULL;
        out = tqp_opt_map_graph(a, node, restrict_join, r);
    }
    for (const Definition *d = r->made; out != NULL && d != NULL; d = d->before)
        out = tqp_ir_with(a, d->number, d->node, out);
    return out;
}

TqpStatus tqp_opt_restrict_groups(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    Restrictor r = {.ctx = ctx, .next = tqp_opt_unused_number(in)};
    *out = restrict_root(&r, in);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
