/*
 * Joins over materialised inputs.  FULL is LEFT and the right rows without a match; LEFT with a
 * condition beyond equality is INNER and the left rows without a match.
 */
#include "program/bind_node.h"

typedef struct Inputs {
    TqpBindRows left, right;
    const TqpNode *left_node, *right_node;
    const TqpExpr *pred;
    const TqpType *types; /* left ++ right */
    TqpBindRows all;
} Inputs;

static const TqpType *both_types(TqpBinder *b, const TqpBindJoin *j) {
    uint32_t nleft = j->left->noutputs, nright = j->right->noutputs;
    TqpType *types = tqp_bind_zalloc(b, ((size_t)nleft + nright) * sizeof(*types));
    for (uint32_t i = 0; i < nleft + nright && types != NULL; i++)
        types[i] = i < nleft ? j->left->types[i] : j->right->types[i - nleft];
    return types;
}

/* The predicate with left and right exchanged. */
static const TqpExpr *exchanged(TqpBinder *b, const Inputs *in) {
    uint32_t nleft = in->left.ncolumns, nright = in->right.ncolumns;
    const TqpExpr **columns = tqp_bind_zalloc(b, ((size_t)nleft + nright) * sizeof(*columns));
    for (uint32_t i = 0; i < nleft + nright && columns != NULL; i++) {
        columns[i] = tqp_ir_col(b->a, i < nleft ? nright + i : i - nleft, in->types[i]);
        if (columns[i] == NULL)
            tqp_bind_no_memory(b);
    }
    return b->status == TQP_OK ? tqp_bind_substitute(b, in->pred, columns) : in->pred;
}

/* Output columns of an ANTI join among NULLs for those of the input that has no match. */
static void pad(TqpBinder *b, const Inputs *in, bool right, TqpBindOpen *o) {
    uint32_t nleft = in->left.ncolumns, n = nleft + in->right.ncolumns;
    const TqpExpr **env = tqp_bind_zalloc(b, n * sizeof(*env));
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        bool kept = (i >= nleft) == right;
        env[i] = kept ? o->env[right ? i - nleft : i] : tqp_ir_const_null(b->a, in->types[i]);
        if (env[i] == NULL)
            tqp_bind_no_memory(b);
    }
    o->env = env;
    o->noutputs = n;
}

/* Append one join of the materialised inputs; swap: right is the outer one. */
static void piece(TqpBinder *b, Inputs *in, TqpJoinKind kind, bool swap) {
    TqpBindOpen left, right;
    TqpBindRows rows = {0};
    TqpBinder *other = tqp_bind_zalloc(b, sizeof(*other));
    const TqpExpr *pred = swap ? exchanged(b, in) : in->pred;
    if (b->status != TQP_OK)
        return;
    tqp_bind_read(b, swap ? &in->left : &in->right, &right);
    *other = *b;
    tqp_bind_read(b, swap ? &in->right : &in->left, &left);
    TqpBindJoin j = {.kind = kind,
                     .pred = pred,
                     .left_node = swap ? in->right_node : in->left_node,
                     .right_node = swap ? in->left_node : in->right_node,
                     .left = &left,
                     .right = &right,
                     .other = other};
    if (b->status == TQP_OK)
        tqp_bind_join_inputs(b, &j);
    if (kind == TQP_JOIN_ANTI && b->status == TQP_OK)
        pad(b, in, swap, &left);
    left.types = in->types;
    bool first = in->all.nsources == 0;
    if (b->status == TQP_OK)
        tqp_bind_materialise(b, &left, first ? NULL : in->all.columns, &rows);
    if (b->status != TQP_OK)
        return;
    if (first)
        in->all = rows;
    else
        tqp_bind_add_rows(b, &in->all, &rows);
}

void tqp_bind_join_rows(TqpBinder *b, TqpBindJoin *j) {
    Inputs in = {.left_node = j->left_node, .right_node = j->right_node, .pred = j->pred};
    in.types = both_types(b, j);
    tqp_bind_materialise(b, j->left, NULL, &in.left);
    tqp_bind_swap(b, j->other);
    if (b->status == TQP_OK)
        tqp_bind_materialise(b, j->right, NULL, &in.right);
    tqp_bind_swap(b, j->other);
    if (b->status != TQP_OK)
        return;
    if (j->kind == TQP_JOIN_FULL) {
        piece(b, &in, TQP_JOIN_LEFT, false);
        piece(b, &in, TQP_JOIN_ANTI, true);
    } else {
        piece(b, &in, TQP_JOIN_INNER, false);
        piece(b, &in, TQP_JOIN_ANTI, false);
    }
    if (b->status == TQP_OK)
        tqp_bind_read(b, &in.all, j->left);
}
