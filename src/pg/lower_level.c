/*
 * One query level before it is lowered: what it must not contain, its constants folded, its names
 * of join columns resolved, and which columns of its FROM items it reads at all.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"

#include "pg/compat.h"
#include "utils/fmgroids.h"

#include "pg/lower.h"
#include "pg/planner.h"

/* Columns of groups and joins become what they stand for, also in subqueries that read this level.
 */
static void resolve_columns(Query *q) {
    ListCell *lc;
    bool joins = false;
    tqp_compat_flatten_groups(q);
    foreach (lc, q->rtable)
        joins |= ((const RangeTblEntry *)lfirst(lc))->rtekind == RTE_JOIN;
    if (!joins)
        return;
    q->targetList = (List *)tqp_compat_flatten_joins(q, (Node *)q->targetList);
    q->jointree = (FromExpr *)tqp_compat_flatten_joins(q, (Node *)q->jointree);
    q->havingQual = tqp_compat_flatten_joins(q, q->havingQual);
    foreach (lc, q->rtable) {
        RangeTblEntry *rte = lfirst(lc);
        if (rte->rtekind == RTE_SUBQUERY && rte->lateral)
            rte->subquery = (Query *)tqp_compat_flatten_joins(q, (Node *)rte->subquery);
        if (rte->rtekind == RTE_VALUES)
            rte->values_lists = (List *)tqp_compat_flatten_joins(q, (Node *)rte->values_lists);
    }
}

static Node *fold(PlannerInfo *root, Node *node) {
    node = eval_const_expressions(root, node);
    fix_opfuncids(node);
    return node;
}

static void fold_from(PlannerInfo *root, Node *item) {
    ListCell *lc;
    if (IsA(item, FromExpr)) {
        FromExpr *from = (FromExpr *)item;
        foreach (lc, from->fromlist)
            fold_from(root, lfirst(lc));
        from->quals = fold(root, from->quals);
    } else if (IsA(item, JoinExpr)) {
        JoinExpr *join = (JoinExpr *)item;
        fold_from(root, join->larg);
        fold_from(root, join->rarg);
        join->quals = fold(root, join->quals);
    }
}

static void fold_constants(Query *q, ParamListInfo bound_params) {
    PlannerInfo *root = makeNode(PlannerInfo);
    ListCell *lc;
    root->glob = makeNode(PlannerGlobal);
    root->glob->boundParams = bound_params;
    root->parse = q;
    q->targetList = (List *)fold(root, (Node *)q->targetList);
    fold_from(root, (Node *)q->jointree);
    q->havingQual = fold(root, q->havingQual);
    q->limitCount = eval_const_expressions(root, q->limitCount);
    q->limitOffset = eval_const_expressions(root, q->limitOffset);
    foreach (lc, q->rtable) {
        RangeTblEntry *rte = lfirst(lc);
        rte->securityQuals = (List *)fold(root, (Node *)rte->securityQuals);
        rte->values_lists = (List *)fold(root, (Node *)rte->values_lists);
        rte->functions = (List *)fold(root, (Node *)rte->functions);
    }
}

/* Subqueries are looked at when they are lowered. */
/* These look at how a value is stored in its row, which the engine does not know. */
static bool looks_at_storage(Oid funcid, void *context) {
    return funcid == F_PG_COLUMN_SIZE || funcid == F_PG_COLUMN_COMPRESSION;
}

static bool sees_storage(Node *node, void *context) {
    if (node == NULL)
        return false;
    return check_functions_in_node(node, looks_at_storage, context) ||
           expression_tree_walker(node, sees_storage, context);
}

static bool is_volatile(const Query *q) {
    ListCell *lc;
    foreach (lc, q->rtable) {
        const RangeTblEntry *rte = lfirst(lc);
        if (contain_volatile_functions((Node *)rte->securityQuals) ||
            contain_volatile_functions((Node *)rte->values_lists))
            return true;
    }
    return contain_volatile_functions((Node *)q->targetList) ||
           contain_volatile_functions((Node *)q->jointree) ||
           contain_volatile_functions(q->havingQual) ||
           contain_volatile_functions(q->limitCount) || /* a replay would call it again */
           contain_volatile_functions(q->limitOffset);
}

typedef struct Uses {
    Bitmapset **used;
    int nrte;
    Index level; /* varlevelsup of this level's Vars where the walk stands */
} Uses;

static bool note_uses(Node *node, void *context) {
    Uses *u = context;
    if (node == NULL)
        return false;
    if (IsA(node, Var)) {
        const Var *var = (const Var *)node;
        if (var->varlevelsup == u->level && var->varno <= u->nrte)
            u->used[var->varno] = bms_add_member(
                u->used[var->varno], var->varattno - FirstLowInvalidHeapAttributeNumber);
        return false;
    }
    if (!IsA(node, Query))
        return expression_tree_walker(node, note_uses, context);
    u->level++;
    (void)query_tree_walker((Query *)node, note_uses, context, QTW_IGNORE_JOINALIASES);
    u->level--;
    return false;
}

/* A view with a barrier, or a table with row security. */
static bool hides_rows(const Query *q) {
    ListCell *lc;
    foreach (lc, q->rtable) {
        const RangeTblEntry *rte = lfirst(lc);
        if (rte->securityQuals != NIL || rte->security_barrier)
            return true;
    }
    return q->hasRowSecurity;
}

bool tqp_lower_prepare(TqpLowering *l) {
    Query *q = l->query;
    Uses uses = {.nrte = list_length(q->rtable)};
    const char *reason = tqp_planner_shape(q, 0);
    if (reason == NULL) {
        resolve_columns(q);
        fold_constants(q, l->bound_params);
        reason = is_volatile(q) ? tqp_decline(TQP_DECLINE_VOLATILE)
                 : query_tree_walker(q, sees_storage, NULL, QTW_IGNORE_JOINALIASES)
                     ? tqp_decline(TQP_DECLINE_STORAGE)
                     : NULL;
    }
    if (reason != NULL) {
        l->reason = reason;
        return false;
    }
    l->secure |= hides_rows(q);
    if (q->groupingSets != NIL) {
        l->query = q = tqp_lower_grouping_sets(l, q);
        if (q == NULL)
            return false;
        uses.nrte = list_length(q->rtable);
    }
    l->used = uses.used = palloc0(sizeof(Bitmapset *) * ((Size)uses.nrte + 1));
    (void)query_tree_walker(q, note_uses, &uses, QTW_IGNORE_JOINALIASES);
    return true;
}

bool tqp_lower_is_used(const TqpLowering *l, int varno, AttrNumber attno) {
    return bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, l->used[varno]);
}

const TqpVarColumn *tqp_lower_column(const TqpLowering *l, int varno, AttrNumber attno) {
    ListCell *lc;
    foreach (lc, l->columns) {
        const TqpVarColumn *c = lfirst(lc);
        if (c->varno == varno && c->attno == attno)
            return c;
    }
    return NULL;
}
