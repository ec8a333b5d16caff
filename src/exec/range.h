/* Values of ranged maps as numbers in PostgreSQL's order, between map_range.c and probe_range.c. */
#ifndef TQP_EXEC_RANGE_H
#define TQP_EXEC_RANGE_H

#include <string.h>

#include "exec/column.h"

/* Order-preserving image of a float: NaN above all, -0 = 0. */
static inline uint64_t tqp_float_image(double v) {
    uint64_t bits;
    if (v != v)
        return UINT64_MAX;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof(bits));
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Value i without its bias; of a float the image. */
static inline TqpInt128 tqp_range_image(TqpLane lane, const void *values, uint64_t i) {
    if (lane == TQP_LANE_F64)
        return tqp_float_image(((const double *)values)[i]);
    if (lane == TQP_LANE_F32)
        return tqp_float_image(((const float *)values)[i]);
    return tqp_lane_get(lane, values, i);
}

#endif
