/*
 * The end of a pipeline: steps that nothing reads are dropped, each FILTER learns which registers
 * live across it, and registers are reused, so that a tile's working set stays in the cache.
 */
#include <string.h>

#include "program/bind.h"

#define NEVER UINT32_MAX

typedef void (*RegFn)(uint16_t *reg, void *arg);

static void visit(uint16_t *reg, RegFn fn, void *arg) {
    if (*reg != TQP_NO_REG)
        fn(reg, arg);
}

static void visit_slot(TqpSlot *s, RegFn fn, void *arg) {
    visit(&s->reg, fn, arg);
    visit(&s->valid, fn, arg);
}

/* All registers that the sink reads.  Its arrays are the binder's own, still to be published. */
static void visit_sink(TqpSink *sink, RegFn fn, void *arg) {
    for (uint32_t i = 0; i < sink->ncolumns; i++)
        visit_slot((TqpSlot *)(uintptr_t)&sink->columns[i], fn, arg);
    for (uint32_t i = 0; i < sink->nkeys; i++)
        visit_slot((TqpSlot *)(uintptr_t)&sink->keys[i], fn, arg);
    visit(&sink->group, fn, arg);
    for (uint32_t i = 0; i < sink->naccs; i++) {
        TqpAccumulator *acc = (TqpAccumulator *)(uintptr_t)&sink->accs[i];
        visit_slot(&acc->arg, fn, arg);
        visit(&acc->filter, fn, arg);
        if (acc->factor.times != 0)
            visit(&acc->factor.reg, fn, arg);
    }
}

static void visit_inputs(TqpStep *step, RegFn fn, void *arg) {
    for (int i = 0; i < 3; i++)
        visit(&step->in[i], fn, arg);
    visit(&step->guard, fn, arg);
}

static void visit_outputs(TqpStep *step, RegFn fn, void *arg) {
    visit(&step->out, fn, arg);
    visit(&step->out2, fn, arg);
}

/* ---- dead steps ---- */

typedef struct Uses {
    uint32_t *last; /* per register: index of the last step that reads it, NEVER, or nsteps: sink */
    uint32_t at;
} Uses;

static void note_use(uint16_t *reg, void *arg) {
    Uses *u = arg;
    if (u->last[*reg] == NEVER)
        u->last[*reg] = u->at;
}

static bool is_used(const Uses *u, uint16_t reg) {
    return reg != TQP_NO_REG && u->last[reg] != NEVER;
}

static bool is_filter(const TqpStep *s) {
    return s->op == TQP_STEP_FILTER || s->op == TQP_STEP_BOUND;
}

/* Backwards, so that the first use met is the last; marks dropped steps in `dead`. */
static void find_uses(TqpBinder *b, TqpSink *sink, Uses *u, bool *dead) {
    memset(u->last, 0xff, b->nregs * sizeof(*u->last));
    u->at = b->nsteps;
    visit_sink(sink, note_use, u);
    for (uint32_t i = b->nsteps; i-- > 0;) {
        TqpStep *s = &b->steps[i];
        dead[i] = !is_filter(s) && !b->raising[i] && !is_used(u, s->out) && !is_used(u, s->out2);
        if (dead[i])
            continue;
        if (s->out2 != TQP_NO_REG && !is_used(u, s->out2))
            s->out2 = TQP_NO_REG;
        else if (s->op == TQP_STEP_LOAD && !is_used(u, s->out))
            s->out = TQP_NO_REG; /* a column read for its validity alone */
        u->at = i;
        visit_inputs(s, note_use, u);
    }
}

/* ---- registers ---- */

typedef struct Alloc {
    uint16_t *map;      /* old register -> new */
    uint8_t *new_lanes; /* of new registers */
    uint32_t nnew;
    uint16_t *free_regs; /* new registers at rest */
    uint32_t nfree;
    const uint8_t *old_lanes;
} Alloc;

static void give_reg(uint16_t *reg, void *arg) {
    Alloc *al = arg;
    uint8_t lane = al->old_lanes[*reg];
    for (uint32_t i = al->nfree; i-- > 0;) {
        uint16_t r = al->free_regs[i];
        if (al->new_lanes[r] != lane)
            continue;
        al->free_regs[i] = al->free_regs[--al->nfree];
        al->map[*reg] = r;
        return;
    }
    al->new_lanes[al->nnew] = lane;
    al->map[*reg] = (uint16_t)al->nnew++;
}

static void rename_reg(uint16_t *reg, void *arg) {
    *reg = ((Alloc *)arg)->map[*reg];
}

/* Registers whose last reader was step `at`, or that nobody reads. */
static void release(Alloc *al, const Uses *u, const TqpStep *old, uint32_t at) {
    const uint16_t regs[] = {old->in[0], old->in[1], old->in[2], old->guard, old->out, old->out2};
    for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
        uint16_t r = regs[i];
        bool last = r != TQP_NO_REG && (u->last[r] == at || (i >= 4 && u->last[r] == NEVER));
        for (size_t k = 0; k < i && last; k++)
            last = regs[k] != r;
        if (last)
            al->free_regs[al->nfree++] = al->map[r];
    }
}

/* Old registers defined before step `at` and read after it, as new ones. */
static void set_live(TqpBinder *b, const Uses *u, const Alloc *al, const uint8_t *defined,
                     TqpStep *step, uint32_t at) {
    uint16_t *live = tqp_bind_zalloc(b, b->nregs * sizeof(*live));
    for (uint32_t r = 0; r < b->nregs && live != NULL; r++) {
        if (defined[r] && u->last[r] != NEVER && u->last[r] > at)
            live[step->nlive++] = al->map[r];
    }
    step->live = live;
}

/* Steps so cheap by the row that gathering a few of them costs more than computing them all. */
static bool is_cheap(const TqpStep *s) {
    if (s->op == TQP_STEP_LOAD || s->op <= TQP_STEP_BETWEEN_RI)
        return s->lane <= TQP_LANE_U32;
    return s->op >= TQP_STEP_MASK_AND && s->op <= TQP_STEP_LUT_MASK;
}

/* A FILTER that only cheap steps part from the next one need not compact the tile: imm[0]. */
static void mark_lazy(TqpStep *steps, uint32_t n) {
    bool lazy = false;
    for (uint32_t i = n; i-- > 0;) {
        if (is_filter(&steps[i])) {
            steps[i].imm[0].i = lazy;
            lazy = true;
        } else {
            lazy &= is_cheap(&steps[i]);
        }
    }
}

static void mark_defined(uint16_t *reg, void *arg) {
    ((uint8_t *)arg)[*reg] = 1;
}

void tqp_bind_finish(TqpBinder *b, TqpSink *sink) {
    Uses u = {.last = tqp_bind_zalloc(b, b->nregs * sizeof(*u.last))};
    Alloc al = {.map = tqp_bind_zalloc(b, b->nregs * sizeof(*al.map)),
                .new_lanes = tqp_bind_zalloc(b, b->nregs),
                .free_regs = tqp_bind_zalloc(b, (b->nregs + 1) * sizeof(*al.free_regs)),
                .old_lanes = b->reg_lanes};
    bool *dead = tqp_bind_zalloc(b, b->nsteps * sizeof(*dead));
    uint8_t *defined = tqp_bind_zalloc(b, b->nregs);
    TqpStep *steps = tqp_bind_zalloc(b, b->nsteps * sizeof(*steps));
    uint32_t n = 0;
    b->pipelines =
        tqp_bind_grow(b, b->pipelines, b->npipelines, &b->pipelines_cap, sizeof(*b->pipelines));
    if (b->status != TQP_OK)
        return;
    find_uses(b, sink, &u, dead);
    for (uint32_t i = 0; i < b->nsteps; i++) {
        if (dead[i])
            continue;
        const TqpStep *old = &b->steps[i];
        TqpStep *s = &steps[n++];
        *s = *old;
        visit_inputs(s, rename_reg, &al);
        TqpStep outs = *old;
        visit_outputs(&outs, give_reg, &al);
        visit_outputs(s, rename_reg, &al);
        visit_outputs(&outs, mark_defined, defined);
        if (is_filter(s))
            set_live(b, &u, &al, defined, s, i);
        release(&al, &u, old, i);
    }
    mark_lazy(steps, n);
    visit_sink(sink, rename_reg, &al);
    uint32_t *source = tqp_bind_zalloc(b, sizeof(*source));
    *source = b->source.index;
    b->pipelines[b->npipelines++] = (TqpPipeline){.source_kind = b->source.kind,
                                                  .nsources = 1,
                                                  .sources = source,
                                                  .nregs = al.nnew,
                                                  .reg_lanes = al.new_lanes,
                                                  .nsteps = n,
                                                  .steps = steps,
                                                  .nprunes = b->nprunes,
                                                  .prunes = b->prunes,
                                                  .sink = *sink};
}
