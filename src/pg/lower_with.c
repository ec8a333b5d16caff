/*
 * References to WITH queries.  One that PostgreSQL computes once for several references is lowered
 * once and shared; the optimiser may still give each reader a copy.  Any other is lowered in the
 * reference's place, and so is one that reads the row of a query around it.
 */
#include "postgres.h"

#include "pg/lower.h"

/* Of queries with several references that read a row around them, in one statement. */
enum { COPIES_MAX = 64 };

typedef struct SharedQuery {
    const CommonTableExpr *cte;
    TqpSubquery sub;
} SharedQuery;

static bool find_cte(TqpLowering *l, const RangeTblEntry *rte, TqpLowering **definer,
                     CommonTableExpr **cte) {
    ListCell *lc;
    TqpLowering *level = l;
    for (Index up = 0; up < rte->ctelevelsup && level != NULL; up++)
        level = level->outer;
    if (level == NULL || rte->self_reference)
        return false;
    foreach (lc, level->query->cteList) {
        *cte = lfirst(lc);
        *definer = level;
        if (strcmp((*cte)->ctename, rte->ctename) == 0)
            return !(*cte)->cterecursive && IsA((*cte)->ctequery, Query);
    }
    return false;
}

/* Does PostgreSQL compute all of it?  Else its text takes the place of the one reference. */
static bool is_materialised(const CommonTableExpr *cte) {
    return cte->ctematerialized == CTEMaterializeAlways ||
           (cte->ctematerialized == CTEMaterializeDefault && cte->cterefcount > 1);
}

/* Lowered already?  Its place in the list is its number. */
static const TqpSubquery *find_shared(const TqpLowering *l, const CommonTableExpr *cte,
                                      uint32_t *number) {
    ListCell *lc;
    foreach (lc, l->shared) {
        const SharedQuery *q = lfirst(lc);
        *number = (uint32_t)foreach_current_index(lc);
        if (q->cte == cte)
            return &q->sub;
    }
    return NULL;
}

static const TqpSubquery *add_shared(TqpLowering *l, const CommonTableExpr *cte,
                                     const TqpSubquery *sub, uint32_t *number) {
    SharedQuery *q = palloc(sizeof(*q));
    *q = (SharedQuery){cte, *sub};
    *number = (uint32_t)list_length(l->shared);
    l->shared = lappend(l->shared, q);
    return &q->sub;
}

static bool lower_anew(TqpLowering *l, int rtindex, TqpLowering *definer,
                       const CommonTableExpr *cte, TqpSubquery *sub) {
    bool whole = is_materialised(cte);
    if (cte->cterefcount > 1 && ++l->with_copies > COPIES_MAX) {
        tqp_lower_fail(l, TQP_DECLINE_WITH_COPIES);
        return false;
    }
    Query *query = copyObject(castNode(Query, cte->ctequery));
    if (!tqp_lower_subquery(l, definer, query, false, whole ? TQP_NEED_ALL : TQP_NEED_USED,
                            l->used[rtindex], sub))
        return false;
    return !whole || (sub->node = tqp_opt_fence(l->arena, sub->node)) != NULL;
}

bool tqp_lower_cte(TqpLowering *l, int rtindex, const RangeTblEntry *rte, TqpLeaf *leaf) {
    TqpLowering *definer = l;
    CommonTableExpr *cte;
    TqpSubquery sub;
    uint32_t number;
    if (!find_cte(l, rte, &definer, &cte)) {
        tqp_lower_fail(l, TQP_DECLINE_RECURSIVE);
        return false;
    }
    /* Where this reader hands rows on in their order it has a copy that is sorted. */
    bool several = cte->cterefcount > 1 && is_materialised(cte) &&
                   (!l->passes_order || castNode(Query, cte->ctequery)->sortClause == NIL);
    const TqpSubquery *shared = several ? find_shared(l, cte, &number) : NULL;
    if (shared == NULL) {
        if (!lower_anew(l, rtindex, definer, cte, &sub))
            return false;
        if (several && tqp_opt_is_closed(l->arena, sub.node)) {
            shared = add_shared(l, cte, &sub, &number);
            l->with_copies--;
        }
    }
    leaf->node = shared != NULL ? tqp_ir_shared(l->arena, number, shared->node) : sub.node;
    leaf->columns = tqp_lower_subquery_columns(rtindex, shared != NULL ? shared : &sub);
    return leaf->node != NULL;
}

const TqpNode *tqp_lower_with(const TqpLowering *l, const TqpNode *node) {
    for (int i = list_length(l->shared) - 1; i >= 0; i--) {
        const SharedQuery *q = list_nth(l->shared, i);
        node = tqp_ir_with(l->arena, (uint32_t)i, q->sub.node, node);
    }
    return node;
}
