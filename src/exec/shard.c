/* Which rows of a tile belong to a shard of the keys. */
#include "exec/shard.h"

#include <string.h>

#include "exec/probe.h"
#include "exec/run.h"

#define SPAN_MIN 64u /* fewer values are hashed: shards would be uneven */
#define SPAN_MAX (UINT32_MAX - 8)

/* Of a sink: how its keys are cut, and memory for a tile. */
typedef struct TqpShardState {
    const TqpMap *map; /* NULL: groups */
    uint32_t nkeys;
    const TqpSlot *keys; /* as the tile has them */
    TqpShardKey by;
    TqpKeyPlan plan; /* where keys are hashed */
    uint64_t *words;
    uint32_t *rows; /* of the tile; or places */
    uint64_t *mask, *keyed, *others;
} TqpShardState;

static uint64_t shard_width(TqpShard shard, uint64_t span) {
    return (span + shard.of - 1) / shard.of;
}

TqpPlaces tqp_shard_places(TqpShard shard, uint64_t span) {
    if (shard.of <= 1)
        return (TqpPlaces){0, span};
    uint64_t width = shard_width(shard, span), from = width * shard.number;
    from = from < span ? from : span - 1;
    return (TqpPlaces){from, span - from < width ? span - from : width};
}

const TqpMap *tqp_shard_map(TqpArena *arena, const TqpMap *map, TqpShard shard) {
    if (shard.of <= 1 || map->kind != TQP_MAP_DENSE)
        return map;
    TqpMap *copy = tqp_arena_alloc(arena, sizeof(*copy));
    if (copy == NULL)
        return NULL;
    TqpPlaces places = tqp_shard_places(shard, map->span);
    *copy = *map;
    copy->lo += (TqpInt128)places.from;
    copy->span = places.n;
    return copy;
}

bool tqp_shard_applies(const TqpPipeline *pipeline) {
    const TqpSink *sink = &pipeline->sink;
    if (sink->kind == TQP_SINK_AGGREGATE)
        return sink->nkeys > 0 && (sink->grouping == TQP_GROUP_HASH ||
                                   (sink->grouping == TQP_GROUP_DENSE &&
                                    pipeline->reg_lanes[sink->group] == TQP_LANE_U32));
    return (sink->map.kind == TQP_MAP_DENSE || sink->map.kind == TQP_MAP_HASH) &&
           sink->nsort == 0 && sink->limit < 0 && sink->offset <= 0 && sink->nhosts == 0;
}

/* ---- how keys are cut ---- */

static const TqpSlot *sink_key(const TqpSink *sink, uint32_t k) {
    if (sink->kind == TQP_SINK_AGGREGATE)
        return &sink->keys[k];
    return sink->map.columns[k] < sink->ncolumns ? &sink->columns[sink->map.columns[k]] : NULL;
}

static uint64_t span_of(const TqpSlot *slot) {
    if (slot == NULL || !slot->has_range || tqp_type_class(slot->type.kind) != TQP_CLASS_INT ||
        slot->lane < TQP_LANE_U8 || slot->lane > TQP_LANE_I64 || slot->min < INT64_MIN ||
        slot->max > INT64_MAX || slot->max < slot->min || slot->max - slot->min >= SPAN_MAX)
        return 0;
    return (uint64_t)(slot->max - slot->min) + 1;
}

TqpShardKey tqp_shard_key(const TqpPipeline *pipeline, bool hashed) {
    const TqpSink *sink = &pipeline->sink;
    TqpShardKey by = {.span = SPAN_MIN - 1};
    bool groups = sink->kind == TQP_SINK_AGGREGATE;
    if (!groups && sink->map.kind == TQP_MAP_DENSE)
        return (TqpShardKey){true, 0, sink->map.lo, sink->map.span};
    if (groups && sink->grouping == TQP_GROUP_DENSE)
        return (TqpShardKey){true, 0, sink->keys[0].bias, sink->ngroups};
    for (uint32_t k = 0; k < (groups ? sink->nkeys : sink->map.nkeys) && !hashed; k++) {
        const TqpSlot *slot = sink_key(sink, k);
        uint64_t span = span_of(slot);
        if (span > by.span)
            by = (TqpShardKey){true, k, slot->min, span};
    }
    return by;
}

/* ---- row groups ---- */

/* The column that a register holds when step `end` begins; false: none. */
static bool is_loaded(const TqpRun *run, uint32_t end, uint16_t reg, const TqpStep **load) {
    for (uint32_t s = end; s-- > 0;) {
        const TqpStep *step = &run->pipeline->steps[s];
        if (step->out != reg && step->out2 != reg)
            continue;
        *load = step;
        return step->op == TQP_STEP_LOAD && step->out == reg &&
               step->column < run->source->ncolumns &&
               tqp_type_class(run->source->columns[step->column].type.kind) == TQP_CLASS_INT;
    }
    return false;
}

/* Is each of the column's rows one of another shard? */
static bool is_elsewhere(const TqpTensor *tensor, const TqpShardKey *by, TqpShard shard) {
    TqpInt128 width = (TqpInt128)shard_width(shard, by->span), from = by->lo + width * shard.number;
    if (!tensor->has_range)
        return shard.number > 0; /* all are NULL */
    if (shard.number > 0)
        return tensor->max < from || tensor->min >= from + width ||
               tensor->min >= by->lo + (TqpInt128)by->span;
    return tensor->min >= from + width && tensor->max < by->lo + (TqpInt128)by->span;
}

/* always: each row has a key, as the value of this register. */
typedef struct LoadedKey {
    const TqpSlot *slot;
    uint16_t reg;
    bool always;
} LoadedKey;

/* What has no key is the first shard's. */
static bool skips(const TqpRun *run, const TqpRowGroup *group, uint32_t end, LoadedKey key,
                  const TqpShardKey *by, TqpShard shard) {
    const TqpStep *load;
    return by->ranged && shard.of > 1 && (shard.number > 0 || key.always) &&
           key.reg != TQP_NO_REG && is_loaded(run, end, key.reg, &load) &&
           load->imm[0].i == key.slot->bias &&
           is_elsewhere(&group->tensors[load->column], by, shard);
}

static bool skips_probe(const TqpRun *run, const TqpRowGroup *group, uint32_t s) {
    const TqpStep *step = &run->pipeline->steps[s];
    const TqpProbe *probe = step->aux;
    if (probe == NULL || probe->pipeline >= run->nbuilds)
        return false;
    const TqpBuild *build = &run->builds[probe->pipeline];
    if (build->map == NULL || build->by.key >= probe->nkeys)
        return false;
    const TqpSlot *key = &probe->keys[build->by.key];
    bool always = step->guard == TQP_NO_REG;
    for (uint32_t k = 0; k < probe->nkeys + probe->nbounds; k++)
        always = always && probe->keys[k].valid == TQP_NO_REG;
    return skips(run, group, s, (LoadedKey){key, key->reg, always}, &build->by, build->shard);
}

bool tqp_shard_skips(const TqpRun *run, const TqpRowGroup *group) {
    const TqpPipeline *pipeline = run->pipeline;
    const TqpSink *sink = &pipeline->sink;
    for (uint32_t s = 0; s < pipeline->nsteps; s++)
        if (pipeline->steps[s].op == TQP_STEP_PROBE && skips_probe(run, group, s))
            return true;
    if (run->shard.of <= 1)
        return false;
    TqpShardKey by = tqp_shard_key(pipeline, run->shard.hashed);
    bool dense = sink->kind == TQP_SINK_AGGREGATE && sink->grouping == TQP_GROUP_DENSE;
    if (!by.ranged || (dense && (sink->nkeys > 1 || sink->dense[0].nullable)))
        return false;
    const TqpSlot *slot = sink_key(sink, by.key);
    LoadedKey key = {slot, dense ? sink->group : slot->reg, slot->valid == TQP_NO_REG};
    return skips(run, group, pipeline->nsteps, key, &by, run->shard);
}

/* ---- masks ---- */

/* Rows whose place is within [from, to). */
static void in_places(const TqpTile *tile, const uint32_t *places, uint64_t from, uint64_t to,
                      uint64_t *out) {
    TqpKernelArgs args = {.n = tile->n, .out = out, .in = {places, NULL, NULL}};
    args.imm[0].i = (int64_t)from;
    args.imm[1].i = (int64_t)to - 1;
    if (from < to)
        tile->backend->kernels[TQP_STEP_BETWEEN_RI][TQP_LANE_U32](&args);
    else
        memset(out, 0, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
}

/* Those of the keyed rows that are of another shard; a place behind the last is the first's. */
static void other_places(const TqpTile *tile, const uint32_t *places, TqpShard shard, uint64_t span,
                         const uint64_t *keyed, uint64_t *out) {
    uint64_t width = shard_width(shard, span), from = width * shard.number, to = from + width;
    bool first = shard.number == 0;
    in_places(tile, places, first ? width : from, first || to > span ? span : to, out);
    for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++)
        out[w] = keyed[w] & (first ? out[w] : ~out[w]);
}

/* rows: memory for places. */
static void other_values(const TqpTile *tile, const TqpSlot *key, const TqpShardKey *by,
                         TqpShard shard, const uint64_t *keyed, uint32_t *rows, uint64_t *out) {
    const TqpMap map = {.lo = by->lo, .span = by->span};
    const TqpBuild whole = {.map = &map};
    tqp_build_index(&whole, tile->backend, TQP_STEP_INDEX, key, tile->regs[key->reg], tile->n,
                    rows);
    other_places(tile, rows, shard, by->span, keyed, out);
}

/* Tables place a key by the first bits of its hash, or from the middle on. */
static void other_hashes(TqpTile *tile, const TqpKeyPlan *plan, TqpShard shard,
                         const uint64_t *keyed, uint32_t *rows, uint64_t *words, uint64_t *out) {
    uint64_t hashes[TQP_KEY_BATCH];
    uint32_t n = 0;
    tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, rows, keyed, NULL, NULL,
                    (TqpScalar){.i = 0}, &n);
    tqp_key_pack_rows(plan, tile, rows, n, words);
    memset(out, 0, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    for (uint32_t done = 0; done < n; done += TQP_KEY_BATCH) {
        uint32_t batch = n - done < TQP_KEY_BATCH ? n - done : TQP_KEY_BATCH;
        tqp_key_hash(plan, words + (size_t)done * plan->nwords, batch, hashes);
        for (uint32_t i = 0; i < batch; i++)
            if ((hashes[i] & (shard.of - 1)) != shard.number)
                tqp_bitmap_set(out, rows[done + i]);
    }
}

static void and_valid(const TqpTile *tile, const TqpSlot *key, uint64_t *mask) {
    const uint64_t *valid = key->valid != TQP_NO_REG ? tile->regs[key->valid] : NULL;
    for (uint32_t w = 0; valid != NULL && w < tqp_bitmap_words(tile->n); w++)
        mask[w] &= valid[w];
}

/* ---- sinks ---- */

static TqpStatus plan_keys(TqpTile *tile, TqpShardState *state) {
    const TqpSink *sink = &tile->pipeline->sink;
    TqpArena *arena = &tile->arena;
    TqpSlot *slots = tqp_arena_alloc(arena, (state->nkeys + 1) * sizeof(TqpSlot));
    TqpSlot *keys = tqp_arena_alloc(arena, (state->nkeys + 1) * sizeof(TqpSlot));
    if (slots == NULL || keys == NULL)
        return tqp_exec_arena_status(arena);
    for (uint32_t k = 0; k < state->nkeys; k++) {
        if (sink_key(sink, k) == NULL)
            return TQP_INVALID;
        slots[k] = keys[k] = *sink_key(sink, k);
    }
    state->keys = keys;
    if (state->by.ranged)
        return TQP_OK;
    if (state->map == NULL)
        return tqp_key_plan(&state->plan, arena, state->nkeys, slots, false);
    TQP_TRY(tqp_build_key_plan(&state->plan, arena, state->map, slots));
    memcpy(slots, keys, state->nkeys * sizeof(TqpSlot));
    return TQP_OK;
}

TqpStatus tqp_shard_init(TqpTile *tile) {
    const TqpPipeline *pipeline = tile->pipeline;
    const TqpSink *sink = &pipeline->sink;
    TqpArena *arena = &tile->arena;
    size_t rows = tile->run->tile_rows;
    if (tile->run->shard.of <= 1)
        return TQP_OK;
    if (!tqp_shard_applies(pipeline))
        return TQP_INVALID;
    TqpShardState *state = tile->shard = tqp_arena_zalloc(arena, sizeof(TqpShardState));
    if (state == NULL)
        return tqp_exec_arena_status(arena);
    state->map = sink->kind == TQP_SINK_COLLECT ? &sink->map : NULL;
    state->nkeys = state->map != NULL ? sink->map.nkeys : sink->nkeys;
    state->by = tqp_shard_key(pipeline, tile->run->shard.hashed);
    TQP_TRY(plan_keys(tile, state));
    state->rows = tqp_arena_alloc(arena, rows * sizeof(uint32_t) + 64);
    state->mask = tqp_arena_zalloc(arena, rows / 8 + 64);
    state->keyed = tqp_arena_zalloc(arena, rows / 8 + 64);
    state->others = tqp_arena_zalloc(arena, rows / 8 + 64);
    state->words = tqp_arena_alloc(arena, rows * state->plan.nwords * sizeof(uint64_t) + 64);
    bool ok = state->rows && state->mask && state->keyed && state->others && state->words;
    return ok ? TQP_OK : tqp_exec_arena_status(arena);
}

/* mask: all rows for the sink; a NULL in a key that must equal something is in no map. */
static void select_rows(const TqpTile *tile, TqpShardState *state) {
    if (tile->sel != NULL)
        memcpy(state->mask, tile->sel, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    else
        tqp_bitmap_fill(state->mask, tile->n);
    for (uint32_t k = 0; state->map != NULL && k < state->nkeys; k++)
        if (!state->map->null_safe[k])
            and_valid(tile, &state->keys[k], state->mask);
    memcpy(state->keyed, state->mask, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
}

void tqp_shard_of_sink(TqpTile *tile) {
    TqpShardState *state = tile->shard;
    const TqpSink *sink = &tile->pipeline->sink;
    const TqpSlot *key = &state->keys[state->by.key];
    TqpShard shard = tile->run->shard;
    select_rows(tile, state);
    if (state->map == NULL && sink->grouping == TQP_GROUP_DENSE) {
        other_places(tile, tile->regs[sink->group], shard, state->by.span, state->keyed,
                     state->others);
    } else if (state->by.ranged) {
        and_valid(tile, key, state->keyed);
        other_values(tile, key, &state->by, shard, state->keyed, state->rows, state->others);
    } else {
        other_hashes(tile, &state->plan, shard, state->keyed, state->rows, state->words,
                     state->others);
    }
    for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++)
        state->mask[w] &= ~state->others[w] & (shard.number > 0 ? state->keyed[w] : ~UINT64_C(0));
    tqp_tile_select(tile, state->mask);
}

/* ---- probes ---- */

uint32_t tqp_shard_of_probe(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    TqpShard shard = build->shard;
    uint64_t *keyed = state->match, *out = state->other;
    if (shard.of <= 1)
        return tile->selected;
    tqp_probe_candidates(tile, step, state);
    if (build->by.ranged) {
        const TqpSlot *key = &state->probe->keys[build->by.key];
        and_valid(tile, key, keyed);
        other_values(tile, key, &build->by, shard, keyed, state->begin, out);
    } else {
        other_hashes(tile, &state->plan, shard, keyed, state->rows, state->words, out);
    }
    uint32_t words = tqp_bitmap_words(tile->n);
    for (uint32_t w = 0; w < words; w++)
        out[w] = ~out[w] & (shard.number > 0 ? keyed[w] : ~UINT64_C(0));
    out[words - 1] &= tqp_bitmap_tail(tile->n);
    tqp_tile_select(tile, out);
    return tile->selected;
}
