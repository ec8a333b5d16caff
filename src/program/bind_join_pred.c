/*
 * A join's predicate, split into equi-keys, conditions on one input and the residual over pairs.  A
 * conjunct that may raise stays in the residual: no more rows meet it than without the split.  But
 * equality with arithmetic that only overflows is a key: bounds mostly prove that it does not, and
 * where it does the query replays.
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
        tqp_bind_no_memory(b);
    return r != NULL ? r : e;
}

static bool is_exact(TqpType t) {
    TqpTypeClass class = tqp_type_class(t.kind);
    return class == TQP_CLASS_INT && t.kind != TQP_TYPE_BOOL;
}

static bool is_number(TqpType t) {
    return is_exact(t) || tqp_type_class(t.kind) == TQP_CLASS_FLOAT;
}

/* Raises, if at all, by numbers out of range. */
static bool only_overflows(const TqpExpr *e) {
    for (uint32_t i = 0; i < e->nargs; i++)
        if (!only_overflows(e->args[i]))
            return false;
    switch (e->op) {
    case TQP_OP_COL:
    case TQP_OP_CONST:
    case TQP_OP_PARAM:
        return true;
    case TQP_OP_NEG:
    case TQP_OP_ADD:
    case TQP_OP_SUB:
    case TQP_OP_MUL:
        return is_number(e->type);
    case TQP_OP_CAST:
        return is_exact(e->type) && is_exact(e->args[0]->type);
    default:
        return false;
    }
}

static bool side_raises(const TqpExpr *e) {
    return tqp_ir_expr_may_raise(e) && !only_overflows(e);
}

/* The conjunct, or whether it is true. */
static const TqpExpr *wrap(TqpBinder *b, const TqpExpr *e, bool definite) {
    const TqpExpr *r =
        definite ? tqp_ir_call1(b->a, TQP_OP_IS_TRUE, (TqpType){.kind = TQP_TYPE_BOOL}, e) : e;
    if (r == NULL)
        tqp_bind_no_memory(b);
    return r != NULL ? r : e;
}

/* l = r, or not (l is distinct from r). */
static bool take_key(TqpBinder *b, const TqpExpr *e, bool definite, TqpBindPred *out) {
    uint32_t nleft = out->nleft;
    bool null_safe = e->op == TQP_OP_NOT && e->args[0]->op == TQP_OP_DISTINCT;
    const TqpExpr *eq = null_safe ? e->args[0] : e;
    if (eq->op != TQP_OP_EQ && !null_safe)
        return false;
    for (int side = 0; side < 2; side++)
        if (side_raises(eq->args[side]))
            return false;
    for (int swap = 0; swap < 2; swap++) {
        const TqpExpr *l = eq->args[swap], *r = eq->args[1 - swap];
        Reads x = reads_of(l, nleft), y = reads_of(r, nleft);
        if (!x.left || x.right || y.left || !y.right)
            continue;
        out->keys[out->nkeys++] = (TqpBindKey){.left = l,
                                               .right = on_right(b, r, nleft),
                                               .conjunct = wrap(b, e, definite),
                                               .null_safe = null_safe,
                                               .definite = null_safe || definite};
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

static uint32_t count_conjuncts(const TqpExpr *e) {
    uint32_t n = 0;
    if (e->op != TQP_OP_AND && e->op != TQP_OP_IS_TRUE)
        return 1;
    for (uint32_t i = 0; i < e->nargs; i++)
        n += count_conjuncts(e->args[i]);
    return n;
}

/* definite: whether each conjunct is true, which is never NULL. */
static void split(TqpBinder *b, const TqpExpr *e, bool definite, TqpBindPred *out) {
    if (e->op == TQP_OP_AND || e->op == TQP_OP_IS_TRUE) {
        for (uint32_t i = 0; i < e->nargs; i++)
            split(b, e->args[i], definite || e->op == TQP_OP_IS_TRUE, out);
        return;
    }
    Reads reads = reads_of(e, out->nleft);
    if (is_true(e) || (reads.left && reads.right && take_key(b, e, definite, out)))
        return;
    e = wrap(b, e, definite);
    if (tqp_ir_expr_may_raise(e))
        out->residual[out->nresidual++] = e;
    else if (!reads.right)
        out->probe[out->nprobe++] = e;
    else if (!reads.left)
        add_build(b, e, out);
    else
        out->residual[out->nresidual++] = e;
}

void tqp_bind_split(TqpBinder *b, const TqpExpr *pred, uint32_t nleft, TqpBindPred *out) {
    uint32_t n = count_conjuncts(pred);
    *out = (TqpBindPred){.nleft = nleft};
    out->keys = tqp_bind_zalloc(b, n * sizeof(*out->keys));
    out->probe = tqp_bind_zalloc(b, n * sizeof(*out->probe));
    out->build = tqp_bind_zalloc(b, n * sizeof(*out->build));
    out->pairs = tqp_bind_zalloc(b, n * sizeof(*out->pairs));
    /* Whatever cannot be used elsewhere comes back to the residual. */
    out->residual = tqp_bind_zalloc(b, n * sizeof(*out->residual));
    if (b->status == TQP_OK)
        split(b, pred, false, out);
}

static bool bound_op(TqpOp op, bool swap, TqpBoundOp *out) {
    switch (op) {
    case TQP_OP_LT:
        *out = swap ? TQP_BOUND_GT : TQP_BOUND_LT;
        return true;
    case TQP_OP_LE:
        *out = swap ? TQP_BOUND_GE : TQP_BOUND_LE;
        return true;
    case TQP_OP_GT:
        *out = swap ? TQP_BOUND_LT : TQP_BOUND_GT;
        return true;
    case TQP_OP_GE:
        *out = swap ? TQP_BOUND_LE : TQP_BOUND_GE;
        return true;
    default:
        return false;
    }
}

bool tqp_bind_comparison(TqpBinder *b, const TqpExpr *e, uint32_t nleft, TqpBindComparison *out) {
    *out = (TqpBindComparison){.definite = e->op == TQP_OP_IS_TRUE};
    e = e->op == TQP_OP_IS_TRUE ? e->args[0] : e;
    for (int swap = 0; swap < 2; swap++) {
        if (!bound_op(e->op, swap, &out->op))
            return false;
        const TqpExpr *r = e->args[swap], *l = e->args[1 - swap];
        Reads x = reads_of(l, nleft), y = reads_of(r, nleft);
        if (!x.left || x.right || y.left || !y.right)
            continue;
        out->left = l;
        out->right = on_right(b, r, nleft);
        return !side_raises(l) && !side_raises(r);
    }
    return false;
}

const TqpExpr *tqp_bind_conjunction(TqpBinder *b, uint32_t n, const TqpExpr *const *conjuncts) {
    if (n <= 1)
        return n == 1 ? conjuncts[0] : NULL;
    const TqpExpr *e =
        tqp_ir_call(b->a, TQP_OP_AND, (TqpType){.kind = TQP_TYPE_BOOL}, n, conjuncts);
    if (e == NULL)
        tqp_bind_no_memory(b);
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
