/* Making a build, and the numbers of keys by hash. */
#include "exec/map.h"

#include <string.h>

#include "exec/run.h"

#define STOP_ROWS 16384u /* between two questions whether to stop; a multiple of TQP_KEY_BATCH */

TqpStatus tqp_build_key_plan(TqpKeyPlan *plan, TqpArena *arena, const TqpMap *map, TqpSlot *slots) {
    for (uint32_t k = 0; k < map->nkeys; k++) {
        slots[k].lane = slots[k].lane == TQP_LANE_MASK ? TQP_LANE_U8 : slots[k].lane;
        slots[k].valid = map->null_safe[k] ? 0 : TQP_NO_REG;
    }
    return tqp_key_plan(plan, arena, map->nkeys, slots, false);
}

static bool has_no_key(const TqpColumn *key, uint64_t row) {
    const uint8_t *valid = key->valid.data;
    return valid != NULL && !valid[row];
}

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

static TqpStatus hash_batch(Hashing *job, uint64_t from, uint32_t n, uint32_t *included) {
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
    *included += kept;
    return TQP_OK;
}

static TqpStatus hash_rows(Hashing *job, uint32_t *included) {
    TqpBuild *build = job->build;
    for (uint64_t from = 0; from < build->nrows; from += TQP_KEY_BATCH) {
        uint64_t left = build->nrows - from;
        if (from % STOP_ROWS == 0 && tqp_stop_asked(&job->run->leader))
            return TQP_CANCELLED;
        TQP_TRY(
            hash_batch(job, from, left < TQP_KEY_BATCH ? (uint32_t)left : TQP_KEY_BATCH, included));
    }
    build->none = build->table.nkeys;
    return TQP_OK;
}

/* Each key's only row, where some rows are in no map. */
static TqpStatus list_first(TqpBuild *build, TqpRun *run, const uint32_t *numbers) {
    size_t bytes = ((size_t)build->none + 1) * sizeof(uint32_t);
    TQP_TRY(tqp_buffer_alloc(&build->first, run->query->broker, bytes));
    uint32_t *first = build->first.data;
    for (uint64_t i = 0; i < build->nrows; i++) {
        if (tqp_stop_at(&run->leader, i))
            return TQP_CANCELLED;
        if (numbers[i] != UINT32_MAX)
            first[numbers[i]] = (uint32_t)i;
    }
    first[build->none] = build->nrows;
    return TQP_OK;
}

/* Keys are numbered as they come: where no two rows share one, as their rows are. */
static TqpStatus list_rows(TqpBuild *build, TqpRun *run, const uint32_t *numbers,
                           uint32_t included) {
    build->unique = build->none == included;
    if (build->map->exists_only || (build->unique && included == build->nrows))
        return TQP_OK;
    return build->unique ? list_first(build, run, numbers)
                         : tqp_build_list(build, run, numbers, included);
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
    tqp_key_table_init(&build->table, &build->plan, run->query->broker);
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
    uint32_t included = 0;
    TqpStatus status = hash_rows(job, &included);
    build->table.stop = NULL;
    if (status == TQP_OK)
        status = list_rows(build, run, numbers.data, included);
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
        return tqp_build_dense(build, run);
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
    tqp_buffer_free(&build->before);
    tqp_buffer_free(&build->filter.bits);
    tqp_key_table_free(&build->table);
    tqp_arena_free(&build->arena);
    memset(build, 0, sizeof(*build));
}
