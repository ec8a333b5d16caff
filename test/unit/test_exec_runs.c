/*
 * Sums over many groups of clustered keys: rising, with strays, in pieces, or in no order at all;
 * against an array over all keys, and against the hash table.
 */
#include "check.h"
#include "exec_build.h"

#define ROWS   160000u
#define KEYS   280000u
#define GROUP  40000u /* rows of a row group */
#define MOST   60000u /* of a value */
#define ABSENT 1000u  /* from there on x is NULL */

#define SCAN "(scan 0 \"t\" (\"g\" i32) (\"v\" i32) (\"x\" i32) (\"d\" f64))"

typedef struct Table {
    uint32_t *g, *v, *x;
    double *d;
    TqpRelation rel;
    TqpArena arena;
} Table;

typedef void (*Pattern)(uint32_t *g);

static void rising(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = i / 3 * 4;
}

static void unique(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = i;
}

/* Rows from later and from before, alone, two and three side by side, some of groups of their own.
 */
static void strays(uint32_t *g) {
    rising(g);
    for (uint32_t i = 0; i + 4 < ROWS; i += 321 + i % 7) {
        bool later = i % 5 != 0;
        for (uint32_t k = 0; k <= i % 3; k++)
            g[i + k] =
                (later ? i + (uint32_t)(rng() % (ROWS - i)) : (uint32_t)(rng() % (i + 1))) + i % 2;
    }
    for (uint32_t i = 16384; i < ROWS; i += 16384) /* at the edges of tiles and morsels */
        g[i - 1 + i / 16384 % 2] = (uint32_t)(rng() % KEYS);
}

/* As a table that was loaded in pieces, which overlap in one key. */
static void pieces(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = (i / 2 + 60000 - i / 30000 * 15000) % KEYS;
}

/* Pieces that overlap all the way. */
static void twice(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = i % (ROWS / 2) * 3;
}

/* Updated rows were moved to the end. */
static void tail(uint32_t *g) {
    strays(g);
    for (uint32_t i = ROWS - 3000; i < ROWS; i++)
        g[i] = (uint32_t)(rng() % KEYS);
}

static void falling(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = (ROWS - i) / 2;
}

static void scattered(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = (uint32_t)(rng() % KEYS);
}

static void one(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = 77;
}

static void *take(Table *t, size_t bytes) {
    return tqp_arena_zalloc(&t->arena, bytes + TQP_TENSOR_PAD);
}

static TqpTensor codes(Table *t, const uint32_t *values, uint32_t n) {
    TqpTensor tensor = {.lane = TQP_LANE_U32, .encoding = TQP_ENC_FOR, .nrows = n};
    uint32_t *data = take(t, n * sizeof(uint32_t));
    memcpy(data, values, n * sizeof(uint32_t));
    tensor.data = data;
    return tensor;
}

/* All keys are possible by the range, so that few groups of many are met. */
static void table_make(Table *t, Pattern pattern) {
    static const TqpTypeKind kinds[4] = {TQP_TYPE_I32, TQP_TYPE_I32, TQP_TYPE_I32, TQP_TYPE_F64};
    memset(t, 0, sizeof(*t));
    t->g = take(t, ROWS * sizeof(uint32_t));
    t->v = take(t, ROWS * sizeof(uint32_t));
    t->x = take(t, ROWS * sizeof(uint32_t));
    t->d = take(t, ROWS * sizeof(double));
    pattern(t->g);
    for (uint32_t i = 0; i < ROWS; i++) {
        t->v[i] = (uint32_t)(rng() % MOST);
        t->x[i] = (uint32_t)(rng() % 1300);
        t->d[i] = (double)(int64_t)(rng() % 2000000) / 7e4 - 10;
    }
    t->rel = (TqpRelation){.ncolumns = 4, .ngroups = ROWS / GROUP};
    t->rel.columns = take(t, 4 * sizeof(TqpRelColumn));
    t->rel.groups = take(t, t->rel.ngroups * sizeof(TqpRowGroup));
    for (int c = 0; c < 4; c++)
        t->rel.columns[c].type.kind = kinds[c];
    for (uint32_t k = 0; k < t->rel.ngroups; k++) {
        TqpTensor *tensors = take(t, 4 * sizeof(TqpTensor));
        uint64_t *valid = take(t, GROUP / 8 + 8);
        double *d = take(t, GROUP * sizeof(double));
        uint32_t from = k * GROUP;
        memcpy(d, t->d + from, GROUP * sizeof(double));
        tensors[0] = codes(t, t->g + from, GROUP);
        tensors[1] = codes(t, t->v + from, GROUP);
        tensors[2] = codes(t, t->x + from, GROUP);
        tensors[3] =
            (TqpTensor){.lane = TQP_LANE_F64, .encoding = TQP_ENC_PLAIN, .nrows = GROUP, .data = d};
        for (int c = 0; c < 3; c++) {
            tensors[c].has_range = true;
            tensors[c].max = c == 0 ? KEYS - 1 : MOST;
        }
        for (uint32_t i = 0; i < GROUP; i++)
            if (t->x[from + i] < ABSENT)
                tqp_bitmap_set(valid, i);
            else
                tensors[2].null_count++;
        tensors[2].validity = valid;
        t->rel.groups[k] = (TqpRowGroup){.nrows = GROUP, .live_rows = GROUP, .tensors = tensors};
    }
}

static void run(const char *text, const Table *t, const TqpBackend *backend, int threads,
                uint64_t dense_max, Lines *lines) {
    const TqpQuery how = {.backend = backend, .nthreads = threads};
    CHECK_INT(run_text(text, &t->rel, &how, dense_max, 0, lines_of_result, lines), TQP_OK);
}

/* Every backend and number of threads.  dense_max: 0 for arrays and runs, 1 for the hash table. */
static void check_all(const char *what, const char *text, const Table *t, uint64_t dense_max,
                      const Lines *expected) {
    static const int threads[] = {1, 2, 5};
    for (int isa = -1; isa < TQP_ISA_COUNT; isa++) {
        const TqpBackend *backend = isa < 0 ? tqp_backend_ref() : tqp_backend_cpu((TqpIsa)isa);
        for (int k = 0; backend != NULL && k < 3; k++) {
            Lines got = {0};
            if (isa < TQP_ISA_COUNT - 1 && k != 1)
                continue; /* one number of threads is enough for the slower ones */
            run(text, t, backend, threads[k], dense_max, &got);
            bool equal = lines_equal(&got, expected);
            CHECK(equal);
            if (!equal)
                fprintf(stderr, "  %s, %s, %d threads\n", what, backend->name, threads[k]);
            lines_free(&got);
        }
    }
}

typedef struct Sums {
    int64_t rows, v, nx, sx, least, many;
} Sums;

/* Rows with v at or above `floor`; the second form has what needs more than sums of segments. */
static void expect(const Table *t, uint32_t floor, bool more, Lines *lines) {
    Sums *sums = calloc(KEYS, sizeof(Sums));
    for (uint32_t i = 0; i < ROWS; i++) {
        Sums *s = &sums[t->g[i]];
        if (t->v[i] < floor)
            continue;
        s->rows++;
        s->v += t->v[i];
        s->many += t->v[i] > MOST / 2;
        if (t->x[i] >= ABSENT)
            continue;
        s->least = s->nx == 0 || t->x[i] < s->least ? t->x[i] : s->least;
        s->nx++;
        s->sx += t->x[i];
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        const Sums *s = &sums[k];
        if (s->rows == 0)
            continue;
        if (!more)
            lines_add(lines, "%u|%lld|%lld", k, (long long)s->rows, (long long)s->v);
        else if (s->nx == 0)
            lines_add(lines, "%u|%lld|%lld|-|-|0|%lld", k, (long long)s->rows, (long long)s->v,
                      (long long)s->many);
        else
            lines_add(lines, "%u|%lld|%lld|%lld|%lld|%lld|%lld", k, (long long)s->rows,
                      (long long)s->v, (long long)s->sx, (long long)s->least, (long long)s->nx,
                      (long long)s->many);
    }
    lines_sort(lines);
    free(sums);
}

#define MORE                                                                                       \
    "((count_star) (sum (col 1 i32)) (sum (col 2 i32)) (min (col 2 i32)) (count (col 2 i32)) "     \
    "(count_star (where (gt (col 1 i32) (const 30000 i32)))))"
#define FILTERED "(filter (ge (col 1 i32) (const 20000 i32)) " SCAN ")"

static void check_pattern(const char *what, Pattern pattern) {
    Table t;
    table_make(&t, pattern);
    static const char *const texts[4] = {
        "(aggregate ((col 0 i32)) ((count_star) (sum (col 1 i32))) " SCAN ")",
        "(aggregate ((col 0 i32)) ((count_star) (sum (col 1 i32))) " FILTERED ")",
        "(aggregate ((col 0 i32)) " MORE " " SCAN ")",
        "(aggregate ((col 0 i32)) " MORE " " FILTERED ")"};
    for (int k = 0; k < 4; k++) {
        Lines expected = {0};
        expect(&t, k % 2 * 20000, k >= 2, &expected);
        check_all(what, texts[k], &t, 0, &expected);
        lines_free(&expected);
    }
    Lines none = {0};
    check_all(what,
              "(aggregate ((col 0 i32)) " MORE " (filter (gt (col 1 i32) (const 60000 i32)) " SCAN
              "))",
              &t, 0, &none);
    /* The same bits whatever the number of threads, and as the hash table has them. */
    const char *floats = "(aggregate ((col 0 i32)) ((sum (col 3 f64)) (max (col 3 f64))) " SCAN ")";
    Lines expected = {0};
    run(floats, &t, tqp_backend_ref(), 3, 1, &expected);
    check_all(what, floats, &t, 0, &expected);
    lines_free(&expected);
    tqp_arena_free(&t.arena);
}

static void bytes(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = i % 250;
}

/* So many sums that their arrays are large although group numbers are bytes. */
static void check_many_sums(void) {
    Table t;
    Lines expected = {0}, got = {0};
    TqpString text = {0};
    table_make(&t, bytes);
    t.rel.ngroups = 1;
    t.rel.groups[0].nrows = t.rel.groups[0].live_rows = 60;
    for (int c = 0; c < 4; c++)
        t.rel.groups[0].tensors[c].nrows = 60;
    t.rel.groups[0].tensors[0].max = 249;
    tqp_string_printf(&text, "(project ((col 0 i32) (col 1 i64) (col 300 i64)) "
                             "(aggregate ((col 0 i32)) (");
    for (int k = 0; k < 300; k++)
        tqp_string_printf(&text, "(sum (col 1 i32) (where (gt (col 1 i32) (const %d i32)))) ",
                          200 * k);
    tqp_string_printf(&text, ") " SCAN "))");
    run(text.data, &t, tqp_backend_cpu(TQP_ISA_SCALAR), 1, 1, &expected);
    run(text.data, &t, tqp_backend_cpu(TQP_ISA_SCALAR), 2, 0, &got);
    CHECK_INT(expected.n, 60);
    CHECK(lines_equal(&got, &expected));
    lines_free(&got);
    lines_free(&expected);
    tqp_string_free(&text);
    tqp_arena_free(&t.arena);
}

int main(void) {
    check_many_sums();
    check_pattern("rising", rising);
    check_pattern("unique", unique);
    check_pattern("strays", strays);
    check_pattern("pieces", pieces);
    check_pattern("twice", twice);
    check_pattern("tail", tail);
    check_pattern("falling", falling);
    check_pattern("scattered", scattered);
    check_pattern("one", one);
    return check_report("exec_runs");
}
