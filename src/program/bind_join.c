/*
 * Joins.  The right input is the build: its pipeline ends in a map.  The left input's pipeline
 * stays open and goes on behind a PROBE.  What a probe cannot do is done over materialised inputs.
 */
#include "base/bitmap.h"
#include "program/bind_node.h"

static void filter(TqpBinder *b, uint32_t n, const TqpExpr *const *conjuncts,
                   const TqpBindOpen *o) {
    bool at_scan = b->source.kind == TQP_SOURCE_RELATION && !o->raised;
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
        tqp_bind_filter(b, tqp_bind_substitute(b, conjuncts[i], o->env), at_scan);
}

static bool never_null(const TqpBound *v) {
    return !tqp_bind_is_null(v) && v->s.valid == TQP_NO_REG;
}

static void to_residual(TqpBindPred *p, const TqpExpr *e) {
    p->residual[p->nresidual++] = e;
}

/*
 * Conditions on the right input filter it before it is built.  Of a MARK only those that are never
 * NULL: a NULL might make the mark NULL.
 */
static void filter_build(TqpBinder *b, TqpBindJoin *j) {
    uint32_t kept = 0;
    tqp_bind_swap(b, j->other);
    for (uint32_t i = 0; i < j->p.nbuild && j->kind == TQP_JOIN_MARK; i++) {
        const TqpExpr *e = tqp_bind_substitute(b, j->p.build[i], j->right->env);
        TqpBound v = tqp_bind_expr(b, e);
        if (never_null(&v))
            j->p.build[kept++] = j->p.build[i];
        else
            to_residual(&j->p, j->p.pairs[i]);
    }
    if (j->kind == TQP_JOIN_MARK)
        j->p.nbuild = kept;
    filter(b, j->p.nbuild, j->p.build, j->right);
    tqp_bind_swap(b, j->other);
}

static void bind_keys(TqpBinder *b, TqpBindJoin *j) {
    for (uint32_t i = 0; i < j->p.nkeys && b->status == TQP_OK; i++) {
        TqpBindKey *k = &j->p.keys[i];
        j->left->raised |= tqp_ir_expr_may_raise(k->left);
        k->l = tqp_bind_expr(b, tqp_bind_substitute(b, k->left, j->left->env));
        tqp_bind_swap(b, j->other);
        k->r = tqp_bind_expr(b, tqp_bind_substitute(b, k->right, j->right->env));
        tqp_bind_swap(b, j->other);
        if (never_null(&k->l) || never_null(&k->r))
            k->null_safe = false; /* a NULL on the other side matches nothing */
    }
}

/*
 * The keys of a MARK's map are those that are never NULL, or the only conjunct (whose probe tells
 * NULL from false); the others are evaluated on pairs.
 */
static void keep_mark_keys(TqpBindJoin *j) {
    TqpBindPred *p = &j->p;
    uint32_t kept = 0;
    if (p->nkeys == 1 && p->nresidual == 0)
        return;
    for (uint32_t i = 0; i < p->nkeys; i++) {
        const TqpBindKey *k = &p->keys[i];
        if (k->definite || (never_null(&k->l) && never_null(&k->r)))
            p->keys[kept++] = *k;
        else
            to_residual(p, k->conjunct);
    }
    p->nkeys = kept;
}

/* Proved: no two rows of one input match the same row of the other. */
static bool is_unique(TqpBinder *b, const TqpBindJoin *j, bool right) {
    const TqpNode *node = right ? j->right_node : j->left_node;
    size_t bytes = (tqp_bitmap_words(node->noutputs) + 1) * sizeof(uint64_t);
    uint64_t *equal = tqp_bind_zalloc(b, bytes), *same = tqp_bind_zalloc(b, bytes);
    const TqpBinder *at = right ? j->other : b;
    if (b->status != TQP_OK || at->source.max_rows <= 1)
        return true;
    for (uint32_t i = 0; i < j->p.nkeys; i++) {
        const TqpExpr *e = right ? j->p.keys[i].right : j->p.keys[i].left;
        if (e->op != TQP_OP_COL)
            continue;
        tqp_bitmap_set(same, e->index);
        if (!j->p.keys[i].null_safe)
            tqp_bitmap_set(equal, e->index);
    }
    return tqp_bind_unique(b, node, equal, same);
}

/*
 * Conditions on the left row of joins that keep rows without a match: they make a key or a bound
 * match nothing where there is one that NULL does not match, else they are part of the residual.
 */
static void place_probe_conditions(TqpBinder *b, TqpBindJoin *j) {
    TqpBindPred *p = &j->p;
    bool fold = false;
    if (j->kind == TQP_JOIN_INNER || j->kind == TQP_JOIN_SEMI) {
        filter(b, p->nprobe, p->probe, j->left);
        p->nprobe = 0;
        return;
    }
    for (uint32_t i = 0; i < p->nkeys && j->kind != TQP_JOIN_MARK; i++)
        fold |= !p->keys[i].null_safe;
    fold |= j->bounds.n > 0 && j->kind != TQP_JOIN_MARK;
    for (uint32_t i = 0; i < p->nprobe && !fold; i++)
        to_residual(p, p->probe[i]);
    p->nprobe = fold ? p->nprobe : 0;
}

static uint64_t saturating_product(uint64_t x, uint64_t y) {
    return __builtin_mul_overflow(x, y, &x) ? UINT64_MAX : x;
}

static uint64_t join_rows(const TqpBinder *b, const TqpBindJoin *j) {
    uint64_t left = b->source.max_rows, right = j->other->source.max_rows;
    if (j->kind != TQP_JOIN_INNER && j->kind != TQP_JOIN_LEFT)
        return left;
    if (j->kind == TQP_JOIN_LEFT)
        return j->unique ? left : saturating_product(left, right > 1 ? right : 1);
    uint64_t rows = j->unique ? left : saturating_product(left, right);
    return j->single && right < rows ? right : rows;
}

void tqp_bind_join_inputs(TqpBinder *b, TqpBindJoin *j) {
    if (j->kind == TQP_JOIN_FULL) {
        tqp_bind_join_rows(b, j);
        return;
    }
    tqp_bind_split(b, j->pred, j->left->noutputs, &j->p);
    if (b->status != TQP_OK)
        return;
    if (j->kind == TQP_JOIN_INNER || j->kind == TQP_JOIN_SEMI)
        place_probe_conditions(b, j);
    filter_build(b, j);
    bind_keys(b, j);
    if (j->kind == TQP_JOIN_MARK) {
        place_probe_conditions(b, j);
        keep_mark_keys(j);
    }
    j->unique = is_unique(b, j, true);
    j->single = is_unique(b, j, false);
    tqp_bind_choose_bounds(b, j);
    place_probe_conditions(b, j);
    if (b->status != TQP_OK)
        return;
    if (j->kind == TQP_JOIN_LEFT && j->p.nresidual > 0 && !j->unique) {
        tqp_bind_join_rows(b, j);
        return;
    }
    uint64_t rows = join_rows(b, j);
    tqp_bind_probe(b, j);
    b->source.max_rows = rows;
}

void tqp_bind_join(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    TqpBindOpen right = {0};
    TqpBinder *other = tqp_bind_zalloc(b, sizeof(*other));
    if (node->join.dependent)
        tqp_bind_fail(b, TQP_INVALID, "a dependent join cannot be bound");
    tqp_bind_node(b, node->inputs[0], o);
    tqp_bind_settle(b, o);
    if (b->status != TQP_OK)
        return;
    *other = *b;
    tqp_bind_node(b, node->inputs[1], &right);
    tqp_bind_settle(b, &right);
    right.nsort = 0;
    tqp_bind_swap(b, other);
    TqpBindJoin j = {.kind = node->join.kind,
                     .pred = node->join.pred,
                     .left_node = node->inputs[0],
                     .right_node = node->inputs[1],
                     .left = o,
                     .right = &right,
                     .other = other};
    const TqpExpr **hosts;
    uint32_t nhosts = 0;
    if (b->status == TQP_OK && j.kind == TQP_JOIN_INNER)
        j.pred = tqp_bind_without_hosts(b, j.pred, o->noutputs, &nhosts, &hosts);
    if (b->status == TQP_OK)
        tqp_bind_join_inputs(b, &j);
    o->types = node->types;
    for (uint32_t i = 0; i < nhosts && b->status == TQP_OK; i++)
        tqp_bind_filter_by(b, o, hosts[i]);
}
