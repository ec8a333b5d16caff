/*
 * Sets of distinct values: the sets of keys by themselves, in every width and at every stage of
 * their growth, and counts and sums of distinct values by few and many groups, however numbered.
 */
#include "check.h"
#include "exec/key_set.h"
#include "exec_build.h"

/* ---- sets of keys ---- */

#define GROUPS 3u

static char (*names)[12];

/* Key k is value k / GROUPS of group k % GROUPS. */
static void put_key(const TqpKeyPlan *plan, uint32_t value, uint32_t group, uint64_t *key_words) {
    memset(key_words, 0, plan->nwords * sizeof(uint64_t));
    if (plan->nviews > 0) {
        TqpView view = tqp_view(names[value], (uint32_t)strlen(names[value]));
        memcpy(key_words + plan->parts[0].word, &view, sizeof(view));
    } else {
        key_words[plan->parts[0].word] |= (uint64_t)value << plan->parts[0].shift;
    }
    key_words[plan->extra_word] |= (uint64_t)group << plan->extra_shift;
}

static uint32_t get_value(const TqpKeyPlan *plan, const uint64_t *key_words) {
    TqpView view;
    if (plan->nviews == 0)
        return (uint32_t)(key_words[plan->parts[0].word] >> plan->parts[0].shift);
    memcpy(&view, key_words + plan->parts[0].word, sizeof(view));
    return (uint32_t)strtoul(view.data, NULL, 10);
}

static void add_keys(TqpKeySet *set, uint32_t rows, uint32_t keys, const uint32_t *ids,
                     bool *expected) {
    uint64_t key_words[TQP_KEY_BATCH * 3];
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t key = (uint32_t)(rng() % keys), value = key / GROUPS, group = key % GROUPS;
        put_key(set->plan, value, group, key_words + (size_t)n++ * set->plan->nwords);
        expected[value * GROUPS + (ids != NULL ? ids[group] : group)] = true;
        if (n == TQP_KEY_BATCH || i + 1 == rows || rng() % 4096 == 0) {
            CHECK_INT(tqp_key_set_add(set, key_words, n, NULL), TQP_OK);
            n = 0;
        }
    }
}

/* Every key is in one part, once, and all are there. */
static void check_keys(const TqpKeySet *sets, bool *expected, uint32_t keys) {
    uint32_t missing = 0, strange = 0;
    TqpKeyTable table;
    tqp_key_table_init(&table, sets[0].plan, sets[0].broker);
    for (uint32_t p = 0; p < TQP_SET_PARTS; p++) {
        CHECK_INT(tqp_key_table_clear(&table), TQP_OK);
        for (int s = 0; s < 2; s++)
            CHECK_INT(tqp_key_set_unite(&sets[s], p, p + 1, &table, NULL), TQP_OK);
        for (uint32_t i = 0; i < table.nkeys; i++) {
            const uint64_t *key_words = tqp_key_at(&table, i);
            uint32_t key = get_value(sets[0].plan, key_words) * GROUPS +
                           tqp_key_group(sets[0].plan, key_words);
            strange += key >= keys || !expected[key];
            expected[key] = false;
        }
    }
    for (uint32_t key = 0; key < keys; key++)
        missing += expected[key];
    CHECK_INT(strange, 0);
    CHECK_INT(missing, 0);
    tqp_key_table_free(&table);
}

static void check_set(TqpTypeKind type, TqpLane lane, uint32_t rows, uint32_t keys, bool renumber) {
    static const uint32_t ids[2][GROUPS] = {{2, 0, 1}, {1, 2, 0}};
    TqpArena arena = {0};
    TqpBroker broker;
    TqpKeyPlan plan;
    TqpKeySet sets[2];
    uint64_t hashes[TQP_KEY_BATCH];
    uint32_t numbers[TQP_KEY_BATCH];
    TqpSlot slot = {.valid = TQP_NO_REG, .type = {type, 0, 0}, .lane = lane};
    bool *expected = calloc(keys + GROUPS, sizeof(bool));
    tqp_broker_init(&broker, 0);
    CHECK_INT(tqp_key_plan(&plan, &arena, 1, &slot, true), TQP_OK);
    for (int s = 0; s < 2; s++) {
        tqp_key_set_init(&sets[s], &plan, &broker, hashes, numbers);
        add_keys(&sets[s], rows / (uint32_t)(s + 1), keys, renumber ? ids[s] : NULL, expected);
    }
    for (int s = 0; s < 2; s++)
        CHECK_INT(tqp_key_set_close(&sets[s], renumber ? ids[s] : NULL, NULL), TQP_OK);
    check_keys(sets, expected, keys / GROUPS * GROUPS);
    for (int s = 0; s < 2; s++)
        tqp_key_set_free(&sets[s]);
    CHECK_INT(broker.used, 0);
    free(expected);
    tqp_arena_free(&arena);
}

/* In the table; in a larger one; past it; past it and looked through for duplicates. */
static void check_sets(void) {
    static const struct {
        uint32_t rows, keys;
    } sizes[] = {{3, 3}, {60000, 900}, {200000, 30000}, {150000, 900000}, {1500000, 498000}};
    names = calloc(300000, sizeof(*names));
    for (uint32_t i = 0; i < 300000; i++)
        snprintf(names[i], sizeof(names[i]), "%u", i);
    for (int k = 0; k < 5; k++) {
        check_set(TQP_TYPE_TEXT, TQP_LANE_VIEW, sizes[k].rows, sizes[k].keys, k % 2 == 0);
        if (k < 4)
            check_set(TQP_TYPE_I64, TQP_LANE_I64, sizes[k].rows, sizes[k].keys, true);
        if (k < 4)
            check_set(TQP_TYPE_I32, TQP_LANE_U32, sizes[k].rows, sizes[k].keys, k % 2 != 0);
    }
    free(names);
}

/* ---- whole aggregations ---- */

#define ROWS  160000u
#define GROUP 40000u /* rows of a row group */

#define SCAN "(scan 0 \"t\" (\"g\" i32) (\"v\" i64) (\"d\" f64))"

typedef struct Table {
    uint32_t g[ROWS];
    int64_t v[ROWS];
    double d[ROWS];
    TqpTensor tensors[ROWS / GROUP][3];
    TqpRowGroup groups[ROWS / GROUP];
    TqpRelColumn columns[3];
    TqpRelation rel;
} Table;

/* v leaves gaps, so that its range is too large for a bitmap. */
static void table_make(Table *t, uint32_t keys, uint32_t values) {
    static const TqpTypeKind kinds[3] = {TQP_TYPE_I32, TQP_TYPE_I64, TQP_TYPE_F64};
    memset(t, 0, sizeof(*t));
    for (uint32_t i = 0; i < ROWS; i++) {
        t->g[i] = (uint32_t)(rng() % keys);
        t->v[i] = (int64_t)(rng() % values) * INT64_C(10000019) - 5;
        t->d[i] = (double)(rng() % values) / 7 - 1000;
    }
    t->rel = (TqpRelation){
        .ncolumns = 3, .columns = t->columns, .ngroups = ROWS / GROUP, .groups = t->groups};
    for (int c = 0; c < 3; c++)
        t->columns[c].type.kind = kinds[c];
    for (uint32_t k = 0; k < ROWS / GROUP; k++) {
        TqpTensor *tensors = t->tensors[k];
        tensors[0] = (TqpTensor){.lane = TQP_LANE_U32,
                                 .encoding = TQP_ENC_FOR,
                                 .nrows = GROUP,
                                 .has_range = true,
                                 .max = keys - 1,
                                 .data = t->g + k * GROUP};
        tensors[1] = (TqpTensor){.lane = TQP_LANE_I64,
                                 .encoding = TQP_ENC_FOR,
                                 .nrows = GROUP,
                                 .has_range = true,
                                 .min = INT64_MIN / 4,
                                 .max = INT64_MAX / 4,
                                 .data = t->v + k * GROUP};
        tensors[2] = (TqpTensor){.lane = TQP_LANE_F64,
                                 .encoding = TQP_ENC_PLAIN,
                                 .nrows = GROUP,
                                 .data = t->d + k * GROUP};
        t->groups[k] = (TqpRowGroup){.nrows = GROUP, .live_rows = GROUP, .tensors = tensors};
    }
}

static TqpStatus run(const char *text, const Table *t, int threads, uint64_t dense_max,
                     int64_t limit, Lines *lines) {
    const TqpQuery how = {.backend = tqp_backend_cpu(TQP_ISA_SCALAR), .nthreads = threads};
    return run_text(text, &t->rel, &how, dense_max, limit, lines_of_result, lines);
}

static const Table *sorted;

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (sorted->g[x] != sorted->g[y])
        return sorted->g[x] < sorted->g[y] ? -1 : 1;
    return (sorted->v[x] > sorted->v[y]) - (sorted->v[x] < sorted->v[y]);
}

/* count(DISTINCT v) and sum(DISTINCT v) by g, or of all rows by means of g = 0. */
static void expect(const Table *t, bool grouped, Lines *lines) {
    uint32_t *order = malloc(ROWS * sizeof(uint32_t));
    for (uint32_t i = 0; i < ROWS; i++)
        order[i] = i;
    sorted = t;
    qsort(order, ROWS, sizeof(uint32_t), by_value);
    for (uint32_t begin = 0, end; begin < ROWS; begin = end) {
        long long count = 0, sum = 0;
        for (end = begin; end < ROWS && t->g[order[end]] == t->g[order[begin]]; end++)
            if (end == begin || t->v[order[end]] != t->v[order[end - 1]]) {
                count++;
                sum += t->v[order[end]];
            }
        if (grouped)
            lines_add(lines, "%u|%lld|%lld", t->g[order[begin]], count, sum);
        else
            lines_add(lines, "%lld|%lld", count, sum);
    }
    lines_sort(lines);
    free(order);
}

static void check_same(const char *what, const Lines *got, const Lines *expected) {
    CHECK(lines_equal(got, expected));
    if (!lines_equal(got, expected))
        fprintf(stderr, "  %s\n", what);
}

#define VALUES "((count distinct (col 1 i64)) (sum distinct (col 1 i64)))"
#define COUNTS "((count distinct (col 1 i64)) (count_star) (count distinct (col 2 f64)))"
#define FLOATS                                                                                     \
    "((sum distinct (col 2 f64)) (count distinct (col 2 f64)) (count distinct (col 1 i64)))"

/* As the oracle has it, and the same bits with every number of threads and kind of grouping. */
static void check_table(const Table *t, bool grouped) {
    static const int threads[] = {1, 2, 7};
    static const char *const aggs[] = {VALUES, COUNTS, FLOATS};
    for (int k = 0; k < 3; k++) {
        Lines expected = {0};
        char text[512];
        snprintf(text, sizeof(text), "(aggregate (%s) %s " SCAN ")", grouped ? "(col 0 i32)" : "",
                 aggs[k]);
        if (k == 0)
            expect(t, grouped, &expected);
        else
            CHECK_INT(run(text, t, 1, 0, 0, &expected), TQP_OK);
        for (int n = 0; n < 3; n++)
            for (uint64_t dense_max = 0; dense_max <= (grouped && k < 2); dense_max++) {
                Lines got = {0};
                CHECK_INT(run(text, t, threads[n], dense_max, 0, &got), TQP_OK);
                check_same(text, &got, &expected);
                lines_free(&got);
            }
        lines_free(&expected);
    }
}

/* Floats by hash: a state's numbers are its own, the sums are not. */
static void check_hash_floats(const Table *t) {
    const char *text = "(aggregate ((col 0 i32)) " FLOATS " " SCAN ")";
    Lines expected = {0};
    CHECK_INT(run(text, t, 1, 1, 0, &expected), TQP_OK);
    for (int threads = 2; threads <= 3; threads++) {
        Lines got = {0};
        CHECK_INT(run(text, t, threads, 1, 0, &got), TQP_OK);
        check_same("floats by hash", &got, &expected);
        lines_free(&got);
    }
    lines_free(&expected);
}

/* Whatever the limit, an answer that is right or none, and nothing is left behind. */
static void check_limits(const Table *t) {
    const char *text = "(aggregate ((col 0 i32)) " COUNTS " " SCAN ")";
    Lines expected = {0};
    uint32_t refused = 0;
    CHECK_INT(run(text, t, 1, 1, 0, &expected), TQP_OK);
    for (int64_t limit = 200000; limit < INT64_C(100) << 20; limit = limit * 3 / 2) {
        Lines got = {0};
        TqpStatus status = run(text, t, 3, 1, limit, &got);
        CHECK(status == TQP_OK || status == TQP_MEMORY_LIMIT);
        refused += status != TQP_OK;
        if (status == TQP_OK)
            check_same("limit", &got, &expected);
        lines_free(&got);
    }
    CHECK(refused > 3);
    lines_free(&expected);
}

int main(void) {
    static Table t;
    check_sets();
    table_make(&t, 1, 700); /* one group, few values; then many */
    check_table(&t, false);
    table_make(&t, 1, 1000000);
    check_table(&t, false);
    table_make(&t, 5, 100000); /* few groups */
    check_table(&t, true);
    table_make(&t, 3000, 90000);
    check_table(&t, true);
    check_hash_floats(&t);
    table_make(&t, 100000, 4); /* so many that they are merged by parts */
    check_table(&t, true);
    check_hash_floats(&t);
    check_limits(&t);
    return check_report("exec_distinct");
}
