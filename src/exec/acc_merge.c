/*
 * Merging accumulators.  A merge is an aggregation of aggregates, so it runs on the grouped
 * kernels: values of the source are the argument, group numbers of the destination the groups.
 */
#include <string.h>

#include "base/moments.h"
#include "exec/acc.h"

typedef struct Merge {
    TqpAccs *dst;
    const TqpAccs *src;
    const TqpAccPlan *plan;
    uint32_t n;              /* of this batch, at most a tile */
    const uint32_t *dst_ids; /* n of them */
    const uint32_t *src_ids; /* n of them, or NULL: .. */
    uint32_t src_first;      /* .. this one and the following */
    uint32_t *flags;
} Merge;

/* The batch's source values, dense and 64-byte aligned. */
static const void *source_values(Merge *m, TqpLane lane, const void *values) {
    uint32_t width = tqp_column_width(lane);
    char *out = m->dst->scratch;
    if (m->src_ids == NULL)
        return memcpy(out, (const char *)values + (size_t)m->src_first * width,
                      (size_t)m->n * width);
    TqpKernelArgs args = {
        .n = m->n, .out = out, .in = {values, m->src_ids, NULL}, .flags = m->flags};
    m->plan->backend->kernels[TQP_STEP_GATHER][lane](&args);
    return out;
}

static void merge_values(Merge *m, TqpStepOp op, TqpLane lane, void *dst, const void *src,
                         const uint64_t *guard) {
    TqpKernelArgs args = {.n = m->n,
                          .out = dst,
                          .in = {source_values(m, lane, src), m->dst_ids, NULL},
                          .guard = guard,
                          .aux_count = m->dst->ngroups,
                          .flags = m->flags};
    m->plan->backend->kernels[op][lane](&args);
}

static uint32_t src_group(const Merge *m, uint32_t i) {
    return m->src_ids != NULL ? m->src_ids[i] : m->src_first + i;
}

/* Views of empty groups must not take part; elsewhere the initial value is neutral. */
static const uint64_t *occupied(Merge *m, const int64_t *counts) {
    uint64_t *mask = m->dst->masks;
    memset(mask, 0, tqp_bitmap_words(m->n) * sizeof(uint64_t));
    for (uint32_t i = 0; i < m->n; i++)
        if (counts[src_group(m, i)] > 0)
            tqp_bitmap_set(mask, i);
    return mask;
}

/* PostgreSQL's combine functions; there is no kernel for what is done once per group. */
static void merge_moments(Merge *m, bool pairs, void *dst, const void *src) {
    bool ok = true;
    for (uint32_t i = 0; i < m->n; i++) {
        uint32_t from = src_group(m, i), to = m->dst_ids[i];
        ok &= pairs ? tqp_pair_moments_merge((TqpPairMoments *)dst + to,
                                             (const TqpPairMoments *)src + from)
                    : tqp_moments_merge((TqpMoments *)dst + to, (const TqpMoments *)src + from);
    }
    *m->flags |= ok ? 0 : TQP_FLAG_OVERFLOW;
}

static void merge_acc(Merge *m, uint32_t a) {
    const TqpAccInfo *info = &m->plan->infos[a];
    void *dst = m->dst->values[a].data;
    const void *src = m->src->values[a].data;
    switch (info->acc->kind) {
    case TQP_ACC_MIN:
        merge_values(m, TQP_STEP_GROUP_MIN32, info->lane, dst, src,
                     occupied(m, m->src->counts[info->count].data));
        break;
    case TQP_ACC_MAX:
        merge_values(m, TQP_STEP_GROUP_MAX32, info->lane, dst, src,
                     occupied(m, m->src->counts[info->count].data));
        break;
    case TQP_ACC_F64:
        merge_values(m, TQP_STEP_GROUP_FSUM32, TQP_LANE_F64, dst, src, NULL);
        for (uint32_t i = 0; i < m->n; i++)
            ((uint8_t *)m->dst->special[a].data)[m->dst_ids[i]] |=
                ((const uint8_t *)m->src->special[a].data)[src_group(m, i)];
        break;
    case TQP_ACC_MOMENTS:
    case TQP_ACC_PAIRS:
        merge_moments(m, info->acc->kind == TQP_ACC_PAIRS, dst, src);
        break;
    default:
        merge_values(m, info->lane == TQP_LANE_I128 ? TQP_STEP_GROUP_WSUM32 : TQP_STEP_GROUP_SUM32,
                     info->lane, dst, src, NULL);
        break;
    }
}

static void merge_batch(Merge *m) {
    for (uint32_t k = 0; k < m->plan->ncounts; k++)
        merge_values(m, TQP_STEP_GROUP_SUM32, TQP_LANE_I64, m->dst->counts[k].data,
                     m->src->counts[k].data, NULL);
    for (uint32_t a = 0; a < m->plan->naccs; a++)
        if (m->plan->infos[a].has_values && !m->plan->infos[a].distinct)
            merge_acc(m, a);
}

void tqp_accs_merge(TqpAccs *dst, const TqpAccPlan *plan, const TqpAccs *src, uint32_t n,
                    uint32_t first, const uint32_t *dst_ids, const uint32_t *src_ids,
                    uint32_t *flags) {
    uint32_t ids[256]; /* where the groups are consecutive */
    uint32_t batch = dst_ids == NULL ? 256 : plan->backend->tile_rows;
    for (uint32_t done = 0; done < n; done += batch) {
        Merge m = {.dst = dst, .src = src, .plan = plan, .flags = flags};
        m.n = n - done < batch ? n - done : batch;
        m.src_first = first + done;
        m.src_ids = src_ids != NULL ? src_ids + done : NULL;
        if (dst_ids == NULL)
            for (uint32_t i = 0; i < m.n; i++)
                ids[i] = first + done + i;
        m.dst_ids = dst_ids != NULL ? dst_ids + done : ids;
        merge_batch(&m);
    }
}
