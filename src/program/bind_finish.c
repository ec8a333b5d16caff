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
        if (acc->kind == TQP_ACC_PAIRS)
            visit(&acc->pair, fn, arg);
    }
}

static TqpProbe *probe_of(const TqpStep *step) {
    return (TqpProbe *)(uintptr_t)step->aux; /* the binder's own, like the sink's arrays */
}

static void visit_inputs(TqpStep *step, RegFn fn, void *arg) {
    for (int i = 0; i < 3; i++)
        visit(&step->in[i], fn, arg);
    visit(&step->guard, fn, arg);
    if (step->op != TQP_STEP_PROBE)
        return;
    const TqpProbe *probe = probe_of(step);
    for (uint32_t i = 0; i < probe->nkeys + probe->nbounds; i++)
        visit_slot((TqpSlot *)(uintptr_t)&probe->keys[i], fn, arg);
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

/* Does the step do more than give registers? */
static bool has_effect(const TqpStep *s) {
    if (is_filter(s) || s->op == TQP_STEP_MATCH)
        return true;
    if (s->op != TQP_STEP_PROBE)
        return false;
    const TqpProbe *p = probe_of(s);
    return p->kind == TQP_PROBE_ANY ||
           (p->kind == TQP_PROBE_PAIRS && !(p->outer && p->map->unique));
}

/*
 * What is read within a region of pairs is read again for its next tile: it lasts to the region's
 * end.
 */
static void prolong(const TqpBinder *b, Uses *u, const TqpStep *probe, uint32_t at) {
    uint32_t end = probe_of(probe)->end;
    bool *inside = tqp_bind_zalloc((TqpBinder *)(uintptr_t)b, b->nregs);
    for (uint32_t i = at; i < end && inside != NULL; i++) {
        if (b->steps[i].out != TQP_NO_REG)
            inside[b->steps[i].out] = true;
        if (b->steps[i].out2 != TQP_NO_REG)
            inside[b->steps[i].out2] = true;
    }
    for (uint32_t r = 0; r < b->nregs && inside != NULL; r++)
        if (!inside[r] && u->last[r] != NEVER && u->last[r] > at && u->last[r] < end)
            u->last[r] = end;
}

/* Backwards, so that the first use met is the last; marks dropped steps in `dead`. */
static void find_uses(TqpBinder *b, TqpSink *sink, Uses *u, bool *dead) {
    memset(u->last, 0xff, b->nregs * sizeof(*u->last));
    u->at = b->nsteps;
    visit_sink(sink, note_use, u);
    for (uint32_t i = b->nsteps; i-- > 0;) {
        TqpStep *s = &b->steps[i];
        dead[i] = !has_effect(s) && (b->flags[i] & TQP_BIND_RAISING) == 0 && !is_used(u, s->out) &&
                  !is_used(u, s->out2);
        if (dead[i])
            continue;
        if (s->out2 != TQP_NO_REG && !is_used(u, s->out2))
            s->out2 = TQP_NO_REG;
        else if ((s->op == TQP_STEP_LOAD || s->op == TQP_STEP_FETCH) && !is_used(u, s->out))
            s->out = TQP_NO_REG; /* a column read for its validity alone */
        u->at = i;
        visit_inputs(s, note_use, u);
    }
    for (uint32_t i = 0; i < b->nsteps; i++)
        if (b->steps[i].op == TQP_STEP_PROBE && probe_of(&b->steps[i])->kind == TQP_PROBE_ANY)
            prolong(b, u, &b->steps[i], i);
}

/* ---- registers ---- */

typedef struct Alloc {
    uint16_t *map;      /* old register -> new */
    uint8_t *new_lanes; /* of new registers */
    uint32_t nnew;
    uint16_t *free_regs; /* new registers at rest */
    uint32_t nfree;
    bool *released; /* per old register */
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

typedef struct Release {
    Alloc *al;
    const Uses *u;
    uint32_t at;
} Release;

static void release_reg(uint16_t *reg, void *arg) {
    Release *r = arg;
    if (r->u->last[*reg] != r->at || r->al->released[*reg])
        return;
    r->al->released[*reg] = true;
    r->al->free_regs[r->al->nfree++] = r->al->map[*reg];
}

/* Registers whose last reader was step `at`, or that nobody reads. */
static void release(Alloc *al, const Uses *u, TqpStep *old, uint32_t at) {
    Release r = {al, u, at};
    visit_inputs(old, release_reg, &r);
    r.at = NEVER;
    visit_outputs(old, release_reg, &r);
}

/*
 * Registers that last to the end of a region: visited by nobody there.  Behind the MATCH they are
 * free.
 */
static void release_region(Alloc *al, const Uses *u, uint32_t nregs, const uint8_t *defined,
                           uint32_t at) {
    Release r = {al, u, at};
    for (uint32_t i = 0; i < nregs; i++) {
        uint16_t reg = (uint16_t)i;
        if (defined[i])
            release_reg(&reg, &r);
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

static void mark_read(uint16_t *reg, void *arg) {
    ((uint8_t *)arg)[*reg] = 1;
}

/* Of a region of pairs: old registers defined before it that its steps read. */
static void set_region_live(TqpBinder *b, const Alloc *al, const uint8_t *defined, const bool *dead,
                            TqpStep *step, uint32_t at) {
    uint16_t *live = tqp_bind_zalloc(b, b->nregs * sizeof(*live));
    uint8_t *read = tqp_bind_zalloc(b, b->nregs);
    for (uint32_t i = at + 1; i <= probe_of(step)->end && read != NULL; i++)
        if (!dead[i])
            visit_inputs(&b->steps[i], mark_read, read);
    for (uint32_t r = 0; r < b->nregs && read != NULL && live != NULL; r++)
        if (defined[r] && read[r])
            live[step->nlive++] = al->map[r];
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

/* A PROBE's inputs are renamed in place, those of the copied step's aux. */
static void give_step(TqpBinder *b, const Uses *u, Alloc *al, uint8_t *defined, const bool *dead,
                      TqpStep *s, uint32_t at) {
    TqpStep *old = &b->steps[at];
    TqpStep outs = *old;
    visit_outputs(&outs, give_reg, al);
    visit_outputs(s, rename_reg, al);
    bool any = s->op == TQP_STEP_PROBE && probe_of(s)->kind == TQP_PROBE_ANY;
    bool pairs = s->op == TQP_STEP_PROBE && probe_of(s)->kind == TQP_PROBE_PAIRS;
    if (is_filter(s) || pairs)
        set_live(b, u, al, defined, s, at);
    else if (any)
        set_region_live(b, al, defined, dead, s, at);
    visit_outputs(&outs, mark_defined, defined);
    release(al, u, old, at);
    if (old->op == TQP_STEP_MATCH)
        release_region(al, u, b->nregs, defined, at);
    visit_inputs(s, rename_reg, al);
}

/* Close the builds that a live PROBE reads, and say their pipelines. */
static void finish_builds(TqpBinder *b, const bool *dead) {
    bool *used = tqp_bind_zalloc(b, b->nbuilds);
    for (uint32_t i = 0; i < b->nsteps && b->status == TQP_OK; i++)
        if (b->steps[i].op == TQP_STEP_PROBE && !dead[i])
            used[b->steps[i].imm[1].i] = true;
    for (uint32_t i = 0; i < b->nbuilds && b->status == TQP_OK; i++) {
        TqpBindBuild *build = b->builds[i];
        if (!used[i])
            continue;
        TqpSink sink = {.kind = TQP_SINK_COLLECT,
                        .map = build->map,
                        .ncolumns = build->ncolumns,
                        .columns = build->columns,
                        .noutputs = build->ncolumns,
                        .limit = -1,
                        .group = TQP_NO_REG};
        tqp_bind_swap(b, build->open);
        tqp_bind_finish(b, &sink);
        tqp_bind_swap(b, build->open);
        build->pipeline = b->npipelines - 1;
    }
    for (uint32_t i = 0; i < b->nsteps && b->status == TQP_OK; i++) {
        TqpStep *s = &b->steps[i];
        if (dead[i] || (s->op != TQP_STEP_PROBE && s->op != TQP_STEP_FETCH))
            continue;
        s->imm[1].i = b->builds[s->imm[1].i]->pipeline;
        if (s->op == TQP_STEP_PROBE)
            probe_of(s)->pipeline = (uint32_t)s->imm[1].i;
    }
}

static void add_pipeline(TqpBinder *b, const Alloc *al, const TqpStep *steps, uint32_t n,
                         const TqpSink *sink) {
    b->pipelines =
        tqp_bind_grow(b, b->pipelines, b->npipelines, &b->pipelines_cap, sizeof(*b->pipelines));
    if (b->status != TQP_OK)
        return;
    b->pipelines[b->npipelines++] = (TqpPipeline){.source_kind = b->source.kind,
                                                  .nsources = b->source.nsources,
                                                  .sources = b->source.sources,
                                                  .values = b->source.values,
                                                  .nregs = al->nnew,
                                                  .reg_lanes = al->new_lanes,
                                                  .nsteps = n,
                                                  .steps = steps,
                                                  .nprunes = b->nprunes,
                                                  .prunes = b->prunes,
                                                  .sink = *sink};
}

void tqp_bind_finish(TqpBinder *b, TqpSink *sink) {
    Uses u = {.last = tqp_bind_zalloc(b, b->nregs * sizeof(*u.last))};
    Alloc al = {.map = tqp_bind_zalloc(b, b->nregs * sizeof(*al.map)),
                .new_lanes = tqp_bind_zalloc(b, b->nregs),
                .released = tqp_bind_zalloc(b, b->nregs),
                .free_regs = tqp_bind_zalloc(b, (b->nregs + 1) * sizeof(*al.free_regs)),
                .old_lanes = b->reg_lanes};
    bool *dead = tqp_bind_zalloc(b, b->nsteps * sizeof(*dead));
    uint8_t *defined = tqp_bind_zalloc(b, b->nregs);
    TqpStep *steps = tqp_bind_zalloc(b, b->nsteps * sizeof(*steps));
    uint32_t *place = tqp_bind_zalloc(b, b->nsteps * sizeof(*place));
    uint32_t n = 0;
    if (b->status != TQP_OK)
        return;
    find_uses(b, sink, &u, dead);
    finish_builds(b, dead);
    for (uint32_t i = 0; i < b->nsteps && b->status == TQP_OK; i++) {
        if (dead[i])
            continue;
        place[i] = n;
        steps[n] = b->steps[i];
        give_step(b, &u, &al, defined, dead, &steps[n++], i);
    }
    if (b->status != TQP_OK)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (steps[i].op == TQP_STEP_PROBE && probe_of(&steps[i])->kind == TQP_PROBE_ANY)
            probe_of(&steps[i])->end = place[probe_of(&steps[i])->end];
    mark_lazy(steps, n);
    visit_sink(sink, rename_reg, &al);
    add_pipeline(b, &al, steps, n, sink);
}
