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
#include "opt/opt.h"
#include "pg/decline.h"
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
    const TqpExpr *scale; /* display scale of the sum where it depends on the rows; else NULL */
    Oid sum_type;
} TqpAverage;

/* A variance or standard deviation of integers or numerics: PostgreSQL finishes it. */
typedef struct TqpVariance {
    Aggref *aggref;
    const TqpExpr *sum, *squares, *count;
    const TqpExpr *scale; /* as in TqpAverage */
    Oid sum_type, finish; /* the function tqp.variance */
    bool sample, root;    /* its arguments */
} TqpVariance;

/* How the columns of an aggregate become its result: aggregates.def. */
typedef enum TqpFinish {
    TQP_FINISH_PLAIN,
    TQP_FINISH_AVERAGE,
    TQP_FINISH_VAR_POP,
    TQP_FINISH_VAR_SAMP,
    TQP_FINISH_STDDEV_POP,
    TQP_FINISH_STDDEV_SAMP,
    TQP_FINISH_REGR_COUNT,
    TQP_FINISH_REGR_SXX,
    TQP_FINISH_REGR_SYY,
    TQP_FINISH_REGR_SXY,
    TQP_FINISH_REGR_AVGX,
    TQP_FINISH_REGR_AVGY,
    TQP_FINISH_REGR_R2,
    TQP_FINISH_REGR_SLOPE,
    TQP_FINISH_REGR_INTERCEPT,
    TQP_FINISH_COVAR_POP,
    TQP_FINISH_COVAR_SAMP,
    TQP_FINISH_CORR
} TqpFinish;

/* One column that the engine gives back. */
typedef struct TqpOutput {
    const TqpExpr *ir;
    Oid type, collation;
    int32 typmod; /* of bpchar the width to pad to */
} TqpOutput;

/* A column that a Var of the level stands for. */
typedef struct TqpVarColumn {
    int varno;
    AttrNumber attno;
    uint32_t index; /* in the outputs of the level's node */
    TqpType type;
    int scale;          /* output with its display scale (i32) where that depends on the row; -1 */
    bool not_null;      /* declared so and on no nullable side of a join */
    const char *reason; /* not NULL: why there is none */
} TqpVarColumn;

/* A subquery lowered: output `index[k]` is its non-junk target k, -1 when that was not needed. */
typedef struct TqpSubquery {
    const TqpNode *node;
    int ntargets;
    int *index;
    int *scale; /* as in TqpVarColumn */
} TqpSubquery;

/* The lowering of one query level; levels inside begin with the lists of the first part. */
typedef struct TqpLowering {
    bool passes_order; /* the subquery about to be lowered gives its rows to a level that keeps them
                        */
    bool ordered;      /* such a subquery: its ORDER BY is seen */
    TqpArena *arena;
    ParamListInfo bound_params;
    List *planned;      /* RangeTblEntry * of PostgreSQL's plan; NIL: not known */
    const char *reason; /* why the last thing failed; palloc'd or static */
    List *relations;    /* TqpPlanRelation *, in the order of the IR's numbers */
    List *params;       /* TqpPlanParam * */
    List *functions;    /* OIDs */
    List *hosts;        /* Node *: expressions for HostEval, see TqpPlan */
    List *shared; /* lower_with.c: WITH queries lowered once, each after those that it reads */
    uint32_t with_copies; /* lower_with.c: lowered anew, though there are several references */
    bool secure; /* some rows are hidden from the user: only leakproof functions in HostEval */
    /* this level */
    Query *query;
    struct TqpLowering *outer; /* the level that Vars of varlevelsup 1 belong to, or NULL */
    uint32_t depth;            /* dependent joins on whose right side this level stands */
    Bitmapset **used;          /* per rtindex: attnos + FirstLowInvalidHeapAttributeNumber */
    const TqpNode *node;       /* what is lowered so far; NULL: nothing */
    List *columns;             /* TqpVarColumn *: what Vars read of node, below an aggregate */
    List *sublinks;            /* TqpInput *: values of SubLinks, in columns of node */
    const TqpSubquery *sub;    /* what PARAM_SUBLINK parameters read; else NULL */
    uint32_t sub_first;        /* its first column in the predicate */
    bool has_tail;             /* what stands here PostgreSQL can finish: the outermost targets */
    bool no_host;              /* what the IR lacks is better left to the tail */
    bool no_rows;              /* a condition that is evaluated for pairs of rows */
    List *scales;              /* lower_scale.c: values whose display scale depends on the row */
    const TqpExpr *case_arg;   /* what CaseTestExpr stands for */
    /* above the aggregate */
    bool grouped;
    List *keys;      /* TqpExpr * over the input of the aggregate */
    List *inputs;    /* TqpInput *: the aggregate's columns */
    List *averages;  /* TqpAverage * */
    List *variances; /* TqpVariance * */
    List *aggs;      /* TqpAgg * */
    List *outputs;   /* TqpOutput * */
    bool tail_may_raise;
} TqpLowering;

/* A query lowered piece by piece, before nodes are built. */
typedef struct TqpQueryParts {
    List *target_exprs; /* Node *, non-junk targets in order */
    uint32_t ntargets;
    bool tail;  /* PostgreSQL finishes; else the first ntargets outputs are the result */
    List *each; /* DISTINCT ON: TqpSortKey * over the projection */
    List *sort; /* likewise */
    const TqpExpr *count, *offset;
    bool ties;
} TqpQueryParts;

/*
 * lower_query.c.  Scribbles on the query; fills all of plan but ir.  plan->original, PostgreSQL's
 * own plan, may be NULL when the query is only to be shown.  NULL: reason is set.
 */
extern const TqpNode *tqp_lower_query(TqpArena *arena, Query *query, ParamListInfo bound_params,
                                      TqpPlan *plan, const char **reason);

/* lower_grouping.c: the query as UNION ALL of one query per grouping set; NULL: reason is set */
extern Query *tqp_lower_grouping_sets(TqpLowering *l, const Query *query);

/* lower_level.c.  Folds constants and join aliases; false when the level has no form in the IR. */
extern bool tqp_lower_prepare(TqpLowering *l);
extern bool tqp_lower_is_used(const TqpLowering *l, int varno, AttrNumber attno);
/* The column of a Var of this level, or NULL. */
extern const TqpVarColumn *tqp_lower_column(const TqpLowering *l, int varno, AttrNumber attno);

/* lower_body.c: FROM, WHERE, GROUP BY and HAVING.  Without a plan nothing is left to a tail. */
extern bool tqp_lower_body(TqpLowering *l, TqpPlan *plan);
/* Keep the rows of l->node for which all are true; empty: all rows. */
extern bool tqp_lower_filter(TqpLowering *l, List *quals);
extern const TqpExpr *tqp_lower_conjunction(TqpLowering *l, List *irs); /* NULL: none */

/* lower_from.c: FROM becomes l->node and l->columns */
extern bool tqp_lower_from(TqpLowering *l);

/* An entry of the range table by itself; indexes of its columns count from its first output. */
typedef struct TqpLeaf {
    const TqpNode *node;
    List *columns; /* TqpVarColumn * */
    bool dependent;
} TqpLeaf;

/* lower_scan.c, lower_values.c */
extern bool tqp_lower_scan(TqpLowering *l, int rtindex, TqpLeaf *leaf);
extern bool tqp_lower_values(TqpLowering *l, int rtindex, List *lists, TqpLeaf *leaf);
/* lower_function_scan.c: the rows of an immutable function of constants, computed now, as VALUES.
 */
extern bool tqp_lower_function_scan(TqpLowering *l, int rtindex, TqpLeaf *leaf);

/* What Vars of entry rtindex read of the subquery; indexes count from its first output. */
extern List *tqp_lower_subquery_columns(int rtindex, const TqpSubquery *sub);

/* lower_with.c */
extern bool tqp_lower_cte(TqpLowering *l, int rtindex, const RangeTblEntry *rte, TqpLeaf *leaf);
/* The query's node, below what it shares. */
extern const TqpNode *tqp_lower_with(const TqpLowering *l, const TqpNode *node);

/* lower_setop.c: the rows of the set operations, under the names of their leftmost query */
extern bool tqp_lower_setop(TqpLowering *l, TqpLeaf *leaf);

/* lower_subquery.c */
typedef enum TqpNeed { TQP_NEED_ROWS, TQP_NEED_USED, TQP_NEED_ALL } TqpNeed;
/*
 * Scribbles on the query, whose names are those of a query inside of `definer`; it will stand in
 * l's node, on the right of a dependent join if `dependent`.  `used`: resnos + FirstLowInvalid...
 */
extern bool tqp_lower_subquery(TqpLowering *l, TqpLowering *definer, Query *query, bool dependent,
                               TqpNeed need, const Bitmapset *used, TqpSubquery *out);

/* lower_sublink.c: the values of all SubLinks in the expressions become columns of l->node */
extern bool tqp_lower_sublinks(TqpLowering *l, Node *exprs);
/* Of those that are evaluated below the aggregate: in keys and in arguments. */
extern bool tqp_lower_inner_sublinks(TqpLowering *l);
extern const TqpExpr *tqp_lower_sublink(TqpLowering *l, Node *node);
extern const TqpExpr *tqp_lower_sublink_param(TqpLowering *l, Node *node);

/* lower_order.c.  The conjuncts of a query in PostgreSQL's order of evaluation. */
typedef struct TqpConjuncts {
    List *where, *having;
    List *moved; /* those of where that stood in HAVING */
} TqpConjuncts;
extern TqpConjuncts tqp_lower_order(Query *query);

/* lower_query.c */
extern bool tqp_lower_direction(TqpLowering *l, const SortGroupClause *clause, Node *expr,
                                TqpSortKey *key);
extern bool tqp_lower_bound(TqpLowering *l, Node *node, const TqpExpr **out); /* of LIMIT */
/* DISTINCT of a query without groups is grouping by its columns. */
extern void tqp_lower_distinct_as_groups(Query *query);

/* lower_number.c; of lists of TqpSortKey * over the node, whose columns come out. */
/* The first row in that order for each value of the keys `each`. */
extern const TqpNode *tqp_lower_first_of_each(TqpLowering *l, const TqpNode *node, List *each,
                                              List *order);
extern const TqpNode *tqp_lower_with_ties(TqpLowering *l, const TqpNode *node, List *order,
                                          const TqpExpr *count, const TqpExpr *offset);
/* The columns, the number of the row among those equal in the first ncolumns, one column more. */
extern const TqpNode *tqp_lower_number_equals(TqpLowering *l, const TqpNode *node, int ncolumns);

/* lower_build.c */
/* lower_stats.c: of TqpPlanRelation *, whose columns are those of the unoptimised scans */
extern TqpOptRelation *tqp_lower_stats(TqpArena *arena, List *relations);

extern const TqpNode *tqp_lower_aggregate(TqpLowering *l);
extern const TqpNode *tqp_lower_build(TqpLowering *l, const TqpQueryParts *parts, TqpPlan *plan);
/* Rewrites the IR, fills plan->ir and narrows the relations to the columns still read. */
extern const TqpNode *tqp_lower_optimise(TqpArena *arena, const TqpNode *node, TqpPlan *plan,
                                         const char **reason);

/* lower_expr.c */
extern const TqpExpr *tqp_lower_expr(TqpLowering *l, Node *node);
/* What a grouped level has for this very expression, or NULL. */
extern const TqpExpr *tqp_lower_input(const TqpLowering *l, Node *node);
extern bool tqp_lower_is_constant(Node *node); /* no Var, aggregate or CASE operand in it */
/* Set the reason: of declines.def, with strings for its %s, or one that was made of it.  NULL. */
extern const TqpExpr *tqp_lower_fail(TqpLowering *l, TqpDecline id, ...);
extern const TqpExpr *tqp_lower_refuse(TqpLowering *l, const char *reason);
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
/* Where the scale is one of two: is it the higher, and e not NULL?  Else NULL. */
extern const TqpExpr *tqp_lower_high_scale(TqpLowering *l, const TqpExpr *e, int32 *low,
                                           int32 *high);
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

/* lower_host.c: as a call of PostgreSQL for each value or row; NULL leaves the reason as it was */
extern const TqpExpr *tqp_lower_host(TqpLowering *l, Node *node);
/* A strict function of one argument, applied to a narrow x that has no node. */
extern const TqpExpr *tqp_lower_host_cast(TqpLowering *l, Oid funcid, const TqpExpr *x, Oid from,
                                          Oid to);

/* lower_divide.c: a numeric quotient with its display scale, and avg() above an aggregate */
extern const TqpExpr *tqp_lower_quotient(TqpLowering *l, const TqpExpr *x, const TqpExpr *y);
extern const TqpExpr *tqp_lower_average(TqpLowering *l, Node *node);

/* lower_agg.c */
extern bool tqp_lower_aggregates(TqpLowering *l);
/* The column of an engine aggregate behind nkeys keys, which is added unless there is an equal one.
 */
extern const TqpExpr *tqp_lower_agg_column(TqpLowering *l, uint32_t nkeys, TqpAgg agg);
/*
 * The greatest display scale over the rows that an aggregate of e takes; NULL when e has one scale.
 */
extern const TqpExpr *tqp_lower_agg_scale(TqpLowering *l, uint32_t nkeys, const TqpExpr *e,
                                          const TqpExpr *filter);
/* What the level reads where `expr` stands. */
extern void tqp_lower_add_input(TqpLowering *l, Node *expr, const TqpExpr *ir);

/* lower_variance.c: of the aggregate of the call's argument or pair; false: reason is set */
extern bool tqp_lower_variance(TqpLowering *l, uint32_t nkeys, Aggref *aggref, TqpAgg agg,
                               TqpFinish finish);

/* lower_tail.c: what is left for PostgreSQL's own functions */
extern int tqp_lower_output(TqpLowering *l, const TqpExpr *ir, Node *node, bool reuse);
/* The same for a sort key, whose display scale is not seen. */
extern int tqp_lower_sort_output(TqpLowering *l, const TqpExpr *ir, Node *node);
extern Node *tqp_lower_tail_expr(TqpLowering *l, Node *node); /* NULL: reason is set */

#endif
