/* From the numbers of a build's rows to the rows of each number. */
#include <string.h>

#include "exec/map.h"
#include "exec/memory.h"
#include "exec/run.h"

typedef struct Shape {
    uint32_t included, last;
    bool ascending; /* numbers never fall, and no row is left out */
    bool repeats;   /* some number occurs twice */
} Shape;

/* Rows between two questions whether to stop: the loops over them ask nothing. */
#define SLICE UINT64_C(65536) /* steps, some nanoseconds each */

static uint64_t slice_end(uint64_t at, uint64_t n) {
    return n - at < SLICE ? n : at + SLICE;
}

/* Counts of number k at counts[k], for the rows [at, end). */
static void count_slice(uint32_t *counts, const uint32_t *numbers, uint64_t at, uint64_t end,
                        uint32_t excluded, Shape *shape) {
    uint32_t last = shape->last, included = shape->included, twice = 0, falls = 0;
    for (uint64_t i = at; i < end; i++) {
        uint32_t number = numbers[i], in = number != excluded;
        falls |= (in ^ 1) | (number < last);
        last = number;
        included += in;
        if (in)
            twice |= counts[number]++;
    }
    shape->last = last;
    shape->included = included;
    shape->ascending = shape->ascending && !falls;
    shape->repeats = shape->repeats || twice != 0;
}

/* Counts of number k at starts[k + 1]; says whether no number occurs twice. */
static TqpStatus count(TqpBuild *build, const TqpStop *stop, const uint32_t *numbers,
                       uint32_t excluded, Shape *shape) {
    uint32_t *counts = (uint32_t *)build->starts.data + 1;
    *shape = (Shape){.ascending = true};
    for (uint64_t at = 0; at < build->nrows; at = slice_end(at, build->nrows)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        count_slice(counts, numbers, at, slice_end(at, build->nrows), excluded, shape);
    }
    build->unique = !shape->repeats;
    return TQP_OK;
}

TqpStatus tqp_build_no_rows(TqpBuild *build, const TqpStop *stop) {
    uint32_t *first = build->first.data;
    for (uint64_t at = 0; at < build->nnumbers; at = slice_end(at, build->nnumbers)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t k = at, end = slice_end(at, build->nnumbers); k < end; k++)
            first[k] = build->nrows;
    }
    return TQP_OK;
}

/* The counts' memory becomes that of the first, and only, rows. */
static TqpStatus make_first(TqpBuild *build, const TqpStop *stop, const uint32_t *numbers,
                            uint32_t excluded) {
    build->first = build->starts;
    memset(&build->starts, 0, sizeof(build->starts));
    TQP_TRY(tqp_build_no_rows(build, stop));
    uint32_t *first = build->first.data;
    for (uint64_t at = 0; at < build->nrows; at = slice_end(at, build->nrows)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t i = at, end = slice_end(at, build->nrows); i < end; i++)
            if (numbers[i] != excluded)
                first[numbers[i]] = (uint32_t)i;
    }
    return TQP_OK;
}

static TqpStatus sum_up(TqpBuild *build, const TqpStop *stop) {
    uint32_t *starts = build->starts.data, sum = 0;
    uint64_t n = (uint64_t)build->nnumbers + 1;
    for (uint64_t at = 0; at < n; at = slice_end(at, n)) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        for (uint64_t k = at, end = slice_end(at, n); k < end; k++)
            starts[k] = sum += starts[k];
    }
    return TQP_OK;
}

/*
 * Rows in their order within each number.  Each row goes to the end of its number and moves the
 * end down, so that starts are right again afterwards: rows are taken from the last.
 */
static TqpStatus make_list(TqpBuild *build, const TqpRun *run, const uint32_t *numbers,
                           uint32_t excluded, uint32_t included) {
    TQP_TRY(tqp_buffer_alloc(&build->list, run->query->broker, ((size_t)included + 1) * 4));
    uint32_t *list = build->list.data, *ends = (uint32_t *)build->starts.data + 1;
    for (uint64_t i = build->nrows; i-- > 0;) {
        if (tqp_stop_at(&run->leader, i))
            return TQP_CANCELLED;
        if (numbers[i] != excluded)
            list[--ends[numbers[i]]] = (uint32_t)i;
    }
    /* Now ends[k] is where number k starts: one place too far up. */
    uint32_t *starts = build->starts.data;
    for (uint64_t k = 0; k < build->nnumbers; k++) {
        if (tqp_stop_at(&run->leader, k))
            return TQP_CANCELLED;
        starts[k] = starts[k + 1];
    }
    starts[build->nnumbers] = included;
    list[included] = build->nrows;
    return TQP_OK;
}

TqpStatus tqp_build_rows(TqpBuild *build, TqpRun *run, const uint32_t *numbers, uint32_t excluded) {
    const TqpStop *stop = &run->leader;
    Shape shape;
    size_t bytes = ((size_t)build->nnumbers + 1) * sizeof(uint32_t);
    TQP_TRY(tqp_buffer_alloc(&build->starts, run->query->broker, bytes));
    TQP_TRY(tqp_memory_clear(build->starts.data, bytes, stop));
    TQP_TRY(count(build, stop, numbers, excluded, &shape));
    if (build->unique && build->map->kind == TQP_MAP_HASH && shape.included == build->nrows) {
        tqp_buffer_free(&build->starts); /* keys were numbered as their rows are */
        return TQP_OK;
    }
    if (build->unique)
        return make_first(build, stop, numbers, excluded);
    TQP_TRY(sum_up(build, stop));
    return shape.ascending ? TQP_OK : make_list(build, run, numbers, excluded, shape.included);
}
