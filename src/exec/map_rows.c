/* From the numbers of a build's rows to the rows of each number. */
#include <string.h>

#include "exec/map.h"
#include "exec/memory.h"
#include "exec/run.h"

typedef struct Shape {
    uint32_t included;
    bool ascending; /* numbers never fall, and no row is left out */
} Shape;

/* Counts of number k at starts[k + 1]; says whether no number occurs twice. */
static TqpStatus count(TqpBuild *build, const TqpStop *stop, const uint32_t *numbers,
                       uint32_t excluded, Shape *shape) {
    uint32_t *counts = (uint32_t *)build->starts.data + 1, last = 0;
    *shape = (Shape){.ascending = true};
    build->unique = true;
    for (uint64_t i = 0; i < build->nrows; i++) {
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        uint32_t number = numbers[i];
        shape->ascending = shape->ascending && number != excluded && number >= last;
        last = number;
        if (number == excluded)
            continue;
        shape->included++;
        build->unique = build->unique && counts[number] == 0;
        counts[number]++;
    }
    return TQP_OK;
}

/* The counts' memory becomes that of the first, and only, rows. */
static TqpStatus make_first(TqpBuild *build, const TqpStop *stop, const uint32_t *numbers,
                            uint32_t excluded) {
    build->first = build->starts;
    memset(&build->starts, 0, sizeof(build->starts));
    uint32_t *first = build->first.data;
    for (uint64_t k = 0; k < build->nnumbers; k++) {
        if (tqp_stop_at(stop, k))
            return TQP_CANCELLED;
        first[k] = build->nrows;
    }
    for (uint64_t i = 0; i < build->nrows; i++) {
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        if (numbers[i] != excluded)
            first[numbers[i]] = (uint32_t)i;
    }
    return TQP_OK;
}

static TqpStatus sum_up(TqpBuild *build, const TqpStop *stop) {
    uint32_t *starts = build->starts.data;
    for (uint64_t k = 1; k <= build->nnumbers; k++) {
        if (tqp_stop_at(stop, k))
            return TQP_CANCELLED;
        starts[k] += starts[k - 1];
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
