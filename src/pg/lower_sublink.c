/*
 * Subqueries in expressions.  Each is joined to the level's node, which so gets its value as one
 * more column: EXISTS, IN, ANY and ALL by a mark join, a scalar subquery by a single join.
 * PostgreSQL evaluates a scalar subquery only where its value is asked for; here an error in one
 * leads to a replay, which decides.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"

#include "pg/lower.h"

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};

static const TqpExpr *negate(TqpLowering *l, const TqpExpr *e) {
    return e != NULL ? tqp_ir_call1(l->arena, TQP_OP_NOT, type_bool, e) : NULL;
}

static void add_value(TqpLowering *l, SubLink *link, const TqpExpr *value) {
    TqpInput *input = palloc(sizeof(*input));
    *input = (TqpInput){(Node *)link, value};
    l->sublinks = lappend(l->sublinks, input);
}

/* The testexpr with the parameters standing for columns of `sub` behind those of the node. */
static const TqpExpr *lower_test(TqpLowering *l, Node *test, const TqpSubquery *sub) {
    const TqpSubquery *outer = l->sub;
    uint32_t first = l->sub_first;
    l->sub = sub;
    l->sub_first = l->node->noutputs;
    const TqpExpr *e = tqp_lower_expr(l, test);
    l->sub = outer;
    l->sub_first = first;
    return e;
}

/* x op ALL is NOT (NOT (x op) ANY), also for NULLs. */
static bool join_mark(TqpLowering *l, SubLink *link, const TqpSubquery *sub, bool dependent) {
    bool all = link->subLinkType == ALL_SUBLINK;
    const TqpExpr *pred = link->subLinkType == EXISTS_SUBLINK ? tqp_ir_const_bool(l->arena, true)
                                                              : lower_test(l, link->testexpr, sub);
    if (all)
        pred = negate(l, pred);
    if (pred == NULL)
        return false;
    l->node = tqp_ir_join(l->arena, TQP_JOIN_MARK, dependent, l->node, sub->node, pred);
    if (l->node == NULL)
        return false;
    const TqpExpr *mark = tqp_ir_col(l->arena, l->node->noutputs - 1, type_bool);
    add_value(l, link, all ? negate(l, mark) : mark);
    return true;
}

static const TqpExpr *sub_column(TqpLowering *l, const TqpSubquery *sub, uint32_t first, int k) {
    uint32_t index = (uint32_t)sub->index[k];
    const TqpExpr *e = tqp_ir_col(l->arena, first + index, sub->node->types[index]);
    if (sub->scale[k] < 0)
        return e;
    return tqp_lower_scaled(
        l, e,
        tqp_ir_col(l->arena, first + (uint32_t)sub->scale[k], (TqpType){.kind = TQP_TYPE_I32}));
}

/* Without a row the columns are NULL, and so are the value and the comparison of rows. */
static bool join_single(TqpLowering *l, SubLink *link, const TqpSubquery *sub, bool dependent) {
    uint32_t first = l->node->noutputs;
    const TqpExpr *value = link->subLinkType == EXPR_SUBLINK ? sub_column(l, sub, first, 0)
                                                             : lower_test(l, link->testexpr, sub);
    if (value == NULL)
        return false;
    l->node = tqp_ir_join(l->arena, TQP_JOIN_SINGLE, dependent, l->node, sub->node,
                          tqp_ir_const_bool(l->arena, true));
    add_value(l, link, value);
    return l->node != NULL;
}

static bool join_sublink(TqpLowering *l, SubLink *link) {
    Query *query = copyObject(castNode(Query, link->subselect));
    bool dependent = contain_vars_of_level((Node *)query, 1);
    TqpSubquery sub;
    switch (link->subLinkType) {
    case EXISTS_SUBLINK:
        return tqp_lower_subquery(l, l, query, dependent, TQP_NEED_ROWS, NULL, &sub) &&
               join_mark(l, link, &sub, dependent);
    case ANY_SUBLINK:
    case ALL_SUBLINK:
        return tqp_lower_subquery(l, l, query, dependent, TQP_NEED_ALL, NULL, &sub) &&
               join_mark(l, link, &sub, dependent);
    case EXPR_SUBLINK:
    case ROWCOMPARE_SUBLINK:
        return tqp_lower_subquery(l, l, query, dependent, TQP_NEED_ALL, NULL, &sub) &&
               join_single(l, link, &sub, dependent);
    default:
        tqp_lower_fail(l, TQP_DECLINE_ARRAY_SUBQUERY);
        return false;
    }
}

static const TqpExpr *find_value(const TqpLowering *l, const Node *node) {
    ListCell *lc;
    foreach (lc, l->sublinks) {
        const TqpInput *input = lfirst(lc);
        if (equal(input->expr, node))
            return input->ir;
    }
    return NULL;
}

/* Those inside a test come before those around it; what the aggregate gives needs none. */
static bool collect(Node *node, void *context) {
    TqpLowering *l = ((void **)context)[0];
    List **links = ((void **)context)[1];
    if (node == NULL || IsA(node, Query) || IsA(node, Aggref))
        return false;
    if (l->grouped && tqp_lower_input(l, node) != NULL)
        return false;
    (void)expression_tree_walker(node, collect, context);
    if (IsA(node, SubLink) && find_value(l, node) == NULL)
        *links = list_append_unique(*links, node);
    return false;
}

bool tqp_lower_sublinks(TqpLowering *l, Node *exprs) {
    List *links = NIL;
    ListCell *lc;
    if (!l->query->hasSubLinks)
        return true;
    (void)collect(exprs, (void *[]){l, &links});
    foreach (lc, links)
        if (!join_sublink(l, lfirst(lc)))
            return false;
    return true;
}

/* Arguments and filters of this level's aggregates, as a list. */
static bool collect_arguments(Node *node, void *arguments) {
    if (node == NULL || IsA(node, Query))
        return false;
    if (!IsA(node, Aggref))
        return expression_tree_walker(node, collect_arguments, arguments);
    const Aggref *a = (const Aggref *)node;
    *(List **)arguments = lappend(lappend(*(List **)arguments, a->args), a->aggfilter);
    return false;
}

bool tqp_lower_inner_sublinks(TqpLowering *l) {
    const Query *query = l->query;
    List *exprs = get_sortgrouplist_exprs(query->groupClause, query->targetList);
    (void)collect_arguments((Node *)query->targetList, &exprs);
    (void)collect_arguments(query->havingQual, &exprs);
    return tqp_lower_sublinks(l, (Node *)exprs);
}

const TqpExpr *tqp_lower_sublink(TqpLowering *l, Node *node) {
    const TqpExpr *value = find_value(l, node);
    return value != NULL ? value : tqp_lower_fail(l, TQP_DECLINE_SUBQUERY);
}

const TqpExpr *tqp_lower_sublink_param(TqpLowering *l, Node *node) {
    const Param *p = (const Param *)node;
    if (p->paramkind != PARAM_SUBLINK || l->sub == NULL || p->paramid > l->sub->ntargets)
        return tqp_lower_fail(l, TQP_DECLINE_SUBQUERY_PARAM);
    return sub_column(l, l->sub, l->sub_first, p->paramid - 1);
}
