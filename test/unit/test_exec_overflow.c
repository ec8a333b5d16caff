/*
 * Sums in 128 bits up to the last value that fits, and one beyond: whatever adds the last row, a
 * tile, the move of runs into arrays, or a merge, the overflow is seen.
 */
#include "check.h"
#include "exec_build.h"

#define ROWS  120000u
#define GROUP 40000u /* rows of a row group */
#define SCAN  "(scan 0 \"t\" (\"g\" i32) (\"n\" num(0)))"

typedef struct Table {
    uint32_t *g;
    uint32_t keys, most; /* most: rows of the largest group */
    TqpInt128 *n;
    TqpRelation rel;
    TqpArena arena;
} Table;

/* Group numbers; returns how many are possible. */
typedef uint32_t (*Pattern)(uint32_t *g);

static uint32_t modulo(uint32_t *g, uint32_t keys) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = i % keys;
    return keys;
}

static uint32_t few(uint32_t *g) {
    return modulo(g, 5);
}

static uint32_t bytes(uint32_t *g) {
    return modulo(g, 250);
}

static uint32_t many(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = (uint32_t)(rng() % 40000);
    return 240000;
}

static uint32_t rising(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = i / 3;
    return 240000;
}

/* Groups go on in the next tile, morsel and row group. */
static uint32_t edges(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = (i + 500) / 1000;
    return 240000;
}

static uint32_t strays(uint32_t *g) {
    rising(g);
    for (uint32_t i = 0; i + 4 < ROWS; i += 1021)
        g[i] = (uint32_t)(rng() % (ROWS / 3));
    return 240000;
}

static uint32_t twice(uint32_t *g) {
    for (uint32_t i = 0; i < ROWS; i++)
        g[i] = i % (ROWS / 2);
    return 240000;
}

static void *take(Table *t, size_t size) {
    return tqp_arena_zalloc(&t->arena, size + TQP_TENSOR_PAD);
}

static void fill_tensors(Table *t, uint32_t from, TqpTensor *tensors) {
    uint32_t *g = take(t, GROUP * sizeof(uint32_t));
    memcpy(g, t->g + from, GROUP * sizeof(uint32_t));
    tensors[0] = (TqpTensor){.encoding = TQP_ENC_FOR,
                             .lane = TQP_LANE_U32,
                             .nrows = GROUP,
                             .data = g,
                             .has_range = true,
                             .max = t->keys - 1};
    tensors[1] = (TqpTensor){
        .encoding = TQP_ENC_FOR, .lane = TQP_LANE_I128, .nrows = GROUP, .data = t->n + from};
}

static void table_make(Table *t, Pattern pattern) {
    static const TqpTypeKind kinds[2] = {TQP_TYPE_I32, TQP_TYPE_NUM};
    memset(t, 0, sizeof(*t));
    t->g = take(t, ROWS * sizeof(uint32_t));
    t->n = take(t, ROWS * sizeof(TqpInt128));
    t->keys = pattern(t->g);
    uint32_t *counts = calloc(t->keys, sizeof(uint32_t));
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t count = ++counts[t->g[i]];
        t->most = count > t->most ? count : t->most;
    }
    free(counts);
    t->rel = (TqpRelation){.ncolumns = 2, .ngroups = ROWS / GROUP};
    t->rel.columns = take(t, 2 * sizeof(TqpRelColumn));
    t->rel.groups = take(t, t->rel.ngroups * sizeof(TqpRowGroup));
    for (int c = 0; c < 2; c++)
        t->rel.columns[c].type.kind = kinds[c];
    for (uint32_t k = 0; k < t->rel.ngroups; k++) {
        TqpTensor *tensors = take(t, 2 * sizeof(TqpTensor));
        fill_tensors(t, k * GROUP, tensors);
        t->rel.groups[k] = (TqpRowGroup){.nrows = GROUP, .live_rows = GROUP, .tensors = tensors};
    }
}

/* Values v, v + 1, .. v + spread - 1 by turns. */
static void set_values(Table *t, TqpInt128 v, uint32_t spread) {
    for (uint32_t i = 0; i < ROWS; i++)
        t->n[i] = v + i % spread;
    for (uint32_t k = 0; k < t->rel.ngroups; k++) {
        TqpTensor *tensor = &t->rel.groups[k].tensors[1];
        tensor->has_range = true;
        tensor->min = v;
        tensor->max = v + spread - 1;
    }
}

static TqpStatus run(const char *text, const Table *t, const TqpBackend *backend, int threads,
                     uint64_t dense_max, Lines *lines) {
    const TqpQuery how = {.backend = backend, .nthreads = threads};
    return run_text(text, &t->rel, &how, dense_max, 0, lines_of_result, lines);
}

/* expected: the rows, or NULL for an overflow. */
static void check_all(const char *what, const char *text, const Table *t, uint64_t dense_max,
                      const Lines *expected) {
    static const int threads[] = {1, 2, 5};
    for (int isa = -1; isa < TQP_ISA_COUNT; isa++) {
        const TqpBackend *backend = isa < 0 ? tqp_backend_ref() : tqp_backend_cpu((TqpIsa)isa);
        for (int k = 0; backend != NULL && k < 3; k++) {
            Lines got = {0};
            if (isa < TQP_ISA_COUNT - 1 && k != 1)
                continue; /* one number of threads is enough for the slower ones */
            TqpStatus status = run(text, t, backend, threads[k], dense_max, &got);
            bool ok = expected != NULL ? status == TQP_OK && lines_equal(&got, expected)
                                       : status == TQP_OVERFLOW;
            CHECK(ok);
            if (!ok)
                fprintf(stderr, "  %s, %s, %d threads: %s\n", what, backend->name, threads[k],
                        tqp_status_name(status));
            lines_free(&got);
        }
    }
}

static void add_line(Lines *lines, bool keyed, uint32_t key, TqpInt128 sum) {
    char digits[TQP_INT128_DIGITS + 1];
    tqp_int128_print(sum, digits);
    if (keyed)
        lines_add(lines, "%u|%s", key, digits);
    else
        lines_add(lines, "%s", digits);
}

static void expect(const Table *t, Lines *lines) {
    TqpInt128 *sums = calloc(t->keys, sizeof(TqpInt128));
    for (uint32_t i = 0; i < ROWS; i++)
        sums[t->g[i]] += t->n[i];
    for (uint32_t k = 0; k < t->keys; k++)
        if (sums[k] != 0)
            add_line(lines, true, k, sums[k]);
    lines_sort(lines);
    free(sums);
}

/* The sum of the largest group is the last that fits, then one row's worth of 1 beyond. */
static void check_groups(const char *what, const Table *table, uint64_t dense_max) {
    const char *text = "(aggregate ((col 0 i32)) ((sum (col 1 num(0)))) " SCAN ")";
    Table t = *table;
    const TqpInt128 last[2] = {TQP_INT128_MAX / t.most, TQP_INT128_MIN / t.most};
    for (int k = 0; k < 2; k++) {
        Lines expected = {0};
        set_values(&t, last[k], 1);
        expect(&t, &expected);
        check_all(what, text, &t, dense_max, &expected);
        lines_free(&expected);
        set_values(&t, last[k] + (k == 0 ? 1 : -1), 1);
        check_all(what, text, &t, dense_max, NULL);
    }
}

static void check_scalar(Table *t) {
    const char *text = "(aggregate () ((sum (col 1 num(0)))) " SCAN ")";
    for (TqpInt128 v = TQP_INT128_MAX / ROWS, k = 0; k < 2; v = TQP_INT128_MIN / ROWS, k++) {
        Lines expected = {0};
        set_values(t, v, 1);
        add_line(&expected, false, 0, v * ROWS);
        check_all("scalar", text, t, 0, &expected);
        lines_free(&expected);
        set_values(t, v + (v > 0 ? 1 : -1), 1);
        check_all("scalar", text, t, 0, NULL);
    }
}

/* Three distinct values in all, and in every group of five. */
static void check_distinct(Table *t) {
    TqpInt128 v = (TQP_INT128_MAX - 3) / 3;
    const char *scalar = "(aggregate () ((sum distinct (col 1 num(0)))) " SCAN ")";
    const char *keyed = "(aggregate ((col 0 i32)) ((sum distinct (col 1 num(0)))) " SCAN ")";
    Lines one = {0}, five = {0};
    set_values(t, v, 3);
    add_line(&one, false, 0, 3 * v + 3);
    for (uint32_t k = 0; k < t->keys; k++)
        add_line(&five, true, k, 3 * v + 3);
    check_all("distinct", scalar, t, 0, &one);
    for (uint64_t dense_max = 0; dense_max < 2; dense_max++)
        check_all("distinct groups", keyed, t, dense_max, &five);
    set_values(t, v + 1, 3);
    check_all("distinct", scalar, t, 0, NULL);
    for (uint64_t dense_max = 0; dense_max < 2; dense_max++)
        check_all("distinct groups", keyed, t, dense_max, NULL);
    lines_free(&one);
    lines_free(&five);
}

int main(void) {
    static const struct {
        const char *name;
        Pattern pattern;
    } patterns[] = {{"few", few},     {"bytes", bytes},   {"many", many},  {"rising", rising},
                    {"edges", edges}, {"strays", strays}, {"twice", twice}};
    for (size_t k = 0; k < sizeof(patterns) / sizeof(patterns[0]); k++) {
        Table t;
        table_make(&t, patterns[k].pattern);
        for (uint64_t dense_max = 0; dense_max < 2; dense_max++)
            check_groups(patterns[k].name, &t, dense_max);
        if (k == 0) {
            check_scalar(&t);
            check_distinct(&t);
        }
        tqp_arena_free(&t.arena);
    }
    return check_report("exec_overflow");
}
