/*
 * The cheap, read-only look at a Query that decides whether anything further is worth its time.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "pg/cache.h"
#include "pg/compat.h"
#include "pg/planner.h"

static const char *query_shape(const Query *q) {
    const struct {
        bool found;
        const char *reason;
    } limits[] = {
        {q->hasSubLinks, "subquery expression"},
        {q->cteList != NIL, "WITH"},
        {q->hasWindowFuncs, "window function"},
        {q->hasTargetSRFs, "set-returning function"},
        {q->setOperations != NULL, "set operation"},
        {q->rowMarks != NIL || q->hasForUpdate, "FOR UPDATE or SHARE"},
        {q->groupingSets != NIL, "grouping sets"},
        {q->hasDistinctOn, "DISTINCT ON"},
        {q->constraintDeps != NIL, "columns that depend on a grouped primary key"},
    };
    for (size_t i = 0; i < lengthof(limits); i++)
        if (limits[i].found)
            return limits[i].reason;
    return NULL;
}

static const char *relation_shape(const RangeTblEntry *rte) {
    const char *reason = NULL;
    if (rte->rtekind != RTE_RELATION)
        return "FROM item that is not a table";
    if (rte->relkind != RELKIND_RELATION)
        return rte->relkind == RELKIND_PARTITIONED_TABLE ? "partitioned table"
                                                         : "relation that is not a table";
    if (rte->tablesample != NULL)
        return "TABLESAMPLE";
    if (rte->securityQuals != NIL)
        return "row-level security";
    if (rte->inh && has_subclass(rte->relid))
        return "inheritance";
    Relation rel = RelationIdGetRelation(rte->relid); /* locked since parse analysis */
    if (rel == NULL)
        return "relation that was dropped";
    if (!tqp_cache_relation_ok(rel, &reason) && reason == NULL)
        reason = "relation that is not cached";
    RelationClose(rel);
    return reason;
}

/*
 * WHERE CURRENT OF looks for the scan of its table in the cursor's plan, below nothing but Result
 * and Limit.  Such cursors keep PostgreSQL's plan.
 */
static bool may_be_positioned(const Query *q, int cursor_options) {
    return (cursor_options & CURSOR_OPT_FAST_PLAN) != 0 && !q->hasAggs && q->groupClause == NIL &&
           q->havingQual == NULL && q->distinctClause == NIL;
}

const char *tqp_planner_shape(const Query *q, int cursor_options) {
    const char *reason = query_shape(q);
    List *from = q->jointree->fromlist;
    if (reason != NULL)
        return reason;
    if (list_length(from) != 1 || !IsA(linitial(from), RangeTblRef) ||
        tqp_compat_table_count(q) != 1)
        return from == NIL ? "no table" : "more than one FROM item";
    if (may_be_positioned(q, cursor_options))
        return "cursor that WHERE CURRENT OF could need";
    return relation_shape(rt_fetch(((RangeTblRef *)linitial(from))->rtindex, q->rtable));
}
