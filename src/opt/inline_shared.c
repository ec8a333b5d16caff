/*
 * shared_inlining: a definition that nobody reads goes; one that is read once takes its reader's
 * place, and so does one whose readers are thought to cost less apart: a filter of one reader can
 * then go down into its own copy, and nothing is kept.
 */
#include "opt/join_order.h"
#include "opt/push.h"

/* Of a row, in rows of a scan. */
static const double cost_filter = 0.5, cost_probe = 0.7, cost_build = 2.5, cost_group = 4,
                    cost_sort = 8, cost_keep = 2, cost_keep_column = 0.5, cost_read = 0.5;
/* Copies must not explode. */
enum { NODES_MAX = 2000 };

static uint32_t count_nodes(const TqpNode *n) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < n->ninputs && count < NODES_MAX; i++)
        count += count_nodes(n->inputs[i]);
    return count;
}

static uint32_t count_readers(const TqpNode *n, uint32_t number) {
    uint32_t count = n->kind == TQP_NODE_SHARED && n->shared.number == number;
    for (uint32_t i = 0; i < n->ninputs; i++)
        count += count_readers(n->inputs[i], number);
    return count;
}

static double own_work(const TqpNode *n, const double *in, double rows) {
    switch (n->kind) {
    case TQP_NODE_SCAN:
    case TQP_NODE_APPEND:
        return rows;
    case TQP_NODE_FILTER:
        return cost_filter * in[0];
    case TQP_NODE_JOIN:
        return cost_probe * in[0] + cost_build * in[1] + rows;
    case TQP_NODE_AGGREGATE:
        return cost_group * in[0];
    case TQP_NODE_SORT:
    case TQP_NODE_NUMBER:
        return cost_sort * in[0];
    case TQP_NODE_WITH:
        return (cost_keep + cost_keep_column * n->inputs[0]->noutputs) * in[0];
    case TQP_NODE_SHARED:
        return cost_read * rows;
    default:
        return 0;
    }
}

static bool add_work(const TqpOptContext *ctx, const TqpNode *n, double *work, double *rows) {
    double in[2] = {0};
    TqpEstimate e;
    for (uint32_t i = 0; i < n->ninputs; i++)
        if (!add_work(ctx, n->inputs[i], work, &in[i]))
            return false;
    if (!tqp_opt_estimate(ctx, n, &e))
        return false;
    *rows = e.rows;
    *work += own_work(n, in, e.rows);
    return true;
}

/* Of the plan with its filters where they will be. */
static bool estimate_work(const TqpOptContext *ctx, const TqpNode *node, double *work) {
    static const TqpExprList none = {0};
    double rows;
    *work = 0;
    node = tqp_opt_push(ctx->arena, node, &none);
    return node != NULL && add_work(ctx, node, work, &rows);
}

static const TqpNode *replace(TqpArena *a, const TqpNode *node, void *arg) {
    const TqpNode *with = arg;
    (void)a;
    return node->kind == TQP_NODE_SHARED && node->shared.number == with->shared.number
               ? with->inputs[0]
               : node;
}

/* The body with copies of the definition; the WITH itself where that is no gain. */
static const TqpNode *better(const TqpOptContext *ctx, const TqpNode *with) {
    uint32_t readers = count_readers(with->inputs[1], with->shared.number);
    double apart, together;
    if (readers == 0)
        return with->inputs[1];
    if (readers > 1 &&
        readers * count_nodes(with->inputs[0]) + count_nodes(with->inputs[1]) > NODES_MAX)
        return with;
    const TqpNode *body =
        tqp_opt_map_graph(ctx->arena, with->inputs[1], replace, (void *)(uintptr_t)with);
    if (body == NULL || readers == 1)
        return body;
    if (!estimate_work(ctx, body, &apart) || !estimate_work(ctx, with, &together))
        return NULL;
    return apart <= together ? body : with;
}

static const TqpNode *choose(const TqpOptContext *ctx, const TqpNode *node) {
    while (node != NULL && node->kind == TQP_NODE_WITH) {
        const TqpNode *next = better(ctx, node);
        if (next != node) {
            node = next;
            continue;
        }
        const TqpNode *inputs[2] = {node->inputs[0], choose(ctx, node->inputs[1])};
        return inputs[1] == NULL ? NULL : tqp_opt_with_inputs(ctx->arena, node, inputs);
    }
    return node;
}

TqpStatus tqp_opt_inline_shared(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    *out = choose(ctx, in);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
