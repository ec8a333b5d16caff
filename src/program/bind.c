/*
 * Nodes to pipelines.  A pipeline stays open while filters and projections pile up on its source;
 * expressions are substituted down to the source's columns.  An aggregate closes it, and so does a
 * limit that has something above it; the result becomes the source of the next one.
 */
#include "program/bind.h"

typedef struct SortExpr {
    const TqpExpr *expr; /* over the source's columns */
    bool descending, nulls_first;
} SortExpr;

/* What the open pipeline outputs so far. */
typedef struct Open {
    uint32_t noutputs;
    const TqpExpr **env; /* outputs over the source's columns */
    uint32_t nsort;
    SortExpr *sort;
    bool limited;
    int64_t limit, offset;
    bool raised; /* a filter below may raise */
} Open;

static void identity(TqpBinder *b, Open *o, uint32_t n, const TqpType *types) {
    *o = (Open){.noutputs = n, .limit = -1};
    o->env = tqp_bind_zalloc(b, n * sizeof(*o->env));
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        o->env[i] = tqp_ir_col(b->a, i, types[i]);
        if (o->env[i] == NULL)
            tqp_bind_fail(b, TQP_NO_MEMORY, "no memory for the program");
    }
}

static const TqpExpr *substitute(TqpBinder *b, const Open *o, const TqpExpr *e) {
    const TqpExpr *r = tqp_ir_expr_substitute(b->a, e, o->env);
    if (r == NULL)
        tqp_bind_fail(b, TQP_NO_MEMORY, "no memory for the program");
    return r != NULL ? r : e;
}

/*
 * A sort column of a dictionary is collected as ranks.  Where no order of its codes is known it
 * gives way to strings, which the executor orders by bytes or by the host's comparator.
 */
static void sortable(TqpBinder *b, TqpBound *v) {
    if (!tqp_bind_is_dict(v))
        return;
    if (tqp_bind_dict_ranked(b, v)) {
        v->s.reg = tqp_bind_rank_reg(b, v, &v->s.lane);
        v->s.by_rank = true;
    } else {
        v->s.reg = tqp_bind_view_reg(b, v);
        v->s.lane = TQP_LANE_VIEW;
        v->s.dict = NULL;
    }
}

static TqpBindColumn collected(TqpBinder *b, const TqpExpr *e, bool sorted, TqpSlot *slot) {
    TqpBound v = tqp_bind_expr(b, e);
    bool all_null = tqp_bind_is_null(&v);
    if (sorted && b->status == TQP_OK)
        sortable(b, &v);
    *slot = tqp_bind_to_reg(b, v).s;
    TqpBindColumn col = {.s = *slot, .dict_collation = v.dict_collation, .all_null = all_null};
    col.nullable = slot->valid != TQP_NO_REG;
    col.s.reg = col.s.valid = TQP_NO_REG;
    col.s.by_rank = false; /* the finished column holds codes again */
    return col;
}

/* Outputs, then the sort keys that are not among them; *keys says which column each key is. */
static uint32_t sink_exprs(const Open *o, const TqpExpr **exprs, TqpSortSpec *keys, bool *sorted) {
    uint32_t n = o->noutputs;
    for (uint32_t i = 0; i < n; i++)
        exprs[i] = o->env[i];
    for (uint32_t k = 0; k < o->nsort; k++) {
        uint32_t c = 0;
        while (c < n && exprs[c] != o->sort[k].expr &&
               !tqp_ir_expr_equal(exprs[c], o->sort[k].expr))
            c++;
        if (c == n)
            exprs[n++] = o->sort[k].expr;
        sorted[c] = true;
        keys[k] = (TqpSortSpec){c, o->sort[k].descending, o->sort[k].nulls_first};
    }
    return n;
}

/*
 * ORDER BY .. LIMIT: whatever is computed comes first, since it may raise for any row; then rows
 * that come too late by the first key are dropped, and columns are read for the others only.
 */
static void collect_columns(TqpBinder *b, const Open *o, const TqpExpr *const *exprs,
                            const bool *sorted, const TqpSink *sink, TqpBindColumn *columns) {
    TqpSlot *slots = (TqpSlot *)(uintptr_t)sink->columns;
    bool bounded = o->nsort > 0 && o->limit >= 0;
    uint32_t first = bounded ? sink->sort[0].column : 0;
    for (int late = 0; late < 2; late++) {
        for (uint32_t i = 0; i < sink->ncolumns && b->status == TQP_OK; i++) {
            bool is_late = bounded && i != first && exprs[i]->op == TQP_OP_COL;
            if (is_late == (late == 1))
                columns[i] = collected(b, exprs[i], sorted[i], &slots[i]);
        }
        if (late == 0 && bounded && b->status == TQP_OK)
            tqp_bind_bound_step(b, &slots[first], sink->sort[0].descending,
                                sink->sort[0].nulls_first);
    }
}

static void close_collect(TqpBinder *b, Open *o, const TqpType *types, bool reopen) {
    uint32_t room = o->noutputs + o->nsort;
    const TqpExpr **exprs = tqp_bind_zalloc(b, room * sizeof(*exprs));
    TqpSortSpec *keys = tqp_bind_zalloc(b, o->nsort * sizeof(*keys));
    bool *sorted = tqp_bind_zalloc(b, room * sizeof(*sorted));
    TqpSlot *slots = tqp_bind_zalloc(b, room * sizeof(*slots));
    TqpBindColumn *columns = tqp_bind_zalloc(b, room * sizeof(*columns));
    if (b->status != TQP_OK)
        return;
    TqpSink sink = {.kind = TQP_SINK_COLLECT,
                    .columns = slots,
                    .noutputs = o->noutputs,
                    .nsort = o->nsort,
                    .sort = keys,
                    .limit = o->limit,
                    .offset = o->offset,
                    .group = TQP_NO_REG};
    sink.ncolumns = sink_exprs(o, exprs, keys, sorted);
    collect_columns(b, o, exprs, sorted, &sink, columns);
    uint64_t rows = b->source.max_rows;
    if (o->limit >= 0 && (uint64_t)o->limit < rows)
        rows = (uint64_t)o->limit;
    tqp_bind_finish(b, &sink);
    if (b->status != TQP_OK || !reopen)
        return;
    tqp_bind_open_result(b, b->npipelines - 1, rows, o->noutputs, columns);
    identity(b, o, o->noutputs, types);
}

static bool limit_value(TqpBinder *b, const TqpExpr *e, int64_t absent, int64_t *out) {
    TqpValue v;
    *out = absent;
    if (e == NULL)
        return true;
    if (!tqp_bind_value_of(b, e, &v)) {
        tqp_bind_fail(b, TQP_UNSUPPORTED, "limit that is not constant");
        return false;
    }
    if (v.is_null)
        return true;
    if (v.i < 0 || v.i > INT64_MAX) {
        tqp_bind_fail(b, TQP_UNSUPPORTED, "negative limit");
        return false;
    }
    *out = (int64_t)v.i;
    return true;
}

static void apply_project(TqpBinder *b, const TqpNode *node, Open *o) {
    bool may_raise = false;
    for (uint32_t i = 0; i < node->noutputs; i++)
        may_raise |= tqp_ir_expr_may_raise(node->project.exprs[i]);
    if (o->limited && may_raise) /* only the rows within the limit may raise */
        close_collect(b, o, node->inputs[0]->types, true);
    const TqpExpr **env = tqp_bind_zalloc(b, node->noutputs * sizeof(*env));
    for (uint32_t i = 0; i < node->noutputs && b->status == TQP_OK; i++)
        env[i] = substitute(b, o, node->project.exprs[i]);
    o->env = env;
    o->noutputs = node->noutputs;
}

static void apply_sort(TqpBinder *b, const TqpNode *node, Open *o) {
    if (o->limited)
        close_collect(b, o, node->inputs[0]->types, true);
    o->nsort = node->sort.nkeys;
    o->sort = tqp_bind_zalloc(b, o->nsort * sizeof(*o->sort));
    for (uint32_t i = 0; i < o->nsort && b->status == TQP_OK; i++) {
        const TqpSortKey *key = &node->sort.keys[i];
        o->sort[i] = (SortExpr){substitute(b, o, key->expr), key->descending, key->nulls_first};
    }
}

static void apply_limit(TqpBinder *b, const TqpNode *node, Open *o) {
    if (o->limited)
        close_collect(b, o, node->inputs[0]->types, true);
    o->limited = true;
    if (limit_value(b, node->limit.count, -1, &o->limit))
        limit_value(b, node->limit.offset, 0, &o->offset);
}

static void lower(TqpBinder *b, const TqpNode *node, Open *o) {
    if (node->kind == TQP_NODE_SCAN) {
        tqp_bind_open_relation(b, node);
        identity(b, o, node->noutputs, node->types);
        return;
    }
    lower(b, node->inputs[0], o);
    if (b->status != TQP_OK)
        return;
    switch (node->kind) {
    case TQP_NODE_FILTER:
        if (o->limited)
            close_collect(b, o, node->inputs[0]->types, true);
        if (b->status == TQP_OK) {
            const TqpExpr *pred = substitute(b, o, node->filter.pred);
            tqp_bind_filter(b, pred, b->source.kind == TQP_SOURCE_RELATION && !o->raised);
            o->raised |= tqp_ir_expr_may_raise(pred);
        }
        break;
    case TQP_NODE_PROJECT:
        apply_project(b, node, o);
        break;
    case TQP_NODE_AGGREGATE:
        if (o->limited)
            close_collect(b, o, node->inputs[0]->types, true);
        if (b->status == TQP_OK)
            tqp_bind_aggregate(b, node, o->env);
        identity(b, o, node->noutputs, node->types);
        break;
    case TQP_NODE_SORT:
        apply_sort(b, node, o);
        break;
    case TQP_NODE_LIMIT:
        apply_limit(b, node, o);
        break;
    default:
        tqp_bind_fail(b, TQP_INVALID, "unknown node %d", (int)node->kind);
    }
}

TqpStatus tqp_program_bind(TqpArena *a, const TqpNode *node, const TqpRelation *const *rels,
                           uint32_t nrels, const TqpValue *params, uint32_t nparams,
                           const TqpBindOptions *options, const TqpProgram **program,
                           TqpError *err) {
    TqpBinder b = {.a = a,
                   .rels = rels,
                   .nrels = nrels,
                   .params = params,
                   .nparams = nparams,
                   .guard = TQP_NO_REG,
                   .err = err};
    Open o;
    *program = NULL;
    if (options != NULL)
        b.options = *options;
    lower(&b, node, &o);
    if (b.status == TQP_OK)
        close_collect(&b, &o, node->types, false);
    TqpProgram *p = tqp_bind_zalloc(&b, sizeof(*p));
    if (b.status != TQP_OK)
        return b.status;
    p->npipelines = b.npipelines;
    p->pipelines = b.pipelines;
    *program = p;
    return TQP_OK;
}
