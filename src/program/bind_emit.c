/* Emission of steps into the open pipeline; an equal pure step gives the register it gave before.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "program/bind.h"

TqpBound tqp_bind_fail(TqpBinder *b, TqpStatus status, const char *fmt, ...) {
    if (b->status == TQP_OK) {
        char message[200];
        va_list args;
        va_start(args, fmt);
        vsnprintf(message, sizeof(message), fmt, args);
        va_end(args);
        b->status = tqp_error_set(b->err, status, "%s", message);
    }
    return tqp_bind_null((TqpType){.kind = TQP_TYPE_BOOL});
}

#define POLL_BYTES 131072u /* a millisecond or two of a host's comparator */
#define STEP_BYTES 32u     /* what a string costs beside its bytes */

bool tqp_bind_stopped(TqpBinder *b, uint64_t bytes) {
    const TqpHostPoll *poll = b->options.poll;
    b->work += STEP_BYTES + bytes;
    if (b->work >= POLL_BYTES) {
        b->work = 0;
        if (poll != NULL && poll->interrupted(poll->host))
            tqp_bind_fail(b, TQP_CANCELLED, "interrupted");
    }
    return b->status != TQP_OK;
}

TqpBound tqp_bind_no_memory(TqpBinder *b) {
    return tqp_bind_fail(b, b->a->failed != TQP_OK ? b->a->failed : TQP_NO_MEMORY,
                         "no memory for the program");
}

void *tqp_bind_zalloc(TqpBinder *b, size_t bytes) {
    void *p = tqp_arena_zalloc(b->a, bytes > 0 ? bytes : 1);
    if (p == NULL)
        tqp_bind_no_memory(b);
    return p;
}

void *tqp_bind_grow(TqpBinder *b, void *array, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap)
        return array;
    uint32_t cap2 = *cap < 16 ? 32 : *cap * 2;
    void *grown = tqp_bind_zalloc(b, cap2 * size);
    if (grown == NULL)
        return array;
    if (n > 0)
        memcpy(grown, array, n * size);
    *cap = cap2;
    return grown;
}

TqpStep tqp_bind_step(TqpStepOp op, TqpLane lane) {
    TqpStep step;
    memset(&step, 0, sizeof(step)); /* padding too: steps are compared by memcmp */
    step.op = (uint16_t)op;
    step.lane = (uint8_t)lane;
    step.out = step.out2 = step.guard = TQP_NO_REG;
    step.in[0] = step.in[1] = step.in[2] = TQP_NO_REG;
    return step;
}

uint16_t tqp_bind_new_reg(TqpBinder *b, TqpLane lane) {
    b->reg_lanes = tqp_bind_grow(b, b->reg_lanes, b->nregs, &b->regs_cap, 1);
    if (b->nregs >= TQP_NO_REG - 1)
        tqp_bind_fail(b, TQP_UNSUPPORTED, "query needs too many registers");
    if (b->status != TQP_OK)
        return 0;
    b->reg_lanes[b->nregs] = (uint8_t)lane;
    return (uint16_t)b->nregs++;
}

static bool same_step(const TqpStep *x, const TqpStep *y) {
    return x->op == y->op && x->lane == y->lane && x->guard == y->guard && x->column == y->column &&
           x->aux == y->aux && x->aux_count == y->aux_count &&
           memcmp(x->in, y->in, sizeof(x->in)) == 0 && memcmp(x->imm, y->imm, sizeof(x->imm)) == 0;
}

uint32_t tqp_bind_append_step(TqpBinder *b, const TqpStep *step) {
    b->steps = tqp_bind_grow(b, b->steps, b->nsteps, &b->steps_cap, sizeof(*b->steps));
    b->flags = tqp_bind_grow(b, b->flags, b->nsteps, &b->flags_cap, sizeof(*b->flags));
    if (b->status != TQP_OK)
        return 0;
    b->steps[b->nsteps] = *step;
    b->flags[b->nsteps] = 0;
    return b->nsteps++;
}

/* The step that gives the same as `step`, or NULL. */
static TqpStep *find_step(const TqpBinder *b, const TqpStep *step, int out_lane) {
    for (uint32_t i = b->nsteps; i-- > 0;) {
        TqpStep *s = &b->steps[i];
        int lane = s->out == TQP_NO_REG ? -1 : b->reg_lanes[s->out];
        if ((b->flags[i] & TQP_BIND_HIDDEN) == 0 && lane == out_lane && same_step(s, step))
            return s;
    }
    return NULL;
}

static TqpStep *find_or_append(TqpBinder *b, TqpStep *step, int out_lane) {
    TqpStep *found = find_step(b, step, out_lane);
    if (found != NULL)
        return found;
    if (out_lane >= 0)
        step->out = tqp_bind_new_reg(b, (TqpLane)out_lane);
    tqp_bind_append_step(b, step);
    return b->status == TQP_OK ? &b->steps[b->nsteps - 1] : step;
}

uint16_t tqp_bind_emit(TqpBinder *b, TqpStep *step, TqpLane out_lane) {
    return find_or_append(b, step, (int)out_lane)->out;
}

void tqp_bind_narrow(TqpBinder *b, TqpBindColumn *col, uint16_t matched) {
    col->s.valid = tqp_bind_mask_and(b, col->s.valid, matched);
    if (col->s.lane == TQP_LANE_MASK) /* a BOOL is 0 where it is NULL */
        col->s.reg = tqp_bind_mask_and(b, col->s.reg, matched);
}

void tqp_bind_emit_load(TqpBinder *b, uint32_t column) {
    TqpBindColumn *col = &b->source.columns[column];
    TqpBindBuild *build = col->build;
    TqpStep step = tqp_bind_step(build != NULL ? TQP_STEP_FETCH : TQP_STEP_LOAD, col->s.lane);
    step.column = column;
    if (build != NULL) {
        step.column = tqp_bind_build_column(b, build, &col->built);
        step.in[0] = build->rows;
        step.imm[1].i = build->number;
    }
    step.imm[0].i = col->s.bias;
    step.out = col->s.reg = tqp_bind_new_reg(b, col->s.lane);
    if (build != NULL ? col->built.valid != TQP_NO_REG : col->nullable)
        step.out2 = col->s.valid = tqp_bind_new_reg(b, TQP_LANE_MASK);
    col->loaded = true;
    tqp_bind_append_step(b, &step);
    if (build != NULL)
        tqp_bind_narrow(b, col, build->matched);
}

uint16_t tqp_bind_guard(TqpBinder *b, uint16_t valid) {
    return tqp_bind_mask_and(b, b->guard, valid);
}

uint16_t tqp_bind_emit_raising(TqpBinder *b, TqpStep *step, int out_lane, uint16_t valid) {
    b->loose = true;
    step->guard = tqp_bind_guard(b, valid);
    TqpStep *s = find_or_append(b, step, out_lane);
    if (b->status == TQP_OK)
        b->flags[s - b->steps] |= TQP_BIND_RAISING;
    return s->out;
}

uint16_t tqp_bind_unary(TqpBinder *b, TqpStepOp op, TqpLane lane, uint16_t x, int64_t imm,
                        TqpLane out_lane) {
    TqpStep step = tqp_bind_step(op, lane);
    step.in[0] = x;
    if (lane == TQP_LANE_I128 && out_lane == TQP_LANE_I128)
        step.imm[0].w = imm;
    else
        step.imm[0].i = imm;
    return tqp_bind_emit(b, &step, out_lane);
}

uint16_t tqp_bind_binary(TqpBinder *b, TqpStepOp op, TqpLane lane, uint16_t x, uint16_t y,
                         TqpLane out_lane) {
    TqpStep step = tqp_bind_step(op, lane);
    step.in[0] = x;
    step.in[1] = y;
    return tqp_bind_emit(b, &step, out_lane);
}

uint16_t tqp_bind_lut(TqpBinder *b, TqpStepOp op, TqpLane lane, uint16_t x, const void *aux,
                      uint32_t count, TqpLane out_lane) {
    TqpStep step = tqp_bind_step(op, lane);
    step.in[0] = x;
    step.aux = aux;
    step.aux_count = count;
    return tqp_bind_emit(b, &step, out_lane);
}

uint16_t tqp_bind_select(TqpBinder *b, TqpLane lane, uint16_t yes, uint16_t no, uint16_t mask) {
    if (yes == no || mask == TQP_NO_REG)
        return yes;
    TqpStep step = tqp_bind_step(TQP_STEP_SELECT, lane);
    step.in[0] = yes;
    step.in[1] = no;
    step.in[2] = mask;
    return tqp_bind_emit(b, &step, lane);
}

uint16_t tqp_bind_fill_int(TqpBinder *b, TqpLane lane, TqpInt128 value) {
    TqpStep step = tqp_bind_step(TQP_STEP_FILL, lane);
    if (lane == TQP_LANE_I128)
        step.imm[0].w = value;
    else
        step.imm[0].i = (int64_t)value;
    return tqp_bind_emit(b, &step, lane);
}

void tqp_bind_filter_step(TqpBinder *b, uint16_t mask) {
    TqpStep step = tqp_bind_step(TQP_STEP_FILTER, TQP_LANE_MASK);
    step.in[0] = mask;
    find_or_append(b, &step, -1);
}

void tqp_bind_bound_step(TqpBinder *b, const TqpSlot *key, bool descending, bool nulls_first) {
    TqpStep step = tqp_bind_step(TQP_STEP_BOUND, key->lane);
    step.in[0] = key->reg;
    step.in[1] = key->valid;
    step.imm[1].i = descending;
    step.imm[2].i = nulls_first;
    find_or_append(b, &step, -1);
}

uint16_t tqp_bind_mask_and(TqpBinder *b, uint16_t x, uint16_t y) {
    if (x == TQP_NO_REG || x == y)
        return y;
    if (y == TQP_NO_REG)
        return x;
    if (x > y) { /* commutes: one form */
        uint16_t swap = x;
        x = y, y = swap;
    }
    return tqp_bind_binary(b, TQP_STEP_MASK_AND, TQP_LANE_MASK, x, y, TQP_LANE_MASK);
}

uint16_t tqp_bind_mask_or(TqpBinder *b, uint16_t x, uint16_t y) {
    if (x == TQP_NO_REG || y == TQP_NO_REG)
        return TQP_NO_REG;
    if (x == y)
        return x;
    if (x > y) {
        uint16_t swap = x;
        x = y, y = swap;
    }
    return tqp_bind_binary(b, TQP_STEP_MASK_OR, TQP_LANE_MASK, x, y, TQP_LANE_MASK);
}

uint16_t tqp_bind_mask_andnot(TqpBinder *b, uint16_t x, uint16_t y) {
    if (x == TQP_NO_REG)
        return tqp_bind_unary(b, TQP_STEP_MASK_NOT, TQP_LANE_MASK, y, 0, TQP_LANE_MASK);
    return tqp_bind_binary(b, TQP_STEP_MASK_ANDNOT, TQP_LANE_MASK, x, y, TQP_LANE_MASK);
}

uint16_t tqp_bind_mask_xor(TqpBinder *b, uint16_t x, uint16_t y) {
    return tqp_bind_binary(b, TQP_STEP_MASK_XOR, TQP_LANE_MASK, x, y, TQP_LANE_MASK);
}

uint16_t tqp_bind_mask_fill(TqpBinder *b, bool value) {
    TqpStep step = tqp_bind_step(TQP_STEP_MASK_FILL, TQP_LANE_MASK);
    step.imm[0].i = value;
    return tqp_bind_emit(b, &step, TQP_LANE_MASK);
}
