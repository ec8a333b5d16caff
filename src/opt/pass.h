/* What the passes share.  A pass is one function, named in passes.def, in a file of its name. */
#ifndef TQP_OPT_PASS_H
#define TQP_OPT_PASS_H

#include "opt/opt.h"

typedef struct TqpOptContext {
    TqpArena *arena;
    TqpScanColumns *scan_columns; /* by relation, or NULL */
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

/* ---- opt/fold_value.c: constants, with PostgreSQL's semantics ---- */

/*
 * Evaluate a call whose arguments are all non-NULL constants.  False when it would raise, when the
 * engine does not know the answer here (an order of some collation), or when it does not fold op.
 */
bool tqp_opt_evaluate(const TqpExpr *call, TqpValue *value);
/* Three-way comparison of non-NULL values of one type; false: unknown here. */
bool tqp_opt_compare(TqpType type, const TqpValue *x, const TqpValue *y, int *order);

#endif
