/*
 * Sets of distinct arguments, for count(DISTINCT x) and sum(DISTINCT x): bitmaps where the values'
 * proved range is small, else hash tables of (value, group).
 */
#ifndef TQP_EXEC_DISTINCT_H
#define TQP_EXEC_DISTINCT_H

#include "exec/acc.h"
#include "exec/run.h"

typedef struct TqpDistinctSets TqpDistinctSets;

/*
 * *sets is NULL when no accumulator is distinct.  ngroups: of group numbers that all states share,
 * 0 when each state numbers its groups itself.
 */
TqpStatus tqp_distinct_begin(TqpDistinctSets **sets, TqpRun *run, const TqpAccPlan *plan,
                             uint32_t ngroups) TQP_NODISCARD;
TqpStatus tqp_distinct_add(TqpDistinctSets *sets, uint32_t state, TqpTile *tile, const void *groups,
                           TqpLane group_lane) TQP_NODISCARD;
/* Where counts and sums go: group g of all is group g - base[p] of accs[p], base[p + 1] > g. */
typedef struct TqpDistinctTarget {
    uint32_t nparts;
    TqpAccs *const *accs;
    const uint64_t *base;       /* nparts + 1 */
    const uint32_t *const *ids; /* [state][its group]: group of all; NULL: as they are */
} TqpDistinctTarget;

/* distinct_finish.c: counts and sums into accumulators that are merged already. */
TqpStatus tqp_distinct_finish(TqpDistinctSets *sets, const TqpDistinctTarget *target) TQP_NODISCARD;
void tqp_distinct_release(TqpDistinctSets *sets); /* NULL is fine */

#endif
