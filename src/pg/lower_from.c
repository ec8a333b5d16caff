/*
 * FROM as joins.  Inner joins and comma lists grow one left-deep chain whose predicates are filters
 * above it: which predicate belongs to which join, and their order, is the optimiser's.  An outer
 * join is lowered by itself.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "pg/lower.h"

static bool lower_item(TqpLowering *l, Node *item);

/* The columns of both inputs of a join. */
static List *merge_columns(List *left, List *right, uint32_t shift) {
    ListCell *lc;
    foreach (lc, right) {
        TqpVarColumn *c = lfirst(lc);
        c->index += shift;
        c->scale += c->scale >= 0 ? (int)shift : 0;
    }
    return list_concat(left, right);
}

static void make_nullable(List *columns) {
    ListCell *lc;
    foreach (lc, columns)
        ((TqpVarColumn *)lfirst(lc))->not_null = false;
}

/* Add the leaf to what l has so far: a cross join. */
static bool add_leaf(TqpLowering *l, const TqpLeaf *leaf) {
    if (l->node == NULL) {
        l->node = leaf->node;
        l->columns = leaf->columns;
        return l->node != NULL;
    }
    l->columns = merge_columns(l->columns, leaf->columns, l->node->noutputs);
    l->node = tqp_ir_join(l->arena, TQP_JOIN_INNER, leaf->dependent, l->node, leaf->node,
                          tqp_ir_const_bool(l->arena, true));
    return l->node != NULL;
}

List *tqp_lower_subquery_columns(int rtindex, const TqpSubquery *sub) {
    List *columns = NIL;
    for (int i = 0; i < sub->ntargets; i++) {
        if (sub->index[i] < 0)
            continue;
        TqpVarColumn *c = palloc0(sizeof(*c));
        c->varno = rtindex;
        c->attno = (AttrNumber)(i + 1);
        c->index = (uint32_t)sub->index[i];
        c->type = sub->node->types[c->index];
        c->scale = sub->scale[i];
        columns = lappend(columns, c);
    }
    return columns;
}

/* Do the rows of the one item in FROM come out as they are, but for those that WHERE drops? */
static bool hands_rows_on(const Query *q) {
    return list_length(q->jointree->fromlist) == 1 &&
           IsA(linitial(q->jointree->fromlist), RangeTblRef) && !q->hasAggs &&
           q->groupClause == NIL && q->groupingSets == NIL && q->havingQual == NULL &&
           q->distinctClause == NIL && q->sortClause == NIL && q->setOperations == NULL;
}

static bool lower_subquery(TqpLowering *l, int rtindex, const RangeTblEntry *rte, TqpLeaf *leaf) {
    TqpSubquery sub;
    leaf->dependent = rte->lateral && contain_vars_of_level((Node *)rte->subquery, 1);
    l->passes_order = hands_rows_on(l->query);
    bool ok = tqp_lower_subquery(l, l, rte->subquery, leaf->dependent, TQP_NEED_USED,
                                 l->used[rtindex], &sub);
    l->passes_order = false;
    if (!ok)
        return false;
    leaf->node = sub.node;
    leaf->columns = tqp_lower_subquery_columns(rtindex, &sub);
    return true;
}

static bool lower_with(TqpLowering *l, int rtindex, const RangeTblEntry *rte, TqpLeaf *leaf) {
    l->passes_order = hands_rows_on(l->query);
    bool ok = tqp_lower_cte(l, rtindex, rte, leaf);
    l->passes_order = false;
    return ok;
}

/* While a lateral subquery is lowered, l holds what is to its left. */
static bool lower_leaf(TqpLowering *l, int rtindex, TqpLeaf *leaf) {
    const RangeTblEntry *rte = rt_fetch(rtindex, l->query->rtable);
    *leaf = (TqpLeaf){0};
    switch (rte->rtekind) {
    case RTE_RELATION:
        return tqp_lower_scan(l, rtindex, leaf);
    case RTE_SUBQUERY:
        return lower_subquery(l, rtindex, rte, leaf);
    case RTE_CTE:
        return lower_with(l, rtindex, rte, leaf);
    case RTE_VALUES:
        return tqp_lower_values(l, rtindex, rte->values_lists, leaf);
    case RTE_FUNCTION:
        return tqp_lower_function_scan(l, rtindex, leaf);
    default:
        tqp_lower_fail(l, TQP_DECLINE_FROM_ITEM);
        return false;
    }
}

/* One side of an outer join by itself; `before`: what a lateral subquery there may read. */
static bool lower_side(TqpLowering *l, Node *item, const TqpLeaf *before, TqpLeaf *side) {
    l->node = before != NULL ? before->node : NULL;
    l->columns = before != NULL ? before->columns : NIL;
    if (IsA(item, RangeTblRef))
        return lower_leaf(l, ((RangeTblRef *)item)->rtindex, side);
    l->node = NULL;
    l->columns = NIL;
    if (!lower_item(l, item))
        return false;
    *side = (TqpLeaf){.node = l->node, .columns = l->columns};
    return true;
}

static const TqpExpr *lower_on(TqpLowering *l, List *quals) {
    List *irs = NIL;
    ListCell *lc;
    foreach (lc, quals) {
        l->no_rows = true;
        const TqpExpr *e = tqp_lower_expr(l, lfirst(lc));
        l->no_rows = false;
        if (e == NULL)
            return NULL;
        irs = lappend(irs, (void *)e);
    }
    return irs != NIL ? tqp_lower_conjunction(l, irs) : tqp_ir_const_bool(l->arena, true);
}

typedef struct Reads {
    const List *left; /* TqpVarColumn * */
    Index depth;      /* of the level where the walk stands */
    bool reads_left, reads_right;
} Reads;

static bool find_reads(Node *node, void *context) {
    Reads *r = context;
    ListCell *lc;
    if (node == NULL)
        return false;
    if (IsA(node, Query)) {
        r->depth++;
        (void)query_tree_walker((Query *)node, find_reads, context, 0);
        r->depth--;
        return false;
    }
    if (!IsA(node, Var))
        return expression_tree_walker(node, find_reads, context);
    const Var *var = (const Var *)node;
    bool left = false;
    if (var->varlevelsup != r->depth)
        return false;
    foreach (lc, r->left)
        left |= ((const TqpVarColumn *)lfirst(lc))->varno == var->varno;
    r->reads_left |= left;
    r->reads_right |= !left;
    return false;
}

static Reads reads_of(Node *node, const TqpLeaf *left) {
    Reads r = {.left = left->columns};
    (void)find_reads(node, &r);
    return r;
}

/* What only reads the right side rejects its rows before an outer join, subqueries and all. */
static bool filter_right(TqpLowering *l, const TqpLeaf *left, TqpLeaf *right, List **quals) {
    List *own = NIL;
    ListCell *lc;
    foreach (lc, *quals) {
        Reads r = reads_of(lfirst(lc), left);
        if (r.reads_left || !r.reads_right)
            continue;
        own = lappend(own, lfirst(lc));
        *quals = foreach_delete_current(*quals, lc);
    }
    l->node = right->node;
    l->columns = right->columns;
    bool ok = own == NIL || tqp_lower_filter(l, own);
    right->node = l->node;
    return ok;
}

typedef struct Links {
    const TqpLeaf *left;
    List *of_left, *of_right;
    bool of_both;
} Links;

static bool find_links(Node *node, void *context) {
    Links *links = context;
    if (node == NULL || IsA(node, Query))
        return false;
    if (!IsA(node, SubLink))
        return expression_tree_walker(node, find_links, context);
    Reads r = reads_of(node, links->left);
    links->of_both |= r.reads_left && r.reads_right;
    if (r.reads_right)
        links->of_right = lappend(links->of_right, node);
    else
        links->of_left = lappend(links->of_left, node);
    return false;
}

static bool add_links(TqpLowering *l, TqpLeaf *side, List *links) {
    l->node = side->node;
    l->columns = side->columns;
    bool ok = tqp_lower_sublinks(l, (Node *)links);
    side->node = l->node;
    return ok;
}

static const TqpExpr *shift_column(TqpArena *a, const TqpExpr *e, void *by) {
    return e->op == TQP_OP_COL ? tqp_ir_col(a, e->index + *(uint32_t *)by, e->type) : e;
}

/* The value of a subquery in ON becomes a column of the side that it reads. */
static bool lower_links(TqpLowering *l, TqpLeaf *left, TqpLeaf *right, List *quals) {
    Links links = {.left = left};
    ListCell *lc;
    (void)find_links((Node *)quals, &links);
    if (links.of_both || (right->dependent && links.of_right != NIL)) {
        tqp_lower_fail(l, TQP_DECLINE_ON_SUBQUERY);
        return false;
    }
    if (!add_links(l, left, links.of_left))
        return false;
    int nleft = list_length(l->sublinks);
    if (!add_links(l, right, links.of_right))
        return false;
    for_each_from(lc, l->sublinks, nleft) {
        TqpInput *value = lfirst(lc);
        value->ir =
            tqp_ir_expr_map(l->arena, value->ir, shift_column, (void *)&left->node->noutputs);
        if (value->ir == NULL)
            return false;
    }
    return true;
}

static bool join_sides(TqpLowering *l, const JoinExpr *join, TqpLeaf *left, TqpLeaf *right,
                       TqpLeaf *result) {
    List *outer_links = l->sublinks, *quals = make_ands_implicit((Expr *)copyObject(join->quals));
    TqpJoinKind kind = join->jointype == JOIN_FULL ? TQP_JOIN_FULL : TQP_JOIN_LEFT;
    if (kind == TQP_JOIN_FULL)
        make_nullable(left->columns);
    make_nullable(right->columns);
    l->sublinks = NIL;
    if (kind == TQP_JOIN_LEFT && !right->dependent && !filter_right(l, left, right, &quals))
        return false;
    l->sublinks = NIL;
    if (!lower_links(l, left, right, quals))
        return false;
    l->columns = merge_columns(left->columns, right->columns, left->node->noutputs);
    const TqpExpr *pred = lower_on(l, quals);
    l->sublinks = outer_links;
    if (pred == NULL)
        return false;
    *result = (TqpLeaf){
        .node = tqp_ir_join(l->arena, kind, right->dependent, left->node, right->node, pred),
        .columns = l->columns};
    return result->node != NULL;
}

static bool lower_outer(TqpLowering *l, const JoinExpr *join) {
    TqpLeaf before = {.node = l->node, .columns = l->columns}, left, right, result;
    bool swap = join->jointype == JOIN_RIGHT;
    if (!lower_side(l, swap ? join->rarg : join->larg, NULL, &left) ||
        !lower_side(l, swap ? join->larg : join->rarg, &left, &right) ||
        !join_sides(l, join, &left, &right, &result))
        return false;
    l->node = before.node;
    l->columns = before.columns;
    return add_leaf(l, &result);
}

static bool lower_item(TqpLowering *l, Node *item) {
    const JoinExpr *join = (const JoinExpr *)item;
    TqpLeaf leaf;
    check_stack_depth();
    if (IsA(item, RangeTblRef))
        return lower_leaf(l, ((RangeTblRef *)item)->rtindex, &leaf) && add_leaf(l, &leaf);
    if (join->jointype != JOIN_INNER)
        return lower_outer(l, join);
    return lower_item(l, join->larg) && lower_item(l, join->rarg) &&
           tqp_lower_filter(l, make_ands_implicit((Expr *)join->quals));
}

/* FROM is missing: one row. */
static bool one_row(TqpLowering *l) {
    TqpType type = {.kind = TQP_TYPE_BOOL};
    const TqpExpr *value = tqp_ir_const_bool(l->arena, true);
    l->node = tqp_ir_values(l->arena, 1, &type, 1, &value);
    return l->node != NULL;
}

bool tqp_lower_from(TqpLowering *l) {
    ListCell *lc;
    TqpLeaf leaf = {0};
    if (l->query->setOperations != NULL)
        return tqp_lower_setop(l, &leaf) && add_leaf(l, &leaf);
    foreach (lc, l->query->jointree->fromlist)
        if (!lower_item(l, lfirst(lc)))
            return false;
    return l->node != NULL || one_row(l);
}
