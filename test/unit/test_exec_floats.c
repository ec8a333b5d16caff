/* Sums of floats bit by bit: of nothing but -0, and whatever the number of threads. */
#include "base/hash.h"
#include "check.h"
#include "exec_build.h"

#define SCAN "(scan 0 \"t\" (\"g\" i32) (\"d\" f64) (\"f\" f32) (\"s\" text))"

#define RUNS 300000u

typedef struct Table {
    TqpRelation rel;
    TqpArena arena;
} Table;

static void *take(Table *t, size_t bytes) {
    return tqp_arena_zalloc(&t->arena, bytes + TQP_TENSOR_PAD);
}

typedef double (*Number)(uint32_t row);

/* Groups 0 .. keys-1 in no order, many in runs; the floats are NULL in every fifth row. */
static void fill_group(Table *t, TqpRowGroup *group, uint32_t rows, uint32_t from, uint32_t keys,
                       Number number) {
    TqpTensor *tensors = take(t, 4 * sizeof(TqpTensor));
    uint32_t *g = take(t, rows * sizeof(uint32_t)), *offsets = take(t, (rows + 1) * 4);
    double *d = take(t, rows * sizeof(double));
    float *f = take(t, rows * sizeof(float));
    char *bytes = take(t, (size_t)rows * 24);
    uint64_t *valid = take(t, tqp_bitmap_words(rows) * 8);
    for (uint32_t i = 0; i < rows; i++) {
        g[i] = keys >= RUNS ? (from + i) / 2 : (uint32_t)((from + i) * UINT64_C(2654435761) % keys);
        if ((from + i) % 5 != 0) {
            tqp_bitmap_set(valid, i);
            d[i] = number(from + i);
            f[i] = (float)d[i];
        }
        offsets[i + 1] =
            offsets[i] + (uint32_t)sprintf(bytes + offsets[i], "a long key number %u", g[i] % 3000);
    }
    for (int c = 0; c < 4; c++)
        tensors[c] = (TqpTensor){.encoding = TQP_ENC_PLAIN, .nrows = rows, .validity = valid};
    tensors[0] = (TqpTensor){.encoding = TQP_ENC_FOR,
                             .lane = TQP_LANE_U32,
                             .nrows = rows,
                             .data = g,
                             .has_range = true,
                             .max = keys - 1};
    tensors[1].lane = TQP_LANE_F64;
    tensors[1].data = d;
    tensors[2].lane = TQP_LANE_F32;
    tensors[2].data = f;
    tensors[1].null_count = tensors[2].null_count = rows / 5;
    tensors[3] = (TqpTensor){.encoding = TQP_ENC_BYTES,
                             .lane = TQP_LANE_VIEW,
                             .nrows = rows,
                             .offsets = offsets,
                             .bytes = bytes};
    *group = (TqpRowGroup){.nrows = rows, .live_rows = rows, .tensors = tensors};
}

static void table_make(Table *t, uint32_t ngroups, uint32_t rows, uint32_t keys, Number number) {
    static const TqpTypeKind kinds[4] = {TQP_TYPE_I32, TQP_TYPE_F64, TQP_TYPE_F32, TQP_TYPE_TEXT};
    memset(t, 0, sizeof(*t));
    t->rel = (TqpRelation){.ncolumns = 4, .ngroups = ngroups};
    t->rel.columns = take(t, 4 * sizeof(TqpRelColumn));
    t->rel.groups = take(t, ngroups * sizeof(TqpRowGroup));
    for (int c = 0; c < 4; c++)
        t->rel.columns[c].type.kind = kinds[c];
    for (uint32_t k = 0; k < ngroups; k++)
        fill_group(t, &t->rel.groups[k], rows, k * rows, keys, number);
}

/* A result's rows as text, with all bits of a float. */
static void add_lines(Lines *lines, const TqpResult *result) {
    for (uint32_t g = 0; g < result->rel.ngroups; g++)
        for (uint32_t row = 0; row < result->rel.groups[g].nrows; row++) {
            char buf[512];
            size_t at = 0;
            for (uint32_t c = 0; c < result->rel.ncolumns; c++) {
                TqpType type = result->rel.columns[c].type;
                TqpValue v;
                tqp_tensor_value(&result->rel.groups[g].tensors[c], type, row, &v);
                buf[at++] = '|';
                if (!v.is_null && tqp_type_class(type.kind) == TQP_CLASS_FLOAT)
                    at += (size_t)snprintf(buf + at, sizeof(buf) - at, "%a", v.f);
                else
                    at += (size_t)print_value(buf + at, sizeof(buf) - at, type, &v);
            }
            lines_add(lines, "%.*s", (int)at, buf);
        }
}

static void run(const char *text, const Table *t, const TqpBackend *backend, int threads,
                uint64_t dense_max, Lines *lines) {
    const TqpQuery how = {.backend = backend, .nthreads = threads};
    CHECK_INT(run_text(text, &t->rel, &how, dense_max, 0, add_lines, lines), TQP_OK);
}

/* ---- -0 ---- */

static double negative_zero(uint32_t row) {
    (void)row;
    return -0.0;
}

/* Rows 1, 8, 15, ...: 0. */
static double some_zero(uint32_t row) {
    return row % 7 == 1 ? 0.0 : -0.0;
}

/* Every row of the result is `line`. */
static void check_rows(const char *text, const Table *t, uint64_t dense_max, const char *line) {
    for (int isa = -1; isa < TQP_ISA_COUNT; isa++) {
        const TqpBackend *backend = isa < 0 ? tqp_backend_ref() : tqp_backend_cpu((TqpIsa)isa);
        for (int threads = 1; backend != NULL && threads < 4; threads++) {
            Lines got = {0};
            run(text, t, backend, threads, dense_max, &got);
            CHECK(got.n > 0);
            for (uint32_t i = 0; i < got.n; i++)
                CHECK_STR(got.lines[i], line);
            lines_free(&got);
        }
    }
}

#define SUMS                                                                                       \
    "((sum (col 1 f64)) (sum (col 2 f32)) (sum (col 1 f64) (where (lt (col 0 i32) (const 0 "       \
    "i32)))))"

/* keys: 5 are few groups, 200 have numbers of a byte, RUNS of them make runs. */
static void check_zeros(uint32_t keys) {
    static const char *const texts[] = {
        "(aggregate () " SUMS " " SCAN ")",
        "(aggregate () " SUMS " (filter (gt (col 0 i32) (const 2 i32)) " SCAN "))",
        "(project ((col 1 f64) (col 2 f32) (col 3 f64)) (filter (gt (col 4 i64) (const 0 i64)) "
        "(aggregate ((col 0 i32)) ((sum (col 1 f64)) (sum (col 2 f32)) (sum (col 1 f64) (where (lt "
        "(col 0 i32) (const 0 i32)))) (count (col 1 f64))) " SCAN ")))",
        "(aggregate () ((sum (col 1 f64)) (sum (col 2 f32)) (sum (col 3 f64))) "
        "(aggregate ((col 0 i32)) " SUMS " " SCAN "))"};
    Table t, mixed;
    table_make(&t, 3, 20000, keys, negative_zero);
    table_make(&mixed, 3, 20000, keys, some_zero);
    for (int k = 0; k < 4; k++)
        for (uint64_t dense_max = 0; dense_max < 2; dense_max++) {
            check_rows(texts[k], &t, dense_max, "|-0x0p+0|-0x0p+0|-");
            if (k != 2)
                check_rows(texts[k], &mixed, dense_max, "|0x0p+0|0x0p+0|-");
        }
    tqp_arena_free(&t.arena);
    tqp_arena_free(&mixed.arena);
}

/* ---- threads ---- */

/* Of all magnitudes, so that any other order of a sum shows. */
static double rough(uint32_t row) {
    uint64_t x = (row + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    double v = (double)(int64_t)(x * UINT64_C(0xbf58476d1ce4e5b9)) / 3e17;
    return row % 7 == 0 ? v * 1e12 : v;
}

#define GROUPED(key)                                                                               \
    "(aggregate (" key ") ((sum (col 1 f64)) (sum (col 2 f32)) (count_star)) " SCAN ")"
#define SUM_OF(column, input)                                                                      \
    "(aggregate () ((sum (col " column " f64)) (min (col " column " f64))) " input ")"
#define LEFT  "(filter (lt (col 0 i32) (const 400 i32)) " SCAN ")"
#define RIGHT "(filter (lt (col 0 i32) (const 300 i32)) " SCAN ")"

static const char *const sums[] = {
    "(aggregate () ((sum (col 1 f64)) (sum (col 2 f32)) (sum distinct (col 1 f64))) " SCAN ")",
    GROUPED("(col 0 i32)"),
    GROUPED("(col 3 text)"),
    GROUPED("(col 0 i32) (col 3 text)"),
    "(aggregate ((col 3 text)) ((sum distinct (col 1 f64))) " SCAN ")",
    /* of the groups of an inner aggregate that adds no floats, too */
    SUM_OF("1", GROUPED("(col 0 i32)")),
    SUM_OF("1", GROUPED("(col 3 text)")),
    SUM_OF("2", "(aggregate ((col 3 text) (col 0 i32)) ((max (col 1 f64))) " SCAN ")"),
    SUM_OF("0", "(aggregate ((col 1 f64)) () " SCAN ")"),
    SUM_OF("1", "(aggregate ((col 3 text) (col 1 f64)) () " SCAN ")"),
    SUM_OF("1",
           "(aggregate ((col 3 text)) ((max (col 1 f64)) (count distinct (col 0 i32))) " SCAN ")"),
    "(aggregate ((col 2 i64)) ((sum (col 1 f64))) (aggregate ((col 0 i32)) ((max (col 1 f64)) "
    "(count_star)) " SCAN "))",
    SUM_OF("0",
           "(append (aggregate ((col 1 f64)) () " LEFT ") (aggregate ((col 1 f64)) () " SCAN "))"),
    /* pairs: several matches of dense and hash maps */
    SUM_OF("1", "(join inner (eq (col 0 i32) (col 4 i32)) " LEFT " " RIGHT ")"),
    SUM_OF("5", "(join inner (eq (col 0 i32) (col 4 i32)) " LEFT " " RIGHT ")"),
    SUM_OF("5", "(join left (eq (col 3 text) (col 7 text)) " LEFT " " RIGHT ")"),
    SUM_OF("1", "(join semi (eq (col 3 text) (col 7 text)) " SCAN " " RIGHT ")"),
    SUM_OF("5", "(join inner (eq (col 0 i32) (col 4 i32)) " LEFT
                " (aggregate ((col 0 i32)) ((max (col 1 f64))) " SCAN "))"),
    SUM_OF("1", "(join inner (eq (col 0 text) (col 4 text)) (aggregate ((col 3 text)) ((max (col 1 "
                "f64)) (count_star) (min (col 0 i32))) " SCAN ") (aggregate ((col 3 text)) "
                "((count_star)) " SCAN "))"),
    SUM_OF("1", "(limit (const 5000 i64) _ (sort ((col 3 text) asc nulls_last) " SCAN "))"),
};

/* Inner rows in another order change the last digits of outer sums. */
static void check_bits(const Table *t, const char *text, uint64_t dense_max) {
    static const int threads[] = {2, 3, 7};
    const TqpBackend *backend = tqp_backend_cpu(tqp_cpu_best_isa());
    Lines expected = {0};
    run(text, t, backend, 1, dense_max, &expected);
    CHECK(expected.n > 0);
    lines_sort(&expected);
    for (int k = 0; k < 3; k++) {
        Lines got = {0};
        run(text, t, backend, threads[k], dense_max, &got);
        lines_sort(&got);
        bool equal = lines_equal(&got, &expected);
        CHECK(equal);
        if (!equal)
            fprintf(stderr, "  %d threads, dense %d: %s\n", threads[k], (int)dense_max, text);
        lines_free(&got);
    }
    lines_free(&expected);
}

static void check_threads(uint32_t ngroups, uint32_t rows, uint32_t keys) {
    Table t;
    table_make(&t, ngroups, rows, keys, rough);
    for (size_t q = 0; q < sizeof(sums) / sizeof(sums[0]); q++)
        for (uint64_t dense_max = 0; dense_max < 2; dense_max++)
            check_bits(&t, sums[q], dense_max);
    tqp_arena_free(&t.arena);
}

/* ---- keys that have one hash ---- */

#define COLLIDING 960u
#define MANY      480000u
#define PIECES    48u

/* What tqp_hash_combine multiplies by: b makes up for the hash of a, in all keys but few. */
static void fill_keys(int64_t *a, int64_t *b, double *d) {
    for (uint32_t i = 0; i < MANY; i++) {
        uint64_t key = i / (MANY / COLLIDING); /* of one row group only */
        a[i] = (int64_t)((key + 1) * UINT64_C(0x123456789abcd));
        b[i] = (int64_t)(77 - tqp_hash_combine(0, (uint64_t)a[i]) * UINT64_C(0x9e3779b97f4a7c15));
        b[i] += key % 50 == 0;
        d[i] = rough(i);
    }
}

static void check_collisions(void) {
    static const TqpTypeKind kinds[3] = {TQP_TYPE_I64, TQP_TYPE_I64, TQP_TYPE_F64};
    Table t = {.rel = {.ncolumns = 3, .ngroups = PIECES}};
    int64_t *a = take(&t, MANY * sizeof(int64_t)), *b = take(&t, MANY * sizeof(int64_t));
    double *d = take(&t, MANY * sizeof(double));
    t.rel.columns = take(&t, 3 * sizeof(TqpRelColumn));
    t.rel.groups = take(&t, PIECES * sizeof(TqpRowGroup));
    fill_keys(a, b, d);
    for (uint32_t k = 0; k < PIECES; k++) {
        uint32_t n = MANY / PIECES;
        const void *data[3] = {a + k * n, b + k * n, d + k * n};
        TqpTensor *tensors = take(&t, 3 * sizeof(TqpTensor));
        for (int c = 0; c < 3; c++) {
            t.rel.columns[c].type.kind = kinds[c];
            tensors[c] = (TqpTensor){.encoding = c < 2 ? TQP_ENC_FOR : TQP_ENC_PLAIN,
                                     .lane = c < 2 ? TQP_LANE_I64 : TQP_LANE_F64,
                                     .nrows = n,
                                     .data = data[c],
                                     .has_range = c < 2,
                                     .min = INT64_MIN,
                                     .max = INT64_MAX};
        }
        t.rel.groups[k] = (TqpRowGroup){.nrows = n, .live_rows = n, .tensors = tensors};
    }
    check_bits(&t,
               SUM_OF("2", "(aggregate ((col 0 i64) (col 1 i64)) ((max (col 2 f64))) (scan 0 \"t\" "
                           "(\"a\" i64) (\"b\" i64) (\"d\" f64)))"),
               0);
    tqp_arena_free(&t.arena);
}

int main(void) {
    check_zeros(5);
    check_zeros(200);
    check_zeros(RUNS);
    check_collisions();
    check_threads(1, 3000, 300);
    check_threads(3, 40000, 2000);
    check_threads(3, 50000, 140000);
    return check_report("exec_floats");
}
