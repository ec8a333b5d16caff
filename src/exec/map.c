/* Making a build: its columns, and the map that its kind asks for. */
#include "exec/map.h"

#include <string.h>

#include "exec/run.h"

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

static bool is_range_sound(const TqpSink *sink) {
    const TqpMap *map = &sink->map;
    bool sound = map->nranges <= 2 && !(map->nranges > 0 && (map->exists_only || map->unique));
    for (uint32_t k = 0; sound && k < map->nranges; k++)
        sound = map->ranges[k] < sink->ncolumns;
    return sound;
}

TqpStatus tqp_build_make(TqpBuild *build, TqpRun *run, uint64_t nrows, TqpColumn *columns) {
    const TqpSink *sink = &run->pipeline->sink;
    memset(build, 0, sizeof(*build));
    build->whole = &sink->map;
    build->shard = run->shard;
    build->by = tqp_shard_key(run->pipeline, run->shard.hashed);
    tqp_arena_init(&build->arena, run->query->broker);
    size_t bytes = (size_t)sink->ncolumns * sizeof(TqpColumn);
    build->columns = tqp_arena_zalloc(&build->arena, bytes + 1);
    build->map = tqp_shard_map(&build->arena, &sink->map, run->shard);
    if (build->columns == NULL || build->map == NULL || nrows >= UINT32_MAX - 1) {
        for (uint32_t c = 0; c < sink->ncolumns; c++)
            tqp_column_free(&columns[c]);
        return build->arena.failed != TQP_OK ? build->arena.failed : TQP_UNSUPPORTED;
    }
    build->nrows = (uint32_t)nrows;
    build->ncolumns = sink->ncolumns;
    memcpy(build->columns, columns, bytes);
    memset(columns, 0, bytes);
    add_empty_row(build);
    for (uint32_t k = 0; k < sink->map.nkeys; k++)
        if (sink->map.columns[k] >= sink->ncolumns)
            return TQP_INVALID;
    if (!is_range_sound(sink))
        return TQP_INVALID;
    switch (sink->map.kind) {
    case TQP_MAP_DENSE:
        return tqp_build_dense(build, run);
    case TQP_MAP_HASH:
        return tqp_build_hash(build, run);
    default:
        build->unique = sink->map.nranges == 0 && build->nrows <= 1;
        return sink->map.nranges > 0 ? tqp_build_range(build, run, NULL) : TQP_OK;
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
    for (uint32_t k = 0; k < 2; k++) {
        tqp_buffer_free(&build->ranges[k].keys);
        tqp_buffer_free(&build->ranges[k].buckets);
    }
    tqp_key_parts_free(&build->parts);
    tqp_arena_free(&build->arena);
    memset(build, 0, sizeof(*build));
}
