/*
 * Filters: conjuncts one by one, each followed by a FILTER step, so that later ones see fewer rows.
 * Bounds of one expression become one interval, and those of bare columns also skip row groups.
 */
#include "program/bind.h"

uint32_t tqp_bind_count_terms(uint32_t n, const TqpExpr *const *args) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        count +=
            args[i]->op == TQP_OP_AND ? tqp_bind_count_terms(args[i]->nargs, args[i]->args) : 1;
    return count;
}

/* lo <= value <= hi as `value op c` says. */
static bool bounds_of(TqpOp op, TqpInt128 c, TqpBindTerm *term) {
    term->lo = TQP_INT128_MIN;
    term->hi = TQP_INT128_MAX;
    switch (op) {
    case TQP_OP_EQ:
        term->lo = term->hi = c;
        return true;
    case TQP_OP_LT:
        term->hi = c - 1;
        return c > TQP_INT128_MIN;
    case TQP_OP_LE:
        term->hi = c;
        return true;
    case TQP_OP_GT:
        term->lo = c + 1;
        return c < TQP_INT128_MAX;
    case TQP_OP_GE:
        term->lo = c;
        return true;
    default:
        return false;
    }
}

static TqpOp mirrored(TqpOp op) {
    return op == TQP_OP_LT   ? TQP_OP_GT
           : op == TQP_OP_LE ? TQP_OP_GE
           : op == TQP_OP_GT ? TQP_OP_LT
           : op == TQP_OP_GE ? TQP_OP_LE
                             : op;
}

static bool is_literal(const TqpExpr *e) {
    return e->op == TQP_OP_CONST || e->op == TQP_OP_PARAM;
}

static void make_term(TqpBinder *b, const TqpExpr *e, TqpBindTerm *term) {
    TqpValue c;
    *term = (TqpBindTerm){.expr = e, .may_raise = tqp_ir_expr_may_raise(e)};
    if (e->op < TQP_OP_EQ || e->op > TQP_OP_GE ||
        tqp_type_class(e->args[0]->type.kind) != TQP_CLASS_INT)
        return;
    bool swap = is_literal(e->args[0]);
    const TqpExpr *value = e->args[swap], *literal = e->args[!swap];
    if (is_literal(value) || !is_literal(literal) || !tqp_bind_value_of(b, literal, &c) ||
        c.is_null || !tqp_type_equal(value->type, literal->type))
        return;
    TqpBindTerm bounds = *term;
    bounds.bounds = true;
    bounds.expr = value;
    if (bounds_of(swap ? mirrored(e->op) : e->op, c.i, &bounds))
        *term = bounds;
}

/* Narrow an earlier interval of the same expression; not across a term that may raise. */
static bool fuse(uint32_t n, TqpBindTerm *terms, const TqpBindTerm *term) {
    for (uint32_t i = n; i-- > 0;) {
        TqpBindTerm *t = &terms[i];
        if (t->bounds && tqp_ir_expr_equal(t->expr, term->expr)) {
            t->lo = term->lo > t->lo ? term->lo : t->lo;
            t->hi = term->hi < t->hi ? term->hi : t->hi;
            return true;
        }
        if (t->may_raise)
            return false;
    }
    return false;
}

uint32_t tqp_bind_terms(TqpBinder *b, uint32_t n, const TqpExpr *const *args, TqpBindTerm *terms) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        TqpBindTerm flat, *out = &flat;
        uint32_t made = 1;
        if (args[i]->op == TQP_OP_AND) {
            out = terms + count;
            made = tqp_bind_terms(b, args[i]->nargs, args[i]->args, out);
        } else {
            make_term(b, args[i], out);
        }
        for (uint32_t k = 0; k < made; k++) {
            TqpBindTerm term = out[k];
            if (!term.bounds || !fuse(count, terms, &term))
                terms[count++] = term;
        }
    }
    return count;
}

/* The share of a column's range that an interval covers. */
static double interval_share(const TqpBindColumn *col, const TqpBindTerm *term) {
    TqpInt128 lo = term->lo > col->s.min ? term->lo : col->s.min;
    TqpInt128 hi = term->hi < col->s.max ? term->hi : col->s.max;
    if (lo > hi)
        return 0;
    return ((double)hi - (double)lo + 1) / ((double)col->s.max - (double)col->s.min + 1);
}

static bool reads_strings(TqpBinder *b, const TqpExpr *e) {
    if (e->op == TQP_OP_COL && e->index < b->source.ncolumns)
        return tqp_bind_describe(b, e->index)->s.lane == TQP_LANE_VIEW;
    for (uint32_t i = 0; i < e->nargs; i++) {
        if (reads_strings(b, e->args[i]))
            return true;
    }
    return false;
}

/* Cheap and selective terms first: a rank, not a time. */
static double term_cost(TqpBinder *b, const TqpBindTerm *term) {
    const TqpExpr *e = term->expr;
    if (term->bounds && e->op == TQP_OP_COL && e->index < b->source.ncolumns)
        return interval_share(tqp_bind_describe(b, e->index), term);
    if (reads_strings(b, e))
        return 4;
    return 0.5 + (e->nargs > 0 && e->args[0]->op != TQP_OP_COL);
}

/* Stable insertion sort of a run of terms that cannot raise. */
static void sort_terms(TqpBindTerm *terms, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        TqpBindTerm t = terms[i];
        uint32_t k = i;
        for (; k > 0 && terms[k - 1].cost > t.cost; k--)
            terms[k] = terms[k - 1];
        terms[k] = t;
    }
}

static void order_terms(TqpBinder *b, TqpBindTerm *terms, uint32_t n) {
    uint32_t start = 0;
    for (uint32_t i = 0; i <= n; i++) {
        if (i < n)
            terms[i].cost = term_cost(b, &terms[i]);
        if (i == n || terms[i].may_raise) {
            sort_terms(terms + start, i - start);
            start = i + 1;
        }
    }
}

static void add_prune(TqpBinder *b, uint32_t column, TqpInt128 lo, TqpInt128 hi) {
    if (column >= b->source.ncolumns || b->source.columns[column].build != NULL)
        return;
    for (uint32_t i = 0; i < b->nprunes; i++) {
        TqpPrune *p = &b->prunes[i];
        if (p->column == column) {
            p->lo = lo > p->lo ? lo : p->lo;
            p->hi = hi < p->hi ? hi : p->hi;
            return;
        }
    }
    b->prunes = tqp_bind_grow(b, b->prunes, b->nprunes, &b->prunes_cap, sizeof(*b->prunes));
    if (b->status == TQP_OK)
        b->prunes[b->nprunes++] = (TqpPrune){column, lo, hi};
}

/* column IN (constants): the hull of the constants. */
static void prune_by_list(TqpBinder *b, const TqpExpr *e) {
    TqpInt128 lo = TQP_INT128_MAX, hi = TQP_INT128_MIN;
    if (e->op != TQP_OP_IN || e->args[0]->op != TQP_OP_COL ||
        tqp_type_class(e->args[0]->type.kind) != TQP_CLASS_INT)
        return;
    for (uint32_t i = 1; i < e->nargs; i++) {
        TqpValue c;
        if (!tqp_bind_value_of(b, e->args[i], &c))
            return;
        if (c.is_null)
            continue;
        lo = c.i < lo ? c.i : lo;
        hi = c.i > hi ? c.i : hi;
    }
    if (lo <= hi)
        add_prune(b, e->args[0]->index, lo, hi);
}

static void filter_by(TqpBinder *b, const TqpBindTerm *term) {
    TqpBound v = tqp_bind_expr(b, term->expr);
    if (term->bounds)
        v = tqp_bind_between(b, &v, term->lo, term->hi, false);
    uint16_t mask = tqp_bind_true_mask(b, &v);
    if (mask != TQP_NO_REG && b->status == TQP_OK)
        tqp_bind_filter_step(b, mask);
}

void tqp_bind_filter(TqpBinder *b, const TqpExpr *pred, bool at_scan) {
    uint32_t n = tqp_bind_count_terms(1, &pred);
    TqpBindTerm *terms = tqp_bind_zalloc(b, n * sizeof(*terms));
    if (terms == NULL)
        return;
    n = tqp_bind_terms(b, 1, &pred, terms);
    order_terms(b, terms, n);
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        /* Behind a term that may raise, rows of a skipped group might still have raised. */
        at_scan &= !terms[i].may_raise;
        if (at_scan && terms[i].bounds && terms[i].expr->op == TQP_OP_COL)
            add_prune(b, terms[i].expr->index, terms[i].lo, terms[i].hi);
        else if (at_scan)
            prune_by_list(b, terms[i].expr);
        filter_by(b, &terms[i]);
    }
}
