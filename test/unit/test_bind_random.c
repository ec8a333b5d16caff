/*
 * The binder against an interpreter: random queries over random row groups, bound and executed on
 * `ref` and on every ISA of `cpu`, must give the rows that ir_eval.h gives, or an anomaly where
 * that one raises.  An anomaly where it does not is allowed (the host would replay) but must stay
 * rare.
 */
#include "unit/random_run.h"

/*
 * The interpreter raises when a sum leaves 10^37, which the engine and PostgreSQL can go past: huge
 * numerics do not occur in what is aggregated.
 */
static const TqpExpr *shrink(TqpArena *a, const TqpExpr *e, void *arg) {
    (void)arg;
    if (e->op != TQP_OP_CONST || e->type.kind != TQP_TYPE_NUM || e->value.is_null ||
        (e->value.i < INT32_MAX && e->value.i > -INT32_MAX))
        return e;
    return tqp_ir_const_int(a, e->type, e->value.i < 0 ? -INT32_MAX : INT32_MAX);
}

static const TqpNode *random_aggregate(Case *c, const TqpNode *input, int depth) {
    const TqpNode *n = ir_random_aggregate(&c->random, input, depth);
    const TqpExpr *keys[3];
    TqpAgg aggs[4];
    for (uint32_t i = 0; i < n->aggregate.nkeys; i++)
        keys[i] = tqp_ir_expr_map(&c->arena, n->aggregate.keys[i], shrink, NULL);
    for (uint32_t i = 0; i < n->aggregate.naggs; i++) {
        aggs[i] = n->aggregate.aggs[i];
        if (aggs[i].arg != NULL)
            aggs[i].arg = tqp_ir_expr_map(&c->arena, aggs[i].arg, shrink, NULL);
    }
    return tqp_ir_aggregate(&c->arena, input, n->aggregate.nkeys, keys, n->aggregate.naggs, aggs);
}

/* Scan, filters, perhaps an aggregate and a filter of it, a projection, perhaps sort or number, and
 * limit. */
static void make_plan(Case *c) {
    IrRandom *r = &c->random;
    TqpArena *a = &c->arena;
    TqpType boolean = ir_type(TQP_TYPE_BOOL);
    const TqpNode *scan = ir_random_scan(r), *n = scan;
    const TqpExpr *exprs[5];
    int depth = 1 + (int)ir_random(r, 4);
    make_relation(c, scan);
    r->ncolumns = n->noutputs;
    r->columns = n->types;
    for (uint32_t i = ir_random(r, 3); i > 0; i--)
        n = tqp_ir_filter(a, n, ir_random_expr(r, boolean, depth));
    for (uint32_t i = ir_random(r, 3); i > 0; i--) {
        n = random_aggregate(c, n, depth - 1);
        r->ncolumns = n->noutputs;
        r->columns = n->types;
        if (ir_random(r, 2))
            n = tqp_ir_filter(a, n, ir_random_expr(r, boolean, depth - 1));
    }
    uint32_t k = 1 + ir_random(r, 5);
    for (uint32_t i = 0; i < k; i++)
        exprs[i] = ir_random_expr(r, ir_random_type(r), depth);
    n = tqp_ir_project(a, n, k, exprs);
    c->ordered = ir_random(r, 2);
    if (c->ordered) { /* by all columns: the order is total up to equal rows */
        TqpSortKey keys[5];
        for (uint32_t i = 0; i < k; i++)
            keys[i] = (TqpSortKey){tqp_ir_col(a, i, n->types[i]), ir_random(r, 2), ir_random(r, 2)};
        if (ir_random(r, 4) == 0)
            n = tqp_ir_number(a, n, ir_random(r, k + 1), k, keys);
        else
            n = tqp_ir_sort(a, n, k, keys);
        if (ir_random(r, 2))
            n = tqp_ir_limit(a, n, tqp_ir_const_int(a, ir_type(TQP_TYPE_I64), 1 + ir_random(r, 20)),
                             tqp_ir_const_int(a, ir_type(TQP_TYPE_I64), ir_random(r, 3)));
    }
    c->plan = n;
}

static void run_seed(uint64_t seed, Tally *tally) {
    Case c = {.random = {.state = seed, .evaluable = true}, .max_rows = GROUP_ROWS};
    c.random.a = &c.arena;
    make_plan(&c);
    run_case(&c, seed, tally);
}

int main(int argc, char **argv) {
    static const Expected expected = {
        .equal = 4 * 2000, .raised = 100, .passes = 500, .spurious = 20, .unsupported = 1200};
    return run_seeds(argc, argv, "bind_random", run_seed, &expected);
}
