/*
 * Which subqueries of a statement go to the engine when the whole cannot: whole ones in FROM, WITH
 * and expressions that read nothing of the levels around them.  They are lowered before the
 * statement is planned again, the outermost first.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"

#include "pg/params.h"
#include "pg/parts.h"
#include "pg/planner.h"
#include "pg/tqp_pg.h"

typedef struct Collector {
    TqpParts *found;
    const PlannedStmt *original;
    ParamListInfo bound_params;
} Collector;

bool tqp_parts_possible(const Query *q) {
    ListCell *lc;
    if (q->cteList != NIL || q->hasSubLinks || (q->commandType == CMD_SELECT && !q->hasForUpdate))
        return true;
    foreach (lc, q->rtable)
        if (((const RangeTblEntry *)lfirst(lc))->rtekind == RTE_SUBQUERY)
            return true;
    return false;
}

/* ---- reads nothing of the levels around ---- */

static Index level_of(const Node *node) {
    switch (nodeTag(node)) {
    case T_Var:
        return ((const Var *)node)->varlevelsup;
    case T_Aggref:
        return ((const Aggref *)node)->agglevelsup;
    case T_GroupingFunc:
        return ((const GroupingFunc *)node)->agglevelsup;
    case T_RangeTblEntry:
        return ((const RangeTblEntry *)node)->rtekind == RTE_CTE
                   ? ((const RangeTblEntry *)node)->ctelevelsup
                   : 0;
    default:
        return 0;
    }
}

static bool reads_outside(Node *node, void *context) {
    Index *depth = context; /* of the level where the walk stands below the subquery */
    if (node == NULL)
        return false;
    if (level_of(node) > *depth)
        return true;
    if (IsA(node, RangeTblEntry)) /* the walk goes into it by itself */
        return false;
    if (!IsA(node, Query))
        return expression_tree_walker(node, reads_outside, context);
    (*depth)++;
    bool found = query_tree_walker((Query *)node, reads_outside, context, QTW_EXAMINE_RTES_BEFORE);
    (*depth)--;
    return found;
}

static bool is_closed(Query *q) {
    Index depth = 0;
    return !query_tree_walker(q, reads_outside, &depth, QTW_EXAMINE_RTES_BEFORE);
}

/* ---- candidates ---- */

/* PostgreSQL could merge it into the query around it; see is_simple_subquery in prepjointree.c. */
static bool is_simple(const Query *q) {
    return q->setOperations == NULL && !q->hasAggs && !q->hasWindowFuncs && !q->hasTargetSRFs &&
           q->groupClause == NIL && q->groupingSets == NIL && q->havingQual == NULL &&
           q->sortClause == NIL && q->distinctClause == NIL && q->limitCount == NULL &&
           q->limitOffset == NULL && q->cteList == NIL;
}

static bool is_candidate(Query *q) {
    return q->commandType == CMD_SELECT && tqp_planner_shape(q, 0) == NULL && tqp_planner_gate(q) &&
           is_closed(q);
}

static List *target_types(const Query *q) {
    List *types = NIL;
    ListCell *lc;
    foreach (lc, q->targetList)
        if (!((TargetEntry *)lfirst(lc))->resjunk)
            types = lappend_oid(types, exprType((Node *)((TargetEntry *)lfirst(lc))->expr));
    return types;
}

static TqpPart *lower(const Collector *c, const Query *q) {
    TqpPart *part = palloc0(sizeof(*part));
    const char *reason;
    ListCell *lc;
    part->plan.original = (PlannedStmt *)c->original;
    part->types = target_types(q);
    if (!tqp_planner_lower(copyObject((Query *)q), c->bound_params, &part->plan, &reason) ||
        !tqp_planner_place(c->original, &part->plan))
        return NULL;
    part->plan.original = NULL;
    foreach (lc, part->plan.relations) /* another plan will have another range table */
        ((TqpPlanRelation *)lfirst(lc))->rtindex = 0;
    return part;
}

/*
 * OFFSET 0 changes no plan, but keeps conditions of the query around it out of the subquery, whose
 * rows would be others than those of what was lowered.
 */
static void fence(Query *q) {
    if (q->limitCount == NULL && q->limitOffset == NULL)
        q->limitOffset = (Node *)makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0),
                                           false, FLOAT8PASSBYVAL);
}

/* The target list of set operations has no names that a plan above could use. */
static bool offer(Collector *c, Query *q, bool fenced) {
    Query *named = q->setOperations != NULL ? tqp_part_wrap(q) : q;
    TqpPart *part = is_candidate(named) ? lower(c, named) : NULL;
    if (part == NULL)
        return false;
    if (named != q)
        *q = *named;
    if (fenced)
        fence(q);
    tqp_part_tag(q, list_length(c->found->parts));
    c->found->parts = lappend(c->found->parts, part);
    return true;
}

static void collect(Collector *c, Query *q);
static void collect_sublinks(Collector *c, Query *q);

/* As much of the query as goes, from the top. */
static bool offer_half(Collector *c, Query *q) {
    static const struct {
        bool groups, order;
    } ways[] = {{true, true}, {true, false}, {false, true}, {false, false}};
    for (size_t i = 0; i < lengthof(ways); i++) {
        Query *above = copyObject(q);
        Query *below = tqp_part_split(above, ways[i].groups, ways[i].order);
        if (below == NULL || !offer(c, below, true))
            continue;
        *q = *above;
        collect_sublinks(c, q);
        return true;
    }
    return false;
}

static void collect_query(Collector *c, Query *q) {
    if (!offer_half(c, q))
        collect(c, q);
}

/* `merged`: PostgreSQL merges it into the level around it when it is simple. */
static void collect_from(Collector *c, Query *q, bool merged) {
    if (is_simple(q) && (merged || tqp_part_is_scan(q)))
        collect(c, q);
    else if (!offer(c, q, true))
        collect_query(c, q);
}

/*
 * IN of a simple query may become a join.  Of EXISTS PostgreSQL asks for the first row, which
 * counts in the path's cost; a fence keeps its target list.
 */
static void collect_sublink(Collector *c, const SubLink *link) {
    Query *q = (Query *)link->subselect;
    bool joins = link->subLinkType == ANY_SUBLINK && is_simple(q);
    if (!offer(c, q, link->subLinkType == EXISTS_SUBLINK || !is_simple(q)))
        collect_query(c, q);
    else if (joins)
        collect(c, q);
}

static bool find_sublinks(Node *node, void *context) {
    if (node == NULL || IsA(node, Query))
        return false;
    if (IsA(node, SubLink))
        collect_sublink(context, (SubLink *)node);
    return expression_tree_walker(node, find_sublinks, context);
}

static void collect(Collector *c, Query *q) {
    bool merged = q->setOperations == NULL && q->commandType != CMD_INSERT;
    ListCell *lc;
    check_stack_depth();
    foreach (lc, q->rtable) {
        RangeTblEntry *rte = lfirst(lc);
        if (rte->rtekind == RTE_SUBQUERY)
            collect_from(c, rte->subquery, merged);
    }
    foreach (lc, q->cteList) {
        CommonTableExpr *cte = lfirst(lc);
        bool inlined = cte->ctematerialized == CTEMaterializeNever ||
                       (cte->ctematerialized == CTEMaterializeDefault && cte->cterefcount == 1);
        if (IsA(cte->ctequery, Query) && cte->cterefcount > 0)
            collect_from(c, (Query *)cte->ctequery, inlined);
    }
    collect_sublinks(c, q);
}

static void collect_sublinks(Collector *c, Query *q) {
    (void)query_tree_walker(q, find_sublinks, c,
                            QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES);
}

/* ---- the plan ---- */

typedef struct Planning {
    Query *query;
    const char *query_string;
    int cursor_options;
    ParamListInfo bound_params;
    PlannedStmt *stmt;
} Planning;

static void plan_guarded(void *arg) {
    Planning *p = arg;
    p->stmt = tqp_planner_standard(p->query, p->query_string, p->cursor_options, p->bound_params);
}

PlannedStmt *tqp_parts_plan(Query *query, const PlannedStmt *original, const char *query_string,
                            int cursor_options, ParamListInfo bound_params) {
    TqpParts parts = {0};
    Collector c = {.found = &parts, .original = original, .bound_params = bound_params};
    const char *reason;
    if ((cursor_options & CURSOR_OPT_FAST_PLAN) != 0) /* WHERE CURRENT OF looks for the scan */
        collect(&c, query);
    else
        collect_query(&c, query);
    if (parts.parts == NIL)
        return NULL;
    /* In a parallel operation a part could not call PostgreSQL's functions. */
    Planning planning = {.query = query,
                         .query_string = query_string,
                         .cursor_options = cursor_options & ~CURSOR_OPT_PARALLEL_OK,
                         .bound_params = bound_params};
    volatile bool planned = false;
    const TqpParts *outer = tqp_part_offer(&parts);
    PG_TRY();
    { /* may fail where the original did not, as for a join in an order whose operator is missing */
        planned = tqp_guarded(plan_guarded, &planning, &reason);
    }
    PG_FINALLY();
    { (void)tqp_part_offer((TqpParts *)outer); }
    PG_END_TRY();
    if (!planned || parts.nplanned == 0 ||
        (!tqp_force && planning.stmt->planTree->total_cost >= original->planTree->total_cost))
        return NULL;
    return planning.stmt;
}
