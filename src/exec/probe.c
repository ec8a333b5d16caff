/*
 * Looking up a tile's keys: EXISTS, and pairs as long as no row has two.  Every pass is a loop over
 * the whole tile without branches: rows that do not probe are looked up too, at a safe place, and
 * masked out.
 */
#include "exec/probe.h"

#include <string.h>

#include "exec/run.h"

/* ---- states ---- */

static bool has_build(const TqpTile *tile, uint64_t pipeline) {
    return pipeline < tile->run->nbuilds && tile->run->builds[pipeline].map != NULL;
}

static bool is_probe_sound(const TqpTile *tile, uint32_t s) {
    const TqpStep *step = &tile->pipeline->steps[s];
    const TqpProbe *probe = step->aux;
    if (probe == NULL || !has_build(tile, probe->pipeline))
        return false;
    const TqpBuild *build = &tile->run->builds[probe->pipeline];
    const TqpMap *map = build->map;
    uint32_t nkeys = map->kind == TQP_MAP_ALL ? 0 : map->nkeys;
    if (probe->nkeys != nkeys || (map->exists_only && probe->kind != TQP_PROBE_EXISTS))
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
    state->words = tqp_arena_alloc(arena, tile->backend->tile_rows * key);
    state->hashes = tqp_arena_alloc(arena, TQP_KEY_BATCH * sizeof(uint64_t));
    state->batch_numbers = tqp_arena_alloc(arena, TQP_KEY_BATCH * sizeof(uint32_t));
    bool ok = state->words && state->hashes && state->batch_numbers;
    return ok ? TQP_OK : tqp_exec_arena_status(arena);
}

static TqpStatus init_state(TqpTile *tile, uint32_t s) {
    TqpArena *arena = &tile->arena;
    TqpProbeState *state = tqp_arena_zalloc(arena, sizeof(TqpProbeState));
    if (state == NULL)
        return tqp_exec_arena_status(arena);
    tile->probes[s] = state;
    state->probe = tile->pipeline->steps[s].aux;
    state->build = &tile->run->builds[state->probe->pipeline];
    size_t rows = (size_t)tile->backend->tile_rows * sizeof(uint32_t) + 64;
    size_t mask = tile->backend->tile_rows / 8 + 64;
    state->match = tqp_arena_zalloc(arena, mask);
    state->other = tqp_arena_zalloc(arena, mask);
    state->begin = tqp_arena_zalloc(arena, rows);
    state->end = tqp_arena_zalloc(arena, rows);
    state->rows = tqp_arena_zalloc(arena, rows);
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
        if (build->map->kind == TQP_MAP_ALL && build->nrows > 1)
            return TQP_CARDINALITY;
    }
    return TQP_OK;
}

/* ---- numbers of keys ---- */

/* Rows that may match at all: those that probe, with no NULL in a key that must equal something. */
static void begin_match(const TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpProbe *probe = state->probe;
    uint32_t words = tqp_bitmap_words(tile->n);
    const uint64_t *guard = tqp_tile_guard(tile, step->guard, TQP_NO_REG, tile->guard_buf);
    state->leaves_out = guard != NULL;
    if (guard != NULL)
        memcpy(state->match, guard, words * sizeof(uint64_t));
    else
        tqp_bitmap_fill(state->match, tile->n);
    for (uint32_t k = 0; k < probe->nkeys; k++) {
        if (probe->keys[k].valid == TQP_NO_REG || state->build->map->null_safe[k])
            continue;
        const uint64_t *valid = tile->regs[probe->keys[k].valid];
        for (uint32_t w = 0; w < words; w++)
            state->match[w] &= valid[w];
        state->leaves_out = true;
    }
}

static void number_dense(const TqpTile *tile, TqpProbeState *state) {
    const TqpSlot *key = &state->probe->keys[0];
    tqp_build_index(state->build, tile->backend, key->lane, key->bias, tile->regs[key->reg],
                    tile->n, state->begin);
    if (!state->build->map->null_safe[0] || key->valid == TQP_NO_REG)
        return;
    const uint64_t *valid = tile->regs[key->valid];
    for (uint32_t i = 0; i < tile->n; i++)
        if (!tqp_bitmap_get(valid, i))
            state->begin[i] = tqp_build_null_number(state->build);
}

/* The words of a single I64 key are its register. */
static const uint64_t *key_words(const TqpTile *tile, TqpProbeState *state) {
    const TqpKeyPart *part = &state->plan.parts[0];
    if (state->plan.nparts == 1 && part->slot->lane == TQP_LANE_I64 &&
        part->null_word == TQP_NO_WORD)
        return tile->regs[part->slot->reg];
    tqp_key_pack(&state->plan, tile, NULL, state->words);
    return state->words;
}

/* match &= the bit of each row's number, of a bitmap over all numbers */
static void look_up_bits(TqpTile *tile, TqpProbeState *state, const TqpBuffer *bits,
                         uint32_t nnumbers) {
    TqpKernelArgs args = {.n = tile->n,
                          .out = state->other,
                          .in = {state->begin, NULL, NULL},
                          .aux = bits->data,
                          .aux_count = nnumbers};
    tile->backend->kernels[TQP_STEP_LUT_MASK][TQP_LANE_U32](&args);
    for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++)
        state->match[w] &= state->other[w];
}

/* Rows whose key the filter knows not to be in the build match nothing: they are not hashed. */
static void apply_filter(TqpTile *tile, TqpProbeState *state) {
    const TqpBuildFilter *filter = &state->build->filter;
    const TqpSlot *key = &state->probe->keys[filter->key];
    TqpKernelArgs args = {
        .n = tile->n, .out = state->begin, .in = {tile->regs[key->reg], NULL, NULL}};
    args.imm[0].i = (int64_t)(0 - (uint64_t)filter->lo);
    args.imm[1].i = filter->span;
    tile->backend->kernels[TQP_STEP_INDEX][key->lane](&args);
    look_up_bits(tile, state, &filter->bits, filter->span + 1);
}

/* Views of rows that do not probe must not be followed: only the others are looked up. */
static void number_hash(TqpTile *tile, TqpProbeState *state) {
    uint32_t nwords = state->plan.nwords, n = 0;
    if (state->build->filter.bits.data != NULL)
        apply_filter(tile, state);
    tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, state->rows, state->match,
                    NULL, NULL, (TqpScalar){.i = 0}, &n);
    bool all = n == tile->n;
    const uint64_t *words = all ? key_words(tile, state) : state->words;
    if (!all)
        tqp_key_pack_rows(&state->plan, tile, state->rows, n, state->words);
    for (uint32_t i = 0; !all && i < tile->n; i++)
        state->begin[i] = state->build->none;
    for (uint32_t done = 0; done < n; done += TQP_KEY_BATCH) {
        uint32_t batch = n - done < TQP_KEY_BATCH ? n - done : TQP_KEY_BATCH;
        const uint32_t *rows = state->rows + done;
        const uint64_t *keys = words + (size_t)done * nwords;
        uint32_t *numbers = all ? state->begin + done : state->batch_numbers;
        tqp_key_hash(&state->plan, keys, batch, state->hashes);
        tqp_key_table_find(&state->build->table, keys, state->hashes, batch, numbers);
        for (uint32_t i = 0; !all && i < batch; i++)
            state->begin[rows[i]] = numbers[i];
    }
}

static void gather(TqpTile *tile, uint32_t *out, const uint32_t *from, const uint32_t *rows) {
    tqp_tile_kernel(tile, TQP_STEP_GATHER, TQP_LANE_U32, tile->n, out, from, rows, NULL,
                    (TqpScalar){.i = 0}, NULL);
}

/* match &= (values != value), or (a != b) */
static void keep_unequal(TqpTile *tile, TqpProbeState *state, const uint32_t *a, const uint32_t *b,
                         uint32_t value) {
    tqp_tile_kernel(tile, b != NULL ? TQP_STEP_NE_RR : TQP_STEP_NE_RI, TQP_LANE_U32, tile->n,
                    state->other, a, b, NULL, (TqpScalar){.i = value}, NULL);
    for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++)
        state->match[w] &= state->other[w];
}

/* begin[i], end[i]: where the rows of the number begin[i] are. */
static void find_ranges(TqpTile *tile, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    if (build->map->kind == TQP_MAP_ALL) {
        for (uint32_t i = 0; i < tile->n; i++) {
            state->begin[i] = 0;
            state->end[i] = build->nrows;
        }
    } else {
        const uint32_t *starts = build->starts.data;
        gather(tile, state->end, starts + 1, state->begin);
        gather(tile, state->begin, starts, state->begin);
    }
    keep_unequal(tile, state, state->begin, state->end, 0);
}

/* begin[i]: the only row of the number begin[i], or nrows. */
static void find_rows(TqpTile *tile, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    if (build->map->kind == TQP_MAP_ALL)
        memset(state->begin, 0, tile->n * sizeof(uint32_t));
    else if (build->first.data != NULL)
        gather(tile, state->begin, build->first.data, state->begin);
    keep_unequal(tile, state, state->begin, NULL, build->nrows);
}

static void find_numbers(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    begin_match(tile, step, state);
    if (state->build->map->kind == TQP_MAP_DENSE)
        number_dense(tile, state);
    else if (state->build->map->kind == TQP_MAP_HASH)
        number_hash(tile, state);
}

/* ---- EXISTS ---- */

static void find_matches(TqpTile *tile, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    if (build->map->kind == TQP_MAP_ALL && build->nrows == 0)
        memset(state->match, 0, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    if (build->map->kind == TQP_MAP_HASH)
        keep_unequal(tile, state, state->begin, NULL, build->none);
    if (build->map->kind != TQP_MAP_DENSE)
        return;
    if (build->bits.data != NULL)
        look_up_bits(tile, state, &build->bits, build->nnumbers);
    else if (build->unique)
        find_rows(tile, state);
    else
        find_ranges(tile, state);
}

/* Results go through memory of the state: out may be the register of a key's validity. */
static void set_mask(TqpTile *tile, uint16_t reg, const uint64_t *mask) {
    if (reg == TQP_NO_REG)
        return;
    memcpy(tile->bufs[reg], mask, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    tile->regs[reg] = tile->bufs[reg];
}

static void exists(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    find_matches(tile, state);
    if (step->out2 != TQP_NO_REG) {
        const TqpProbe *probe = state->probe;
        const uint64_t *valid = NULL;
        if (probe->nkeys > 0 && probe->keys[0].valid != TQP_NO_REG)
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

/* Rows that were looked up and masked out may have found something. */
static void clear_rows(const TqpTile *tile, TqpProbeState *state) {
    uint32_t words = tqp_bitmap_words(tile->n);
    for (uint32_t w = 0; w < words; w++) {
        uint64_t bits = w + 1 == words ? tqp_bitmap_tail(tile->n) : ~UINT64_C(0);
        for (bits &= ~state->match[w]; bits != 0; bits &= bits - 1)
            state->begin[64 * w + (uint32_t)__builtin_ctzll(bits)] = state->build->nrows;
    }
}

/* Every row has one match (begin) or none: the tile stays, its selection shrinks. */
static void keep_matches(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    if (state->leaves_out)
        clear_rows(tile, state);
    if (step->out != TQP_NO_REG) {
        memcpy(tile->bufs[step->out], state->begin, tile->n * sizeof(uint32_t));
        tile->regs[step->out] = tile->bufs[step->out];
    }
    if (state->probe->outer)
        set_mask(tile, step->out2, state->match);
    else
        tqp_tile_filter(tile, step, state->match, step->out);
}

/* The rows that go on, in state->rows: those with a match, or all selected ones.  Returns the
 * greatest number of matches. */
static uint32_t list_rows(TqpTile *tile, TqpProbeState *state) {
    const uint64_t *mask = state->match;
    uint32_t most = 0;
    if (state->probe->kind == TQP_PROBE_PAIRS && state->probe->outer) {
        for (uint32_t i = 0; i < tile->n; i++)
            if (!tqp_bitmap_get(state->match, i))
                state->begin[i] = state->end[i] = 0;
        mask = tile->sel;
        if (mask == NULL) {
            tqp_bitmap_fill(state->other, tile->n);
            mask = state->other;
        }
    }
    tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, state->rows, mask, NULL,
                    NULL, (TqpScalar){.i = 0}, &state->nrows);
    for (uint32_t k = 0; k < state->nrows; k++) {
        uint32_t count = state->end[state->rows[k]] - state->begin[state->rows[k]];
        most = count > most ? count : most;
    }
    return most;
}

/*
 * Places in the list become rows, where no row has two.  The place of a row without a match is any
 * up to the list's end, where a row number follows.
 */
static void places_to_rows(TqpTile *tile, TqpProbeState *state) {
    state->leaves_out = true;
    if (state->list != NULL)
        gather(tile, state->begin, state->list, state->begin);
}

TqpStatus tqp_probe_run(TqpTile *tile, uint32_t s, bool *pairs) {
    const TqpStep *step = &tile->pipeline->steps[s];
    TqpProbeState *state = tile->probes[s];
    const TqpProbe *probe = state->probe;
    find_numbers(tile, step, state);
    if (probe->kind == TQP_PROBE_EXISTS) {
        exists(tile, step, state);
        return TQP_OK;
    }
    if (state->build->unique) {
        find_rows(tile, state);
        if (probe->kind == TQP_PROBE_PAIRS) {
            keep_matches(tile, step, state);
            return TQP_OK;
        }
        for (uint32_t i = 0; i < tile->n; i++)
            state->end[i] = state->begin[i] + 1;
        state->list = NULL;
    } else {
        find_ranges(tile, state);
        state->list = state->build->list.data;
    }
    uint32_t most = list_rows(tile, state);
    if (probe->kind == TQP_PROBE_PAIRS && most <= 1) {
        places_to_rows(tile, state);
        keep_matches(tile, step, state);
        return TQP_OK;
    }
    if (probe->single && probe->kind == TQP_PROBE_PAIRS && most > 1)
        return TQP_CARDINALITY;
    *pairs = true;
    return TQP_OK;
}
