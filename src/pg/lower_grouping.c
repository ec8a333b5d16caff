/*
 * GROUPING SETS, ROLLUP and CUBE as PostgreSQL defines them: the UNION ALL of one query per set, in
 * which the keys of other sets are NULL.  ORDER BY, DISTINCT and LIMIT stand above it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
#include "rewrite/rewriteManip.h"

#include "pg/lower.h"

#define SETS_MAX 64

typedef struct Set {
    const Query *query;
    List *refs; /* the sortgrouprefs of its keys */
} Set;

/* GROUPING(): a bit for each argument, set when it is no key here. */
static Node *grouping_value(const Set *set, const GroupingFunc *f) {
    int32 value = 0;
    ListCell *lc;
    foreach (lc, f->refs)
        value = value << 1 | !list_member_int(set->refs, lfirst_int(lc));
    return (Node *)makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(value), false,
                             true);
}

static Node *in_set(Node *node, void *context) {
    const Set *set = context;
    ListCell *lc;
    if (node == NULL || IsA(node, Aggref))
        return node;
    if (IsA(node, GroupingFunc))
        return grouping_value(set, (GroupingFunc *)node);
    foreach (lc, set->query->groupClause) {
        SortGroupClause *clause = lfirst(lc);
        Node *key = get_sortgroupclause_expr(clause, set->query->targetList);
        if (equal(key, node) && !list_member_int(set->refs, (int)clause->tleSortGroupRef))
            return (Node *)makeNullConst(exprType(key), exprTypmod(key), exprCollation(key));
        if (equal(key, node))
            return node;
    }
    return expression_tree_mutator(node, in_set, context);
}

static List *keys_of(const Query *query, const List *refs) {
    List *clauses = NIL;
    ListCell *lc;
    foreach (lc, query->groupClause)
        if (list_member_int(refs, (int)((SortGroupClause *)lfirst(lc))->tleSortGroupRef))
            clauses = lappend(clauses, lfirst(lc));
    return clauses;
}

/* A key's expression stays what the clause refers to; targets that show it are separate. */
static List *targets_of(const Set *set) {
    List *targets = NIL, *keys = NIL;
    ListCell *lc;
    foreach (lc, set->query->targetList) {
        TargetEntry *target = flatCopyTargetEntry(lfirst(lc));
        if (list_member_int(set->refs, (int)target->ressortgroupref)) {
            TargetEntry *key = flatCopyTargetEntry(target);
            key->resjunk = true;
            keys = lappend(keys, key);
        }
        target->expr = (Expr *)in_set((Node *)target->expr, (void *)set);
        target->resjunk = false;
        target->ressortgroupref = 0;
        targets = lappend(targets, target);
    }
    foreach (lc, keys)
        ((TargetEntry *)lfirst(lc))->resno =
            (AttrNumber)(list_length(targets) + foreach_current_index(lc) + 1);
    return list_concat(targets, keys);
}

static Query *query_of_set(const Query *query, List *refs) {
    Set set = {query, refs};
    Query *leaf = (Query *)copyObjectImpl(query);
    leaf->groupingSets = NIL;
    leaf->groupClause = keys_of(query, refs);
    leaf->targetList = targets_of(&set);
    leaf->havingQual = in_set(leaf->havingQual, &set);
    if (leaf->havingQual == NULL) /* one group, also without keys and aggregates */
        leaf->havingQual = makeBoolConst(true, false);
    leaf->sortClause = leaf->distinctClause = NIL;
    leaf->limitCount = leaf->limitOffset = NULL;
    IncrementVarSublevelsUp((Node *)leaf, 1, 1);
    return leaf;
}

static Node *add_leaf(Query *outer, Query *leaf, Node *left, const Query *query) {
    RangeTblEntry *rte = makeNode(RangeTblEntry);
    RangeTblRef *ref = makeNode(RangeTblRef);
    ListCell *lc;
    rte->rtekind = RTE_SUBQUERY;
    rte->subquery = leaf;
    outer->rtable = lappend(outer->rtable, rte);
    ref->rtindex = list_length(outer->rtable);
    if (left == NULL)
        return (Node *)ref;
    SetOperationStmt *op = makeNode(SetOperationStmt);
    op->op = SETOP_UNION;
    op->all = true;
    op->larg = left;
    op->rarg = (Node *)ref;
    foreach (lc, query->targetList) {
        Node *expr = (Node *)((TargetEntry *)lfirst(lc))->expr;
        op->colTypes = lappend_oid(op->colTypes, exprType(expr));
        op->colTypmods = lappend_int(op->colTypmods, exprTypmod(expr));
        op->colCollations = lappend_oid(op->colCollations, exprCollation(expr));
    }
    return (Node *)op;
}

static List *outer_targets(const Query *query) {
    List *targets = NIL;
    ListCell *lc;
    foreach (lc, query->targetList) {
        TargetEntry *target = flatCopyTargetEntry(lfirst(lc));
        Node *expr = (Node *)target->expr;
        target->expr = (Expr *)makeVar(1, (AttrNumber)(foreach_current_index(lc) + 1),
                                       exprType(expr), exprTypmod(expr), exprCollation(expr), 0);
        targets = lappend(targets, target);
    }
    return targets;
}

Query *tqp_lower_grouping_sets(TqpLowering *l, const Query *query) {
    List *sets = expand_grouping_sets(query->groupingSets, query->groupDistinct, SETS_MAX);
    Query *outer = makeNode(Query);
    ListCell *lc;
    if (sets == NIL || checkExprHasSubLink((Node *)query->targetList) ||
        checkExprHasSubLink(query->havingQual)) {
        tqp_lower_fail(l, sets == NIL ? TQP_DECLINE_SETS : TQP_DECLINE_SETS_SUBQUERY);
        return NULL;
    }
    outer->commandType = CMD_SELECT;
    outer->jointree = makeFromExpr(NIL, NULL);
    foreach (lc, sets)
        outer->setOperations =
            add_leaf(outer, query_of_set(query, lfirst(lc)), outer->setOperations, query);
    outer->targetList = outer_targets(query);
    outer->sortClause = query->sortClause;
    outer->distinctClause = query->distinctClause;
    outer->hasDistinctOn = query->hasDistinctOn;
    outer->limitCount = query->limitCount;
    outer->limitOffset = query->limitOffset;
    outer->limitOption = query->limitOption;
    return outer;
}
