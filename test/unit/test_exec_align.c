/*
 * What src/backend/README.md promises to kernels: outputs begin at 64 bytes, accumulators where
 * their type may.  A backend whose kernels look at their arguments and call the CPU's.
 */
#include "check.h"
#include "exec_build.h"

static const TqpBackend *real;
static bool offended[TQP_STEP_KERNEL_COUNT];
static _Atomic uint32_t calls[TQP_STEP_KERNEL_COUNT];

static size_t alignment_of(TqpStepOp op) {
    switch (op) {
    case TQP_STEP_MASK_COUNT:
        return 1; /* no output */
    case TQP_STEP_SUM:
    case TQP_STEP_MIN:
    case TQP_STEP_MAX:
    case TQP_STEP_SEGMENT_SUM:
        return 8;
    default:
        return op >= TQP_STEP_GROUP_COUNT8 && op <= TQP_STEP_GROUP_MAX32 ? 1 : 64;
    }
}

static void look(TqpStepOp op, TqpLane lane, const TqpKernelArgs *args) {
    calls[op]++;
    if ((uintptr_t)args->out % alignment_of(op) != 0)
        offended[op] = true;
    real->kernels[op][lane](args);
}

#define LOOKER(op, lane)                                                                           \
    static void look_##op##_##lane(const TqpKernelArgs *args) {                                    \
        look(TQP_STEP_##op, TQP_LANE_##lane, args);                                                \
    }
#define TQP_STEP(e, n, lanes, note) lanes(LOOKER, e)
#include "program/steps.def"
#undef TQP_STEP

static void make_backend(TqpBackend *b) {
    *b = *real;
#define ENTRY(op, lane)             b->kernels[TQP_STEP_##op][TQP_LANE_##lane] = look_##op##_##lane;
#define TQP_STEP(e, n, lanes, note) lanes(ENTRY, e)
#include "program/steps.def"
#undef TQP_STEP
#undef ENTRY
}

#define SCAN                                                                                       \
    "(scan 0 \"t\" (\"k\" i32) (\"v\" i32) (\"d\" f64) (\"s\" text) (\"t\" text) (\"b\" bool) "    \
    "(\"w\" i64) (\"f\" f32))"
#define SOME "(filter (lt (col 1 i32) (const 9000 i32)) " SCAN ")"

static const char *const queries[] = {
    "(aggregate () ((count_star) (sum (col 1 i32)) (min (col 3 text)) (max (col 4 text)) "
    "(sum (col 2 f64)) (sum (col 7 f32)) (bool_or (col 5 bool))) " SOME ")",
    "(aggregate ((col 0 i32)) ((count_star) (sum (col 1 i32)) (sum (col 2 f64)) (max (col 2 f64)) "
    "(count distinct (col 3 text)) (sum (mul (cast (col 0 i32) i64) (col 6 i64)))) " SCAN ")",
    "(aggregate ((col 6 i64) (col 4 text)) ((count_star) (max (col 7 f32)) (sum (col 2 f64)) (min "
    "(col 4 text))) " SOME ")",
    "(limit (const 25 i64) (const 5 i64) (sort ((col 3 text) desc nulls_last) ((col 2 f64) asc "
    "nulls_first) ((col 6 i64) asc nulls_last) (filter (is_true (col 5 bool)) " SCAN ")))",
    "(project ((add (col 0 i32) (const 7 i32)) (substr (col 4 text) (const 1 i32) (const 2 i32)) "
    "(length (col 4 text))) (filter (like (col 4 text) (const \"%a%\" text)) " SCAN "))",
    /* dense maps: keys of many rows, one row each, rising, some without a key */
    "(aggregate () ((count_star) (sum (col 9 i32))) (join inner (eq (col 0 i32) (col 8 i32)) "
    "(filter (lt (col 1 i32) (const 300 i32)) " SCAN ") " SCAN "))",
    "(aggregate () ((count_star) (sum (col 9 i64))) (join left (eq (col 1 i32) (col 8 i32)) " SCAN
    " (aggregate ((col 1 i32)) ((count_star)) " SCAN ")))",
    "(aggregate () ((count_star)) (join semi (eq (col 1 i32) (col 8 i32)) " SCAN " " SOME "))",
    "(aggregate () ((count_star) (sum (col 9 i32))) (join left (and (eq (col 1 i32) (col 8 i32)) "
    "(lt (col 6 i64) (col 14 i64))) " SOME " (sort ((col 0 i32) asc nulls_last) " SOME ")))",
    /* hash maps */
    "(aggregate () ((count_star)) (join inner (and (eq (col 6 i64) (col 14 i64)) (eq (col 4 text) "
    "(col 12 text))) " SOME " " SOME "))",
    "(aggregate () ((count_star)) (join anti (eq (col 6 i64) (col 14 i64)) " SCAN
    " (filter (lt (col 1 i32) (const 700 i32)) " SCAN ")))",
};

static void run(const char *text, const Data *data, const TqpBackend *backend, int threads,
                uint64_t dense_max) {
    TqpArena arena = {0};
    TqpError err = {0};
    const TqpNode *node = NULL;
    const TqpProgram *program = NULL;
    const TqpRelation *rels[] = {&data->rel};
    TqpBindOptions options = {.utf8 = true, .dense_group_max = dense_max};
    TqpResult result = {0};
    TqpQuery query = {.backend = backend, .nthreads = threads};
    TqpStatus status = tqp_ir_parse(&arena, text, &node, &err);
    if (status == TQP_OK)
        status = tqp_program_bind(&arena, node, rels, 1, NULL, 0, &options, &program, &err);
    CHECK_INT(status, TQP_OK);
    if (status != TQP_OK)
        fprintf(stderr, "%s\n  %s\n", text, err.message);
    else
        CHECK_INT(tqp_exec_run(&query, program, rels, 1, &result), TQP_OK);
    tqp_result_free(&result);
    if (program != NULL)
        tqp_query_free_stats(&query, program);
    tqp_arena_free(&arena);
}

int main(void) {
    static const uint32_t sizes[][2] = {{1, 100}, {5000, 1100}, {30000, 12000}};
    static const TqpStepOp seen[] = {TQP_STEP_INDEX, TQP_STEP_RANK, TQP_STEP_MEMBER,
                                     TQP_STEP_GATHER, TQP_STEP_COMPRESS};
    TqpBackend looking;
    real = tqp_backend_cpu(tqp_cpu_best_isa());
    make_backend(&looking);
    for (int k = 0; k < 3; k++) {
        Data data;
        data_make(&data, sizes[k][0], sizes[k][1]);
        for (size_t q = 0; q < sizeof(queries) / sizeof(queries[0]); q++)
            for (int i = 0; i < 4; i++)
                run(queries[q], &data, &looking, 1 + i / 2, (uint64_t)i % 2);
        data_free(&data);
    }
    for (int op = 0; op < TQP_STEP_KERNEL_COUNT; op++) {
        CHECK(!offended[op]);
        if (offended[op])
            fprintf(stderr, "  %s\n", tqp_step_name((TqpStepOp)op));
    }
    for (size_t k = 0; k < sizeof(seen) / sizeof(seen[0]); k++)
        CHECK(calls[seen[k]] > 0);
    return check_report("exec_align");
}
