/*
 * A join's predicate, split into equi-keys, conditions on one input and the residual over pairs.  A
 * conjunct that may raise stays in the residual: no more rows meet it than without the split.
 */
#include <string.h>

#include "base/bitmap.h"
#include "program/bind_node.h"

/* Which inputs an expression reads. */
typedef struct Reads {
    bool left, right;
} Reads;

static void find_reads(const TqpExpr *e, uint32_t nleft, Reads *reads) {
    if (e->op == TQP_OP_COL) {
        reads->left |= e->index < nleft;
        reads->right |= e->index >= nleft;
    }
    for (uint32_t i = 0; i < e->nargs; i++)
        find_reads(e->args[i], nleft, reads);
}

static Reads reads_of(const TqpExpr *e, uint32_t nleft) {
    Reads reads = {false, false};
    find_reads(e, nleft, &reads);
    return reads;
}

static const TqpExpr *shift(TqpArena *a, const TqpExpr *e, void *arg) {
    return e->op == TQP_OP_COL ? tqp_ir_col(a, e->index - *(const uint32_t *)arg, e->type) : e;
}

/* An expression of the right input alone, over its own outputs. */
static const TqpExpr *on_right(TqpBinder *b, const TqpExpr *e, uint32_t nleft) {
    const TqpExpr *r = tqp_ir_expr_map(b->a, e, shift, &nleft);
    if (r == NULL)
        tqp_bind_fail(b, TQP_NO_MEMORY, "no memory for the program");
    return r != NULL ? r : e;
}

/* l = r, or not (l is distinct from r). */
static bool take_key(TqpBinder *b, const TqpExpr *e, uint32_t nleft, TqpBindPred *out) {
    bool null_safe = e->op == TQP_OP_NOT && e->args[0]->op == TQP_OP_DISTINCT;
    const TqpExpr *eq = null_safe ? e->args[0] : e;
    if (eq->op != TQP_OP_EQ && !null_safe)
        return false;
    for (int swap = 0; swap < 2; swap++) {
        const TqpExpr *l = eq->args[swap], *r = eq->args[1 - swap];
        Reads x = reads_of(l, nleft), y = reads_of(r, nleft);
        if (!x.left || x.right || y.left || !y.right)
            continue;
        out->keys[out->nkeys++] = (TqpBindKey){.left = l,
                                               .right = on_right(b, r, nleft),
                                               .conjunct = e,
                                               .null_safe = null_safe,
                                               .definite = null_safe};
        return true;
    }
    return false;
}

static void add_build(TqpBinder *b, const TqpExpr *e, TqpBindPred *out) {
    out->pairs[out->nbuild] = e;
    out->build[out->nbuild++] = on_right(b, e, out->nleft);
}

static bool is_true(const TqpExpr *e) {
    return e->op == TQP_OP_CONST && !e->value.is_null && e->value.b;
}

static void split(TqpBinder *b, const TqpExpr *e, TqpBindPred *out) {
    if (e->op == TQP_OP_AND) {
        for (uint32_t i = 0; i < e->nargs; i++)
            split(b, e->args[i], out);
        return;
    }
    Reads reads = reads_of(e, out->nleft);
    if (is_true(e))
        return;
    if (tqp_ir_expr_may_raise(e))
        out->residual[out->nresidual++] = e;
    else if (!reads.right)
        out->probe[out->nprobe++] = e;
    else if (!reads.left)
        add_build(b, e, out);
    else if (!take_key(b, e, out->nleft, out))
        out->residual[out->nresidual++] = e;
}

void tqp_bind_split(TqpBinder *b, const TqpExpr *pred, uint32_t nleft, TqpBindPred *out) {
    uint32_t n = tqp_bind_count_terms(1, &pred);
    *out = (TqpBindPred){.nleft = nleft};
    out->keys = tqp_bind_zalloc(b, n * sizeof(*out->keys));
    out->probe = tqp_bind_zalloc(b, n * sizeof(*out->probe));
    out->build = tqp_bind_zalloc(b, n * sizeof(*out->build));
    out->pairs = tqp_bind_zalloc(b, n * sizeof(*out->pairs));
    /* Whatever cannot be used elsewhere comes back to the residual. */
    out->residual = tqp_bind_zalloc(b, n * sizeof(*out->residual));
    if (b->status == TQP_OK)
        split(b, pred, out);
}

const TqpExpr *tqp_bind_conjunction(TqpBinder *b, uint32_t n, const TqpExpr *const *conjuncts) {
    if (n <= 1)
        return n == 1 ? conjuncts[0] : NULL;
    const TqpExpr *e =
        tqp_ir_call(b->a, TQP_OP_AND, (TqpType){.kind = TQP_TYPE_BOOL}, n, conjuncts);
    if (e == NULL)
        tqp_bind_fail(b, TQP_NO_MEMORY, "no memory for the program");
    return e;
}

uint16_t tqp_bind_condition(TqpBinder *b, uint32_t n, const TqpExpr *const *conjuncts) {
    uint16_t all = TQP_NO_REG, outer = b->guard;
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        uint16_t guard = tqp_bind_mask_and(b, outer, all);
        TqpBound v = tqp_bind_expr_guarded(b, conjuncts[i], guard);
        all = tqp_bind_mask_and(b, all, tqp_bind_true_mask(b, &v));
    }
    return all;
}
