/* Rebuilding nodes and lists of operands. */
#include <string.h>

#include "opt/pass.h"

TqpStatus tqp_opt_no_memory(TqpOptContext *ctx) {
    return tqp_error_set(ctx->err, ctx->arena->failed, "%s while optimising",
                         tqp_status_name(ctx->arena->failed));
}

const TqpNode *tqp_opt_with_input(TqpArena *a, const TqpNode *node, const TqpNode *input) {
    if (input == NULL || input == node->inputs[0])
        return input == NULL ? NULL : node;
    if (node->kind == TQP_NODE_NUMBER)
        return tqp_ir_number(a, input, node->sort.npartition, node->sort.nkeys, node->sort.keys);
    TqpNode *copy = tqp_arena_alloc(a, sizeof(*copy));
    if (copy == NULL)
        return NULL;
    *copy = *node;
    copy->inputs[0] = input;
    if (node->kind != TQP_NODE_PROJECT && node->kind != TQP_NODE_AGGREGATE) {
        copy->noutputs = input->noutputs;
        copy->types = input->types;
    }
    return copy;
}

const TqpNode *tqp_opt_with_inputs(TqpArena *a, const TqpNode *node, const TqpNode *const *inputs) {
    if (node->ninputs == 0)
        return node;
    if (node->ninputs == 1)
        return tqp_opt_with_input(a, node, inputs[0]);
    if (inputs[0] == node->inputs[0] && inputs[1] == node->inputs[1])
        return node;
    if (node->kind == TQP_NODE_APPEND)
        return tqp_ir_append(a, inputs[0], inputs[1]);
    if (node->kind == TQP_NODE_WITH)
        return tqp_ir_with(a, node->shared.number, inputs[0], inputs[1]);
    return tqp_ir_join(a, node->join.kind, node->join.dependent, inputs[0], inputs[1],
                       node->join.pred);
}

const TqpNode *tqp_opt_map_graph(TqpArena *a, const TqpNode *node, TqpNodeMap fn, void *arg) {
    const TqpNode *inputs[2] = {NULL, NULL};
    for (uint32_t i = 0; i < node->ninputs; i++)
        if ((inputs[i] = tqp_opt_map_graph(a, node->inputs[i], fn, arg)) == NULL)
            return NULL;
    const TqpNode *n = tqp_opt_with_inputs(a, node, inputs);
    return n == NULL ? NULL : fn(a, n, arg);
}

static const TqpNode *map_project(TqpArena *a, const TqpNode *n, TqpExprMap fn, void *arg) {
    TqpExprList list = {0};
    for (uint32_t i = 0; i < n->noutputs; i++)
        if (!tqp_opt_list_add(a, &list, fn(a, n->project.exprs[i], arg)))
            return NULL;
    return tqp_ir_project(a, n->inputs[0], list.n, list.items);
}

static const TqpNode *map_aggregate(TqpArena *a, const TqpNode *n, TqpExprMap fn, void *arg) {
    TqpExprList keys = {0};
    uint32_t naggs = n->aggregate.naggs;
    for (uint32_t i = 0; i < n->aggregate.nkeys; i++)
        if (!tqp_opt_list_add(a, &keys, fn(a, n->aggregate.keys[i], arg)))
            return NULL;
    TqpAgg *aggs = tqp_arena_alloc(a, naggs * sizeof(*aggs) + 1);
    if (aggs == NULL)
        return NULL;
    for (uint32_t i = 0; i < naggs; i++) {
        aggs[i] = n->aggregate.aggs[i];
        if (aggs[i].arg != NULL && (aggs[i].arg = fn(a, aggs[i].arg, arg)) == NULL)
            return NULL;
        if (aggs[i].filter != NULL && (aggs[i].filter = fn(a, aggs[i].filter, arg)) == NULL)
            return NULL;
    }
    return tqp_ir_aggregate(a, n->inputs[0], keys.n, keys.items, naggs, aggs);
}

static const TqpNode *map_sort(TqpArena *a, const TqpNode *n, TqpExprMap fn, void *arg) {
    TqpSortKey *keys = tqp_arena_alloc(a, n->sort.nkeys * sizeof(*keys) + 1);
    if (keys == NULL)
        return NULL;
    for (uint32_t i = 0; i < n->sort.nkeys; i++) {
        keys[i] = n->sort.keys[i];
        if ((keys[i].expr = fn(a, keys[i].expr, arg)) == NULL)
            return NULL;
    }
    if (n->kind == TQP_NODE_NUMBER)
        return tqp_ir_number(a, n->inputs[0], n->sort.npartition, n->sort.nkeys, keys);
    return tqp_ir_sort(a, n->inputs[0], n->sort.nkeys, keys);
}

const TqpNode *tqp_opt_map_node(TqpArena *a, const TqpNode *node, TqpExprMap fn, void *arg) {
    switch (node->kind) {
    case TQP_NODE_JOIN:
        return tqp_ir_join(a, node->join.kind, node->join.dependent, node->inputs[0],
                           node->inputs[1], fn(a, node->join.pred, arg));
    case TQP_NODE_FILTER:
        return tqp_ir_filter(a, node->inputs[0], fn(a, node->filter.pred, arg));
    case TQP_NODE_PROJECT:
        return map_project(a, node, fn, arg);
    case TQP_NODE_AGGREGATE:
        return map_aggregate(a, node, fn, arg);
    case TQP_NODE_SORT:
    case TQP_NODE_NUMBER:
        return map_sort(a, node, fn, arg);
    default: /* scans and appends have no expression, values and limits only literals */
        return node;
    }
}

bool tqp_opt_list_add(TqpArena *a, TqpExprList *list, const TqpExpr *e) {
    if (e == NULL)
        return false;
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? 2 * list->cap : 4;
        const TqpExpr **items = tqp_arena_alloc(a, cap * sizeof(*items));
        if (items == NULL)
            return false;
        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof(*items));
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = e;
    return true;
}

bool tqp_opt_flatten(TqpArena *a, TqpOp op, const TqpExpr *e, TqpExprList *list) {
    if (e->op != op)
        return tqp_opt_list_add(a, list, e);
    for (uint32_t i = 0; i < e->nargs; i++)
        if (!tqp_opt_flatten(a, op, e->args[i], list))
            return false;
    return true;
}

const TqpExpr *tqp_opt_join(TqpArena *a, TqpOp op, const TqpExprList *list) {
    if (list->n == 0)
        return tqp_ir_const_bool(a, op == TQP_OP_AND);
    if (list->n == 1)
        return list->items[0];
    return tqp_ir_call(a, op, (TqpType){.kind = TQP_TYPE_BOOL}, list->n, list->items);
}

const TqpExpr *tqp_opt_decided(TqpArena *a, TqpOp op, TqpExprList *before, const TqpExpr *x) {
    while (before->n > 0 && !tqp_ir_expr_may_raise(before->items[before->n - 1]))
        before->n--;
    return tqp_opt_list_add(a, before, x) ? tqp_opt_join(a, op, before) : NULL;
}
