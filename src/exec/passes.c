/* Which pipelines can work in passes, and the choice among them. */
#include "exec/passes.h"

#define CLAIMED_MIN 0.05 /* of the source: less says nothing about the rest */
#define LEAST       64   /* parts of the limit: what a pipeline has, for it to matter */
#define LESS        0.9  /* of what was needed before counts as less */
#define VAIN_MAX    2u   /* first ranges of keys may have been too uneven */

/* ---- what can be made in shards ---- */

static bool has_views(uint32_t n, const TqpSlot *slots) {
    for (uint32_t i = 0; i < n; i++)
        if (slots[i].lane == TQP_LANE_VIEW)
            return true;
    return false;
}

/* Does the sink hold strings: of what its pipeline reads, or in its result? */
static bool holds_views(const TqpSink *sink) {
    if (sink->kind == TQP_SINK_COLLECT)
        return has_views(sink->ncolumns, sink->columns);
    for (uint32_t a = 0; a < sink->naccs; a++)
        if (sink->accs[a].arg.lane == TQP_LANE_VIEW || sink->accs[a].result.lane == TQP_LANE_VIEW)
            return true;
    return has_views(sink->nkeys, sink->keys);
}

static bool is_source(const TqpPipeline *reader, uint32_t p) {
    for (uint32_t k = 0; reader->source_kind == TQP_SOURCE_RESULT && k < reader->nsources; k++)
        if (reader->sources[k] == p)
            return true;
    return false;
}

/* PROBE and FETCH steps of the reader that need what p builds. */
static uint32_t count_uses(const TqpPipeline *reader, uint32_t p, uint32_t *probes) {
    uint32_t uses = 0;
    for (uint32_t s = 0; s < reader->nsteps; s++) {
        const TqpStep *step = &reader->steps[s];
        const TqpProbe *probe = step->op == TQP_STEP_PROBE ? step->aux : NULL;
        *probes += probe != NULL && probe->pipeline == p;
        uses += probe != NULL && probe->pipeline == p;
        uses += step->op == TQP_STEP_FETCH && step->imm[1].i == p;
    }
    return uses;
}

/*
 * Each row probes in the pass of its key.  Not within the pairs of an EXISTS around, whose MATCH
 * needs all pairs of a row at once; nor where NULL of IN depends on all rows of the build.
 */
static bool probes_by_shard(const TqpPipeline *reader, uint32_t p) {
    uint32_t end = 0;
    for (uint32_t s = 0; s < reader->nsteps; s++) {
        const TqpStep *step = &reader->steps[s];
        const TqpProbe *probe = step->op == TQP_STEP_PROBE ? step->aux : NULL;
        if (probe == NULL)
            continue;
        if (probe->pipeline == p)
            return s >= end && !(probe->kind == TQP_PROBE_EXISTS && step->out2 != TQP_NO_REG);
        if (probe->kind == TQP_PROBE_ANY)
            end = probe->end > end ? probe->end : end;
    }
    return false;
}

/* Scans of shards bring a reader's rows in another order: not where sums of floats depend on it. */
static bool has_free_order(const TqpProgram *program, uint32_t reader) {
    for (uint32_t p = reader; p < program->npipelines; p++)
        if (program->pipelines[p].sink.fixed_order)
            return false;
    return true;
}

/*
 * The only reader of p, when it can read shards.  Strings in a result die with their shard, so the
 * reader must not keep any; those of a build are of what its pipeline read.
 */
static uint32_t shard_reader(const TqpProgram *program, uint32_t p) {
    const TqpPipeline *pipeline = &program->pipelines[p];
    uint32_t reader = 0;
    if (!tqp_shard_applies(pipeline))
        return 0;
    for (uint32_t q = p + 1; q < program->npipelines; q++) {
        const TqpPipeline *other = &program->pipelines[q];
        uint32_t probes = 0, uses = count_uses(other, p, &probes);
        bool scans = is_source(other, p);
        if (uses == 0 && !scans)
            continue;
        if (reader != 0 || !has_free_order(program, q))
            return 0;
        if (scans && (uses > 0 || other->nsources != 1 ||
                      (holds_views(&pipeline->sink) && holds_views(&other->sink))))
            return 0;
        if (!scans && (probes != 1 || !probes_by_shard(other, p)))
            return 0;
        reader = q;
    }
    return reader;
}

TqpShard tqp_passes_shard(const TqpPasses *passes, uint32_t p, uint32_t number) {
    return (TqpShard){number, passes->of[p], passes->vain[p] > 0};
}

uint32_t tqp_passes_scans(const TqpPasses *passes, uint32_t p) {
    uint32_t scans = 1;
    for (uint32_t q = 0; q < p; q++)
        if (tqp_passes_feeds(passes, q, p))
            scans *= passes->of[q];
    return scans;
}

/* How often p reads its source, at most: it runs once for each scan of its reader. */
static uint64_t total_scans(const TqpPasses *passes, uint32_t p) {
    uint64_t runs = 1;
    for (uint32_t q = p; passes->of[q] > 1; q = passes->reader[q])
        runs *= tqp_passes_scans(passes, passes->reader[q]);
    return runs * tqp_passes_scans(passes, p);
}

static bool may_double(const TqpPasses *passes, uint32_t p) {
    if (passes->reader[p] == 0)
        return false;
    passes->of[p] *= 2;
    bool can = true; /* scans of any source stay few */
    for (uint32_t q = 0; q < passes->program->npipelines; q++)
        can = can && total_scans(passes, q) <= TQP_PASSES_MAX;
    passes->of[p] /= 2;
    return can;
}

TqpStatus tqp_passes_init(TqpPasses *passes, TqpArena *arena, const TqpProgram *program,
                          uint32_t least) {
    uint32_t n = program->npipelines;
    *passes = (TqpPasses){.program = program};
    passes->of = tqp_arena_alloc(arena, n * sizeof(uint32_t));
    passes->vain = tqp_arena_zalloc(arena, n * sizeof(uint32_t));
    passes->need = tqp_arena_zalloc(arena, n * sizeof(double));
    passes->reader = tqp_arena_alloc(arena, n * sizeof(uint32_t));
    passes->bytes = tqp_arena_zalloc(arena, n * sizeof(int64_t));
    passes->weight = tqp_arena_zalloc(arena, n * sizeof(int64_t));
    passes->claimed = tqp_arena_zalloc(arena, n * sizeof(double));
    if (!passes->of || !passes->vain || !passes->need || !passes->reader || !passes->bytes ||
        !passes->weight || !passes->claimed)
        return arena->failed != TQP_OK ? arena->failed : TQP_NO_MEMORY;
    for (uint32_t p = 0; p < n; p++) {
        passes->of[p] = 1;
        passes->reader[p] = shard_reader(program, p);
    }
    for (uint32_t p = 0; p < n; p++)
        while (passes->of[p] < least && may_double(passes, p))
            passes->of[p] *= 2;
    return TQP_OK;
}

/* ---- the choice ---- */

static int64_t weight_of_shards(const TqpPasses *passes, uint32_t p) {
    int64_t sum = 0;
    for (uint32_t q = 0; q < p; q++)
        if (tqp_passes_feeds(passes, q, p))
            sum += passes->weight[q] + weight_of_shards(passes, q);
    return sum;
}

void tqp_passes_note(TqpPasses *passes, uint32_t p, int64_t before, int64_t used, int64_t work,
                     double claimed) {
    if (!passes->noted) {
        passes->noted = true;
        passes->failed = p;
        passes->used = used;
        for (uint32_t q = 0; q < passes->program->npipelines; q++) {
            passes->weight[q] = passes->bytes[q];
            passes->claimed[q] = 1;
        }
    }
    passes->claimed[p] = claimed;
    int64_t own = passes->used - before - weight_of_shards(passes, p);
    own -= passes->failed == p ? work : 0;
    passes->weight[p] = own > 0 ? own : 0;
}

/* What a pipeline would need in all if the rest of its source is like what it has read. */
static double need_of(const TqpPasses *passes, uint32_t p, int64_t weight) {
    double claimed = passes->claimed[p];
    return (double)weight / (claimed > CLAIMED_MIN ? claimed : CLAIMED_MIN);
}

/* Bytes that rows which can be in no shards will need beyond what they had; groups are not rows. */
static double need_of_rest(const TqpPasses *passes) {
    double rest = 0;
    for (uint32_t p = 0; p < passes->program->npipelines; p++) {
        const TqpSink *sink = &passes->program->pipelines[p].sink;
        double weight = (double)passes->weight[p];
        if (passes->reader[p] == 0 && sink->kind == TQP_SINK_COLLECT && sink->limit < 0 &&
            passes->claimed[p] >= CLAIMED_MIN)
            rest += weight / passes->claimed[p] - weight;
    }
    return rest;
}

/* Twice as many; or as many as it takes, where states are to be put together, too. */
static uint32_t next_passes(const TqpPasses *passes, uint32_t p, double room) {
    uint32_t of = passes->of[p] * 2;
    bool failed = p == passes->failed;
    if (room <= 0 || (failed && (passes->claimed[p] < CLAIMED_MIN || passes->claimed[p] >= 1)))
        return of;
    double need = (failed ? 2 : 1) * need_of(passes, p, passes->weight[p]) * passes->of[p];
    while (of < TQP_PASSES_MAX && need > room * of)
        of *= 2;
    return of;
}

/*
 * Did it get less from the last time on that it was chosen?  When it never does, it is the work
 * that takes the memory, and passes are for others.
 */
static void note_progress(TqpPasses *passes, uint32_t p, int64_t weight) {
    if (passes->need[p] > 0 && need_of(passes, p, weight) > passes->need[p] * LESS &&
        ++passes->vain[p] == VAIN_MAX)
        passes->of[p] = 1;
    passes->need[p] = 0;
}

bool tqp_passes_more(TqpPasses *passes, const TqpBroker *broker) {
    uint32_t n = passes->program->npipelines, best = n;
    if (broker == NULL || broker->limit <= 0 || !passes->noted)
        return false;
    int64_t refused = atomic_load(&broker->refused), sum = 0, most = 0;
    for (uint32_t p = 0; p < n; p++) {
        int64_t weight = passes->weight[p] + (p == passes->failed ? refused : 0);
        note_progress(passes, p, weight);
        if (weight == 0 || passes->vain[p] >= VAIN_MAX || !may_double(passes, p))
            continue;
        sum += weight;
        if (weight > most)
            best = p;
        most = weight > most ? weight : most;
    }
    /* All that shards could save must make room for the rest, and each is worth a try. */
    double more = need_of_rest(passes) + (double)refused;
    if (best == n || (double)(passes->used - sum) + more > (double)broker->limit ||
        most < broker->limit / LEAST)
        return false;
    double used = (double)(passes->used - passes->weight[best]) + more;
    uint32_t want = next_passes(passes, best, (double)broker->limit - used);
    passes->need[best] = need_of(passes, best, most);
    do
        passes->of[best] *= 2;
    while (passes->of[best] < want && may_double(passes, best));
    passes->noted = false;
    return true;
}
