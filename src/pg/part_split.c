/*
 * A query that cannot run whole as one that reads its lower half from a subquery, which perhaps
 * can: below window functions, set-returning and volatile functions the groups, below aggregates
 * that have no kernel the joined rows.  What stands above is evaluated on the same rows and in the
 * same order as before, so nothing else can raise or be called.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "pg/compat.h"
#include "pg/parts.h"

typedef struct Split {
    Query *inner;
    bool grouped; /* the groups are the inner's */
    Index depth;  /* of the level where the walk stands below the query */
} Split;

static char *name_of(const Query *q, const Node *expr) {
    const Var *var = (const Var *)expr;
    if (IsA(expr, Var) && var->varlevelsup == 0 && var->varattno > 0)
        return get_rte_attribute_name(rt_fetch(var->varno, q->rtable), var->varattno);
    return IsA(expr, Aggref) ? get_func_name(((const Aggref *)expr)->aggfnoid) : "key";
}

static TargetEntry *add_target(Query *inner, Node *expr) {
    AttrNumber resno = (AttrNumber)(list_length(inner->targetList) + 1);
    TargetEntry *target = makeTargetEntry((Expr *)expr, resno, name_of(inner, expr), false);
    inner->targetList = lappend(inner->targetList, target);
    return target;
}

static TargetEntry *find_target(const Query *inner, const Node *expr) {
    ListCell *lc;
    foreach (lc, inner->targetList)
        if (equal(((TargetEntry *)lfirst(lc))->expr, expr))
            return lfirst(lc);
    return NULL;
}

static TargetEntry *find_key(const Query *inner, Index ref) {
    ListCell *lc;
    if (ref != 0)
        foreach (lc, inner->targetList)
            if (((TargetEntry *)lfirst(lc))->ressortgroupref == ref)
                return lfirst(lc);
    return NULL;
}

/*
 * Grouping sets make a constant key NULL where the target names the key, and no equal constant
 * elsewhere; PostgreSQL has computed them before it looks.
 */
static bool is_constant(const Node *expr) {
    return IsA(eval_const_expressions(NULL, copyObject((Node *)expr)), Const);
}

/* The inner's column of an expression, from where the walk stands. */
static Node *column(const Split *s, const TargetEntry *target) {
    const Node *expr = (Node *)target->expr;
    return (Node *)makeVar(1, target->resno, exprType(expr), exprTypmod(expr), exprCollation(expr),
                           s->depth);
}

static bool is_of_level(const Node *node, Index depth, bool grouped) {
    switch (nodeTag(node)) {
    case T_Var:
        return ((const Var *)node)->varlevelsup == depth;
    case T_Aggref:
        return grouped && ((const Aggref *)node)->agglevelsup == depth;
    case T_GroupingFunc:
        return grouped && ((const GroupingFunc *)node)->agglevelsup == depth;
    default:
        return false;
    }
}

static Node *pull(const Split *s, Node *node) {
    Node *expr = copyObject(node);
    if (s->depth > 0)
        IncrementVarSublevelsUp(expr, -(int)s->depth, (int)s->depth);
    TargetEntry *target = find_target(s->inner, expr);
    return column(s, target != NULL ? target : add_target(s->inner, expr));
}

static Node *above(Node *node, void *context) {
    Split *s = context;
    if (node == NULL)
        return NULL;
    if (s->grouped && s->depth == 0) { /* a key stands for its expression */
        const TargetEntry *key = find_target(s->inner, node);
        if (key != NULL && !is_constant(node))
            return column(s, key);
    }
    if (is_of_level(node, s->depth, s->grouped))
        return pull(s, node);
    if (!IsA(node, Query))
        return expression_tree_mutator(node, above, context);
    s->depth++;
    Node *result = (Node *)query_tree_mutator((Query *)node, above, context, 0);
    s->depth--;
    return result;
}

/* Below a limit that is the inner's the targets are evaluated as well, but for volatile ones. */
static Node *above_target(Split *s, const TargetEntry *target, bool evaluated) {
    Node *expr = (Node *)target->expr;
    const TargetEntry *key = find_key(s->inner, target->ressortgroupref);
    if (key != NULL)
        return column(s, key);
    if (!evaluated || contain_volatile_functions(expr) || checkExprHasSubLink(expr) ||
        is_constant(expr))
        return above(expr, s);
    return pull(s, expr);
}

static List *above_targets(Split *s, List *targets, bool evaluated) {
    List *result = NIL;
    ListCell *lc;
    foreach (lc, targets) {
        TargetEntry *target = flatCopyTargetEntry(lfirst(lc));
        target->expr = (Expr *)above_target(s, target, evaluated);
        result = lappend(result, target);
    }
    return result;
}

static bool is_grouped(const Query *q) {
    return q->hasAggs || q->groupClause != NIL || q->groupingSets != NIL || q->havingQual != NULL;
}

/* The clauses' expressions become the inner's first columns. */
static void take_keys(const Query *q, Query *inner, List *clauses) {
    ListCell *lc;
    foreach (lc, clauses) {
        Index ref = ((SortGroupClause *)lfirst(lc))->tleSortGroupRef;
        Node *expr = get_sortgroupclause_expr(lfirst(lc), q->targetList);
        if (find_key(inner, ref) == NULL)
            add_target(inner, copyObject(expr))->ressortgroupref = ref;
    }
}

static void take_groups(Query *q, Query *inner) {
    take_keys(q, inner, q->groupClause);
    inner->groupClause = q->groupClause;
    inner->groupDistinct = q->groupDistinct;
    inner->groupingSets = q->groupingSets;
    inner->havingQual = q->havingQual;
    inner->hasAggs = q->hasAggs;
    q->groupClause = q->groupingSets = NIL;
    q->groupDistinct = q->hasAggs = false;
    q->havingQual = NULL;
}

/*
 * PostgreSQL evaluates volatile targets above the sort and below OFFSET (make_sort_input_target),
 * set-returning ones, windows and DISTINCT below the limit.
 */
static bool may_take_order(const Query *q) {
    const Node *keys = (Node *)get_sortgrouplist_exprs(q->sortClause, q->targetList);
    return !q->hasWindowFuncs && !q->hasTargetSRFs && q->distinctClause == NIL &&
           q->limitOffset == NULL && (q->sortClause != NIL || q->limitCount != NULL) &&
           !contain_volatile_functions((Node *)keys) && !contain_volatile_functions(q->limitCount);
}

static void take_order(Query *q, Query *inner) {
    take_keys(q, inner, q->sortClause);
    inner->sortClause = q->sortClause;
    inner->limitCount = q->limitCount;
    inner->limitOption = q->limitOption;
    q->sortClause = NIL;
    q->limitCount = NULL;
    q->limitOption = LIMIT_OPTION_COUNT;
}

static Query *make_inner(Query *q) {
    Query *inner = makeNode(Query);
    inner->commandType = CMD_SELECT;
    inner->querySource = q->querySource;
    inner->canSetTag = true;
    inner->stmt_location = -1;
    inner->cteList = q->cteList;
    inner->hasRecursive = q->hasRecursive;
    inner->hasSubLinks = q->hasSubLinks;
    inner->hasRowSecurity = q->hasRowSecurity;
    tqp_compat_move_range_table(q, inner);
    inner->jointree = q->jointree;
    inner->constraintDeps = q->constraintDeps;
    return inner;
}

static void read_inner(Query *q, Query *inner) {
    RangeTblEntry *rte = makeNode(RangeTblEntry);
    RangeTblRef *ref = makeNode(RangeTblRef);
    ListCell *lc;
    rte->rtekind = RTE_SUBQUERY;
    rte->subquery = inner;
    rte->inFromCl = true;
    rte->eref = makeAlias("part", NIL);
    foreach (lc, inner->targetList)
        if (!((TargetEntry *)lfirst(lc))->resjunk)
            rte->eref->colnames =
                lappend(rte->eref->colnames, makeString(((TargetEntry *)lfirst(lc))->resname));
    ref->rtindex = 1;
    q->rtable = list_make1(rte);
    q->jointree = makeFromExpr(list_make1(ref), NULL);
    q->cteList = NIL;
    q->hasRecursive = q->hasRowSecurity = false;
    q->constraintDeps = NIL;
}

bool tqp_part_is_scan(const Query *q) {
    const RangeTblRef *ref =
        list_length(q->jointree->fromlist) == 1 ? linitial(q->jointree->fromlist) : NULL;
    return ref != NULL && q->jointree->quals == NULL && IsA(ref, RangeTblRef) &&
           rt_fetch(ref->rtindex, q->rtable)->rtekind == RTE_RELATION;
}

Query *tqp_part_wrap(const Query *q) {
    Query *outer = makeNode(Query);
    ListCell *lc;
    outer->commandType = CMD_SELECT;
    outer->querySource = q->querySource;
    outer->canSetTag = true;
    foreach (lc, q->targetList) {
        const TargetEntry *old = lfirst(lc);
        const Node *expr = (Node *)old->expr;
        if (old->resjunk)
            continue;
        Var *var = makeVar(1, old->resno, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);
        outer->targetList = lappend(outer->targetList,
                                    makeTargetEntry((Expr *)var, old->resno, old->resname, false));
    }
    read_inner(outer, (Query *)copyObjectImpl(q));
    return outer;
}

static bool may_split(const Query *q) {
    return q->commandType == CMD_SELECT && q->jointree->fromlist != NIL &&
           q->setOperations == NULL && q->rowMarks == NIL && !q->hasForUpdate &&
           !q->hasModifyingCTE;
}

/*
 * Below grouping sets PostgreSQL evaluates a subquery's select list where its columns are read, for
 * rows too that a join drops; without them, in the inner query, it need not.  Of what may raise
 * there, scalar subqueries are told from columns.
 */
static bool reads_scalars(const Query *q) {
    ListCell *lc;
    foreach (lc, q->rtable) {
        const RangeTblEntry *rte = lfirst(lc);
        if (rte->rtekind == RTE_SUBQUERY &&
            (checkExprHasSubLink((Node *)rte->subquery->targetList) ||
             reads_scalars(rte->subquery)))
            return true;
    }
    return false;
}

Query *tqp_part_split(Query *q, bool groups, bool order) {
    Split s = {.grouped = groups};
    if (!groups && q->groupingSets != NIL && reads_scalars(q))
        return NULL;
    if (!may_split(q) || (groups ? !is_grouped(q) : !order && tqp_part_is_scan(q)) ||
        (order && (!may_take_order(q) || (!groups && is_grouped(q)))))
        return NULL;
    tqp_compat_flatten_groups(q);
    s.inner = make_inner(q);
    if (groups)
        take_groups(q, s.inner);
    if (order)
        take_order(q, s.inner);
    q->targetList = above_targets(&s, q->targetList, order);
    q->havingQual = above(q->havingQual, &s);
    q->windowClause = (List *)above((Node *)q->windowClause, &s);
    if (s.inner->targetList == NIL) /* rows to be counted */
        add_target(s.inner, makeBoolConst(true, false));
    bool sublinks = checkExprHasSubLink((Node *)q->targetList) ||
                    checkExprHasSubLink((Node *)q->windowClause) ||
                    checkExprHasSubLink(q->havingQual) || checkExprHasSubLink(q->limitCount) ||
                    checkExprHasSubLink(q->limitOffset);
    if (sublinks && q->cteList != NIL) /* which they may read */
        return NULL;
    if (expression_returns_set((Node *)s.inner->targetList)) /* a key */
        return NULL;
    q->hasSubLinks = sublinks;
    read_inner(q, s.inner);
    return s.inner;
}
