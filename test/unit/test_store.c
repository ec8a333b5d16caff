/*
 * Unit tests of src/store with files: every type and encoding through a build and back, generations
 * over a base, groups added by threads, publishing under readers.  Damage is test_store_damage.c.
 */
#include "unit/test_store.h"

#include <math.h>
#include <pthread.h>
#include <sys/stat.h>

enum {
    COL_U8,
    COL_BIG,
    COL_WIDE,
    COL_CONST,
    COL_NULLS,
    COL_BOOL,
    COL_F32,
    COL_F64,
    COL_LOW,
    COL_HIGH,
    COL_CHAR,
    NCOLS
};

static const TqpStoreColumn columns[NCOLS] = {
    {1, 101, {TQP_TYPE_I32, 0, 0}},     {2, 102, {TQP_TYPE_I64, 0, 0}},
    {3, 103, {TQP_TYPE_NUM, 10, 0}},    {4, 104, {TQP_TYPE_DATE, 0, 0}},
    {5, 105, {TQP_TYPE_TS, 0, 0}},      {6, 106, {TQP_TYPE_BOOL, 0, 0}},
    {7, 107, {TQP_TYPE_F32, 0, 0}},     {8, 108, {TQP_TYPE_F64, 0, 0}},
    {9, 109, {TQP_TYPE_TEXT, 0, 0}},    {10, 110, {TQP_TYPE_TEXT, 0, 9}},
    {11, 111, {TQP_TYPE_BPCHAR, 0, 0}},
};

/* ---- values that follow from (column, row of the table), so that any thread can make them ---- */

static bool value_null(int c, uint64_t row) {
    return c == COL_NULLS || (c != COL_U8 && c != COL_LOW && (row + (uint64_t)c) % 11 == 0);
}

static TqpInt128 value_int(int c, uint64_t row) {
    switch (c) {
    case COL_U8:
        return (TqpInt128)(row % 200) - 100;
    case COL_BIG:
        return row % 3 == 0 ? INT64_MIN : row % 3 == 1 ? INT64_MAX : (TqpInt128)row;
    case COL_WIDE:
        return (row % 2 ? TQP_INT128_MAX : TQP_INT128_MIN) / (TqpInt128)(row + 1);
    default:
        return -77;
    }
}

static double value_float(uint64_t row) {
    static const double special[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 0.5};
    return row % 10 < 6 ? special[row % 10] : (double)(row * 3) / 4;
}

static uint32_t value_text(int c, uint64_t row, char buf[64]) {
    if (row % 13 == 5)
        return 0;
    if (c == COL_HIGH)
        return (uint32_t)snprintf(buf, 64, "a long and different string %llu",
                                  (unsigned long long)row);
    return (uint32_t)snprintf(buf, 64, "%s %llu", c == COL_CHAR ? "PRIORITY" : "v",
                              (unsigned long long)(row % 40));
}

static void stage_value(TqpStage *s, int c, uint64_t row) {
    char buf[64];
    if (value_null(c, row))
        tqp_stage_null(s);
    else if (c == COL_BOOL)
        tqp_stage_bool(s, row % 5 == 0);
    else if (c == COL_F32 || c == COL_F64)
        tqp_stage_float(s, c == COL_F32 ? (float)value_float(row) : value_float(row));
    else if (c >= COL_LOW)
        tqp_stage_text(s, buf, value_text(c, row, buf));
    else
        tqp_stage_int128(s, value_int(c, row));
}

static bool same_value(const TqpTensor *t, int c, uint32_t at, uint64_t row) {
    char buf[64];
    if (tensor_null(t, at) != value_null(c, row))
        return false;
    if (value_null(c, row))
        return true;
    if (c == COL_BOOL)
        return tqp_bitmap_get(t->data, at) == (row % 5 == 0);
    if (c == COL_F32) {
        float want = (float)value_float(row);
        return memcmp((const float *)t->data + at, &want, sizeof want) == 0;
    }
    if (c == COL_F64) {
        double want = value_float(row);
        return memcmp((const double *)t->data + at, &want, sizeof want) == 0;
    }
    if (c >= COL_LOW)
        return view_is(tensor_view(t, at), buf, value_text(c, row, buf));
    return tensor_int(t, at) == value_int(c, row);
}

static void make_stages(TqpStage *stages[NCOLS]) {
    for (int c = 0; c < NCOLS; c++)
        stages[c] = tqp_stage_create(columns[c].type, NULL);
}

static void free_stages(TqpStage *stages[NCOLS]) {
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_destroy(stages[c]);
}

static TqpStatus add_group(TqpStoreWriter *w, uint32_t first_block, uint64_t first_row,
                           uint32_t nrows, TqpStage *stages[NCOLS]) {
    TqpStoreGroup meta = make_group(first_block, nrows, 1000 + first_block);
    for (int c = 0; c < NCOLS; c++) {
        tqp_stage_reset(stages[c]);
        for (uint32_t i = 0; i < nrows; i++)
            stage_value(stages[c], c, first_row + i);
    }
    TqpStatus status = tqp_store_writer_add(w, &meta, -1, stages, NULL);
    free_group(&meta);
    return status;
}

static bool same_column(TqpGeneration *gen, uint32_t g, int c, uint64_t first_row) {
    TqpTensor t;
    TqpError err;
    if (tqp_store_tensor(gen, g, (uint32_t)c, &t, &err) != TQP_OK) {
        fprintf(stderr, "group %u column %d: %s\n", g, c, err.message);
        return false;
    }
    bool same = t.nrows == gen->groups[g].nrows;
    for (uint32_t i = 0; i < t.nrows; i++)
        same &= same_value(&t, c, i, first_row + i);
    return same;
}

static const TqpStorePublish publish = {.timeline = 3, .max_lsn = 77};

/* ---- tests ---- */

static void check_encodings(TqpGeneration *gen, uint32_t g) {
    static const TqpEncoding want[NCOLS] = {
        TQP_ENC_FOR,   TQP_ENC_FOR,   TQP_ENC_FOR,  TQP_ENC_CONST, TQP_ENC_CONST, TQP_ENC_PLAIN,
        TQP_ENC_PLAIN, TQP_ENC_PLAIN, TQP_ENC_DICT, TQP_ENC_BYTES, TQP_ENC_DICT};
    static const TqpLane lanes[NCOLS] = {TQP_LANE_U8, TQP_LANE_I64,  TQP_LANE_I128, TQP_LANE_U8,
                                         TQP_LANE_U8, TQP_LANE_MASK, TQP_LANE_F32,  TQP_LANE_F64,
                                         TQP_LANE_U8, TQP_LANE_VIEW, TQP_LANE_U8};
    for (uint32_t c = 0; c < NCOLS; c++) {
        TqpTensor t;
        CHECK_INT(tqp_store_tensor(gen, g, c, &t, NULL), TQP_OK);
        CHECK_INT(t.encoding, want[c]);
        CHECK_INT(t.lane, lanes[c]);
        if (t.data != NULL && t.validity == NULL)
            CHECK_INT((uintptr_t)t.data % 4096, c * 1088 % 4096);
        CHECK((uintptr_t)t.data % 64 == 0 && (uintptr_t)t.offsets % 64 == 0);
    }
}

static void test_round_trip(void) {
    static const uint32_t sizes[] = {20000, 1, 0, 63, 5000};
    char *dir = test_dir();
    TqpStoreWriter *w;
    TqpGeneration *gen;
    TqpStage *stages[NCOLS];
    TqpBroker broker;
    tqp_broker_init(&broker, 0);
    make_stages(stages);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    CHECK(gen == NULL);
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, &broker, &w, NULL), TQP_OK);
    for (int g = 4; g >= 0; g--) /* any order */
        CHECK_INT(add_group(w, 1000 * (uint32_t)g, 100000 * (uint64_t)g, sizes[g], stages), TQP_OK);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    CHECK(gen == NULL); /* not before it is published */
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
    tqp_store_writer_destroy(w);
    CHECK_INT(atomic_load(&broker.used), 0);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    CHECK(gen != NULL && gen->ngroups == 5 && gen->ncolumns == NCOLS && gen->rows == 25064);
    CHECK(gen->timeline == 3 && gen->max_lsn == 77 && gen->id == 1);
    CHECK_INT(gen->bytes, tqp_store_dir_bytes(dir)); /* the lock is empty */
    for (uint32_t g = 0; g < 5; g++) {
        CHECK(gen->groups[g].first_block == 1000 * g && gen->groups[g].nrows == sizes[g]);
        CHECK(gen->groups[g].vm_lsn == 1000 + 1000 * g);
        CHECK_INT(gen->groups[g].page_lsn[gen->groups[g].nblocks - 1],
                  1000 + 1000 * g + gen->groups[g].nblocks - 1);
        for (int c = 0; c < NCOLS; c++) {
            CHECK(tqp_store_has_chunk(gen, g, (uint32_t)c));
            CHECK(same_column(gen, g, c, 100000 * (uint64_t)g));
        }
    }
    check_encodings(gen, 0);
    CHECK_INT(tqp_store_find_column(gen, 4, 104), 3);
    CHECK_INT(tqp_store_find_column(gen, 4, 105), -1);
    CHECK(tqp_store_is_current(gen));
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    CHECK_INT(access(dir, F_OK), -1);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free_stages(stages);
    free(dir);
}

/* Build groups of 2000 rows: group g of `first` rows holds rows from values[g] on; -1 = of the
 * base. */
static TqpGeneration *rebuild(const char *dir, TqpGeneration *base, const int64_t *first_row,
                              uint32_t ngroups) {
    TqpStoreWriter *w;
    TqpGeneration *gen = NULL;
    TqpStage *stages[NCOLS], *none[NCOLS] = {0};
    make_stages(stages);
    CHECK_INT(tqp_store_writer_create(dir, base, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    for (uint32_t g = 0; g < ngroups; g++) {
        if (first_row[g] >= 0)
            CHECK_INT(add_group(w, 100 * g, (uint64_t)first_row[g], 2000, stages), TQP_OK);
        else
            CHECK_INT(tqp_store_writer_add(w, &base->groups[g], (int32_t)g, none, NULL), TQP_OK);
    }
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    free_stages(stages);
    return gen;
}

static bool same_groups(TqpGeneration *gen, const uint64_t *first_row, uint32_t ngroups) {
    bool same = gen->ngroups == ngroups;
    for (uint32_t g = 0; same && g < ngroups; g++)
        for (int c = 0; c < NCOLS; c++)
            same &= same_column(gen, g, c, first_row[g]);
    return same;
}

static void test_generations(void) {
    char *dir = test_dir();
    const TqpDict *before, *after;
    TqpGeneration *one = rebuild(dir, NULL, (int64_t[]){0, 5000, 9000, 12000}, 4);
    CHECK(same_groups(one, (uint64_t[]){0, 5000, 9000, 12000}, 4));
    TqpGeneration *two = rebuild(dir, one, (int64_t[]){-1, 7000, -1, -1, 30000}, 5);
    CHECK(!tqp_store_is_current(one) && tqp_store_is_current(two));
    CHECK(two->id > one->id);
    CHECK(same_groups(two, (uint64_t[]){0, 7000, 9000, 12000, 30000}, 5));
    CHECK(same_groups(one, (uint64_t[]){0, 5000, 9000, 12000}, 4)); /* still mapped */
    CHECK_INT(tqp_store_dict(one, COL_LOW, &before, NULL), TQP_OK);
    CHECK_INT(tqp_store_dict(two, COL_LOW, &after, NULL), TQP_OK);
    CHECK_INT(before->count, after->count);
    /* All but one group gone: what is left of the first segment is copied, its file goes. */
    TqpGeneration *three = rebuild(dir, two, (int64_t[]){-1, 1, 2, 3}, 4);
    CHECK(same_groups(three, (uint64_t[]){0, 1, 2, 3}, 4));
    TqpGeneration *four = rebuild(dir, three, (int64_t[]){-1, -1, -1, 4}, 4);
    CHECK(same_groups(four, (uint64_t[]){0, 1, 2, 4}, 4));
    CHECK_INT(four->bytes, tqp_store_dir_bytes(dir));
    TqpGeneration *five = rebuild(dir, NULL, (int64_t[]){8}, 1); /* from nothing, over the old */
    CHECK(same_groups(five, (uint64_t[]){8}, 1) && five->id > four->id);
    CHECK_INT(five->bytes, tqp_store_dir_bytes(dir));
    tqp_store_close(one);
    tqp_store_close(two);
    tqp_store_close(three);
    tqp_store_close(four);
    tqp_store_close(five);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* The number of files and their dead bytes stay bounded over many small refreshes. */
static void test_many_generations(void) {
    char *dir = test_dir();
    int64_t rows[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    uint64_t now[8] = {0, 1, 2, 3, 4, 5, 6, 7}, first_bytes;
    TqpGeneration *gen = rebuild(dir, NULL, rows, 8);
    first_bytes = gen->bytes;
    for (uint32_t i = 0; i < 20; i++) {
        for (int g = 0; g < 8; g++)
            rows[g] = -1;
        rows[i * 5 % 8] = 500 + i;
        now[i * 5 % 8] = 500 + i;
        TqpGeneration *next = rebuild(dir, gen, rows, 8);
        tqp_store_close(gen);
        gen = next;
        CHECK(gen->bytes < 3 * first_bytes);
    }
    CHECK(same_groups(gen, now, 8));
    CHECK_INT(gen->bytes, tqp_store_dir_bytes(dir));
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* A dictionary grows over generations: codes stay, lanes follow its size, ranks are made anew. */
static void test_dictionary_growth(void) {
    char *dir = test_dir(), word[16];
    TqpStoreColumn column = {1, 1, {TQP_TYPE_TEXT, 0, 0}};
    TqpGeneration *gen = NULL;
    TqpStage *s = tqp_stage_create(column.type, NULL);
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t distinct = round == 0 ? 200 : round == 1 ? 300 : 70000;
        uint32_t nrows = distinct * 5;
        TqpStoreWriter *w;
        TqpStage *none = NULL;
        TqpStoreGroup meta = make_group(10000 * round, nrows, 1);
        CHECK_INT(tqp_store_writer_create(dir, gen, 1, &column, NULL, &w, NULL), TQP_OK);
        for (uint32_t g = 0; g < round; g++)
            CHECK_INT(tqp_store_writer_add(w, &gen->groups[g], (int32_t)g, &none, NULL), TQP_OK);
        tqp_stage_reset(s);
        for (uint32_t i = 0; i < nrows; i++)
            tqp_stage_text(s, word, (uint32_t)snprintf(word, sizeof word, "%u", i % distinct));
        CHECK_INT(tqp_store_writer_add(w, &meta, -1, &s, NULL), TQP_OK);
        free_group(&meta);
        CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
        tqp_store_writer_destroy(w);
        tqp_store_close(gen);
        CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
        for (uint32_t g = 0; g <= round; g++) {
            TqpTensor t;
            uint32_t n = g == 0 ? 200 : g == 1 ? 300 : 70000;
            CHECK_INT(tqp_store_tensor(gen, g, 0, &t, NULL), TQP_OK);
            CHECK(t.encoding == TQP_ENC_DICT && t.dict->count == distinct);
            CHECK_INT(t.lane, g == 0 ? TQP_LANE_U8 : g == 1 ? TQP_LANE_U16 : TQP_LANE_U32);
            bool same = true;
            for (uint32_t i = 0; i < t.nrows; i++)
                same &= view_is(tensor_view(&t, i), word,
                                (size_t)snprintf(word, sizeof word, "%u", i % n));
            CHECK(same);
        }
    }
    tqp_stage_destroy(s);
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* A column added to and one left out of a generation; one that is not loaded everywhere. */
static void test_columns(void) {
    char *dir = test_dir();
    static const TqpStoreColumn three[3] = {
        {2, 7, {TQP_TYPE_I64, 0, 0}}, {1, 7, {TQP_TYPE_I64, 0, 0}}, {3, 7, {TQP_TYPE_NUM, 0, 0}}};
    TqpStoreWriter *w;
    TqpGeneration *gen, *next;
    TqpTensor t;
    TqpError err;
    TqpStage *s = tqp_stage_create(three[0].type, NULL);
    TqpStage *stages[3] = {s, NULL, NULL};
    TqpStoreGroup meta = make_group(0, 3, 1);
    for (int i = 0; i < 3; i++)
        tqp_stage_int(s, i + 10);
    CHECK_INT(tqp_store_writer_create(dir, NULL, 2, three, NULL, &w, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_add(w, &meta, -1, stages, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    CHECK(tqp_store_has_chunk(gen, 0, 0) && !tqp_store_has_chunk(gen, 0, 1));
    CHECK_INT(tqp_store_tensor(gen, 0, 1, &t, NULL), TQP_INVALID);
    /* Now an unsupported one comes, the first is taken over, the second stays away. */
    TqpStage *nan = tqp_stage_create(three[2].type, NULL);
    for (int i = 0; i < 3; i++)
        tqp_stage_unsupported(nan, "numeric NaN");
    stages[0] = NULL;
    stages[2] = nan;
    CHECK_INT(tqp_store_writer_create(dir, gen, 3, three, NULL, &w, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_add(w, &meta, 0, stages, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_open(dir, &next, NULL), TQP_OK);
    CHECK_INT(tqp_store_tensor(next, 0, 0, &t, NULL), TQP_OK);
    CHECK(tensor_int(&t, 2) == 12);
    CHECK_INT(tqp_store_tensor(next, 0, 1, &t, NULL), TQP_INVALID);
    CHECK(tqp_store_has_chunk(next, 0, 2));
    CHECK_INT(tqp_store_tensor(next, 0, 2, &t, &err), TQP_UNSUPPORTED);
    CHECK_STR(err.message, "numeric NaN");
    tqp_store_close(gen);
    tqp_store_close(next);
    tqp_stage_destroy(s);
    tqp_stage_destroy(nan);
    free_group(&meta);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* ---- threads ---- */

typedef struct Loader {
    TqpStoreWriter *w;
    uint32_t first, step;
    TqpStatus status;
} Loader;

static void *load_groups(void *arg) {
    Loader *l = arg;
    TqpStage *stages[NCOLS];
    make_stages(stages);
    for (uint32_t g = l->first; g < 12 && l->status == TQP_OK; g += l->step)
        l->status = add_group(l->w, g * 100, g * 10000, 1500, stages);
    free_stages(stages);
    return NULL;
}

typedef struct Reader {
    TqpGeneration *gen;
    bool ok;
} Reader;

static void *read_groups(void *arg) {
    Reader *r = arg;
    r->ok = true;
    for (uint32_t g = 0; g < r->gen->ngroups; g++)
        for (int c = 0; c < NCOLS; c++)
            r->ok &= same_column(r->gen, g, c, g * 10000);
    return NULL;
}

static void test_threads(void) {
    char *dir = test_dir();
    TqpStoreWriter *w;
    TqpGeneration *gen;
    pthread_t threads[3];
    Loader loaders[3];
    Reader readers[3];
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    for (uint32_t i = 0; i < 3; i++) {
        loaders[i] = (Loader){w, i, 3, TQP_OK};
        CHECK_INT(pthread_create(&threads[i], NULL, load_groups, &loaders[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(loaders[i].status, TQP_OK);
    }
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    tqp_store_set_boot(gen, 42);
    for (int i = 0; i < 3; i++) {
        readers[i] = (Reader){gen, false};
        CHECK_INT(pthread_create(&threads[i], NULL, read_groups, &readers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK(readers[i].ok);
    }
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* A reader opens again and again while generations are published under it. */
static void *open_often(void *arg) {
    const char *dir = arg;
    for (int i = 0; i < 60; i++) {
        TqpGeneration *gen;
        TqpTensor t;
        TqpError err;
        TqpStatus status = tqp_store_open(dir, &gen, &err);
        for (uint32_t g = 0; status == TQP_OK && gen != NULL && g < gen->ngroups; g++)
            status = tqp_store_tensor(gen, g, COL_BIG, &t, &err);
        tqp_store_close(gen);
        if (status != TQP_OK) {
            fprintf(stderr, "reader: %s\n", err.message);
            return NULL;
        }
    }
    return arg;
}

static void test_publish_under_readers(void) {
    char *dir = test_dir();
    pthread_t thread;
    void *result;
    TqpGeneration *gen = rebuild(dir, NULL, (int64_t[]){0, 1}, 2);
    CHECK_INT(pthread_create(&thread, NULL, open_often, dir), 0);
    for (int i = 0; i < 8; i++) {
        TqpGeneration *next = rebuild(dir, gen, (int64_t[]){-1, i}, 2);
        tqp_store_close(gen);
        gen = next;
    }
    pthread_join(thread, &result);
    CHECK(result == dir);
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

int main(void) {
    test_round_trip();
    test_generations();
    test_many_generations();
    test_dictionary_growth();
    test_columns();
    test_threads();
    test_publish_under_readers();
    return check_report("store");
}
