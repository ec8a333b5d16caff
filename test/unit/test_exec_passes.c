/*
 * Queries that need more memory than they may have: in passes they give the same rows, stay below
 * the limit, and can be cancelled.
 */
#include "check.h"
#include "exec_build.h"
#include "rel.h"

enum { N = 300000, GROUP_ROWS = 50000, NGROUPS = N / GROUP_ROWS, COLUMNS = 4 };

/* Passes of a last try that was in vain: it is found out soon. */
#define VAIN_PASSES 8

/* What a thread needs however few rows there are. */
#define FIXED_BYTES ((int64_t)2 << 20)

/*
 * id: rising, each twice; wide: 5 values of it in 7 rows, over all of int64; n: below 1000; f: as
 * id, floats, every 17th of them the same.  Some of the first rows are NULL.
 */
#define SCAN "(scan 0 \"t\" (\"id\" i64) (\"wide\" i64) (\"n\" i64) (\"f\" f64))"

typedef struct Query {
    const char *text;
    uint32_t parts; /* of its memory that do: 0: not even half of it, as nothing can be in passes */
} Query;

static const Query queries[] = {
    /* groups: by ranges, by hash, of floats */
    {"(aggregate () ((count_star) (sum (col 1 i64)) (max (col 2 num(0)))) (aggregate ((col 0 i64)) "
     "((count_star) (sum (col 2 i64))) " SCAN "))",
     4},
    {"(filter (lt (col 0 i64) (const -9000000000000000000 i64)) (aggregate ((col 1 i64)) "
     "((count_star) (min (col 0 i64))) " SCAN "))",
     4},
    {"(aggregate ((col 1 i64)) ((count_star) (sum (col 3 i64))) (aggregate ((col 3 f64) (col 2 "
     "i64)) ((count_star) (count distinct (col 0 i64))) " SCAN "))",
     2},
    {"(limit (const 9 i64) _ (sort ((col 1 num(0)) desc nulls_last) ((col 0 f64) asc nulls_last) "
     "(aggregate ((col 3 f64)) ((sum (col 0 i64))) " SCAN ")))",
     4},
    /* float sums of the groups themselves are in the order of rows */
    {"(aggregate () ((max (col 1 f64)) (count (col 1 f64))) (aggregate ((col 0 i64)) ((sum (col 3 "
     "f64))) " SCAN "))",
     2},
    /* builds: dense, by hash with ranges, by hash; every kind of probe */
    {"(aggregate () ((count_star) (sum (col 2 i64)) (sum (col 6 i64))) (join inner (eq (col 0 i64) "
     "(col 4 i64)) " SCAN " " SCAN "))",
     4},
    {"(aggregate ((col 2 i64)) ((count_star) (count (col 6 i64))) (join left (and (eq (col 1 i64) "
     "(col 5 i64)) (lt (col 2 i64) (const 700 i64))) " SCAN " (filter (lt (col 2 i64) (const 900 "
     "i64)) " SCAN ")))",
     4},
    {"(aggregate () ((count_star) (sum (col 0 i64))) (join anti (and (eq (col 1 i64) (col 5 i64)) "
     "(lt (col 2 i64) (col 6 i64))) " SCAN " " SCAN "))",
     4},
    {"(aggregate () ((count_star) (sum (col 0 i64))) (join semi (and (eq (col 0 i64) (col 4 i64)) "
     "(eq (col 3 f64) (col 7 f64))) " SCAN " (filter (lt (col 2 i64) (const 500 i64)) " SCAN ")))",
     4},
    {"(aggregate ((col 4 bool)) ((count_star) (sum (col 0 i64))) (join mark (and (eq (col 3 f64) "
     "(col 7 f64)) (not (distinct (col 1 i64) (col 5 i64)))) " SCAN
     " (filter (lt (col 2 i64) (const "
     "500 i64)) " SCAN ")))",
     4},
    /* two builds */
    {"(aggregate () ((count_star) (sum (col 6 i64))) (join inner (eq (col 1 i64) (col 9 i64)) "
     "(join "
     "inner (eq (col 0 i64) (col 4 i64)) " SCAN " " SCAN ") " SCAN "))",
     2},
    /* in another order float sums are others */
    {"(aggregate () ((sum (col 3 f64))) (join inner (eq (col 1 i64) (col 5 i64)) " SCAN " " SCAN
     "))",
     0},
    /* all rows are wanted at once */
    {"(project ((col 0 i64) (col 1 i64)) " SCAN ")", 0},
    {"(project ((col 0 i64) (col 1 i64) (col 2 i64) (col 3 f64) (col 4 i64) (col 5 i64) (col 6 "
     "i64) "
     "(col 7 f64)) (join inner (eq (col 1 i64) (col 5 i64)) " SCAN " " SCAN "))",
     0},
};

static TqpRelation relation(TqpArena *a) {
    static const TqpTypeKind kinds[] = {TQP_TYPE_I64, TQP_TYPE_I64, TQP_TYPE_I64, TQP_TYPE_F64};
    TqpRelation rel = {.ncolumns = COLUMNS, .ngroups = NGROUPS};
    rel.columns = tqp_arena_zalloc(a, COLUMNS * sizeof(TqpRelColumn));
    rel.groups = tqp_arena_zalloc(a, NGROUPS * sizeof(TqpRowGroup));
    int64_t *values = tqp_arena_alloc(a, GROUP_ROWS * sizeof(int64_t));
    double *floats = tqp_arena_alloc(a, GROUP_ROWS * sizeof(double));
    for (int c = 0; c < COLUMNS; c++)
        rel.columns[c].type.kind = kinds[c];
    for (uint32_t g = 0; g < NGROUPS; g++) {
        TqpRowGroup *group = &rel.groups[g];
        uint64_t nulls = g == 0 ? 0xf0f0 : 0, first = (uint64_t)g * GROUP_ROWS;
        group->nrows = group->live_rows = GROUP_ROWS;
        group->tensors = tqp_arena_zalloc(a, COLUMNS * sizeof(TqpTensor));
        for (uint32_t i = 0; i < GROUP_ROWS; i++)
            values[i] = (int64_t)(first + i) / 2;
        group->tensors[0] = rel_ints(a, TQP_LANE_U32, 0, GROUP_ROWS, values, nulls >> 1);
        for (uint32_t i = 0; i < GROUP_ROWS; i++)
            values[i] = (int64_t)((first + i) * 5 / 7 * UINT64_C(0x9e3779b97f4a7c15));
        group->tensors[1] = rel_ints(a, TQP_LANE_I64, 0, GROUP_ROWS, values, nulls);
        for (uint32_t i = 0; i < GROUP_ROWS; i++)
            values[i] = (int64_t)((first + i) * 7919 % 1000);
        group->tensors[2] = rel_ints(a, TQP_LANE_U16, 0, GROUP_ROWS, values, 0);
        for (uint32_t i = 0; i < GROUP_ROWS; i++)
            floats[i] = i % 17 == 0 ? -0.0 : (double)((first + i) / 2) / 3;
        group->tensors[3] = rel_floats(a, 64, floats, 0);
        double *all = tqp_arena_zalloc(a, GROUP_ROWS * sizeof(double) + TQP_TENSOR_PAD);
        memcpy(all, floats, GROUP_ROWS * sizeof(double));
        group->tensors[3].nrows = GROUP_ROWS;
        group->tensors[3].data = all;
    }
    return rel;
}

typedef struct Run {
    TqpStatus status;
    Lines lines;
    int64_t peak;
    uint32_t passes; /* of all pipelines, those behind the first */
} Run;

static Run run(const TqpProgram *program, const TqpRelation *rel, int64_t limit, int threads,
               const TqpHostPoll *poll) {
    const TqpRelation *rels[] = {rel, rel, rel};
    TqpBroker broker;
    TqpResult result = {0};
    Run out = {0};
    tqp_broker_init(&broker, limit);
    TqpQuery query = {.backend = tqp_backend_cpu(TQP_ISA_SCALAR),
                      .nthreads = threads,
                      .broker = &broker,
                      .poll = poll};
    out.status = tqp_exec_run(&query, program, rels, 3, &result);
    out.peak = broker.peak;
    for (uint32_t p = 0; p < program->npipelines; p++)
        out.passes += query.stats[p].passes > 1 ? query.stats[p].passes - 1 : 0;
    if (out.status == TQP_OK) {
        lines_of_result(&out.lines, &result);
        lines_sort(&out.lines);
    }
    tqp_result_free(&result);
    tqp_query_free_stats(&query, program);
    CHECK_INT(broker.used, 0);
    return out;
}

/* Asked for the n-th time, the host wants to stop. */
typedef struct Patience {
    int left;
} Patience;

static bool stop_after(void *arg) {
    Patience *p = arg;
    return p->left-- <= 0;
}

static void check_query(const Query *q, const TqpProgram *program, const TqpRelation *rel) {
    uint32_t passes = 0;
    bool tried = false;
    for (int threads = 1; threads <= 2; threads++) {
        Run whole = run(program, rel, 0, threads, NULL);
        CHECK_INT(whole.status, TQP_OK);
        CHECK_INT(whole.passes, 0);
        for (uint32_t parts = 2; parts <= (q->parts > 2 ? q->parts : 2); parts++) {
            int64_t limit = whole.peak / parts + (threads + 1) * FIXED_BYTES;
            if (limit >= whole.peak)
                continue;
            Run less = run(program, rel, limit, threads, NULL);
            tried = true;
            CHECK(less.peak <= limit);
            if (less.status != (q->parts > 0 ? TQP_OK : TQP_MEMORY_LIMIT))
                fprintf(stderr, "%s\n  %d threads, 1/%u of %lld bytes\n", q->text, threads, parts,
                        (long long)whole.peak);
            CHECK_INT(less.status, q->parts > 0 ? TQP_OK : TQP_MEMORY_LIMIT);
            CHECK(q->parts == 0 || lines_equal(&less.lines, &whole.lines));
            CHECK(q->parts > 0 || threads > 1 || less.passes < VAIN_PASSES);
            passes += less.passes;
            lines_free(&less.lines);
        }
        for (int n = 1; n < 30 && q->parts > 0 && threads == 1; n += 14) {
            Patience patience = {n};
            const TqpHostPoll poll = {.interrupted = stop_after, .host = &patience};
            Run stopped = run(program, rel, whole.peak / 2, threads, &poll);
            CHECK(stopped.status == TQP_CANCELLED || patience.left > 0);
            lines_free(&stopped.lines);
        }
        lines_free(&whole.lines);
    }
    CHECK(tried && (passes > 0 || q->parts == 0));
}

int main(void) {
    TqpArena arena = {0};
    TqpRelation rel = relation(&arena);
    const TqpRelation *rels[] = {&rel, &rel, &rel};
    for (size_t k = 0; k < sizeof(queries) / sizeof(queries[0]); k++)
        for (uint64_t dense = 0; dense < 2; dense++) {
            const TqpBindOptions options = {.utf8 = true, .dense_group_max = dense};
            const TqpNode *node;
            const TqpProgram *program;
            TqpError err = {0};
            TqpStatus status = tqp_ir_parse(&arena, queries[k].text, &node, &err);
            if (status == TQP_OK)
                status = tqp_program_bind(&arena, node, rels, 3, NULL, 0, &options, &program, &err);
            CHECK_STR(err.message, "");
            if (status == TQP_OK)
                check_query(&queries[k], program, &rel);
        }
    tqp_arena_free(&arena);
    return check_report("exec_passes");
}
