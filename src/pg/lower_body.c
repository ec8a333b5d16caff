/*
 * The body of a query level: FROM, WHERE, GROUP BY and HAVING, bottom-up into l->node.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "rewrite/rewriteManip.h"

#include "pg/lower.h"

const TqpExpr *tqp_lower_conjunction(TqpLowering *l, List *irs) {
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

static bool keep_rows(TqpLowering *l, List *irs) {
    if (irs != NIL)
        l->node = tqp_ir_filter(l->arena, l->node, tqp_lower_conjunction(l, irs));
    return l->node != NULL;
}

/* What came from HAVING and has no form in the IR goes back there. */
static bool filter_plain(TqpLowering *l, List *quals, TqpConjuncts *conjuncts) {
    List *irs = NIL;
    ListCell *lc;
    foreach (lc, quals) {
        const TqpExpr *e = tqp_lower_expr(l, lfirst(lc));
        if (e != NULL)
            irs = lappend(irs, (void *)e);
        else if (conjuncts != NULL && list_member_ptr(conjuncts->moved, lfirst(lc)))
            conjuncts->having = lappend(conjuncts->having, lfirst(lc));
        else
            return false;
    }
    return keep_rows(l, irs);
}

/* Subqueries are joined to the rows that the other conjuncts keep. */
static bool filter(TqpLowering *l, List *quals, TqpConjuncts *conjuncts) {
    List *plain = NIL, *others = NIL;
    ListCell *lc;
    foreach (lc, quals) {
        if (checkExprHasSubLink(lfirst(lc)))
            others = lappend(others, lfirst(lc));
        else
            plain = lappend(plain, lfirst(lc));
    }
    return filter_plain(l, plain, conjuncts) && tqp_lower_sublinks(l, (Node *)others) &&
           filter_plain(l, others, NULL);
}

bool tqp_lower_filter(TqpLowering *l, List *quals) {
    return filter(l, quals, NULL);
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
static bool filter_groups(TqpLowering *l, TqpPlan *plan, List *quals) {
    List *irs = NIL;
    ListCell *lc;
    bool in_order = true;
    if (!tqp_lower_sublinks(l, (Node *)quals))
        return false;
    foreach (lc, quals) {
        Node *qual = lfirst(lc);
        const TqpExpr *e = in_order ? tqp_lower_expr(l, qual) : NULL;
        if (e != NULL) {
            irs = lappend(irs, (void *)e);
            continue;
        }
        Node *host = plan != NULL ? tqp_lower_tail_expr(l, qual) : NULL;
        if (host == NULL)
            return false;
        plan->tail.quals = lappend(plan->tail.quals, host);
        in_order &= is_quiet(qual);
    }
    return keep_rows(l, irs);
}

static bool group(TqpLowering *l) {
    const Query *query = l->query;
    if (!query->hasAggs && query->groupClause == NIL && query->havingQual == NULL)
        return true;
    if (!tqp_lower_inner_sublinks(l) || !tqp_lower_aggregates(l))
        return false;
    l->node = tqp_lower_aggregate(l);
    l->grouped = true;
    l->sublinks = NIL; /* they were columns below */
    return l->node != NULL;
}

bool tqp_lower_body(TqpLowering *l, TqpPlan *plan) {
    if (!tqp_lower_from(l))
        return false;
    TqpConjuncts conjuncts = tqp_lower_order(l->query);
    if (!filter(l, conjuncts.where, &conjuncts) || !group(l))
        return false;
    l->has_tail = plan != NULL;
    l->no_host |= plan != NULL; /* of what is left above, the tail does less */
    return filter_groups(l, plan, conjuncts.having);
}
