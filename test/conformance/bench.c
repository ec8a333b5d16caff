/*
 * Micro benchmark of kernels: one tile of cache-resident values, no guard and a half-full guard.
 * Rows per nanosecond, best of several rounds.
 */
#include "conformance/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program/program.h"

static uint64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

enum { ROWS = 4096, ROUNDS = 7, ROUND_NS = 300000, CODES = 100, GROUPS = 6, WIDE = 16 };

typedef struct Bench {
    TqpKernelArgs args;
    uint32_t flags, count;
    uint64_t *bits;
    char *memory[8];
    uint32_t nmemory;
    Case values; /* only as a source of random values */
} Bench;

static void *bench_alloc(Bench *b, size_t bytes) {
    char *p = aligned_alloc(64, (bytes + 191) & ~(size_t)63);
    if (p == NULL)
        abort();
    memset(p, 0, (bytes + 191) & ~(size_t)63);
    return b->memory[b->nmemory++] = p;
}

/* Integers as wide as those of TPC-H. */
static bool realistic(Random *r, TqpLane lane, void *value) {
    uint64_t bits = random_u64(r);
    uint64_t x = lane == TQP_LANE_U16   ? bits % 5000
                 : lane == TQP_LANE_U32 ? bits % 10500000
                                        : bits >> 27;
    if (lane == TQP_LANE_U8)
        x = bits % 100;
    memcpy(value, &x, lane <= TQP_LANE_I64 ? tqp_lane_bytes(lane) : 0);
    return lane <= TQP_LANE_I64;
}

static void *bench_input(Bench *b, uint8_t what, TqpLane lane) {
    if (what == IN_NONE)
        return NULL;
    if (what == TQP_LANE_MASK)
        return b->bits;
    lane = what == IN_GROUP8                    ? TQP_LANE_U8
           : what == IN_SAME || what == IN_CODE ? lane
                                                : TQP_LANE_U32;
    uint32_t bound = what == IN_CODE ? CODES : what == IN_POSITION ? ROWS : b->args.aux_count;
    char *values = bench_alloc(b, value_bytes(lane, ROWS));
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t x = random_below(&b->values.random, bound > 0 ? bound : 1);
        if (what == IN_SAME && realistic(&b->values.random, lane, values + value_bytes(lane, i)))
            continue;
        if (what == IN_SAME)
            value_random(&b->values, lane, values + value_bytes(lane, i));
        else
            memcpy(values + value_bytes(lane, i), &x, tqp_lane_bytes(lane));
    }
    return values;
}

static double time_kernel(Bench *b, TqpKernel kernel) {
    uint64_t best = UINT64_MAX;
    uint32_t repeat = 1;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        for (uint32_t k = 0; k < repeat; k++)
            kernel(&b->args);
        uint64_t ns = now_ns() - start;
        if (round == 0)
            repeat = (uint32_t)(ROUND_NS / (ns + 1)) + 1;
        else if (ns / repeat < best)
            best = ns / repeat;
    }
    return best > 0 ? (double)best : 1;
}

static void bench_op(TqpStepOp op, TqpLane lane) {
    const Shape *shape = shape_of(op);
    Bench b = {.values = {.random = {7}, .style = STYLE_SMALL, .text_utf8 = true}};
    b.values.op = op;
    b.values.lane = lane;
    b.args.n = ROWS;
    b.args.flags = &b.flags;
    b.args.count = &b.count;
    b.values.n = 0;
    if (shape->prepare != NULL)
        shape->prepare(&b.values);
    memcpy(b.args.imm, b.values.args.imm, sizeof(b.args.imm));
    b.args.aux = b.values.args.aux;
    b.args.aux_count = b.values.args.aux_count;
    if (op == TQP_STEP_EXTRACT || op == TQP_STEP_DATE_TRUNC) {
        b.args.imm[0].i = TQP_FIELD_YEAR;
        b.args.imm[1].i = 0;
    }
    const TqpLikePattern *pattern = NULL;
    TqpError err;
    if (op == TQP_STEP_LIKE &&
        tqp_like_compile(&b.values.arena, tqp_view("%ab%ba%", 7), true, &pattern, &err) == TQP_OK) {
        b.args.aux = pattern;
        b.args.imm[0].i = 0;
    }
    bool groups =
        shape->rows == ROWS_GROUPS || shape->in[1] == IN_GROUP8 || shape->in[1] == IN_GROUP32;
    if (groups || shape->in[0] == IN_CODE) {
        b.args.aux_count = groups ? GROUPS : CODES;
        b.args.aux = bench_alloc(&b, (size_t)CODES * WIDE);
    }
    if (op == TQP_STEP_SEGMENT_SUM) {
        uint32_t *ends = bench_alloc(&b, ROWS / 4 * sizeof(uint32_t));
        for (uint32_t k = 0; k < ROWS / 4; k++)
            ends[k] = 4 * (k + 1);
        b.args.aux = ends;
        b.args.aux_count = ROWS / 4;
    }
    b.bits = bench_alloc(&b, ROWS / 8);
    for (uint32_t w = 0; w < ROWS / 64; w++)
        b.bits[w] = random_u64(&b.values.random);
    for (int k = 0; k < 3; k++)
        b.args.in[k] = bench_input(&b, shape->in[k], lane);
    for (uint32_t i = 0; i < ROWS && op == TQP_STEP_EXTRACT; i++)
        ((int64_t *)(void *)b.memory[1])[i] %= 10000; /* days */
    b.args.out = bench_alloc(&b, (size_t)ROWS * WIDE);
    printf("%-13s %-5s", tqp_step_name(op), tqp_lane_name(lane));
    for (TqpIsa isa = TQP_ISA_SCALAR; isa < TQP_ISA_COUNT; isa++) {
        if (tqp_backend_cpu(isa) == NULL)
            continue;
        TqpKernel kernel = tqp_backend_cpu(isa)->kernels[op][lane];
        b.args.guard = NULL;
        double all = time_kernel(&b, kernel);
        b.args.guard = b.bits;
        double half = time_kernel(&b, kernel);
        printf("  %s %7.2f %7.2f rows/ns", tqp_cpu_isa_name(isa), ROWS / all, ROWS / half);
    }
    printf("\n");
    for (uint32_t k = 0; k < b.nmemory; k++)
        free(b.memory[k]);
    for (uint32_t k = 0; k < b.values.nowned; k++)
        free(b.values.owned[k]);
    tqp_arena_free(&b.values.arena);
}

int bench_main(const char *only) {
    printf("%d rows; without and with a guard of half the rows\n", ROWS);
    for (TqpStepOp op = 0; op < TQP_STEP_KERNEL_COUNT; op++)
        for (TqpLane lane = 0; lane < TQP_LANE_COUNT; lane++)
            if (tqp_step_has_lane(op, lane) && strstr(tqp_step_name(op), only) != NULL)
                bench_op(op, lane);
    return 0;
}
