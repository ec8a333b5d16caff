/* What the passes share.  A pass is one function, named in passes.def, in a file of its name. */
#ifndef TQP_OPT_PASS_H
#define TQP_OPT_PASS_H

#include "opt/opt.h"

typedef struct TqpOptContext {
    TqpArena *arena;
    uint32_t nrelations;
    TqpScanColumns *scan_columns;       /* by relation, or NULL */
    const TqpOptRelation *stats;        /* likewise */
    struct TqpOptEstimated **estimated; /* definitions, in opt/shared.c */
    TqpError *err;
} TqpOptContext;

#define TQP_PASS(name, fn, note)                                                                   \
    TqpStatus tqp_opt_##fn(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out)             \
        TQP_NODISCARD;
#include "opt/passes.def"
#undef TQP_PASS

/* The arena's failure as a status with a message. */
TqpStatus tqp_opt_no_memory(TqpOptContext *ctx) TQP_NODISCARD;

/* ---- opt/rebuild.c; NULL when the arena failed ---- */

/* The same node over another input with the same columns. */
const TqpNode *tqp_opt_with_input(TqpArena *a, const TqpNode *node, const TqpNode *input);
/* Likewise over its ninputs inputs; those of a join may have other columns, its kind decides its
 * own. */
const TqpNode *tqp_opt_with_inputs(TqpArena *a, const TqpNode *node, const TqpNode *const *inputs);
/* Rebuild the graph bottom-up through fn, which returns its argument or a replacement. */
typedef const TqpNode *(*TqpNodeMap)(TqpArena *a, const TqpNode *node, void *arg);
const TqpNode *tqp_opt_map_graph(TqpArena *a, const TqpNode *node, TqpNodeMap fn, void *arg);
/* Rebuild all expressions of this node (not of its inputs) through fn, which gets whole ones. */
const TqpNode *tqp_opt_map_node(TqpArena *a, const TqpNode *node, TqpExprMap fn, void *arg);
/* A growing list of expressions; add returns false when the arena failed. */
typedef struct TqpExprList {
    uint32_t n, cap;
    const TqpExpr **items;
} TqpExprList;
bool tqp_opt_list_add(TqpArena *a, TqpExprList *list, const TqpExpr *e);
/* Add the operands of nested `op`s (AND, OR) one by one, from left to right. */
bool tqp_opt_flatten(TqpArena *a, TqpOp op, const TqpExpr *e, TqpExprList *list);
/* op over the list: the neutral constant when it is empty, the item itself when it is alone. */
const TqpExpr *tqp_opt_join(TqpArena *a, TqpOp op, const TqpExprList *list);
/*
 * AND or OR that operand x decides: `before` up to the last that may raise, then x.  Shortens the
 * list.
 */
const TqpExpr *tqp_opt_decided(TqpArena *a, TqpOp op, TqpExprList *before, const TqpExpr *x);

/* ---- opt/columns.c; pointers are NULL, booleans false when the arena failed ---- */

uint64_t *tqp_opt_bitmap(TqpArena *a, uint32_t n); /* of n zeros and at least one word */
/* e with column i as column map[i], or as column i + by. */
const TqpExpr *tqp_opt_remap(TqpArena *a, const TqpExpr *e, const uint32_t *map);
const TqpExpr *tqp_opt_shift(TqpArena *a, const TqpExpr *e, int64_t by);
/* Does e read columns below nleft, from nleft on? */
enum { TQP_SIDE_LEFT = 1, TQP_SIDE_RIGHT = 2 };
unsigned tqp_opt_sides(const TqpExpr *e, uint32_t nleft);
bool tqp_opt_has_outer(const TqpExpr *e);
bool tqp_opt_is_bool(const TqpExpr *e, bool value); /* this constant? */
/* Add columns offset, offset + 1, ... with the types of the node's outputs. */
bool tqp_opt_add_columns(TqpArena *a, TqpExprList *list, const TqpNode *node, uint32_t offset);
bool tqp_opt_contains(const TqpExprList *list, const TqpExpr *e);

/* ---- opt/derive.c, opt/canonicalise.c, opt/nulls.c ---- */

/* Add to `derived` what `all`, conjuncts over columns of which nleft are a left side's, imply. */
bool tqp_opt_derive(TqpArena *a, uint32_t nleft, const TqpExprList *all, TqpExprList *derived);
/* The canonical form of e, an OR or what one became. */
const TqpExpr *tqp_opt_canonical_or(TqpArena *a, const TqpExpr *e);
/* Is e never NULL whatever its columns are? */
bool tqp_opt_never_null(const TqpExpr *e);
/* The same where the columns marked in `not_null` are not NULL. */
bool tqp_opt_never_null_of(const TqpExpr *e, const uint64_t *not_null);
/* Mark the outputs of the node, from the bit `first` on, that are proved to be never NULL. */
bool tqp_opt_not_null_outputs(TqpArena *a, const TqpNode *node, uint32_t first, uint64_t *out);
/*
 * Mark in `columns` those of which one NULL alone makes e NULL, or something else than true or
 * false.
 */
typedef enum TqpNullEffect { TQP_NULL_NULL, TQP_NULL_NOT_TRUE, TQP_NULL_NOT_FALSE } TqpNullEffect;
bool tqp_opt_null_effect(TqpArena *a, const TqpExpr *e, TqpNullEffect effect, uint32_t ncolumns,
                         uint64_t *columns);

/*
 * May e, or its operator alone, raise an error of PostgreSQL's?  That our integers end, which
 * replays, is none.  True as well when the arena failed.  (opt/raise.c)
 */
bool tqp_opt_may_raise(TqpArena *a, const TqpExpr *e);
bool tqp_opt_operator_may_raise(TqpArena *a, const TqpExpr *e);
/*
 * May a group, or a row of a filter, be the one that raises?  PostgreSQL, which does not know that
 * the group matches nothing, meets that.  Projections are evaluated for rows that are read.
 */
bool tqp_opt_groups_may_raise(TqpArena *a, const TqpNode *n);

/* Is a dependent join left?  (opt/outer.c) */
bool tqp_opt_has_dependent(const TqpNode *node);

/* A limit without bounds?  (opt/fence.c) */
bool tqp_opt_is_fence(const TqpNode *node);

/* ---- opt/shared.c ---- */

/* What a SHARED stands for, to look for proofs in; NULL where that has others inside. */
const TqpNode *tqp_opt_definition(const TqpNode *shared);
/* A number that no WITH at the root has. */
uint32_t tqp_opt_unused_number(const TqpNode *root);

/* ---- opt/unique.c; false when not proved ---- */

/* Is there at most one row with given values, not NULL, in the columns of this bitmap? */
bool tqp_opt_unique(TqpArena *a, const TqpNode *node, const uint64_t *fixed);
/* Does each left row of the join have at most one match? */
bool tqp_opt_at_most_one(TqpArena *a, const TqpNode *join);
/* Is it a scalar subquery, which raises where a left row has two matches, and may one have? */
bool tqp_opt_may_give_two(TqpArena *a, const TqpNode *node);

/* ---- opt/fold_value.c: constants, with PostgreSQL's semantics ---- */

/*
 * Evaluate a call whose arguments are all non-NULL constants.  False when it would raise, when the
 * engine does not know the answer here (an order of some collation), or when it does not fold op.
 */
bool tqp_opt_evaluate(const TqpExpr *call, TqpValue *value);
/* Three-way comparison of non-NULL values of one type; false: unknown here. */
bool tqp_opt_compare(TqpType type, const TqpValue *x, const TqpValue *y, int *order);

#endif
