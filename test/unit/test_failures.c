/*
 * Memory and threads that are refused: the n-th allocation of a query, from its text to its rows,
 * fails once, for every n, and the n-th and all later ones.  That ends in a status or, where the
 * engine can go on without, in the right rows; nothing is left (LeakSanitizer and the broker say).
 * The Makefile links the functions below in place of the C library's (ld --wrap).
 */
#include <errno.h>
#include <pthread.h>

#include "check.h"
#include "exec_build.h"
#include "opt/opt.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);

static _Atomic long calls; /* since the query began */
static long refused;       /* which call, 0: none */
static bool all_later;

static bool refuse(void) {
    long call = atomic_fetch_add(&calls, 1) + 1;
    return refused > 0 && (call == refused || (all_later && call > refused));
}

void *__wrap_malloc(size_t bytes) {
    return refuse() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes) {
    return refuse() ? NULL : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *p, size_t bytes) {
    return refuse() ? NULL : __real_realloc(p, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes) {
    return refuse() ? NULL : __real_aligned_alloc(align, bytes);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg) {
    return refuse() ? EAGAIN : __real_pthread_create(t, a, f, arg);
}

#define COLUMNS                                                                                    \
    "(\"k\" i32) (\"v\" i32) (\"d\" f64) (\"s\" text) (\"t\" text) (\"b\" bool) (\"w\" i64) "      \
    "(\"f\" f32))"
#define L      "(scan 0 \"l\" " COLUMNS
#define R      "(scan 1 \"r\" " COLUMNS
#define FEW    "(filter (lt (col 1 i32) (const 2000 i32)) " R ")"
#define V_EQ   "(eq (col 1 i32) (col 9 i32))"
#define T_EQ   "(eq (col 4 text) (col 12 text))"
#define W_LT   "(lt (col 6 i64) (col 14 i64))"
#define COUNTS "((count_star) (count (col 1 i32)))"

static const char *const queries[] = {
    "(aggregate ((col 3 text) (col 5 bool)) ((count_star) (sum (col 1 i32)) (min (col 4 text)) "
    "(count distinct (col 4 text)) (sum distinct (col 6 i64)) (sum (col 2 f64))) " L ")",
    "(aggregate ((col 6 i64) (col 4 text)) ((count_star) (max (col 7 f32))) " L ")",
    "(limit (const 40 i64) (const 5 i64) (sort ((col 3 text) desc nulls_last) ((col 6 i64) asc "
    "nulls_first) (filter (like (col 4 text) (const \"%a%\" text)) " L ")))",
    "(aggregate ((col 3 text)) " COUNTS " (join inner " V_EQ L FEW "))",
    "(aggregate () " COUNTS " (join inner (and " T_EQ W_LT ")" L FEW "))",
    "(aggregate () " COUNTS " (join left (and (eq (col 6 i64) (col 14 i64)) " T_EQ ")" L FEW "))",
    "(aggregate () " COUNTS " (join full (and " V_EQ W_LT ")" L FEW "))",
    "(aggregate () " COUNTS " (join semi (and " T_EQ W_LT ")" L FEW "))",
    "(aggregate () " COUNTS " (join anti " V_EQ L R "))",
    "(aggregate ((col 8 bool)) " COUNTS " (join mark (and " V_EQ W_LT ")" L FEW "))",
    "(aggregate () ((count_star) (sum (col 9 i64))) (join single (eq (col 1 i32) (col 8 i32))" L
    "(aggregate ((col 1 i32)) ((count_star)) " R ")))",
    "(aggregate () ((count_star)) (join inner " W_LT " (filter (lt (col 1 i32) (const 3000 i32)) " L
    ") " FEW "))",
    "(aggregate () ((count_star)) (join inner (eq (col 9 i32) (col 17 i32)) (join left " V_EQ L FEW
    ") " R "))",
    "(aggregate ((col 3 text) (col 8 i64)) ((count_star)) (number 1 ((col 3 text) asc nulls_last) "
    "((col 1 i32) desc nulls_first) ((col 6 i64) asc nulls_last) ((col 4 text) asc nulls_last) " L
    "))",
    "(aggregate () ((count_star)) (aggregate ((col 4 text) (col 0 i32)) () (append " L R ")))",
    "(project ((col 0 i32) (col 9 i64)) (dependent single (const true bool) " L
    "(aggregate () ((max (col 1 i32)) (count_star)) (filter (eq (col 0 i32) (outer 0 0 i32)) " FEW
    "))))",
};

#define NQUERIES (sizeof(queries) / sizeof(queries[0]))

typedef struct Trial {
    const TqpRelation *rels[2];
    TqpBroker broker;
    const TqpBackend *backend;
} Trial;

/* From text to optimised text, as a plan is made. */
static TqpStatus plan(const char *text, TqpArena *arena, TqpString *out) {
    TqpError err = {0};
    TqpOptOptions options = {.disabled = "column_pruning"}; /* the relations keep all columns */
    const TqpNode *node, *optimised;
    TQP_TRY(tqp_ir_parse(arena, text, &node, &err));
    TQP_TRY(tqp_opt_run(arena, node, &options, &optimised, &err));
    tqp_ir_print(optimised, out);
    return out->failed ? TQP_NO_MEMORY : TQP_OK;
}

/* From the plan to rows, as it is executed. */
static TqpStatus execute(Trial *trial, const char *text, TqpArena *arena, TqpResult *result) {
    TqpError err = {0};
    const TqpNode *node;
    const TqpProgram *program;
    TqpBindOptions options = {.utf8 = true};
    TqpQuery query = {.backend = trial->backend, .nthreads = 3, .broker = &trial->broker};
    TQP_TRY(tqp_ir_parse(arena, text, &node, &err));
    TQP_TRY(tqp_program_bind(arena, node, trial->rels, 2, NULL, 0, &options, &program, &err));
    TqpStatus status = tqp_exec_run(&query, program, trial->rels, 2, result);
    if (status != TQP_OK)
        CHECK(query.error.status == status && query.error.message[0] != '\0');
    tqp_query_free_stats(&query, program);
    return status;
}

static TqpStatus run(Trial *trial, const char *text, int64_t limit, TqpResult *result) {
    TqpArena planning, running;
    TqpString optimised = {0};
    tqp_broker_init(&trial->broker, limit);
    tqp_arena_init(&planning, NULL);
    tqp_arena_init(&running, &trial->broker);
    atomic_store(&calls, 0);
    TqpStatus status = plan(text, &planning, &optimised);
    tqp_arena_free(&planning);
    if (status == TQP_OK)
        status = execute(trial, optimised.data, &running, result);
    refused = 0;
    tqp_string_free(&optimised);
    tqp_arena_free(&running);
    return status;
}

/* Returns how many calls the query makes. */
static long run_one(Trial *trial, const char *text, int64_t limit, Lines *lines,
                    TqpStatus *status) {
    TqpResult result = {0};
    *status = run(trial, text, limit, &result);
    long made = atomic_load(&calls);
    if (*status == TQP_OK)
        lines_of_result(lines, &result);
    else
        CHECK(result.buffers == NULL && result.nrows == 0);
    tqp_result_free(&result);
    CHECK_INT(trial->broker.used, 0);
    lines_sort(lines);
    return made;
}

static void check_query(Trial *trial, const char *text) {
    Lines expected = {0};
    TqpStatus status;
    long made = run_one(trial, text, 0, &expected, &status);
    CHECK_INT(status, TQP_OK);
    CHECK(expected.n > 0);
    if (status != TQP_OK)
        fprintf(stderr, "%s\n", text);
    long refusals = 0;
    for (int later = 0; later < 2; later++)
        for (long n = 1; n <= made; n++) {
            Lines got = {0};
            refused = n;
            all_later = later;
            (void)run_one(trial, text, 0, &got, &status);
            CHECK(status == TQP_OK || status == TQP_NO_MEMORY);
            CHECK(status != TQP_OK || lines_equal(&got, &expected));
            if (status != TQP_OK && status != TQP_NO_MEMORY)
                fprintf(stderr, "%s\n  call %ld of %ld: %s\n", text, n, made,
                        tqp_status_name(status));
            refusals += status != TQP_OK;
            lines_free(&got);
        }
    CHECK(refusals > made);
    lines_free(&expected);
}

/* The broker refuses at every twentieth of what the query takes at most. */
static void check_limits(Trial *trial, const char *text) {
    Lines expected = {0};
    TqpStatus status;
    (void)run_one(trial, text, 0, &expected, &status);
    int64_t peak = trial->broker.peak;
    for (int64_t limit = 1; limit < peak; limit += peak / 20 + 1) {
        Lines got = {0};
        (void)run_one(trial, text, limit, &got, &status);
        CHECK(status == TQP_OK || status == TQP_MEMORY_LIMIT);
        CHECK(status != TQP_OK || lines_equal(&got, &expected));
        lines_free(&got);
    }
    lines_free(&expected);
}

int main(void) {
    Data left, right;
    data_make(&left, 3000, 900);
    data_make(&right, 2500, 1100);
    Trial trial = {.rels = {&left.rel, &right.rel}};
    for (int k = 0; k < 2; k++) {
        trial.backend = k == 0 ? tqp_backend_cpu(tqp_cpu_best_isa()) : tqp_backend_ref();
        for (size_t q = 0; q < NQUERIES; q++) {
            if (k == 0 || q % 4 == 3)
                check_query(&trial, queries[q]);
            check_limits(&trial, queries[q]);
        }
    }
    data_free(&left);
    data_free(&right);
    return check_report("failures");
}
