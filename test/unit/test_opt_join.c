/*
 * The optimiser on graphs of joins: the shapes of TPC-H by their text, and thousands of random
 * graphs, correlated ones too, whose rows, computed by an interpreter, must not change.
 */
#include "unit/check.h"

#include <stdlib.h>

#include "opt/opt.h"
#include "unit/ir_eval_join.h"
#include "unit/ir_random_join.h"

/*
 * ---- random graphs.  A scalar subquery that a dependent join would not have evaluated may find
 * two rows after decorrelation; that must be rare. ----
 */

/* Rows of relation r; column 0 of every third one is unique. */
static IrTable random_rows(JoinRandom *j, IrEval *ev, uint32_t relation) {
    IrTable t = eval_table(ev, 6, 3);
    for (uint32_t i = ir_random(&j->r, 6); i > 0; i--) {
        TqpValue *row = eval_new_row(ev, &t);
        for (uint32_t c = 0; c < 3; c++)
            row[c] = ir_random(&j->r, 5) ? (TqpValue){.i = ir_random(&j->r, 4)} : eval_null();
        if (relation % 3 == 0 && !row[0].is_null)
            row[0].i = i;
    }
    return t;
}

static IrTable narrow(IrEval *ev, const IrTable *t, const TqpScanColumns *columns) {
    IrTable out = eval_table(ev, t->nrows, columns->ncolumns);
    for (uint32_t i = 0; i < t->nrows; i++) {
        TqpValue *row = eval_new_row(ev, &out);
        for (uint32_t c = 0; c < columns->ncolumns; c++)
            row[c] = t->rows[i][columns->columns[c]];
    }
    return out;
}

/* The same rows, each as often, in any order. */
static bool same_rows(const TqpNode *node, const IrTable *x, const IrTable *y) {
    bool *used = calloc(y->nrows + 1, 1);
    bool same = x->nrows == y->nrows;
    for (uint32_t i = 0; same && i < x->nrows; i++) {
        uint32_t k = 0;
        for (; k < y->nrows; k++) {
            bool equal = !used[k];
            for (uint32_t c = 0; equal && c < node->noutputs; c++)
                equal = eval_same(node->types[c], x->rows[i][c], y->rows[k][c]);
            if (equal)
                break;
        }
        same = k < y->nrows;
        if (same)
            used[k] = true;
    }
    free(used);
    return same;
}

static void print_plan(const char *what, const TqpNode *node) {
    TqpString s = {0};
    tqp_ir_print(node, &s);
    fprintf(stderr, "  %s %s\n", what, s.data);
    tqp_string_free(&s);
}

static void print_trace(const char *pass, const TqpNode *node, void *arg) {
    (void)arg;
    print_plan(pass, node);
}

typedef struct Outcome {
    int ran, changed, declined, raised, late;
} Outcome;

/* Groups over inner joins by equalities, some of unique columns: what late_join looks for. */
static const TqpNode *grouped_joins(JoinRandom *j) {
    TqpArena *a = j->r.a;
    TqpType i32 = ir_type(TQP_TYPE_I32), b = ir_type(TQP_TYPE_BOOL);
    const TqpNode *node = join_random_scan(j);
    for (uint32_t i = 1 + ir_random(&j->r, 3); i > 0; i--) {
        const TqpExpr *equal[2];
        uint32_t n = node->noutputs, k = 1 + (ir_random(&j->r, 3) == 0);
        for (uint32_t e = 0; e < k; e++) {
            uint32_t left = 3 * ir_random(&j->r, n / 3) + ir_random(&j->r, 2);
            uint32_t right = n + (ir_random(&j->r, 3) == 0);
            equal[e] =
                tqp_ir_call2(a, TQP_OP_EQ, b, tqp_ir_col(a, left, i32), tqp_ir_col(a, right, i32));
        }
        node = tqp_ir_join(a, TQP_JOIN_INNER, false, node, join_random_scan(j),
                           k == 1 ? equal[0] : tqp_ir_call(a, TQP_OP_AND, b, 2, equal));
    }
    const TqpExpr *keys[5];
    uint32_t nkeys = 2 + ir_random(&j->r, 4), read = ir_random(&j->r, node->noutputs);
    for (uint32_t i = 0; i < nkeys; i++) {
        uint32_t c = ir_random(&j->r, node->noutputs);
        keys[i] = tqp_ir_col(a, c, node->types[c]);
    }
    TqpType i64 = ir_type(TQP_TYPE_I64);
    TqpAgg aggs[2] = {{TQP_AGG_COUNT_STAR, i64, NULL, NULL, false},
                      {TQP_AGG_COUNT, i64, tqp_ir_col(a, read, node->types[read]), NULL, false}};
    return tqp_ir_aggregate(a, node, nkeys, keys, 2, aggs);
}

/* Is the plan another one without late_join? */
static bool joins_late(TqpArena *a, const TqpNode *node) {
    TqpError err = {0};
    const TqpNode *with = NULL, *without = NULL;
    TqpOptOptions options = {.disabled = "join_order"};
    TqpOptOptions other = {.disabled = "join_order,late_join"};
    return tqp_opt_run(a, node, &options, &with, &err) == TQP_OK &&
           tqp_opt_run(a, node, &other, &without, &err) == TQP_OK &&
           !tqp_ir_node_equal(with, without);
}

static void random_graph(uint64_t seed, const char *disabled, Outcome *outcome) {
    TqpArena a = {0};
    TqpError err = {0};
    JoinRandom j = {.r = {.state = seed * 7919, .a = &a}};
    bool grouped = seed % 5 == 0;
    const TqpNode *node = grouped ? grouped_joins(&j) : join_random_graph(&j, 2 + (int)(seed % 4)),
                  *out = NULL;
    outcome->late += grouped && joins_late(&a, node);
    TqpScanColumns columns[JOIN_RELATIONS];
    TqpOptOptions options = {
        .disabled = disabled, .nrelations = JOIN_RELATIONS, .scan_columns = columns};
    TqpStatus status = tqp_opt_run(&a, node, &options, &out, &err);
    bool ok = status == TQP_OK || status == TQP_UNSUPPORTED;
    const char *why = err.message;
    outcome->declined += status == TQP_UNSUPPORTED;
    for (int round = 0; status == TQP_OK && ok && round < 4; round++) {
        IrEval before = {.a = &a}, after = {.a = &a};
        IrTable tables[JOIN_RELATIONS], narrowed[JOIN_RELATIONS];
        for (uint32_t r = 0; r < JOIN_RELATIONS; r++) {
            tables[r] = random_rows(&j, &before, r);
            narrowed[r] =
                columns[r].columns != NULL ? narrow(&after, &tables[r], &columns[r]) : tables[r];
        }
        IrTable x = eval_graph(&before, node, tables);
        if (before.raised || x.nrows > 2000)
            continue;
        IrTable y = eval_graph(&after, out, narrowed);
        outcome->ran++;
        outcome->raised += after.raised;
        if (after.raised)
            continue;
        ok = same_rows(node, &x, &y);
        why = "rows differ";
        outcome->changed += !tqp_ir_node_equal(node, out);
    }
    CHECK(ok);
    if (!ok) {
        fprintf(stderr, "  seed %d: %s, off: %s\n", (int)seed, why, disabled ? disabled : "");
        print_plan("before", node);
        options.trace = print_trace;
        (void)!tqp_opt_run(&a, node, &options, &out, &err);
    }
    tqp_arena_free(&a);
}

static void random_graphs(uint64_t n) {
#define FIRST "constant_folding,canonicalise,"
    static const char *const disabled[] = {
        NULL,
        NULL,
        "shared_inlining",
        "column_pruning",
        "predicate_pushdown",
        "join_kinds",
        "join_order",
        FIRST "join_kinds,predicate_pushdown,join_order,column_pruning",
        FIRST "predicate_pushdown,join_order,column_pruning",
        FIRST "join_kinds,join_order,column_pruning",
        FIRST "join_kinds,predicate_pushdown,column_pruning",
        FIRST "join_kinds,predicate_pushdown,join_order"};
#undef FIRST
    const uint64_t ndisabled = sizeof(disabled) / sizeof(disabled[0]);
    Outcome outcome = {0};
    for (uint64_t seed = 1; seed <= n; seed++)
        random_graph(seed, disabled[seed % ndisabled], &outcome);
    printf("ran %d, changed %d, declined %d, raised %d, joined late %d\n", outcome.ran,
           outcome.changed, outcome.declined, outcome.raised, outcome.late);
    CHECK(outcome.ran > (int)n && outcome.changed > (int)n);
    CHECK(outcome.late > (int)n / 100);
    CHECK(outcome.declined < (int)n / 50 && outcome.raised < (int)n / 20);
}

/* An arena that runs out gives a status at every point of failure. */
static void memory_limits(void) {
    TqpArena a = {0};
    TqpError err = {0};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        JoinRandom j = {.r = {.state = seed * 104729, .a = &a}};
        const TqpNode *node = join_random_graph(&j, 5), *out;
        TqpStatus status = TQP_MEMORY_LIMIT;
        for (int64_t limit = 1; limit < (1 << 26) && status == TQP_MEMORY_LIMIT;
             limit += limit / 4 + 4096) {
            TqpBroker broker;
            TqpArena small;
            tqp_broker_init(&broker, limit);
            tqp_arena_init(&small, &broker);
            status = tqp_opt_run(&small, node, &(TqpOptOptions){0}, &out, &err);
            tqp_arena_free(&small);
        }
        CHECK(status == TQP_OK || status == TQP_UNSUPPORTED);
    }
    tqp_arena_free(&a);
}

/* The deepest graphs that tqp_ir_check accepts, of one kind of join each, dependent or not. */
static void deep_graphs(void) {
    for (int kind = 0; kind < 2 * TQP_JOIN_KIND_COUNT; kind++) {
        if (kind == TQP_JOIN_KIND_COUNT + TQP_JOIN_FULL) /* no such join */
            continue;
        TqpArena a = {0};
        TqpError err = {0};
        JoinRandom j = {.r = {.state = 5, .a = &a}};
        bool dependent = kind >= TQP_JOIN_KIND_COUNT;
        TqpType i32 = ir_type(TQP_TYPE_I32), b = ir_type(TQP_TYPE_BOOL);
        const TqpNode *node = join_random_scan(&j), *right = join_random_scan(&j), *out;
        const TqpExpr *eq =
            tqp_ir_call2(&a, TQP_OP_LT, b, tqp_ir_col(&a, 0, i32), tqp_ir_outer(&a, 0, 0, i32));
        if (dependent)
            right = tqp_ir_filter(&a, right, eq);
        for (int i = 0; i < TQP_IR_MAX_DEPTH - 2; i++)
            node = tqp_ir_join(&a, (TqpJoinKind)(kind % TQP_JOIN_KIND_COUNT), dependent, node,
                               right, tqp_ir_const_bool(&a, true));
        TqpStatus status = tqp_opt_run(&a, node, &(TqpOptOptions){0}, &out, &err);
        CHECK(status == TQP_OK || (dependent && status == TQP_UNSUPPORTED));
        tqp_arena_free(&a);
    }
}

int main(int argc, char **argv) {
    memory_limits();
    deep_graphs();
    random_graphs(argc > 1 ? strtoull(argv[1], NULL, 10) : 6000);
    return check_report("opt_join");
}
