/*
 * Lowering: a Query copied before planning becomes tensor IR plus what PostgreSQL evaluates itself.
 * Functions return NULL (or false) when something has no form in the IR, with the reason kept.
 */
#ifndef TQP_PG_LOWER_H
#define TQP_PG_LOWER_H

#include "postgres.h"

#include "nodes/params.h"
#include "nodes/parsenodes.h"

#include "ir/ir.h"
#include "pg/plan.h"

/* A value that the level being lowered can read: a grouping key or aggregate above an AGGREGATE. */
typedef struct TqpInput {
    Node *expr;
    const TqpExpr *ir;
} TqpInput;

/* avg(): the engine sums and counts, PostgreSQL divides. */
typedef struct TqpAverage {
    Aggref *aggref;
    const TqpExpr *sum, *count;
    const TqpExpr *squares; /* of a float: computed for its overflow; else NULL */
    const TqpExpr *scale;   /* display scale of the sum where it depends on the rows; else NULL */
    Oid sum_type;
} TqpAverage;

/* One column that the engine gives back. */
typedef struct TqpOutput {
    const TqpExpr *ir;
    Oid type, collation;
    int32 typmod; /* of bpchar the width to pad to */
} TqpOutput;

typedef struct TqpLowering {
    TqpArena *arena;
    Query *query;
    Index rtindex;
    Oid relid;
    const char *reason; /* why the last thing failed; palloc'd or static */
    /* base relation */
    uint32_t ncolumns;
    const char **names; /* per scan column */
    TqpType *types;
    List *attnums;
    List *params;            /* TqpPlanParam * */
    List *functions;         /* OIDs */
    List *hosts;             /* Node *: expressions for HostEval, see TqpPlan */
    bool no_host;            /* what the IR lacks is better left to the tail */
    List *scales;            /* lower_scale.c: values whose display scale depends on the row */
    const TqpExpr *case_arg; /* what CaseTestExpr stands for */
    /* above the aggregate */
    bool grouped;
    List *keys;     /* TqpExpr * over the base relation */
    List *inputs;   /* TqpInput *: the aggregate's columns */
    List *averages; /* TqpAverage * */
    List *aggs;     /* TqpAgg * */
    List *outputs;  /* TqpOutput * */
    bool tail_may_raise;
} TqpLowering;

/* A query lowered piece by piece, before nodes are built. */
typedef struct TqpQueryParts {
    const TqpExpr *where;  /* NULL: none */
    const TqpExpr *having; /* NULL: none, or in the tail */
    List *target_exprs;    /* Node *, non-junk targets in order */
    uint32_t ntargets;
    bool tail;  /* PostgreSQL finishes; else the first ntargets outputs are the result */
    List *sort; /* TqpSortKey * over the projection */
    const TqpExpr *count, *offset;
} TqpQueryParts;

/* lower_query.c.  Scribbles on the query; fills all of plan but ir and original. NULL: reason is
 * set. */
extern const TqpNode *tqp_lower_query(TqpArena *arena, Query *query, ParamListInfo bound_params,
                                      TqpPlan *plan, const char **reason);

/* lower_order.c.  The conjuncts of a query in PostgreSQL's order of evaluation. */
typedef struct TqpConjuncts {
    List *where, *having;
    List *moved; /* those of where that stood in HAVING */
} TqpConjuncts;
extern TqpConjuncts tqp_lower_order(Query *query);

/* lower_build.c */
extern const TqpNode *tqp_lower_build(TqpLowering *l, const TqpQueryParts *parts, TqpPlan *plan);
/* Rewrites the IR, fills plan->ir and narrows plan->attnums to the columns still read. */
extern const TqpNode *tqp_lower_optimise(TqpArena *arena, const TqpNode *node, TqpPlan *plan,
                                         const char **reason);

/* lower_expr.c */
extern const TqpExpr *tqp_lower_expr(TqpLowering *l, Node *node);
extern bool tqp_lower_is_constant(Node *node); /* no Var, aggregate or CASE operand in it */
extern const TqpExpr *tqp_lower_fail(TqpLowering *l, const char *fmt, ...)
    pg_attribute_printf(2, 3);
extern const TqpExpr *tqp_lower_param(TqpLowering *l, Node *node, TqpType type,
                                      TqpRounding rounding);
extern const TqpExpr *tqp_lower_cast(TqpLowering *l, const TqpExpr *e, TqpType type);
/* The same text under another collation; e may be NULL and of any type. */
extern const TqpExpr *tqp_lower_collation(TqpLowering *l, const TqpExpr *e, Oid collation);
extern bool tqp_lower_text_type(TqpLowering *l, TqpTypeKind kind, Oid collation, TqpType *type);

extern bool tqp_lower_list(TqpLowering *l, List *nodes, const TqpExpr **out);

/* lower_scale.c: numeric display scales that depend on the row */
#define TQP_LOWER_SCALE_MAX 37 /* the greatest whose power of ten fits 128 bits */
/* The scale as an i32 expression, never NULL where e is not; NULL: it is always e->type.scale. */
extern const TqpExpr *tqp_lower_scale(const TqpLowering *l, const TqpExpr *e);
/* e, of which `scale` (may be NULL) is noted. */
extern const TqpExpr *tqp_lower_scaled(TqpLowering *l, const TqpExpr *e, const TqpExpr *scale);
/* Of an arithmetic call, and of COALESCE, GREATEST or LEAST over what unify gave; NULL: fixed. */
extern const TqpExpr *tqp_lower_scale_call(TqpLowering *l, TqpOp op, uint32_t n,
                                           const TqpExpr **args);
extern const TqpExpr *tqp_lower_choice_scale(TqpLowering *l, TqpOp op, uint32_t n,
                                             const TqpExpr **args, const TqpExpr **scales);
/* Bring alternatives to one type, that of the first which is not a NULL constant; `scales` receives
 * their own scales, or NULLs when all are the same. */
extern bool tqp_lower_unify(TqpLowering *l, uint32_t n, const TqpExpr **exprs,
                            const TqpExpr **scales);
/* The scale where e is not NULL, else NULL: an aggregate's argument. */
extern const TqpExpr *tqp_lower_scale_seen(TqpLowering *l, const TqpExpr *e);
/* One number that orders by value, then scale, for MIN and MAX; and the way back. */
extern const TqpExpr *tqp_lower_with_scale(TqpLowering *l, const TqpExpr *e);
extern const TqpExpr *tqp_lower_split_scale(TqpLowering *l, const TqpExpr *packed, TqpType type);

/* lower_choice.c; the node is of the type in the name */
extern const TqpExpr *tqp_lower_nullif(TqpLowering *l, Node *node);
extern const TqpExpr *tqp_lower_case(TqpLowering *l, Node *node);
extern const TqpExpr *tqp_lower_case_test(TqpLowering *l, Node *node);
extern const TqpExpr *tqp_lower_coalesce(TqpLowering *l, Node *node);
extern const TqpExpr *tqp_lower_minmax(TqpLowering *l, Node *node);

/* lower_compare.c */
extern const TqpExpr *tqp_lower_compare(TqpLowering *l, TqpOp op, Node *left, Node *right,
                                        Oid collation);
extern const TqpExpr *tqp_lower_array(TqpLowering *l, const ScalarArrayOpExpr *node);

/* lower_func.c.  Comparison operator that a function implements, if any. */
extern const TqpExpr *tqp_lower_function(TqpLowering *l, Oid funcid, List *args, Oid collation,
                                         Node *node);
extern bool tqp_lower_comparison_op(Oid funcid, TqpOp *op);

/* lower_host.c: as a lookup tensor that PostgreSQL fills; NULL leaves the reason as it was */
extern const TqpExpr *tqp_lower_host(TqpLowering *l, Node *node);
/* A strict function of one argument, applied to a narrow x that has no node. */
extern const TqpExpr *tqp_lower_host_cast(TqpLowering *l, Oid funcid, const TqpExpr *x, Oid from,
                                          Oid to);

/* lower_agg.c */
extern bool tqp_lower_aggregates(TqpLowering *l);

/* lower_tail.c: what is left for PostgreSQL's own functions */
extern int tqp_lower_output(TqpLowering *l, const TqpExpr *ir, Node *node, bool reuse);
/* The same for a sort key, whose display scale is not seen. */
extern int tqp_lower_sort_output(TqpLowering *l, const TqpExpr *ir, Node *node);
extern Node *tqp_lower_tail_expr(TqpLowering *l, Node *node); /* NULL: reason is set */

#endif
