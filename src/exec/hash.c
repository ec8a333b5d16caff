/*
 * Hash aggregation.  A tile's keys become group numbers through the state's table, then the same
 * accumulators as in dense aggregation take over.  States are merged by partitions of the hash,
 * each partition by one worker, its source entries found in one walk over the tables' slots.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/acc.h"
#include "exec/distinct.h"
#include "exec/keys.h"
#include "exec/run.h"

#define SPLIT_KEYS  65536u /* fewer groups than this are merged by one worker */
#define PART_BITS   5u     /* else into 2^PART_BITS partitions */
#define FINISH_ROWS 65536u /* result rows that a worker claims: a row group */
#define RETRY_TILES 16u    /* tiles without run detection after one where it did not pay */

typedef struct Groups {
    TqpKeyTable table;
    TqpAccs accs;
    TqpArena arena;
    bool open;
} Groups;

typedef struct HashState {
    Groups groups;
    uint64_t *words;     /* keys of the tile */
    uint64_t *run_words; /* keys of the runs of equal keys */
    uint64_t *hashes;    /* TQP_KEY_BATCH */
    uint32_t *rows;      /* selected rows */
    uint32_t *runs;      /* run of each selected row */
    uint32_t *numbers;   /* group of each run */
    uint32_t *row_group; /* group of each row */
    uint32_t skip_runs;  /* tiles for which not to look for runs */
} HashState;

typedef struct Hash {
    TqpAccPlan accs;
    TqpKeyPlan keys;
    TqpDistinctSets *distinct;
    HashState *states;
    uint32_t nstates;
    /* merge: parts; without one, the only state's groups */
    uint32_t nparts, part_bits;
    Groups *parts;
    Groups *const *final; /* nparts */
    uint64_t *base;       /* first result row of each part, and the total */
    TqpResult *results;   /* of FINISH_ROWS rows each */
    uint32_t **ids;       /* of distinct sets: final number of each state's groups */
    _Atomic uint32_t next;
} Hash;

static TqpStatus hash_begin(TqpRun *run) {
    const TqpSink *sink = &run->pipeline->sink;
    Hash *hash = tqp_arena_zalloc(&run->arena, sizeof(Hash));
    if (hash == NULL)
        return tqp_exec_arena_status(&run->arena);
    run->sink = hash;
    TQP_TRY(tqp_acc_plan(&hash->accs, &run->arena, run->query->backend, sink));
    TQP_TRY(tqp_key_plan(&hash->keys, &run->arena, sink->nkeys, sink->keys, false));
    hash->nstates = run->nstates;
    hash->states = tqp_arena_zalloc(&run->arena, run->nstates * sizeof(HashState));
    if (hash->states == NULL)
        return tqp_exec_arena_status(&run->arena);
    return tqp_distinct_begin(&hash->distinct, run, &hash->accs, 0);
}

static TqpStatus open_groups(TqpRun *run, Groups *groups, uint32_t rotate) {
    const Hash *hash = run->sink;
    groups->open = true;
    tqp_arena_init(&groups->arena, run->query->broker);
    tqp_key_table_init(&groups->table, &hash->keys, run->query->broker, rotate);
    return tqp_accs_init(&groups->accs, &hash->accs, &groups->arena);
}

static void close_groups(const Hash *hash, Groups *groups) {
    if (!groups->open)
        return;
    tqp_key_table_free(&groups->table);
    tqp_accs_free(&groups->accs, &hash->accs);
    tqp_arena_free(&groups->arena);
    groups->open = false;
}

static TqpStatus open_state(TqpRun *run, HashState *state) {
    const Hash *hash = run->sink;
    size_t rows = run->query->backend->tile_rows, row_bytes = hash->keys.nwords * sizeof(uint64_t);
    TQP_TRY(open_groups(run, &state->groups, 0));
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
static uint32_t find_runs(HashState *state, const uint64_t *words, uint32_t nwords,
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

static TqpStatus number_keys(const Hash *hash, HashState *state, const uint64_t *words, uint32_t n,
                             uint32_t *numbers) {
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
static const uint64_t *tile_words(const Hash *hash, HashState *state, const TqpTile *tile) {
    const TqpKeyPart *part = &hash->keys.parts[0];
    if (hash->keys.nparts == 1 && part->slot->lane == TQP_LANE_I64 &&
        part->null_word == TQP_NO_WORD)
        return tile->regs[part->slot->reg];
    tqp_key_pack(&hash->keys, tile, NULL, state->words);
    return state->words;
}

/* Group of each row of the tile; unselected rows get a valid number too. */
static TqpStatus group_rows(const Hash *hash, HashState *state, TqpTile *tile) {
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
    Hash *hash = run->sink;
    HashState *state = &hash->states[s];
    if (!state->groups.open)
        TQP_TRY(open_state(run, state));
    Groups *groups = &state->groups;
    groups->table.stop = tile->stop;
    TQP_TRY(group_rows(hash, state, tile));
    TQP_TRY(tqp_accs_grow(&groups->accs, &hash->accs, run->query->broker, groups->table.nkeys,
                          tile->stop));
    tqp_accs_add(&groups->accs, &hash->accs, tile, state->row_group, TQP_LANE_U32);
    if (hash->distinct == NULL)
        return TQP_OK;
    return tqp_distinct_add(hash->distinct, s, tile, state->row_group, TQP_LANE_U32);
}

/* ---- merge ---- */

/* Entries of a source table on their way into a part. */
typedef struct Batch {
    uint32_t n;
    uint64_t *words; /* TQP_KEY_BATCH keys */
    uint64_t hashes[TQP_KEY_BATCH];
    uint32_t src[TQP_KEY_BATCH], dst[TQP_KEY_BATCH];
} Batch;

/* Hash order is random order for the groups' own arrays. */
static void prefetch_group(const Hash *hash, const Groups *groups, uint32_t number) {
    const TqpAccPlan *plan = &hash->accs;
    __builtin_prefetch(tqp_key_at(&groups->table, number));
    for (uint32_t k = 0; k < plan->ncounts; k++)
        __builtin_prefetch((const int64_t *)groups->accs.counts[k].data + number);
    for (uint32_t a = 0; a < plan->naccs; a++)
        if (plan->infos[a].has_values)
            __builtin_prefetch((const char *)groups->accs.values[a].data +
                               (size_t)number * tqp_column_width(plan->infos[a].lane));
}

static TqpStatus flush(TqpRun *run, Groups *part, uint32_t s, Batch *batch, uint32_t *flags) {
    Hash *hash = run->sink;
    if (batch->n == 0)
        return TQP_OK;
    const TqpKeyTable *table = &hash->states[s].groups.table;
    uint32_t nwords = hash->keys.nwords;
    for (uint32_t i = 0; i < batch->n; i++)
        memcpy(batch->words + (size_t)i * nwords, tqp_key_at(table, batch->src[i]),
               nwords * sizeof(uint64_t));
    TQP_TRY(tqp_key_table_insert(&part->table, batch->words, batch->hashes, batch->n, batch->dst));
    if (tqp_stop_asked(part->table.stop))
        return TQP_CANCELLED;
    TQP_TRY(tqp_accs_grow(&part->accs, &hash->accs, run->query->broker, part->table.nkeys,
                          part->table.stop));
    tqp_accs_merge(&part->accs, &hash->accs, &hash->states[s].groups.accs, batch->n, 0, batch->dst,
                   batch->src, flags);
    for (uint32_t i = 0; hash->ids != NULL && i < batch->n; i++)
        hash->ids[s][batch->src[i]] = batch->dst[i];
    batch->n = 0;
    return TQP_OK;
}

/*
 * All keys of state s whose hash begins with p.  They lie in the p-th range of slots, but for those
 * that probing moved past its end, which are reached before the next empty slot.
 */
static TqpStatus merge_state(TqpRun *run, Groups *part, uint32_t p, uint32_t s, Batch *batch,
                             uint32_t *flags) {
    Hash *hash = run->sink;
    const TqpKeyTable *table = &hash->states[s].groups.table;
    const TqpKeySlot *slots = table->slots.data;
    uint32_t part_bits = hash->part_bits;
    if (!hash->states[s].groups.open || table->nkeys == 0)
        return TQP_OK;
    uint64_t range = UINT64_C(1) << (table->bits - part_bits), first = p * range;
    uint64_t mask = (UINT64_C(1) << table->bits) - 1;
    for (uint64_t i = 0; i <= mask; i++) {
        const TqpKeySlot *slot = &slots[(first + i) & mask];
        if (i >= range && slot->number == 0)
            break;
        if (slot->number == 0 || (part_bits > 0 && slot->hash >> (64 - part_bits) != p))
            continue;
        batch->hashes[batch->n] = slot->hash;
        batch->src[batch->n] = slot->number - 1;
        prefetch_group(hash, &hash->states[s].groups, slot->number - 1);
        if (++batch->n == TQP_KEY_BATCH)
            TQP_TRY(flush(run, part, s, batch, flags));
    }
    return flush(run, part, s, batch, flags);
}

static TqpStatus merge_part(TqpRun *run, uint32_t p, const TqpStop *stop, uint32_t *flags) {
    Hash *hash = run->sink;
    Groups *part = &hash->parts[p];
    /* Sources come in hash order: other bits of the hash keep them from crowding a growing table.
     */
    TQP_TRY(open_groups(run, part, 32));
    part->table.stop = stop;
    Batch *batch = tqp_arena_zalloc(&part->arena, sizeof(Batch));
    if (batch == NULL)
        return tqp_exec_arena_status(&part->arena);
    batch->words =
        tqp_arena_alloc(&part->arena, TQP_KEY_BATCH * hash->keys.nwords * sizeof(uint64_t));
    if (batch->words == NULL)
        return tqp_exec_arena_status(&part->arena);
    for (uint32_t s = 0; s < hash->nstates; s++)
        TQP_TRY(merge_state(run, part, p, s, batch, flags));
    return TQP_OK;
}

static TqpStatus merge_work(TqpTeam *team, int worker, void *arg) {
    TqpRun *run = arg;
    Hash *hash = run->sink;
    const TqpStop stop = {team, worker, NULL};
    uint32_t flags = 0;
    while (!tqp_team_should_stop(team, worker)) {
        uint32_t p = atomic_fetch_add(&hash->next, 1);
        if (p >= hash->nparts)
            break;
        TQP_TRY(merge_part(run, p, &stop, &flags));
    }
    return tqp_exec_flags_status(flags);
}

/* Where each state's groups ended up, for the sets of distinct values. */
static TqpStatus alloc_ids(TqpRun *run, Hash *hash) {
    hash->ids = tqp_arena_zalloc(&run->arena, hash->nstates * sizeof(uint32_t *));
    if (hash->ids == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t s = 0; s < hash->nstates; s++) {
        size_t keys = hash->states[s].groups.table.nkeys;
        hash->ids[s] = tqp_arena_alloc(&run->arena, (keys + 1) * sizeof(uint32_t));
        if (hash->ids[s] == NULL)
            return tqp_exec_arena_status(&run->arena);
    }
    return TQP_OK;
}

static TqpStatus merge_states(TqpRun *run, Hash *hash) {
    uint32_t used = 0, last = 0;
    uint64_t keys = 0;
    for (uint32_t s = 0; s < hash->nstates; s++) {
        if (!hash->states[s].groups.open)
            continue;
        used++;
        last = s;
        keys += hash->states[s].groups.table.nkeys;
    }
    hash->part_bits = used > 1 && keys >= SPLIT_KEYS && hash->distinct == NULL ? PART_BITS : 0;
    hash->nparts = 1u << hash->part_bits;
    hash->parts = tqp_arena_zalloc(&run->arena, hash->nparts * sizeof(Groups));
    Groups **final = tqp_arena_zalloc(&run->arena, hash->nparts * sizeof(Groups *));
    hash->base = tqp_arena_zalloc(&run->arena, (hash->nparts + 1) * sizeof(uint64_t));
    if (hash->parts == NULL || final == NULL || hash->base == NULL)
        return tqp_exec_arena_status(&run->arena);
    hash->final = final;
    for (uint32_t p = 0; p < hash->nparts; p++)
        final[p] = used == 1 ? &hash->states[last].groups : &hash->parts[p];
    if (used > 1) {
        if (hash->distinct != NULL)
            TQP_TRY(alloc_ids(run, hash));
        int workers = hash->nparts > 1 ? run->nworkers : 1;
        TQP_TRY(tqp_team_run(workers, run->query->poll, merge_work, run));
    }
    if (hash->distinct != NULL && used > 0)
        TQP_TRY(tqp_distinct_finish(hash->distinct, &final[0]->accs,
                                    (const uint32_t *const *)hash->ids));
    for (uint32_t p = 0; p < hash->nparts; p++)
        hash->base[p + 1] = hash->base[p] + (final[p]->open ? final[p]->table.nkeys : 0);
    return TQP_OK;
}

/* ---- result ---- */

/* Groups [first, first + n) of part p, into rows from `at` on. */
static TqpStatus finish_groups(const TqpRun *run, const Hash *hash, uint32_t p, uint32_t first,
                               uint32_t n, TqpColumn *columns, uint64_t at) {
    const TqpSink *sink = &run->pipeline->sink;
    const Groups *groups = hash->final[p];
    for (uint32_t k = 0; k < sink->nkeys; k++)
        tqp_key_unpack(&hash->keys, k, tqp_key_at(&groups->table, first), n, &columns[k], at);
    for (uint32_t a = 0; a < sink->naccs; a++)
        TQP_TRY(tqp_accs_finish(&groups->accs, &hash->accs, a, first, n, NULL,
                                &columns[sink->nkeys + a], at));
    return TQP_OK;
}

static TqpStatus alloc_columns(const TqpRun *run, uint64_t n, TqpColumn *columns) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpBroker *broker = run->query->broker;
    for (uint32_t k = 0; k < sink->nkeys; k++)
        TQP_TRY(tqp_column_alloc(&columns[k], broker, &sink->keys[k],
                                 sink->keys[k].valid != TQP_NO_REG, n));
    for (uint32_t a = 0; a < sink->naccs; a++)
        TQP_TRY(tqp_column_alloc(&columns[sink->nkeys + a], broker, &sink->accs[a].result,
                                 sink->accs[a].kind != TQP_ACC_COUNT, n));
    return TQP_OK;
}

/* Result rows [from, to), whatever parts they lie in. */
static TqpStatus fill_columns(const TqpRun *run, const Hash *hash, uint64_t from, uint64_t to,
                              TqpColumn *columns) {
    TQP_TRY(alloc_columns(run, to - from, columns));
    for (uint32_t p = 0; p < hash->nparts; p++) {
        uint64_t begin = from > hash->base[p] ? from : hash->base[p];
        uint64_t end = to < hash->base[p + 1] ? to : hash->base[p + 1];
        if (begin < end)
            TQP_TRY(finish_groups(run, hash, p, (uint32_t)(begin - hash->base[p]),
                                  (uint32_t)(end - begin), columns, begin - from));
    }
    return TQP_OK;
}

static TqpStatus finish_rows(const TqpRun *run, const Hash *hash, uint64_t from, uint64_t to,
                             const TqpStop *stop) {
    const TqpSink *sink = &run->pipeline->sink;
    uint32_t ncolumns = sink->nkeys + sink->naccs;
    TqpColumn *columns = calloc(ncolumns + 1, sizeof(TqpColumn));
    if (columns == NULL)
        return TQP_NO_MEMORY;
    TqpStatus status = fill_columns(run, hash, from, to, columns);
    if (status == TQP_OK)
        status = tqp_result_build(&hash->results[from / FINISH_ROWS], run->query->broker, to - from,
                                  ncolumns, columns, stop);
    for (uint32_t c = 0; c < ncolumns; c++)
        tqp_column_free(&columns[c]);
    free(columns);
    return status;
}

/* Without groups, too, there is a result: one part without rows. */
static TqpStatus finish_work(TqpTeam *team, int worker, void *arg) {
    TqpRun *run = arg;
    Hash *hash = run->sink;
    const TqpStop stop = {team, worker, NULL};
    uint64_t n = hash->base[hash->nparts];
    while (!tqp_team_should_stop(team, worker)) {
        uint64_t from = (uint64_t)atomic_fetch_add(&hash->next, 1) * FINISH_ROWS;
        if (from >= n && from > 0)
            break;
        TQP_TRY(
            finish_rows(run, hash, from, n - from < FINISH_ROWS ? n : from + FINISH_ROWS, &stop));
    }
    return TQP_OK;
}

static TqpStatus hash_finish(TqpRun *run, TqpResult *result) {
    Hash *hash = run->sink;
    TQP_TRY(merge_states(run, hash));
    uint64_t n = hash->base[hash->nparts];
    uint32_t nresults = (uint32_t)(n / FINISH_ROWS + 1);
    hash->results = tqp_arena_zalloc(&run->arena, nresults * sizeof(TqpResult));
    if (hash->results == NULL)
        return tqp_exec_arena_status(&run->arena);
    atomic_store(&hash->next, 0);
    TqpStatus status =
        tqp_team_run(n >= SPLIT_KEYS ? run->nworkers : 1, run->query->poll, finish_work, run);
    return tqp_result_join(result, run->query->broker, status, nresults, hash->results);
}

static void hash_release(TqpRun *run) {
    Hash *hash = run->sink;
    if (hash == NULL)
        return;
    for (uint32_t s = 0; hash->states != NULL && s < hash->nstates; s++)
        close_groups(hash, &hash->states[s].groups);
    for (uint32_t p = 0; hash->parts != NULL && p < hash->nparts; p++)
        close_groups(hash, &hash->parts[p]);
    tqp_distinct_release(hash->distinct);
}

const TqpSinkOps tqp_sink_hash = {hash_begin, hash_tile, NULL, hash_finish, hash_release};
