/* Numbering sorted rows: where a key changes, by comparing each row with the one before it. */
#include "exec/sort.h"

static bool is_null(const TqpColumn *column, uint32_t row) {
    return column->valid.data != NULL && ((const uint8_t *)column->valid.data)[row] == 0;
}

/* NaN equals NaN, and -0 equals 0. */
static bool same_floats(double x, double y) {
    return x == y || (x != x && y != y);
}

static bool same_values(const TqpColumn *column, uint32_t x, uint32_t y) {
    const void *values = column->values.data;
    switch (column->slot.lane) {
    case TQP_LANE_F32:
        return same_floats(((const float *)values)[x], ((const float *)values)[y]);
    case TQP_LANE_F64:
        return same_floats(((const double *)values)[x], ((const double *)values)[y]);
    case TQP_LANE_MASK:
        return ((const uint8_t *)values)[x] == ((const uint8_t *)values)[y];
    case TQP_LANE_VIEW: {
        TqpView a = ((const TqpView *)values)[x], b = ((const TqpView *)values)[y];
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
    }
    default: /* integers, ranks, codes of a dictionary without duplicates */
        return tqp_lane_get(column->slot.lane, values, x) ==
               tqp_lane_get(column->slot.lane, values, y);
    }
}

/* Do two rows agree in the sort columns [first, end)? */
static bool agree(const TqpSortInput *input, uint32_t first, uint32_t end, uint32_t x, uint32_t y) {
    for (uint32_t k = first; k < end; k++) {
        const TqpColumn *column = &input->columns[input->sort[k].column];
        bool null = is_null(column, x);
        if (null != is_null(column, y) || (!null && !same_values(column, x, y)))
            return false;
    }
    return true;
}

TqpStatus tqp_sort_number(const TqpSortInput *input, const uint32_t *order, uint32_t npartition,
                          uint32_t *numbers, uint32_t *ranks) {
    uint32_t number = 0, rank = 0;
    for (uint64_t i = 0; i < input->nrows; i++) {
        if (tqp_stop_at(input->stop, i))
            return TQP_CANCELLED;
        bool same = i > 0 && agree(input, 0, npartition, order[i], order[i - 1]);
        bool peer = same && agree(input, npartition, input->nsort, order[i], order[i - 1]);
        number = same ? number + 1 : 1;
        rank = peer ? rank : number;
        numbers[i] = number;
        ranks[i] = rank;
    }
    return TQP_OK;
}
