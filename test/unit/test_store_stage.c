/* Unit tests of src/store without files: staging, the narrowest encoding, dictionaries, ranks. */
#include "unit/test_store.h"

#include <math.h>
#include <pthread.h>

#include "store/intern.h"

static const TqpType type_i64 = {TQP_TYPE_I64, 0, 0};
static const TqpType type_num = {TQP_TYPE_NUM, 2, 0};
static const TqpType type_text = {TQP_TYPE_TEXT, 0, 0};

/* Encode n values where valid (NULL: all are), compare them again, and return the tensor. */
static TqpTensor encode_ints(TqpArena *a, const TqpInt128 *v, const bool *valid, uint32_t n) {
    TqpStage *s = tqp_stage_create(type_num, NULL);
    TqpTensor t = {0};
    for (uint32_t i = 0; i < n; i++) {
        if (valid != NULL && !valid[i])
            tqp_stage_null(s);
        else
            tqp_stage_int128(s, v[i]);
    }
    CHECK_INT(tqp_stage_rows(s), n);
    CHECK_INT(tqp_stage_tensor(s, a, NULL, &t, NULL), TQP_OK);
    CHECK_INT(t.nrows, n);
    bool same = true;
    for (uint32_t i = 0; i < n; i++) {
        bool null = valid != NULL && !valid[i];
        same &= tensor_null(&t, i) == null;
        same &= null || tensor_int(&t, i) == v[i];
    }
    CHECK(same);
    tqp_stage_destroy(s);
    return t;
}

static void check_two(TqpInt128 a, TqpInt128 b, TqpLane lane, int64_t base) {
    TqpArena arena = {0};
    TqpInt128 v[2] = {a, b};
    TqpTensor t = encode_ints(&arena, v, NULL, 2);
    CHECK_INT(t.encoding, TQP_ENC_FOR);
    CHECK_INT(t.lane, lane);
    CHECK_INT(t.base, base);
    CHECK(t.has_range && t.min == (a < b ? a : b) && t.max == (a < b ? b : a));
    CHECK(t.validity == NULL);
    tqp_arena_free(&arena);
}

static void test_lanes(void) {
    check_two(0, 255, TQP_LANE_U8, 0);
    check_two(255, 1, TQP_LANE_U8, 0);
    check_two(0, 256, TQP_LANE_U16, 0);
    check_two(300, 310, TQP_LANE_U8, 256); /* 256 is a multiple of 64 */
    check_two(300, 512, TQP_LANE_U8, 300); /* no aligned base reaches 512 */
    check_two(-1, 0, TQP_LANE_U8, -64);
    check_two(-64, 191, TQP_LANE_U8, -64);
    check_two(-65, 190, TQP_LANE_U8, -65);
    check_two(0, 65535, TQP_LANE_U16, 0);
    check_two(0, 65536, TQP_LANE_U32, 0);
    check_two(70000, 71000, TQP_LANE_U16, 65536);
    check_two(-5, UINT32_MAX - 5LL, TQP_LANE_U32, -5);
    check_two(0, UINT32_MAX, TQP_LANE_U32, 0);
    check_two(0, UINT32_MAX + 1LL, TQP_LANE_I64, 0);
    check_two(INT64_MIN, INT64_MAX, TQP_LANE_I64, 0);
    check_two(INT64_MIN, INT64_MIN + 10, TQP_LANE_U8, INT64_MIN);
    check_two(INT64_MAX - 1, INT64_MAX, TQP_LANE_U8, INT64_MAX - 63);
    check_two(INT64_MAX, (TqpInt128)INT64_MAX + 1, TQP_LANE_I128, 0);
    check_two(TQP_INT128_MIN, TQP_INT128_MAX, TQP_LANE_I128, 0);
}

static void test_int_nulls(void) {
    TqpArena a = {0};
    TqpInt128 v[200];
    bool valid[200];
    for (int i = 0; i < 200; i++) {
        v[i] = 1000000 + i;
        valid[i] = i > 2 && i % 7 != 0; /* leading nulls must not count as zero */
    }
    TqpTensor t = encode_ints(&a, v, valid, 200);
    CHECK(t.lane == TQP_LANE_U8 && t.min == 1000003 && t.null_count == 31);
    CHECK_INT(tensor_code(&t, 0), 0);
    CHECK_INT(tensor_code(&t, 7), 0);
    v[100] = TQP_INT128_MAX; /* widening keeps what is there */
    valid[100] = true;
    t = encode_ints(&a, v, valid, 200);
    CHECK(t.lane == TQP_LANE_I128 && t.max == TQP_INT128_MAX && t.min == 1000003);
    CHECK(((const TqpInt128 *)t.data)[7] == 0);
    for (int i = 0; i < 200; i++)
        v[i] = -42;
    t = encode_ints(&a, v, valid, 200);
    CHECK(t.encoding == TQP_ENC_CONST && t.base == -42 && t.data == NULL && t.null_count == 31);
    for (int i = 0; i < 200; i++)
        valid[i] = false;
    t = encode_ints(&a, v, valid, 200);
    CHECK(t.encoding == TQP_ENC_CONST && !t.has_range && t.null_count == 200);
    CHECK_INT(tqp_bitmap_count(t.validity, 200), 0);
    t = encode_ints(&a, v, NULL, 1);
    CHECK(t.encoding == TQP_ENC_CONST && t.base == -42 && t.validity == NULL);
    t = encode_ints(&a, v, NULL, 0);
    CHECK_INT(t.nrows, 0);
    v[0] = TQP_INT128_MAX;
    t = encode_ints(&a, v, NULL, 1);
    CHECK(t.encoding == TQP_ENC_FOR && t.lane == TQP_LANE_I128);
    tqp_arena_free(&a);
}

static void test_floats_bools(void) {
    static const double v[] = {0.0,      -0.0,      1.5,    NAN,
                               INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308};
    TqpArena a = {0};
    TqpTensor t;
    TqpStage *f64 = tqp_stage_create((TqpType){TQP_TYPE_F64, 0, 0}, NULL);
    TqpStage *f32 = tqp_stage_create((TqpType){TQP_TYPE_F32, 0, 0}, NULL);
    TqpStage *b = tqp_stage_create((TqpType){TQP_TYPE_BOOL, 0, 0}, NULL);
    for (int i = 0; i < 8; i++) {
        tqp_stage_float(f64, v[i]);
        tqp_stage_float(f32, (float)v[i]);
    }
    tqp_stage_null(f64);
    CHECK_INT(tqp_stage_tensor(f64, &a, NULL, &t, NULL), TQP_OK);
    CHECK(t.encoding == TQP_ENC_PLAIN && t.lane == TQP_LANE_F64 && !t.has_range);
    CHECK(memcmp(t.data, v, sizeof v) == 0);
    CHECK(tensor_null(&t, 8) && !tensor_null(&t, 7) && ((const double *)t.data)[8] == 0);
    CHECK_INT(tqp_stage_tensor(f32, &a, NULL, &t, NULL), TQP_OK);
    CHECK(t.lane == TQP_LANE_F32 && t.validity == NULL);
    for (int i = 0; i < 8; i++) {
        float want = (float)v[i];
        CHECK(memcmp((const float *)t.data + i, &want, sizeof want) == 0);
    }
    for (int i = 0; i < 130; i++) {
        if (i == 64)
            tqp_stage_null(b);
        else
            tqp_stage_bool(b, i % 3 == 0);
    }
    CHECK_INT(tqp_stage_tensor(b, &a, NULL, &t, NULL), TQP_OK);
    CHECK(t.lane == TQP_LANE_MASK && tensor_null(&t, 64));
    for (uint32_t i = 0; i < 130; i++)
        CHECK(tqp_bitmap_get(t.data, i) == (i % 3 == 0 && i != 64));
    CHECK_INT(((const uint64_t *)t.data)[2] >> 2, 0); /* bits past the end */
    CHECK_INT(t.validity[2] >> 2, 0);
    tqp_stage_destroy(f64);
    tqp_stage_destroy(f32);
    tqp_stage_destroy(b);
    tqp_arena_free(&a);
}

static void test_status(void) {
    TqpBroker broker;
    TqpArena a = {0};
    TqpTensor t;
    TqpError err;
    const char *reason;
    TqpStage *s = tqp_stage_create(type_num, NULL);
    tqp_stage_int(s, 1);
    tqp_stage_unsupported(s, "numeric NaN");
    tqp_stage_unsupported(s, "another");
    tqp_stage_int(s, 2);
    tqp_stage_null(s);
    CHECK_INT(tqp_stage_rows(s), 5);
    CHECK_INT(tqp_stage_status(s, &reason), TQP_UNSUPPORTED);
    CHECK_STR(reason, "numeric NaN");
    CHECK_INT(tqp_stage_tensor(s, &a, NULL, &t, &err), TQP_UNSUPPORTED);
    CHECK_STR(err.message, "numeric NaN");
    tqp_stage_reset(s);
    CHECK_INT(tqp_stage_status(s, NULL), TQP_OK);
    tqp_stage_int(s, 7);
    CHECK_INT(tqp_stage_tensor(s, &a, NULL, &t, &err), TQP_OK);
    CHECK(t.nrows == 1 && t.base == 7);
    tqp_stage_destroy(s);
    tqp_broker_init(&broker, 64 << 10);
    s = tqp_stage_create(type_i64, &broker);
    for (int i = 0; i < 100000; i++)
        tqp_stage_int(s, i);
    CHECK_INT(tqp_stage_status(s, NULL), TQP_MEMORY_LIMIT);
    CHECK_INT(tqp_stage_rows(s), 100000);
    tqp_stage_destroy(s);
    s = tqp_stage_create(type_text, &broker);
    char *huge = calloc(1, 128 << 10);
    tqp_stage_text(s, huge, 128 << 10);
    CHECK_INT(tqp_stage_status(s, NULL), TQP_MEMORY_LIMIT);
    tqp_stage_destroy(s);
    CHECK_INT(atomic_load(&broker.used), 0);
    free(huge);
    tqp_arena_free(&a);
}

/* ---- text ---- */

static void test_text(void) {
    TqpArena a = {0};
    TqpTensor t, d;
    TqpDict dict;
    TqpStage *s = tqp_stage_create(type_text, NULL);
    TqpInterner *in = tqp_interner_create(NULL, 1000, 1 << 20, NULL);
    char word[16];
    for (int i = 0; i < 1000; i++) {
        if (i % 10 == 3)
            tqp_stage_null(s);
        else if (i % 10 == 4)
            tqp_stage_text(s, "", 0);
        else
            tqp_stage_text(s, word, (uint32_t)snprintf(word, sizeof word, "word %d", i % 300));
    }
    CHECK_INT(tqp_stage_tensor(s, &a, NULL, &t, NULL), TQP_OK);
    CHECK_INT(t.encoding, TQP_ENC_BYTES);
    CHECK_INT(tqp_stage_tensor(s, &a, in, &d, NULL), TQP_OK);
    CHECK_INT(d.encoding, TQP_ENC_DICT);
    CHECK_INT(d.lane, TQP_LANE_U8); /* 240 words and "" */
    CHECK(d.dict == NULL && d.null_count == 100 && t.null_count == 100);
    CHECK_INT(tqp_interner_dict(in, &a, 0, NULL, NULL, &dict, NULL), TQP_OK);
    CHECK(dict.ranked && dict.count == tqp_interner_count(in) && dict.count == 241);
    d.dict = &dict;
    bool same = true;
    for (uint32_t i = 0; i < 1000; i++) {
        int len = snprintf(word, sizeof word, "word %d", (int)i % 300);
        if (i % 10 == 3 || i % 10 == 4)
            len = 0;
        same &= view_is(tensor_view(&t, i), word, (size_t)len);
        same &= tensor_null(&t, i) == (i % 10 == 3) && tensor_null(&d, i) == (i % 10 == 3);
        same &= tensor_null(&d, i) ? tensor_code(&d, i) == 0
                                   : view_is(tensor_view(&d, i), word, (size_t)len);
    }
    CHECK(same);
    for (uint32_t r = 1; r < dict.count; r++) {
        TqpView x = tqp_dict_view(&dict, dict.by_rank[r - 1]);
        TqpView y = tqp_dict_view(&dict, dict.by_rank[r]);
        int c = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
        CHECK(c < 0 || (c == 0 && x.len < y.len));
        CHECK_INT(dict.rank[dict.by_rank[r]], r);
    }
    tqp_interner_destroy(in);
    tqp_stage_destroy(s);
    tqp_arena_free(&a);
}

static void test_text_nulls(void) {
    TqpArena a = {0};
    TqpTensor t;
    TqpDict dict;
    TqpStage *s = tqp_stage_create(type_text, NULL);
    TqpInterner *in = tqp_interner_create(NULL, 1000, 1 << 20, NULL);
    for (int i = 0; i < 70; i++)
        tqp_stage_null(s);
    CHECK_INT(tqp_stage_tensor(s, &a, in, &t, NULL), TQP_OK);
    CHECK(t.encoding == TQP_ENC_DICT && t.null_count == 70);
    CHECK_INT(tqp_interner_dict(in, &a, 0, NULL, NULL, &dict, NULL), TQP_OK);
    CHECK_INT(dict.count, 1); /* the code of null slots names something */
    CHECK(dict.rank == NULL && dict.ranked);
    CHECK_INT(tqp_stage_tensor(s, &a, NULL, &t, NULL), TQP_OK);
    CHECK(t.encoding == TQP_ENC_BYTES && t.offsets[70] == 0);
    tqp_interner_destroy(in);
    tqp_stage_destroy(s);
    tqp_arena_free(&a);
}

/* What an interner has no room for stays plain; what it has room for may be huge. */
static void test_huge_text(void) {
    enum { HUGE_BYTES = 5 << 20 };
    TqpArena a = {0};
    TqpTensor t;
    TqpDict dict;
    char *huge = malloc(HUGE_BYTES);
    TqpStage *s = tqp_stage_create(type_text, NULL);
    memset(huge, 'h', HUGE_BYTES);
    tqp_stage_text(s, huge, HUGE_BYTES);
    tqp_stage_text(s, "", 0);
    tqp_stage_text(s, huge, HUGE_BYTES - 1);
    for (int fits = 0; fits < 2; fits++) {
        TqpInterner *in = tqp_interner_create(NULL, 10, fits ? 11 << 20 : 6 << 20, NULL);
        CHECK_INT(tqp_stage_tensor(s, &a, in, &t, NULL), TQP_OK);
        CHECK_INT(t.encoding, fits ? TQP_ENC_DICT : TQP_ENC_BYTES);
        CHECK_INT(tqp_interner_dict(in, &a, 0, NULL, NULL, &dict, NULL), TQP_OK);
        CHECK_INT(dict.count, fits ? 3 : 0);
        t.dict = &dict;
        CHECK(view_is(tensor_view(&t, 0), huge, HUGE_BYTES));
        CHECK(view_is(tensor_view(&t, 1), "", 0));
        CHECK(view_is(tensor_view(&t, 2), huge, HUGE_BYTES - 1));
        tqp_interner_destroy(in);
    }
    tqp_stage_destroy(s);
    free(huge);
    tqp_arena_free(&a);
}

static void test_limits(void) {
    TqpInterner *in = tqp_interner_create(NULL, 3, 10, NULL);
    uint32_t codes[4];
    TqpView four[4] = {tqp_view("a", 1), tqp_view("b", 1), tqp_view("c", 1), tqp_view("d", 1)};
    CHECK(!tqp_interner_codes(in, 4, four, codes));
    CHECK_INT(tqp_interner_count(in), 0);
    CHECK(tqp_interner_codes(in, 2, four, codes));
    CHECK(!tqp_interner_codes(in, 3, four + 1, codes));
    CHECK_INT(tqp_interner_count(in), 2);
    TqpView twice[3] = {four[2], four[0], four[2]};
    CHECK(tqp_interner_codes(in, 3, twice, codes));
    CHECK(codes[0] == 2 && codes[1] == 0 && codes[2] == 2);
    tqp_interner_destroy(in);
    in = tqp_interner_create(NULL, 100, 10, NULL);
    TqpView lengths[2] = {tqp_view("0123456", 7), tqp_view("01234567", 8)};
    CHECK(!tqp_interner_codes(in, 2, lengths, codes));
    CHECK(tqp_interner_codes(in, 1, lengths + 1, codes));
    CHECK(!tqp_interner_codes(in, 1, lengths, codes));
    CHECK_INT(tqp_interner_count(in), 1);
    tqp_interner_destroy(in);
}

/* A rollback inside a table that grew meanwhile must leave every earlier entry findable. */
static void test_rollback(void) {
    enum { N = 6000 };
    TqpInterner *in = tqp_interner_create(NULL, N, 1 << 20, NULL);
    TqpView *views = malloc(2 * N * sizeof *views);
    uint32_t *codes = malloc(2 * N * sizeof *codes);
    char(*words)[12] = malloc(2 * N * sizeof *words);
    for (int i = 0; i < 2 * N; i++)
        views[i] = tqp_view(words[i], (uint32_t)snprintf(words[i], sizeof words[i], "k%d", i));
    CHECK(tqp_interner_codes(in, 400, views, codes));
    CHECK(!tqp_interner_codes(in, 2 * N, views, codes));
    CHECK_INT(tqp_interner_count(in), 400);
    CHECK(tqp_interner_codes(in, N, views, codes));
    bool ok = true;
    for (uint32_t i = 0; i < N; i++)
        ok &= codes[i] == i;
    CHECK(ok);
    tqp_interner_destroy(in);
    free(views);
    free(codes);
    free(words);
}

static int compare_backwards(void *host, uint32_t collation, TqpView a, TqpView b) {
    ++*(int *)host;
    int c = memcmp(b.data, a.data, a.len < b.len ? a.len : b.len);
    (void)collation;
    return c != 0 ? c : (b.len > a.len) - (b.len < a.len);
}

static void test_base(void) {
    TqpArena a = {0};
    TqpDict first, same, second;
    uint32_t codes[3];
    int calls = 0;
    TqpView abc[3] = {tqp_view("b", 1), tqp_view("d", 1), tqp_view("a", 1)};
    TqpView more[3] = {tqp_view("d", 1), tqp_view("c", 1), tqp_view("e", 1)};
    TqpInterner *in = tqp_interner_create(NULL, 100, 1000, NULL);
    CHECK(tqp_interner_codes(in, 3, abc, codes));
    CHECK_INT(tqp_interner_dict(in, &a, 7, compare_backwards, &calls, &first, NULL), TQP_OK);
    CHECK(calls > 0);
    CHECK(first.by_rank[0] == 1 && first.by_rank[1] == 0 && first.by_rank[2] == 2);
    tqp_interner_destroy(in);
    in = tqp_interner_create(&first, 100, 1000, NULL);
    CHECK(tqp_interner_codes(in, 1, abc + 2, codes));
    CHECK_INT(codes[0], 2);
    calls = 0;
    CHECK_INT(tqp_interner_dict(in, &a, 7, compare_backwards, &calls, &same, NULL), TQP_OK);
    CHECK(calls == 0 && same.offsets == first.offsets && same.count == 3);
    CHECK(tqp_interner_codes(in, 3, more, codes));
    CHECK(codes[0] == 1 && codes[1] == 3 && codes[2] == 4);
    CHECK_INT(tqp_interner_dict(in, &a, 7, compare_backwards, &calls, &second, NULL), TQP_OK);
    CHECK_INT(second.count, 5); /* e d c b a */
    CHECK(second.by_rank[0] == 4 && second.by_rank[1] == 1 && second.by_rank[2] == 3 &&
          second.by_rank[3] == 0 && second.by_rank[4] == 2);
    tqp_interner_destroy(in);
    tqp_arena_free(&a);
}

static bool always(void *host) {
    (void)host;
    return true;
}

/* Ranking by the host's comparator can take seconds: it asks whether to stop. */
static void test_rank_cancelled(void) {
    enum { N = 2000 };
    TqpArena a = {0};
    TqpDict dict;
    int calls = 0;
    char words[N][8];
    TqpView views[N];
    uint32_t codes[N];
    TqpHostPoll poll = {always, NULL};
    TqpRankOrder order = {7, compare_backwards, &calls, &poll};
    TqpInterner *in = tqp_interner_create(NULL, N, 1 << 20, NULL);
    for (int i = 0; i < N; i++)
        views[i] = tqp_view(words[i], (uint32_t)snprintf(words[i], sizeof words[i], "%d", i));
    CHECK(tqp_interner_codes(in, N, views, codes));
    CHECK_INT(tqp_intern_freeze(in, &a, &order, &dict, NULL), TQP_CANCELLED);
    CHECK(calls > 0 && calls < 1100);
    order.poll = NULL;
    CHECK_INT(tqp_intern_freeze(in, &a, &order, &dict, NULL), TQP_OK);
    CHECK_INT(dict.by_rank[0], 999); /* "999" comes first backwards */
    tqp_interner_destroy(in);
    tqp_arena_free(&a);
}

/* ---- threads ---- */

typedef struct Worker {
    TqpInterner *in;
    int seed;
    bool ok;
} Worker;

static void *intern_many(void *arg) {
    Worker *w = arg;
    char words[50][12];
    TqpView views[50];
    uint32_t first[50], again[50];
    w->ok = true;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 50; i++)
            views[i] = tqp_view(words[i], (uint32_t)snprintf(words[i], sizeof words[i], "%d",
                                                             (round * 37 + i * w->seed) % 700));
        w->ok &= tqp_interner_codes(w->in, 50, views, first);
        w->ok &= tqp_interner_codes(w->in, 50, views, again);
        w->ok &= memcmp(first, again, sizeof first) == 0;
    }
    return NULL;
}

static void test_intern_threads(void) {
    TqpInterner *in = tqp_interner_create(NULL, 1000, 1 << 20, NULL);
    pthread_t threads[3];
    Worker workers[3];
    for (int i = 0; i < 3; i++) {
        workers[i] = (Worker){in, i + 3, false};
        CHECK_INT(pthread_create(&threads[i], NULL, intern_many, &workers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK(workers[i].ok);
    }
    CHECK(tqp_interner_count(in) <= 700);
    tqp_interner_destroy(in);
}

int main(void) {
    test_lanes();
    test_int_nulls();
    test_floats_bools();
    test_status();
    test_text();
    test_text_nulls();
    test_huge_text();
    test_limits();
    test_rollback();
    test_base();
    test_rank_cancelled();
    test_intern_threads();
    return check_report("store_stage");
}
