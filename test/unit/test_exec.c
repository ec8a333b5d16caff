/* The executor on hand-built programs: results against an oracle, threads, memory, interruption. */
#include "check.h"
#include "exec_build.h"

typedef struct Config {
    const TqpBackend *backend;
    int threads;
} Config;

static Config configs[16];
static int nconfigs;

static void add_backend(const TqpBackend *backend) {
    static const int threads[] = {1, 2, 3, 7};
    for (int t = 0; backend != NULL && t < 4; t++)
        configs[nconfigs++] = (Config){backend, threads[t]};
}

static TqpStatus run_with(const Config *config, const TqpProgram *program, const Data *data,
                          TqpBroker *broker, const TqpHostPoll *poll, TqpResult *result) {
    TqpQuery query = {.backend = config->backend,
                      .nthreads = config->threads,
                      .broker = broker,
                      .poll = poll,
                      .instrument = config->threads == 2};
    const TqpRelation *rels[] = {&data->rel};
    TqpStatus status = tqp_exec_run(&query, program, rels, 1, result);
    CHECK_INT(query.error.status, status);
    if (status == TQP_OK) {
        uint32_t last = program->npipelines - 1;
        CHECK_INT(query.stats[last].rows_out, result->nrows);
    }
    tqp_query_free_stats(&query, program);
    return status;
}

/* Run under every backend and number of threads; compare with the expected lines. */
static void check_program(const char *what, const TqpProgram *program, const Data *data,
                          Lines *expected, bool ordered) {
    if (!ordered)
        lines_sort(expected);
    for (int c = 0; c < nconfigs; c++) {
        TqpBroker broker;
        TqpResult result;
        tqp_broker_init(&broker, 0);
        TqpStatus status = run_with(&configs[c], program, data, &broker, NULL, &result);
        CHECK_INT(status, TQP_OK);
        Lines got = {0};
        lines_of_result(&got, &result);
        if (!ordered)
            lines_sort(&got);
        bool equal = lines_equal(&got, expected);
        CHECK(equal);
        if (!equal)
            fprintf(stderr, "%s: %s, %d threads\n", what, configs[c].backend->name,
                    configs[c].threads);
        lines_free(&got);
        tqp_result_free(&result);
        CHECK_INT(broker.used, 0);
    }
    lines_free(expected);
}

/* ---- oracle ---- */

typedef struct Sums {
    int64_t rows, nv, sum_v, min_v, max_v, nb, nfalse, ntrue, nd, filtered;
    double sum_d, max_d;
    int min_t;
    bool v_seen[60101];
    int64_t distinct, distinct_sum;
} Sums;

static void oracle_add(Sums *s, const Row *r) {
    s->min_t = s->rows == 0 || r->t < s->min_t ? r->t : s->min_t;
    s->rows++;
    if (!r->v_null) {
        s->min_v = s->nv == 0 || r->v < s->min_v ? r->v : s->min_v;
        s->max_v = s->nv == 0 || r->v > s->max_v ? r->v : s->max_v;
        s->nv++;
        s->sum_v += r->v;
        s->distinct += !s->v_seen[r->v];
        s->distinct_sum += s->v_seen[r->v] ? 0 : r->v;
        s->v_seen[r->v] = true;
        s->filtered += !r->b_null && r->b ? r->v : 0;
    }
    if (!r->d_null) {
        s->max_d = s->nd == 0 || r->d > s->max_d ? r->d : s->max_d;
        s->nd++;
        s->sum_d += r->d;
    }
    if (!r->b_null) {
        s->nb++;
        s->ntrue += r->b;
        s->nfalse += !r->b;
    }
}

static void print_or_null(char *out, bool null, double v) {
    if (null)
        strcpy(out, "-");
    else
        snprintf(out, 40, "%.17g", v == 0 ? 0.0 : v);
}

#define NAGGS 11

static void oracle_line(Lines *lines, const char *keys, const Sums *s) {
    char v[7][40];
    print_or_null(v[0], s->nv == 0, (double)s->sum_v);
    print_or_null(v[1], s->nv == 0, (double)s->min_v);
    print_or_null(v[2], s->nv == 0, (double)s->max_v);
    print_or_null(v[3], s->nd == 0, s->sum_d);
    print_or_null(v[4], s->nd == 0, s->max_d);
    print_or_null(v[5], s->nv == 0, (double)s->distinct_sum);
    lines_add(lines, "%s%lld|%lld|%s|%s|%s|%s|%s|%s|%s|%lld|%s", keys, (long long)s->rows,
              (long long)s->nv, v[0], v[1], v[2], v[3], v[4],
              s->nb == 0       ? "-"
              : s->nfalse == 0 ? "t"
                               : "f",
              s->rows == 0 ? "-" : words[s->min_t], (long long)s->distinct, v[5]);
}

/* count(*), count(v), sum(v), min(v), max(v), sum(d), max(d), bool_and(b), min(t), distinct v. */
static void make_aggs(Build *b, TqpAccumulator *accs, TqpAccKind int_sum, bool distinct) {
    TqpSlot v = build_load(b, COL_V, TQP_TYPE_I64, TQP_LANE_U16, 90, true);
    TqpSlot d = build_load(b, COL_D, TQP_TYPE_F64, TQP_LANE_F64, 0, true);
    TqpSlot t = build_load(b, COL_T, TQP_TYPE_TEXT, TQP_LANE_VIEW, 0, false);
    TqpSlot bl = build_load(b, COL_B, TQP_TYPE_BOOL, TQP_LANE_MASK, 0, true);
    v.has_range = true;
    v.min = 90;
    v.max = 60100;
    accs[0] = acc_count_star();
    accs[1] = acc_of(TQP_ACC_COUNT, v, TQP_TYPE_I64, TQP_LANE_I64);
    accs[2] = acc_of(int_sum, v, TQP_TYPE_NUM, TQP_LANE_I128);
    accs[3] = acc_of(TQP_ACC_MIN, v, TQP_TYPE_I64, TQP_LANE_U16);
    accs[3].result.bias = 90;
    accs[4] = acc_of(TQP_ACC_MAX, v, TQP_TYPE_I64, TQP_LANE_I64);
    accs[5] = acc_of(TQP_ACC_F64, d, TQP_TYPE_F64, TQP_LANE_F64);
    accs[6] = acc_of(TQP_ACC_MAX, d, TQP_TYPE_F64, TQP_LANE_F64);
    accs[7] = acc_of(TQP_ACC_AND, bl, TQP_TYPE_BOOL, TQP_LANE_MASK);
    accs[8] = acc_of(TQP_ACC_MIN, t, TQP_TYPE_TEXT, TQP_LANE_VIEW);
    accs[9] = acc_of(TQP_ACC_COUNT, v, TQP_TYPE_I64, TQP_LANE_I64);
    accs[9].distinct = distinct;
    accs[10] = acc_of(int_sum, v, TQP_TYPE_I64, TQP_LANE_I64);
    accs[10].distinct = distinct;
}

static void test_scalar(const Data *data) {
    static Sums s;
    for (int64_t limit = -1; limit <= 6; limit++) {
        for (int fixed = 0; fixed < 2; fixed++) {
            Build b = {0};
            TqpAccumulator accs[NAGGS];
            TqpSlot k = build_load(&b, COL_K, TQP_TYPE_I32, TQP_LANE_U8, 0, false);
            if (limit >= 0)
                build_filter_le(&b, k, limit);
            else
                build_step(&b, TQP_STEP_MASK_FILL, TQP_LANE_MASK, build_reg(&b, TQP_LANE_MASK),
                           TQP_NO_REG, TQP_NO_REG);
            if (limit < 0)
                build_step(&b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, 1, TQP_NO_REG);
            make_aggs(&b, accs, fixed ? TQP_ACC_I128 : TQP_ACC_I64, true);
            TqpSink sink = {.kind = TQP_SINK_AGGREGATE,
                            .grouping = TQP_GROUP_NONE,
                            .naccs = NAGGS,
                            .accs = accs,
                            .fixed_order = fixed};
            build_pipeline(&b, false, &sink);
            memset(&s, 0, sizeof(s));
            for (uint32_t i = 0; i < data->nrows; i++)
                if (data->rows[i].live && data->rows[i].k <= limit)
                    oracle_add(&s, &data->rows[i]);
            Lines expected = {0};
            oracle_line(&expected, "", &s);
            check_program("scalar", &b.program, data, &expected, true);
            build_free(&b);
        }
    }
}

/* GROUP BY k, s (dense: 7 * 10 groups, the last code of s is NULL), lane of the groups given. */
static void test_dense(const Data *data, TqpLane lane) {
    static Sums sums[7][NWORDS + 1];
    Build b = {0};
    TqpAccumulator accs[NAGGS];
    TqpSlot keys[2];
    keys[0] = build_load(&b, COL_K, TQP_TYPE_I32, TQP_LANE_U32, 0, false);
    keys[1] = build_load(&b, COL_S, TQP_TYPE_TEXT, TQP_LANE_U32, 0, true);
    keys[1].dict = &data->dict;
    build_filter_le(&b, keys[0], 4);
    uint16_t null_code = build_reg(&b, TQP_LANE_U32), code = build_reg(&b, TQP_LANE_U32);
    uint16_t scaled = build_reg(&b, TQP_LANE_U32), group = build_reg(&b, TQP_LANE_U32);
    build_step(&b, TQP_STEP_FILL, TQP_LANE_U32, null_code, TQP_NO_REG, TQP_NO_REG)->imm[0].i =
        NWORDS;
    TqpStep *select = build_step(&b, TQP_STEP_SELECT, TQP_LANE_U32, code, keys[1].reg, null_code);
    select->in[2] = keys[1].valid;
    build_step(&b, TQP_STEP_MUL_RI, TQP_LANE_U32, scaled, code, TQP_NO_REG)->imm[0].i = 7;
    build_step(&b, TQP_STEP_ADD_RR, TQP_LANE_U32, group, scaled, keys[0].reg);
    if (lane == TQP_LANE_U8) {
        uint16_t narrow = build_reg(&b, TQP_LANE_U8);
        build_step(&b, TQP_STEP_TO_U8, TQP_LANE_U32, narrow, group, TQP_NO_REG);
        group = narrow;
    }
    make_aggs(&b, accs, TQP_ACC_I64, true);
    TqpDenseKey dense[2] = {{7, false}, {NWORDS + 1, true}};
    TqpSink sink = {.kind = TQP_SINK_AGGREGATE,
                    .grouping = TQP_GROUP_DENSE,
                    .nkeys = 2,
                    .keys = keys,
                    .dense = dense,
                    .group = group,
                    .ngroups = 7 * (NWORDS + 1),
                    .naccs = NAGGS,
                    .accs = accs,
                    .fixed_order = lane == TQP_LANE_U8};
    build_pipeline(&b, false, &sink);
    memset(sums, 0, sizeof(sums));
    for (uint32_t i = 0; i < data->nrows; i++) {
        const Row *r = &data->rows[i];
        if (r->live && r->k <= 4)
            oracle_add(&sums[r->k][r->s_null ? NWORDS : r->s], r);
    }
    Lines expected = {0};
    for (int k = 0; k < 7; k++)
        for (int s = 0; s <= NWORDS; s++) {
            char key[64];
            snprintf(key, sizeof(key), "%d|%s|", k, s == NWORDS ? "-" : words[s]);
            if (sums[k][s].rows > 0)
                oracle_line(&expected, key, &sums[k][s]);
        }
    check_program("dense", &b.program, data, &expected, false);
    build_free(&b);
}

static int by_w(const void *a, const void *b) {
    const Row *x = *(const Row *const *)a, *y = *(const Row *const *)b;
    if (x->w_null != y->w_null)
        return x->w_null - y->w_null;
    return (x->w > y->w) - (x->w < y->w);
}

/* GROUP BY w (nullable, many groups) or w, t, f: one word, two words, words and a string. */
static void test_hash(const Data *data, int nkeys, bool distinct, bool fixed) {
    static Sums s;
    Build b = {0};
    TqpAccumulator accs[NAGGS];
    TqpSlot keys[2];
    bool strings = nkeys == 2;
    TqpSlot k = build_load(&b, COL_K, TQP_TYPE_I32, TQP_LANE_U8, 0, false);
    keys[0] = build_load(&b, COL_W, TQP_TYPE_I64, TQP_LANE_I64, 0, true);
    if (strings)
        keys[1] = build_load(&b, COL_T, TQP_TYPE_TEXT, TQP_LANE_VIEW, 0, false);
    build_filter_le(&b, k, strings ? 4 : 2);
    make_aggs(&b, accs, TQP_ACC_I64, distinct);
    TqpSink sink = {.kind = TQP_SINK_AGGREGATE,
                    .grouping = TQP_GROUP_HASH,
                    .nkeys = (uint32_t)nkeys,
                    .keys = keys,
                    .naccs = NAGGS,
                    .accs = accs,
                    .fixed_order = fixed};
    build_pipeline(&b, false, &sink);

    const Row **rows = calloc(data->nrows + 1, sizeof(Row *));
    uint32_t n = 0;
    for (uint32_t i = 0; i < data->nrows; i++)
        if (data->rows[i].live && data->rows[i].k <= (strings ? 4 : 2))
            rows[n++] = &data->rows[i];
    qsort(rows, n, sizeof(Row *), by_w);
    Lines expected = {0};
    for (uint32_t begin = 0, end; begin < n; begin = end) {
        for (end = begin; end < n && by_w(&rows[begin], &rows[end]) == 0;)
            end++;
        for (int t = 0; t < (strings ? NWORDS : 1); t++) {
            memset(&s, 0, sizeof(s));
            for (uint32_t i = begin; i < end; i++)
                if (!strings || rows[i]->t == t)
                    oracle_add(&s, rows[i]);
            if (!distinct) {
                s.distinct = s.nv;
                s.distinct_sum = s.sum_v;
            }
            char key[64], w[32];
            snprintf(w, sizeof(w), "%lld", (long long)rows[begin]->w);
            snprintf(key, sizeof(key), "%s|%s%s", rows[begin]->w_null ? "-" : w,
                     strings ? words[t] : "", strings ? "|" : "");
            if (s.rows > 0)
                oracle_line(&expected, key, &s);
        }
    }
    free(rows);
    check_program("hash", &b.program, data, &expected, false);
    build_free(&b);
}

/* ---- COLLECT ---- */

static const Row *sort_base;

static int sort_rows(const void *a, const void *b) {
    const Row *x = *(const Row *const *)a, *y = *(const Row *const *)b;
    int order = (y->v_null - x->v_null); /* NULLs first, then descending */
    if (order == 0)
        order = (y->v > x->v) - (y->v < x->v);
    if (order == 0)
        order = strcmp(words[x->t], words[y->t]);
    if (order == 0)
        order = x->d_null != y->d_null ? x->d_null - y->d_null : (x->d > y->d) - (x->d < y->d);
    return order != 0 ? order : (x > y) - (x < y);
}

/* SELECT v, s, b, w, d ORDER BY v DESC NULLS FIRST, t, d LIMIT .. OFFSET .. */
static void test_collect(const Data *data, bool sorted, int64_t limit, int64_t offset,
                         int64_t k_max) {
    Build b = {0};
    TqpSlot columns[6];
    TqpSlot k = build_load(&b, COL_K, TQP_TYPE_I32, TQP_LANE_U8, 0, false);
    columns[0] = build_load(&b, COL_V, TQP_TYPE_I64, TQP_LANE_U16, 90, true);
    build_filter_le(&b, k, k_max);
    columns[1] = build_load(&b, COL_S, TQP_TYPE_TEXT, TQP_LANE_U16, 0, true);
    columns[1].dict = &data->dict;
    columns[2] = build_load(&b, COL_B, TQP_TYPE_BOOL, TQP_LANE_MASK, 0, true);
    columns[3] = build_load(&b, COL_W, TQP_TYPE_I64, TQP_LANE_I64, 0, true);
    columns[4] = build_load(&b, COL_D, TQP_TYPE_F64, TQP_LANE_F64, 0, true);
    columns[5] = build_load(&b, COL_T, TQP_TYPE_TEXT, TQP_LANE_VIEW, 0, false);
    TqpSortSpec sort[3] = {{0, true, true}, {5, false, false}, {4, false, false}};
    TqpSink sink = {.kind = TQP_SINK_COLLECT,
                    .ncolumns = 6,
                    .columns = columns,
                    .noutputs = 5,
                    .nsort = sorted ? 3 : 0,
                    .sort = sort,
                    .limit = limit,
                    .offset = offset};
    build_pipeline(&b, false, &sink);
    const Row **rows = calloc(data->nrows + 1, sizeof(Row *));
    uint32_t n = 0;
    for (uint32_t i = 0; i < data->nrows; i++)
        if (data->rows[i].live && data->rows[i].k <= k_max)
            rows[n++] = &data->rows[i];
    sort_base = data->rows;
    if (sorted)
        qsort(rows, n, sizeof(Row *), sort_rows);
    Lines expected = {0};
    for (uint32_t i = (uint32_t)offset; i < n && (limit < 0 || i < offset + limit); i++) {
        const Row *r = rows[i];
        char v[40], w[40], d[40];
        print_or_null(v, r->v_null, (double)r->v);
        snprintf(w, sizeof(w), "%lld", (long long)r->w);
        print_or_null(d, r->d_null, r->d);
        lines_add(&expected, "%s|%s|%s|%s|%s", v, r->s_null ? "-" : words[r->s],
                  r->b_null ? "-"
                  : r->b    ? "t"
                            : "f",
                  r->w_null ? "-" : w, d);
    }
    free(rows);
    check_program("collect", &b.program, data, &expected, true);
    build_free(&b);
}

/* SELECT w, count(*) GROUP BY w, then HAVING count > 2 ORDER BY count DESC, w NULLS FIRST. */
static const TqpProgram *make_chain(Build *b, TqpSlot *keys, TqpAccumulator *accs, TqpSlot *columns,
                                    TqpSortSpec *sort) {
    keys[0] = build_load(b, COL_W, TQP_TYPE_I64, TQP_LANE_I64, 0, true);
    accs[0] = acc_count_star();
    TqpSink sink = {.kind = TQP_SINK_AGGREGATE,
                    .grouping = TQP_GROUP_HASH,
                    .nkeys = 1,
                    .keys = keys,
                    .naccs = 1,
                    .accs = accs};
    build_pipeline(b, false, &sink);
    columns[0] = build_load(b, 0, TQP_TYPE_I64, TQP_LANE_I64, 0, true);
    columns[1] = build_load(b, 1, TQP_TYPE_I64, TQP_LANE_I64, 0, false);
    uint16_t mask = build_reg(b, TQP_LANE_MASK);
    build_step(b, TQP_STEP_GT_RI, TQP_LANE_I64, mask, columns[1].reg, TQP_NO_REG)->imm[0].i = 2;
    build_step(b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, mask, TQP_NO_REG);
    sort[0] = (TqpSortSpec){1, true, false};
    sort[1] = (TqpSortSpec){0, false, true};
    TqpSink collect = {.kind = TQP_SINK_COLLECT,
                       .ncolumns = 2,
                       .columns = columns,
                       .noutputs = 2,
                       .nsort = 2,
                       .sort = sort,
                       .limit = -1};
    build_pipeline(b, true, &collect);
    return &b->program;
}

static int chain_order(const void *a, const void *b) {
    const int64_t *x = a, *y = b; /* count, not null, w */
    for (int k = 0; k < 3; k++)
        if (x[k] != y[k])
            return k == 0 ? (x[k] < y[k]) - (x[k] > y[k]) : (x[k] > y[k]) - (x[k] < y[k]);
    return 0;
}

static void test_chain(const Data *data) {
    Build b = {0};
    TqpSlot keys[1], columns[2];
    TqpAccumulator accs[1];
    TqpSortSpec sort[2];
    make_chain(&b, keys, accs, columns, sort);
    const Row **rows = calloc(data->nrows + 1, sizeof(Row *));
    int64_t(*groups)[3] = calloc(data->nrows + 1, sizeof(*groups));
    uint32_t n = 0, ngroups = 0;
    for (uint32_t i = 0; i < data->nrows; i++)
        if (data->rows[i].live)
            rows[n++] = &data->rows[i];
    qsort(rows, n, sizeof(Row *), by_w);
    for (uint32_t begin = 0, end; begin < n; begin = end) {
        for (end = begin; end < n && by_w(&rows[begin], &rows[end]) == 0;)
            end++;
        if (end - begin <= 2)
            continue;
        groups[ngroups][0] = end - begin;
        groups[ngroups][1] = !rows[begin]->w_null;
        groups[ngroups++][2] = rows[begin]->w;
    }
    qsort(groups, ngroups, sizeof(*groups), chain_order);
    Lines expected = {0};
    for (uint32_t g = 0; g < ngroups; g++) {
        if (groups[g][1])
            lines_add(&expected, "%lld|%lld", (long long)groups[g][2], (long long)groups[g][0]);
        else
            lines_add(&expected, "-|%lld", (long long)groups[g][0]);
    }
    free(groups);
    free(rows);
    check_program("chain", &b.program, data, &expected, true);
    build_free(&b);
}

/* ---- memory, interruption, overflow ---- */

static void test_memory_limit(const Data *data) {
    Build b = {0};
    TqpSlot keys[1], columns[2];
    TqpAccumulator accs[1];
    TqpSortSpec sort[2];
    const TqpProgram *program = make_chain(&b, keys, accs, columns, sort);
    int refused = 0, done = 0;
    for (int c = 0; c < nconfigs; c++) {
        for (int64_t limit = 1000; limit < INT64_C(1) << 30; limit *= 3) {
            TqpBroker broker;
            TqpResult result;
            tqp_broker_init(&broker, limit);
            TqpStatus status = run_with(&configs[c], program, data, &broker, NULL, &result);
            CHECK(status == TQP_OK || status == TQP_MEMORY_LIMIT);
            CHECK(broker.peak <= limit);
            refused += status == TQP_MEMORY_LIMIT;
            done += status == TQP_OK;
            tqp_result_free(&result);
            CHECK_INT(broker.used, 0);
        }
    }
    CHECK(refused > nconfigs);
    CHECK(done >= nconfigs);
    build_free(&b);
}

static bool interrupt_after(void *host) {
    int *left = host;
    return --*left <= 0;
}

static void test_cancel(const Data *data) {
    Build b = {0};
    TqpSlot keys[1], columns[2];
    TqpAccumulator accs[1];
    TqpSortSpec sort[2];
    const TqpProgram *program = make_chain(&b, keys, accs, columns, sort);
    for (int c = 0; c < nconfigs; c++) {
        for (int polls = 1; polls <= 256; polls *= 2) {
            int left = polls;
            TqpHostPoll poll = {interrupt_after, &left};
            TqpBroker broker;
            TqpResult result;
            tqp_broker_init(&broker, 0);
            TqpStatus status = run_with(&configs[c], program, data, &broker, &poll, &result);
            CHECK_INT(status, left <= 0 ? TQP_CANCELLED : TQP_OK);
            tqp_result_free(&result);
            CHECK_INT(broker.used, 0);
        }
    }
    build_free(&b);
}

/* sum(x) of a constant float column: what PostgreSQL raises or not. */
static TqpStatus sum_of_doubles(const Config *config, const double *values, uint32_t n,
                                TqpTypeKind kind, double *sum) {
    Data data = {0};
    TqpTensor tensor = {
        .encoding = TQP_ENC_PLAIN, .lane = TQP_LANE_F64, .nrows = n, .data = values};
    TqpRowGroup group = {.nrows = n, .live_rows = n, .tensors = &tensor};
    TqpRelColumn column = {.type = {TQP_TYPE_F64, 0, 0}};
    data.rel = (TqpRelation){1, &column, 1, &group};
    Build b = {0};
    TqpSlot x = build_load(&b, 0, TQP_TYPE_F64, TQP_LANE_F64, 0, false);
    TqpAccumulator acc =
        acc_of(TQP_ACC_F64, x, kind, kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64);
    TqpSink sink = {.kind = TQP_SINK_AGGREGATE, .naccs = 1, .accs = &acc, .fixed_order = true};
    build_pipeline(&b, false, &sink);
    TqpResult result;
    TqpBroker broker;
    tqp_broker_init(&broker, 0);
    TqpStatus status = run_with(config, &b.program, &data, &broker, NULL, &result);
    if (status == TQP_OK) {
        TqpValue v;
        tqp_tensor_value(result.rel.groups[0].tensors, result.rel.columns[0].type, 0, &v);
        *sum = v.f;
    }
    tqp_result_free(&result);
    build_free(&b);
    return status;
}

static void test_float_overflow(void) {
    double values[512] = {0}, sum = 0; /* room after the last value */
    for (int c = 0; c < nconfigs; c++) {
        const Config *config = &configs[c];
        values[0] = values[1] = 1.5e308;
        CHECK_INT(sum_of_doubles(config, values, 2, TQP_TYPE_F64, &sum), TQP_OVERFLOW);
        values[1] = INFINITY;
        CHECK_INT(sum_of_doubles(config, values, 2, TQP_TYPE_F64, &sum), TQP_OK);
        CHECK(isinf(sum) && sum > 0);
        values[0] = -INFINITY;
        CHECK_INT(sum_of_doubles(config, values, 2, TQP_TYPE_F64, &sum), TQP_OK);
        CHECK(isnan(sum));
        values[0] = NAN;
        values[1] = 1;
        CHECK_INT(sum_of_doubles(config, values, 2, TQP_TYPE_F64, &sum), TQP_OK);
        CHECK(isnan(sum));
        values[0] = 3e38;
        values[1] = 3e38;
        CHECK_INT(sum_of_doubles(config, values, 2, TQP_TYPE_F32, &sum), TQP_OVERFLOW);
        CHECK_INT(sum_of_doubles(config, values, 1, TQP_TYPE_F32, &sum), TQP_OK);
        CHECK(sum == (double)3e38f);
    }
}

/* sum(w) as int8 leaves its range; as numeric it does not. */
static void test_int_overflow(void) {
    int64_t values[128] = {INT64_MAX, 1};
    Data data = {0};
    TqpTensor tensor = {.encoding = TQP_ENC_FOR, .lane = TQP_LANE_I64, .nrows = 2, .data = values};
    TqpRowGroup group = {.nrows = 2, .live_rows = 2, .tensors = &tensor};
    TqpRelColumn column = {.type = {TQP_TYPE_I64, 0, 0}};
    data.rel = (TqpRelation){1, &column, 1, &group};
    for (int c = 0; c < nconfigs; c++) {
        for (int wide = 0; wide < 2; wide++) {
            Build b = {0};
            TqpSlot x = build_load(&b, 0, TQP_TYPE_I64, TQP_LANE_I64, 0, false);
            TqpAccumulator acc = acc_of(TQP_ACC_I128, x, wide ? TQP_TYPE_NUM : TQP_TYPE_I64,
                                        wide ? TQP_LANE_I128 : TQP_LANE_I64);
            TqpSink sink = {.kind = TQP_SINK_AGGREGATE, .naccs = 1, .accs = &acc};
            build_pipeline(&b, false, &sink);
            TqpResult result;
            TqpStatus status = run_with(&configs[c], &b.program, &data, NULL, NULL, &result);
            CHECK_INT(status, wide ? TQP_OK : TQP_OVERFLOW);
            Lines got = {0};
            lines_of_result(&got, &result);
            if (wide)
                CHECK_STR(got.lines[0], "9223372036854775808");
            lines_free(&got);
            tqp_result_free(&result);
            build_free(&b);
        }
    }
}

/* Row groups that the zone map rules out are not read. */
static void test_prune(const Data *data) {
    Build b = {0};
    TqpSlot k = build_load(&b, COL_K, TQP_TYPE_I32, TQP_LANE_U8, 0, false);
    build_filter_le(&b, k, 1);
    TqpAccumulator acc = acc_count_star();
    TqpSink sink = {.kind = TQP_SINK_AGGREGATE, .naccs = 1, .accs = &acc};
    TqpPipeline *p = build_pipeline(&b, false, &sink);
    TqpPrune prune = {COL_K, TQP_INT128_MIN, 1};
    p->nprunes = 1;
    p->prunes = &prune;
    TqpQuery query = {.backend = configs[0].backend, .nthreads = 2};
    const TqpRelation *rels[] = {&data->rel};
    TqpResult result;
    CHECK_INT(tqp_exec_run(&query, &b.program, rels, 1, &result), TQP_OK);
    int64_t expected = 0;
    for (uint32_t i = 0; i < data->nrows; i++)
        expected += data->rows[i].live && data->rows[i].k <= 1;
    TqpValue v;
    tqp_tensor_value(result.rel.groups[0].tensors, result.rel.columns[0].type, 0, &v);
    CHECK_INT(v.i, expected);
    CHECK_INT(query.stats[0].groups_skipped, data->rel.ngroups / 4);
    CHECK(data->rel.ngroups / 4 > 0);
    tqp_result_free(&result);
    tqp_query_free_stats(&query, &b.program);
    build_free(&b);
}

static void test_all(const Data *data) {
    test_scalar(data);
    test_dense(data, TQP_LANE_U8);
    test_dense(data, TQP_LANE_U32);
    for (int k = 1; k <= 2; k++)
        for (int d = 0; d < 2; d++)
            test_hash(data, k, d == 1, k == 1);
    test_collect(data, true, -1, 0, 6);
    test_collect(data, true, 10, 0, 6);
    test_collect(data, true, 100, 37, 1);
    test_collect(data, true, 0, 0, 6);
    test_collect(data, false, -1, 0, 3);
    test_collect(data, false, 50, 20, 0);
    test_collect(data, false, -1, 1000000, 3);
    test_chain(data);
}

int main(void) {
    static const uint32_t sizes[][2] = {{0, 100}, {1, 100}, {777, 100}, {9000, 2500}};
    TqpIsa isa = tqp_cpu_best_isa();
    add_backend(tqp_backend_ref());
    add_backend(tqp_backend_cpu(isa));
    add_backend(isa == TQP_ISA_SCALAR ? NULL : tqp_backend_cpu(TQP_ISA_SCALAR));
    for (int k = 0; k < 4; k++) {
        Data data;
        data_make(&data, sizes[k][0], sizes[k][1]);
        test_all(&data);
        data_free(&data);
    }
    Data data;
    data_make(&data, 200000, 20000);
    configs[0] = configs[2]; /* of ref, which is slow, three threads only; not the scalar tables */
    memmove(&configs[1], &configs[4], 4 * sizeof(Config));
    nconfigs = 5;
    test_all(&data);
    test_memory_limit(&data);
    test_cancel(&data);
    test_prune(&data);
    data_free(&data);
    test_float_overflow();
    test_int_overflow();
    return check_report("exec");
}
