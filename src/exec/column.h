/*
 * A finished column of a pipeline: values of one lane, all rows contiguous, and how they become a
 * TqpResult's tensors.
 */
#ifndef TQP_EXEC_COLUMN_H
#define TQP_EXEC_COLUMN_H

#include "exec/exec.h"

typedef struct TqpColumn {
    TqpSlot slot;     /* type, lane, bias, dict, by_rank; reg and valid are not looked at */
    TqpBuffer values; /* of slot.lane; MASK: one byte per row.  TEXT codes, or ranks when by_rank */
    TqpBuffer valid;  /* one byte per row; data NULL = no row is null */
} TqpColumn;

/* Bytes of one value in TqpColumn.values. */
static inline uint32_t tqp_column_width(TqpLane lane) {
    return lane == TQP_LANE_MASK ? 1 : tqp_lane_bytes(lane);
}

/* Integer lanes by number; callers know that the value fits. */
static inline TqpInt128 tqp_lane_get(TqpLane lane, const void *values, uint64_t i) {
    switch (lane) {
    case TQP_LANE_U8:
        return ((const uint8_t *)values)[i];
    case TQP_LANE_U16:
        return ((const uint16_t *)values)[i];
    case TQP_LANE_U32:
        return ((const uint32_t *)values)[i];
    case TQP_LANE_I64:
        return ((const int64_t *)values)[i];
    default:
        return ((const TqpInt128 *)values)[i];
    }
}

static inline void tqp_lane_put(TqpLane lane, void *values, uint64_t i, TqpInt128 value) {
    switch (lane) {
    case TQP_LANE_U8:
        ((uint8_t *)values)[i] = (uint8_t)value;
        break;
    case TQP_LANE_U16:
        ((uint16_t *)values)[i] = (uint16_t)value;
        break;
    case TQP_LANE_U32:
        ((uint32_t *)values)[i] = (uint32_t)value;
        break;
    case TQP_LANE_I64:
        ((int64_t *)values)[i] = (int64_t)value;
        break;
    default:
        ((TqpInt128 *)values)[i] = value;
        break;
    }
}

/* Greatest and least value of an integer lane. */
void tqp_lane_bounds(TqpLane lane, TqpInt128 *min, TqpInt128 *max);

TqpStatus tqp_column_alloc(TqpColumn *column, TqpBroker *broker, const TqpSlot *slot, bool nullable,
                           uint64_t nrows) TQP_NODISCARD;
void tqp_column_free(TqpColumn *column);

/* Cut columns of nrows rows into row groups.  Takes the buffers over; frees what it does not keep.
 */
TqpStatus tqp_result_build(TqpResult *result, TqpBroker *broker, uint64_t nrows, uint32_t ncolumns,
                           TqpColumn *columns, const TqpStop *stop) TQP_NODISCARD;
/*
 * One result of the row groups of n > 0 parts in their order, which it takes over.  status: of who
 * made them; unless it is OK they are freed, and it is returned.
 */
TqpStatus tqp_result_join(TqpResult *result, TqpBroker *broker, TqpStatus status, uint32_t n,
                          TqpResult *parts) TQP_NODISCARD;
/* Of a joined result: take the buffer over, to which columns may point; not when it fails. */
TqpStatus tqp_result_keep(TqpResult *result, TqpBuffer *buf) TQP_NODISCARD;

#endif
