/* Joins on hand-built programs against nested loops: every map, probe, kind of key, with NULLs. */
#include "check.h"
#include "exec_join.h"

typedef struct Config {
    const TqpBackend *backend;
    int threads;
} Config;

static Config configs[6];
static int nconfigs;

static TqpStatus run_join(const Config *config, const TqpProgram *program, const Side *left,
                          const Side *right, TqpBroker *broker, const TqpHostPoll *poll,
                          TqpResult *result) {
    TqpQuery query = {.backend = config->backend,
                      .nthreads = config->threads,
                      .broker = broker,
                      .poll = poll,
                      .instrument = config->threads == 2};
    const TqpRelation *rels[] = {&left->rel, &right->rel};
    TqpStatus status = tqp_exec_run(&query, program, rels, 2, result);
    CHECK_INT(query.error.status, status);
    if (status == TQP_OK)
        CHECK_INT(query.stats[program->npipelines - 1].rows_out, result->nrows);
    tqp_query_free_stats(&query, program);
    return status;
}

static void check_join(const char *what, const TqpProgram *program, const Side *left,
                       const Side *right, TqpStatus expected_status, Lines *expected) {
    for (int c = 0; c < nconfigs; c++) {
        TqpBroker broker;
        TqpResult result;
        tqp_broker_init(&broker, 0);
        TqpStatus status = run_join(&configs[c], program, left, right, &broker, NULL, &result);
        CHECK_INT(status, expected_status);
        Lines got = {0};
        lines_of_result(&got, &result);
        bool equal = expected_status != TQP_OK || lines_equal(&got, expected);
        CHECK(equal);
        if (!equal || status != expected_status)
            fprintf(stderr, "%s: %s, %d threads, %u x %u rows\n", what, configs[c].backend->name,
                    configs[c].threads, left->n, right->n);
        lines_free(&got);
        tqp_result_free(&result);
        CHECK_INT(broker.used, 0);
    }
    lines_free(expected);
}

/* ---- what a row looks like ---- */

static void text_or_null(const SideRow *row, char *out) {
    if (row == NULL || row->key[1] < 0)
        strcpy(out, "-");
    else
        text_of(row->key[1], out);
}

static const char *bool_or_null(int m) {
    return m < 0 ? "-" : m ? "t" : "f";
}

static void add_pair(Lines *lines, const Side *left, uint32_t l, const Side *right, int64_t r) {
    const SideRow *row = r < 0 ? NULL : &right->rows[r];
    char a[32], b[32], id[24];
    text_or_null(&left->rows[l], a);
    text_or_null(row, b);
    snprintf(id, sizeof(id), r < 0 ? "-" : "%lld", (long long)r);
    lines_add(lines, "%u|%s|%s|%s|%s|%s", l, a, bool_or_null(left->rows[l].m), id, b,
              row == NULL ? "-" : bool_or_null(row->m));
}

/* WHERE id <= limit. */
static bool is_selected(const Side *left, uint32_t l, int64_t limit) {
    return left->rows[l].live && l <= limit;
}

/* ---- pairs ---- */

static void pairs_program(Build *b, const Keys *keys, uint32_t domain, bool outer, bool single,
                          int64_t limit) {
    build_side(b, 1, keys_map(keys, domain, false));
    TqpSlot id = side_load(b, SIDE_ID), probe_keys[3];
    build_filter_le(b, id, limit);
    for (uint32_t k = 0; k < keys->n; k++)
        probe_keys[k] = side_load(b, keys->columns[k]);
    TqpSlot m = side_load(b, SIDE_M);
    TqpStep *probe = build_probe(b, (TqpProbe){.kind = TQP_PROBE_PAIRS,
                                               .nkeys = keys->n,
                                               .keys = probe_keys,
                                               .outer = outer,
                                               .single = single});
    probe->out = build_reg(b, TQP_LANE_U32);
    probe->out2 = outer ? build_reg(b, TQP_LANE_MASK) : TQP_NO_REG;
    uint16_t rows = probe->out, matched = probe->out2;
    TqpSlot text = side_load(b, SIDE_B); /* by positions that may repeat */
    TqpSlot out[] = {id,
                     text,
                     m,
                     build_fetch(b, 0, SIDE_ID, rows, matched),
                     build_fetch(b, 0, SIDE_B, rows, matched),
                     build_fetch(b, 0, SIDE_M, rows, matched)};
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .ncolumns = 6, .columns = out, .limit = -1};
    sink.noutputs = 6;
    build_pipeline(b, false, &sink)->sink.columns = build_copy(b, out, sizeof(out));
}

static void test_pairs(const Side *left, const Side *right, const Keys *keys, uint32_t domain,
                       bool outer, bool single, int64_t limit) {
    Build b = {0};
    pairs_program(&b, keys, domain, outer, single, limit);
    Lines expected = {0};
    TqpStatus status = TQP_OK;
    for (uint32_t l = 0; l < left->n; l++) {
        uint32_t matches = 0;
        if (!is_selected(left, l, limit))
            continue;
        for (uint32_t r = 0; r < right->n; r++)
            if (right->rows[r].live && keys_match(keys, &left->rows[l], &right->rows[r])) {
                matches++;
                add_pair(&expected, left, l, right, r);
            }
        if (matches == 0 && outer)
            add_pair(&expected, left, l, right, -1);
        if (matches > 1 && single)
            status = TQP_CARDINALITY;
    }
    uint32_t live = 0;
    for (uint32_t r = 0; r < right->n; r++)
        live += right->rows[r].live;
    if (single && keys->n == 0 && live > 1)
        status = TQP_CARDINALITY; /* also without a left row */
    check_join(outer ? "outer pairs" : "pairs", &b.program, left, right, status, &expected);
    build_free(&b);
}

/* A map of the right side, and the left side's pipeline up to its probe; the left rows' ids. */
static TqpSlot open_left(Build *b, const Keys *keys, uint32_t domain, bool exists_only,
                         int64_t limit, TqpSlot probe_keys[3]) {
    build_side(b, 1, keys_map(keys, domain, exists_only));
    TqpSlot id = side_load(b, SIDE_ID);
    build_filter_le(b, id, limit);
    for (uint32_t k = 0; k < keys->n; k++)
        probe_keys[k] = side_load(b, keys->columns[k]);
    return id;
}

/* ---- EXISTS ---- */

static void test_exists(const Side *left, const Side *right, const Keys *keys, uint32_t domain,
                        bool exists_only, int64_t limit) {
    Build b = {0};
    TqpSlot probe_keys[3], id = open_left(&b, keys, domain, exists_only, limit, probe_keys);
    TqpStep *probe =
        build_probe(&b, (TqpProbe){.kind = TQP_PROBE_EXISTS, .nkeys = keys->n, .keys = probe_keys});
    TqpSlot yes = {.type = {TQP_TYPE_BOOL, 0, 0}, .lane = TQP_LANE_MASK, .valid = TQP_NO_REG};
    TqpSlot unknown = yes;
    yes.reg = probe->out = build_reg(&b, TQP_LANE_MASK);
    unknown.reg = probe->out2 = keys->n == 1 ? build_reg(&b, TQP_LANE_MASK) : TQP_NO_REG;
    TqpSlot out[] = {id, yes, unknown};
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .columns = out, .limit = -1};
    sink.ncolumns = sink.noutputs = keys->n == 1 ? 3 : 2;
    build_pipeline(&b, false, &sink);
    Lines expected = {0};
    for (uint32_t l = 0; l < left->n; l++) {
        bool found = false, null = false;
        if (!is_selected(left, l, limit))
            continue;
        for (uint32_t r = 0; r < right->n; r++) {
            if (!right->rows[r].live)
                continue;
            found = found || keys_match(keys, &left->rows[l], &right->rows[r]);
            uint32_t k = keys->columns[0] - SIDE_A;
            null =
                null || (keys->n == 1 && (left->rows[l].key[k] < 0 || right->rows[r].key[k] < 0));
        }
        if (keys->n == 1)
            lines_add(&expected, "%u|%s|%s", l, bool_or_null(found), bool_or_null(!found && null));
        else
            lines_add(&expected, "%u|%s", l, bool_or_null(found));
    }
    check_join("exists", &b.program, left, right, TQP_OK, &expected);
    build_free(&b);
}

/* ---- ANY: exists a match with left id < right id AND right m, three-valued ---- */

static void test_any(const Side *left, const Side *right, const Keys *keys, uint32_t domain,
                     int64_t limit) {
    Build b = {0};
    TqpSlot probe_keys[3], id = open_left(&b, keys, domain, false, limit, probe_keys);
    TqpSlot m = side_load(&b, SIDE_M);
    TqpStep *probe =
        build_probe(&b, (TqpProbe){.kind = TQP_PROBE_ANY, .nkeys = keys->n, .keys = probe_keys});
    uint16_t rows = probe->out = build_reg(&b, TQP_LANE_U32);
    TqpProbe *aux = (TqpProbe *)probe->aux;
    TqpSlot rid = build_fetch(&b, 0, SIDE_ID, rows, TQP_NO_REG);
    uint16_t less = build_reg(&b, TQP_LANE_MASK), yes = build_reg(&b, TQP_LANE_MASK),
             null = build_reg(&b, TQP_LANE_MASK);
    build_step(&b, TQP_STEP_LT_RR, TQP_LANE_U32, less, id.reg, rid.reg);
    build_step(&b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, less, TQP_NO_REG);
    TqpSlot rm = build_fetch(&b, 0, SIDE_M, rows, TQP_NO_REG);
    build_step(&b, TQP_STEP_MASK_OR, TQP_LANE_MASK, yes, rm.reg, rm.reg);
    build_step(&b, TQP_STEP_MASK_NOT, TQP_LANE_MASK, null, rm.valid, TQP_NO_REG);
    aux->end = b.nsteps;
    TqpStep *match = build_step(&b, TQP_STEP_MATCH, TQP_LANE_MASK, build_reg(&b, TQP_LANE_MASK),
                                TQP_NO_REG, yes);
    match->in[2] = null;
    match->out2 = build_reg(&b, TQP_LANE_MASK);
    TqpSlot found = {.type = {TQP_TYPE_BOOL, 0, 0}, .lane = TQP_LANE_MASK, .valid = TQP_NO_REG};
    TqpSlot unknown = found;
    found.reg = match->out;
    unknown.reg = match->out2;
    TqpSlot text = side_load(&b, SIDE_B);
    TqpSlot out[] = {id, m, text, found, unknown};
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .columns = out, .limit = -1};
    sink.ncolumns = sink.noutputs = 5;
    build_pipeline(&b, false, &sink);
    Lines expected = {0};
    for (uint32_t l = 0; l < left->n; l++) {
        bool any = false, none = false;
        char a[32];
        if (!is_selected(left, l, limit))
            continue;
        for (uint32_t r = 0; r < right->n; r++)
            if (right->rows[r].live && l < r && keys_match(keys, &left->rows[l], &right->rows[r])) {
                any = any || right->rows[r].m == 1;
                none = none || right->rows[r].m < 0;
            }
        text_or_null(&left->rows[l], a);
        lines_add(&expected, "%u|%s|%s|%s|%s", l, bool_or_null(left->rows[l].m), a,
                  bool_or_null(any), bool_or_null(!any && none));
    }
    check_join("any", &b.program, left, right, TQP_OK, &expected);
    build_free(&b);
}

/* ---- a single ANY: the match whose id is the left one, or those behind it ---- */

static void test_one(const Side *left, const Side *right, const Keys *keys, uint32_t domain,
                     TqpStepOp op, int64_t limit) {
    Build b = {0};
    TqpSlot probe_keys[3], id = open_left(&b, keys, domain, false, limit, probe_keys);
    TqpStep *probe = build_probe(
        &b,
        (TqpProbe){.kind = TQP_PROBE_ANY, .nkeys = keys->n, .keys = probe_keys, .single = true});
    uint16_t rows = probe->out = build_reg(&b, TQP_LANE_U32);
    TqpProbe *aux = (TqpProbe *)probe->aux;
    TqpSlot rid = build_fetch(&b, 0, SIDE_ID, rows, TQP_NO_REG);
    uint16_t yes = build_reg(&b, TQP_LANE_MASK);
    build_step(&b, op, TQP_LANE_U32, yes, id.reg, rid.reg);
    aux->end = b.nsteps;
    TqpStep *match =
        build_step(&b, TQP_STEP_MATCH, TQP_LANE_MASK, build_reg(&b, TQP_LANE_MASK), rows, yes);
    match->out2 = build_reg(&b, TQP_LANE_U32);
    uint16_t matched = match->out, row = match->out2;
    TqpSlot text = side_load(&b, SIDE_B), m = side_load(&b, SIDE_M);
    TqpSlot out[] = {id,
                     text,
                     m,
                     build_fetch(&b, 0, SIDE_ID, row, matched),
                     build_fetch(&b, 0, SIDE_B, row, matched),
                     build_fetch(&b, 0, SIDE_M, row, matched)};
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .columns = out, .limit = -1};
    sink.ncolumns = sink.noutputs = 6;
    build_pipeline(&b, false, &sink);
    Lines expected = {0};
    TqpStatus status = TQP_OK;
    for (uint32_t l = 0; l < left->n; l++) {
        int64_t found = -1;
        if (!is_selected(left, l, limit))
            continue;
        for (uint32_t r = 0; r < right->n; r++) {
            if (!right->rows[r].live || !keys_match(keys, &left->rows[l], &right->rows[r]) ||
                (op == TQP_STEP_EQ_RR ? l != r : l >= r))
                continue;
            status = found >= 0 ? TQP_CARDINALITY : status;
            found = r;
        }
        add_pair(&expected, left, l, right, found);
    }
    check_join("one", &b.program, left, right, status, &expected);
    build_free(&b);
}

/* ---- a chain: left outer right by a, then inner right by b of the first, filtered in between ----
 */

static void test_chain(const Side *left, const Side *right, uint32_t domain) {
    Keys by_a = {TQP_MAP_DENSE, 1, {SIDE_A}, {false}}, by_b = {TQP_MAP_HASH, 1, {SIDE_B}, {true}};
    Build b = {0};
    build_side(&b, 1, keys_map(&by_a, domain, false));
    build_side(&b, 1, keys_map(&by_b, domain, false));
    TqpSlot id = side_load(&b, SIDE_ID), a = side_load(&b, SIDE_A);
    TqpStep *one =
        build_probe(&b, (TqpProbe){.kind = TQP_PROBE_PAIRS, .nkeys = 1, .keys = &a, .outer = true});
    uint16_t rows1 = one->out = build_reg(&b, TQP_LANE_U32);
    uint16_t matched = one->out2 = build_reg(&b, TQP_LANE_MASK);
    TqpSlot m = side_load(&b, SIDE_M);
    build_step(&b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, m.reg, TQP_NO_REG);
    TqpSlot id1 = build_fetch(&b, 0, SIDE_ID, rows1, matched);
    TqpSlot b1 = build_fetch(&b, 0, SIDE_B, rows1, matched);
    TqpStep *two = build_probe(
        &b, (TqpProbe){.kind = TQP_PROBE_PAIRS, .pipeline = 1, .nkeys = 1, .keys = &b1});
    uint16_t rows2 = two->out = build_reg(&b, TQP_LANE_U32);
    TqpSlot text = side_load(&b, SIDE_B), id2 = build_fetch(&b, 1, SIDE_ID, rows2, TQP_NO_REG);
    TqpSlot out[] = {id, text, id1, id2};
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .columns = out, .limit = -1};
    sink.ncolumns = sink.noutputs = 4;
    build_pipeline(&b, false, &sink);
    Lines expected = {0};
    for (uint32_t l = 0; l < left->n; l++) {
        char t[32], first[16];
        text_or_null(&left->rows[l], t);
        if (!left->rows[l].live || left->rows[l].m != 1)
            continue;
        bool any = false;
        for (uint32_t r = 0; r <= right->n; r++) {
            bool outer = r == right->n;
            if (outer ? any
                      : !right->rows[r].live || !keys_match(&by_a, &left->rows[l], &right->rows[r]))
                continue;
            any = true;
            snprintf(first, sizeof(first), outer ? "-" : "%u", r);
            SideRow none = {.key = {-1, -1, -1}};
            for (uint32_t q = 0; q < right->n; q++)
                if (right->rows[q].live &&
                    keys_match(&by_b, outer ? &none : &right->rows[r], &right->rows[q]))
                    lines_add(&expected, "%u|%s|%s|%u", l, t, first, q);
        }
    }
    check_join("chain", &b.program, left, right, TQP_OK, &expected);
    build_free(&b);
}

static void test_kinds(const Side *left, const Side *right, uint32_t domain, int64_t limit,
                       bool cross) {
    static const Keys all_keys[] = {
        {TQP_MAP_DENSE, 1, {SIDE_A}, {false}},
        {TQP_MAP_HASH, 1, {SIDE_A}, {false}},
        {TQP_MAP_HASH, 1, {SIDE_A}, {true}},
        {TQP_MAP_HASH, 1, {SIDE_B}, {false}},
        {TQP_MAP_HASH, 1, {SIDE_C}, {true}},
        {TQP_MAP_HASH, 3, {SIDE_B, SIDE_C, SIDE_A}, {true, false, true}},
        {TQP_MAP_ALL, 0, {0}, {false}}};
    for (int k = 0; k < 7; k++) {
        const Keys *keys = &all_keys[k];
        if (keys->kind == TQP_MAP_ALL && !cross)
            continue;
        for (int outer = 0; outer < 2; outer++)
            for (int single = 0; single < 2; single++)
                test_pairs(left, right, keys, domain, outer, single, limit);
        test_exists(left, right, keys, domain, false, limit);
        test_exists(left, right, keys, domain, true, limit);
        test_any(left, right, keys, domain, limit);
        test_one(left, right, keys, domain, TQP_STEP_EQ_RR, limit);
        test_one(left, right, keys, domain, TQP_STEP_LT_RR, limit);
    }
}

int main(void) {
    static const uint32_t sizes[][5] = {/* left, right, domain, null_every, limit */
                                        {0, 5, 3, 4, 100},       {5, 0, 3, 4, 100},
                                        {1, 1, 1, 0, 100},       {1, 1, 1, 1, 100},
                                        {300, 200, 12, 5, 1000}, {300, 150, 12, 5, 20},
                                        {700, 40, 200, 0, 1000}, {2500, 60, 0, 6, 2400},
                                        {90, 900, 1, 7, 1000},   {300, 30, 5000, 9, 1000}};
    const TqpBackend *backends[] = {tqp_backend_ref(), tqp_backend_cpu(tqp_cpu_best_isa())};
    for (int b = 0; b < 2; b++)
        for (int t = 1; t <= 3; t++)
            configs[nconfigs++] = (Config){backends[b], t};
    for (uint32_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        Side left, right;
        side_make(&left, sizes[k][0], 190, sizes[k][2] > 0 ? sizes[k][2] : 40, sizes[k][3]);
        side_make(&right, sizes[k][1], 64, sizes[k][2], sizes[k][3]);
        test_kinds(&left, &right, sizes[k][2], sizes[k][4], sizes[k][0] * sizes[k][1] < 100000);
        if (sizes[k][2] > 1)
            test_chain(&left, &right, sizes[k][2]);
        side_free(&left);
        side_free(&right);
    }
    return check_report("exec_join");
}
