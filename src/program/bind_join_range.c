/*
 * Bounds of a join: comparisons of values of the right input with values of the left.  The build is
 * kept in the order of such a value and a probe finds the stretch between its bounds, where nested
 * tiles would compare every pair.
 */
#include <string.h>

#include "program/bind_node.h"

/* Rows of either side up to which comparing all pairs costs less than sorting the build. */
#define NESTED_ROWS 48
/*
 * For it to pay to order a key's rows there should be an eighth of that many, and half of it that
 * probe: a row is sorted in the time of about 25 comparisons.
 */
#define KEY_ROWS(nested)   ((nested) / 8)
#define KEY_PROBES(nested) ((nested) / 2)

typedef struct Candidate {
    uint32_t conjunct; /* of the residual */
    bool may_raise;
    TqpBindComparison c;
    const TqpExpr *base; /* c.right is base + add */
    TqpInt128 add;
} Candidate;

/* Comparisons, of one value of the right input or, reaches, of two. */
typedef struct Choice {
    uint32_t n;
    bool reaches;
    Candidate c[2];
} Choice;

static bool is_lower(TqpBoundOp op) {
    return op == TQP_BOUND_GT || op == TQP_BOUND_GE;
}

static bool is_ordered_type(TqpType t) {
    TqpTypeClass class = tqp_type_class(t.kind);
    return class == TQP_CLASS_INT || class == TQP_CLASS_FLOAT;
}

/* x + 5 and x - 5 are in the order of x. */
static void find_base(TqpBinder *b, Candidate *c) {
    const TqpExpr *e = c->c.right;
    TqpValue v;
    c->base = e;
    c->add = 0;
    if ((e->op != TQP_OP_ADD && e->op != TQP_OP_SUB) ||
        tqp_type_class(e->type.kind) != TQP_CLASS_INT ||
        tqp_type_class(e->args[0]->type.kind) != TQP_CLASS_INT ||
        !tqp_bind_value_of(b, e->args[1], &v) || v.is_null || !tqp_bind_fits_i64(v.i, v.i) ||
        v.i == INT64_MIN)
        return;
    c->base = e->args[0];
    c->add = e->op == TQP_OP_ADD ? v.i : -v.i;
}

/*
 * Comparisons among the residual's conjuncts, up to the first other one that may raise: the pairs
 * that it meets are those for which what stands before it is true, no fewer.
 */
static uint32_t find_candidates(TqpBinder *b, const TqpBindPred *p, Candidate *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->nresidual && b->status == TQP_OK; i++) {
        Candidate *c = &out[n];
        c->conjunct = i;
        c->may_raise = tqp_ir_expr_may_raise(p->residual[i]);
        if (tqp_bind_comparison(b, p->residual[i], p->nleft, &c->c) &&
            is_ordered_type(c->c.right->type)) {
            find_base(b, c);
            n++;
        } else if (c->may_raise) {
            break;
        }
    }
    return n;
}

/* The other bound behind this one, of the same value or not, or n. */
static uint32_t mate_of(const Candidate *c, uint32_t n, uint32_t of, bool same) {
    for (uint32_t k = of + 1; k < n; k++) {
        if (is_lower(c[k].c.op) != is_lower(c[of].c.op) &&
            tqp_ir_expr_equal(c[k].base, c[of].base) == same)
            return k;
        if (c[k].may_raise)
            break; /* would meet fewer pairs */
    }
    return n;
}

static bool choose_two(const Candidate *c, uint32_t n, bool same, Choice *out) {
    for (uint32_t k = 0; k < n && (k == 0 || !c[k - 1].may_raise); k++) {
        uint32_t mate = mate_of(c, n, k, same);
        if (mate == n)
            continue;
        bool swap = !same && is_lower(c[k].c.op);
        *out = (Choice){.n = 2, .reaches = !same};
        out->c[0] = c[swap ? mate : k];
        out->c[1] = c[swap ? k : mate];
        return true;
    }
    return false;
}

/* An interval, else an upper and a lower bound of two values, else the first bound. */
static bool choose(const Candidate *c, uint32_t n, Choice *out) {
    if (n == 0 || choose_two(c, n, true, out) || choose_two(c, n, false, out))
        return n > 0;
    *out = (Choice){.n = 1, .c = {c[0]}};
    return true;
}

/* An upper bound of how many keys the build can have. */
static double count_keys(const TqpBindPred *p) {
    double keys = 1;
    for (uint32_t i = 0; i < p->nkeys; i++) {
        const TqpSlot *s = &p->keys[i].r.s;
        if (p->keys[i].r.is_const)
            continue;
        if (s->dict != NULL)
            keys *= s->dict->count;
        else if (s->has_range)
            keys *= (double)(s->max - s->min) + 1;
        else
            return 1e30;
    }
    return keys;
}

static bool is_worth_it(const TqpBinder *b, const TqpBindJoin *j, const Choice *choice) {
    uint64_t few = b->options.nested_rows > 0 ? b->options.nested_rows : NESTED_ROWS;
    uint64_t left = b->source.max_rows, right = j->other->source.max_rows;
    double keys = count_keys(&j->p);
    if (left <= few || right <= few)
        return false;
    /* LEFT with a residual is two joins of materialised inputs. */
    bool whole = j->p.nresidual == choice->n && !choice->reaches;
    return (whole && j->kind == TQP_JOIN_LEFT) || ((double)left >= (double)KEY_PROBES(few) * keys &&
                                                   (double)right >= (double)KEY_ROWS(few) * keys);
}

static bool never_null(const TqpBound *v) {
    return !tqp_bind_is_null(v) && v->s.valid == TQP_NO_REG;
}

static bool bounds_never_null(const TqpBindBounds *bounds) {
    bool safe = bounds->definite;
    if (safe)
        return true;
    safe = never_null(&bounds->r[0]) && never_null(&bounds->r[bounds->nranges - 1]);
    for (uint32_t k = 0; k < bounds->n; k++)
        safe = safe && never_null(&bounds->l[k]);
    return safe;
}

/*
 * A MARK is NULL where a pair's predicate is: the probe knows that of one comparison that is all
 * there is, else comparisons must not be NULL.
 */
static bool is_markable(const TqpBindJoin *j, const TqpBindBounds *bounds) {
    bool only = j->p.nkeys == 0 && j->p.nresidual == 1;
    return only || bounds_never_null(bounds);
}

static void drop_conjunct(TqpBindPred *p, uint32_t i) {
    memmove(&p->residual[i], &p->residual[i + 1], (p->nresidual - i - 1) * sizeof(*p->residual));
    p->nresidual--;
}

/* Pairs within reach are not yet known to meet the second bound, but some pair is. */
static void take_from_residual(TqpBindJoin *j, const Choice *choice) {
    TqpBindPred *p = &j->p;
    bool exists = j->kind == TQP_JOIN_SEMI || j->kind == TQP_JOIN_ANTI || j->kind == TQP_JOIN_MARK;
    uint32_t first = choice->c[0].conjunct, second = choice->c[1].conjunct;
    if (choice->n == 1 || (choice->reaches && !(exists && p->nresidual == 2))) {
        drop_conjunct(p, first);
        return;
    }
    drop_conjunct(p, first > second ? first : second);
    drop_conjunct(p, first > second ? second : first);
}

/* Distances between values must be numbers of 64 bits. */
static bool is_spannable(const TqpBound *v) {
    return tqp_type_class(v->s.type.kind) == TQP_CLASS_FLOAT || tqp_bind_is_null(v) ||
           tqp_bind_fits_i64(v->s.min, v->s.max);
}

/* The whole comparison is bound too: it may raise. */
static bool bind_bound(TqpBinder *b, TqpBindJoin *j, const Candidate *c, uint32_t k,
                       TqpBindBounds *out) {
    tqp_bind_swap(b, j->other);
    if (c->base != c->c.right)
        (void)tqp_bind_expr(b, tqp_bind_substitute(b, c->c.right, j->right->env));
    if (b->status == TQP_OK && k < out->nranges)
        out->r[k] = tqp_bind_expr(b, tqp_bind_substitute(b, c->base, j->right->env));
    tqp_bind_swap(b, j->other);
    if (b->status != TQP_OK)
        return false;
    TqpBound l = tqp_bind_expr(b, tqp_bind_substitute(b, c->c.left, j->left->env));
    out->ops[k] = c->c.op;
    out->definite = out->definite && c->c.definite;
    out->l[k] = tqp_bind_to_reg(b, l);
    out->l[k].s.min -= c->add;
    out->l[k].s.max -= c->add;
    return !__builtin_sub_overflow(out->l[k].s.bias, (int64_t)c->add, &out->l[k].s.bias);
}

void tqp_bind_choose_bounds(TqpBinder *b, TqpBindJoin *j) {
    Candidate *all = tqp_bind_zalloc(b, ((size_t)j->p.nresidual + 1) * sizeof(*all));
    Choice choice;
    if (b->status != TQP_OK || j->unique)
        return;
    uint32_t n = find_candidates(b, &j->p, all);
    if (b->status != TQP_OK || !choose(all, n, &choice) || !is_worth_it(b, j, &choice))
        return;
    TqpBindBounds bounds = {.n = choice.n, .nranges = choice.reaches ? 2 : 1, .definite = true};
    bool bound = true;
    for (uint32_t k = 0; k < choice.n && bound; k++)
        bound = bind_bound(b, j, &choice.c[k], k, &bounds);
    if (b->status != TQP_OK || !bound || !is_spannable(&bounds.r[0]) ||
        (choice.reaches && !is_spannable(&bounds.r[1])) ||
        (j->kind == TQP_JOIN_MARK && !is_markable(j, &bounds)))
        return;
    for (uint32_t k = 0; k < choice.n; k++)
        j->left->raised |= tqp_ir_expr_may_raise(choice.c[k].c.left);
    take_from_residual(j, &choice);
    j->bounds = bounds;
}

bool tqp_bind_bound_may_be_null(const TqpBindBounds *bounds) {
    return bounds->n == 1 && !bounds_never_null(bounds);
}

void tqp_bind_bounds(TqpBinder *b, TqpBindBuild *build, const TqpBindBounds *bounds,
                     TqpSlot *slots) {
    TqpMap *map = &build->map;
    for (uint32_t k = 0; k < bounds->nranges && b->status == TQP_OK; k++) {
        tqp_bind_swap(b, build->open);
        TqpBound r = tqp_bind_to_reg(b, bounds->r[k]);
        tqp_bind_swap(b, build->open);
        map->ranges[map->nranges++] = tqp_bind_build_column(b, build, &r.s);
    }
    for (uint32_t k = 0; k < bounds->n; k++)
        slots[k] = bounds->l[k].s;
}
