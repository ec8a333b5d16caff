/*
 * A query level inside another: a subquery in FROM or WITH, or one in an expression.  Nothing is
 * left to PostgreSQL here, so all of it must have a form in the IR.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/typcache.h"

#include "pg/cache.h"
#include "pg/lower.h"

typedef struct Columns {
    uint32_t n;
    const TqpExpr **exprs;
} Columns;

static int add(Columns *c, const TqpExpr *e) {
    c->exprs[c->n] = e;
    return (int)c->n++;
}

/* One target: a column, and one more with its display scale where that depends on the row. */
static bool lower_target(TqpLowering *l, Node *expr, Columns *columns, TqpSubquery *out, int k) {
    const TqpExpr *e = tqp_lower_expr(l, expr);
    if (e == NULL)
        return false;
    const TqpExpr *scale = tqp_lower_scale(l, e);
    if (scale != NULL && l->query->distinctClause != NIL && !l->query->hasDistinctOn) {
        tqp_lower_fail(l, TQP_DECLINE_DISTINCT_SCALES);
        return false;
    }
    out->index[k] = add(columns, e);
    out->scale[k] = scale != NULL ? add(columns, scale) : -1;
    return true;
}

static List *visible_targets(const Query *query) {
    List *exprs = NIL;
    ListCell *lc;
    foreach (lc, query->targetList)
        if (!((TargetEntry *)lfirst(lc))->resjunk)
            exprs = lappend(exprs, ((TargetEntry *)lfirst(lc))->expr);
    return exprs;
}

static bool is_needed(const TqpLowering *l, TqpNeed need, const Bitmapset *used, int k) {
    if (l->query->distinctClause != NIL || need == TQP_NEED_ALL)
        return true;
    return need == TQP_NEED_USED && bms_is_member(k + 1 - FirstLowInvalidHeapAttributeNumber, used);
}

static bool lower_targets(TqpLowering *l, TqpNeed need, const Bitmapset *used, Columns *columns,
                          TqpSubquery *out) {
    List *targets = visible_targets(l->query), *needed = NIL;
    ListCell *lc;
    out->ntargets = list_length(targets);
    out->index = palloc(sizeof(int) * ((Size)out->ntargets + 1));
    out->scale = palloc(sizeof(int) * ((Size)out->ntargets + 1));
    foreach (lc, targets)
        if (is_needed(l, need, used, foreach_current_index(lc)))
            needed = lappend(needed, lfirst(lc));
    if (!tqp_lower_sublinks(l, (Node *)needed))
        return false;
    foreach (lc, targets) {
        int k = foreach_current_index(lc);
        out->index[k] = out->scale[k] = -1;
        if (is_needed(l, need, used, k) && !lower_target(l, lfirst(lc), columns, out, k))
            return false;
    }
    return true;
}

static bool lower_keys(TqpLowering *l, List *clauses, Columns *columns, List **keys) {
    const Query *query = l->query;
    List *exprs = get_sortgrouplist_exprs(clauses, query->targetList);
    ListCell *lc;
    if (!tqp_lower_sublinks(l, (Node *)exprs))
        return false;
    foreach (lc, exprs) {
        TqpSortKey *key = palloc0(sizeof(*key));
        const TqpExpr *e =
            tqp_lower_collation(l, tqp_lower_expr(l, lfirst(lc)), exprCollation(lfirst(lc)));
        uint32_t i = 0;
        if (e == NULL ||
            !tqp_lower_direction(l, list_nth(clauses, foreach_current_index(lc)), lfirst(lc), key))
            return false;
        while (i < columns->n && !tqp_ir_expr_equal(columns->exprs[i], e))
            i++;
        if (i == columns->n && query->distinctClause != NIL && !query->hasDistinctOn) {
            tqp_lower_fail(l, TQP_DECLINE_DISTINCT_ORDER);
            return false;
        }
        if (i == columns->n)
            add(columns, e);
        key->expr = tqp_ir_col(l->arena, i, e->type);
        *keys = lappend(*keys, key);
    }
    return true;
}

/*
 * The order counts for which rows LIMIT and DISTINCT ON take, and where the level above hands the
 * rows on as they come: nothing promises their order then, but PostgreSQL keeps it.
 */
static bool lower_sort(TqpLowering *l, Columns *columns, List **each, List **keys) {
    const Query *query = l->query;
    *keys = *each = NIL;
    if (query->hasDistinctOn && !lower_keys(l, query->distinctClause, columns, each))
        return false;
    return (!l->ordered && query->limitCount == NULL && query->limitOffset == NULL &&
            !query->hasDistinctOn) ||
           lower_keys(l, query->sortClause, columns, keys);
}

static const TqpNode *distinct(TqpLowering *l, const TqpNode *node, List *each, List *order) {
    const TqpExpr **keys = palloc(sizeof(*keys) * (node->noutputs + 1));
    ListCell *lc;
    foreach (lc, l->query->distinctClause) {
        const SortGroupClause *clause = lfirst(lc);
        Node *expr = get_sortgroupclause_expr((SortGroupClause *)clause, l->query->targetList);
        if (!tqp_pg_comparable(exprType(expr)) ||
            lookup_type_cache(exprType(expr), TYPECACHE_EQ_OPR)->eq_opr != clause->eqop) {
            tqp_lower_fail(l, TQP_DECLINE_DISTINCT_OPERATOR);
            return NULL;
        }
    }
    if (each != NIL)
        return tqp_lower_first_of_each(l, node, each, order);
    for (uint32_t i = 0; i < node->noutputs; i++)
        keys[i] = tqp_ir_col(l->arena, i, node->types[i]);
    return tqp_ir_aggregate(l->arena, node, node->noutputs, keys, 0, NULL);
}

static const TqpNode *sort(TqpLowering *l, const TqpNode *node, List *list) {
    TqpSortKey *keys = palloc(sizeof(*keys) * ((Size)list_length(list) + 1));
    ListCell *lc;
    foreach (lc, list)
        keys[foreach_current_index(lc)] = *(TqpSortKey *)lfirst(lc);
    return list != NIL ? tqp_ir_sort(l->arena, node, (uint32_t)list_length(list), keys) : node;
}

static const TqpNode *limit(TqpLowering *l, const TqpNode *node, List *order) {
    const TqpExpr *count, *offset;
    if (!tqp_lower_bound(l, l->query->limitCount, &count) ||
        !tqp_lower_bound(l, l->query->limitOffset, &offset))
        return NULL;
    if (l->query->limitOption == LIMIT_OPTION_WITH_TIES && count != NULL)
        return tqp_lower_with_ties(l, node, order, count, offset);
    node = sort(l, node, order);
    return count != NULL || offset != NULL ? tqp_ir_limit(l->arena, node, count, offset) : node;
}

static bool lower_level(TqpLowering *l, TqpNeed need, const Bitmapset *used, TqpSubquery *out) {
    Columns columns = {0};
    List *keys, *each;
    if (!tqp_lower_prepare(l))
        return false;
    tqp_lower_distinct_as_groups(l->query);
    Size most = 4 * (Size)list_length(l->query->targetList) + 1;
    columns.exprs = palloc(sizeof(*columns.exprs) * most);
    if (!tqp_lower_body(l, NULL) || !lower_targets(l, need, used, &columns, out) ||
        !lower_sort(l, &columns, &each, &keys))
        return false;
    const TqpNode *node = l->node;
    if (columns.n > 0) /* else the rows alone count */
        node = tqp_ir_project(l->arena, node, columns.n, columns.exprs);
    if (node != NULL && l->query->distinctClause != NIL)
        node = distinct(l, node, each, keys);
    out->node = node != NULL ? limit(l, node, keys) : NULL;
    return out->node != NULL;
}

bool tqp_lower_subquery(TqpLowering *l, TqpLowering *definer, Query *query, bool dependent,
                        TqpNeed need, const Bitmapset *used, TqpSubquery *out) {
    TqpLowering inner = {.arena = l->arena,
                         .bound_params = l->bound_params,
                         .planned = l->planned,
                         .relations = l->relations,
                         .params = l->params,
                         .functions = l->functions,
                         .hosts = l->hosts,
                         .shared = l->shared,
                         .with_copies = l->with_copies,
                         .secure = l->secure,
                         .ordered = l->passes_order,
                         .query = query,
                         .outer = definer,
                         .depth = l->depth + dependent};
    check_stack_depth();
    bool ok = lower_level(&inner, need, used, out);
    l->reason = inner.reason != NULL ? inner.reason : l->reason;
    l->relations = inner.relations;
    l->params = inner.params;
    l->functions = inner.functions;
    l->hosts = inner.hosts;
    l->shared = inner.shared;
    l->with_copies = inner.with_copies;
    l->secure |= inner.secure;
    return ok;
}
