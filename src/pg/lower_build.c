/*
 * From lowered parts to IR nodes, bottom-up, and the finished plan.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "opt/opt.h"
#include "pg/lower.h"
#include "pg/tqp_pg.h"

const TqpNode *tqp_lower_aggregate(TqpLowering *l) {
    uint32_t nkeys = (uint32_t)list_length(l->keys), naggs = (uint32_t)list_length(l->aggs);
    const TqpExpr **keys = palloc(sizeof(*keys) * (nkeys + 1));
    TqpAgg *aggs = palloc0(sizeof(TqpAgg) * (naggs + 1));
    ListCell *lc;
    foreach (lc, l->keys)
        keys[foreach_current_index(lc)] = lfirst(lc);
    foreach (lc, l->aggs)
        aggs[foreach_current_index(lc)] = *(TqpAgg *)lfirst(lc);
    return tqp_ir_aggregate(l->arena, l->node, nkeys, keys, naggs, aggs);
}

static const TqpNode *build_project(TqpLowering *l, const TqpNode *input, uint32_t n) {
    const TqpExpr **exprs = palloc(sizeof(*exprs) * n);
    bool same = n == input->noutputs;
    ListCell *lc;
    foreach (lc, l->outputs) {
        const TqpExpr *e = ((TqpOutput *)lfirst(lc))->ir;
        uint32_t i = (uint32_t)foreach_current_index(lc);
        exprs[i] = e;
        same = same && e->op == TQP_OP_COL && e->index == i;
    }
    return same ? input : tqp_ir_project(l->arena, input, n, exprs);
}

static const TqpExpr **columns_of(TqpLowering *l, const TqpNode *node, uint32_t n) {
    const TqpExpr **cols = palloc(sizeof(*cols) * n);
    for (uint32_t i = 0; i < n; i++)
        cols[i] = tqp_ir_col(l->arena, i, node->types[i]);
    return cols;
}

static const TqpNode *build_sort(TqpLowering *l, const TqpQueryParts *parts, const TqpNode *node) {
    uint32_t n = (uint32_t)list_length(parts->sort);
    TqpSortKey *keys = palloc(sizeof(*keys) * n);
    ListCell *lc;
    foreach (lc, parts->sort)
        keys[foreach_current_index(lc)] = *(TqpSortKey *)lfirst(lc);
    return tqp_ir_sort(l->arena, node, n, keys);
}

static const TqpNode *build(TqpLowering *l, const TqpQueryParts *parts) {
    uint32_t noutputs = (uint32_t)list_length(l->outputs);
    const TqpNode *node = build_project(l, l->node, noutputs);
    if (node != NULL && parts->each != NIL)
        node = tqp_lower_first_of_each(l, node, parts->each, parts->sort);
    else if (node != NULL && l->query->distinctClause != NIL)
        node = tqp_ir_aggregate(l->arena, node, noutputs, columns_of(l, node, noutputs), 0, NULL);
    bool ties = parts->ties && parts->count != NULL;
    if (node != NULL && ties)
        node = tqp_lower_with_ties(l, node, parts->sort, parts->count, parts->offset);
    if (node != NULL && parts->sort != NIL)
        node = build_sort(l, parts, node);
    if (node != NULL && !ties && (parts->count != NULL || parts->offset != NULL))
        node = tqp_ir_limit(l->arena, node, parts->count, parts->offset);
    if (node != NULL && !parts->tail && noutputs > parts->ntargets)
        node =
            tqp_ir_project(l->arena, node, parts->ntargets, columns_of(l, node, parts->ntargets));
    return node;
}

static List *output_vars(TqpLowering *l, uint32_t n) {
    List *vars = NIL;
    ListCell *lc;
    foreach (lc, l->outputs) {
        const TqpOutput *o = lfirst(lc);
        int index = foreach_current_index(lc);
        if (index < (int)n)
            vars = lappend(vars, makeVar(INDEX_VAR, (AttrNumber)(index + 1), o->type, o->typmod,
                                         o->collation, 0));
    }
    return vars;
}

/* Constant targets in the tail leave the engine without a column: rows are then told by this one.
 */
static void ensure_output(TqpLowering *l) {
    if (l->outputs == NIL)
        tqp_lower_output(l, tqp_ir_const_bool(l->arena, true), makeBoolConst(true, false), true);
}

const TqpNode *tqp_lower_build(TqpLowering *l, const TqpQueryParts *parts, TqpPlan *plan) {
    ensure_output(l);
    plan->relations = l->relations;
    plan->functions = l->functions;
    plan->params = l->params;
    plan->hosts = l->hosts;
    plan->columns =
        output_vars(l, parts->tail ? (uint32_t)list_length(l->outputs) : parts->ntargets);
    return build(l, parts);
}

/* Keep the columns that the optimised scans read. */
static void narrow_scans(TqpPlan *plan, const TqpScanColumns *kept) {
    ListCell *lc;
    foreach (lc, plan->relations) {
        TqpPlanRelation *r = lfirst(lc);
        const TqpScanColumns *columns = &kept[foreach_current_index(lc)];
        List *attnums = NIL;
        for (uint32_t i = 0; i < columns->ncolumns; i++)
            attnums = lappend_int(attnums, list_nth_int(r->attnums, (int)columns->columns[i]));
        r->attnums = attnums;
    }
}

const TqpNode *tqp_lower_optimise(TqpArena *arena, const TqpNode *node, TqpPlan *plan,
                                  const char **reason) {
    uint32_t nrelations = (uint32_t)list_length(plan->relations);
    TqpScanColumns *kept = palloc0(sizeof(*kept) * (nrelations + 1));
    TqpOptOptions options = {
        .disabled = tqp_disabled_passes,
        .nrelations = nrelations,
        .scan_columns = kept,
        .stats = tqp_lower_stats(arena, plan->relations),
    };
    TqpError error = {0};
    TqpString printed = {0};
    const TqpNode *optimised = NULL;
    if (tqp_ir_check(node, &error) != TQP_OK ||
        tqp_opt_run(arena, node, &options, &optimised, &error) != TQP_OK) {
        *reason = tqp_decline(TQP_DECLINE_OPTIMISER, tqp_status_name(error.status), error.message);
        return NULL;
    }
    narrow_scans(plan, kept);
    tqp_ir_print(optimised, &printed);
    if (!printed.failed)
        plan->ir = pstrdup(printed.data);
    *reason = printed.failed ? tqp_decline(TQP_DECLINE_MEMORY) : NULL;
    tqp_string_free(&printed);
    return *reason == NULL ? optimised : NULL;
}
