/*
 * Joins, appends and values against an interpreter: random trees of them over random row groups, on
 * `ref` and on every ISA of `cpu`.  The interpreter meets every pair, so the engine may well not
 * raise where it does.
 */
#include "unit/random_run.h"

/* Is the column without duplicates among the rows that are there? */
static bool is_unique(const IrTable *t, TqpType type, uint32_t column) {
    for (uint32_t i = 0; i < t->nrows; i++)
        for (uint32_t k = 0; k < i; k++)
            if (!t->rows[i][column].is_null && !t->rows[k][column].is_null &&
                eval_order(type, t->rows[i][column], t->rows[k][column]) == 0)
                return false;
    return true;
}

static const TqpNode *defined; /* what SHARED 0 is in this case, or NULL */

/* A relation, perhaps that of an earlier scan, and the unique columns that it happens to have. */
static const TqpNode *random_scan(Case *c) {
    TqpUnique uniques[MAX_COLUMNS];
    uint32_t columns[MAX_COLUMNS], n = 0;
    c->rotated = ir_random(&c->random, 3);
    const TqpNode *scan = ir_random_scan_of(&c->random, c->nscans);
    make_relation(c, scan);
    for (uint32_t i = 0; i < scan->noutputs; i++) {
        columns[n] = i;
        uniques[n] = (TqpUnique){1, &columns[n]};
        n += is_unique(&c->table, scan->types[i], i);
    }
    return tqp_ir_scan_unique(&c->arena, scan, n, uniques);
}

static const TqpNode *random_tree(Case *c, int depth);

static const TqpNode *random_join(Case *c, int depth) {
    IrRandom *r = &c->random;
    const TqpNode *left = random_tree(c, depth - 1), *right = random_tree(c, depth - 1);
    TqpJoinKind kind = (TqpJoinKind)ir_random(r, TQP_JOIN_KIND_COUNT);
    const TqpExpr *pred = ir_random_join_pred(r, left, right, ir_random(r, 3) ? 1 : 2);
    return tqp_ir_join(&c->arena, kind, false, left, right, pred);
}

static const TqpNode *random_leaf(Case *c) {
    if (defined != NULL && ir_random(&c->random, 3) == 0)
        return tqp_ir_shared(&c->arena, 0, defined);
    if (c->nscans < MAX_SCANS && ir_random(&c->random, 6))
        return random_scan(c);
    return ir_random_values(&c->random);
}

/* What stands above an input of a join, but for joins. */
static const TqpNode *random_unary(Case *c, const TqpNode *n, int depth) {
    IrRandom *r = &c->random;
    const TqpType i64 = ir_type(TQP_TYPE_I64);
    const TqpExpr *exprs[4];
    TqpAgg count = {.func = TQP_AGG_COUNT_STAR, .type = i64};
    ir_random_over(r, n);
    switch (ir_random(r, 9)) {
    case 0:
    case 1:
        return tqp_ir_filter(r->a, n, ir_random_expr(r, ir_type(TQP_TYPE_BOOL), depth));
    case 2:
        for (uint32_t i = 0; i < 4; i++)
            exprs[i] = ir_random_expr(r, ir_random_type(r), ir_random(r, 2));
        return tqp_ir_project(r->a, n, 4, exprs);
    case 3:
    case 4:
        for (uint32_t i = 0; i < 2; i++)
            exprs[i] = ir_random_leaf(r, ir_random_type(r));
        return tqp_ir_aggregate(r->a, n, 1 + ir_random(r, 2), exprs, 1, &count);
    case 5: { /* by all columns, so that the rows of a limit are known */
        TqpSortKey keys[MAX_COLUMNS];
        if (n->noutputs == 0 || n->noutputs > MAX_COLUMNS)
            return n;
        for (uint32_t i = 0; i < n->noutputs; i++)
            keys[i] =
                (TqpSortKey){tqp_ir_col(r->a, i, n->types[i]), ir_random(r, 2), ir_random(r, 2)};
        return tqp_ir_limit(r->a, tqp_ir_sort(r->a, n, n->noutputs, keys),
                            tqp_ir_const_int(r->a, i64, ir_random(r, 4)), NULL);
    }
    default:
        return n;
    }
}

static const TqpNode *random_tree(Case *c, int depth) {
    IrRandom *r = &c->random;
    const TqpNode *n;
    if (depth <= 0 || ir_random(r, 5) == 0) {
        n = random_leaf(c);
    } else if (ir_random(r, 5) == 0) {
        const TqpNode *first = random_tree(c, depth - 1), *second = random_tree(c, depth - 1);
        n = tqp_ir_append(r->a, first, ir_random_fit(r, second, first->noutputs, first->types));
    } else {
        n = random_join(c, depth);
    }
    n = random_unary(c, n, 2);
    r->ncolumns = 0;
    return n;
}

static void run_seed(uint64_t seed, Tally *tally) {
    Case c = {.random = {.state = seed, .evaluable = true}, .may_spare = true};
    c.random.a = &c.arena;
    c.max_rows = seed % 4 ? 7 : 20;
    defined = NULL;
    const TqpNode *definition = seed % 3 == 0 ? random_tree(&c, 1) : NULL;
    defined = definition;
    c.plan = random_tree(&c, 1 + (int)(seed % 3) + (definition != NULL));
    if (definition != NULL)
        c.plan = tqp_ir_with(&c.arena, 0, definition, c.plan);
    run_case(&c, seed, tally);
}

int main(int argc, char **argv) {
    static const Expected expected = {
        .equal = 4 * 2000, .raised = 100, .passes = 2000, .spurious = 10, .unsupported = 800};
    return run_seeds(argc, argv, "bind_join", run_seed, &expected);
}
