/* Finished columns -> TqpResult: row groups, encodings, validity bitmaps. */
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "exec/column.h"

#define GROUP_ROWS 65536u

void tqp_lane_bounds(TqpLane lane, TqpInt128 *min, TqpInt128 *max) {
    switch (lane) {
    case TQP_LANE_U8:
        *min = 0, *max = UINT8_MAX;
        break;
    case TQP_LANE_U16:
        *min = 0, *max = UINT16_MAX;
        break;
    case TQP_LANE_U32:
        *min = 0, *max = UINT32_MAX;
        break;
    case TQP_LANE_I64:
        *min = INT64_MIN, *max = INT64_MAX;
        break;
    default:
        *min = TQP_INT128_MIN, *max = TQP_INT128_MAX;
        break;
    }
}

TqpStatus tqp_column_alloc(TqpColumn *column, TqpBroker *broker, const TqpSlot *slot, bool nullable,
                           uint64_t nrows) {
    column->slot = *slot;
    nrows = nrows > 0 ? nrows : 1;
    TQP_TRY(tqp_buffer_alloc(&column->values, broker, nrows * tqp_column_width(slot->lane)));
    if (nullable)
        TQP_TRY(tqp_buffer_alloc(&column->valid, broker, nrows));
    return TQP_OK;
}

void tqp_column_free(TqpColumn *column) {
    tqp_buffer_free(&column->values);
    tqp_buffer_free(&column->valid);
}

typedef struct Build {
    TqpResult *result;
    TqpBroker *broker;
    const TqpStop *stop;
} Build;

static TqpStatus result_alloc(Build *build, size_t bytes, void **out) {
    TqpArena *arena = &build->result->arena;
    *out = tqp_arena_zalloc(arena, bytes > 0 ? bytes : 1);
    if (*out != NULL)
        return TQP_OK;
    return arena->failed != TQP_OK ? arena->failed : TQP_NO_MEMORY;
}

/* Hand a buffer over to the result; its slot was reserved when the build began. */
static void keep_buffer(Build *build, TqpBuffer *buf) {
    if (buf->data == NULL)
        return;
    build->result->buffers[build->result->nbuffers++] = *buf;
    memset(buf, 0, sizeof(*buf));
}

static TqpStatus new_buffer(Build *build, size_t bytes, void **data) {
    TqpBuffer buf = {0};
    TQP_TRY(tqp_buffer_alloc(&buf, build->broker, bytes > 0 ? bytes : 1));
    *data = buf.data;
    keep_buffer(build, &buf);
    return TQP_OK;
}

static void bytes_to_bitmap(uint64_t *bits, const uint8_t *bytes, uint32_t n) {
    memset(bits, 0, tqp_bitmap_words(n) * sizeof(uint64_t));
    for (uint32_t i = 0; i < n; i++)
        bits[i >> 6] |= (uint64_t)(bytes[i] != 0) << (i & 63);
}

/* Null slots hold 0 (views: an empty string). */
static TqpStatus clear_nulls(const Build *build, TqpColumn *column, uint64_t nrows) {
    const uint8_t *valid = column->valid.data;
    uint32_t width = tqp_column_width(column->slot.lane);
    if (valid == NULL)
        return TQP_OK;
    char *values = column->values.data;
    for (uint64_t i = 0; i < nrows; i++) {
        if (tqp_stop_at(build->stop, i))
            return TQP_CANCELLED;
        if (!valid[i])
            memset(values + i * width, 0, width);
    }
    return TQP_OK;
}

static TqpStatus ranks_to_codes(const Build *build, TqpColumn *column, uint64_t nrows) {
    const TqpSlot *slot = &column->slot;
    if (!slot->by_rank || slot->dict == NULL || slot->dict->by_rank == NULL)
        return TQP_OK;
    const uint8_t *valid = column->valid.data;
    for (uint64_t i = 0; i < nrows; i++) {
        if (tqp_stop_at(build->stop, i))
            return TQP_CANCELLED;
        if (valid != NULL && !valid[i])
            continue;
        uint32_t rank = (uint32_t)tqp_lane_get(slot->lane, column->values.data, i);
        tqp_lane_put(slot->lane, column->values.data, i, slot->dict->by_rank[rank]);
    }
    return TQP_OK;
}

static TqpStatus set_validity(Build *build, TqpTensor *tensor, const uint8_t *valid) {
    if (valid == NULL)
        return TQP_OK;
    uint32_t set = 0;
    for (uint32_t i = 0; i < tensor->nrows; i++)
        set += valid[i] != 0;
    tensor->null_count = tensor->nrows - set;
    if (tensor->null_count == 0)
        return TQP_OK;
    void *bits;
    TQP_TRY(result_alloc(build, (size_t)tqp_bitmap_words(tensor->nrows) * 8 + 64, &bits));
    bytes_to_bitmap(bits, valid, tensor->nrows);
    tensor->validity = bits;
    return TQP_OK;
}

/* Strings are copied: views may point into an intermediate result. */
static TqpStatus set_strings(Build *build, TqpTensor *tensor, const TqpView *views) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < tensor->nrows; i++)
        total += views[i].len;
    if (total > UINT32_MAX)
        return TQP_MEMORY_LIMIT;
    void *offsets, *bytes;
    TQP_TRY(new_buffer(build, (size_t)(tensor->nrows + 1) * sizeof(uint32_t), &offsets));
    TQP_TRY(new_buffer(build, total, &bytes));
    uint32_t at = 0;
    for (uint32_t i = 0; i < tensor->nrows; i++) {
        if (tqp_stop_at(build->stop, i))
            return TQP_CANCELLED;
        ((uint32_t *)offsets)[i] = at;
        if (views[i].len > 0)
            memcpy((char *)bytes + at, views[i].data, views[i].len);
        at += views[i].len;
    }
    ((uint32_t *)offsets)[tensor->nrows] = at;
    tensor->encoding = TQP_ENC_BYTES;
    tensor->lane = TQP_LANE_VIEW;
    tensor->offsets = offsets;
    tensor->bytes = bytes;
    return TQP_OK;
}

static TqpStatus set_tensor(Build *build, TqpTensor *tensor, const TqpColumn *column,
                            uint64_t start) {
    const TqpSlot *slot = &column->slot;
    const uint8_t *valid = column->valid.data;
    const char *values = column->values.data;
    if (valid != NULL)
        valid += start;
    values += start * tqp_column_width(slot->lane);
    TQP_TRY(set_validity(build, tensor, valid));
    tensor->lane = slot->lane;
    tensor->data = values;
    switch (tqp_type_class(slot->type.kind)) {
    case TQP_CLASS_BOOL: {
        void *bits;
        TQP_TRY(result_alloc(build, (size_t)tqp_bitmap_words(tensor->nrows) * 8 + 64, &bits));
        bytes_to_bitmap(bits, (const uint8_t *)values, tensor->nrows);
        tensor->encoding = TQP_ENC_PLAIN;
        tensor->lane = TQP_LANE_MASK;
        tensor->data = bits;
        return TQP_OK;
    }
    case TQP_CLASS_INT:
        tensor->encoding = TQP_ENC_FOR;
        tensor->base = slot->bias;
        return TQP_OK;
    case TQP_CLASS_FLOAT:
        tensor->encoding = TQP_ENC_PLAIN;
        return TQP_OK;
    case TQP_CLASS_TEXT:
        if (slot->lane == TQP_LANE_VIEW) {
            tensor->data = NULL;
            return set_strings(build, tensor, (const TqpView *)values);
        }
        tensor->encoding = TQP_ENC_DICT;
        tensor->dict = slot->dict;
        return TQP_OK;
    }
    return TQP_OK;
}

static TqpStatus build_groups(Build *build, uint64_t nrows, uint32_t ncolumns, TqpColumn *columns) {
    TqpRelation *rel = &build->result->rel;
    void *p;
    rel->ncolumns = ncolumns;
    TQP_TRY(result_alloc(build, ncolumns * sizeof(TqpRelColumn), &p));
    rel->columns = p;
    for (uint32_t c = 0; c < ncolumns; c++) {
        rel->columns[c] = (TqpRelColumn){columns[c].slot.type, NULL};
        if (columns[c].slot.lane != TQP_LANE_VIEW)
            rel->columns[c].dict = columns[c].slot.dict;
        TQP_TRY(clear_nulls(build, &columns[c], nrows));
        TQP_TRY(ranks_to_codes(build, &columns[c], nrows));
    }
    uint32_t ngroups = (uint32_t)((nrows + GROUP_ROWS - 1) / GROUP_ROWS);
    TQP_TRY(result_alloc(build, ngroups * sizeof(TqpRowGroup), &p));
    rel->groups = p;
    for (uint32_t g = 0; g < ngroups; g++) {
        TqpRowGroup *group = &rel->groups[g];
        uint64_t start = (uint64_t)g * GROUP_ROWS;
        group->nrows = nrows - start < GROUP_ROWS ? (uint32_t)(nrows - start) : GROUP_ROWS;
        group->live_rows = group->nrows;
        TQP_TRY(result_alloc(build, ncolumns * sizeof(TqpTensor), &p));
        group->tensors = p;
        for (uint32_t c = 0; c < ncolumns; c++) {
            if (tqp_stop_asked(build->stop))
                return TQP_CANCELLED;
            group->tensors[c].nrows = group->nrows;
            TQP_TRY(set_tensor(build, &group->tensors[c], &columns[c], start));
        }
        rel->ngroups = g + 1;
    }
    return TQP_OK;
}

TqpStatus tqp_result_build(TqpResult *result, TqpBroker *broker, uint64_t nrows, uint32_t ncolumns,
                           TqpColumn *columns, const TqpStop *stop) {
    Build build = {.result = result, .broker = broker, .stop = stop};
    memset(result, 0, sizeof(*result));
    tqp_arena_init(&result->arena, broker);
    /* Two buffers per string column and row group, and the columns' own. */
    uint64_t groups = (nrows + GROUP_ROWS - 1) / GROUP_ROWS;
    void *p = NULL;
    TqpStatus status =
        result_alloc(&build, (size_t)((2 * groups + 1) * ncolumns + 1) * sizeof(TqpBuffer), &p);
    if (status == TQP_OK) {
        result->buffers = p;
        result->nrows = nrows;
        status = build_groups(&build, nrows, ncolumns, columns);
    }
    for (uint32_t c = 0; c < ncolumns; c++) {
        TqpColumn *column = &columns[c];
        TqpTypeClass class = tqp_type_class(column->slot.type.kind);
        bool borrowed = class != TQP_CLASS_BOOL && column->slot.lane != TQP_LANE_VIEW;
        if (status == TQP_OK && borrowed)
            keep_buffer(&build, &column->values);
        tqp_column_free(column);
    }
    if (status != TQP_OK)
        tqp_result_free(result);
    return status;
}

static TqpStatus join_parts(TqpResult *result, uint32_t n, TqpResult *parts) {
    uint32_t ngroups = 0, nbuffers = 0, room = 1;
    for (uint32_t p = 0; p < n; p++) {
        ngroups += parts[p].rel.ngroups;
        nbuffers += parts[p].nbuffers;
    }
    while (room < nbuffers)
        room *= 2;
    TqpRelation *rel = &result->rel;
    *rel = (TqpRelation){parts[0].rel.ncolumns, parts[0].rel.columns, 0, NULL};
    rel->groups = tqp_arena_alloc(&result->arena, (ngroups + 1) * sizeof(TqpRowGroup));
    result->buffers = tqp_arena_alloc(&result->arena, room * sizeof(TqpBuffer));
    if (rel->groups == NULL || result->buffers == NULL)
        return result->arena.failed != TQP_OK ? result->arena.failed : TQP_NO_MEMORY;
    for (uint32_t p = 0; p < n; p++) {
        TqpResult *part = &parts[p];
        result->nrows += part->nrows;
        for (uint32_t g = 0; g < part->rel.ngroups; g++)
            rel->groups[rel->ngroups++] = part->rel.groups[g];
        for (uint32_t b = 0; b < part->nbuffers; b++)
            result->buffers[result->nbuffers++] = part->buffers[b];
        tqp_arena_take(&result->arena, &part->arena);
        memset(part, 0, sizeof(*part));
    }
    return TQP_OK;
}

TqpStatus tqp_result_keep(TqpResult *result, TqpBuffer *buf) {
    uint32_t n = result->nbuffers;
    if (buf->base == NULL)
        return TQP_OK;
    if ((n & (n - 1)) == 0) { /* full: there is room for a power of two */
        size_t room = n > 0 ? 2 * (size_t)n : 1;
        TqpBuffer *more = tqp_arena_alloc(&result->arena, room * sizeof(*buf));
        if (more == NULL)
            return result->arena.failed != TQP_OK ? result->arena.failed : TQP_NO_MEMORY;
        if (n > 0)
            memcpy(more, result->buffers, n * sizeof(*buf));
        result->buffers = more;
    }
    result->buffers[result->nbuffers++] = *buf;
    memset(buf, 0, sizeof(*buf));
    return TQP_OK;
}

TqpStatus tqp_result_join(TqpResult *result, TqpBroker *broker, TqpStatus status, uint32_t n,
                          TqpResult *parts) {
    memset(result, 0, sizeof(*result));
    tqp_arena_init(&result->arena, broker);
    if (status == TQP_OK)
        status = join_parts(result, n, parts);
    for (uint32_t p = 0; p < n; p++)
        tqp_result_free(&parts[p]);
    if (status != TQP_OK)
        tqp_result_free(result);
    return status;
}

void tqp_result_free(TqpResult *result) {
    for (uint32_t b = 0; b < result->nbuffers; b++)
        tqp_buffer_free(&result->buffers[b]);
    tqp_arena_free(&result->arena);
    memset(result, 0, sizeof(*result));
}
