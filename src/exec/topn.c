/*
 * ORDER BY .. LIMIT with a small limit: each state keeps few more rows than it needs, and a bound
 * on the first sort column lets most tiles pass without copying a row.
 */
#include <string.h>

#include "exec/collect.h"

/* Rows beyond the needed ones that a state gathers before it sorts them out. */
#define SLACK 16384u

bool tqp_topn_applies(const TqpSink *sink, uint64_t need) {
    if (sink->nsort == 0 || need == 0 || need > TQP_TOPN_MAX)
        return false;
    for (uint32_t k = 0; k < sink->nsort; k++)
        if (tqp_sort_needs_host(&sink->columns[sink->sort[k].column]))
            return false; /* only the leader may compare */
    return true;
}

/* Does the register's own order agree with the sort's? Codes that are not ranks have none. */
static bool has_plain_order(const TqpSlot *slot) {
    if (slot->lane == TQP_LANE_MASK)
        return false;
    return tqp_type_class(slot->type.kind) != TQP_CLASS_TEXT || slot->lane == TQP_LANE_VIEW ||
           slot->by_rank;
}

const uint64_t *tqp_topn_filter(TqpTile *tile, const TqpStep *step) {
    bool descending = step->imm[1].i != 0, nulls_first = step->imm[2].i != 0;
    uint32_t words = tqp_bitmap_words(tile->n);
    uint64_t *keep = tile->guard_buf;
    if (!tile->has_bound || (tile->bound_is_null && !nulls_first))
        return NULL;
    const uint64_t *valid = step->in[1] == TQP_NO_REG ? NULL : tile->regs[step->in[1]];
    if (!tile->bound_is_null)
        tqp_tile_kernel(tile, descending ? TQP_STEP_GE_RI : TQP_STEP_LE_RI, (TqpLane)step->lane,
                        tile->n, keep, tile->regs[step->in[0]], NULL, tile->sel, tile->bound, NULL);
    for (uint32_t w = 0; w < words; w++) {
        uint64_t rows = w + 1 == words ? tqp_bitmap_tail(tile->n) : ~UINT64_C(0);
        if (tile->bound_is_null)
            keep[w] = valid != NULL ? ~valid[w] : 0;
        else if (valid != NULL)
            keep[w] = nulls_first ? keep[w] | ~valid[w] : keep[w] & valid[w];
        keep[w] &= rows;
    }
    return keep;
}

static TqpScalar scalar_at(TqpLane lane, const void *values, uint64_t row) {
    switch (lane) {
    case TQP_LANE_F32:
        return (TqpScalar){.f = ((const float *)values)[row]};
    case TQP_LANE_F64:
        return (TqpScalar){.f = ((const double *)values)[row]};
    case TQP_LANE_VIEW:
        return (TqpScalar){.s = ((const TqpView *)values)[row]};
    case TQP_LANE_I128:
        return (TqpScalar){.w = ((const TqpInt128 *)values)[row]};
    default:
        return (TqpScalar){.i = (int64_t)tqp_lane_get(lane, values, row)};
    }
}

/* Rows after the worst row kept can be dropped unread: ties with it stay, later keys decide. */
static void set_bound(const TqpSink *sink, const TqpCollectState *state, TqpTile *tile,
                      uint32_t worst) {
    const TqpColumn *column = &state->columns[sink->sort[0].column];
    if (!has_plain_order(&column->slot))
        return;
    const uint8_t *valid = column->valid.data;
    tile->has_bound = true;
    tile->bound_is_null = valid != NULL && !valid[worst];
    tile->bound = scalar_at(column->slot.lane, column->values.data, worst);
}

/* rows: ascending, so that a row only moves down. */
static void keep_rows(const TqpSink *sink, TqpCollectState *state, const uint32_t *rows,
                      uint64_t n) {
    for (uint32_t c = 0; c < sink->ncolumns; c++) {
        TqpColumn *column = &state->columns[c];
        size_t width = tqp_column_width(column->slot.lane);
        char *values = column->values.data;
        uint8_t *valid = column->valid.data;
        for (uint64_t i = 0; i < n; i++) {
            memmove(values + i * width, values + rows[i] * width, width);
            if (valid != NULL)
                valid[i] = valid[rows[i]];
        }
    }
    uint64_t *seq = state->seq.data;
    for (uint64_t i = 0; i < n; i++)
        seq[i] = seq[rows[i]];
    state->nrows = n;
}

static TqpStatus prune(TqpRun *run, TqpCollect *collect, uint32_t s, uint32_t *order,
                       uint64_t *kept) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpCollectState *state = &collect->states[s];
    TqpSortInput input = {.query = run->query,
                          .nrows = state->nrows,
                          .columns = state->columns,
                          .nsort = sink->nsort,
                          .sort = sink->sort,
                          .seq = state->seq.data};
    TQP_TRY(tqp_sort_order(&input, order));
    /* States and tiles are one to one: the order of rows is not that of float sums. */
    set_bound(sink, state, &run->tiles[s], order[collect->need - 1]);
    memset(kept, 0, (state->nrows + 63) / 64 * sizeof(uint64_t));
    for (uint64_t i = 0; i < collect->need; i++)
        tqp_bitmap_set(kept, order[i]);
    uint64_t n = 0;
    for (uint64_t row = 0; row < state->nrows; row++)
        if (tqp_bitmap_get(kept, row))
            order[n++] = (uint32_t)row;
    keep_rows(sink, state, order, n);
    return TQP_OK;
}

TqpStatus tqp_topn_prune(TqpRun *run, TqpCollect *collect, uint32_t s) {
    const TqpCollectState *state = &collect->states[s];
    if (state->nrows < collect->need + (collect->need > SLACK ? collect->need : SLACK))
        return TQP_OK;
    TqpBuffer order = {0}, kept = {0};
    TqpStatus status = tqp_buffer_alloc(&order, run->query->broker, state->nrows * 4 + 4);
    if (status == TQP_OK)
        status = tqp_buffer_alloc(&kept, run->query->broker, state->nrows / 8 + 8);
    if (status == TQP_OK)
        status = prune(run, collect, s, order.data, kept.data);
    tqp_buffer_free(&order);
    tqp_buffer_free(&kept);
    return status;
}
