/* For the executor's tests: programs put together by hand. */
#ifndef TQP_TEST_EXEC_BUILD_H
#define TQP_TEST_EXEC_BUILD_H

#include "exec_data.h"

typedef struct Build {
    TqpArena arena;
    TqpPipeline pipelines[8];
    TqpStep steps[64]; /* of the open pipeline */
    uint32_t nsteps;
    uint8_t lanes[64];
    uint32_t nregs;
    TqpProgram program;
} Build;

static inline uint16_t build_reg(Build *b, TqpLane lane) {
    b->lanes[b->nregs] = (uint8_t)lane;
    return (uint16_t)b->nregs++;
}

static inline TqpStep *build_step(Build *b, TqpStepOp op, TqpLane lane, uint16_t out, uint16_t in0,
                                  uint16_t in1) {
    TqpStep *step = &b->steps[b->nsteps++];
    *step = (TqpStep){.op = (uint16_t)op,
                      .lane = (uint8_t)lane,
                      .out = out,
                      .out2 = TQP_NO_REG,
                      .in = {in0, in1, TQP_NO_REG},
                      .guard = TQP_NO_REG};
    return step;
}

static inline TqpSlot build_load(Build *b, uint32_t column, TqpTypeKind kind, TqpLane lane,
                                 int64_t bias, bool nullable) {
    uint16_t reg = build_reg(b, lane);
    uint16_t valid = nullable ? build_reg(b, TQP_LANE_MASK) : TQP_NO_REG;
    TqpStep *step = build_step(b, TQP_STEP_LOAD, lane, reg, TQP_NO_REG, TQP_NO_REG);
    step->column = column;
    step->imm[0].i = bias;
    step->out2 = valid;
    return (TqpSlot){.reg = reg, .valid = valid, .type = {kind, 0, 0}, .lane = lane, .bias = bias};
}

/* WHERE register <= limit. */
static inline void build_filter_le(Build *b, TqpSlot slot, int64_t limit) {
    uint16_t mask = build_reg(b, TQP_LANE_MASK);
    build_step(b, TQP_STEP_LE_RI, slot.lane, mask, slot.reg, TQP_NO_REG)->imm[0].i = limit;
    build_step(b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, mask, TQP_NO_REG);
}

static inline void mark(bool *used, uint16_t reg) {
    if (reg != TQP_NO_REG)
        used[reg] = true;
}

static inline void mark_sink(bool *used, const TqpSink *sink) {
    for (uint32_t c = 0; c < sink->ncolumns; c++) {
        mark(used, sink->columns[c].reg);
        mark(used, sink->columns[c].valid);
    }
    for (uint32_t k = 0; sink->grouping == TQP_GROUP_HASH && k < sink->nkeys; k++) {
        mark(used, sink->keys[k].reg);
        mark(used, sink->keys[k].valid);
    }
    if (sink->grouping == TQP_GROUP_DENSE)
        mark(used, sink->group);
    for (uint32_t a = 0; a < sink->naccs; a++) {
        mark(used, sink->accs[a].arg.reg);
        mark(used, sink->accs[a].arg.valid);
        mark(used, sink->accs[a].filter);
    }
}

static inline void mark_step(bool *used, const TqpStep *step) {
    for (int k = 0; k < 3; k++)
        mark(used, step->in[k]);
    mark(used, step->guard);
    const TqpProbe *probe = step->op == TQP_STEP_PROBE ? step->aux : NULL;
    for (uint32_t k = 0; probe != NULL && k < probe->nkeys + probe->nbounds; k++) {
        mark(used, probe->keys[k].reg);
        mark(used, probe->keys[k].valid);
    }
}

/* Registers computed before step f and read after it. */
static inline void set_live(Build *b, const TqpSink *sink, uint32_t f) {
    bool used[64] = {false}, defined[64] = {false};
    uint16_t *live = tqp_arena_zalloc(&b->arena, 64 * sizeof(uint16_t));
    mark_sink(used, sink);
    for (uint32_t s = 0; s < b->nsteps; s++) {
        if (s > f)
            mark_step(used, &b->steps[s]);
        if (s < f) {
            mark(defined, b->steps[s].out);
            mark(defined, b->steps[s].out2);
        }
    }
    b->steps[f].live = live;
    for (uint16_t r = 0; r < b->nregs; r++)
        if (used[r] && defined[r])
            live[b->steps[f].nlive++] = r;
}

static inline void *build_copy(Build *b, const void *data, size_t bytes) {
    void *copy = tqp_arena_alloc(&b->arena, bytes + 1);
    return bytes > 0 ? memcpy(copy, data, bytes) : copy;
}

/* Close the open pipeline and begin the next.  What the sink points to must outlive the build. */
static inline TqpPipeline *build_pipeline(Build *b, bool from_result, const TqpSink *sink) {
    for (uint32_t s = 0; s < b->nsteps; s++)
        if (b->steps[s].op == TQP_STEP_FILTER || b->steps[s].op == TQP_STEP_PROBE)
            set_live(b, sink, s);
    TqpPipeline *p = &b->pipelines[b->program.npipelines];
    uint32_t source = from_result ? b->program.npipelines - 1 : 0;
    *p = (TqpPipeline){.source_kind = from_result ? TQP_SOURCE_RESULT : TQP_SOURCE_RELATION,
                       .nsources = 1,
                       .sources = build_copy(b, &source, sizeof(source)),
                       .nregs = b->nregs,
                       .nsteps = b->nsteps,
                       .sink = *sink};
    p->reg_lanes = build_copy(b, b->lanes, b->nregs);
    p->steps = build_copy(b, b->steps, b->nsteps * sizeof(TqpStep));
    b->program.npipelines++;
    b->program.pipelines = b->pipelines;
    b->nsteps = b->nregs = 0;
    return p;
}

static inline void build_free(Build *b) {
    tqp_arena_free(&b->arena);
    memset(b, 0, sizeof(*b));
}

static inline TqpAccumulator acc_of(TqpAccKind kind, TqpSlot arg, TqpTypeKind type, TqpLane lane) {
    TqpSlot result = {.reg = TQP_NO_REG, .valid = TQP_NO_REG, .type = {type, 0, 0}, .lane = lane};
    return (TqpAccumulator){.kind = kind,
                            .arg = arg,
                            .filter = TQP_NO_REG,
                            .result = result,
                            .result_nullable = kind != TQP_ACC_COUNT};
}

static inline TqpAccumulator acc_count_star(void) {
    TqpSlot none = {.reg = TQP_NO_REG, .valid = TQP_NO_REG};
    return acc_of(TQP_ACC_COUNT, none, TQP_TYPE_I64, TQP_LANE_I64);
}

#endif
