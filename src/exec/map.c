/* Making the map of a build: numbers of its keys, densely or by hash. */
#include "exec/map.h"

#include <string.h>

#include "exec/memory.h"
#include "exec/run.h"

#define CHUNK_ROWS      16384u /* rows that a worker claims; a multiple of 64 */
#define ROWS_PER_WORKER 65536u

/* One DENSE map while its rows are numbered; several workers take chunks of rows. */
typedef struct Numbering {
    TqpRun *run;
    TqpBuild *build;
    const TqpColumn *key;
    uint32_t *numbers; /* of all rows, or NULL: only bits or first are wanted */
    _Atomic uint64_t next;
    _Atomic bool null_key;
} Numbering;

void tqp_build_index(const TqpBuild *build, const TqpBackend *backend, TqpLane lane, int64_t bias,
                     const void *values, uint32_t n, uint32_t *numbers) {
    TqpInt128 add = (TqpInt128)bias - build->map->lo;
    TqpKernelArgs args = {.n = n, .out = numbers, .in = {values, NULL, NULL}};
    if (lane == TQP_LANE_I128)
        args.imm[0].w = add;
    else
        args.imm[0].i = (int64_t)add;
    args.imm[1].i = build->none;
    backend->kernels[TQP_STEP_INDEX][lane](&args);
}

TqpStatus tqp_build_key_plan(TqpKeyPlan *plan, TqpArena *arena, const TqpMap *map, TqpSlot *slots) {
    for (uint32_t k = 0; k < map->nkeys; k++) {
        slots[k].lane = slots[k].lane == TQP_LANE_MASK ? TQP_LANE_U8 : slots[k].lane;
        slots[k].valid = map->null_safe[k] ? 0 : TQP_NO_REG;
    }
    return tqp_key_plan(plan, arena, map->nkeys, slots, false);
}

/* ---- dense ---- */

static bool has_no_key(const TqpColumn *key, uint64_t row) {
    const uint8_t *valid = key->valid.data;
    return valid != NULL && !valid[row];
}

static void place_nulls(Numbering *job, uint64_t from, uint32_t n, uint32_t *numbers) {
    const TqpBuild *build = job->build;
    uint32_t null = build->map->null_safe[0] ? tqp_build_null_number(build) : build->none;
    bool found = false;
    for (uint32_t i = 0; job->key->valid.data != NULL && i < n; i++)
        if (has_no_key(job->key, from + i)) {
            numbers[i] = null;
            found = true;
        }
    if (found)
        atomic_store_explicit(&job->null_key, true, memory_order_relaxed);
}

/* Several workers set bits: most words of a clustered key are read rather than written. */
static void set_bits(const TqpBuild *build, const uint32_t *numbers, uint32_t n) {
    uint64_t *bits = build->bits.data;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bit = UINT64_C(1) << (numbers[i] & 63), *word = &bits[numbers[i] >> 6];
        if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit) == 0 && numbers[i] != build->none)
            __atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
    }
}

/* Keys are proved unique: no two workers write the same place but that of `none`, left out. */
static void set_first(const TqpBuild *build, const uint32_t *numbers, uint64_t from, uint32_t n) {
    uint32_t *first = build->first.data;
    for (uint32_t i = 0; i < n; i++)
        if (numbers[i] != build->none)
            first[numbers[i]] = (uint32_t)(from + i);
}

static TqpStatus number_rows(TqpTeam *team, int worker, void *arg) {
    Numbering *job = arg;
    const TqpBuild *build = job->build;
    uint32_t own[CHUNK_ROWS];
    size_t width = tqp_column_width(job->key->slot.lane);
    while (!tqp_team_should_stop(team, worker)) {
        uint64_t from = atomic_fetch_add(&job->next, CHUNK_ROWS);
        if (from >= build->nrows)
            break;
        uint32_t n = build->nrows - (uint32_t)from;
        n = n < CHUNK_ROWS ? n : CHUNK_ROWS;
        uint32_t *numbers = job->numbers != NULL ? job->numbers + from : own;
        tqp_build_index(build, job->run->query->backend, job->key->slot.lane, job->key->slot.bias,
                        (const char *)job->key->values.data + from * width, n, numbers);
        place_nulls(job, from, n, numbers);
        if (build->bits.data != NULL)
            set_bits(build, numbers, n);
        else if (job->numbers == NULL)
            set_first(build, numbers, from, n);
    }
    return TQP_OK;
}

static TqpStatus fill_first(TqpBuild *build, TqpRun *run) {
    size_t bytes = (size_t)build->nnumbers * sizeof(uint32_t);
    TQP_TRY(tqp_buffer_alloc(&build->first, run->query->broker, bytes));
    return tqp_build_no_rows(build, &run->leader);
}

/* Narrow lanes count modulo 2^64: right while the array lies within the values of int64. */
bool tqp_build_is_dense_sound(const TqpMap *map, const TqpSlot *key) {
    TqpInt128 span = (TqpInt128)map->span;
    if (map->nkeys != 1 || key->lane == TQP_LANE_MASK || key->lane == TQP_LANE_VIEW ||
        tqp_type_class(key->type.kind) == TQP_CLASS_FLOAT)
        return false;
    return key->lane == TQP_LANE_I128 ||
           (map->lo >= INT64_MIN && map->lo <= INT64_MAX && map->lo + span - 1 <= INT64_MAX);
}

static TqpStatus number_dense(TqpBuild *build, TqpRun *run) {
    const TqpMap *map = build->map;
    Numbering job = {.run = run, .build = build, .key = &build->columns[map->columns[0]]};
    if (!tqp_build_is_dense_sound(map, &job.key->slot))
        return TQP_INVALID;
    if (map->span > UINT32_MAX - 8)
        return TQP_UNSUPPORTED;
    build->none = (uint32_t)map->span;
    build->nnumbers = build->none + 2;
    TqpBuffer numbers = {0};
    TqpBroker *broker = run->query->broker;
    if (map->exists_only) {
        size_t bytes = (size_t)(build->nnumbers / 64 + 1) * 8;
        TQP_TRY(tqp_buffer_alloc(&build->bits, broker, bytes));
        TQP_TRY(tqp_memory_clear(build->bits.data, bytes, &run->leader));
    } else if (map->unique && !(map->null_safe[0] && job.key->valid.data != NULL)) {
        build->unique = true;
        TQP_TRY(fill_first(build, run));
    } else {
        TQP_TRY(tqp_buffer_alloc(&numbers, broker, (size_t)build->nrows * 4 + 256));
        job.numbers = numbers.data;
    }
    int workers = (int)(build->nrows / ROWS_PER_WORKER) + 1;
    workers = workers < run->query->nthreads ? workers : run->query->nthreads;
    TqpStatus status = tqp_team_run(workers, run->query->poll, number_rows, &job);
    build->null_key = atomic_load(&job.null_key);
    if (status == TQP_OK && job.numbers != NULL)
        status = tqp_build_rows(build, run, job.numbers, build->none);
    tqp_buffer_free(&numbers);
    return status;
}

/* ---- hash ---- */

typedef struct Hashing {
    TqpRun *run;
    TqpBuild *build;
    const TqpColumn **keys;
    uint64_t *words;   /* TQP_KEY_BATCH keys */
    uint32_t *numbers; /* of all rows; UINT32_MAX: in no map */
    uint64_t hashes[TQP_KEY_BATCH];
    uint32_t rows[TQP_KEY_BATCH], found[TQP_KEY_BATCH];
} Hashing;

static bool is_in_map(Hashing *job, uint64_t row) {
    const TqpMap *map = job->build->map;
    bool in_map = true;
    for (uint32_t k = 0; k < map->nkeys; k++)
        if (has_no_key(job->keys[k], row)) {
            job->build->null_key = true;
            in_map = in_map && map->null_safe[k];
        }
    return in_map;
}

static TqpStatus hash_batch(Hashing *job, uint64_t from, uint32_t n) {
    TqpBuild *build = job->build;
    uint32_t nwords = build->plan.nwords, kept = 0;
    tqp_key_pack_columns(&build->plan, job->keys, from, n, job->words);
    for (uint32_t i = 0; i < n; i++) {
        job->numbers[from + i] = UINT32_MAX;
        if (!is_in_map(job, from + i))
            continue;
        if (kept < i)
            memcpy(job->words + (size_t)kept * nwords, job->words + (size_t)i * nwords, nwords * 8);
        job->rows[kept++] = i;
    }
    tqp_key_hash(&build->plan, job->words, kept, job->hashes);
    TQP_TRY(tqp_key_table_insert(&build->table, job->words, job->hashes, kept, job->found));
    for (uint32_t i = 0; i < kept; i++)
        job->numbers[from + job->rows[i]] = job->found[i];
    return TQP_OK;
}

static TqpStatus hash_rows(Hashing *job) {
    TqpBuild *build = job->build;
    for (uint64_t from = 0; from < build->nrows; from += TQP_KEY_BATCH) {
        uint64_t left = build->nrows - from;
        if ((from & (CHUNK_ROWS - 1)) == 0 && tqp_stop_asked(&job->run->leader))
            return TQP_CANCELLED;
        TQP_TRY(hash_batch(job, from, left < TQP_KEY_BATCH ? (uint32_t)left : TQP_KEY_BATCH));
    }
    build->none = build->table.nkeys;
    build->nnumbers = build->none + 1;
    return build->map->exists_only ? TQP_OK
                                   : tqp_build_rows(build, job->run, job->numbers, UINT32_MAX);
}

static TqpStatus number_hash(TqpBuild *build, TqpRun *run) {
    const TqpMap *map = build->map;
    TqpArena *arena = &build->arena;
    Hashing *job = tqp_arena_zalloc(&run->arena, sizeof(Hashing));
    TqpSlot *slots = tqp_arena_alloc(arena, (map->nkeys + 1) * sizeof(TqpSlot));
    const TqpColumn **keys = tqp_arena_alloc(&run->arena, (map->nkeys + 1) * sizeof(*keys));
    if (slots == NULL)
        return tqp_exec_arena_status(arena);
    if (job == NULL || keys == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t k = 0; k < map->nkeys; k++) {
        keys[k] = &build->columns[map->columns[k]];
        slots[k] = keys[k]->slot;
    }
    TQP_TRY(tqp_build_key_plan(&build->plan, arena, map, slots));
    tqp_key_table_init(&build->table, &build->plan, run->query->broker, 0);
    build->table.stop = &run->leader;
    if (map->unique)
        TQP_TRY(tqp_key_table_reserve(&build->table, build->nrows));
    *job = (Hashing){.run = run, .build = build, .keys = keys};
    job->words = tqp_arena_alloc(&run->arena, (size_t)TQP_KEY_BATCH * build->plan.nwords * 8);
    if (job->words == NULL)
        return tqp_exec_arena_status(&run->arena);
    TqpBuffer numbers = {0};
    TQP_TRY(tqp_buffer_alloc(&numbers, run->query->broker, (size_t)build->nrows * 4 + 4));
    job->numbers = numbers.data;
    TqpStatus status = hash_rows(job);
    build->table.stop = NULL;
    tqp_buffer_free(&numbers);
    return status == TQP_OK ? tqp_build_filter(build, run) : status;
}

/* ---- */

static void add_empty_row(TqpBuild *build) {
    const TqpView empty = tqp_view("", 0);
    for (uint32_t c = 0; c < build->ncolumns; c++) {
        TqpColumn *column = &build->columns[c];
        size_t width = tqp_column_width(column->slot.lane);
        char *row = (char *)column->values.data + build->nrows * width;
        if (column->slot.lane == TQP_LANE_VIEW)
            memcpy(row, &empty, sizeof(empty));
        else
            memset(row, 0, width);
        if (column->valid.data != NULL)
            ((uint8_t *)column->valid.data)[build->nrows] = 0;
    }
}

TqpStatus tqp_build_make(TqpBuild *build, TqpRun *run, uint64_t nrows, TqpColumn *columns) {
    const TqpSink *sink = &run->pipeline->sink;
    memset(build, 0, sizeof(*build));
    build->map = &sink->map;
    tqp_arena_init(&build->arena, run->query->broker);
    size_t bytes = (size_t)sink->ncolumns * sizeof(TqpColumn);
    build->columns = tqp_arena_zalloc(&build->arena, bytes + 1);
    if (build->columns == NULL || nrows >= UINT32_MAX - 1) {
        for (uint32_t c = 0; c < sink->ncolumns; c++)
            tqp_column_free(&columns[c]);
        return build->columns == NULL ? tqp_exec_arena_status(&build->arena) : TQP_UNSUPPORTED;
    }
    build->nrows = (uint32_t)nrows;
    build->ncolumns = sink->ncolumns;
    memcpy(build->columns, columns, bytes);
    memset(columns, 0, bytes);
    add_empty_row(build);
    for (uint32_t k = 0; k < sink->map.nkeys; k++)
        if (sink->map.columns[k] >= sink->ncolumns)
            return TQP_INVALID;
    switch (sink->map.kind) {
    case TQP_MAP_DENSE:
        return number_dense(build, run);
    case TQP_MAP_HASH:
        return number_hash(build, run);
    default:
        build->unique = build->nrows <= 1;
        return TQP_OK;
    }
}

void tqp_build_free(TqpBuild *build) {
    for (uint32_t c = 0; c < build->ncolumns; c++)
        tqp_column_free(&build->columns[c]);
    tqp_buffer_free(&build->first);
    tqp_buffer_free(&build->starts);
    tqp_buffer_free(&build->list);
    tqp_buffer_free(&build->bits);
    tqp_buffer_free(&build->filter.bits);
    tqp_key_table_free(&build->table);
    tqp_arena_free(&build->arena);
    memset(build, 0, sizeof(*build));
}
