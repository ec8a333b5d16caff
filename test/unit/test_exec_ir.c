/* IR text through the binder and the executor: every backend, thread count and grouping agrees. */
#include "check.h"
#include "exec_build.h"

#define SCAN                                                                                       \
    "(scan 0 \"t\" (\"k\" i32) (\"v\" i32) (\"d\" f64) (\"s\" text) (\"t\" text) (\"b\" bool) "    \
    "(\"w\" i64) (\"f\" f32))"

static const char *const queries[] = {
    "(aggregate () ((count_star)) " SCAN ")",
    "(aggregate () ((count_star) (sum (col 1 i32)) (min (col 3 text)) (max (col 4 text)) "
    "(sum (col 2 f64)) (sum (col 7 f32)) (bool_or (col 5 bool))) "
    "(filter (and (ge (col 0 i32) (const 2 i32)) (lt (col 1 i32) (const 9000 i32))) " SCAN "))",
    "(sort ((col 0 i32) asc nulls_last) (aggregate ((col 0 i32)) ((count_star) (sum (col 1 i32)) "
    "(max (col 2 f64)) (count distinct (col 3 text)) (sum distinct (col 1 i32))) " SCAN "))",
    "(aggregate ((col 3 text) (col 5 bool)) ((count (col 1 i32)) (min (col 6 i64)) (sum (mul (cast "
    "(col 0 i32) i64) (col 6 i64)))) (filter (ne (col 4 text) (const \"ac\" text)) " SCAN "))",
    "(aggregate ((col 6 i64) (col 4 text)) ((count_star) (max (col 7 f32)) (sum (col 2 f64))) "
    "(filter (gt (col 0 i32) (const 4 i32)) " SCAN "))",
    "(sort ((col 1 i64) desc nulls_first) ((col 0 i64) asc nulls_last) (filter (gt (col 1 i64) "
    "(const 3 i64)) (aggregate ((col 6 i64)) ((count_star)) " SCAN ")))",
    "(limit (const 25 i64) (const 5 i64) (sort ((col 3 text) desc nulls_last) ((col 2 f64) asc "
    "nulls_first) ((col 6 i64) asc nulls_last) (filter (is_true (col 5 bool)) " SCAN ")))",
    "(limit (const 100 i64) _ (project ((col 6 i64) (add (col 0 i32) (const 7 i32)) (col 4 text) "
    "(substr (col 4 text) (const 1 i32) (const 2 i32))) (filter (like (col 4 text) (const \"a%\" "
    "text)) " SCAN ")))",
    "(aggregate () ((count distinct (col 6 i64)) (count distinct (col 4 text)) (count distinct "
    "(col 2 "
    "f64)) (sum distinct (col 6 i64))) " SCAN ")",
    "(aggregate ((case (lt (col 1 i32) (const 1000 i32)) (col 4 text) (const \"rest\" text))) "
    "((count_star) (sum (col 1 i32) (where (gt (col 0 i32) (const 3 i32))))) " SCAN ")",
    "(aggregate ((col 2 f64)) ((count_star)) " SCAN ")",
    "(number 2 ((col 0 text) asc nulls_last) ((col 1 bool) desc nulls_first) ((col 2 f64) asc "
    "nulls_first) (aggregate ((col 3 text) (col 5 bool) (col 2 f64)) ((count_star)) " SCAN "))",
    "(filter (and (gt (col 2 i64) (const 3 i64)) (le (col 3 i64) (const 40 i64))) (number 0 ((col "
    "1 "
    "i64) desc nulls_last) (project ((col 1 i32) (col 6 i64)) " SCAN ")))",
    "(aggregate ((col 7 f32) (col 0 i32)) ((sum (col 6 i64))) " SCAN ")",
    /* sums about the mean: of one group, of groups, of distinct values, of pairs */
    "(project ((sqrt (div (col 1 f64) (const 7.5 f64))) (col 0 f64) (col 2 f64) (col 3 f64) (col 4 "
    "f64) (col 5 f64) (col 6 f64) (col 7 i64)) (aggregate () ((avg_sum (col 2 f64)) (sxx (col 2 "
    "f64)) (pair_sx (pair (col 2 f64) (cast (col 1 i32) f64))) (pair_sxx (pair (col 2 f64) (cast "
    "(col 1 i32) f64))) (pair_sy (pair (col 2 f64) (cast (col 1 i32) f64))) (pair_syy (pair (col 2 "
    "f64) (cast (col 1 i32) f64))) (pair_sxy (pair (col 2 f64) (cast (col 1 i32) f64))) (count "
    "(pair (col 2 f64) (cast (col 1 i32) f64)))) " SCAN "))",
    "(aggregate ((col 0 i32)) ((sxx (col 2 f64)) (sxx distinct (col 2 f64)) (sxx (cast (col 7 f32) "
    "f64) (where (gt (col 1 i32) (const 500 i32)))) (avg_sum distinct (col 2 f64)) (pair_sxy (pair "
    "(col 2 f64) (cast (col 6 i64) f64)) (where (is_true (col 5 bool))))) " SCAN ")",
    "(aggregate ((col 3 text) (col 6 i64)) ((pair_syy (pair (cast (col 1 i32) f64) (col 2 f64))) "
    "(sxx (col 2 f64)) (pair_sx (pair (cast (col 1 i32) f64) (const null f64)))) " SCAN ")",
    /* read by a probe and by a map; its strings too */
    "(with 0 (project ((col 0 i32) (col 1 i32) (col 4 text)) (filter (gt (col 1 i32) (const 9000 "
    "i32)) " SCAN ")) (aggregate ((col 2 text)) ((count_star) (min (col 1 i32))) (join semi (and "
    "(eq (col 0 i32) (col 3 i32)) (ne (col 1 i32) (col 4 i32))) (shared 0) (filter (ne (col 2 "
    "text) (const \"ac\" text)) (shared 0)))))",
    "(with 0 (aggregate ((col 3 text) (col 0 i32)) ((sum (col 6 i64)) (count_star)) " SCAN ") "
    "(with 1 (filter (gt (col 3 i64) (const 2 i64)) (shared 0)) (append (project ((col 0 text) "
    "(col 7 i64)) (join left (eq (col 1 i32) (col 5 i32)) (filter (lt (col 1 i32) (const 3 i32)) "
    "(shared 0)) (shared 1))) (project ((col 0 text) (col 3 i64)) (shared 1)))))",
    /* nothing of it is read but its rows */
    "(with 7 (project () (filter (gt (col 1 i32) (const 9900 i32)) " SCAN ")) (aggregate () "
    "((count_star)) (append (shared 7) (shared 7))))",
    "(with 0 (limit (const 9 i64) _ (sort ((col 6 i64) asc nulls_last) ((col 1 i32) desc "
    "nulls_last) " SCAN ")) (with 1 (sort ((col 0 i64) desc nulls_last) (aggregate ((col 6 i64)) "
    "((count_star)) (shared 0))) (aggregate () ((count_star) (sum (col 1 i64))) (join full (eq "
    "(col 0 i64) (col 2 i64)) (shared 1) (filter (gt (col 1 i64) (const 1 i64)) (shared 1))))))",
};

static TqpStatus run(const char *text, const Data *data, const TqpBackend *backend, int threads,
                     uint64_t dense_max, Lines *lines) {
    TqpArena arena = {0};
    TqpError err = {0};
    const TqpNode *node;
    const TqpProgram *program;
    const TqpRelation *rels[] = {&data->rel};
    TqpBindOptions options = {.utf8 = true, .dense_group_max = dense_max};
    TqpResult result = {0};
    TqpBroker broker;
    tqp_broker_init(&broker, 0);
    TqpQuery query = {.backend = backend, .nthreads = threads, .broker = &broker};
    TqpStatus status = tqp_ir_parse(&arena, text, &node, &err);
    if (status == TQP_OK)
        status = tqp_program_bind(&arena, node, rels, 1, NULL, 0, &options, &program, &err);
    if (status != TQP_OK) {
        fprintf(stderr, "%s\n  %s\n", text, err.message);
        tqp_arena_free(&arena);
        return status;
    }
    status = tqp_exec_run(&query, program, rels, 1, &result);
    if (status != TQP_OK)
        fprintf(stderr, "%s\n  %s\n", text, query.error.message);
    lines_of_result(lines, &result);
    tqp_result_free(&result);
    tqp_query_free_stats(&query, program);
    tqp_arena_free(&arena);
    CHECK_INT(broker.used, 0);
    return status;
}

/* Fields are equal, or numbers that differ in the last digits. */
static bool fields_close(const char *a, const char *b) {
    char *end_a, *end_b;
    double x = strtod(a, &end_a), y = strtod(b, &end_b);
    return strcmp(a, b) == 0 || (end_a != a && end_b != b && *end_a == 0 && *end_b == 0 &&
                                 fabs(x - y) <= 1e-12 * fmax(fabs(x), fabs(y)));
}

/* Tears the line apart, from where *at is. */
static const char *next_field(char **at) {
    char *field = *at, *bar = field != NULL ? strchr(field, '|') : NULL;
    *at = bar != NULL ? bar + 1 : NULL;
    if (bar != NULL)
        *bar = 0;
    return field;
}

static bool lines_close(Lines *a, Lines *b) {
    bool close = a->n == b->n;
    for (uint32_t i = 0; close && i < a->n; i++) {
        char *x = a->lines[i], *y = b->lines[i];
        while (close && x != NULL && y != NULL)
            close = fields_close(next_field(&x), next_field(&y));
        close = close && x == NULL && y == NULL;
    }
    return close;
}

static void run_sorted(const char *text, const Data *data, const TqpBackend *backend, int threads,
                       uint64_t dense_max, Lines *lines) {
    bool ordered = strncmp(text, "(sort", 5) == 0 || strncmp(text, "(limit", 6) == 0;
    CHECK_INT(run(text, data, backend, threads, dense_max, lines), TQP_OK);
    if (!ordered)
        lines_sort(lines);
}

/*
 * To the last digit where groups are found alike.  Otherwise distinct floats, of which a set keeps
 * the order of hashes that hold the group's number, are summed in another order.
 */
static void check_query(const char *text, const Data *data) {
    static const int threads[] = {1, 2, 3, 7};
    static const uint64_t dense[] = {0, 1};
    Lines expected[2] = {{0}, {0}};
    for (int k = 0; k < 2; k++)
        run_sorted(text, data, tqp_backend_ref(), 1, dense[k], &expected[k]);
    for (int isa = 0; isa < TQP_ISA_COUNT; isa++)
        for (int k = 0; tqp_backend_cpu((TqpIsa)isa) != NULL && k < 8; k++) {
            Lines got = {0};
            run_sorted(text, data, tqp_backend_cpu((TqpIsa)isa), threads[k / 2], dense[k % 2],
                       &got);
            CHECK(lines_equal(&got, &expected[k % 2]));
            lines_free(&got);
        }
    CHECK(lines_close(&expected[0], &expected[1]));
    lines_free(&expected[0]);
    lines_free(&expected[1]);
}

int main(void) {
    static const uint32_t sizes[][2] = {{0, 100}, {1, 100}, {5000, 1100}, {100000, 12000}};
    for (int k = 0; k < 4; k++) {
        Data data;
        data_make(&data, sizes[k][0], sizes[k][1]);
        for (size_t q = 0; q < sizeof(queries) / sizeof(queries[0]); q++)
            check_query(queries[q], &data);
        data_free(&data);
    }
    return check_report("exec_ir");
}
