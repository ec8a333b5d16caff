/*
 * The cheap, read-only look at a Query that decides whether anything further is worth its time.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "pg/decline.h"
#include "pg/planner.h"

/* What no lowering can take; the rest is found when the query is lowered. */
static const char *query_shape(const Query *q) {
    const struct {
        bool found;
        TqpDecline reason;
    } limits[] = {
        {q->commandType != CMD_SELECT, TQP_DECLINE_MODIFIES},
        {q->hasWindowFuncs, TQP_DECLINE_WINDOW},
        {q->hasTargetSRFs, TQP_DECLINE_SET_RETURNING},
        {q->rowMarks != NIL || q->hasForUpdate, TQP_DECLINE_ROW_LOCKS},
        {q->hasModifyingCTE, TQP_DECLINE_MODIFIES},
    };
    for (size_t i = 0; i < lengthof(limits); i++)
        if (limits[i].found)
            return tqp_decline(limits[i].reason);
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
        reason = tqp_decline(TQP_DECLINE_POSITIONED);
    return reason;
}
