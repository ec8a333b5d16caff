/* Names and lanes of the steps, straight from steps.def. */
#include "program/step.h"

static const char *const step_names[TQP_STEP_COUNT] = {
#define TQP_STEP(e, n, lanes, note) [TQP_STEP_##e] = n,
#include "program/steps.def"
#undef TQP_STEP
    [TQP_STEP_LOAD] = "load",   [TQP_STEP_FILTER] = "filter", [TQP_STEP_BOUND] = "bound",
    [TQP_STEP_PROBE] = "probe", [TQP_STEP_MATCH] = "match",   [TQP_STEP_FETCH] = "fetch",
};

/* One bit per lane. */
#define LANE_BIT(op, lane) | 1u << TQP_LANE_##lane
static const uint32_t step_lanes[TQP_STEP_KERNEL_COUNT] = {
#define TQP_STEP(e, n, lanes, note) [TQP_STEP_##e] = 0u lanes(LANE_BIT, e),
#include "program/steps.def"
#undef TQP_STEP
};
#undef LANE_BIT

const char *tqp_step_name(TqpStepOp op) {
    return (uint32_t)op < TQP_STEP_COUNT ? step_names[op] : "?";
}

bool tqp_step_has_lane(TqpStepOp op, TqpLane lane) {
    return (uint32_t)op < TQP_STEP_KERNEL_COUNT && (uint32_t)lane < TQP_LANE_COUNT &&
           (step_lanes[op] >> lane & 1u) != 0;
}
