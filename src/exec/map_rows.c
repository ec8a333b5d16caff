/*
 * Keys with several rows: from the numbers of a build's rows to starts and list.
 *
 * Rows are dealt out, in their order, to partitions of the numbers, so that a worker counts and
 * places those of a partition within the caches.  Of few rows there is one partition.
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
    uint32_t shift;          /* partition: number >> shift */
    uint32_t nparts;
    uint32_t *offsets;                 /* [slice][nparts]: rows, then where they go */
    uint32_t *begins;                  /* nparts + 1: rows of a partition */
    TqpBuffer part_numbers, part_rows; /* absent: one partition of all rows */
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
        numbers[at] = job->numbers[i];
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
    uint32_t from, to; /* numbers */
    uint32_t begin;    /* place in the list */
    uint32_t *counts;  /* of number k at [k], then all up to it */
} Part;

static TqpStatus count_part(const Listing *job, const Part *part, const TqpStop *stop) {
    uint32_t *counts = part->counts, none = job->build->none, sum = part->begin;
    for (uint64_t at = 0; at < part->n; at = slice_end(at, part->n)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t i = at, end = slice_end(at, part->n); i < end; i++)
            if (part->numbers[i] < none)
                counts[part->numbers[i]]++;
    }
    for (uint64_t at = part->from; at < part->to; at = slice_end(at, part->to)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t k = at, end = slice_end(at, part->to); k < end; k++)
            counts[k] = sum += counts[k];
    }
    return TQP_OK;
}

/*
 * Now starts[k] is where number k ends.  Rows are taken from the last: each goes to the end of its
 * number and moves the end down.
 */
static TqpStatus list_part(const Listing *job, const Part *part, const TqpStop *stop) {
    uint32_t *starts = job->build->starts.data, *list = job->build->list.data;
    uint32_t none = job->build->none;
    for (uint64_t end = part->n; end > 0;) {
        uint64_t from = (end - 1) / SLICE_ROWS * SLICE_ROWS;
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t i = end; i-- > from;)
            if (part->numbers[i] < none)
                list[--starts[part->numbers[i]]] = part->rows != NULL ? part->rows[i] : (uint32_t)i;
        end = from;
    }
    return TQP_OK;
}

static TqpStatus place_part(void *arg, const TqpStop *stop, uint64_t p, uint64_t end) {
    (void)end;
    const Listing *job = arg;
    uint64_t last = (p + 1) << job->shift, none = job->build->none;
    uint32_t from = job->begins[p];
    const Part part = {.numbers = (const uint32_t *)job->part_numbers.data + from,
                       .rows = (const uint32_t *)job->part_rows.data + from,
                       .n = job->begins[p + 1] - from,
                       .from = (uint32_t)(p << job->shift),
                       .to = (uint32_t)(last < none ? last : none),
                       .begin = from,
                       .counts = job->build->starts.data};
    TQP_TRY(count_part(job, &part, stop));
    return list_part(job, &part, stop);
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

static TqpStatus place_parts(Listing *job, TqpRun *run, int workers, uint32_t included) {
    uint64_t nrows = job->build->nrows, nslices = (nrows + SLICE_ROWS - 1) / SLICE_ROWS;
    TqpBroker *broker = run->query->broker;
    size_t bytes = ((size_t)included + 1) * sizeof(uint32_t);
    job->offsets = tqp_arena_zalloc(&run->arena, nslices * job->nparts * sizeof(uint32_t));
    job->begins = tqp_arena_alloc(&run->arena, (job->nparts + 1) * sizeof(uint32_t));
    if (job->offsets == NULL || job->begins == NULL)
        return tqp_exec_arena_status(&run->arena);
    TQP_TRY(tqp_slices_run(run, workers, nrows, SLICE_ROWS, count_slice, job));
    make_offsets(job, nslices);
    TQP_TRY(tqp_buffer_alloc(&job->part_numbers, broker, bytes));
    TQP_TRY(tqp_buffer_alloc(&job->part_rows, broker, bytes));
    TQP_TRY(tqp_slices_run(run, workers, nrows, SLICE_ROWS, deal_slice, job));
    return tqp_slices_run(run, workers, job->nparts, 1, place_part, job);
}

TqpStatus tqp_build_list(TqpBuild *build, TqpRun *run, const uint32_t *numbers, uint32_t included) {
    TqpBroker *broker = run->query->broker;
    uint32_t none = build->none, bits = none > 1 ? 32 - (uint32_t)__builtin_clz(none - 1) : 0;
    Listing job = {.build = build, .numbers = numbers};
    size_t bytes = ((size_t)none + 2) * sizeof(uint32_t);
    TQP_TRY(tqp_buffer_alloc(&build->starts, broker, bytes));
    TQP_TRY(tqp_memory_clear(build->starts.data, bytes, &run->leader));
    uint32_t *starts = build->starts.data;
    Part all = {.numbers = numbers, .n = build->nrows, .to = none, .counts = starts};
    starts[none + 1] = included;
    if (!run->fetched) { /* any row of the key will do: its interval itself */
        all.counts++;
        return count_part(&job, &all, &run->leader);
    }
    starts[none] = included;
    TQP_TRY(tqp_buffer_alloc(&build->list, broker, ((size_t)included + 1) * sizeof(uint32_t)));
    ((uint32_t *)build->list.data)[included] = build->nrows;
    int workers = tqp_slices_workers(run, build->nrows, ROWS_PER_WORKER);
    if (build->nrows < ROWS_PER_WORKER || (workers == 1 && none <= NUMBERS_CACHED)) {
        TQP_TRY(count_part(&job, &all, &run->leader));
        return list_part(&job, &all, &run->leader);
    }
    job.shift = bits > PARTITION_BITS ? bits - PARTITION_BITS : 0;
    job.nparts = ((none - 1) >> job.shift) + 1;
    TqpStatus status = place_parts(&job, run, workers, included);
    tqp_buffer_free(&job.part_numbers);
    tqp_buffer_free(&job.part_rows);
    return status;
}
