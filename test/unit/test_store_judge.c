/*
 * Dictionary or plain: the judgement by itself, and builds whose first groups must wait for it.
 */
#include <pthread.h>

#include "store/intern.h"
#include "unit/test_store.h"

enum { GROUP = 30000, NGROUPS = 6 };

static const TqpStoreColumn column = {1, 1, {TQP_TYPE_TEXT, 0, 0}};
static const TqpStorePublish publish = {.timeline = 1};

/* ---- the judgement ---- */

static TqpVerdict judge(uint64_t seen, uint64_t strings, uint64_t known, uint64_t rows,
                        uint64_t expected, uint32_t postponed) {
    TqpEvidence e = {seen, strings, known, rows, expected, 1u << 20, postponed, false};
    return tqp_dict_judge(&e);
}

static void test_judge(void) {
    /* few strings, or each of them often enough */
    CHECK_INT(judge(0, 4096, 0, 4096, 4096, 0), TQP_DICT_YES);
    CHECK_INT(judge(0, 4097, 0, 4097, 4097, 0), TQP_DICT_LATER);
    CHECK_INT(judge(0, 30000, 0, 60000, 60000, 0), TQP_DICT_YES);
    CHECK_INT(judge(60000, 60000, 40000, 320000, 320000, 0), TQP_DICT_YES);
    CHECK_INT(judge(60000, 60000, 40000, 319999, 319999, 16), TQP_DICT_NO);
    /* 50,000 in random order: 36,500 of 65,536 rows, three quarters of which come again */
    CHECK_INT(judge(0, 36500, 0, 65536, 5000000, 0), TQP_DICT_LATER);
    CHECK_INT(judge(36500, 36500, 26645, 131072, 5000000, 1), TQP_DICT_YES);
    /* a million: too few come again at first; worth it for ten million rows, not for two */
    CHECK_INT(judge(63500, 63500, 4032, 131072, 10000000, 1), TQP_DICT_LATER);
    CHECK_INT(judge(63500, 63500, 4032, 131072, 2000000, 1), TQP_DICT_NO);
    CHECK_INT(judge(280000, 63500, 17780, 400000, 10000000, 5), TQP_DICT_YES);
    /* unique, or nearly so; where that cannot be said yet; where it has been asked too often */
    CHECK_INT(judge(65536, 65536, 0, 131072, 100000000, 1), TQP_DICT_NO);
    CHECK_INT(judge(65536, 65536, 60, 131072, 100000000, 1), TQP_DICT_NO);
    CHECK_INT(judge(10000, 10000, 0, 20000, 100000000, 1), TQP_DICT_LATER);
    CHECK_INT(judge(280000, 63500, 12000, 400000, 10000000, 15), TQP_DICT_LATER);
    CHECK_INT(judge(280000, 63500, 12000, 400000, 10000000, 16), TQP_DICT_NO);
    /* ordering a million strings by the host takes as long as loading 16 million */
    TqpEvidence slow = {500000, 50000, 40000, 3000000, 4000000, 1u << 20, 0, true};
    CHECK_INT(tqp_dict_judge(&slow), TQP_DICT_NO);
    slow.by_host = false;
    CHECK_INT(tqp_dict_judge(&slow), TQP_DICT_YES);
    /* more entries than a dictionary may have */
    CHECK_INT(judge(65536, 65536, 1000, 131072, 100000000, 1), TQP_DICT_NO);
}

/* ---- builds ---- */

/* Row's string: one of so many in random order, or the only one of its kind; every 97th is null. */
static uint32_t name(char text[32], uint64_t row, uint32_t strings) {
    uint64_t x = tqp_hash_u64(row + 1);
    return (uint32_t)snprintf(text, 32, "name %llu",
                              (unsigned long long)(strings > 0 ? x % strings : row));
}

static bool is_null(uint64_t row) {
    return row % 97 == 13;
}

static TqpStatus add_group(TqpStoreWriter *w, TqpStage *stage, uint32_t g, int32_t base_group,
                           uint32_t strings) {
    char text[32];
    TqpStoreGroup meta = make_group(g * 1000, GROUP, 7);
    tqp_stage_reset(stage);
    for (uint64_t row = (uint64_t)g * GROUP; row < (uint64_t)(g + 1) * GROUP; row++) {
        uint32_t len = name(text, row, strings);
        if (is_null(row))
            tqp_stage_null(stage);
        else
            tqp_stage_text(stage, text, len);
    }
    TqpStage *none = NULL;
    TqpStatus status =
        tqp_store_writer_add(w, &meta, base_group, base_group < 0 ? &stage : &none, NULL);
    free_group(&meta);
    return status;
}

/* Groups [taken, n) are new, those before are the base's. */
static TqpStatus build(const char *dir, TqpGeneration *base, uint32_t n, uint32_t strings,
                       const TqpHostPoll *poll) {
    TqpStoreWriter *w;
    TqpStage *stage = tqp_stage_create(column.type, NULL);
    TqpStatus status = tqp_store_writer_create(dir, base, 1, &column, NULL, &w, NULL);
    if (status == TQP_OK) {
        tqp_store_writer_set_poll(w, poll);
        tqp_store_writer_set_blocks(w, NGROUPS * GROUP / ROWS_PER_BLOCK);
    }
    uint32_t taken = base != NULL ? base->ngroups : 0;
    for (uint32_t g = 0; g < n && status == TQP_OK; g++)
        status = add_group(w, stage, g, g < taken ? (int32_t)g : -1, strings);
    TqpStorePublish p = publish;
    p.poll = poll;
    if (status == TQP_OK)
        status = tqp_store_writer_finish(w, &p, NULL);
    tqp_store_writer_destroy(w);
    tqp_stage_destroy(stage);
    return status;
}

/* How many groups have codes; every value is looked at. */
static uint32_t check_groups(const char *dir, uint32_t n, uint32_t strings, TqpGeneration **keep) {
    TqpGeneration *gen;
    TqpTensor t;
    char text[32];
    uint32_t coded = 0, wrong = 0;
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    CHECK_INT(gen->ngroups, n);
    for (uint32_t g = 0; g < n; g++) {
        CHECK_INT(tqp_store_tensor(gen, g, 0, &t, NULL), TQP_OK);
        coded += t.encoding == TQP_ENC_DICT;
        for (uint32_t i = 0; i < GROUP; i++) {
            uint64_t row = (uint64_t)g * GROUP + i;
            uint32_t len = name(text, row, strings);
            wrong += tensor_null(&t, i) != is_null(row) ||
                     (!is_null(row) && !view_is(tensor_view(&t, i), text, len));
        }
    }
    CHECK_INT(wrong, 0);
    if (keep != NULL)
        *keep = gen;
    else
        tqp_store_close(gen);
    return coded;
}

static void test_builds(void) {
    static const struct {
        uint32_t strings, coded;
    } cases[] = {{100, NGROUPS}, {20000, NGROUPS}, {40000, NGROUPS}, {0, 0}, {1000000, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char *dir = test_dir();
        CHECK_INT(build(dir, NULL, NGROUPS, cases[k].strings, NULL), TQP_OK);
        CHECK_INT(check_groups(dir, NGROUPS, cases[k].strings, NULL), cases[k].coded);
        CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
        free(dir);
    }
}

/* A table that was too small to say: its one group gets codes when more have come. */
static void test_growing(void) {
    for (uint32_t strings = 0; strings <= 20000; strings += 20000) {
        char *dir = test_dir();
        TqpGeneration *base;
        CHECK_INT(build(dir, NULL, 1, strings, NULL), TQP_OK);
        CHECK_INT(check_groups(dir, 1, strings, &base), 0);
        CHECK_INT(build(dir, base, NGROUPS, strings, NULL), TQP_OK);
        tqp_store_close(base);
        CHECK_INT(check_groups(dir, NGROUPS, strings, NULL), strings > 0 ? NGROUPS : 0);
        CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
        free(dir);
    }
}

/* A group of strings that never come again, then another one only: they repeat often enough. */
static void test_one_string(void) {
    char *dir = test_dir();
    TqpStoreWriter *w;
    TqpGeneration *gen;
    TqpTensor t;
    TqpStage *stage = tqp_stage_create(column.type, NULL);
    CHECK_INT(tqp_store_writer_create(dir, NULL, 1, &column, NULL, &w, NULL), TQP_OK);
    tqp_store_writer_set_blocks(w, NGROUPS * GROUP / ROWS_PER_BLOCK);
    CHECK_INT(add_group(w, stage, NGROUPS - 1, -1, 0), TQP_OK);
    for (uint32_t g = 0; g < NGROUPS - 1; g++)
        CHECK_INT(add_group(w, stage, g, -1, 1), TQP_OK);
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
    tqp_store_writer_destroy(w);
    tqp_stage_destroy(stage);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    for (uint32_t g = 0; g < NGROUPS; g++) {
        CHECK_INT(tqp_store_tensor(gen, g, 0, &t, NULL), TQP_OK);
        CHECK_INT(t.encoding, TQP_ENC_DICT);
    }
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

typedef struct Loader {
    TqpStoreWriter *w;
    uint32_t first, strings;
    TqpStatus status;
} Loader;

static void *load_groups(void *arg) {
    Loader *l = arg;
    TqpStage *stage = tqp_stage_create(column.type, NULL);
    for (uint32_t g = l->first; g < NGROUPS && l->status == TQP_OK; g += 3)
        l->status = add_group(l->w, stage, g, -1, l->strings);
    tqp_stage_destroy(stage);
    return NULL;
}

/* Whoever comes first: all codes or none. */
static void test_threads(void) {
    for (uint32_t strings = 0; strings <= 20000; strings += 20000) {
        char *dir = test_dir();
        TqpStoreWriter *w;
        pthread_t threads[3];
        Loader loaders[3];
        CHECK_INT(tqp_store_writer_create(dir, NULL, 1, &column, NULL, &w, NULL), TQP_OK);
        tqp_store_writer_set_blocks(w, NGROUPS * GROUP / ROWS_PER_BLOCK);
        for (uint32_t i = 0; i < 3; i++) {
            loaders[i] = (Loader){w, i, strings, TQP_OK};
            CHECK_INT(pthread_create(&threads[i], NULL, load_groups, &loaders[i]), 0);
        }
        for (int i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
            CHECK_INT(loaders[i].status, TQP_OK);
        }
        CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
        tqp_store_writer_destroy(w);
        CHECK_INT(check_groups(dir, NGROUPS, strings, NULL), strings > 0 ? NGROUPS : 0);
        CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
        free(dir);
    }
}

static bool count_down(void *host) {
    int *left = host;
    return (*left)-- <= 0;
}

/* At whatever poll a build is stopped, the generation before stays. */
static void test_cancelled(void) {
    char *dir = test_dir();
    TqpGeneration *base;
    CHECK_INT(build(dir, NULL, 1, 20000, NULL), TQP_OK);
    CHECK_INT(check_groups(dir, 1, 20000, &base), 0);
    int calls = 0;
    TqpStatus status = TQP_CANCELLED;
    for (; calls < 10000 && status != TQP_OK; calls += calls / 4 + 1) {
        int left = calls;
        TqpHostPoll poll = {count_down, &left};
        status = build(dir, base, 3, 20000, &poll);
        CHECK(status == TQP_OK || status == TQP_CANCELLED);
    }
    CHECK(calls > 100 && calls < 10000); /* ordering asks often */
    tqp_store_close(base);
    CHECK_INT(check_groups(dir, 3, 20000, NULL), 3);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

int main(void) {
    test_judge();
    test_builds();
    test_growing();
    test_one_string();
    test_threads();
    test_cancelled();
    return check_report("store_judge");
}
