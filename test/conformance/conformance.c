/*
 * Runs every kernel of steps.def on every instruction set of this CPU against ref.
 *   conformance [op]      all steps, or those whose name contains op
 *   conformance -b [op]   times them instead
 */
#include "conformance/conformance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Outcome {
    void *out; /* 64-byte aligned allocation of its own */
    uint32_t flags, count;
} Outcome;

typedef struct Tally {
    uint64_t passed, failed;
    uint64_t kernels; /* (step, lane, ISA) triples */
} Tally;

/* ---- making a case ---- */

static TqpLane input_lane(const Case *c, int k) {
    switch (shape_of(c->op)->in[k]) {
    case IN_SAME:
    case IN_CODE:
        return c->lane;
    case IN_GROUP8:
        return TQP_LANE_U8;
    case IN_POSITION:
    case IN_GROUP32:
        return TQP_LANE_U32;
    default:
        return (TqpLane)shape_of(c->op)->in[k];
    }
}

static void fill_bits(Case *c, uint64_t *bits, uint32_t n) {
    uint32_t kind = random_below(&c->random, 5); /* none, all, one in eight, half, runs */
    for (uint32_t w = 0; w < tqp_bitmap_words(n); w++) {
        uint64_t r = random_u64(&c->random), thin = r & random_u64(&c->random);
        bits[w] = kind == 0   ? 0
                  : kind == 1 ? ~UINT64_C(0)
                  : kind == 2 ? thin & random_u64(&c->random)
                  : kind == 3 ? r
                              : (r & 1 ? ~UINT64_C(0) : r << 16);
    }
    if (n > 0)
        bits[tqp_bitmap_words(n) - 1] &= tqp_bitmap_tail(n);
}

/* Numbers below `bound`, in the lane. */
static void fill_below(Case *c, TqpLane lane, void *values, uint32_t n, uint32_t bound) {
    bool runs = random_below(&c->random, 3) == 0;
    uint32_t x = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!runs || random_below(&c->random, 10) == 0)
            x = random_below(&c->random, bound);
        memcpy((char *)values + value_bytes(lane, i), &x, tqp_lane_bytes(lane));
    }
}

/* Exactly the bytes that kernels may read: n values and 64 bytes; unaligned when `skew`. */
static void make_input(Case *c, int k, uint32_t skew) {
    const Shape *shape = shape_of(c->op);
    if (shape->in[k] == IN_NONE)
        return;
    TqpLane lane = input_lane(c, k);
    uint32_t n = c->source_rows > 0 && k == 0 ? c->source_rows : c->n;
    size_t bytes = value_bytes(lane, n);
    void *values = malloc(bytes + 64);
    if (values == NULL)
        abort();
    for (size_t b = 0; b < 64; b++)
        ((uint8_t *)values)[bytes + b] = (uint8_t)random_u64(&c->random);
    if (lane == TQP_LANE_MASK)
        fill_bits(c, values, n);
    else if (shape->rows == ROWS_SUMS)
        fill_below(c, lane, values, n, ((const TqpSumPass *)c->args.aux)->ngroups);
    else if (shape->in[k] == IN_CODE || shape->in[k] == IN_GROUP8 || shape->in[k] == IN_GROUP32)
        fill_below(c, lane, values, n, c->args.aux_count);
    else if (shape->in[k] == IN_POSITION)
        fill_below(c, lane, values, n, c->source_rows);
    else
        for (uint32_t i = 0; i < n; i++)
            value_random(c, lane, (char *)values + value_bytes(lane, i));
    if (shape->in[k] == IN_SAME && shape->restrict_input != NULL)
        shape->restrict_input(c, k, lane, values);
    /* Group numbers of unguarded rows are arbitrary as well. */
    if (shape->in[k] == IN_GROUP8 || shape->in[k] == IN_GROUP32)
        for (uint32_t i = 0; c->args.guard != NULL && i < n; i++)
            if (!tqp_bitmap_get(c->args.guard, i))
                memset((char *)values + value_bytes(lane, i), 0xfe, value_bytes(lane, 1));
    char *skewed = case_own(c, malloc(skew + bytes + 64));
    memcpy(skewed + skew, values, bytes + 64);
    free(values);
    c->args.in[k] = skewed + skew;
}

static void case_make(Case *c, uint32_t guard_kind) {
    const Shape *shape = shape_of(c->op);
    c->args.n = c->n;
    tqp_arena_init(&c->arena, NULL);
    if (shape->prepare != NULL)
        shape->prepare(c);
    if (guard_kind > 0) {
        uint64_t *guard = case_own(c, malloc(value_bytes(TQP_LANE_MASK, c->n) + 1));
        fill_bits(c, guard, c->n);
        c->args.guard = guard;
    }
    static const uint32_t skews[] = {0, 1, 8, 40};
    uint32_t skew = skews[random_below(&c->random, 4)];
    for (int k = 0; k < 3; k++)
        make_input(c, k, skew);
}

static void case_free(Case *c) {
    for (uint32_t k = 0; k < c->nowned; k++)
        free(c->owned[k]);
    tqp_arena_free(&c->arena);
}

/* ---- running and comparing ---- */

static TqpLane out_lane(const Case *c) {
    uint8_t out = shape_of(c->op)->out;
    if (out == OUT_SAME)
        return c->lane;
    if (out == OUT_ACC)
        return c->lane == TQP_LANE_F32 || c->lane == TQP_LANE_F64 ? TQP_LANE_F64 : TQP_LANE_I128;
    return (TqpLane)out;
}

static uint32_t out_rows(const Case *c) {
    OutRows rows = shape_of(c->op)->rows;
    if (rows == ROWS_SUMS) {
        const TqpSumPass *pass = c->args.aux;
        return pass->nsums * pass->ngroups;
    }
    uint32_t groups = c->args.aux_count > 0 ? c->args.aux_count : 1;
    if (rows == ROWS_MOMENTS || rows == ROWS_PAIRS)
        return groups * (rows == ROWS_MOMENTS ? 3 : 6);
    return rows == ROWS_ONE ? 1 : rows == ROWS_GROUPS ? c->args.aux_count : c->n;
}

/* Exactly the bytes that a kernel may write, so that a sanitizer sees one more. */
static void *alloc_out(size_t bytes) {
    void *out = NULL;
    if (posix_memalign(&out, 64, bytes > 0 ? bytes : 1) != 0)
        abort();
    return out;
}

/* What the output holds before: accumulators have values, the rest a pattern.  A GROUPS or ONE
 * output ends where its accumulators end; others have room for n rounded up to 64. */
static void *make_out(Case *c) {
    const Shape *shape = shape_of(c->op);
    if (shape->out == OUT_NONE)
        return NULL;
    TqpLane lane = out_lane(c);
    bool accumulates = shape->rows >= ROWS_ONE;
    uint32_t rows = accumulates ? out_rows(c) : (c->n + 63) & ~UINT32_C(63);
    size_t bytes = value_bytes(lane, rows);
    char *out = alloc_out(bytes);
    memset(out, 0xa5, bytes);
    for (uint32_t i = 0; accumulates && i < rows; i++) {
        TqpView none = {NULL, 0, 0};
        value_random(c, lane, out + value_bytes(lane, i));
        if (lane == TQP_LANE_VIEW && random_below(&c->random, 2))
            memcpy(out + value_bytes(lane, i), &none, sizeof(none));
        if (lane == TQP_LANE_I64 && shape->out == TQP_LANE_I64) /* the sum has to fit */
            ((int64_t *)(void *)out)[i] >>= 8;
        if (lane == TQP_LANE_I128 && c->lane != TQP_LANE_I128)
            ((TqpInt128 *)(void *)out)[i] >>= 8;
        uint32_t parts = shape->rows == ROWS_MOMENTS ? 3 : shape->rows == ROWS_PAIRS ? 6 : 0;
        if (parts > 0 && i % parts == 0) /* a number of rows */
            ((double *)(void *)out)[i] = random_below(&c->random, 3);
    }
    return out;
}

static Outcome run_kernel(const Case *c, const TqpBackend *backend, const void *before,
                          bool in_place) {
    TqpLane lane = out_lane(c);
    Outcome r = {0};
    TqpKernelArgs args = c->args;
    if (before != NULL) {
        bool accumulates = shape_of(c->op)->rows >= ROWS_ONE;
        uint32_t rows = accumulates ? out_rows(c) : (c->n + 63) & ~UINT32_C(63);
        size_t bytes = value_bytes(lane, rows);
        r.out = alloc_out(bytes);
        memcpy(r.out, before, bytes);
    }
    if (in_place) {
        memcpy(r.out, args.in[0], value_bytes(lane, c->n));
        args.in[0] = r.out;
    }
    args.out = r.out;
    args.flags = &r.flags;
    args.count = &r.count;
    backend->kernels[c->op][c->lane](&args);
    return r;
}

static bool same_value(TqpLane lane, const void *a, const void *b) {
    if (lane == TQP_LANE_F32 || lane == TQP_LANE_F64) {
        double x = lane == TQP_LANE_F32 ? (double)*(const float *)a : *(const double *)a;
        double y = lane == TQP_LANE_F32 ? (double)*(const float *)b : *(const double *)b;
        return isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof(x)) == 0;
    }
    if (lane == TQP_LANE_VIEW) {
        const TqpView *x = a, *y = b;
        return x->len == y->len && x->prefix == y->prefix &&
               (x->data == NULL) == (y->data == NULL) &&
               (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
    }
    return memcmp(a, b, tqp_lane_bytes(lane)) == 0;
}

/* Index of the first difference; UINT32_MAX when equal. */
static uint32_t first_difference(const Case *c, const Outcome *want, const Outcome *got) {
    const Shape *shape = shape_of(c->op);
    TqpLane lane = out_lane(c);
    uint32_t rows = shape->rows == ROWS_COUNTED ? want->count : out_rows(c);
    if (shape->out == OUT_NONE || (want->flags != 0 && shape->rows >= ROWS_ONE))
        return UINT32_MAX; /* what an overflowing sum holds is never used */
    if (lane == TQP_LANE_MASK) {
        for (uint32_t w = 0; w < tqp_bitmap_words(rows); w++)
            if (((const uint64_t *)want->out)[w] != ((const uint64_t *)got->out)[w])
                return 64 * w;
        return UINT32_MAX;
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (shape->rows == ROWS_GUARDED &&
            (want->flags != 0 || (c->args.guard != NULL && !tqp_bitmap_get(c->args.guard, i))))
            continue;
        size_t at = value_bytes(lane, i);
        if (!same_value(lane, (const char *)want->out + at, (const char *)got->out + at))
            return i;
    }
    return UINT32_MAX;
}

static bool agree(const Case *c, const TqpBackend *cpu, const Outcome *want, const Outcome *got,
                  const char *how) {
    uint32_t row = first_difference(c, want, got);
    if (row == UINT32_MAX && want->flags == got->flags && want->count == got->count)
        return true;
    printf("FAIL %s %s %s n=%u style=%d guard=%s%s: ", tqp_step_name(c->op), tqp_lane_name(c->lane),
           tqp_cpu_isa_name(cpu->isa), c->n, (int)c->style, c->args.guard != NULL ? "yes" : "no",
           how);
    if (want->flags != got->flags)
        printf("flags %u instead of %u\n", got->flags, want->flags);
    else if (want->count != got->count)
        printf("count %u instead of %u\n", got->count, want->count);
    else
        printf("row %u differs (imm %lld %lld, aux_count %u)\n", row, (long long)c->args.imm[0].i,
               (long long)c->args.imm[1].i, c->args.aux_count);
    return false;
}

static void run_case(Case *c, const TqpBackend *const *cpus, Tally *tally) {
    bool compresses = c->op == TQP_STEP_COMPRESS || c->op == TQP_STEP_COMPRESS_MASK;
    void *before = make_out(c);
    Outcome want = run_kernel(c, tqp_backend_ref(), before, false);
    for (; *cpus != NULL; cpus++) {
        for (int in_place = 0; in_place <= compresses; in_place++) {
            Outcome got = run_kernel(c, *cpus, before, in_place);
            bool ok = agree(c, *cpus, &want, &got, in_place ? " in place" : "");
            tally->passed += ok;
            tally->failed += !ok;
            free(got.out);
        }
    }
    free(want.out);
    free(before);
}

static void run_op(TqpStepOp op, TqpLane lane, const TqpBackend *const *cpus, Tally *tally) {
    static const uint32_t sizes[] = {0, 1, 7, 8, 63, 64, 65, 127, 128, 1000, 4096, TQP_TILE_MAX};
    uint64_t seed = (uint64_t)op * 100 + lane, failed = tally->failed;
    for (uint32_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (uint32_t k = 0; k < STYLE_COUNT * 2 * shape_of(op)->variants; k++) {
            if (sizes[s] > 1000 && k >= STYLE_COUNT * (sizes[s] > 4096 ? 2 : 4))
                break; /* large ones take long, and differ only in the number of words */
            Case c = {.op = op, .lane = lane, .n = sizes[s], .style = (Style)(k % STYLE_COUNT)};
            c.random.state = (seed * 100 + s) * 1000 + k;
            case_make(&c, k / STYLE_COUNT % 2);
            run_case(&c, cpus, tally);
            case_free(&c);
            if (tally->failed > failed + 3)
                return;
        }
    }
}

static uint32_t collect_backends(const TqpBackend **cpus) {
    uint32_t count = 0;
    for (TqpIsa isa = TQP_ISA_SCALAR; isa < TQP_ISA_COUNT; isa++) {
        const TqpBackend *cpu = tqp_backend_cpu(isa);
        if (cpu != NULL)
            cpus[count++] = cpu;
        else
            printf("not available here: %s\n", tqp_cpu_isa_name(isa));
    }
    cpus[count] = NULL;
    return count;
}

int main(int argc, char **argv) {
    const TqpBackend *cpus[TQP_ISA_COUNT + 1];
    bool bench = argc > 1 && strcmp(argv[1], "-b") == 0;
    const char *only = argc > 1 + bench ? argv[1 + bench] : "";
    Tally tally = {0};
    views_init();
    if (bench) {
        int rc = bench_main(only);
        views_free();
        return rc;
    }
    uint32_t ncpus = collect_backends(cpus);
    for (TqpStepOp op = 0; op < TQP_STEP_KERNEL_COUNT; op++) {
        if (strstr(tqp_step_name(op), only) == NULL)
            continue;
        if (shape_of(op) == NULL) {
            printf("FAIL %s: no test is written (test/conformance/shapes.c)\n", tqp_step_name(op));
            tally.failed++;
            continue;
        }
        for (TqpLane lane = 0; lane < TQP_LANE_COUNT; lane++) {
            if (!tqp_step_has_lane(op, lane))
                continue;
            run_op(op, lane, cpus, &tally);
            tally.kernels += ncpus;
        }
    }
    views_free();
    printf("conformance: %llu passed, %llu failed; %llu kernels\n",
           (unsigned long long)tally.passed, (unsigned long long)tally.failed,
           (unsigned long long)tally.kernels);
    return tally.failed != 0 || tally.passed == 0;
}
