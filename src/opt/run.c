/* The driver: runs the passes of passes.def in their order. */
#include <string.h>

#include "opt/pass.h"

typedef struct Pass {
    const char *name;
    TqpStatus (*run)(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out);
} Pass;

static const Pass passes[] = {
#define TQP_PASS(name, fn, note) {name, tqp_opt_##fn},
#include "opt/passes.def"
#undef TQP_PASS
};

/* Is name in the comma-separated list? */
static bool listed(const char *list, const char *name) {
    size_t len = strlen(name);
    for (const char *s = list; s != NULL && *s != 0;) {
        s += strspn(s, ", ");
        size_t word = strcspn(s, ", ");
        if (word == len && memcmp(s, name, len) == 0)
            return true;
        s += word;
    }
    return false;
}

/* At first every scan reads the columns that it lists. */
static TqpStatus init_scan_columns(TqpOptContext *ctx, const TqpNode *node) {
    for (uint32_t i = 0; i < node->ninputs; i++)
        TQP_TRY(init_scan_columns(ctx, node->inputs[i]));
    if (node->kind != TQP_NODE_SCAN)
        return TQP_OK;
    if (node->scan.relation >= ctx->nrelations)
        return tqp_error_set(ctx->err, TQP_INVALID, "scan of relation %u of %u",
                             node->scan.relation, ctx->nrelations);
    const TqpScanColumns *before = &ctx->scan_columns[node->scan.relation];
    if (before->columns != NULL && before->ncolumns != node->noutputs)
        return tqp_error_set(ctx->err, TQP_INVALID, "scans of relation %u list other columns",
                             node->scan.relation);
    uint32_t *columns = tqp_arena_alloc(ctx->arena, node->noutputs * sizeof(*columns) + 1);
    if (columns == NULL)
        return tqp_opt_no_memory(ctx);
    for (uint32_t i = 0; i < node->noutputs; i++)
        columns[i] = i;
    ctx->scan_columns[node->scan.relation] = (TqpScanColumns){node->noutputs, columns};
    return TQP_OK;
}

static TqpStatus reset_scan_columns(TqpOptContext *ctx, const TqpNode *in) {
    if (ctx->scan_columns == NULL)
        return TQP_OK;
    for (uint32_t r = 0; r < ctx->nrelations; r++)
        ctx->scan_columns[r] = (TqpScanColumns){0};
    return init_scan_columns(ctx, in);
}

/* A rewrite that adds nodes may pass the bound of recursions: it is not made then. */
static bool is_too_deep(const TqpNode *node, uint32_t depth) {
    if (depth == 0)
        return true;
    for (uint32_t i = 0; i < node->ninputs; i++)
        if (is_too_deep(node->inputs[i], depth - 1))
            return true;
    return false;
}

TqpStatus tqp_opt_run(TqpArena *a, const TqpNode *in, const TqpOptOptions *options,
                      const TqpNode **out, TqpError *err) {
    struct TqpOptEstimated *estimated = NULL;
    TqpOptContext ctx = {.arena = a,
                         .estimated = &estimated,
                         .nrelations = options->nrelations,
                         .scan_columns = options->scan_columns,
                         .stats = options->stats,
                         .err = err};
    *out = NULL;
    TQP_TRY(tqp_ir_check(in, err)); /* bounds the recursions below */
    TQP_TRY(reset_scan_columns(&ctx, in));
    const TqpNode *node = in;
    for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
        const TqpNode *next = NULL;
        if (listed(options->disabled, passes[i].name))
            continue;
        TQP_TRY(passes[i].run(&ctx, node, &next));
        if (tqp_ir_node_equal(next, node))
            continue;
        if (is_too_deep(next, TQP_IR_MAX_DEPTH)) {
            TQP_TRY(reset_scan_columns(&ctx, in));
            continue;
        }
        node = next;
        if (options->trace != NULL)
            options->trace(passes[i].name, node, options->trace_arg);
    }
    if (tqp_opt_has_dependent(node))
        return tqp_error_set(err, TQP_UNSUPPORTED, "decorrelation is disabled");
    TQP_TRY(tqp_ir_check(node, err)); /* a wrong rewrite is refused, not run */
    *out = node;
    return TQP_OK;
}
