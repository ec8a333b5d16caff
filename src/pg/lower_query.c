/*
 * The outermost level of a query: above its body project, distinct, sort and limit, plus a tail
 * (host_tail.c) where an expression has no form in the IR.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg/cache.h"
#include "pg/lower.h"

static TargetEntry *add_tail_target(TqpPlan *plan, Node *expr, bool junk) {
    AttrNumber resno = (AttrNumber)(list_length(plan->tail.targets) + 1);
    TargetEntry *target = makeTargetEntry((Expr *)expr, resno, NULL, junk);
    plan->tail.targets = lappend(plan->tail.targets, target);
    return target;
}

static bool can_output(TqpLowering *l, Node *node) {
    const TqpExpr *e = tqp_lower_expr(l, node);
    return e != NULL && tqp_lower_output(l, e, node, true) >= 0;
}

static bool lower_targets(TqpLowering *l, TqpQueryParts *parts, TqpPlan *plan) {
    ListCell *lc;
    List *kept = list_copy(l->outputs); /* of HAVING in the tail */
    foreach (lc, parts->target_exprs)
        parts->tail |= !can_output(l, lfirst(lc));
    l->outputs = kept;
    foreach (lc, parts->target_exprs) {
        Node *node = lfirst(lc);
        if (!parts->tail) {
            tqp_lower_output(l, tqp_lower_expr(l, node), node, false);
            continue;
        }
        const TqpExpr *e = tqp_lower_expr(l, node);
        int index = e != NULL ? tqp_lower_output(l, e, node, true) : -1;
        Node *host = index >= 0
                         ? (Node *)makeVar(INDEX_VAR, (AttrNumber)(index + 1), exprType(node),
                                           exprTypmod(node), exprCollation(node), 0)
                         : tqp_lower_tail_expr(l, node);
        if (host == NULL)
            return false;
        add_tail_target(plan, host, false);
    }
    return true;
}

bool tqp_lower_direction(TqpLowering *l, const SortGroupClause *clause, Node *expr,
                         TqpSortKey *key) {
    TypeCacheEntry *entry = lookup_type_cache(exprType(expr), TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
    if (!tqp_pg_ordered(exprType(expr))) {
        tqp_lower_fail(l, TQP_DECLINE_ORDER, format_type_be(exprType(expr)));
        return false;
    }
    if (clause->sortop != entry->lt_opr && clause->sortop != entry->gt_opr) {
        tqp_lower_fail(l, TQP_DECLINE_ORDER_OPERATOR);
        return false;
    }
    key->descending = clause->sortop == entry->gt_opr;
    key->nulls_first = clause->nulls_first;
    return true;
}

/* Column of the projection for an engine sort key: a target, or one more output. */
static bool engine_sort_key(TqpLowering *l, TqpQueryParts *parts, Node *expr, TqpSortKey *key) {
    ListCell *lc;
    const TqpExpr *e = tqp_lower_expr(l, expr);
    int index = -1;
    if (e == NULL)
        return false;
    foreach (lc, parts->target_exprs)
        if (!parts->tail && index < 0 && equal(lfirst(lc), expr))
            index = foreach_current_index(lc);
    if (index < 0 && l->query->distinctClause != NIL && !l->query->hasDistinctOn) {
        tqp_lower_fail(l, TQP_DECLINE_DISTINCT_ORDER);
        return false;
    }
    if (index < 0)
        index = tqp_lower_sort_output(l, e, expr);
    if (index < 0)
        return false;
    /* Of alternatives the IR keeps the collation of the first, PostgreSQL may order by another. */
    key->expr =
        tqp_lower_collation(l, tqp_ir_col(l->arena, (uint32_t)index, e->type), exprCollation(expr));
    return key->expr != NULL;
}

static bool lower_engine_sort(TqpLowering *l, TqpQueryParts *parts) {
    ListCell *lc;
    foreach (lc, l->query->sortClause) {
        SortGroupClause *clause = lfirst(lc);
        Node *expr = get_sortgroupclause_expr(clause, l->query->targetList);
        TqpSortKey *key = palloc0(sizeof(*key));
        if (!tqp_lower_direction(l, clause, expr, key) || !engine_sort_key(l, parts, expr, key))
            return false;
        parts->sort = lappend(parts->sort, key);
    }
    return true;
}

static bool lower_tail_sort(TqpLowering *l, TqpPlan *plan) {
    TqpPlanTail *tail = &plan->tail;
    ListCell *lc;
    foreach (lc, l->query->sortClause) {
        SortGroupClause *clause = lfirst(lc);
        Node *expr = get_sortgroupclause_expr(clause, l->query->targetList);
        Node *host = tqp_lower_tail_expr(l, expr);
        if (host == NULL)
            return false;
        TargetEntry *target = add_tail_target(plan, host, true);
        tail->sort_columns = lappend_int(tail->sort_columns, target->resno);
        tail->sort_operators = lappend_oid(tail->sort_operators, clause->sortop);
        tail->sort_collations = lappend_oid(tail->sort_collations, exprCollation(expr));
        tail->sort_nulls_first = lappend_int(tail->sort_nulls_first, clause->nulls_first);
    }
    return true;
}

/* Turn an engine-complete lowering into one with a tail that so far only copies columns. */
static void begin_tail(TqpLowering *l, TqpQueryParts *parts, TqpPlan *plan) {
    ListCell *lc;
    parts->tail = true;
    foreach (lc, l->outputs) {
        const TqpOutput *o = lfirst(lc);
        int index = foreach_current_index(lc);
        if (index < (int)parts->ntargets)
            add_tail_target(plan,
                            (Node *)makeVar(INDEX_VAR, (AttrNumber)(index + 1), o->type, o->typmod,
                                            o->collation, 0),
                            false);
    }
}

static bool lower_sort(TqpLowering *l, TqpQueryParts *parts, TqpPlan *plan) {
    if (lower_engine_sort(l, parts))
        return true;
    if (l->query->distinctClause != NIL)
        return false;
    parts->sort = NIL; /* what was added to the outputs for it does no harm */
    if (!parts->tail)
        begin_tail(l, parts, plan);
    return lower_tail_sort(l, plan);
}

static int tail_bound(TqpLowering *l, Node *node) {
    TqpType type = {.kind = TQP_TYPE_I64};
    if (node == NULL)
        return -1;
    return (int)tqp_lower_param(l, node, type, TQP_ROUND_EXACT)->index;
}

bool tqp_lower_bound(TqpLowering *l, Node *node, const TqpExpr **out) {
    const Const *c = (const Const *)node;
    *out = NULL;
    if (node == NULL || (IsA(node, Const) && c->constisnull))
        return true;
    if (IsA(node, Const) && DatumGetInt64(c->constvalue) < 0) {
        tqp_lower_fail(l, TQP_DECLINE_NEGATIVE_LIMIT);
        return false;
    }
    *out = tqp_lower_expr(l, node);
    return *out != NULL;
}

/*
 * The tail limits when it filters or sorts, and when it evaluates expressions that may raise below
 * a sort or on rows that OFFSET skips, as PostgreSQL would.
 */
static bool lower_limit(TqpLowering *l, TqpQueryParts *parts, TqpPlan *plan) {
    Query *query = l->query;
    TqpPlanTail *tail = &plan->tail;
    bool late = tail->quals != NIL || tail->sort_columns != NIL ||
                (parts->tail && l->tail_may_raise &&
                 (query->sortClause != NIL || query->limitOffset != NULL));
    tail->limit_param = tail->offset_param = -1;
    parts->ties = query->limitOption == LIMIT_OPTION_WITH_TIES;
    if (late && parts->ties) {
        tqp_lower_fail(l, TQP_DECLINE_TIES_TAIL);
        return false;
    }
    if (late) {
        tail->limit_param = tail_bound(l, query->limitCount);
        tail->offset_param = tail_bound(l, query->limitOffset);
        return true;
    }
    return tqp_lower_bound(l, query->limitCount, &parts->count) &&
           tqp_lower_bound(l, query->limitOffset, &parts->offset);
}

static bool lower_distinct(TqpLowering *l, TqpQueryParts *parts) {
    ListCell *lc;
    if (l->query->distinctClause == NIL)
        return true;
    if (parts->tail) {
        tqp_lower_fail(l, TQP_DECLINE_DISTINCT_TAIL, l->reason != NULL ? l->reason : "HAVING");
        return false;
    }
    foreach (lc, l->query->distinctClause) {
        SortGroupClause *clause = lfirst(lc);
        Node *expr = get_sortgroupclause_expr(clause, l->query->targetList);
        if (!tqp_pg_comparable(exprType(expr)) ||
            lookup_type_cache(exprType(expr), TYPECACHE_EQ_OPR)->eq_opr != clause->eqop) {
            tqp_lower_fail(l, TQP_DECLINE_DISTINCT_OPERATOR);
            return false;
        }
        if (l->query->hasDistinctOn) {
            TqpSortKey *key = palloc0(sizeof(*key));
            if (!tqp_lower_direction(l, clause, expr, key) || !engine_sort_key(l, parts, expr, key))
                return false;
            parts->each = lappend(parts->each, key);
        }
    }
    return true;
}

static bool lower_parts(TqpLowering *l, TqpQueryParts *parts, TqpPlan *plan) {
    Query *query = l->query;
    ListCell *lc;
    foreach (lc, query->targetList) {
        const TargetEntry *target = lfirst(lc);
        if (!target->resjunk)
            parts->target_exprs = lappend(parts->target_exprs, target->expr);
    }
    parts->ntargets = (uint32_t)list_length(parts->target_exprs);
    if (parts->ntargets == 0) {
        tqp_lower_fail(l, TQP_DECLINE_NO_TARGETS);
        return false;
    }
    if (!tqp_lower_body(l, plan) || !tqp_lower_sublinks(l, (Node *)query->targetList))
        return false;
    parts->tail = plan->tail.quals != NIL;
    return lower_targets(l, parts, plan) && lower_distinct(l, parts) &&
           lower_sort(l, parts, plan) && lower_limit(l, parts, plan);
}

/* Above groups a tail may stand. */
void tqp_lower_distinct_as_groups(Query *query) {
    if (query->hasDistinctOn || query->hasAggs || query->groupClause != NIL ||
        query->havingQual != NULL)
        return;
    query->groupClause = query->distinctClause;
    query->distinctClause = NIL;
}

const TqpNode *tqp_lower_query(TqpArena *arena, Query *query, ParamListInfo bound_params,
                               TqpPlan *plan, const char **reason) {
    TqpLowering l = {.arena = arena,
                     .query = query,
                     .bound_params = bound_params,
                     .planned = plan->original != NULL ? plan->original->rtable : NIL};
    TqpQueryParts parts = {0};
    const TqpNode *node = NULL;
    *reason = NULL;
    if (tqp_lower_prepare(&l)) {
        tqp_lower_distinct_as_groups(l.query);
        if (lower_parts(&l, &parts, plan))
            node = tqp_lower_with(&l, tqp_lower_build(&l, &parts, plan));
    }
    if (node == NULL)
        *reason = l.reason != NULL ? l.reason : tqp_decline(TQP_DECLINE_MEMORY);
    return node;
}
