/* What the files of predicate_pushdown share; NULL when the arena failed. */
#ifndef TQP_OPT_PUSH_H
#define TQP_OPT_PUSH_H

#include "opt/pass.h"

/* The node with its inputs done and the conjuncts applied to its output rows. */
const TqpNode *tqp_opt_push(TqpArena *a, const TqpNode *node, const TqpExprList *above);
const TqpNode *tqp_opt_push_join(TqpArena *a, const TqpNode *node, const TqpExprList *above);
const TqpNode *tqp_opt_push_append(TqpArena *a, const TqpNode *node, const TqpExprList *above);
/* A filter over the input, its conjuncts in order of cost. */
const TqpNode *tqp_opt_push_rest(TqpArena *a, const TqpNode *input, const TqpExprList *conjuncts);
/* Wrapped in an AND, is e still within what tqp_ir_check accepts? */
bool tqp_opt_push_fits(const TqpExpr *e);

#endif
