/*
 * The planner hook: PostgreSQL plans every query as always; a query that is worth it gets that plan
 * wrapped in one of ours, which carries the lowered copy.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"

#include "pg/compat.h"
#include "pg/control.h"
#include "pg/lower.h"
#include "pg/params.h"
#include "pg/parts.h"
#include "pg/plan.h"
#include "pg/planner.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"

static planner_hook_type previous_planner_hook;
static char last_reason[200];

const char *tqp_planner_last_reason(void) {
    return last_reason[0] != '\0' ? last_reason : NULL;
}

/* First look.  Nothing is copied before this. */
static bool is_worth_a_look(const Query *q) {
    return tqp_enabled && q->utilityStmt == NULL &&
           (q->commandType == CMD_SELECT || tqp_parts_possible(q)) &&
           (q->rtable != NIL || q->cteList != NIL || q->hasSubLinks) && !IsParallelWorker() &&
           tqp_extension_active() && tqp_planner_gate(q);
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

bool tqp_planner_place(const PlannedStmt *stmt, TqpPlan *plan) {
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

typedef struct Lowering {
    TqpArena arena;
    Query *query;
    ParamListInfo bound_params;
    TqpPlan *plan;
    const char *reason;
    bool ok;
} Lowering;

static void lower_guarded(void *arg) {
    Lowering *w = arg;
    const TqpNode *node =
        tqp_lower_query(&w->arena, w->query, w->bound_params, w->plan, &w->reason);
    if (node != NULL)
        node = tqp_lower_optimise(&w->arena, node, w->plan, &w->reason);
    w->ok = node != NULL;
}

/*
 * Frees the arena whatever happens; false with *reason set when the query stays with PostgreSQL.
 * An error is of a constant expression that PostgreSQL's planner did not fold, such as one in the
 * target list of EXISTS: PostgreSQL has planned the query before, without it.
 */
pg_noinline bool tqp_planner_lower(Query *query, ParamListInfo bound_params, TqpPlan *plan,
                                   const char **reason) {
    Lowering *w = palloc0(sizeof(*w));
    volatile bool done = false;
    w->query = query;
    w->bound_params = bound_params;
    w->plan = plan;
    PG_TRY();
    { done = tqp_guarded(lower_guarded, w, reason); }
    PG_FINALLY();
    { tqp_arena_free(&w->arena); }
    PG_END_TRY();
    if (done)
        *reason = w->reason;
    return done && w->ok;
}

static PlannedStmt *offload(PlannedStmt *original, Query *query, ParamListInfo bound_params,
                            const char **reason) {
    TqpPlan plan = {.original = original};
    if (!tqp_planner_lower(query, bound_params, &plan, reason))
        return NULL;
    if (tqp_planner_place(original, &plan))
        return wrap(original, query, &plan);
    *reason = tqp_decline(TQP_DECLINE_NOT_READ);
    return NULL;
}

PlannedStmt *tqp_planner_standard(Query *parse, const char *query_string, int cursor_options,
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
    PlannedStmt *original = tqp_planner_standard(query, query_string, 0, NULL);
    return offload(original, copy, NULL, reason);
}

/* Statements that modify data are not expected to run on the engine, so the log is silent. */
static void decline(const PlannedStmt *stmt, const char *query_string, const char *reason) {
    if (stmt->commandType != CMD_SELECT)
        return;
    strlcpy(last_reason, reason, sizeof(last_reason));
    tqp_control_log(TQP_OUTCOME_DECLINED, stmt->queryId, query_string, reason, 0, 0);
}

static PlannedStmt *plan_query(Query *parse, const char *query_string, int cursor_options,
                               ParamListInfo bound_params) {
    if (!is_worth_a_look(parse)) {
        last_reason[0] = '\0';
        return tqp_planner_standard(parse, query_string, cursor_options, bound_params);
    }
    const char *reason = tqp_planner_shape(parse, cursor_options);
    bool parts = tqp_parts_possible(parse);
    Query *copy = reason == NULL || parts ? copyObject(parse) : NULL;
    PlannedStmt *original = tqp_planner_standard(parse, query_string, cursor_options, bound_params);
    PlannedStmt *stmt = NULL;
    last_reason[0] = '\0'; /* planning may have planned other queries */
    if (!tqp_planner_costly(original->planTree->total_cost))
        return original;
    if (reason == NULL)
        stmt = offload(original, parts ? copyObject(copy) : copy, bound_params, &reason);
    if (stmt != NULL)
        return stmt;
    if (parts)
        stmt = tqp_parts_plan(copy, original, query_string, cursor_options, bound_params);
    last_reason[0] = '\0';
    if (stmt == NULL) {
        decline(original, query_string, reason);
        return original;
    }
    snprintf(last_reason, sizeof(last_reason), "%s; runs in part", reason);
    return stmt;
}

void tqp_planner_init(void) {
    previous_planner_hook = planner_hook;
    planner_hook = plan_query;
    tqp_part_init();
}
