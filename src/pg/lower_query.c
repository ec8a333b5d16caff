/*
 * A single-table query as IR: scan, filter, aggregate, having, project, distinct, sort, limit; plus
 * a tail (host_tail.c) where an expression above the scan or the aggregate has no form in the IR.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg/lower.h"

static const TqpExpr *conjunction(TqpLowering *l, List *irs) {
    TqpType type = {.kind = TQP_TYPE_BOOL};
    uint32_t n = (uint32_t)list_length(irs);
    const TqpExpr **args = palloc(sizeof(*args) * (n + 1));
    ListCell *lc;
    if (n == 0)
        return NULL;
    foreach (lc, irs)
        args[foreach_current_index(lc)] = lfirst(lc);
    return n == 1 ? args[0] : tqp_ir_call(l->arena, TQP_OP_AND, type, n, args);
}

/* What came from HAVING and has no form in the IR goes back there. */
static bool lower_where(TqpLowering *l, TqpQueryParts *parts, TqpConjuncts *conjuncts) {
    List *irs = NIL;
    ListCell *lc;
    foreach (lc, conjuncts->where) {
        const TqpExpr *e = tqp_lower_expr(l, lfirst(lc));
        if (e != NULL)
            irs = lappend(irs, (void *)e);
        else if (list_member_ptr(conjuncts->moved, lfirst(lc)))
            conjuncts->having = lappend(conjuncts->having, lfirst(lc));
        else
            return false;
    }
    parts->where = conjunction(l, irs);
    return true;
}

/* An average compared with a constant, say. */
static bool is_quiet(const Node *node) {
    TqpOp op;
    ListCell *lc;
    if (!IsA(node, OpExpr) || !tqp_lower_comparison_op(((const OpExpr *)node)->opfuncid, &op))
        return false;
    foreach (lc, ((const OpExpr *)node)->args)
        if (!IsA(lfirst(lc), Aggref) && !IsA(lfirst(lc), Const))
            return false;
    return true;
}

/* Conjuncts that the IR lacks are left to the tail; behind one that may raise, the rest as well. */
static bool lower_having(TqpLowering *l, TqpQueryParts *parts, TqpPlan *plan, List *conjuncts) {
    List *irs = NIL;
    ListCell *lc;
    bool in_order = true;
    foreach (lc, conjuncts) {
        Node *qual = lfirst(lc);
        const TqpExpr *e = in_order ? tqp_lower_expr(l, qual) : NULL;
        if (e != NULL) {
            irs = lappend(irs, (void *)e);
            continue;
        }
        Node *host = tqp_lower_tail_expr(l, qual);
        if (host == NULL)
            return false;
        plan->tail.quals = lappend(plan->tail.quals, host);
        in_order &= is_quiet(qual);
    }
    parts->having = conjunction(l, irs);
    parts->tail |= plan->tail.quals != NIL;
    return true;
}

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

static bool sort_direction(TqpLowering *l, const SortGroupClause *clause, Node *expr,
                           TqpSortKey *key) {
    TypeCacheEntry *entry = lookup_type_cache(exprType(expr), TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
    if (clause->sortop != entry->lt_opr && clause->sortop != entry->gt_opr) {
        tqp_lower_fail(l, "ORDER BY USING another operator than the type's own");
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
    if (index < 0 && l->query->distinctClause != NIL) {
        tqp_lower_fail(l, "ORDER BY that is not a column of DISTINCT");
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
        if (!sort_direction(l, clause, expr, key) || !engine_sort_key(l, parts, expr, key))
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

static bool engine_bound(TqpLowering *l, Node *node, const TqpExpr **out) {
    const Const *c = (const Const *)node;
    *out = NULL;
    if (node == NULL || (IsA(node, Const) && c->constisnull))
        return true;
    if (IsA(node, Const) && DatumGetInt64(c->constvalue) < 0) {
        tqp_lower_fail(l, "negative LIMIT or OFFSET");
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
    if (query->limitOption == LIMIT_OPTION_WITH_TIES && query->limitCount != NULL) {
        tqp_lower_fail(l, "FETCH FIRST WITH TIES");
        return false;
    }
    if (late) {
        tail->limit_param = tail_bound(l, query->limitCount);
        tail->offset_param = tail_bound(l, query->limitOffset);
        return true;
    }
    return engine_bound(l, query->limitCount, &parts->count) &&
           engine_bound(l, query->limitOffset, &parts->offset);
}

static bool lower_distinct(TqpLowering *l, TqpQueryParts *parts) {
    ListCell *lc;
    if (l->query->distinctClause == NIL)
        return true;
    if (parts->tail) {
        tqp_lower_fail(l, "DISTINCT over an expression that PostgreSQL evaluates (%s)",
                       l->reason != NULL ? l->reason : "HAVING");
        return false;
    }
    foreach (lc, l->query->distinctClause) {
        SortGroupClause *clause = lfirst(lc);
        Node *expr = get_sortgroupclause_expr(clause, l->query->targetList);
        if (lookup_type_cache(exprType(expr), TYPECACHE_EQ_OPR)->eq_opr != clause->eqop) {
            tqp_lower_fail(l, "DISTINCT by another operator than the type's own");
            return false;
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
        tqp_lower_fail(l, "empty target list");
        return false;
    }
    TqpConjuncts conjuncts = tqp_lower_order(query);
    if (!lower_where(l, parts, &conjuncts))
        return false;
    if (query->hasAggs || query->groupClause != NIL || query->havingQual != NULL) {
        if (!tqp_lower_aggregates(l))
            return false;
        l->grouped = true;
    }
    l->no_host = true; /* of what is left above, the tail does less */
    return lower_having(l, parts, plan, conjuncts.having) && lower_targets(l, parts, plan) &&
           lower_distinct(l, parts) && lower_sort(l, parts, plan) && lower_limit(l, parts, plan);
}

static void fold_constants(Query *query, ParamListInfo bound_params) {
    PlannerInfo *root = makeNode(PlannerInfo);
    root->glob = makeNode(PlannerGlobal);
    root->glob->boundParams = bound_params;
    root->parse = query;
    query->targetList = (List *)eval_const_expressions(root, (Node *)query->targetList);
    query->jointree->quals = eval_const_expressions(root, query->jointree->quals);
    query->havingQual = eval_const_expressions(root, query->havingQual);
    query->limitCount = eval_const_expressions(root, query->limitCount);
    query->limitOffset = eval_const_expressions(root, query->limitOffset);
    fix_opfuncids((Node *)query->targetList);
    fix_opfuncids(query->jointree->quals);
    fix_opfuncids(query->havingQual);
}

/* DISTINCT of a query without groups is grouping by its columns, above which a tail may stand. */
static void distinct_as_groups(Query *query) {
    if (query->hasAggs || query->groupClause != NIL || query->havingQual != NULL)
        return;
    query->groupClause = query->distinctClause;
    query->distinctClause = NIL;
}

const TqpNode *tqp_lower_query(TqpArena *arena, Query *query, ParamListInfo bound_params,
                               TqpPlan *plan, const char **reason) {
    RangeTblRef *ref = linitial(query->jointree->fromlist);
    TqpLowering l = {.arena = arena, .query = query, .rtindex = (Index)ref->rtindex};
    TqpQueryParts parts = {0};
    const TqpNode *node = NULL;
    l.relid = rt_fetch(ref->rtindex, query->rtable)->relid;
    l.types = palloc(sizeof(TqpType));
    l.names = palloc(sizeof(char *));
    fold_constants(query, bound_params);
    distinct_as_groups(query);
    *reason = NULL;
    if (contain_volatile_functions((Node *)query->targetList) ||
        contain_volatile_functions(query->jointree->quals) ||
        contain_volatile_functions(query->havingQual) ||
        contain_volatile_functions(query->limitCount) || /* a replay would call it again */
        contain_volatile_functions(query->limitOffset))
        *reason = "volatile function";
    else if (lower_parts(&l, &parts, plan))
        node = tqp_lower_build(&l, &parts, plan);
    if (node == NULL && *reason == NULL)
        *reason = l.reason != NULL ? l.reason : "out of memory";
    plan->rtindex = l.rtindex;
    return node;
}
