/*
 * The cheap, read-only look at a Query that decides whether anything further is worth its time.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "pg/planner.h"

/* What no lowering can take; the rest is found when the query is lowered. */
static const char *query_shape(const Query *q) {
    const struct {
        bool found;
        const char *reason;
    } limits[] = {
        {q->commandType != CMD_SELECT, "statement that modifies data"},
        {q->hasWindowFuncs, "window function"},
        {q->hasTargetSRFs, "set-returning function"},
        {q->rowMarks != NIL || q->hasForUpdate, "FOR UPDATE or SHARE"},
        {q->hasModifyingCTE, "statement that modifies data"},
    };
    for (size_t i = 0; i < lengthof(limits); i++)
        if (limits[i].found)
            return limits[i].reason;
    return NULL;
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
    if (reason == NULL && may_be_positioned(q, cursor_options))
        reason = "cursor that WHERE CURRENT OF could need";
    return reason;
}
