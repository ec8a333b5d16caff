/* Joins at work: threads, cancellation, memory, LIMIT, sums over pairs; sources of pipelines. */
#include <time.h>

#include "check.h"
#include "exec_join.h"

static const Keys by_a = {TQP_MAP_DENSE, 1, {SIDE_A}, {false}};
static const Keys by_a_hash = {TQP_MAP_HASH, 1, {SIDE_A}, {false}};
static const Keys cross = {TQP_MAP_ALL, 0, {0}, {false}};

static TqpQuery query_of(int threads, TqpBroker *broker, const TqpHostPoll *poll) {
    return (TqpQuery){.backend = tqp_backend_cpu(tqp_cpu_best_isa()),
                      .nthreads = threads,
                      .broker = broker,
                      .poll = poll};
}

static TqpStatus run(TqpQuery *query, const Build *b, const Side *left, const Side *right,
                     TqpResult *result) {
    const TqpRelation *rels[] = {&left->rel, &right->rel};
    TqpStatus status = tqp_exec_run(query, &b->program, rels, 2, result);
    CHECK_INT(query->error.status, status);
    tqp_query_free_stats(query, &b->program);
    return status;
}

static int64_t int_at(const TqpResult *result, uint32_t column, uint64_t row) {
    TqpValue v;
    const TqpRowGroup *group = &result->rel.groups[row / 65536];
    tqp_tensor_value(&group->tensors[column], result->rel.columns[column].type,
                     (uint32_t)(row % 65536), &v);
    return v.is_null ? -1 : (int64_t)v.i;
}

/* left id and right id of all pairs */
static void ids_program(Build *b, const Keys *keys, uint32_t domain, bool unique, int64_t limit) {
    TqpMap map = keys_map(keys, domain, false);
    map.unique = unique;
    build_side(b, 1, map);
    TqpSlot id = side_load(b, SIDE_ID), key = side_load(b, SIDE_A);
    TqpStep *probe =
        build_probe(b, (TqpProbe){.kind = TQP_PROBE_PAIRS, .nkeys = keys->n, .keys = &key});
    uint16_t rows = probe->out = build_reg(b, TQP_LANE_U32);
    TqpSlot out[] = {id, build_fetch(b, 0, SIDE_ID, rows, TQP_NO_REG)};
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .ncolumns = 2, .noutputs = 2, .limit = limit};
    sink.columns = out;
    build_pipeline(b, false, &sink)->sink.columns = build_copy(b, out, sizeof(out));
}

/* Both sides are large: several threads number the build, and probe it. */
static void test_large(const Keys *keys, bool unique) {
    Side left, right;
    side_make(&left, 100000, 20000, 100003, 9);
    side_make(&right, 90000, 20000, 0, 0);
    int64_t *row_of = malloc(100003 * sizeof(int64_t));
    memset(row_of, 0xff, 100003 * sizeof(int64_t));
    for (uint32_t r = 0; r < right.n; r++)
        if (right.rows[r].live)
            row_of[right.rows[r].key[0]] = r;
    for (int threads = 1; threads <= 3; threads++) {
        Build b = {0};
        TqpResult result;
        TqpBroker broker;
        tqp_broker_init(&broker, 0);
        TqpQuery query = query_of(threads, &broker, NULL);
        ids_program(&b, keys, 0, unique, -1);
        CHECK_INT(run(&query, &b, &left, &right, &result), TQP_OK);
        uint64_t n = 0, wrong = 0;
        for (uint32_t l = 0; l < left.n; l++) {
            int64_t key = left.rows[l].key[0];
            if (!left.rows[l].live || key < 0 || row_of[key] < 0)
                continue;
            wrong += n >= result.nrows || int_at(&result, 0, n) != l ||
                     int_at(&result, 1, n) != row_of[key];
            n++;
        }
        CHECK_INT(wrong, 0);
        CHECK_INT(result.nrows, n);
        CHECK_INT(query.threads_used, threads);
        tqp_result_free(&result);
        CHECK_INT(broker.used, 0);
        build_free(&b);
    }
    free(row_of);
    side_free(&left);
    side_free(&right);
}

/* left x right x right, counted: too much to finish. */
static void endless_program(Build *b) {
    build_side(b, 1, keys_map(&cross, 1, false));
    TqpSlot id = side_load(b, SIDE_ID), sums[1];
    for (int k = 0; k < 3; k++) {
        TqpStep *probe = build_probe(b, (TqpProbe){.kind = TQP_PROBE_PAIRS});
        probe->out = build_reg(b, TQP_LANE_U32);
        sums[0] = build_fetch(b, 0, SIDE_ID, probe->out, TQP_NO_REG);
    }
    static TqpAccumulator accs[2];
    accs[0] = acc_of(TQP_ACC_I64, id, TQP_TYPE_NUM, TQP_LANE_I64);
    accs[1] = acc_of(TQP_ACC_I64, sums[0], TQP_TYPE_NUM, TQP_LANE_I64);
    TqpSink sink = {.kind = TQP_SINK_AGGREGATE, .naccs = 2, .accs = accs};
    build_pipeline(b, false, &sink);
}

static double seconds(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool interrupt_at(void *host) {
    return seconds() > *(double *)host;
}

static void test_cancel(void) {
    Side left, right;
    side_make(&left, 40000, 20000, 5, 0);
    side_make(&right, 20000, 20000, 5, 0);
    for (int threads = 1; threads <= 2; threads++) {
        Build b = {0};
        endless_program(&b);
        double deadline = seconds() + 0.1;
        TqpHostPoll poll = {interrupt_at, &deadline};
        TqpQuery query = query_of(threads, NULL, &poll);
        TqpResult result;
        CHECK_INT(run(&query, &b, &left, &right, &result), TQP_CANCELLED);
        CHECK(seconds() - deadline < 1); /* a busy machine, sanitizers */
        build_free(&b);
    }
    side_free(&left);
    side_free(&right);
}

static void test_memory_limit(void) {
    Side left, right;
    side_make(&left, 500, 200, 100, 0);
    side_make(&right, 3000, 700, 100, 5);
    const Keys *all[] = {&by_a, &by_a_hash, &cross};
    for (int k = 0; k < 3; k++) {
        int refused = 0, done = 0;
        Build b = {0};
        ids_program(&b, all[k], 100, false, 1000);
        for (int64_t limit = 1000; limit < INT64_C(1) << 30; limit = limit * 3 / 2) {
            TqpBroker broker;
            TqpResult result;
            tqp_broker_init(&broker, limit);
            TqpQuery query = query_of(2, &broker, NULL);
            TqpStatus status = run(&query, &b, &left, &right, &result);
            CHECK(status == TQP_OK || status == TQP_MEMORY_LIMIT);
            CHECK(broker.peak <= limit);
            refused += status == TQP_MEMORY_LIMIT;
            done += status == TQP_OK;
            tqp_result_free(&result);
            CHECK_INT(broker.used, 0);
        }
        CHECK(refused > 5);
        CHECK(done > 3);
        build_free(&b);
    }
    side_free(&left);
    side_free(&right);
}

/* 8 * 10^8 pairs, of which ten are wanted. */
static void test_limit(void) {
    Side left, right;
    side_make(&left, 40000, 20000, 5, 0);
    side_make(&right, 20000, 20000, 5, 0);
    for (int threads = 1; threads <= 2; threads++) {
        Build b = {0};
        TqpResult result;
        TqpQuery query = query_of(threads, NULL, NULL);
        ids_program(&b, &cross, 1, false, 10);
        double start = seconds();
        CHECK_INT(run(&query, &b, &left, &right, &result), TQP_OK);
        CHECK(seconds() - start < 2);
        CHECK_INT(result.nrows, 10);
        for (uint32_t i = 0; i < 10 && i < result.nrows; i++)
            CHECK(int_at(&result, 0, i) == 0 && int_at(&result, 1, i) == i);
        tqp_result_free(&result);
        build_free(&b);
    }
    side_free(&left);
    side_free(&right);
}

/* A sum of floats over pairs has the same bits for any number of threads. */
static void test_fixed_order(void) {
    Side left, right;
    side_make(&left, 150000, 20000, 50, 9);
    side_make(&right, 200, 64, 50, 0);
    double first = 0;
    for (int threads = 1; threads <= 3; threads++) {
        Build b = {0};
        TqpResult result;
        TqpQuery query = query_of(threads, NULL, NULL);
        build_side(&b, 1, keys_map(&by_a, 50, false));
        TqpSlot key = side_load(&b, SIDE_A), c = side_load(&b, SIDE_C);
        TqpStep *probe =
            build_probe(&b, (TqpProbe){.kind = TQP_PROBE_PAIRS, .nkeys = 1, .keys = &key});
        uint16_t rows = probe->out = build_reg(&b, TQP_LANE_U32);
        TqpSlot rid = build_fetch(&b, 0, SIDE_ID, rows, TQP_NO_REG), third = c;
        uint16_t divided = build_reg(&b, TQP_LANE_F64), real = build_reg(&b, TQP_LANE_F64);
        build_step(&b, TQP_STEP_TO_F64, TQP_LANE_U32, real, rid.reg, TQP_NO_REG);
        build_step(&b, TQP_STEP_FDIV_RI, TQP_LANE_F64, divided, real, TQP_NO_REG)->imm[0].f = 3;
        third.reg = divided;
        third.valid = TQP_NO_REG;
        TqpAccumulator accs[] = {acc_of(TQP_ACC_F64, third, TQP_TYPE_F64, TQP_LANE_F64),
                                 acc_count_star()};
        TqpSink sink = {.kind = TQP_SINK_AGGREGATE, .naccs = 2, .accs = accs, .fixed_order = true};
        build_pipeline(&b, false, &sink);
        CHECK_INT(run(&query, &b, &left, &right, &result), TQP_OK);
        TqpValue v;
        tqp_tensor_value(result.rel.groups[0].tensors, result.rel.columns[0].type, 0, &v);
        if (threads == 1)
            first = v.f;
        CHECK(first > 0 && memcmp(&first, &v.f, sizeof(double)) == 0);
        CHECK(query.threads_used == threads);
        tqp_result_free(&result);
        build_free(&b);
    }
    side_free(&left);
    side_free(&right);
}

/* ---- sources ---- */

/* Pipeline: columns id and b of a relation, of ids up to the limit; -1: of none. */
static void collect_some(Build *b, uint32_t rel, int64_t limit) {
    TqpSlot out[] = {side_load(b, SIDE_ID), side_load(b, SIDE_B)};
    uint16_t mask = build_reg(b, TQP_LANE_MASK);
    if (limit < 0)
        build_step(b, TQP_STEP_MASK_FILL, TQP_LANE_MASK, mask, TQP_NO_REG, TQP_NO_REG);
    else
        build_step(b, TQP_STEP_LE_RI, TQP_LANE_U32, mask, out[0].reg, TQP_NO_REG)->imm[0].i = limit;
    build_step(b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, mask, TQP_NO_REG);
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .ncolumns = 2, .noutputs = 2, .limit = -1};
    sink.columns = out;
    TqpPipeline *p = build_pipeline(b, false, &sink);
    p->sink.columns = build_copy(b, out, sizeof(out));
    p->sources = build_copy(b, &rel, sizeof(rel));
}

static TqpSlot load_some(Build *b, bool text) {
    return build_load(b, text, text ? TQP_TYPE_TEXT : TQP_TYPE_I64,
                      text ? TQP_LANE_VIEW : TQP_LANE_U32, 0, text);
}

static void expect_rows(Lines *lines, const Side *side, int64_t limit) {
    for (uint32_t i = 0; i < side->n && i <= limit; i++) {
        char text[32] = "-";
        if (side->rows[i].key[1] >= 0)
            text_of(side->rows[i].key[1], text);
        if (side->rows[i].live)
            lines_add(lines, "%u|%s", i, text);
    }
}

/*
 * Results 0 and 1, then 0 again, as one source; between them a build of result 0, whose strings
 * live on in the final result.
 */
static void test_sources(const TqpRelation *values, uint32_t nvalues) {
    Side left, right;
    side_make(&left, 700, 100, 10, 4);
    side_make(&right, 300, 100, 10, 4);
    Build b = {0};
    collect_some(&b, 0, 500);
    collect_some(&b, 1, -1); /* empty */
    collect_some(&b, 1, 1000);
    static const uint32_t sources[] = {0, 1, 2, 0};
    TqpSlot out[] = {load_some(&b, false), load_some(&b, true)};
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .ncolumns = 2, .noutputs = 2, .limit = -1};
    static const uint32_t key = 0;
    static const bool no = false;
    TqpSink build = sink;
    build.columns = out;
    build.map = (TqpMap){.kind = TQP_MAP_HASH, .nkeys = 1, .columns = &key, .null_safe = &no};
    TqpPipeline *p = build_pipeline(&b, true, &build);
    p->sources = sources;
    p->nsources = 4;
    p->sink.columns = build_copy(&b, out, sizeof(out));
    /* VALUES 0 .. nvalues - 1 join it */
    TqpSlot id = build_load(&b, 0, TQP_TYPE_I64, TQP_LANE_U32, 0, false);
    TqpStep *probe = build_probe(
        &b, (TqpProbe){.kind = TQP_PROBE_PAIRS, .pipeline = 3, .nkeys = 1, .keys = &id});
    uint16_t rows = probe->out = build_reg(&b, TQP_LANE_U32);
    TqpSlot out2[] = {id, build_fetch(&b, 3, 1, rows, TQP_NO_REG)};
    sink.columns = out2;
    p = build_pipeline(&b, false, &sink);
    p->source_kind = TQP_SOURCE_VALUES;
    p->nsources = 0;
    p->values = values;
    Lines all = {0}, expected = {0}, got = {0};
    expect_rows(&all, &left, 500);
    expect_rows(&all, &right, 1000);
    expect_rows(&all, &left, 500);
    for (uint32_t v = 0; v < nvalues; v++)
        for (uint32_t i = 0; i < all.n; i++)
            if ((uint32_t)atoi(all.lines[i]) == v)
                lines_add(&expected, "%s", all.lines[i]);
    TqpBroker broker;
    TqpResult result;
    tqp_broker_init(&broker, 0);
    TqpQuery query = query_of(2, &broker, NULL);
    CHECK_INT(run(&query, &b, &left, &right, &result), TQP_OK);
    lines_of_result(&got, &result);
    CHECK(lines_equal(&got, &expected));
    CHECK(expected.n > 1000);
    tqp_result_free(&result);
    CHECK_INT(broker.used, 0);
    lines_free(&all);
    lines_free(&expected);
    lines_free(&got);
    build_free(&b);
    side_free(&left);
    side_free(&right);
}

static void test_values(void) {
    uint32_t numbers[1024 + 64];
    for (uint32_t i = 0; i < 1024; i++)
        numbers[i] = i;
    TqpTensor tensor = {
        .encoding = TQP_ENC_FOR, .lane = TQP_LANE_U32, .nrows = 1000, .data = numbers};
    TqpRowGroup group = {.nrows = 1000, .live_rows = 1000, .tensors = &tensor};
    TqpRelColumn column = {.type = {TQP_TYPE_I64, 0, 0}};
    TqpRelation values = {1, &column, 1, &group};
    test_sources(&values, 1000);
}

int main(void) {
    test_large(&by_a, true);
    test_large(&by_a, false);
    test_large(&by_a_hash, false);
    test_cancel();
    test_memory_limit();
    test_limit();
    test_fixed_order();
    test_values();
    return check_report("exec_pairs");
}
