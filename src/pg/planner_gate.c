/*
 * The first look at a query, which every statement of the server pays for: is there a table large
 * enough that a plan over it could reach the cost gate?  Nothing is copied before this.
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "pg/planner.h"
#include "pg/tqp_pg.h"

static const Oid equality_functions[] = {F_INT4EQ, F_INT8EQ,  F_INT48EQ,  F_INT84EQ,    F_INT2EQ,
                                         F_TEXTEQ, F_UUID_EQ, F_BPCHAREQ, F_NUMERIC_EQ, F_OIDEQ};

/* One query level, and its tables of which one row is read, found by their primary keys. */
typedef struct Gate {
    const Query *query;
    Bitmapset *keyed; /* rtindexes */
} Gate;

static bool is_equality(const OpExpr *op) {
    for (size_t i = 0; i < lengthof(equality_functions); i++)
        if (op->opfuncid == equality_functions[i])
            return list_length(op->args) == 2;
    return false;
}

/* A constant, or a column of another level or of a table known by its key. */
static bool is_single(const Gate *g, const Node *node) {
    const Var *var = (const Var *)node;
    if (!IsA(node, Var))
        return IsA(node, Const) || IsA(node, Param);
    return var->varlevelsup > 0 || bms_is_member(var->varno, g->keyed);
}

static bool is_column(const Node *node, int varno, AttrNumber column) {
    const Var *var = (const Var *)node;
    return IsA(node, Var) && var->varlevelsup == 0 && var->varno == varno &&
           var->varattno == column;
}

static bool equates(const Gate *g, const OpExpr *op, int varno, AttrNumber column) {
    if (!is_equality(op))
        return false;
    const Node *x = linitial(op->args), *y = lsecond(op->args);
    return (is_column(x, varno, column) && is_single(g, y)) ||
           (is_column(y, varno, column) && is_single(g, x));
}

/* Does a conjunct give the column a single value? */
static bool is_keyed_by(const Gate *g, const Node *quals, int varno, AttrNumber column) {
    ListCell *lc;
    if (quals == NULL)
        return false;
    if (IsA(quals, OpExpr))
        return equates(g, (const OpExpr *)quals, varno, column);
    if (IsA(quals, BoolExpr) && ((const BoolExpr *)quals)->boolop == AND_EXPR)
        foreach (lc, ((const BoolExpr *)quals)->args)
            if (is_keyed_by(g, lfirst(lc), varno, column))
                return true;
    return false;
}

static bool is_keyed_in(const Gate *g, const Node *item, int varno, AttrNumber column) {
    const JoinExpr *join = (const JoinExpr *)item;
    return IsA(item, JoinExpr) &&
           (is_keyed_by(g, join->quals, varno, column) ||
            is_keyed_in(g, join->larg, varno, column) || is_keyed_in(g, join->rarg, varno, column));
}

/* By WHERE, or by ON of any join. */
static bool is_keyed(const Gate *g, int varno, AttrNumber column) {
    ListCell *lc;
    if (is_keyed_by(g, g->query->jointree->quals, varno, column))
        return true;
    foreach (lc, g->query->jointree->fromlist)
        if (is_keyed_in(g, lfirst(lc), varno, column))
            return true;
    return false;
}

/* The column of a primary key of one column, or InvalidAttrNumber; from the relation cache. */
static AttrNumber key_column(Relation rel) {
    int member;
    if (rel->rd_pkattr == NULL) /* not computed yet, or no primary key */
        bms_free(RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY));
    if (!bms_get_singleton_member(rel->rd_pkattr, &member))
        return InvalidAttrNumber;
    return (AttrNumber)(member + FirstLowInvalidHeapAttributeNumber);
}

static bool is_user_table(const RangeTblEntry *rte) {
    return rte->rtekind == RTE_RELATION && rte->relid >= FirstNormalObjectId &&
           rte->relkind != RELKIND_VIEW && rte->relkind != RELKIND_FOREIGN_TABLE;
}

/*
 * A full scan is what we would replace; sorting or grouping costs a small multiple of it.  The
 * relation cache answers: every transaction of a busy server passes here.
 */
static bool is_large(Relation rel) {
    double pages = rel->rd_rel->relpages, rows = rel->rd_rel->reltuples;
    return rows < 0 ||                    /* never vacuumed: the planner looks at the file */
           rel->rd_rel->relhassubclass || /* its children have the rows */
           8.0 * (pages * seq_page_cost + rows * cpu_tuple_cost) >= tqp_min_cost;
}

/* A look-up by primary key could not reach the gate. */
static bool reads_one_row(const Gate *g, int varno, Relation rel) {
    AttrNumber column = key_column(rel);
    return column != InvalidAttrNumber && is_keyed(g, varno, column);
}

/* Is the table large?  Sets *keyed when it is known by its key from now on. */
static bool look_at(const Gate *g, int varno, Oid relid, bool *keyed) {
    Relation rel = RelationIdGetRelation(relid); /* locked since parse analysis */
    if (rel == NULL)
        return false;
    bool large = is_large(rel);
    *keyed = (large || list_length(g->query->rtable) > 1) && reads_one_row(g, varno, rel);
    RelationClose(rel);
    return large && !*keyed;
}

/* A table found by its key may make another one so, hence the rounds. */
static bool has_large_table(const Query *q) {
    Gate g = {.query = q};
    ListCell *lc;
    bool large, progress;
    do {
        large = progress = false;
        foreach (lc, q->rtable) {
            const RangeTblEntry *rte = lfirst(lc);
            int varno = foreach_current_index(lc) + 1;
            bool keyed = false;
            if (!is_user_table(rte) || bms_is_member(varno, g.keyed))
                continue;
            if (tqp_force)
                return true;
            large |= look_at(&g, varno, rte->relid, &keyed);
            if (keyed && list_length(q->rtable) > 1)
                g.keyed = bms_add_member(g.keyed, varno);
            progress |= keyed;
        }
    } while (large && progress);
    return large;
}

static bool has_large_query(const Query *q);

static bool has_large_sublink(Node *node, void *context) {
    if (node == NULL)
        return false;
    if (IsA(node, SubLink) && has_large_query((Query *)((SubLink *)node)->subselect))
        return true;
    return !IsA(node, Query) && expression_tree_walker(node, has_large_sublink, context);
}

/* Is there such a table here or in any subquery? */
static bool has_large_query(const Query *q) {
    ListCell *lc;
    if (has_large_table(q))
        return true;
    foreach (lc, q->rtable) {
        const RangeTblEntry *rte = lfirst(lc);
        if (rte->rtekind == RTE_SUBQUERY && has_large_query(rte->subquery))
            return true;
    }
    foreach (lc, q->cteList) {
        const Query *cte = (const Query *)((CommonTableExpr *)lfirst(lc))->ctequery;
        if (IsA(cte, Query) && has_large_query(cte))
            return true;
    }
    return q->hasSubLinks && (has_large_sublink((Node *)q->jointree, NULL) ||
                              has_large_sublink((Node *)q->targetList, NULL) ||
                              has_large_sublink(q->havingQual, NULL));
}

/* What is switched off and used all the same costs disable_cost; only then is that no work. */
double tqp_planner_work(double total_cost) {
    bool all = enable_seqscan && enable_indexscan && enable_bitmapscan && enable_tidscan &&
               enable_sort && enable_hashagg && enable_nestloop && enable_mergejoin &&
               enable_hashjoin && enable_gathermerge;
    return all || total_cost < disable_cost ? total_cost : fmod(total_cost, disable_cost);
}

bool tqp_planner_costly(double total_cost) {
    return tqp_force || tqp_planner_work(total_cost) >= tqp_min_cost;
}

/* The statements of a busy server mostly read one table. */
bool tqp_planner_gate(const Query *q) {
    const RangeTblEntry *rte = q->rtable != NIL ? linitial(q->rtable) : NULL;
    Gate g = {.query = q};
    bool keyed;
    if (list_length(q->rtable) != 1 || rte->rtekind != RTE_RELATION || q->cteList != NIL ||
        q->hasSubLinks)
        return has_large_query(q);
    return is_user_table(rte) && (tqp_force || look_at(&g, 1, rte->relid, &keyed));
}
