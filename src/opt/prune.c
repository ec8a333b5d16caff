/*
 * column_pruning: from the root down, each node is told which of its outputs are read and answers
 * with a node that has those (a filter, sort, limit or join may keep more) and the new position of
 * each.  Group keys stay, since they make the groups.  A projection that changes nothing goes.
 * Scans of one relation keep the columns that any of them needs: a first round finds these.  Which
 * columns are not NULL is forgotten, as no pass comes after this one.
 */
#include <string.h>

#include "base/bitmap.h"
#include "opt/pass.h"

enum { GONE = UINT32_MAX };

typedef struct Pruned {
    const TqpNode *node;
    const uint32_t *map; /* old output -> new output, or GONE */
} Pruned;

/* What the scans of one relation need together. */
typedef struct Needs {
    uint32_t relation;
    uint32_t nscans;
    uint64_t *columns;
    bool told; /* the host */
    struct Needs *next;
} Needs;

/* What the readers of a definition need together, and what became of it. */
typedef struct Definition {
    uint32_t number;
    uint64_t *columns;
    Pruned made;
    struct Definition *next;
} Definition;

typedef struct Pruner {
    TqpArena *arena;
    TqpOptContext *ctx;
    Needs *needs;
    Definition *definitions;
    bool finding; /* the first round: the result is not used */
} Pruner;

static TqpStatus prune(Pruner *ctx, const TqpNode *node, const uint64_t *needed, Pruned *out);

static TqpStatus no_memory(Pruner *p) {
    return tqp_opt_no_memory(p->ctx);
}

static uint32_t *new_map(TqpArena *a, uint32_t n) {
    return tqp_arena_alloc(a, n * sizeof(uint32_t) + 1);
}

static uint64_t *copy_bitmap(TqpArena *a, const uint64_t *bits, uint32_t n) {
    uint64_t *copy = tqp_opt_bitmap(a, n);
    if (copy != NULL && n > 0)
        memcpy(copy, bits, tqp_bitmap_words(n) * sizeof(*copy));
    return copy;
}

static const TqpExpr *renumber_root(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_opt_remap(a, e, arg);
}

/* The positions of the bits in `kept`, packed. */
static TqpStatus pack(Pruner *ctx, const uint64_t *kept, uint32_t n, Pruned *out, uint32_t *nkept) {
    uint32_t *map = new_map(ctx->arena, n);
    *nkept = 0;
    if (map == NULL)
        return no_memory(ctx);
    for (uint32_t i = 0; i < n; i++)
        map[i] = tqp_bitmap_get(kept, i) ? (*nkept)++ : GONE;
    out->map = map;
    return TQP_OK;
}

static Needs *needs_of(Pruner *ctx, uint32_t relation) {
    Needs *n = ctx->needs;
    while (n != NULL && n->relation != relation)
        n = n->next;
    return n;
}

/* Count the scans of each relation. */
static bool add_needs(Pruner *ctx, const TqpNode *node) {
    for (uint32_t i = 0; i < node->ninputs; i++)
        if (!add_needs(ctx, node->inputs[i]))
            return false;
    if (node->kind != TQP_NODE_SCAN)
        return true;
    Needs *n = needs_of(ctx, node->scan.relation);
    if (n == NULL) {
        if ((n = tqp_arena_alloc(ctx->arena, sizeof(*n))) == NULL)
            return false;
        *n = (Needs){.relation = node->scan.relation,
                     .columns = tqp_opt_bitmap(ctx->arena, node->noutputs),
                     .next = ctx->needs};
        ctx->needs = n;
    }
    n->nscans++;
    return n->columns != NULL;
}

/* Tell the host which of the columns it listed are left. */
static TqpStatus narrow_scan_columns(Pruner *ctx, Needs *needs, const uint32_t *map,
                                     uint32_t nkept) {
    TqpScanColumns *columns = ctx->ctx->scan_columns;
    if (columns == NULL || ctx->finding || needs->told)
        return TQP_OK;
    TqpScanColumns *old = &columns[needs->relation];
    uint32_t *kept = new_map(ctx->arena, nkept);
    if (kept == NULL)
        return no_memory(ctx);
    for (uint32_t i = 0; i < old->ncolumns; i++)
        if (map[i] != GONE)
            kept[map[i]] = old->columns[i];
    *old = (TqpScanColumns){nkept, kept};
    needs->told = true;
    return TQP_OK;
}

/* The unique sets whose columns are all left. */
static const TqpNode *keep_uniques(TqpArena *a, const TqpNode *old, const TqpNode *scan,
                                   const uint32_t *map) {
    uint32_t n = 0;
    TqpUnique *uniques = tqp_arena_alloc(a, old->scan.nuniques * sizeof(*uniques) + 1);
    if (uniques == NULL || scan == NULL || old->scan.nuniques == 0)
        return uniques == NULL ? NULL : scan;
    for (uint32_t i = 0; i < old->scan.nuniques; i++) {
        const TqpUnique *u = &old->scan.uniques[i];
        uint32_t *columns = new_map(a, u->ncolumns), k = 0;
        if (columns == NULL)
            return NULL;
        for (; k < u->ncolumns && map[u->columns[k]] != GONE; k++)
            columns[k] = map[u->columns[k]];
        if (k == u->ncolumns)
            uniques[n++] = (TqpUnique){k, columns};
    }
    return n == 0 ? scan : tqp_ir_scan_unique(a, scan, n, uniques);
}

static TqpStatus prune_scan(Pruner *ctx, const TqpNode *node, const uint64_t *needed, Pruned *out) {
    Needs *needs = needs_of(ctx, node->scan.relation);
    uint32_t nkept;
    for (uint32_t w = 0; w < tqp_bitmap_words(node->noutputs); w++)
        needs->columns[w] |= needed[w];
    TQP_TRY(pack(ctx, needs->columns, node->noutputs, out, &nkept));
    if (nkept == node->noutputs) { /* the binder knows better what is NULL */
        out->node =
            node->scan.nnot_null == 0 ? node : tqp_ir_scan_not_null(ctx->arena, node, 0, NULL);
        return out->node == NULL ? no_memory(ctx) : TQP_OK;
    }
    const char **names = tqp_arena_alloc(ctx->arena, nkept * sizeof(*names) + 1);
    TqpType *types = tqp_arena_alloc(ctx->arena, nkept * sizeof(*types) + 1);
    if (names == NULL || types == NULL)
        return no_memory(ctx);
    for (uint32_t i = 0; i < node->noutputs; i++) {
        if (out->map[i] == GONE)
            continue;
        names[out->map[i]] = node->scan.columns[i];
        types[out->map[i]] = node->types[i];
    }
    TQP_TRY(narrow_scan_columns(ctx, needs, out->map, nkept));
    out->node = keep_uniques(
        ctx->arena, node,
        tqp_ir_scan(ctx->arena, node->scan.relation, node->scan.name, nkept, names, types),
        out->map);
    return out->node == NULL ? no_memory(ctx) : TQP_OK;
}

/* The outputs are the input's: FILTER, SORT, LIMIT. */
static TqpStatus prune_pass(Pruner *ctx, const TqpNode *node, const uint64_t *needed, Pruned *out) {
    uint64_t *wanted = copy_bitmap(ctx->arena, needed, node->noutputs);
    if (wanted == NULL)
        return no_memory(ctx);
    if (tqp_opt_is_fence(node))
        tqp_bitmap_fill(wanted, node->noutputs);
    if (node->kind == TQP_NODE_FILTER)
        tqp_ir_expr_columns(node->filter.pred, wanted);
    for (uint32_t i = 0; node->kind == TQP_NODE_SORT && i < node->sort.nkeys; i++)
        tqp_ir_expr_columns(node->sort.keys[i].expr, wanted);
    TQP_TRY(prune(ctx, node->inputs[0], wanted, out));
    const TqpNode *n = tqp_opt_with_input(ctx->arena, node, out->node);
    if (n != NULL)
        n = tqp_opt_map_node(ctx->arena, n, renumber_root, (void *)out->map);
    out->node = n;
    return n == NULL ? no_memory(ctx) : TQP_OK;
}

/* NUMBER: the input's outputs, then the numbers. */
static TqpStatus prune_number(Pruner *ctx, const TqpNode *node, const uint64_t *needed,
                              Pruned *out) {
    uint32_t n = node->inputs[0]->noutputs;
    uint64_t *wanted = tqp_opt_bitmap(ctx->arena, n);
    uint32_t *map = new_map(ctx->arena, n + 2);
    Pruned in;
    if (wanted == NULL || map == NULL)
        return no_memory(ctx);
    for (uint32_t i = 0; i < n; i++)
        if (tqp_bitmap_get(needed, i))
            tqp_bitmap_set(wanted, i);
    for (uint32_t i = 0; i < node->sort.nkeys; i++)
        tqp_ir_expr_columns(node->sort.keys[i].expr, wanted);
    TQP_TRY(prune(ctx, node->inputs[0], wanted, &in));
    if (n > 0)
        memcpy(map, in.map, n * sizeof(*map));
    map[n] = in.node->noutputs;
    map[n + 1] = in.node->noutputs + 1;
    const TqpNode *number = tqp_opt_with_input(ctx->arena, node, in.node);
    if (number != NULL)
        number = tqp_opt_map_node(ctx->arena, number, renumber_root, (void *)in.map);
    *out = (Pruned){number, map};
    return number == NULL ? no_memory(ctx) : TQP_OK;
}

static bool changes_nothing(const TqpNode *input, uint32_t n, const TqpExpr *const *exprs) {
    if (input->noutputs != n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (exprs[i]->op != TQP_OP_COL || exprs[i]->index != i)
            return false;
    return true;
}

/*
 * For a node that reads its input by the map alone: a projection that only chooses columns goes,
 * its input may have them in another order and more of them.
 */
static TqpStatus prune_any_order(Pruner *ctx, const TqpNode *node, const uint64_t *needed,
                                 Pruned *out) {
    bool chooses = node->kind == TQP_NODE_PROJECT;
    for (uint32_t i = 0; chooses && i < node->noutputs; i++)
        chooses = node->project.exprs[i]->op == TQP_OP_COL;
    if (!chooses)
        return prune(ctx, node, needed, out);
    uint64_t *wanted = tqp_opt_bitmap(ctx->arena, node->inputs[0]->noutputs);
    uint32_t *map = new_map(ctx->arena, node->noutputs);
    Pruned input;
    if (wanted == NULL || map == NULL)
        return no_memory(ctx);
    for (uint32_t i = 0; i < node->noutputs; i++)
        if (tqp_bitmap_get(needed, i))
            tqp_bitmap_set(wanted, node->project.exprs[i]->index);
    TQP_TRY(prune_any_order(ctx, node->inputs[0], wanted, &input));
    for (uint32_t i = 0; i < node->noutputs; i++)
        map[i] = tqp_bitmap_get(needed, i) ? input.map[node->project.exprs[i]->index] : GONE;
    *out = (Pruned){input.node, map};
    return TQP_OK;
}

static TqpStatus prune_project(Pruner *ctx, const TqpNode *node, const uint64_t *needed,
                               Pruned *out) {
    TqpArena *a = ctx->arena;
    uint64_t *wanted = tqp_opt_bitmap(a, node->inputs[0]->noutputs);
    uint32_t nkept;
    Pruned input;
    if (wanted == NULL)
        return no_memory(ctx);
    TQP_TRY(pack(ctx, needed, node->noutputs, out, &nkept));
    for (uint32_t i = 0; i < node->noutputs; i++)
        if (out->map[i] != GONE)
            tqp_ir_expr_columns(node->project.exprs[i], wanted);
    TQP_TRY(prune_any_order(ctx, node->inputs[0], wanted, &input));
    TqpExprList exprs = {0};
    for (uint32_t i = 0; i < node->noutputs; i++) {
        if (out->map[i] == GONE)
            continue;
        if (!tqp_opt_list_add(a, &exprs,
                              renumber_root(a, node->project.exprs[i], (void *)input.map)))
            return no_memory(ctx);
    }
    out->node = changes_nothing(input.node, exprs.n, exprs.items)
                    ? input.node
                    : tqp_ir_project(a, input.node, exprs.n, exprs.items);
    return out->node == NULL ? no_memory(ctx) : TQP_OK;
}

static void aggregate_inputs(const TqpNode *node, const uint64_t *kept, uint64_t *wanted) {
    for (uint32_t i = 0; i < node->aggregate.nkeys; i++)
        tqp_ir_expr_columns(node->aggregate.keys[i], wanted);
    for (uint32_t i = 0; i < node->aggregate.naggs; i++) {
        const TqpAgg *agg = &node->aggregate.aggs[i];
        if (!tqp_bitmap_get(kept, node->aggregate.nkeys + i))
            continue;
        if (agg->arg != NULL)
            tqp_ir_expr_columns(agg->arg, wanted);
        if (agg->filter != NULL)
            tqp_ir_expr_columns(agg->filter, wanted);
    }
}

static TqpStatus prune_aggregate(Pruner *ctx, const TqpNode *node, const uint64_t *needed,
                                 Pruned *out) {
    TqpArena *a = ctx->arena;
    uint32_t nkeys = node->aggregate.nkeys, naggs = 0, nkept;
    uint64_t *kept = copy_bitmap(a, needed, node->noutputs);
    uint64_t *wanted = tqp_opt_bitmap(a, node->inputs[0]->noutputs);
    TqpAgg *aggs = tqp_arena_alloc(a, node->aggregate.naggs * sizeof(*aggs) + 1);
    Pruned input;
    if (kept == NULL || wanted == NULL || aggs == NULL)
        return no_memory(ctx);
    for (uint32_t i = 0; i < nkeys; i++)
        tqp_bitmap_set(kept, i);
    if (tqp_bitmap_count(kept, node->noutputs) == 0 && node->noutputs > 0)
        tqp_bitmap_set(kept, 0); /* a row needs a column */
    TQP_TRY(pack(ctx, kept, node->noutputs, out, &nkept));
    aggregate_inputs(node, kept, wanted);
    TQP_TRY(prune_any_order(ctx, node->inputs[0], wanted, &input));
    for (uint32_t i = 0; i < node->aggregate.naggs; i++)
        if (tqp_bitmap_get(kept, nkeys + i))
            aggs[naggs++] = node->aggregate.aggs[i];
    const TqpNode *n =
        tqp_ir_aggregate(a, node->inputs[0], nkeys, node->aggregate.keys, naggs, aggs);
    if (n != NULL)
        n = tqp_opt_with_input(a, n, input.node);
    if (n != NULL)
        n = tqp_opt_map_node(a, n, renumber_root, (void *)input.map);
    out->node = n;
    return n == NULL ? no_memory(ctx) : TQP_OK;
}

/* Exactly the needed columns, packed: inputs of an append must agree. */
static TqpStatus prune_append(Pruner *ctx, const TqpNode *node, const uint64_t *needed,
                              Pruned *out) {
    TqpArena *a = ctx->arena;
    const TqpNode *inputs[2];
    uint32_t nkept;
    TQP_TRY(pack(ctx, needed, node->noutputs, out, &nkept));
    for (int k = 0; k < 2; k++) {
        Pruned input;
        TqpExprList exprs = {0};
        TQP_TRY(prune(ctx, node->inputs[k], needed, &input));
        for (uint32_t i = 0; i < node->noutputs; i++)
            if (out->map[i] != GONE &&
                !tqp_opt_list_add(a, &exprs, tqp_ir_col(a, input.map[i], node->types[i])))
                return no_memory(ctx);
        inputs[k] = changes_nothing(input.node, exprs.n, exprs.items)
                        ? input.node
                        : tqp_ir_project(a, input.node, exprs.n, exprs.items);
        if (inputs[k] == NULL)
            return no_memory(ctx);
    }
    out->node = tqp_opt_with_inputs(a, node, inputs);
    return out->node == NULL ? no_memory(ctx) : TQP_OK;
}

static TqpStatus prune_values(Pruner *ctx, const TqpNode *node, const uint64_t *needed,
                              Pruned *out) {
    TqpArena *a = ctx->arena;
    TqpExprList exprs = {0};
    TqpType *types = tqp_arena_alloc(a, node->noutputs * sizeof(*types) + 1);
    uint32_t nkept;
    if (types == NULL)
        return no_memory(ctx);
    TQP_TRY(pack(ctx, needed, node->noutputs, out, &nkept));
    for (uint32_t i = 0; i < node->noutputs; i++)
        if (out->map[i] != GONE)
            types[out->map[i]] = node->types[i];
    for (uint32_t i = 0; i < node->values.nrows * node->noutputs; i++)
        if (out->map[i % node->noutputs] != GONE &&
            !tqp_opt_list_add(a, &exprs, node->values.exprs[i]))
            return no_memory(ctx);
    out->node = nkept == node->noutputs
                    ? node
                    : tqp_ir_values(a, nkept, types, node->values.nrows, exprs.items);
    return out->node == NULL ? no_memory(ctx) : TQP_OK;
}

/* A join keeps all that its inputs keep, which is what its predicate and the nodes above read. */
static TqpStatus prune_join(Pruner *ctx, const TqpNode *node, const uint64_t *needed, Pruned *out) {
    TqpArena *a = ctx->arena;
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    uint64_t *all = tqp_opt_bitmap(a, nleft + nright), *left = tqp_opt_bitmap(a, nleft),
             *right = tqp_opt_bitmap(a, nright);
    uint32_t *map = new_map(a, nleft + nright + 1);
    Pruned x, y;
    if (all == NULL || left == NULL || right == NULL || map == NULL)
        return no_memory(ctx);
    bool marks = node->join.kind == TQP_JOIN_MARK;
    for (uint32_t i = 0; i < (marks ? nleft : node->noutputs); i++)
        if (tqp_bitmap_get(needed, i))
            tqp_bitmap_set(all, i);
    tqp_ir_expr_columns(node->join.pred, all);
    for (uint32_t i = 0; i < nleft + nright; i++)
        if (tqp_bitmap_get(all, i))
            tqp_bitmap_set(i < nleft ? left : right, i < nleft ? i : i - nleft);
    TQP_TRY(prune_any_order(ctx, node->inputs[0], left, &x));
    TQP_TRY(prune_any_order(ctx, node->inputs[1], right, &y));
    for (uint32_t i = 0; i < nleft; i++)
        map[i] = x.map[i];
    for (uint32_t i = 0; i < nright; i++)
        map[nleft + i] = y.map[i] == GONE ? GONE : x.node->noutputs + y.map[i];
    const TqpExpr *pred = tqp_opt_remap(a, node->join.pred, map);
    out->node = tqp_ir_join(a, node->join.kind, false, x.node, y.node, pred);
    if (marks)
        map[nleft] = x.node->noutputs;
    out->map = map;
    return out->node == NULL ? no_memory(ctx) : TQP_OK;
}

static Definition *definition_of(Pruner *ctx, uint32_t number) {
    Definition *d = ctx->definitions;
    while (d->number != number)
        d = d->next;
    return d;
}

/* In the first round its readers tell what they need, in the second it is there before them. */
static TqpStatus prune_with(Pruner *ctx, const TqpNode *node, const uint64_t *needed, Pruned *out) {
    Pruned body;
    if (ctx->finding) {
        Definition *d = tqp_arena_zalloc(ctx->arena, sizeof(*d));
        uint64_t *columns = tqp_opt_bitmap(ctx->arena, node->inputs[0]->noutputs);
        if (d == NULL || columns == NULL)
            return no_memory(ctx);
        *d = (Definition){node->shared.number, columns, {0}, ctx->definitions};
        ctx->definitions = d;
        TQP_TRY(prune(ctx, node->inputs[1], needed, out));
        return prune(ctx, node->inputs[0], columns, &body);
    }
    Definition *d = definition_of(ctx, node->shared.number);
    TQP_TRY(prune(ctx, node->inputs[0], d->columns, &d->made));
    TQP_TRY(prune(ctx, node->inputs[1], needed, &body));
    *out =
        (Pruned){tqp_ir_with(ctx->arena, node->shared.number, d->made.node, body.node), body.map};
    return out->node == NULL ? no_memory(ctx) : TQP_OK;
}

static TqpStatus prune_shared(Pruner *ctx, const TqpNode *node, const uint64_t *needed,
                              Pruned *out) {
    Definition *d = definition_of(ctx, node->shared.number);
    if (!ctx->finding) {
        out->node = tqp_ir_shared(ctx->arena, node->shared.number, d->made.node);
        out->map = d->made.map;
        return out->node == NULL ? no_memory(ctx) : TQP_OK;
    }
    uint32_t *map = new_map(ctx->arena, node->noutputs);
    if (map == NULL)
        return no_memory(ctx);
    for (uint32_t i = 0; i < node->noutputs; i++)
        map[i] = i;
    for (uint32_t w = 0; w < tqp_bitmap_words(node->noutputs); w++)
        d->columns[w] |= needed[w];
    *out = (Pruned){node, map};
    return TQP_OK;
}

static TqpStatus prune(Pruner *ctx, const TqpNode *node, const uint64_t *needed, Pruned *out) {
    switch (node->kind) {
    case TQP_NODE_SCAN:
        return prune_scan(ctx, node, needed, out);
    case TQP_NODE_VALUES:
        return prune_values(ctx, node, needed, out);
    case TQP_NODE_APPEND:
        return prune_append(ctx, node, needed, out);
    case TQP_NODE_JOIN:
        return prune_join(ctx, node, needed, out);
    case TQP_NODE_PROJECT:
        return prune_project(ctx, node, needed, out);
    case TQP_NODE_AGGREGATE:
        return prune_aggregate(ctx, node, needed, out);
    case TQP_NODE_NUMBER:
        return prune_number(ctx, node, needed, out);
    case TQP_NODE_WITH:
        return prune_with(ctx, node, needed, out);
    case TQP_NODE_SHARED:
        return prune_shared(ctx, node, needed, out);
    default:
        return prune_pass(ctx, node, needed, out);
    }
}

/* A definition is materialised: it outputs what is needed, and no more. */
static const TqpNode *fix_definition(TqpArena *a, const TqpNode *node) {
    TqpExprList exprs = {0};
    return tqp_opt_add_columns(a, &exprs, node, 0) ? tqp_ir_project(a, node, exprs.n, exprs.items)
                                                   : NULL;
}

/* Joins that no projection or aggregate stands above output columns in their own order: they get
 * one, which goes again where it changes nothing. */
static const TqpNode *fix_outputs(TqpArena *a, const TqpNode *node) {
    TqpExprList exprs = {0};
    if (node->kind == TQP_NODE_FILTER || node->kind == TQP_NODE_SORT ||
        node->kind == TQP_NODE_LIMIT)
        return tqp_opt_with_input(a, node, fix_outputs(a, node->inputs[0]));
    if (node->kind == TQP_NODE_WITH) {
        const TqpNode *inputs[2] = {fix_definition(a, node->inputs[0]),
                                    fix_outputs(a, node->inputs[1])};
        return inputs[0] == NULL || inputs[1] == NULL ? NULL : tqp_opt_with_inputs(a, node, inputs);
    }
    if (node->kind != TQP_NODE_JOIN && node->kind != TQP_NODE_NUMBER &&
        node->kind != TQP_NODE_SHARED)
        return node;
    return tqp_opt_add_columns(a, &exprs, node, 0) ? tqp_ir_project(a, node, exprs.n, exprs.items)
                                                   : NULL;
}

TqpStatus tqp_opt_prune(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    uint64_t *all = tqp_opt_bitmap(ctx->arena, in->noutputs);
    Pruner p = {.arena = ctx->arena, .ctx = ctx};
    Pruned pruned;
    *out = in;
    if (tqp_opt_has_dependent(in)) /* declined afterwards */
        return TQP_OK;
    in = fix_outputs(ctx->arena, in);
    if (all == NULL || in == NULL || !add_needs(&p, in))
        return tqp_opt_no_memory(ctx);
    tqp_bitmap_fill(all, in->noutputs);
    p.finding = in->kind == TQP_NODE_WITH;
    for (const Needs *n = p.needs; n != NULL; n = n->next)
        p.finding = p.finding || n->nscans > 1;
    if (p.finding)
        TQP_TRY(prune(&p, in, all, &pruned));
    p.finding = false;
    TQP_TRY(prune(&p, in, all, &pruned));
    *out = pruned.node;
    return TQP_OK;
}
