/*
 * Hash aggregation: the merge and the result.  Each state's slots are listed by parts of the hash;
 * a part is merged by one worker.  The result is made a row group at a time, by all workers.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/hash.h"
#include "exec/slices.h"

#define SPLIT_KEYS  65536u /* fewer groups than this are merged by one worker */
#define PART_BITS   5u     /* else into 2^PART_BITS partitions */
#define FINISH_ROWS 65536u /* result rows that a worker claims: a row group */

static inline uint32_t part_of(const TqpHash *hash, uint64_t key_hash) {
    return hash->part_bits > 0 ? (uint32_t)(key_hash >> (64 - hash->part_bits)) : 0;
}

/* Entries of a source table on their way into a part. */
typedef struct Batch {
    uint32_t n;
    uint64_t *words; /* TQP_KEY_BATCH keys */
    uint64_t hashes[TQP_KEY_BATCH];
    uint32_t src[TQP_KEY_BATCH], dst[TQP_KEY_BATCH];
} Batch;

/* Hash order is random order for the groups' own arrays. */
static void prefetch_group(const TqpHash *hash, const TqpHashGroups *groups, uint32_t number) {
    const TqpAccPlan *plan = &hash->accs;
    __builtin_prefetch(tqp_key_at(&groups->table, number));
    for (uint32_t k = 0; k < plan->ncounts; k++)
        __builtin_prefetch((const int64_t *)groups->accs.counts[k].data + number);
    for (uint32_t a = 0; a < plan->naccs; a++)
        if (plan->infos[a].has_values)
            __builtin_prefetch((const char *)groups->accs.values[a].data +
                               (size_t)number * plan->infos[a].width);
}

static TqpStatus flush(TqpRun *run, TqpHashGroups *part, uint32_t s, Batch *batch,
                       uint32_t *flags) {
    TqpHash *hash = run->sink;
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

/* All keys of state s in part p. */
static TqpStatus merge_state(TqpRun *run, TqpHashGroups *part, uint32_t p, uint32_t s, Batch *batch,
                             uint32_t *flags) {
    TqpHash *hash = run->sink;
    const TqpHashState *state = &hash->states[s];
    if (!state->groups.open)
        return TQP_OK;
    const TqpKeySlot *entries = state->entries.data;
    for (uint32_t i = state->entries_begin[p]; i < state->entries_begin[p + 1]; i++) {
        batch->hashes[batch->n] = entries[i].hash;
        batch->src[batch->n] = entries[i].number - 1;
        prefetch_group(hash, &state->groups, entries[i].number - 1);
        if (++batch->n == TQP_KEY_BATCH)
            TQP_TRY(flush(run, part, s, batch, flags));
    }
    return flush(run, part, s, batch, flags);
}

static TqpStatus merge_part(TqpRun *run, uint32_t p, const TqpStop *stop, uint32_t *flags) {
    TqpHash *hash = run->sink;
    TqpHashGroups *part = &hash->parts[p];
    TQP_TRY(tqp_hash_groups_open(run, part));
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
    TqpHash *hash = run->sink;
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

/* Slots [0, n) of a table to where their parts are being written. */
static TqpStatus scatter(const TqpHash *hash, const TqpKeySlot *slots, uint64_t n,
                         TqpKeySlot *entries, uint32_t *at, const TqpStop *stop) {
    for (uint64_t i = 0; i < n; i++) {
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        if (slots[i].number != 0)
            entries[at[part_of(hash, slots[i].hash)]++] = slots[i];
    }
    return TQP_OK;
}

/* The state's keys by parts.  From here on its table is keys without slots. */
static TqpStatus part_state(TqpRun *run, TqpHashState *state, const TqpStop *stop) {
    const TqpHash *hash = run->sink;
    TqpKeyTable *table = &state->groups.table;
    const TqpKeySlot *slots = table->slots.data;
    uint64_t n = table->nkeys > 0 ? UINT64_C(1) << table->bits : 0;
    uint32_t at[1u << PART_BITS] = {0}, total = 0;
    uint32_t *begin =
        tqp_arena_alloc(&state->groups.arena, ((1u << PART_BITS) + 1) * sizeof(*begin));
    if (begin == NULL)
        return tqp_exec_arena_status(&state->groups.arena);
    for (uint64_t i = 0; i < n; i++) {
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        at[part_of(hash, slots[i].hash)] += slots[i].number != 0;
    }
    for (uint32_t p = 0; p < hash->nparts; p++) {
        begin[p] = total;
        total += at[p];
        at[p] = begin[p];
    }
    begin[hash->nparts] = total;
    state->entries_begin = begin;
    TQP_TRY(tqp_buffer_alloc(&state->entries, run->query->broker,
                             ((size_t)total + 1) * sizeof(TqpKeySlot)));
    TQP_TRY(scatter(hash, slots, n, state->entries.data, at, stop));
    tqp_buffer_free(&table->slots);
    return TQP_OK;
}

static TqpStatus part_work(TqpTeam *team, int worker, void *arg) {
    TqpRun *run = arg;
    TqpHash *hash = run->sink;
    const TqpStop stop = {team, worker, NULL};
    while (!tqp_team_should_stop(team, worker)) {
        uint32_t s = atomic_fetch_add(&hash->next, 1);
        if (s >= hash->nstates)
            break;
        if (hash->states[s].groups.open)
            TQP_TRY(part_state(run, &hash->states[s], &stop));
    }
    return TQP_OK;
}

/* Where each state's groups ended up, for the sets of distinct values. */
static TqpStatus alloc_ids(TqpRun *run, TqpHash *hash) {
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

/* From a group's number in its part to that among all groups. */
static TqpStatus number_groups(void *job, const TqpStop *stop, uint64_t from, uint64_t to) {
    const TqpHash *hash = job;
    for (uint64_t s = from; s < to; s++) {
        const TqpHashState *state = &hash->states[s];
        const TqpKeySlot *entries = state->entries.data;
        for (uint32_t p = 0; state->groups.open && p < hash->nparts; p++)
            for (uint32_t i = state->entries_begin[p]; i < state->entries_begin[p + 1]; i++) {
                if (tqp_stop_at(stop, i))
                    return TQP_CANCELLED;
                hash->ids[s][entries[i].number - 1] += (uint32_t)hash->base[p];
            }
    }
    return TQP_OK;
}

static TqpStatus finish_distinct(TqpRun *run, TqpHash *hash) {
    TqpAccs **accs = tqp_arena_alloc(&run->arena, hash->nparts * sizeof(TqpAccs *));
    uint64_t n = hash->base[hash->nparts];
    if (accs == NULL)
        return tqp_exec_arena_status(&run->arena);
    if (n > UINT32_MAX)
        return TQP_MEMORY_LIMIT;
    for (uint32_t p = 0; p < hash->nparts; p++)
        accs[p] = &hash->final[p]->accs;
    if (hash->nparts > 1)
        TQP_TRY(tqp_slices_run(run, tqp_slices_workers(run, n, SPLIT_KEYS), hash->nstates, 1,
                               number_groups, hash));
    const TqpDistinctTarget target = {hash->nparts, accs, hash->base,
                                      (const uint32_t *const *)hash->ids};
    return tqp_distinct_finish(hash->distinct, &target);
}

static TqpStatus merge_states(TqpRun *run, TqpHash *hash) {
    uint32_t used = 0, last = 0;
    uint64_t keys = 0;
    for (uint32_t s = 0; s < hash->nstates; s++) {
        if (!hash->states[s].groups.open)
            continue;
        used++;
        last = s;
        keys += hash->states[s].groups.table.nkeys;
    }
    hash->part_bits = used > 1 && keys >= SPLIT_KEYS ? PART_BITS : 0;
    if (run->shard.of > 1) /* memory is short, and each part has scratch of its own */
        while (hash->part_bits > 0 && keys >> hash->part_bits < SPLIT_KEYS / 2)
            hash->part_bits--;
    hash->nparts = 1u << hash->part_bits;
    hash->parts = tqp_arena_zalloc(&run->arena, hash->nparts * sizeof(TqpHashGroups));
    TqpHashGroups **final = tqp_arena_zalloc(&run->arena, hash->nparts * sizeof(TqpHashGroups *));
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
        TQP_TRY(tqp_team_run(workers, run->query->poll, part_work, run));
        atomic_store(&hash->next, 0);
        TQP_TRY(tqp_team_run(workers, run->query->poll, merge_work, run));
    }
    for (uint32_t p = 0; p < hash->nparts; p++)
        hash->base[p + 1] = hash->base[p] + (final[p]->open ? final[p]->table.nkeys : 0);
    return hash->distinct != NULL && used > 0 ? finish_distinct(run, hash) : TQP_OK;
}

/* ---- result ---- */

/* Keys of these groups, into rows from `at` on. */
static TqpStatus unpack_listed(const TqpRun *run, const TqpHash *hash, const TqpKeyTable *table,
                               const uint32_t *ids, uint32_t n, TqpColumn *columns, uint64_t at) {
    size_t bytes = hash->keys.nwords * sizeof(uint64_t);
    TqpBuffer words;
    TQP_TRY(tqp_buffer_alloc(&words, run->query->broker, TQP_KEY_BATCH * bytes));
    for (uint32_t done = 0, some; done < n; done += some) {
        some = n - done < TQP_KEY_BATCH ? n - done : TQP_KEY_BATCH;
        for (uint32_t i = 0; i < some; i++)
            memcpy((char *)words.data + i * bytes, tqp_key_at(table, ids[done + i]), bytes);
        for (uint32_t k = 0; k < run->pipeline->sink.nkeys; k++)
            tqp_key_unpack(&hash->keys, k, words.data, some, &columns[k], at + done);
    }
    tqp_buffer_free(&words);
    return TQP_OK;
}

/* Groups [first, first + n) of part p, in the result's order, into rows from `at` on. */
static TqpStatus finish_groups(const TqpRun *run, const TqpHash *hash, uint32_t p, uint32_t first,
                               uint32_t n, TqpColumn *columns, uint64_t at) {
    const TqpSink *sink = &run->pipeline->sink;
    const TqpHashGroups *groups = hash->final[p];
    const uint32_t *ids = NULL;
    if (hash->order != NULL) {
        ids = (const uint32_t *)hash->order[p].data + first;
        TQP_TRY(unpack_listed(run, hash, &groups->table, ids, n, columns, at));
    }
    for (uint32_t k = 0; ids == NULL && k < sink->nkeys; k++)
        tqp_key_unpack(&hash->keys, k, tqp_key_at(&groups->table, first), n, &columns[k], at);
    for (uint32_t a = 0; a < sink->naccs; a++)
        TQP_TRY(tqp_accs_finish(&groups->accs, &hash->accs, a, first, n, ids,
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
static TqpStatus fill_columns(const TqpRun *run, const TqpHash *hash, uint64_t from, uint64_t to,
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

static TqpStatus finish_rows(const TqpRun *run, const TqpHash *hash, uint64_t from, uint64_t to,
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
    TqpHash *hash = run->sink;
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

TqpStatus tqp_hash_finish(TqpRun *run, TqpResult *result) {
    TqpHash *hash = run->sink;
    TQP_TRY(merge_states(run, hash));
    if (run->ordered && !run->fixed) /* what fixed states merge into has no other order */
        TQP_TRY(tqp_hash_order(run));
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
