/*
 * Maps of builds that several threads make: rows in the order of their keys and not, keys that
 * repeat, one key that most rows share, NULLs.  A probe asks for every key and some more.
 */
#include "check.h"
#include "exec_build.h"

enum { N = 200000, SPAN = 1 << 19, KEYS = SPAN + 100, ROWS_PER_GROUP = 65536 };

typedef enum Pattern { RISING, RUNS, RUNS_FULL, SHUFFLED, REPEATED, ONE_HOT, PATTERNS } Pattern;

/* Below SPAN. */
static uint32_t key_of(Pattern pattern, uint32_t i) {
    uint32_t mixed = i * 2654435761u;
    switch (pattern) {
    case RISING:
        return 2 * i + (i & 1);
    case RUNS:
        return i / 5 * 7;
    case RUNS_FULL:
        return i / 3;
    case SHUFFLED:
        return mixed % SPAN; /* the low bits of an odd multiple: no two are equal */
    case REPEATED:
        return mixed / 64 % 90001;
    default:
        return mixed / 64 % 10 < 9 ? 4711 : mixed / 1024 % 50000;
    }
}

typedef struct Input {
    TqpRelation rel; /* id u32, key u32 */
    TqpArena arena;
    uint32_t n;
    uint32_t *keys; /* UINT32_MAX: NULL */
} Input;

static void input_make(Input *in, uint32_t n, Pattern pattern, uint32_t null_every) {
    memset(in, 0, sizeof(*in));
    TqpArena *a = &in->arena;
    in->n = n;
    in->keys = tqp_arena_zalloc(a, n * 4 + TQP_TENSOR_PAD);
    uint32_t *ids = tqp_arena_zalloc(a, n * 4 + TQP_TENSOR_PAD);
    uint64_t *valid = tqp_arena_zalloc(a, n / 8 + 64);
    uint32_t *values = tqp_arena_zalloc(a, n * 4 + TQP_TENSOR_PAD), nulls = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool null = null_every > 0 && i % null_every == 0;
        ids[i] = i;
        in->keys[i] = null ? UINT32_MAX : pattern == PATTERNS ? i : key_of(pattern, i);
        values[i] = null ? 0 : in->keys[i];
        if (!null)
            tqp_bitmap_set(valid, i);
        nulls += null;
    }
    in->rel.ncolumns = 2;
    in->rel.columns = tqp_arena_zalloc(a, 2 * sizeof(TqpRelColumn));
    in->rel.columns[0].type.kind = in->rel.columns[1].type.kind = TQP_TYPE_I64;
    in->rel.ngroups = (n + ROWS_PER_GROUP - 1) / ROWS_PER_GROUP;
    in->rel.groups = tqp_arena_zalloc(a, in->rel.ngroups * sizeof(TqpRowGroup));
    for (uint32_t g = 0; g < in->rel.ngroups; g++) {
        uint32_t first = g * ROWS_PER_GROUP, left = n - first;
        TqpRowGroup *group = &in->rel.groups[g];
        TqpTensor *t = group->tensors = tqp_arena_zalloc(a, 2 * sizeof(TqpTensor));
        group->nrows = group->live_rows = left < ROWS_PER_GROUP ? left : ROWS_PER_GROUP;
        for (int c = 0; c < 2; c++)
            t[c] = (TqpTensor){.encoding = TQP_ENC_FOR,
                               .lane = TQP_LANE_U32,
                               .nrows = group->nrows,
                               .data = (c == 0 ? ids : values) + first};
        t[1].validity = null_every > 0 ? valid + first / 64 : NULL;
        t[1].null_count = null_every > 0 ? nulls : 0;
    }
}

/* Keys 0 .. KEYS - 1 of relation 0 probe a build of relation 1: key and id of all pairs. */
static void program_make(Build *b, TqpMapKind kind, bool unique, bool exists, bool fetch) {
    static const uint32_t one = 1;
    static const bool no = false;
    TqpSlot in[] = {build_load(b, 0, TQP_TYPE_I64, TQP_LANE_U32, 0, false),
                    build_load(b, 1, TQP_TYPE_I64, TQP_LANE_U32, 0, true)};
    TqpSink build = {.kind = TQP_SINK_COLLECT, .ncolumns = 2, .noutputs = 2, .limit = -1};
    build.columns = in;
    build.map = (TqpMap){.kind = kind,
                         .nkeys = 1,
                         .columns = &one,
                         .null_safe = &no,
                         .span = SPAN,
                         .unique = unique,
                         .exists_only = exists};
    TqpPipeline *p = build_pipeline(b, false, &build);
    p->sources = &one;
    p->sink.columns = build_copy(b, in, sizeof(in));
    TqpSlot key = build_load(b, 1, TQP_TYPE_I64, TQP_LANE_U32, 0, false), out[] = {key, key};
    TqpProbe probe = {.kind = exists ? TQP_PROBE_EXISTS : TQP_PROBE_PAIRS, .nkeys = 1};
    probe.map = &b->pipelines[0].sink.map;
    probe.keys = build_copy(b, &key, sizeof(key));
    TqpStep *step =
        build_step(b, TQP_STEP_PROBE, TQP_LANE_MASK, TQP_NO_REG, TQP_NO_REG, TQP_NO_REG);
    step->aux = build_copy(b, &probe, sizeof(probe));
    uint16_t found = step->out = build_reg(b, exists ? TQP_LANE_MASK : TQP_LANE_U32);
    if (exists) {
        build_step(b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, found, TQP_NO_REG);
    } else if (fetch) {
        out[1].reg = build_reg(b, TQP_LANE_U32);
        build_step(b, TQP_STEP_FETCH, TQP_LANE_U32, out[1].reg, found, TQP_NO_REG);
    }
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .ncolumns = 2, .noutputs = 2, .limit = -1};
    sink.columns = out;
    build_pipeline(b, false, &sink)->sink.columns = build_copy(b, out, sizeof(out));
}

/* Pairs by key, then row of the build; without `fetch` the key twice. */
static uint64_t expect(const Input *right, bool exists, bool fetch, uint32_t **pairs) {
    uint32_t *ends = calloc(KEYS + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < right->n; i++)
        if (right->keys[i] != UINT32_MAX)
            ends[right->keys[i] + 1]++;
    uint64_t n = 0;
    for (uint32_t k = 0; k < KEYS; k++)
        ends[k + 1] += ends[k];
    *pairs = malloc(((size_t)ends[KEYS] + 1) * 2 * sizeof(uint32_t));
    for (uint32_t k = 0; k < KEYS && exists; k++)
        if (ends[k + 1] > ends[k])
            (*pairs)[2 * n] = k, (*pairs)[2 * n++ + 1] = k;
    for (uint32_t i = 0; i < right->n && !exists; i++) {
        uint32_t key = right->keys[i];
        if (key == UINT32_MAX)
            continue;
        (*pairs)[2 * ends[key]] = key;
        (*pairs)[2 * ends[key]++ + 1] = fetch ? i : key;
        n++;
    }
    free(ends);
    return n;
}

static uint32_t value_at(const TqpResult *result, uint32_t column, uint64_t row) {
    const TqpTensor *t = &result->rel.groups[row / ROWS_PER_GROUP].tensors[column];
    TqpValue v;
    tqp_tensor_value(t, result->rel.columns[column].type, (uint32_t)(row % ROWS_PER_GROUP), &v);
    return (uint32_t)v.i;
}

static void check_map(const Input *left, const Input *right, Pattern pattern, TqpMapKind kind,
                      bool exists, bool fetch) {
    Build b = {0};
    uint32_t *pairs;
    uint64_t n = expect(right, exists, fetch, &pairs);
    program_make(&b, kind, pattern == RISING || pattern == SHUFFLED, exists, fetch);
    for (int threads = 1; threads <= 3; threads++) {
        TqpBroker broker;
        TqpResult result;
        tqp_broker_init(&broker, 0);
        TqpQuery query = {
            .backend = tqp_backend_cpu(tqp_cpu_best_isa()), .nthreads = threads, .broker = &broker};
        const TqpRelation *rels[] = {&left->rel, &right->rel};
        CHECK_INT(tqp_exec_run(&query, &b.program, rels, 2, &result), TQP_OK);
        CHECK_INT(result.nrows, n);
        uint64_t bad = 0;
        for (uint64_t i = 0; i < n && result.nrows == n; i++)
            bad += value_at(&result, 0, i) != pairs[2 * i] ||
                   value_at(&result, 1, i) != pairs[2 * i + 1];
        CHECK_INT(bad, 0);
        if (bad > 0 || result.nrows != n)
            fprintf(stderr, "pattern %d, %s%s, %d threads\n", pattern,
                    kind == TQP_MAP_DENSE ? "dense" : "hash", exists ? ", exists" : "", threads);
        tqp_result_free(&result);
        tqp_query_free_stats(&query, &b.program);
        CHECK_INT(broker.used, 0);
    }
    free(pairs);
    build_free(&b);
}

int main(void) {
    Input left;
    input_make(&left, KEYS, PATTERNS, 0);
    for (Pattern pattern = 0; pattern < PATTERNS; pattern++)
        for (uint32_t null_every = 0; null_every <= 97; null_every += 97) {
            Input right;
            input_make(&right, N, pattern, null_every);
            for (TqpMapKind kind = TQP_MAP_DENSE; kind <= TQP_MAP_HASH; kind++) {
                check_map(&left, &right, pattern, kind, true, false);
                check_map(&left, &right, pattern, kind, false, false);
                check_map(&left, &right, pattern, kind, false, true);
            }
            tqp_arena_free(&right.arena);
        }
    tqp_arena_free(&left.arena);
    return check_report("exec_maps");
}
