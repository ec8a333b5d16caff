/*
 * ir_eval.h for graphs of several inputs: joins of every kind, dependent ones too, appends, values,
 * shared nodes.
 */
#ifndef TQP_TEST_IR_EVAL_JOIN_H
#define TQP_TEST_IR_EVAL_JOIN_H

#include "opt/pass.h"
#include "unit/ir_eval.h"

#define EVAL_ROWS_MAX 20000u
enum { EVAL_SHARED_MAX = 64 };

typedef struct IrBinding {
    uint32_t level;
    const TqpValue *row;
} IrBinding;

static inline const TqpExpr *eval_bind_leaf(TqpArena *a, const TqpExpr *e, void *arg) {
    const IrBinding *b = arg;
    return e->op == TQP_OP_OUTER && e->level == b->level
               ? tqp_ir_const(a, e->type, &b->row[e->index])
               : e;
}

static inline const TqpExpr *eval_bind_root(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_ir_expr_map(a, e, eval_bind_leaf, arg);
}

/* The right side of a dependent join for one left row. */
static inline const TqpNode *eval_bind(TqpArena *a, const TqpNode *n, IrBinding b) {
    const TqpNode *inputs[2] = {NULL, NULL};
    for (uint32_t i = 0; i < n->ninputs; i++) {
        IrBinding inside = b;
        inside.level += n->kind == TQP_NODE_JOIN && n->join.dependent && i == 1;
        inputs[i] = eval_bind(a, n->inputs[i], inside);
    }
    return tqp_opt_map_node(a, tqp_opt_with_inputs(a, n, inputs), eval_bind_root, &b);
}

static inline IrTable eval_graph(IrEval *ev, const TqpNode *n, const IrTable *tables);

static inline void eval_add_pair(IrEval *ev, const TqpNode *n, IrTable *out, const TqpValue *left,
                                 const TqpValue *right) {
    uint32_t nleft = n->inputs[0]->noutputs;
    TqpValue *row = eval_new_row(ev, out);
    for (uint32_t c = 0; c < n->noutputs; c++)
        row[c] = c < nleft ? (left != NULL ? left[c] : eval_null())
                           : (right != NULL ? right[c - nleft] : eval_null());
}

/* One left row of a join; matched[j] is set for the right rows that match. */
static inline void eval_left_row(IrEval *ev, const TqpNode *n, IrTable *out, const TqpValue *left,
                                 const IrTable *right, bool *matched) {
    TqpJoinKind kind = n->join.kind;
    uint32_t nleft = n->inputs[0]->noutputs, nright = n->inputs[1]->noutputs, matches = 0;
    TqpValue *pair = tqp_arena_zalloc(ev->a, (nleft + nright) * sizeof(*pair) + 1), mark = {0};
    bool null_seen = false;
    memcpy(pair, left, nleft * sizeof(*pair));
    for (uint32_t j = 0; j < right->nrows && !ev->raised; j++) {
        memcpy(pair + nleft, right->rows[j], nright * sizeof(*pair));
        TqpValue v = kind == TQP_JOIN_MARK ? eval(ev, n->join.pred, pair)
                                           : eval_bool(eval_condition(ev, n->join.pred, pair));
        null_seen |= v.is_null;
        if (v.is_null || !v.b)
            continue;
        matches++;
        if (matched != NULL)
            matched[j] = true;
        if (kind == TQP_JOIN_SINGLE && matches > 1)
            ev->raised = true;
        if (kind == TQP_JOIN_INNER || kind == TQP_JOIN_LEFT || kind == TQP_JOIN_FULL ||
            kind == TQP_JOIN_SINGLE)
            eval_add_pair(ev, n, out, left, right->rows[j]);
    }
    mark = matches > 0 ? eval_bool(true) : null_seen ? eval_null() : eval_bool(false);
    if (kind == TQP_JOIN_MARK)
        eval_add_pair(ev, n, out, left, &mark);
    else if ((kind == TQP_JOIN_SEMI && matches > 0) || (kind == TQP_JOIN_ANTI && matches == 0) ||
             (kind != TQP_JOIN_SEMI && kind != TQP_JOIN_INNER && matches == 0))
        eval_add_pair(ev, n, out, left, NULL);
}

static inline IrTable eval_join(IrEval *ev, const TqpNode *n, const IrTable *tables) {
    IrTable left = eval_graph(ev, n->inputs[0], tables), right = {0}, out = {0};
    if (!n->join.dependent)
        right = eval_graph(ev, n->inputs[1], tables);
    bool *matched = tqp_arena_zalloc(ev->a, right.nrows + 1);
    IrTable *parts = tqp_arena_zalloc(ev->a, (left.nrows + 1) * sizeof(*parts));
    uint32_t total = 0, nparts = 0;
    for (uint32_t i = 0; i < left.nrows && !ev->raised && !ev->huge; i++) {
        if (n->join.dependent)
            right = eval_graph(ev, eval_bind(ev->a, n->inputs[1], (IrBinding){0, left.rows[i]}),
                               tables);
        parts[nparts] = eval_table(ev, right.nrows + 1, n->noutputs);
        eval_left_row(ev, n, &parts[nparts], left.rows[i], &right,
                      n->join.dependent ? NULL : matched);
        total += parts[nparts++].nrows;
        ev->huge = ev->huge || total > EVAL_ROWS_MAX;
    }
    out = eval_table(ev, total + right.nrows + 1, n->noutputs);
    for (uint32_t p = 0; p < nparts; p++)
        for (uint32_t i = 0; i < parts[p].nrows; i++)
            out.rows[out.nrows++] = parts[p].rows[i];
    for (uint32_t j = 0; n->join.kind == TQP_JOIN_FULL && j < right.nrows; j++)
        if (!matched[j])
            eval_add_pair(ev, n, &out, NULL, right.rows[j]);
    return out;
}

static inline IrTable eval_two(IrEval *ev, const TqpNode *n, const IrTable *tables) {
    IrTable x = eval_graph(ev, n->inputs[0], tables), y = eval_graph(ev, n->inputs[1], tables);
    IrTable out = eval_table(ev, x.nrows + y.nrows, n->noutputs);
    for (uint32_t i = 0; i < x.nrows; i++)
        out.rows[out.nrows++] = x.rows[i];
    for (uint32_t i = 0; i < y.nrows; i++)
        out.rows[out.nrows++] = y.rows[i];
    return out;
}

static inline IrTable eval_with(IrEval *ev, const TqpNode *n, const IrTable *tables) {
    if (ev->shared == NULL)
        ev->shared = tqp_arena_zalloc(ev->a, EVAL_SHARED_MAX * sizeof(*ev->shared));
    if (n->shared.number >= EVAL_SHARED_MAX)
        abort();
    ev->shared[n->shared.number] = eval_graph(ev, n->inputs[0], tables);
    return eval_graph(ev, n->inputs[1], tables);
}

/* tables[r] is what scans of relation r output. */
static inline IrTable eval_graph(IrEval *ev, const TqpNode *n, const IrTable *tables) {
    if (n->kind == TQP_NODE_SCAN)
        return tables[n->scan.relation];
    if (n->kind == TQP_NODE_JOIN)
        return eval_join(ev, n, tables);
    if (n->kind == TQP_NODE_APPEND)
        return eval_two(ev, n, tables);
    if (n->kind == TQP_NODE_WITH)
        return eval_with(ev, n, tables);
    if (n->kind == TQP_NODE_SHARED)
        return ev->shared[n->shared.number];
    if (n->kind == TQP_NODE_VALUES) {
        IrTable out = eval_table(ev, n->values.nrows, n->noutputs);
        for (uint32_t i = 0; i < n->values.nrows; i++) {
            TqpValue *row = eval_new_row(ev, &out);
            for (uint32_t c = 0; c < n->noutputs; c++)
                row[c] = n->values.exprs[i * n->noutputs + c]->value;
        }
        return out;
    }
    const TqpNode leaf = {.kind = TQP_NODE_SCAN};
    TqpNode alone = *n;
    IrTable in = eval_graph(ev, n->inputs[0], tables);
    alone.inputs[0] = &leaf;
    return eval_node(ev, &alone, &in);
}

#endif
