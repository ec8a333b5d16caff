/*
 * Hash aggregation: the states.  A tile's keys become group numbers, at best once per run of equal
 * keys.
 */
#include "exec/hash.h"

#include <string.h>

#define RETRY_TILES 16u /* tiles without run detection after one where it did not pay */

static TqpStatus hash_begin(TqpRun *run) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpHash *hash = tqp_arena_zalloc(&run->arena, sizeof(TqpHash));
    if (hash == NULL)
        return tqp_exec_arena_status(&run->arena);
    run->sink = hash;
    TQP_TRY(tqp_acc_plan(&hash->accs, &run->arena, run->query->backend, sink));
    TQP_TRY(tqp_key_plan(&hash->keys, &run->arena, sink->nkeys, sink->keys, false));
    hash->nstates = run->nstates;
    hash->states = tqp_arena_zalloc(&run->arena, run->nstates * sizeof(TqpHashState));
    if (hash->states == NULL)
        return tqp_exec_arena_status(&run->arena);
    return tqp_distinct_begin(&hash->distinct, run, &hash->accs, 0);
}

TqpStatus tqp_hash_groups_open(TqpRun *run, TqpHashGroups *groups) {
    const TqpHash *hash = run->sink;
    groups->open = true;
    tqp_arena_init(&groups->arena, run->query->broker);
    tqp_key_table_init(&groups->table, &hash->keys, run->query->broker);
    return tqp_accs_init(&groups->accs, &hash->accs, &groups->arena);
}

void tqp_hash_groups_close(const TqpHash *hash, TqpHashGroups *groups) {
    if (!groups->open)
        return;
    tqp_key_table_free(&groups->table);
    tqp_accs_free(&groups->accs, &hash->accs);
    tqp_arena_free(&groups->arena);
    groups->open = false;
}

static TqpStatus open_state(TqpRun *run, TqpHashState *state) {
    const TqpHash *hash = run->sink;
    size_t rows = run->query->backend->tile_rows, row_bytes = hash->keys.nwords * sizeof(uint64_t);
    TQP_TRY(tqp_hash_groups_open(run, &state->groups));
    TqpArena *arena = &state->groups.arena;
    state->words = tqp_arena_alloc(arena, rows * row_bytes);
    state->run_words = tqp_arena_alloc(arena, rows * row_bytes);
    state->hashes = tqp_arena_alloc(arena, TQP_KEY_BATCH * sizeof(uint64_t));
    state->rows = tqp_arena_alloc(arena, rows * sizeof(uint32_t));
    state->runs = tqp_arena_alloc(arena, rows * sizeof(uint32_t));
    state->numbers = tqp_arena_alloc(arena, rows * sizeof(uint32_t));
    state->row_group = tqp_arena_alloc(arena, rows * sizeof(uint32_t));
    bool ok = state->words && state->run_words && state->hashes && state->rows && state->runs &&
              state->numbers && state->row_group;
    return ok ? TQP_OK : tqp_exec_arena_status(arena);
}

/*
 * Runs of equal keys among the selected rows (bitwise: equal strings elsewhere in memory begin a
 * new run, which costs a probe and no error).  Without branches on the data; returns the number of
 * runs.
 */
static uint32_t find_runs(TqpHashState *state, const uint64_t *words, uint32_t nwords,
                          const uint32_t *rows, uint32_t n) {
    uint64_t *out = state->run_words;
    uint32_t runs = 0;
    const uint64_t *last = words + (size_t)(rows != NULL ? rows[0] : 0) * nwords;
    memcpy(out, last, nwords * sizeof(uint64_t));
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *row = words + (size_t)(rows != NULL ? rows[i] : i) * nwords;
        uint64_t differs = 0;
        for (uint32_t w = 0; w < nwords; w++)
            differs |= row[w] ^ last[w];
        runs += differs != 0;
        for (uint32_t w = 0; w < nwords; w++)
            out[(size_t)runs * nwords + w] = row[w];
        state->runs[i] = runs;
        last = row;
    }
    return runs + 1;
}

static TqpStatus number_keys(const TqpHash *hash, TqpHashState *state, const uint64_t *words,
                             uint32_t n, uint32_t *numbers) {
    uint32_t nwords = hash->keys.nwords;
    for (uint32_t done = 0; done < n; done += TQP_KEY_BATCH) {
        uint32_t batch = n - done < TQP_KEY_BATCH ? n - done : TQP_KEY_BATCH;
        const uint64_t *first = words + (size_t)done * nwords;
        tqp_key_hash(&hash->keys, first, batch, state->hashes);
        TQP_TRY(tqp_key_table_insert(&state->groups.table, first, state->hashes, batch,
                                     numbers + done));
    }
    return TQP_OK;
}

/* The words of a single I64 key are its register. */
static const uint64_t *tile_words(const TqpHash *hash, TqpHashState *state, const TqpTile *tile) {
    const TqpKeyPart *part = &hash->keys.parts[0];
    if (hash->keys.nparts == 1 && part->slot->lane == TQP_LANE_I64 &&
        part->null_word == TQP_NO_WORD)
        return tile->regs[part->slot->reg];
    tqp_key_pack(&hash->keys, tile, NULL, state->words);
    return state->words;
}

/* Group of each row of the tile; unselected rows get a valid number too. */
static TqpStatus group_rows(const TqpHash *hash, TqpHashState *state, TqpTile *tile) {
    const uint64_t *words = tile_words(hash, state, tile);
    const uint32_t *rows = NULL;
    uint32_t n = tile->n;
    if (tile->sel != NULL) {
        tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, state->rows,
                        tile->sel, NULL, NULL, (TqpScalar){.i = 0}, &n);
        rows = state->rows;
        memset(state->row_group, 0, tile->n * sizeof(uint32_t));
    } else if (state->skip_runs > 0) {
        state->skip_runs--;
        return number_keys(hash, state, words, n, state->row_group);
    }
    uint32_t runs = find_runs(state, words, hash->keys.nwords, rows, n);
    if (runs > n / 4 * 3)
        state->skip_runs = RETRY_TILES;
    TQP_TRY(number_keys(hash, state, state->run_words, runs, state->numbers));
    for (uint32_t i = 0; i < n; i++)
        state->row_group[rows != NULL ? rows[i] : i] = state->numbers[state->runs[i]];
    return TQP_OK;
}

static TqpStatus hash_tile(TqpRun *run, uint32_t s, TqpTile *tile) {
    TqpHash *hash = run->sink;
    TqpHashState *state = &hash->states[s];
    if (!state->groups.open)
        TQP_TRY(open_state(run, state));
    TqpHashGroups *groups = &state->groups;
    groups->table.stop = tile->stop;
    TQP_TRY(group_rows(hash, state, tile));
    TQP_TRY(tqp_accs_grow(&groups->accs, &hash->accs, run->query->broker, groups->table.nkeys,
                          tile->stop));
    tqp_accs_add(&groups->accs, &hash->accs, tile, state->row_group, TQP_LANE_U32);
    if (hash->distinct == NULL)
        return TQP_OK;
    return tqp_distinct_add(hash->distinct, s, tile, state->row_group, TQP_LANE_U32);
}

static void close_state(const TqpHash *hash, TqpHashState *state) {
    tqp_hash_groups_close(hash, &state->groups);
    tqp_buffer_free(&state->entries);
}

static void hash_release(TqpRun *run) {
    TqpHash *hash = run->sink;
    if (hash == NULL)
        return;
    for (uint32_t s = 0; hash->states != NULL && s < hash->nstates; s++)
        close_state(hash, &hash->states[s]);
    for (uint32_t p = 0; hash->parts != NULL && p < hash->nparts; p++)
        tqp_hash_groups_close(hash, &hash->parts[p]);
    for (uint32_t p = 0; hash->order != NULL && p < hash->nparts; p++)
        tqp_buffer_free(&hash->order[p]);
    tqp_distinct_release(hash->distinct);
}

const TqpSinkOps tqp_sink_hash = {hash_begin, hash_tile, NULL, tqp_hash_finish, hash_release};
