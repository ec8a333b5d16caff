/* One random case: the interpreter's rows against those of every backend. */
#ifndef TQP_TEST_RANDOM_RUN_H
#define TQP_TEST_RANDOM_RUN_H

#include "unit/check.h"
#include "unit/ir_eval_join.h"
#include "unit/random_rows.h"

typedef struct Tally {
    int equal, raised, spurious, unsupported;
    int passes; /* cases of which a pipeline ran several times */
} Tally;

static inline void complain(const Case *c, uint64_t seed, const char *backend, const char *what,
                            const TqpProgram *program) {
    TqpString text = {0};
    tqp_ir_print_tree(c->plan, &text);
    if (program != NULL)
        tqp_program_print(program, &text);
    fprintf(stderr, "seed %llu on %s: %s\n%s\n", (unsigned long long)seed, backend, what,
            text.data);
    tqp_string_free(&text);
}

/* A scalar subquery without keys may raise although no row asks for it. */
static inline bool has_single(const TqpNode *n) {
    bool has = n->kind == TQP_NODE_JOIN && n->join.kind == TQP_JOIN_SINGLE;
    for (uint32_t i = 0; i < n->ninputs; i++)
        has = has || has_single(n->inputs[i]);
    return has;
}

static inline void run_on(Case *c, uint64_t seed, const TqpBackend *backend, uint32_t passes,
                          const TqpProgram *program, const IrTable *expected, bool raised,
                          Tally *tally) {
    TqpQuery query = {.backend = backend, .nthreads = 1 + (int)(seed % 2), .least_passes = passes};
    TqpResult result;
    TqpStatus status = tqp_exec_run(&query, program, c->rels, c->nscans, &result);
    bool ok = true;
    bool in_passes = false;
    for (uint32_t p = 0; p < program->npipelines && status == TQP_OK; p++)
        in_passes = in_passes || query.stats[p].passes > 1;
    tally->passes += in_passes;
    if (status == TQP_OK) {
        ok = raised ? c->may_spare
                    : same_tables(c, table_of(c, &result, c->plan->noutputs), *expected);
        tally->equal += ok && !raised;
        tqp_result_free(&result);
    } else {
        ok = status == TQP_OVERFLOW || status == TQP_DIV_BY_ZERO ||
             (status == TQP_CARDINALITY && has_single(c->plan));
        tally->raised += raised;
        tally->spurious += !raised;
    }
    CHECK(ok);
    if (!ok)
        complain(c, seed, backend->name,
                 status != TQP_OK ? query.error.message
                 : raised         ? "should have raised"
                                  : "rows differ",
                 program);
    tqp_query_free_stats(&query, program);
}

/* Interpret c->plan, bind it, run it on every backend, and free the case. */
static inline void run_case(Case *c, uint64_t seed, Tally *tally) {
    const TqpProgram *program;
    TqpError err = {0};
    IrEval ev = {.a = &c->arena};
    IrTable expected = eval_graph(&ev, c->plan, c->tables);
    TqpBindOptions options = {
        .utf8 = true, .dense_group_max = seed % 3 ? 0 : 1, .nested_rows = seed % 4 ? 1 : 0};
    if (ev.huge) {
        tqp_arena_free(&c->arena);
        return;
    }
    TqpStatus status =
        tqp_program_bind(&c->arena, c->plan, c->rels, c->nscans, NULL, 0, &options, &program, &err);
    CHECK(status == TQP_OK || status == TQP_UNSUPPORTED);
    if (getenv("TQP_TEST_VERBOSE") != NULL && status == TQP_OK)
        complain(c, seed, "bind", "program", program);
    if (status != TQP_OK) {
        tally->unsupported++;
        if (status != TQP_UNSUPPORTED || getenv("TQP_TEST_VERBOSE") != NULL)
            complain(c, seed, "bind", err.message, NULL);
    } else {
        run_on(c, seed, tqp_backend_ref(), 0, program, &expected, ev.raised, tally);
        for (int isa = 0; isa < TQP_ISA_COUNT; isa++) {
            const TqpBackend *cpu = tqp_backend_cpu((TqpIsa)isa);
            if (cpu != NULL)
                run_on(c, seed, cpu, 0, program, &expected, ev.raised, tally);
        }
        uint32_t passes = 2 + 2 * (uint32_t)(seed % 2);
        run_on(c, seed, tqp_backend_ref(), passes, program, &expected, ev.raised, tally);
        run_on(c, seed, tqp_backend_cpu(TQP_ISA_SCALAR), passes, program, &expected, ev.raised,
               tally);
    }
    tqp_arena_free(&c->arena);
}

/* What a run of all seeds must reach, lest the test pass because little was run. */
typedef struct Expected {
    int equal, raised; /* at least */
    int passes;        /* at least */
    int spurious;      /* at most one in so many of the equal ones */
    int unsupported;   /* at most */
} Expected;

/* The main function of such a test; arguments: the first seed (1) and how many (4000, or 1). */
static inline int run_seeds(int argc, char **argv, const char *name,
                            void (*run_seed)(uint64_t seed, Tally *tally),
                            const Expected *expected) {
    Tally tally = {0};
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : 4000;
    for (uint64_t seed = first; seed < first + count; seed++)
        run_seed(seed, &tally);
    printf("equal %d, raised %d, raised without need %d, unsupported %d, in passes %d\n",
           tally.equal, tally.raised, tally.spurious, tally.unsupported, tally.passes);
    if (argc <= 1) {
        CHECK(tally.equal > expected->equal);
        CHECK(tally.raised > expected->raised);
        CHECK(tally.passes > expected->passes);
        CHECK(tally.spurious < tally.equal / expected->spurious);
        CHECK(tally.unsupported < expected->unsupported);
    }
    return check_report(name);
}

#endif
