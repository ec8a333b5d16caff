/* What the files of join_order share. */
#ifndef TQP_OPT_JOIN_ORDER_H
#define TQP_OPT_JOIN_ORDER_H

#include "opt/pass.h"

/* Estimates stop here, so that sums of costs stay finite. */
#define TQP_ESTIMATE_MAX 1e60

/* Of a node's output: rows, and of each column what is thought to be in it. */
typedef struct TqpEstimate {
    double rows;
    double base_rows;      /* of the scan before its filters; rows where there is none */
    TqpOptColumn *columns; /* noutputs of them */
} TqpEstimate;

bool tqp_opt_estimate(const TqpOptContext *ctx, const TqpNode *node, TqpEstimate *out);
bool tqp_opt_estimate_shared(const TqpOptContext *ctx, const TqpNode *node, TqpEstimate *out);
/* The share of rows, with these columns, of which e is true; narrows the columns to them. */
double tqp_opt_selectivity(const TqpExpr *e, TqpOptColumn *columns);

enum { TQP_JOIN_RELATIONS_MAX = 60 };

/*
 * A region of joins that may be reordered.  Its relations' columns are numbered one after another
 * ("global").  The right side of a semi or anti join is a relation too, one that can only be
 * joined, on the right, to a set that has all the relations which its predicate reads.
 */
typedef struct TqpJoinRelation {
    const TqpNode *node;
    uint32_t first; /* global number of its first column */
    TqpEstimate estimate;
    TqpJoinKind kind;    /* INNER, or SEMI or ANTI for a right side */
    const TqpExpr *pred; /* of SEMI and ANTI, over global columns */
    uint64_t needs;      /* of SEMI and ANTI: relations that pred reads */
    double selectivity;  /* of SEMI and ANTI */
} TqpJoinRelation;

/* Conjuncts that are no equality of columns of two relations. */
typedef struct TqpJoinPred {
    const TqpExpr *expr; /* over global columns */
    uint64_t reads;      /* relations */
    double selectivity;
} TqpJoinPred;

typedef struct TqpJoinRegion {
    const TqpOptContext *ctx;
    uint32_t n;
    TqpJoinRelation relations[TQP_JOIN_RELATIONS_MAX];
    uint32_t ncolumns;
    uint32_t *class_of; /* by global column: columns of one class are equal; itself when alone */
    uint32_t *relation_of;
    uint32_t npreds;
    TqpJoinPred *preds;
} TqpJoinRegion;

typedef struct TqpJoinPlan {
    uint64_t set; /* of relations */
    double rows, cost;
    const struct TqpJoinPlan *left, *right; /* NULL in a leaf */
} TqpJoinPlan;

/* The best plan found for all relations; NULL when the arena failed. */
const TqpJoinPlan *tqp_opt_search(TqpArena *a, const TqpJoinRegion *region);

#endif
