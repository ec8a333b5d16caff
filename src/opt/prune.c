/*
 * column_pruning: from the root down, each node is told which of its outputs are read and answers
 * with a node that has those (a filter, sort or limit may keep more) and the new position of each.
 * Group keys stay, since they make the groups.  A projection that changes nothing goes.
 */
#include <string.h>

#include "base/bitmap.h"
#include "opt/pass.h"

enum { GONE = UINT32_MAX };

typedef struct Pruned {
    const TqpNode *node;
    const uint32_t *map; /* old output -> new output, or GONE */
} Pruned;

static TqpStatus prune(TqpOptContext *ctx, const TqpNode *node, const uint64_t *needed,
                       Pruned *out);

static uint64_t *new_bitmap(TqpArena *a, uint32_t n) {
    return tqp_arena_zalloc(a, (tqp_bitmap_words(n) + 1) * sizeof(uint64_t));
}

static uint32_t *new_map(TqpArena *a, uint32_t n) {
    return tqp_arena_alloc(a, n * sizeof(uint32_t) + 1);
}

static uint64_t *copy_bitmap(TqpArena *a, const uint64_t *bits, uint32_t n) {
    uint64_t *copy = new_bitmap(a, n);
    if (copy != NULL && n > 0)
        memcpy(copy, bits, tqp_bitmap_words(n) * sizeof(*copy));
    return copy;
}

static const TqpExpr *renumber(TqpArena *a, const TqpExpr *e, void *arg) {
    const uint32_t *map = arg;
    if (e->op != TQP_OP_COL || map[e->index] == e->index)
        return e;
    return tqp_ir_col(a, map[e->index], e->type);
}

static const TqpExpr *renumber_root(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_ir_expr_map(a, e, renumber, arg);
}

/* The positions of the bits in `kept`, packed. */
static TqpStatus pack(TqpOptContext *ctx, const uint64_t *kept, uint32_t n, Pruned *out,
                      uint32_t *nkept) {
    uint32_t *map = new_map(ctx->arena, n);
    *nkept = 0;
    if (map == NULL)
        return tqp_opt_no_memory(ctx);
    for (uint32_t i = 0; i < n; i++)
        map[i] = tqp_bitmap_get(kept, i) ? (*nkept)++ : GONE;
    out->map = map;
    return TQP_OK;
}

/* Tell the host which of the columns it listed are left. */
static TqpStatus narrow_scan_columns(TqpOptContext *ctx, uint32_t relation, const uint32_t *map,
                                     uint32_t nkept) {
    if (ctx->scan_columns == NULL)
        return TQP_OK;
    TqpScanColumns *old = &ctx->scan_columns[relation];
    uint32_t *columns = new_map(ctx->arena, nkept);
    if (columns == NULL)
        return tqp_opt_no_memory(ctx);
    for (uint32_t i = 0; i < old->ncolumns; i++)
        if (map[i] != GONE)
            columns[map[i]] = old->columns[i];
    *old = (TqpScanColumns){nkept, columns};
    return TQP_OK;
}

static TqpStatus prune_scan(TqpOptContext *ctx, const TqpNode *node, const uint64_t *needed,
                            Pruned *out) {
    uint32_t nkept;
    TQP_TRY(pack(ctx, needed, node->noutputs, out, &nkept));
    out->node = node;
    if (nkept == node->noutputs)
        return TQP_OK;
    const char **names = tqp_arena_alloc(ctx->arena, nkept * sizeof(*names) + 1);
    TqpType *types = tqp_arena_alloc(ctx->arena, nkept * sizeof(*types) + 1);
    if (names == NULL || types == NULL)
        return tqp_opt_no_memory(ctx);
    for (uint32_t i = 0; i < node->noutputs; i++) {
        if (out->map[i] == GONE)
            continue;
        names[out->map[i]] = node->scan.columns[i];
        types[out->map[i]] = node->types[i];
    }
    TQP_TRY(narrow_scan_columns(ctx, node->scan.relation, out->map, nkept));
    out->node = tqp_ir_scan(ctx->arena, node->scan.relation, node->scan.name, nkept, names, types);
    return out->node == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}

/* The outputs are the input's: FILTER, SORT, LIMIT. */
static TqpStatus prune_pass(TqpOptContext *ctx, const TqpNode *node, const uint64_t *needed,
                            Pruned *out) {
    uint64_t *wanted = copy_bitmap(ctx->arena, needed, node->noutputs);
    if (wanted == NULL)
        return tqp_opt_no_memory(ctx);
    if (node->kind == TQP_NODE_FILTER)
        tqp_ir_expr_columns(node->filter.pred, wanted);
    for (uint32_t i = 0; node->kind == TQP_NODE_SORT && i < node->sort.nkeys; i++)
        tqp_ir_expr_columns(node->sort.keys[i].expr, wanted);
    TQP_TRY(prune(ctx, node->inputs[0], wanted, out));
    const TqpNode *n = tqp_opt_with_input(ctx->arena, node, out->node);
    if (n != NULL)
        n = tqp_opt_map_node(ctx->arena, n, renumber_root, (void *)out->map);
    out->node = n;
    return n == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}

static bool changes_nothing(const TqpNode *input, uint32_t n, const TqpExpr *const *exprs) {
    if (input->noutputs != n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (exprs[i]->op != TQP_OP_COL || exprs[i]->index != i)
            return false;
    return true;
}

static TqpStatus prune_project(TqpOptContext *ctx, const TqpNode *node, const uint64_t *needed,
                               Pruned *out) {
    TqpArena *a = ctx->arena;
    uint64_t *wanted = new_bitmap(a, node->inputs[0]->noutputs);
    uint32_t nkept;
    Pruned input;
    if (wanted == NULL)
        return tqp_opt_no_memory(ctx);
    TQP_TRY(pack(ctx, needed, node->noutputs, out, &nkept));
    for (uint32_t i = 0; i < node->noutputs; i++)
        if (out->map[i] != GONE)
            tqp_ir_expr_columns(node->project.exprs[i], wanted);
    TQP_TRY(prune(ctx, node->inputs[0], wanted, &input));
    TqpExprList exprs = {0};
    for (uint32_t i = 0; i < node->noutputs; i++) {
        if (out->map[i] == GONE)
            continue;
        if (!tqp_opt_list_add(a, &exprs,
                              renumber_root(a, node->project.exprs[i], (void *)input.map)))
            return tqp_opt_no_memory(ctx);
    }
    out->node = changes_nothing(input.node, exprs.n, exprs.items)
                    ? input.node
                    : tqp_ir_project(a, input.node, exprs.n, exprs.items);
    return out->node == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
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

static TqpStatus prune_aggregate(TqpOptContext *ctx, const TqpNode *node, const uint64_t *needed,
                                 Pruned *out) {
    TqpArena *a = ctx->arena;
    uint32_t nkeys = node->aggregate.nkeys, naggs = 0, nkept;
    uint64_t *kept = copy_bitmap(a, needed, node->noutputs);
    uint64_t *wanted = new_bitmap(a, node->inputs[0]->noutputs);
    TqpAgg *aggs = tqp_arena_alloc(a, node->aggregate.naggs * sizeof(*aggs) + 1);
    Pruned input;
    if (kept == NULL || wanted == NULL || aggs == NULL)
        return tqp_opt_no_memory(ctx);
    for (uint32_t i = 0; i < nkeys; i++)
        tqp_bitmap_set(kept, i);
    if (tqp_bitmap_count(kept, node->noutputs) == 0 && node->noutputs > 0)
        tqp_bitmap_set(kept, 0); /* a row needs a column */
    TQP_TRY(pack(ctx, kept, node->noutputs, out, &nkept));
    aggregate_inputs(node, kept, wanted);
    TQP_TRY(prune(ctx, node->inputs[0], wanted, &input));
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
    return n == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}

/* Values are short and inputs of an append keep their positions: all stays, renumbered by nothing.
 */
static TqpStatus keep_all(TqpOptContext *ctx, const TqpNode *node, Pruned *out) {
    uint32_t *map = new_map(ctx->arena, node->noutputs);
    if (map == NULL)
        return tqp_opt_no_memory(ctx);
    for (uint32_t i = 0; i < node->noutputs; i++)
        map[i] = i;
    *out = (Pruned){node, map};
    return TQP_OK;
}

static TqpStatus prune(TqpOptContext *ctx, const TqpNode *node, const uint64_t *needed,
                       Pruned *out) {
    switch (node->kind) {
    case TQP_NODE_VALUES:
    case TQP_NODE_JOIN:
    case TQP_NODE_APPEND:
        return keep_all(ctx, node, out);
    case TQP_NODE_SCAN:
        return prune_scan(ctx, node, needed, out);
    case TQP_NODE_PROJECT:
        return prune_project(ctx, node, needed, out);
    case TQP_NODE_AGGREGATE:
        return prune_aggregate(ctx, node, needed, out);
    default:
        return prune_pass(ctx, node, needed, out);
    }
}

TqpStatus tqp_opt_prune(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    uint64_t *all = new_bitmap(ctx->arena, in->noutputs);
    Pruned pruned;
    if (all == NULL)
        return tqp_opt_no_memory(ctx);
    tqp_bitmap_fill(all, in->noutputs);
    TQP_TRY(prune(ctx, in, all, &pruned));
    *out = pruned.node;
    return TQP_OK;
}
