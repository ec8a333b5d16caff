/*
 * HASH maps.  Rows are dealt out, in their order, to parts of their keys' hashes; each part's table
 * is filled by one worker, within the caches, and rows are listed by the numbers of its keys.  Few
 * rows are one part.
 */
#include <string.h>

#include "exec/map.h"
#include "exec/slices.h"

#define SLICE_ROWS      32768u /* a multiple of TQP_KEY_BATCH */
#define ROWS_PER_WORKER UINT64_C(65536)
#define ROWS_PER_PART   UINT64_C(16384) /* whose slots and keys stay in the L2 */
#define ONE_PART        UINT64_C(131072)

typedef struct Hashing {
    TqpRun *run;
    TqpBuild *build;
    const TqpColumn **keys;
    uint32_t bits, nparts;
    uint64_t **scratch;                    /* per worker: TQP_KEY_BATCH keys */
    uint32_t *offsets;                     /* [slice][nparts]: rows, then where they go */
    uint32_t *begins;                      /* nparts + 1: rows of a part */
    _Atomic bool null_key;                 /* some row has a NULL key */
    _Atomic uint64_t seen_rows, seen_keys; /* of the parts filled so far */
    TqpBuffer hashes;                      /* uint64_t, of all rows */
    /* In the order of the parts, of rows that are in the map: */
    TqpBuffer words, part_hashes; /* uint64_t */
    TqpBuffer rows, numbers;      /* uint32_t */
    TqpBuffer row_numbers;        /* ranged: uint32_t of all rows; UINT32_MAX: in no map */
} Hashing;

TqpStatus tqp_build_key_plan(TqpKeyPlan *plan, TqpArena *arena, const TqpMap *map, TqpSlot *slots) {
    for (uint32_t k = 0; k < map->nkeys; k++) {
        slots[k].lane = slots[k].lane == TQP_LANE_MASK ? TQP_LANE_U8 : slots[k].lane;
        slots[k].valid = map->null_safe[k] ? 0 : TQP_NO_REG;
    }
    return tqp_key_plan(plan, arena, map->nkeys, slots, false);
}

/* ---- dealing ---- */

static bool has_no_key(const TqpColumn *key, uint64_t row) {
    const uint8_t *valid = key->valid.data;
    return valid != NULL && !valid[row];
}

static bool is_in_map(Hashing *job, uint64_t row) {
    const TqpMap *map = job->build->map;
    bool in_map = true;
    for (uint32_t k = 0; k < map->nkeys; k++)
        if (has_no_key(job->keys[k], row)) {
            atomic_store_explicit(&job->null_key, true, memory_order_relaxed);
            in_map = in_map && map->null_safe[k];
        }
    return in_map;
}

static uint32_t batch_at(uint64_t at, uint64_t to) {
    return to - at < TQP_KEY_BATCH ? (uint32_t)(to - at) : TQP_KEY_BATCH;
}

static TqpStatus hash_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    Hashing *job = arg;
    const TqpKeyPlan *plan = &job->build->plan;
    uint64_t *words = job->scratch[stop->worker], *hashes = job->hashes.data;
    uint32_t *counts = job->offsets + from / SLICE_ROWS * job->nparts;
    for (uint64_t at = from; at < to; at += TQP_KEY_BATCH) {
        uint32_t n = batch_at(at, to);
        tqp_key_pack_columns(plan, job->keys, at, n, words);
        tqp_key_hash(plan, words, n, hashes + at);
        for (uint64_t i = at; i < at + n; i++)
            if (is_in_map(job, i))
                counts[tqp_key_part(job->bits, hashes[i])]++;
    }
    return TQP_OK;
}

static TqpStatus deal_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    Hashing *job = arg;
    const TqpKeyPlan *plan = &job->build->plan;
    uint32_t *offsets = job->offsets + from / SLICE_ROWS * job->nparts, nwords = plan->nwords;
    uint64_t *scratch = job->scratch[stop->worker], *words = job->words.data;
    uint64_t *part_hashes = job->part_hashes.data;
    const uint64_t *hashes = job->hashes.data;
    uint32_t *rows = job->rows.data;
    for (uint64_t at = from; at < to; at += TQP_KEY_BATCH) {
        uint32_t n = batch_at(at, to);
        tqp_key_pack_columns(plan, job->keys, at, n, scratch);
        for (uint32_t i = 0; i < n; i++) {
            if (!is_in_map(job, at + i))
                continue;
            uint32_t place = offsets[tqp_key_part(job->bits, hashes[at + i])]++;
            for (uint32_t w = 0; w < nwords; w++)
                words[(size_t)place * nwords + w] = scratch[(size_t)i * nwords + w];
            part_hashes[place] = hashes[at + i];
            rows[place] = (uint32_t)(at + i);
        }
    }
    return TQP_OK;
}

/* From rows of each slice in each part to their places; returns how many there are. */
static uint32_t make_offsets(Hashing *job, uint64_t nslices) {
    uint32_t sum = 0;
    for (uint32_t p = 0; p < job->nparts; p++) {
        job->begins[p] = sum;
        for (uint64_t s = 0; s < nslices; s++) {
            uint32_t *at = &job->offsets[s * job->nparts + p], count = *at;
            *at = sum;
            sum += count;
        }
    }
    return job->begins[job->nparts] = sum;
}

static TqpStatus deal(Hashing *job, int workers) {
    TqpRun *run = job->run;
    TqpBroker *broker = run->query->broker;
    uint64_t nrows = job->build->nrows, nslices = (nrows + SLICE_ROWS - 1) / SLICE_ROWS;
    uint32_t nwords = job->build->plan.nwords;
    job->offsets = tqp_arena_zalloc(&run->arena, nslices * job->nparts * sizeof(uint32_t) + 1);
    job->begins = tqp_arena_alloc(&run->arena, (job->nparts + 1) * sizeof(uint32_t));
    if (job->offsets == NULL || job->begins == NULL)
        return tqp_exec_arena_status(&run->arena);
    TQP_TRY(tqp_buffer_alloc(&job->hashes, broker, nrows * sizeof(uint64_t) + 1));
    TQP_TRY(tqp_slices_run(run, workers, nrows, SLICE_ROWS, hash_slice, job));
    size_t n = make_offsets(job, nslices);
    job->build->null_key = atomic_load(&job->null_key);
    TQP_TRY(tqp_buffer_alloc(&job->words, broker, n * nwords * sizeof(uint64_t) + 1));
    TQP_TRY(tqp_buffer_alloc(&job->part_hashes, broker, n * sizeof(uint64_t) + 1));
    TQP_TRY(tqp_buffer_alloc(&job->rows, broker, (n + 1) * sizeof(uint32_t)));
    TQP_TRY(tqp_slices_run(run, workers, nrows, SLICE_ROWS, deal_slice, job));
    tqp_buffer_free(&job->hashes);
    return TQP_OK;
}

/* ---- filling ---- */

/*
 * Keys to make room for: parts are alike.  Keys may be seen before their rows are, so that they
 * seem to be more.
 */
static uint64_t expect_keys(Hashing *job, uint64_t rows) {
    uint64_t seen_rows = atomic_load(&job->seen_rows), seen_keys = atomic_load(&job->seen_keys);
    if (job->build->map->unique)
        return rows;
    if (seen_rows == 0)
        return 0;
    if (seen_keys >= seen_rows)
        return rows;
    return (uint64_t)((double)rows * (double)seen_keys / (double)seen_rows);
}

static TqpStatus fill_part(void *arg, const TqpStop *stop, uint64_t p, uint64_t end) {
    (void)end;
    Hashing *job = arg;
    TqpKeyTable *table = &job->build->parts.tables[p];
    const uint64_t *words = job->words.data, *hashes = job->part_hashes.data;
    uint32_t *numbers = job->numbers.data, rows = job->begins[p + 1] - job->begins[p];
    table->stop = stop;
    TQP_TRY(tqp_key_table_reserve(table, expect_keys(job, rows)));
    for (uint64_t at = job->begins[p], to = job->begins[p + 1]; at < to; at += TQP_KEY_BATCH) {
        if (tqp_stop_at(stop, at - job->begins[p]))
            return TQP_CANCELLED;
        TQP_TRY(tqp_key_table_insert(table, words + at * table->plan->nwords, hashes + at,
                                     batch_at(at, to), numbers + at));
    }
    table->stop = NULL;
    atomic_fetch_add(&job->seen_keys, table->nkeys);
    atomic_fetch_add(&job->seen_rows, rows);
    return TQP_OK;
}

static TqpStatus fill(Hashing *job, int workers) {
    TqpRun *run = job->run;
    TqpBuild *build = job->build;
    size_t bytes = (size_t)job->begins[job->nparts] * sizeof(uint32_t) + 1;
    TQP_TRY(tqp_buffer_alloc(&job->numbers, run->query->broker, bytes));
    TQP_TRY(tqp_slices_run(run, workers, job->nparts, 1, fill_part, job));
    tqp_buffer_free(&job->words);
    tqp_buffer_free(&job->part_hashes);
    TQP_TRY(tqp_key_parts_number(&build->parts));
    build->none = build->parts.firsts[job->nparts];
    build->unique = build->map->nranges == 0 && build->none == job->begins[job->nparts];
    return TQP_OK;
}

static TqpStatus number_part(void *arg, const TqpStop *stop, uint64_t p, uint64_t end) {
    (void)end;
    const Hashing *job = arg;
    const uint32_t *rows = job->rows.data, *found = job->numbers.data;
    uint32_t first = job->build->parts.firsts[p], *numbers = job->row_numbers.data;
    for (uint64_t i = job->begins[p]; i < job->begins[p + 1]; i++) {
        if (tqp_stop_at(stop, i - job->begins[p]))
            return TQP_CANCELLED;
        numbers[rows[i]] = first + found[i];
    }
    return TQP_OK;
}

/* A ranged map orders all rows by their keys' numbers itself. */
static TqpStatus order_rows(Hashing *job, int workers) {
    TqpRun *run = job->run;
    size_t n = job->build->nrows, bytes = n * sizeof(uint32_t) + 1;
    TQP_TRY(tqp_buffer_alloc(&job->row_numbers, run->query->broker, bytes));
    uint32_t *numbers = job->row_numbers.data;
    for (size_t i = 0; job->begins[job->nparts] < n && i < n; i++) {
        if (tqp_stop_at(&run->leader, i))
            return TQP_CANCELLED;
        numbers[i] = UINT32_MAX;
    }
    TQP_TRY(tqp_slices_run(run, workers, job->nparts, 1, number_part, job));
    return tqp_build_range(job->build, run, numbers);
}

/* Keys are numbered as they come: where no two rows of a part share one, as its rows are. */
static TqpStatus list_rows(Hashing *job, int workers) {
    TqpBuild *build = job->build;
    if (build->map->nranges > 0)
        return order_rows(job, workers);
    if (build->map->exists_only ||
        (build->unique && job->nparts == 1 && build->none == build->nrows))
        return TQP_OK;
    if (!build->unique)
        return tqp_build_list_parts(build, job->run,
                                    &(TqpRowParts){.nparts = job->nparts,
                                                   .begins = job->begins,
                                                   .firsts = build->parts.firsts,
                                                   .numbers = job->numbers.data,
                                                   .rows = job->rows.data});
    build->first = job->rows;
    memset(&job->rows, 0, sizeof(job->rows));
    ((uint32_t *)build->first.data)[build->none] = build->nrows;
    return TQP_OK;
}

/* ---- */

static TqpStatus choose_keys(Hashing *job) {
    TqpBuild *build = job->build;
    const TqpMap *map = build->map;
    TqpArena *arena = &build->arena;
    TqpSlot *slots = tqp_arena_alloc(arena, (map->nkeys + 1) * sizeof(TqpSlot));
    job->keys = tqp_arena_alloc(&job->run->arena, (map->nkeys + 1) * sizeof(*job->keys));
    if (slots == NULL)
        return tqp_exec_arena_status(arena);
    if (job->keys == NULL)
        return tqp_exec_arena_status(&job->run->arena);
    for (uint32_t k = 0; k < map->nkeys; k++) {
        job->keys[k] = &build->columns[map->columns[k]];
        slots[k] = job->keys[k]->slot;
    }
    return tqp_build_key_plan(&build->plan, arena, map, slots);
}

static TqpStatus open_scratch(Hashing *job, int workers) {
    TqpArena *arena = &job->run->arena;
    size_t bytes = (size_t)TQP_KEY_BATCH * job->build->plan.nwords * sizeof(uint64_t);
    job->scratch = tqp_arena_alloc(arena, (size_t)workers * sizeof(uint64_t *));
    if (job->scratch == NULL)
        return tqp_exec_arena_status(arena);
    for (int w = 0; w < workers; w++) {
        job->scratch[w] = tqp_arena_alloc(arena, bytes + 1);
        if (job->scratch[w] == NULL)
            return tqp_exec_arena_status(arena);
    }
    return TQP_OK;
}

static uint32_t choose_bits(uint64_t nrows) {
    uint32_t bits = 0;
    while (nrows > ONE_PART && bits < TQP_KEY_PARTS_BITS_MAX && nrows >> bits > ROWS_PER_PART)
        bits++;
    return bits;
}

static TqpStatus make(Hashing *job) {
    TqpRun *run = job->run;
    TqpBuild *build = job->build;
    int workers = tqp_slices_workers(run, build->nrows, ROWS_PER_WORKER);
    TQP_TRY(choose_keys(job));
    TQP_TRY(open_scratch(job, workers));
    TQP_TRY(tqp_key_parts_open(&build->parts, &build->arena, &build->plan, run->query->broker,
                               job->bits));
    TQP_TRY(deal(job, workers));
    TQP_TRY(fill(job, workers));
    return list_rows(job, workers);
}

TqpStatus tqp_build_hash(TqpBuild *build, TqpRun *run) {
    uint32_t bits = choose_bits(build->nrows);
    Hashing job = {.run = run, .build = build, .bits = bits, .nparts = 1u << bits};
    TqpStatus status = make(&job);
    tqp_buffer_free(&job.hashes);
    tqp_buffer_free(&job.words);
    tqp_buffer_free(&job.part_hashes);
    tqp_buffer_free(&job.rows);
    tqp_buffer_free(&job.numbers);
    tqp_buffer_free(&job.row_numbers);
    return status == TQP_OK ? tqp_build_filter(build, run) : status;
}
