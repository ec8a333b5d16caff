/* Accumulators of groups that follow each other: counts and sums of segments of a tile. */
#include "exec/acc.h"

bool tqp_acc_plan_has_segments(const TqpAccPlan *plan) {
    if (plan->scalar || plan->ncounts > 1)
        return false;
    for (uint32_t a = 0; a < plan->naccs; a++) {
        const TqpAccInfo *info = &plan->infos[a];
        if (info->has_values &&
            (info->acc->kind != TQP_ACC_I64 || info->distinct || info->acc->factor.times != 0))
            return false;
    }
    return true;
}

void tqp_accs_add_segments(TqpAccs *accs, const TqpAccPlan *plan, TqpTile *tile, uint32_t first,
                           uint32_t count, const uint32_t *ends) {
    int64_t *counts = (int64_t *)accs->counts[0].data + first;
    counts[0] += ends[0];
    for (uint32_t k = 1; k < count; k++)
        counts[k] += ends[k] - ends[k - 1];
    for (uint32_t a = 0; a < plan->naccs; a++) {
        const TqpAccInfo *info = &plan->infos[a];
        if (!info->has_values)
            continue;
        TqpKernelArgs args = {.n = tile->n,
                              .out = (int64_t *)accs->values[a].data + first,
                              .in = {tile->regs[info->acc->arg.reg], NULL, NULL},
                              .aux = ends,
                              .aux_count = count,
                              .flags = &tile->flags};
        plan->backend->kernels[TQP_STEP_SEGMENT_SUM][info->acc->arg.lane](&args);
    }
}
