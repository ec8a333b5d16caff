/*
 * Ranged maps: rows in the order of their keys' numbers, then of one column, and that column's
 * values beside them.  Of a second column, which says how far an interval reaches, stands there the
 * greatest value so far: the first row of a number that reaches to a bound is where it does.
 * Of ALL, whose one stretch is as long as the build, an index of the values' upper bits leaves a
 * probe few to search.
 */
#include <string.h>

#include "exec/map.h"
#include "exec/range.h"
#include "exec/run.h"
#include "exec/slices.h"
#include "exec/sort.h"

#define ROWS_PER_BUCKET 4u
#define ROWS_PER_WORKER 131072u

typedef struct Ranging {
    TqpBuild *build;
    TqpRun *run;
    uint32_t nranges;
    const TqpColumn *columns[2];
    TqpColumn order[2]; /* what rows are sorted by: numbers and the column, or the column alone */
    uint32_t norder;
    TqpBuffer list;
} Ranging;

static bool is_ranged_lane(const TqpSlot *slot) {
    TqpTypeClass class = tqp_type_class(slot->type.kind);
    bool is_float = slot->lane == TQP_LANE_F32 || slot->lane == TQP_LANE_F64;
    if (class == TQP_CLASS_FLOAT || is_float)
        return class == TQP_CLASS_FLOAT && is_float;
    return class == TQP_CLASS_INT && slot->lane != TQP_LANE_MASK && slot->lane != TQP_LANE_VIEW;
}

bool tqp_build_is_range_sound(const TqpBuild *build, uint32_t k, const TqpSlot *bound) {
    const TqpSlot *slot = &build->columns[build->map->ranges[k]].slot;
    return is_ranged_lane(bound) && (tqp_type_class(bound->type.kind) == TQP_CLASS_FLOAT) ==
                                        (tqp_type_class(slot->type.kind) == TQP_CLASS_FLOAT);
}

static bool is_null(const TqpColumn *column, uint64_t row) {
    return column->valid.data != NULL && ((const uint8_t *)column->valid.data)[row] == 0;
}

static bool has_null(const Ranging *job, uint64_t row) {
    return is_null(job->columns[0], row) || is_null(job->columns[job->nranges - 1], row);
}

/* Rows with a NULL in a column get the number of no key. */
static TqpStatus count_listed(Ranging *job, uint32_t *numbers) {
    TqpBuild *build = job->build;
    uint32_t listed = 0;
    for (uint64_t i = 0; i < build->nrows; i++) {
        if (tqp_stop_at(&job->run->leader, i))
            return TQP_CANCELLED;
        bool null = has_null(job, i);
        if (null && numbers != NULL)
            numbers[i] = UINT32_MAX;
        else if (null)
            build->null_key = true;
        listed += !null && (numbers == NULL || numbers[i] < build->none);
    }
    build->listed = listed;
    return TQP_OK;
}

static TqpStatus sort_rows(Ranging *job, uint32_t *numbers) {
    TqpBuild *build = job->build;
    static const TqpSortSpec specs[] = {{.column = 0}, {.column = 1}};
    TqpSortInput input = {.query = job->run->query,
                          .stop = &job->run->leader,
                          .nrows = build->nrows,
                          .columns = job->order,
                          .sort = specs};
    if (numbers != NULL) {
        const TqpType type = {.kind = TQP_TYPE_I64};
        job->order[job->norder].slot = (TqpSlot){.type = type, .lane = TQP_LANE_U32};
        job->order[job->norder++].values.data = numbers;
    }
    job->order[job->norder++] = *job->columns[0];
    input.nsort = job->norder;
    size_t bytes = ((size_t)build->nrows + 1) * sizeof(uint32_t);
    TQP_TRY(tqp_buffer_alloc(&job->list, job->run->query->broker, bytes));
    uint32_t *list = job->list.data;
    list[build->nrows] = build->nrows;
    return tqp_sort_order(&input, list);
}

/* Of ALL: rows that are in no map stand anywhere in the list, by the first column alone. */
static TqpStatus drop_unlisted(Ranging *job) {
    uint32_t *list = job->list.data, kept = 0;
    for (uint32_t i = 0; i < job->build->nrows; i++) {
        if (tqp_stop_at(&job->run->leader, i))
            return TQP_CANCELLED;
        list[kept] = list[i];
        kept += !has_null(job, list[i]);
    }
    for (uint32_t i = kept; i < job->build->nrows; i++)
        list[i] = job->build->nrows;
    return TQP_OK;
}

/* Where each number's rows begin; the list is in the order of numbers. */
static TqpStatus find_starts(Ranging *job, const uint32_t *numbers) {
    TqpBuild *build = job->build;
    const uint32_t *list = job->list.data;
    size_t bytes = ((size_t)build->none + 2) * sizeof(uint32_t);
    TQP_TRY(tqp_buffer_alloc(&build->starts, job->run->query->broker, bytes));
    uint32_t *starts = build->starts.data, number = 0;
    for (uint32_t i = 0; i < build->listed; i++) {
        if (tqp_stop_at(&job->run->leader, i))
            return TQP_CANCELLED;
        while (number <= numbers[list[i]])
            starts[number++] = i;
    }
    while (number <= build->none + 1)
        starts[number++] = build->listed;
    return TQP_OK;
}

/* ---- the build's columns in the order of the list, so that a stretch of it is one of theirs ----
 */

typedef struct Ordering {
    const uint32_t *list;
    const void *in;
    void *out;
    uint32_t width; /* bytes of a value */
} Ordering;

static TqpStatus order_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    const Ordering *o = arg;
    switch (o->width) {
    case 1:
        for (uint64_t i = from; i < to; i++)
            ((uint8_t *)o->out)[i] = ((const uint8_t *)o->in)[o->list[i]];
        break;
    case 4:
        for (uint64_t i = from; i < to; i++)
            ((uint32_t *)o->out)[i] = ((const uint32_t *)o->in)[o->list[i]];
        break;
    case 8:
        for (uint64_t i = from; i < to; i++)
            ((uint64_t *)o->out)[i] = ((const uint64_t *)o->in)[o->list[i]];
        break;
    default:
        for (uint64_t i = from; i < to; i++)
            memcpy((char *)o->out + i * o->width,
                   (const char *)o->in + (size_t)o->list[i] * o->width, o->width);
    }
    return TQP_OK;
}

/* The empty row behind the last stays there. */
static TqpStatus order_buffer(const Ranging *job, TqpBuffer *buf, uint32_t width) {
    TqpRun *run = job->run;
    uint64_t n = (uint64_t)job->build->nrows + 1;
    TqpBuffer ordered = {0};
    if (buf->data == NULL)
        return TQP_OK;
    TQP_TRY(tqp_buffer_alloc(&ordered, run->query->broker, buf->bytes));
    Ordering o = {job->list.data, buf->data, ordered.data, width};
    int workers = tqp_slices_workers(run, n, ROWS_PER_WORKER);
    TqpStatus status = tqp_slices_run(run, workers, n, TQP_STOP_EVERY, order_slice, &o);
    TqpBuffer old = *buf;
    if (status == TQP_OK)
        *buf = ordered;
    else
        old = ordered;
    tqp_buffer_free(&old);
    return status;
}

static TqpStatus order_columns(const Ranging *job) {
    for (uint32_t c = 0; c < job->build->ncolumns; c++) {
        TqpColumn *column = &job->build->columns[c];
        TQP_TRY(order_buffer(job, &column->values, tqp_column_width(column->slot.lane)));
        TQP_TRY(order_buffer(job, &column->valid, 1));
    }
    return TQP_OK;
}

/* ---- values ---- */

/* Least and greatest value of the listed rows. */
static TqpStatus find_bounds(Ranging *job, uint32_t k) {
    TqpBuildRange *range = &job->build->ranges[k];
    const TqpColumn *column = job->columns[k];
    TqpInt128 min = 0, max = 0;
    for (uint32_t i = 0; i < job->build->listed; i++) {
        if (tqp_stop_at(&job->run->leader, i))
            return TQP_CANCELLED;
        TqpInt128 v = tqp_range_image(column->slot.lane, column->values.data, i);
        min = i == 0 || v < min ? v : min;
        max = i == 0 || v > max ? v : max;
    }
    range->min = min + column->slot.bias;
    range->span = (uint64_t)(max - min);
    /* The binder's proof failed: some row raised. */
    return (TqpUint128)max - (TqpUint128)min > UINT64_MAX ? TQP_UNSUPPORTED : TQP_OK;
}

static TqpStatus fill_keys(Ranging *job, uint32_t k) {
    TqpBuildRange *range = &job->build->ranges[k];
    const TqpColumn *column = job->columns[k];
    TqpInt128 least = range->min - column->slot.bias;
    size_t bytes = ((size_t)job->build->listed + 1) * sizeof(uint64_t);
    TQP_TRY(tqp_buffer_alloc(&range->keys, job->run->query->broker, bytes));
    uint64_t *keys = range->keys.data;
    for (uint32_t i = 0; i < job->build->listed; i++) {
        if (tqp_stop_at(&job->run->leader, i))
            return TQP_CANCELLED;
        keys[i] = (uint64_t)(tqp_range_image(column->slot.lane, column->values.data, i) - least);
    }
    return TQP_OK;
}

/* Of the second column: the greatest value so far among the rows of a number. */
static TqpStatus accumulate(Ranging *job) {
    const TqpBuild *build = job->build;
    const uint32_t *starts = build->starts.data; /* NULL: of ALL */
    uint64_t *keys = build->ranges[1].keys.data, most = 0;
    uint32_t number = 0;
    for (uint32_t i = 0; i < build->listed; i++) {
        if (tqp_stop_at(&job->run->leader, i))
            return TQP_CANCELLED;
        for (; starts != NULL && starts[number] == i; number++)
            most = 0;
        most = keys[i] > most ? keys[i] : most;
        keys[i] = most;
    }
    return TQP_OK;
}

static TqpStatus fill_buckets(Ranging *job, uint32_t k) {
    TqpBuildRange *range = &job->build->ranges[k];
    const uint64_t *keys = range->keys.data;
    uint32_t listed = job->build->listed, bucket = 0;
    while (range->span >> range->shift > listed / ROWS_PER_BUCKET + 1)
        range->shift++;
    uint32_t n = (uint32_t)(range->span >> range->shift) + 1;
    TQP_TRY(tqp_buffer_alloc(&range->buckets, job->run->query->broker,
                             ((size_t)n + 1) * sizeof(uint32_t)));
    uint32_t *buckets = range->buckets.data;
    for (uint32_t i = 0; i < listed; i++) {
        if (tqp_stop_at(&job->run->leader, i))
            return TQP_CANCELLED;
        while (bucket <= keys[i] >> range->shift)
            buckets[bucket++] = i;
    }
    while (bucket <= n)
        buckets[bucket++] = listed;
    return TQP_OK;
}

static TqpStatus make(Ranging *job, uint32_t *numbers) {
    TqpBuild *build = job->build;
    TQP_TRY(count_listed(job, numbers));
    TQP_TRY(sort_rows(job, numbers));
    if (numbers != NULL)
        TQP_TRY(find_starts(job, numbers));
    else if (build->listed < build->nrows)
        TQP_TRY(drop_unlisted(job));
    TQP_TRY(order_columns(job));
    for (uint32_t k = 0; k < job->nranges; k++) {
        TQP_TRY(find_bounds(job, k));
        TQP_TRY(fill_keys(job, k));
        if (k > 0)
            TQP_TRY(accumulate(job));
        if (numbers == NULL)
            TQP_TRY(fill_buckets(job, k));
    }
    return TQP_OK;
}

TqpStatus tqp_build_range(TqpBuild *build, TqpRun *run, uint32_t *numbers) {
    Ranging job = {.build = build, .run = run, .nranges = build->map->nranges};
    for (uint32_t k = 0; k < job.nranges; k++) {
        job.columns[k] = &build->columns[build->map->ranges[k]];
        if (!is_ranged_lane(&job.columns[k]->slot))
            return TQP_INVALID;
    }
    if (build->nrows == 0)
        return TQP_OK;
    TqpStatus status = make(&job, numbers);
    tqp_buffer_free(&job.list);
    return status;
}
