/* What the files of decorrelation share. */
#ifndef TQP_OPT_UNNEST_H
#define TQP_OPT_UNNEST_H

#include "opt/pass.h"

/*
 * The right side of a dependent join without references to its left row (`outer 0`), but for those
 * in the expressions here, which are over node's columns.
 */
typedef struct TqpPulled {
    const TqpNode *node;
    TqpExprList outs;  /* the outputs of the right side */
    TqpExprList preds; /* a row counts for a left row when these are true */
    /*
     * An aggregate without keys: there is one row for each left row, made of NULLs where no row
     * counts; at most one does.  It is there when `having` is true.
     */
    bool one;
    TqpExprList having;
} TqpPulled;

/* *stuck, with false: the references cannot be pulled out.  Else false: the arena failed. */
bool tqp_opt_pull(TqpArena *a, const TqpNode *node, TqpPulled *out, bool *stuck);

/*
 * The general way: `domain` has the distinct left values that the right side needs, map[i] is its
 * column for column i of the left's nleft.  The result's outputs are node's, then the domain's; its
 * rows are node's for each row of the domain.  NULL with *why set when that cannot be done, else
 * when the arena failed.
 */
const TqpNode *tqp_opt_over_domain(TqpArena *a, const TqpNode *node, const TqpNode *domain,
                                   uint32_t nleft, const uint32_t *map, const char **why);

/* Does an expression below or in the node read the left row of the join that it is the right of? */
bool tqp_opt_reads_outer(const TqpNode *node);
bool tqp_opt_expr_reads_outer(const TqpExpr *e);                 /* `outer 0` in e */
void tqp_opt_outer_columns(const TqpNode *node, uint64_t *used); /* mark the left columns */
/*
 * e, or what is below node, moved from the right side of a dependent join to its place: `outer 0 i`
 * becomes column map[i] (map may be NULL where there is none), other levels are one less.
 */
const TqpExpr *tqp_opt_leave(TqpArena *a, const TqpExpr *e, const uint32_t *map);
const TqpNode *tqp_opt_leave_node(TqpArena *a, const TqpNode *node);

/* x IS NOT DISTINCT FROM y. */
const TqpExpr *tqp_opt_same(TqpArena *a, const TqpExpr *x, const TqpExpr *y);
/* The aggregates' results in columns first, ..., NULLs where no row has come: counts are 0 then. */
bool tqp_opt_add_results(TqpArena *a, TqpExprList *list, const TqpNode *aggregate, uint32_t first);
/* LIMIT without OFFSET that passes at least one row. */
bool tqp_opt_limit_passes_one(const TqpNode *limit);

#endif
