/*
 * The order in which PostgreSQL evaluates the conjuncts of WHERE and HAVING.  A row that an earlier
 * one rejects does not meet a later one, so the order decides whether an error is raised.  It is
 * that of a sequential scan: equalities that the planner turns into equivalence classes come back
 * behind the others (equivclass.c), then all are sorted by cost (order_qual_clauses in
 * createplan.c).
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "pg/lower.h"

/* `a = b` of a mergejoinable operator; `a = a` becomes a test for NULL where it stands. */
static bool is_equivalence(Node **clause) {
    const OpExpr *op = (const OpExpr *)*clause;
    if (!is_opclause(op) || list_length(op->args) != 2 || tqp_lower_is_constant(*clause) ||
        !op_mergejoinable(op->opno, exprType(linitial(op->args))))
        return false;
    if (!equal(linitial(op->args), lsecond(op->args)))
        return true;
    if (func_strict(op->opfuncid)) {
        NullTest *test = makeNode(NullTest);
        test->arg = linitial(op->args);
        test->nulltesttype = IS_NOT_NULL;
        test->argisrow = false;
        test->location = -1;
        *clause = (Node *)test;
    }
    return false;
}

static List *equivalences_last(List *clauses) {
    List *others = NIL, *equivalences = NIL;
    ListCell *lc;
    foreach (lc, clauses) {
        Node *clause = lfirst(lc);
        if (is_equivalence(&clause))
            equivalences = lappend(equivalences, clause);
        else
            others = lappend(others, clause);
    }
    return list_concat(others, equivalences);
}

typedef struct Costed {
    Node *clause;
    Cost cost;
} Costed;

/* A long list of constants is costed as the hash table that the planner makes of it. */
static Cost cost_of(Node *clause) {
    QualCost cost;
    if (checkExprHasSubLink(clause)) /* not planned here; PostgreSQL's cost is that of its plan */
        return disable_cost;
    clause = copyObject(clause);
    convert_saop_to_hashed_saop(clause);
    cost_qual_eval_node(&cost, clause, NULL);
    return cost.per_tuple;
}

/* A stable insertion sort, as PostgreSQL's. */
static List *cheapest_first(List *clauses) {
    Costed *sorted = palloc(sizeof(*sorted) * (list_length(clauses) + 1));
    List *result = NIL;
    ListCell *lc;
    foreach (lc, clauses) {
        Cost cost = cost_of(lfirst(lc));
        int at = foreach_current_index(lc);
        for (; at > 0 && sorted[at - 1].cost > cost; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = (Costed){lfirst(lc), cost};
    }
    for (int i = 0; i < list_length(clauses); i++)
        result = lappend(result, sorted[i].clause);
    return result;
}

static List *conjuncts(Node *qual) {
    return make_ands_implicit(canonicalize_qual((Expr *)qual, false));
}

/* Conjuncts of HAVING that ask for no aggregate reject rows before they are grouped. */
static List *take_movable(Query *query, List **having) {
    List *moved = NIL;
    ListCell *lc;
    if (query->groupClause == NIL || query->groupingSets != NIL)
        return NIL;
    foreach (lc, *having) {
        if (checkExprHasSubLink(lfirst(lc)) || contain_agg_clause(lfirst(lc)))
            continue;
        moved = lappend(moved, lfirst(lc));
        *having = foreach_delete_current(*having, lc);
    }
    return moved;
}

TqpConjuncts tqp_lower_order(Query *query) {
    TqpConjuncts c = {.having = conjuncts(query->havingQual)};
    c.moved = take_movable(query, &c.having);
    c.where = list_concat(conjuncts(query->jointree->quals), c.moved);
    c.where = cheapest_first(equivalences_last(c.where));
    c.having = cheapest_first(c.having);
    return c;
}
