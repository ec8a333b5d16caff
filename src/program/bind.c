/*
 * Nodes to pipelines.  A pipeline stays open while filters and projections pile up on its source;
 * expressions are substituted down to the source's columns.  An aggregate closes it, and so does a
 * limit that has something above it; the result becomes the source of the next one.
 */
#include <string.h>

#include "base/bitmap.h"
#include "program/bind_node.h"

void tqp_bind_identity(TqpBinder *b, TqpBindOpen *o, uint32_t n, const TqpType *types) {
    *o = (TqpBindOpen){.noutputs = n, .types = types, .limit = -1};
    o->env = tqp_bind_zalloc(b, n * sizeof(*o->env));
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        o->env[i] = tqp_ir_col(b->a, i, types[i]);
        if (o->env[i] == NULL)
            tqp_bind_no_memory(b);
    }
}

const TqpExpr *tqp_bind_substitute(TqpBinder *b, const TqpExpr *e, const TqpExpr *const *env) {
    const TqpExpr *r = tqp_ir_expr_substitute(b->a, e, env);
    if (r == NULL)
        tqp_bind_no_memory(b);
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

/* NULL in every row: as codes of that dictionary. */
static TqpBound null_codes(TqpBinder *b, TqpType type, const TqpSlot *like) {
    uint16_t reg = tqp_bind_fill_int(b, like->lane, 0);
    TqpBound v = tqp_bind_slot(type, like->lane, reg, tqp_bind_mask_fill(b, false));
    v.s.dict = like->dict;
    return v;
}

static TqpBindColumn collected(TqpBinder *b, const TqpExpr *e, bool sorted,
                               const TqpBindColumn *like, TqpSlot *slot) {
    TqpBound v = tqp_bind_expr(b, e);
    bool all_null = tqp_bind_is_null(&v);
    if (all_null && like != NULL && like->s.dict != NULL && !sorted)
        v = null_codes(b, e->type, &like->s);
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
static uint32_t sink_exprs(const TqpBindOpen *o, const TqpExpr **exprs, TqpSortSpec *keys,
                           bool *sorted) {
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
static void collect_columns(TqpBinder *b, const TqpBindOpen *o, const TqpExpr *const *exprs,
                            const bool *sorted, const TqpBindColumn *like, const TqpSink *sink,
                            TqpBindColumn *columns) {
    TqpSlot *slots = (TqpSlot *)(uintptr_t)sink->columns;
    bool bounded = o->nsort > 0 && o->limit >= 0;
    uint32_t first = bounded ? sink->sort[0].column : 0;
    for (int late = 0; late < 2; late++) {
        for (uint32_t i = 0; i < sink->ncolumns && b->status == TQP_OK; i++) {
            bool is_late = bounded && i != first && exprs[i]->op == TQP_OP_COL;
            if (is_late == (late == 1))
                columns[i] =
                    collected(b, exprs[i], sorted[i],
                              like != NULL && i < o->noutputs ? &like[i] : NULL, &slots[i]);
        }
        if (late == 0 && bounded && b->status == TQP_OK)
            tqp_bind_bound_step(b, &slots[first], sink->sort[0].descending,
                                sink->sort[0].nulls_first);
    }
}

void tqp_bind_collect(TqpBinder *b, const TqpBindOpen *o, const TqpBindColumn *like,
                      TqpBindRows *rows) {
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
                    .numbered = o->numbered,
                    .npartition = o->npartition,
                    .nhosts = o->nhosts,
                    .hosts = o->hosts,
                    .group = TQP_NO_REG};
    sink.ncolumns = sink_exprs(o, exprs, keys, sorted);
    collect_columns(b, o, exprs, sorted, like, &sink, columns);
    uint64_t nrows = b->source.max_rows;
    if (o->limit >= 0 && (uint64_t)o->limit < nrows)
        nrows = (uint64_t)o->limit;
    tqp_bind_finish(b, &sink);
    uint32_t *source = tqp_bind_zalloc(b, sizeof(*source));
    if (b->status != TQP_OK)
        return;
    *source = b->npipelines - 1;
    *rows = (TqpBindRows){1, source, nrows, o->noutputs, o->types, columns};
}

void tqp_bind_settle(TqpBinder *b, TqpBindOpen *o) {
    TqpBindRows rows;
    if (!o->limited || b->status != TQP_OK)
        return;
    tqp_bind_collect(b, o, NULL, &rows);
    if (b->status == TQP_OK)
        tqp_bind_read(b, &rows, o);
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

/* Is an output that may raise dropped?  A limit's outputs are computed all the same. */
static bool drops_raising(TqpBinder *b, const TqpNode *node, const TqpBindOpen *o) {
    uint64_t *used = tqp_bind_zalloc(b, (tqp_bitmap_words(o->noutputs) + 1) * sizeof(*used));
    bool drops = false;
    for (uint32_t i = 0; used != NULL && i < node->noutputs; i++)
        tqp_ir_expr_columns(node->project.exprs[i], used);
    for (uint32_t i = 0; used != NULL && i < o->noutputs; i++)
        drops |= !tqp_bitmap_get(used, i) && tqp_ir_expr_may_raise(o->env[i]);
    return drops;
}

static bool has_host(const TqpExpr *e) {
    for (uint32_t i = 0; i < e->nargs; i++)
        if (has_host(e->args[i]))
            return true;
    return e->op == TQP_OP_HOST;
}

static void apply_project(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    bool may_raise = o->limited && drops_raising(b, node, o);
    for (uint32_t i = 0; i < node->noutputs; i++)
        may_raise |= tqp_ir_expr_may_raise(node->project.exprs[i]);
    if (may_raise) /* only the rows within the limit may raise */
        tqp_bind_settle(b, o);
    const TqpExpr **env = tqp_bind_zalloc(b, node->noutputs * sizeof(*env));
    for (uint32_t i = 0; i < node->noutputs && b->status == TQP_OK; i++)
        env[i] = node->project.exprs[i];
    tqp_bind_host_rows(b, o, node->noutputs, env);
    for (uint32_t i = 0; i < node->noutputs && b->status == TQP_OK; i++)
        env[i] = tqp_bind_substitute(b, env[i], o->env);
    o->env = env;
    o->noutputs = node->noutputs;
}

static void apply_sort(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    uint32_t n = node->sort.nkeys;
    const TqpExpr **keys = tqp_bind_zalloc(b, n * sizeof(*keys));
    tqp_bind_settle(b, o);
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
        keys[i] = node->sort.keys[i].expr;
    tqp_bind_host_rows(b, o, n, keys);
    o->nsort = n;
    o->sort = tqp_bind_zalloc(b, n * sizeof(*o->sort));
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        const TqpSortKey *key = &node->sort.keys[i];
        o->sort[i] = (TqpBindSort){tqp_bind_substitute(b, keys[i], o->env), key->descending,
                                   key->nulls_first};
    }
}

static void number_columns(TqpBinder *b, TqpBindRows *rows) {
    TqpBindColumn *columns = tqp_bind_zalloc(b, (rows->ncolumns + 2) * sizeof(*columns));
    const TqpType type = {.kind = TQP_TYPE_I64};
    TqpInt128 max = rows->max_rows < UINT32_MAX ? rows->max_rows : UINT32_MAX;
    if (b->status != TQP_OK)
        return;
    if (rows->ncolumns > 0)
        memcpy(columns, rows->columns, rows->ncolumns * sizeof(*columns));
    for (int i = 0; i < 2; i++)
        columns[rows->ncolumns++].s =
            tqp_bind_int_slot(type, TQP_LANE_U32, 0, TQP_NO_REG, TQP_NO_REG, 1, max > 1 ? max : 1)
                .s;
    rows->columns = columns;
}

static void apply_number(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    TqpBindRows rows;
    apply_sort(b, node, o);
    if (b->status != TQP_OK)
        return;
    o->limit = -1;
    o->offset = 0;
    o->numbered = true;
    o->npartition = node->sort.npartition;
    tqp_bind_collect(b, o, NULL, &rows);
    rows.types = node->types;
    if (b->status == TQP_OK)
        number_columns(b, &rows);
    if (b->status == TQP_OK)
        tqp_bind_read(b, &rows, o);
}

static void apply_limit(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    tqp_bind_settle(b, o);
    o->limited = true;
    if (limit_value(b, node->limit.count, -1, &o->limit))
        limit_value(b, node->limit.offset, 0, &o->offset);
}

void tqp_bind_filter_by(TqpBinder *b, TqpBindOpen *o, const TqpExpr *pred) {
    tqp_bind_host_rows(b, o, 1, &pred);
    if (b->status != TQP_OK)
        return;
    pred = tqp_bind_substitute(b, pred, o->env);
    tqp_bind_filter(b, pred, b->source.kind == TQP_SOURCE_RELATION && !o->raised);
    o->raised |= tqp_ir_expr_may_raise(pred);
}

/* Conjuncts that ask the host come last, so that it is asked for fewer rows. */
static void apply_filter(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    tqp_bind_settle(b, o);
    if (b->status != TQP_OK)
        return;
    const TqpExpr *pred = node->filter.pred;
    if (pred->op != TQP_OP_AND || !has_host(pred)) {
        tqp_bind_filter_by(b, o, pred);
        return;
    }
    for (int host = 0; host < 2; host++)
        for (uint32_t i = 0; i < pred->nargs && b->status == TQP_OK; i++)
            if (has_host(pred->args[i]) == (host == 1))
                tqp_bind_filter_by(b, o, pred->args[i]);
}

/* The aggregate over the outputs and the columns that the host gave. */
static const TqpNode *without_hosts(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    uint32_t nkeys = node->aggregate.nkeys, naggs = node->aggregate.naggs, n = 0;
    const TqpExpr **exprs = tqp_bind_zalloc(b, (nkeys + 2 * naggs + 1) * sizeof(*exprs));
    TqpAgg *aggs = tqp_bind_zalloc(b, (naggs + 1) * sizeof(*aggs));
    TqpNode *copy = tqp_bind_zalloc(b, sizeof(*copy));
    if (b->status != TQP_OK)
        return node;
    bool any = false;
    const TqpExpr **args = exprs + nkeys;
    for (uint32_t i = 0; i < nkeys; i++)
        exprs[i] = node->aggregate.keys[i];
    for (uint32_t i = 0; i < naggs; i++) {
        aggs[i] = node->aggregate.aggs[i];
        if (aggs[i].arg != NULL)
            args[n++] = aggs[i].arg;
        if (aggs[i].filter != NULL)
            args[n++] = aggs[i].filter;
    }
    for (uint32_t i = 0; i < nkeys + n; i++)
        any |= has_host(exprs[i]);
    if (!any)
        return node;
    tqp_bind_host_rows(b, o, nkeys + n, exprs);
    n = 0;
    for (uint32_t i = 0; i < naggs; i++) {
        if (aggs[i].arg != NULL)
            aggs[i].arg = args[n++];
        if (aggs[i].filter != NULL)
            aggs[i].filter = args[n++];
    }
    *copy = *node;
    copy->aggregate.keys = exprs;
    copy->aggregate.aggs = aggs;
    return copy;
}

static void apply_aggregate(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    tqp_bind_settle(b, o);
    if (b->status == TQP_OK)
        node = without_hosts(b, node, o);
    if (b->status == TQP_OK)
        tqp_bind_aggregate(b, node, o->env);
    tqp_bind_identity(b, o, node->noutputs, node->types);
}

typedef void (*Apply)(TqpBinder *b, const TqpNode *node, TqpBindOpen *o);

static void apply_scan(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    tqp_bind_open_relation(b, node);
    tqp_bind_identity(b, o, node->noutputs, node->types);
}

/* What a node adds; that of one input, behind what its input is already. */
static const Apply apply[TQP_NODE_KIND_COUNT] = {
    [TQP_NODE_SCAN] = apply_scan,           [TQP_NODE_VALUES] = tqp_bind_values,
    [TQP_NODE_JOIN] = tqp_bind_join,        [TQP_NODE_APPEND] = tqp_bind_append,
    [TQP_NODE_FILTER] = apply_filter,       [TQP_NODE_PROJECT] = apply_project,
    [TQP_NODE_AGGREGATE] = apply_aggregate, [TQP_NODE_SORT] = apply_sort,
    [TQP_NODE_NUMBER] = apply_number,       [TQP_NODE_LIMIT] = apply_limit,
    [TQP_NODE_WITH] = tqp_bind_with,        [TQP_NODE_SHARED] = tqp_bind_shared,
};

void tqp_bind_node(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    if (b->status != TQP_OK)
        return;
    if ((unsigned)node->kind >= TQP_NODE_KIND_COUNT) {
        tqp_bind_fail(b, TQP_INVALID, "unknown node %d", (int)node->kind);
        return;
    }
    if (node->ninputs == 1)
        tqp_bind_node(b, node->inputs[0], o);
    if (b->status == TQP_OK)
        apply[node->kind](b, node, o);
    o->types = node->types;
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
    TqpBindOpen o = {0};
    TqpBindRows rows;
    *program = NULL;
    if (options != NULL)
        b.options = *options;
    tqp_bind_node(&b, node, &o);
    if (b.status == TQP_OK)
        tqp_bind_collect(&b, &o, NULL, &rows);
    TqpProgram *p = tqp_bind_zalloc(&b, sizeof(*p));
    if (b.status != TQP_OK)
        return b.status;
    p->npipelines = b.npipelines;
    p->pipelines = b.pipelines;
    *program = p;
    return TQP_OK;
}
