/*
 * Keys with several rows: from the numbers of a build's rows to starts and list.
 *
 * Rows are dealt out, in their order, to parts of the numbers, so that a worker counts and places
 * those of a part within the caches.  Of few rows there is one part; those of a HASH map are in
 * parts already.
 */
#include <string.h>

#include "exec/map.h"
#include "exec/memory.h"
#include "exec/slices.h"

#define SLICE_ROWS      UINT64_C(65536)
#define ROWS_PER_WORKER UINT64_C(131072)
#define NUMBERS_CACHED  UINT64_C(262144) /* whose counts fit the L2 */
#define PARTITION_BITS  6

typedef struct Listing {
    TqpBuild *build;
    const uint32_t *numbers; /* of all rows; none or more: in no map */
    uint32_t shift;          /* part: number >> shift */
    uint32_t nparts;
    uint32_t *offsets;         /* [slice][nparts]: rows, then where they go */
    uint32_t *begins, *firsts; /* nparts + 1: rows, numbers of a part */
    TqpBuffer part_numbers, part_rows;
} Listing;

static TqpStatus count_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    Listing *job = arg;
    uint32_t *counts = job->offsets + from / SLICE_ROWS * job->nparts, none = job->build->none;
    for (uint64_t i = from; i < to; i++)
        if (job->numbers[i] < none)
            counts[job->numbers[i] >> job->shift]++;
    return TQP_OK;
}

static TqpStatus deal_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    Listing *job = arg;
    uint32_t *offsets = job->offsets + from / SLICE_ROWS * job->nparts, none = job->build->none;
    uint32_t *numbers = job->part_numbers.data, *rows = job->part_rows.data;
    for (uint64_t i = from; i < to; i++) {
        if (job->numbers[i] >= none)
            continue;
        uint32_t at = offsets[job->numbers[i] >> job->shift]++;
        numbers[at] = job->numbers[i] & ((1u << job->shift) - 1);
        rows[at] = (uint32_t)i;
    }
    return TQP_OK;
}

static uint64_t slice_end(uint64_t at, uint64_t n) {
    return n - at < SLICE_ROWS ? n : at + SLICE_ROWS;
}

/* rows: NULL where row i has number i of those given. */
typedef struct Part {
    const uint32_t *numbers, *rows;
    uint64_t n;
    uint32_t nnumbers; /* those of nnumbers and more are in no map */
    uint32_t begin;    /* place in the list */
    uint32_t *counts;  /* of number k at [k], then all up to it */
} Part;

static TqpStatus count_part(const Part *part, const TqpStop *stop) {
    uint32_t *counts = part->counts, nnumbers = part->nnumbers, sum = part->begin;
    for (uint64_t at = 0; at < part->n; at = slice_end(at, part->n)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t i = at, end = slice_end(at, part->n); i < end; i++)
            if (part->numbers[i] < nnumbers)
                counts[part->numbers[i]]++;
    }
    for (uint64_t at = 0; at < nnumbers; at = slice_end(at, nnumbers)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t k = at, end = slice_end(at, nnumbers); k < end; k++)
            counts[k] = sum += counts[k];
    }
    return TQP_OK;
}

/*
 * Now counts[k] is where number k ends.  Rows are taken from the last: each goes to the end of its
 * number and moves the end down.
 */
static TqpStatus list_part(const Part *part, uint32_t *list, const TqpStop *stop) {
    uint32_t *starts = part->counts, nnumbers = part->nnumbers;
    for (uint64_t end = part->n; end > 0;) {
        uint64_t from = (end - 1) / SLICE_ROWS * SLICE_ROWS;
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t i = end; i-- > from;)
            if (part->numbers[i] < nnumbers)
                list[--starts[part->numbers[i]]] = part->rows != NULL ? part->rows[i] : (uint32_t)i;
        end = from;
    }
    return TQP_OK;
}

typedef struct Placing {
    TqpBuild *build;
    const TqpRowParts *parts;
} Placing;

/* Without a list, each number's end goes where the next one's start is. */
static TqpStatus place_part(void *arg, const TqpStop *stop, uint64_t p, uint64_t end) {
    (void)end;
    const Placing *job = arg;
    const TqpRowParts *parts = job->parts;
    uint32_t from = parts->begins[p], first = parts->firsts[p];
    uint32_t *list = job->build->list.data, *starts = job->build->starts.data;
    const Part part = {.numbers = parts->numbers + from,
                       .rows = parts->rows + from,
                       .n = parts->begins[p + 1] - from,
                       .nnumbers = parts->firsts[p + 1] - first,
                       .begin = from,
                       .counts = starts + first + (list == NULL)};
    TQP_TRY(count_part(&part, stop));
    return list != NULL ? list_part(&part, list, stop) : TQP_OK;
}

/* Cleared starts, and room for the list where any column is fetched: else any row of a key will do.
 */
static TqpStatus open_list(TqpBuild *build, TqpRun *run, uint32_t included) {
    TqpBroker *broker = run->query->broker;
    size_t bytes = ((size_t)build->none + 2) * sizeof(uint32_t);
    TQP_TRY(tqp_buffer_alloc(&build->starts, broker, bytes));
    TQP_TRY(tqp_memory_clear(build->starts.data, bytes, &run->leader));
    uint32_t *starts = build->starts.data;
    starts[build->none + 1] = included;
    if (!run->fetched)
        return TQP_OK;
    starts[build->none] = included;
    TQP_TRY(tqp_buffer_alloc(&build->list, broker, ((size_t)included + 1) * sizeof(uint32_t)));
    ((uint32_t *)build->list.data)[included] = build->nrows;
    return TQP_OK;
}

static TqpStatus place_parts(TqpBuild *build, TqpRun *run, const TqpRowParts *parts) {
    Placing job = {build, parts};
    int workers = tqp_slices_workers(run, build->nrows, ROWS_PER_WORKER);
    return tqp_slices_run(run, workers, parts->nparts, 1, place_part, &job);
}

TqpStatus tqp_build_list_parts(TqpBuild *build, TqpRun *run, const TqpRowParts *parts) {
    TQP_TRY(open_list(build, run, parts->begins[parts->nparts]));
    return place_parts(build, run, parts);
}

static void make_offsets(Listing *job, uint64_t nslices) {
    uint32_t sum = 0;
    for (uint32_t p = 0; p < job->nparts; p++) {
        job->begins[p] = sum;
        for (uint64_t s = 0; s < nslices; s++) {
            uint32_t *at = &job->offsets[s * job->nparts + p], count = *at;
            *at = sum;
            sum += count;
        }
    }
    job->begins[job->nparts] = sum;
}

static TqpStatus deal(Listing *job, TqpRun *run, int workers, uint32_t included) {
    uint64_t nrows = job->build->nrows, nslices = (nrows + SLICE_ROWS - 1) / SLICE_ROWS;
    TqpBroker *broker = run->query->broker;
    size_t bytes = ((size_t)included + 1) * sizeof(uint32_t);
    job->offsets = tqp_arena_zalloc(&run->arena, nslices * job->nparts * sizeof(uint32_t));
    job->begins = tqp_arena_alloc(&run->arena, (job->nparts + 1) * sizeof(uint32_t));
    job->firsts = tqp_arena_alloc(&run->arena, (job->nparts + 1) * sizeof(uint32_t));
    if (job->offsets == NULL || job->begins == NULL || job->firsts == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t p = 0; p < job->nparts; p++)
        job->firsts[p] = p << job->shift;
    job->firsts[job->nparts] = job->build->none;
    TQP_TRY(tqp_slices_run(run, workers, nrows, SLICE_ROWS, count_slice, job));
    make_offsets(job, nslices);
    TQP_TRY(tqp_buffer_alloc(&job->part_numbers, broker, bytes));
    TQP_TRY(tqp_buffer_alloc(&job->part_rows, broker, bytes));
    TQP_TRY(tqp_slices_run(run, workers, nrows, SLICE_ROWS, deal_slice, job));
    return place_parts(job->build, run,
                       &(TqpRowParts){.nparts = job->nparts,
                                      .begins = job->begins,
                                      .firsts = job->firsts,
                                      .numbers = job->part_numbers.data,
                                      .rows = job->part_rows.data});
}

TqpStatus tqp_build_list(TqpBuild *build, TqpRun *run, const uint32_t *numbers, uint32_t included) {
    uint32_t none = build->none, bits = none > 1 ? 32 - (uint32_t)__builtin_clz(none - 1) : 0;
    Listing job = {.build = build, .numbers = numbers};
    TQP_TRY(open_list(build, run, included));
    uint32_t *starts = build->starts.data;
    Part all = {.numbers = numbers, .n = build->nrows, .nnumbers = none, .counts = starts};
    if (!run->fetched) {
        all.counts++;
        return count_part(&all, &run->leader);
    }
    int workers = tqp_slices_workers(run, build->nrows, ROWS_PER_WORKER);
    if (build->nrows < ROWS_PER_WORKER || (workers == 1 && none <= NUMBERS_CACHED)) {
        TQP_TRY(count_part(&all, &run->leader));
        return list_part(&all, build->list.data, &run->leader);
    }
    job.shift = bits > PARTITION_BITS ? bits - PARTITION_BITS : 0;
    job.nparts = ((none - 1) >> job.shift) + 1;
    TqpStatus status = deal(&job, run, workers, included);
    tqp_buffer_free(&job.part_numbers);
    tqp_buffer_free(&job.part_rows);
    return status;
}
