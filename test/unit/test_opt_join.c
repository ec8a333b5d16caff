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
    int ran, changed, declined, raised;
} Outcome;

static void random_graph(uint64_t seed, const char *disabled, Outcome *outcome) {
    TqpArena a = {0};
    TqpError err = {0};
    JoinRandom j = {.r = {.state = seed * 7919, .a = &a}};
    const TqpNode *node = join_random_graph(&j, 2 + (int)(seed % 4)), *out = NULL;
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
    printf("ran %d, changed %d, declined %d, raised %d\n", outcome.ran, outcome.changed,
           outcome.declined, outcome.raised);
    CHECK(outcome.ran > (int)n && outcome.changed > (int)n);
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
