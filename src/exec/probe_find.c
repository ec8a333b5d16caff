/*
 * Which rows of a tile match, and the numbers of their keys.  First a bitmap is asked, a whole tile
 * at a time and without branches: what most rows of a selective join meet is that and no more.
 */
#include <string.h>

#include "exec/probe.h"
#include "exec/run.h"

void tqp_probe_candidates(const TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpProbe *probe = state->probe;
    uint32_t words = tqp_bitmap_words(tile->n);
    const uint64_t *guard = tqp_tile_guard(tile, step->guard, TQP_NO_REG, tile->guard_buf);
    if (guard != NULL)
        memcpy(state->match, guard, words * sizeof(uint64_t));
    else
        tqp_bitmap_fill(state->match, tile->n);
    for (uint32_t k = 0; k < probe->nkeys + probe->nbounds; k++) {
        if (probe->keys[k].valid == TQP_NO_REG ||
            (k < probe->nkeys && state->build->map->null_safe[k]))
            continue;
        const uint64_t *valid = tile->regs[probe->keys[k].valid];
        for (uint32_t w = 0; w < words; w++)
            state->match[w] &= valid[w];
    }
}

static void keep_others(const TqpTile *tile, TqpProbeState *state) {
    for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++)
        state->match[w] &= state->other[w];
}

static void list_matches(TqpTile *tile, TqpProbeState *state) {
    tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, state->rows, state->match,
                    NULL, NULL, (TqpScalar){.i = 0}, &state->nrows);
}

/* ---- dense ---- */

static void test_places(TqpTile *tile, TqpProbeState *state) {
    const TqpSlot *key = &state->probe->keys[0];
    tqp_build_index(state->build, tile->backend, TQP_STEP_MEMBER, key, tile->regs[key->reg],
                    tile->n, state->other);
    keep_others(tile, state);
}

/* Where every place has a key its number is the place. */
static void number_places(TqpTile *tile, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    const TqpSlot *key = &state->probe->keys[0];
    const void *values = tile->regs[key->reg];
    if (state->nrows < tile->n) {
        tqp_tile_kernel(tile, TQP_STEP_GATHER, key->lane, state->nrows, tile->scratch, values,
                        state->rows, NULL, (TqpScalar){.i = 0}, NULL);
        values = tile->scratch;
    }
    tqp_build_index(build, tile->backend,
                    build->none == build->map->span ? TQP_STEP_INDEX : TQP_STEP_RANK, key, values,
                    state->nrows, state->begin);
}

/* ---- hash ---- */

/* Rows whose key the filter knows not to be in the build match nothing: they are not hashed. */
static void apply_filter(TqpTile *tile, TqpProbeState *state) {
    const TqpBuildFilter *filter = &state->build->filter;
    const TqpSlot *key = &state->probe->keys[filter->key];
    TqpKernelArgs args = {.n = tile->n,
                          .out = state->other,
                          .in = {tile->regs[key->reg], NULL, NULL},
                          .aux = filter->bits.data};
    args.imm[0].i = (int64_t)(0 - (uint64_t)filter->lo);
    args.imm[1].i = filter->span;
    tile->backend->kernels[TQP_STEP_MEMBER][key->lane](&args);
    keep_others(tile, state);
}

/*
 * Keys of the listed rows.  The words of a single I64 key are its register.  Views of rows that do
 * not probe must not be followed.
 */
static const uint64_t *key_words(TqpTile *tile, TqpProbeState *state) {
    const TqpKeyPart *part = &state->plan.parts[0];
    bool all = state->nrows == tile->n;
    if (all && state->plan.nparts == 1 && part->slot->lane == TQP_LANE_I64 &&
        part->null_word == TQP_NO_WORD)
        return tile->regs[part->slot->reg];
    if (all)
        tqp_key_pack(&state->plan, tile, NULL, state->words);
    else
        tqp_key_pack_rows(&state->plan, tile, state->rows, state->nrows, state->words);
    return state->words;
}

void tqp_probe_keep(const TqpTile *tile, TqpProbeState *state, uint32_t kept) {
    if (kept == state->nrows)
        return;
    state->nrows = kept;
    memset(state->match, 0, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    for (uint32_t k = 0; k < kept; k++)
        tqp_bitmap_set(state->match, state->rows[k]);
}

/* Rows whose key the table lacks are listed no more. */
static void drop_absent(const TqpTile *tile, TqpProbeState *state) {
    uint32_t kept = 0, none = state->build->none;
    for (uint32_t k = 0; k < state->nrows; k++) {
        state->rows[kept] = state->rows[k];
        state->begin[kept] = state->begin[k];
        kept += state->begin[k] != none;
    }
    tqp_probe_keep(tile, state, kept);
}

static void number_hashes(TqpTile *tile, TqpProbeState *state) {
    const uint64_t *words = key_words(tile, state);
    for (uint32_t done = 0; done < state->nrows; done += TQP_KEY_BATCH) {
        uint32_t left = state->nrows - done, batch = left < TQP_KEY_BATCH ? left : TQP_KEY_BATCH;
        const uint64_t *keys = words + (size_t)done * state->plan.nwords;
        tqp_key_hash(&state->plan, keys, batch, state->hashes);
        tqp_key_parts_find(&state->build->parts, keys, state->hashes, batch, state->begin + done);
    }
    drop_absent(tile, state);
}

/* ---- */

void tqp_probe_find(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpBuild *build = state->build;
    tqp_probe_candidates(tile, step, state);
    if (build->map->kind == TQP_MAP_DENSE)
        test_places(tile, state);
    else if (build->filter.bits.data != NULL)
        apply_filter(tile, state);
    else if (build->nrows == 0)
        memset(state->match, 0, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    if (state->probe->kind == TQP_PROBE_EXISTS && build->map->kind != TQP_MAP_HASH &&
        build->map->nranges == 0)
        return;
    list_matches(tile, state);
    if (build->map->kind == TQP_MAP_DENSE)
        number_places(tile, state);
    else if (build->map->kind == TQP_MAP_HASH)
        number_hashes(tile, state);
}
