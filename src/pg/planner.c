/*
 * The planner hook: PostgreSQL plans every query as always; a query that is worth it gets that plan
 * wrapped in one of ours, which carries the lowered copy.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "pg/compat.h"
#include "pg/control.h"
#include "pg/lower.h"
#include "pg/plan.h"
#include "pg/planner.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"

static planner_hook_type previous_planner_hook;
static char last_reason[200];

const char *tqp_planner_last_reason(void) {
    return last_reason[0] != '\0' ? last_reason : NULL;
}

static bool is_user_table(const RangeTblEntry *rte) {
    return rte->rtekind == RTE_RELATION && rte->relid >= FirstNormalObjectId &&
           rte->relkind != RELKIND_VIEW;
}

static const Oid equality_functions[] = {F_INT4EQ, F_INT8EQ,  F_INT48EQ,  F_INT84EQ,    F_INT2EQ,
                                         F_TEXTEQ, F_UUID_EQ, F_BPCHAREQ, F_NUMERIC_EQ, F_OIDEQ};

/* The column of `column = constant`, or InvalidAttrNumber. */
static AttrNumber equated_column(const Node *node) {
    const OpExpr *op = (const OpExpr *)node;
    if (!IsA(node, OpExpr) || list_length(op->args) != 2)
        return InvalidAttrNumber;
    const Var *var = linitial(op->args);
    const Node *other = lsecond(op->args);
    if (!IsA(var, Var) || (!IsA(other, Const) && !IsA(other, Param)))
        return InvalidAttrNumber;
    for (size_t i = 0; i < lengthof(equality_functions); i++)
        if (op->opfuncid == equality_functions[i])
            return var->varattno;
    return InvalidAttrNumber;
}

static bool equates(const Node *quals, AttrNumber column) {
    ListCell *lc;
    if (quals == NULL || !is_andclause(quals))
        return quals != NULL && equated_column(quals) == column;
    foreach (lc, ((const BoolExpr *)quals)->args)
        if (equated_column(lfirst(lc)) == column)
            return true;
    return false;
}

/* The column of a primary key of one column, or InvalidAttrNumber; from the relation cache. */
static AttrNumber key_column(Relation rel) {
    int member;
    if (rel->rd_pkattr == NULL) /* not computed yet, or no primary key */
        bms_free(RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY));
    if (!bms_get_singleton_member(rel->rd_pkattr, &member))
        return InvalidAttrNumber;
    return (AttrNumber)(member + FirstLowInvalidHeapAttributeNumber);
}

/*
 * Could a plan over this table reach the cost gate?  A full scan is what we would replace; sorting
 * or grouping costs a small multiple of it.  A look-up by primary key could not.  `quals` may be
 * NULL.  The relation cache answers: every transaction of a busy server passes here.
 */
static bool is_large(Oid relid, const Node *quals) {
    Relation rel = RelationIdGetRelation(relid); /* locked since parse analysis */
    if (rel == NULL)
        return false;
    double pages = rel->rd_rel->relpages, rows = rel->rd_rel->reltuples;
    bool large = rows < 0 || /* never vacuumed: the planner looks at the file */
                 8.0 * (pages * seq_page_cost + rows * cpu_tuple_cost) >= tqp_min_cost;
    if (large && quals != NULL) {
        AttrNumber column = key_column(rel);
        large = column == InvalidAttrNumber || !equates(quals, column);
    }
    RelationClose(rel);
    return large;
}

/* Is there a user table that is large enough, here or in a subquery in FROM or WITH? */
static bool has_large_table(const Query *q) {
    ListCell *lc;
    const Node *quals = list_length(q->rtable) == 1 ? q->jointree->quals : NULL;
    foreach (lc, q->rtable) {
        const RangeTblEntry *rte = lfirst(lc);
        if (is_user_table(rte) && (tqp_force || is_large(rte->relid, quals)))
            return true;
        if (rte->rtekind == RTE_SUBQUERY && has_large_table(rte->subquery))
            return true;
    }
    foreach (lc, q->cteList) {
        const Query *cte = (const Query *)((CommonTableExpr *)lfirst(lc))->ctequery;
        if (IsA(cte, Query) && has_large_table(cte))
            return true;
    }
    return false;
}

/* First look.  Nothing is copied before this. */
static bool is_worth_a_look(const Query *q) {
    return tqp_enabled && q->commandType == CMD_SELECT && q->utilityStmt == NULL &&
           (q->rtable != NIL || q->cteList != NIL) && !IsParallelWorker() &&
           tqp_extension_active() && has_large_table(q);
}

static List *scan_targets(const Query *query, bool as_vars) {
    List *targets = NIL;
    ListCell *lc;
    foreach (lc, query->targetList) {
        const TargetEntry *old = lfirst(lc);
        if (old->resjunk) /* sort keys stay inside */
            continue;
        TargetEntry *target = flatCopyTargetEntry((TargetEntry *)old);
        Node *expr = (Node *)old->expr;
        target->resno = (AttrNumber)(list_length(targets) + 1);
        target->ressortgroupref = 0;
        if (as_vars)
            target->expr = (Expr *)makeVar(INDEX_VAR, target->resno, exprType(expr),
                                           exprTypmod(expr), exprCollation(expr), 0);
        targets = lappend(targets, target);
    }
    return targets;
}

/* Where each table stands in the range table of PostgreSQL's plan, which has all levels' entries.
 */
static bool place_relations(const PlannedStmt *stmt, TqpPlan *plan) {
    ListCell *r, *e;
    foreach (r, plan->relations) {
        TqpPlanRelation *relation = lfirst(r);
        foreach (e, stmt->rtable) {
            const RangeTblEntry *rte = lfirst(e);
            if (rte->rtekind == RTE_RELATION && rte->relid == relation->relid)
                relation->rtindex = (Index)foreach_current_index(e) + 1;
        }
        if (relation->rtindex == 0)
            return false;
    }
    return true;
}

static Bitmapset *scanned(const TqpPlan *plan) {
    Bitmapset *relids = NULL;
    ListCell *lc;
    foreach (lc, plan->relations)
        relids = bms_add_member(relids, (int)((TqpPlanRelation *)lfirst(lc))->rtindex);
    return relids;
}

static PlannedStmt *wrap(PlannedStmt *original, const Query *query, TqpPlan *plan) {
    CustomScan *scan = makeNode(CustomScan);
    Plan *base = &scan->scan.plan;
    const Plan *old = original->planTree;
    plan->original = original;
    base->startup_cost = old->startup_cost;
    base->total_cost = old->total_cost;
    base->plan_rows = old->plan_rows;
    base->plan_width = old->plan_width;
    base->targetlist = scan_targets(query, true);
    scan->flags = CUSTOMPATH_SUPPORT_BACKWARD_SCAN;
    scan->custom_scan_tlist = scan_targets(query, false);
    scan->custom_relids = scanned(plan);
    scan->custom_private = tqp_plan_pack(plan);
    scan->methods = &tqp_scan_methods;

    PlannedStmt *stmt = makeNode(PlannedStmt);
    *stmt = *original;
    stmt->planTree = base;
    stmt->subplans = NIL;
    stmt->rewindPlanIDs = NULL;
    stmt->paramExecTypes = NIL;
    stmt->parallelModeNeeded = false;
    stmt->jitFlags = 0;
    return stmt;
}

/* The binder takes one relation so far. */
static bool can_bind(const TqpNode *node) {
    return node->ninputs == 0 ? node->kind == TQP_NODE_SCAN
                              : node->ninputs == 1 && can_bind(node->inputs[0]);
}

/* Frees the arena whatever happens; false with *reason set when the query stays with PostgreSQL. */
static pg_noinline bool lower(Query *query, ParamListInfo bound_params, TqpPlan *plan,
                              const char **reason) {
    TqpArena arena = {0};
    volatile bool ok = false;
    PG_TRY();
    {
        const TqpNode *node = tqp_lower_query(&arena, query, bound_params, plan, reason);
        if (node != NULL)
            node = tqp_lower_optimise(&arena, node, plan, reason);
        ok = node != NULL && can_bind(node);
        if (node != NULL && !ok)
            *reason = "more than one relation";
    }
    PG_CATCH();
    {
        tqp_arena_free(&arena);
        PG_RE_THROW();
    }
    PG_END_TRY();
    tqp_arena_free(&arena);
    return ok;
}

static PlannedStmt *offload(PlannedStmt *original, Query *query, ParamListInfo bound_params,
                            const char **reason) {
    TqpPlan plan = {0};
    if (!lower(query, bound_params, &plan, reason))
        return NULL;
    if (place_relations(original, &plan))
        return wrap(original, query, &plan);
    *reason = "table that PostgreSQL's plan does not read";
    return NULL;
}

static PlannedStmt *plan_as_always(Query *parse, const char *query_string, int cursor_options,
                                   ParamListInfo bound_params) {
    if (previous_planner_hook != NULL)
        return previous_planner_hook(parse, query_string, cursor_options, bound_params);
    return standard_planner(parse, query_string, cursor_options, bound_params);
}

PlannedStmt *tqp_planner_force(Query *query, const char *query_string, const char **reason) {
    *reason = tqp_planner_shape(query, 0);
    if (*reason != NULL)
        return NULL;
    Query *copy = copyObject(query);
    PlannedStmt *original = plan_as_always(query, query_string, 0, NULL);
    return offload(original, copy, NULL, reason);
}

static void decline(const PlannedStmt *stmt, const char *query_string, const char *reason) {
    strlcpy(last_reason, reason, sizeof(last_reason));
    tqp_control_log(TQP_OUTCOME_DECLINED, stmt->queryId, query_string, reason, 0, 0);
}

static PlannedStmt *plan_query(Query *parse, const char *query_string, int cursor_options,
                               ParamListInfo bound_params) {
    if (!is_worth_a_look(parse)) {
        last_reason[0] = '\0';
        return plan_as_always(parse, query_string, cursor_options, bound_params);
    }
    const char *reason = tqp_planner_shape(parse, cursor_options);
    Query *copy = reason == NULL ? copyObject(parse) : NULL;
    PlannedStmt *original = plan_as_always(parse, query_string, cursor_options, bound_params);
    PlannedStmt *stmt = NULL;
    last_reason[0] = '\0'; /* planning may have planned other queries */
    if (!tqp_force && original->planTree->total_cost < tqp_min_cost)
        return original;
    if (copy != NULL)
        stmt = offload(original, copy, bound_params, &reason);
    if (stmt != NULL)
        return stmt;
    decline(original, query_string, reason);
    return original;
}

void tqp_planner_init(void) {
    previous_planner_hook = planner_hook;
    planner_hook = plan_query;
}
