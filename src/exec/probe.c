/* PROBE steps: their states, EXISTS, and pairs as long as no row has two. */
#include "exec/probe.h"

#include <string.h>

#include "exec/run.h"

/* ---- states ---- */

static bool has_build(const TqpTile *tile, uint64_t pipeline) {
    return pipeline < tile->run->nbuilds && tile->run->builds[pipeline].map != NULL;
}

static bool are_bounds_sound(const TqpProbe *probe, const TqpBuild *build) {
    uint32_t nranges = build->map->nranges;
    bool lower[2] = {false, false};
    if ((probe->nbounds > 0) != (nranges > 0) || probe->nbounds > 2 || probe->nbounds < nranges)
        return false;
    for (uint32_t k = 0; k < probe->nbounds; k++) {
        uint32_t column = k < nranges ? k : 0;
        if (!tqp_build_is_range_sound(build, column, &probe->keys[probe->nkeys + k]))
            return false;
        lower[k] = probe->bounds[k] == TQP_BOUND_GT || probe->bounds[k] == TQP_BOUND_GE;
    }
    return nranges < 2 ? probe->nbounds < 2 || lower[0] != lower[1] : !lower[0] && lower[1];
}

static bool is_probe_sound(const TqpTile *tile, uint32_t s) {
    const TqpStep *step = &tile->pipeline->steps[s];
    const TqpProbe *probe = step->aux;
    if (probe == NULL || !has_build(tile, probe->pipeline))
        return false;
    const TqpBuild *build = &tile->run->builds[probe->pipeline];
    const TqpMap *map = build->map;
    uint32_t nkeys = map->kind == TQP_MAP_ALL ? 0 : map->nkeys;
    if (probe->nkeys != nkeys || (map->exists_only && probe->kind != TQP_PROBE_EXISTS) ||
        !are_bounds_sound(probe, build))
        return false;
    if (map->kind == TQP_MAP_DENSE && !tqp_build_is_dense_sound(map, &probe->keys[0]))
        return false;
    for (uint32_t k = 0; map->kind == TQP_MAP_HASH && k < nkeys; k++) {
        TqpLane have = build->columns[map->columns[k]].slot.lane, want = probe->keys[k].lane;
        if ((have == TQP_LANE_MASK ? TQP_LANE_U8 : have) !=
            (want == TQP_LANE_MASK ? TQP_LANE_U8 : want))
            return false;
    }
    if (probe->kind != TQP_PROBE_ANY)
        return true;
    const TqpStep *match = &tile->pipeline->steps[probe->end];
    return probe->end > s && probe->end < tile->pipeline->nsteps && match->op == TQP_STEP_MATCH &&
           (!probe->single || (match->in[0] != TQP_NO_REG && match->in[2] == TQP_NO_REG));
}

static bool is_fetch_sound(const TqpTile *tile, const TqpStep *step) {
    if (step->imm[1].i < 0 || !has_build(tile, (uint64_t)step->imm[1].i))
        return false;
    const TqpBuild *build = &tile->run->builds[step->imm[1].i];
    return step->column < build->ncolumns &&
           build->columns[step->column].slot.lane == (TqpLane)step->lane;
}

static TqpStatus init_hash(TqpTile *tile, TqpProbeState *state) {
    const TqpProbe *probe = state->probe;
    TqpArena *arena = &tile->arena;
    TqpSlot *slots = tqp_arena_alloc(arena, (probe->nkeys + 1) * sizeof(TqpSlot));
    if (slots == NULL)
        return tqp_exec_arena_status(arena);
    memcpy(slots, probe->keys, probe->nkeys * sizeof(TqpSlot));
    TQP_TRY(tqp_build_key_plan(&state->plan, arena, state->build->map, slots));
    for (uint32_t k = 0; k < probe->nkeys; k++) {
        slots[k].lane = probe->keys[k].lane;
        slots[k].valid = probe->keys[k].valid;
    }
    size_t key = state->plan.nwords * sizeof(uint64_t);
    state->words = tqp_arena_alloc(arena, tile->run->tile_rows * key);
    state->hashes = tqp_arena_alloc(arena, TQP_KEY_BATCH * sizeof(uint64_t));
    return state->words && state->hashes ? TQP_OK : tqp_exec_arena_status(arena);
}

static TqpStatus init_state(TqpTile *tile, uint32_t s) {
    TqpArena *arena = &tile->arena;
    TqpProbeState *state = tqp_arena_zalloc(arena, sizeof(TqpProbeState));
    if (state == NULL)
        return tqp_exec_arena_status(arena);
    tile->probes[s] = state;
    state->probe = tile->pipeline->steps[s].aux;
    state->build = &tile->run->builds[state->probe->pipeline];
    size_t rows = (size_t)tile->run->tile_rows * sizeof(uint32_t) + 64;
    size_t mask = tile->run->tile_rows / 8 + 64;
    state->match = tqp_arena_zalloc(arena, mask);
    state->other = tqp_arena_zalloc(arena, mask);
    state->begin = tqp_arena_alloc(arena, rows);
    state->end = tqp_arena_alloc(arena, rows);
    state->rows = tqp_arena_alloc(arena, rows);
    if (!state->match || !state->other || !state->begin || !state->end || !state->rows)
        return tqp_exec_arena_status(arena);
    if (state->build->map->kind == TQP_MAP_HASH)
        TQP_TRY(init_hash(tile, state));
    bool pairs = state->probe->kind == TQP_PROBE_ANY ||
                 (state->probe->kind == TQP_PROBE_PAIRS && !state->build->unique);
    return pairs ? tqp_pairs_init(tile, s) : TQP_OK;
}

TqpStatus tqp_probe_init(TqpTile *tile) {
    const TqpPipeline *pipeline = tile->pipeline;
    size_t bytes = (pipeline->nsteps + 1) * sizeof(TqpProbeState *);
    tile->probes = tqp_arena_zalloc(&tile->arena, bytes);
    if (tile->probes == NULL)
        return tqp_exec_arena_status(&tile->arena);
    for (uint32_t s = 0; s < pipeline->nsteps; s++) {
        const TqpStep *step = &pipeline->steps[s];
        if (step->op == TQP_STEP_FETCH && !is_fetch_sound(tile, step))
            return TQP_INVALID;
        if (step->op != TQP_STEP_PROBE)
            continue;
        if (!is_probe_sound(tile, s))
            return TQP_INVALID;
        TQP_TRY(init_state(tile, s));
    }
    return TQP_OK;
}

TqpStatus tqp_probe_check(const TqpRun *run) {
    for (uint32_t s = 0; s < run->pipeline->nsteps; s++) {
        const TqpProbe *probe = run->pipeline->steps[s].aux;
        if (run->pipeline->steps[s].op != TQP_STEP_PROBE || probe == NULL || !probe->single ||
            probe->kind != TQP_PROBE_PAIRS || probe->pipeline >= run->nbuilds ||
            run->builds[probe->pipeline].map == NULL)
            continue;
        const TqpBuild *build = &run->builds[probe->pipeline];
        if (build->map->kind == TQP_MAP_ALL && build->map->nranges == 0 && build->nrows > 1)
            return TQP_CARDINALITY;
    }
    return TQP_OK;
}

/* ---- EXISTS ---- */

/* Results go through memory of the state: out may be the register of a key's validity. */
static void set_mask(TqpTile *tile, uint16_t reg, const uint64_t *mask) {
    if (reg == TQP_NO_REG)
        return;
    memcpy(tile->bufs[reg], mask, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    tile->regs[reg] = tile->bufs[reg];
}

static void exists(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    if (step->out2 != TQP_NO_REG) {
        const TqpProbe *probe = state->probe;
        const uint64_t *valid = NULL;
        if (probe->nkeys + probe->nbounds > 0 && probe->keys[0].valid != TQP_NO_REG)
            valid = tile->regs[probe->keys[0].valid];
        tqp_bitmap_fill(state->other, tile->n);
        for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++) {
            uint64_t null = build->null_key ? ~UINT64_C(0) : valid != NULL ? ~valid[w] : 0;
            state->other[w] &= build->nrows > 0 ? null & ~state->match[w] : 0;
        }
    }
    set_mask(tile, step->out, state->match);
    set_mask(tile, step->out2, state->other);
}

/* ---- pairs ---- */

static void gather(TqpTile *tile, const TqpProbeState *state, uint32_t *out, const uint32_t *from,
                   const uint32_t *rows) {
    tqp_tile_kernel(tile, TQP_STEP_GATHER, TQP_LANE_U32, state->nrows, out, from, rows, NULL,
                    (TqpScalar){.i = 0}, NULL);
}

/* begin[k]: the only row of the number begin[k]. */
static void find_rows(TqpTile *tile, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    if (build->map->kind == TQP_MAP_ALL)
        memset(state->begin, 0, state->nrows * sizeof(uint32_t));
    else if (build->first.data != NULL)
        gather(tile, state, state->begin, build->first.data, state->begin);
}

/* begin[k], end[k]: where the rows of the number begin[k] are.  Returns the greatest count. */
static uint32_t find_ranges(TqpTile *tile, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    uint32_t most = 0;
    if (build->map->kind == TQP_MAP_ALL) {
        for (uint32_t k = 0; k < state->nrows; k++) {
            state->begin[k] = 0;
            state->end[k] = build->map->nranges > 0 ? build->listed : build->nrows;
        }
    } else {
        const uint32_t *starts = build->starts.data;
        gather(tile, state, state->end, starts + 1, state->begin);
        gather(tile, state, state->begin, starts, state->begin);
    }
    if (build->map->nranges > 0)
        tqp_probe_range(tile, state);
    for (uint32_t k = 0; k < state->nrows; k++) {
        uint32_t count = state->end[k] - state->begin[k];
        most = count > most ? count : most;
    }
    return most;
}

/* The build rows begin[k], which belong to the listed rows, as a register; nrows elsewhere. */
static void set_rows(TqpTile *tile, uint16_t reg, const TqpProbeState *state) {
    uint32_t *out = tile->bufs[reg];
    tile->regs[reg] = out;
    if (state->nrows == tile->n) {
        memcpy(out, state->begin, state->nrows * sizeof(uint32_t));
        return;
    }
    tqp_tile_kernel(tile, TQP_STEP_FILL, TQP_LANE_U32, tile->n, out, NULL, NULL, NULL,
                    (TqpScalar){.i = state->build->nrows}, NULL);
    for (uint32_t k = 0; k < state->nrows; k++)
        out[state->rows[k]] = state->begin[k];
}

/*
 * Every row has one match (begin) or none: the tile stays, its selection shrinks.  When that
 * compacts it the rows left are the listed ones.
 */
static void keep_matches(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    if (state->probe->outer)
        set_mask(tile, step->out2, state->match);
    else
        tqp_tile_filter(tile, step, state->match, state->rows);
    if (step->out != TQP_NO_REG && tile->selected > 0)
        set_rows(tile, step->out, state);
}

/* An outer probe lists all selected rows; those without a match have begin = end. */
static void list_selected(TqpTile *tile, TqpProbeState *state) {
    const uint64_t *mask = tile->sel;
    uint32_t n = 0, found = state->nrows;
    if (mask == NULL) {
        tqp_bitmap_fill(state->other, tile->n);
        mask = state->other;
    }
    tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, state->pair_rows, mask,
                    NULL, NULL, (TqpScalar){.i = 0}, &n);
    for (uint32_t k = n; k-- > 0;) { /* from the last: nothing is overwritten before it is read */
        uint32_t row = state->pair_rows[k];
        bool matches = found > 0 && state->rows[found - 1] == row;
        found -= matches;
        state->begin[k] = matches ? state->begin[found] : 0;
        state->end[k] = matches ? state->end[found] : 0;
    }
    memcpy(state->rows, state->pair_rows, n * sizeof(uint32_t));
    state->nrows = n;
}

TqpStatus tqp_probe_run(TqpTile *tile, uint32_t s, bool *pairs) {
    const TqpStep *step = &tile->pipeline->steps[s];
    TqpProbeState *state = tile->probes[s];
    const TqpProbe *probe = state->probe;
    tqp_probe_find(tile, step, state);
    if (probe->kind == TQP_PROBE_EXISTS) {
        if (state->build->map->nranges > 0)
            find_ranges(tile, state);
        exists(tile, step, state);
        return TQP_OK;
    }
    uint32_t most = 1;
    state->list = NULL;
    if (state->build->unique) {
        find_rows(tile, state);
        for (uint32_t k = 0; k < state->nrows && probe->kind == TQP_PROBE_ANY; k++)
            state->end[k] = state->begin[k] + 1;
    } else {
        most = find_ranges(tile, state);
        state->list = state->build->list.data;
    }
    if (probe->kind == TQP_PROBE_PAIRS && most <= 1) {
        if (state->list != NULL)
            gather(tile, state, state->begin, state->list, state->begin);
        keep_matches(tile, step, state);
        return TQP_OK;
    }
    if (probe->kind == TQP_PROBE_PAIRS && probe->single)
        return TQP_CARDINALITY;
    if (probe->kind == TQP_PROBE_PAIRS && probe->outer)
        list_selected(tile, state);
    *pairs = true;
    return TQP_OK;
}
