/* Private to distinct.c (adding tiles) and distinct_finish.c. */
#ifndef TQP_EXEC_DISTINCT_SETS_H
#define TQP_EXEC_DISTINCT_SETS_H

#include "exec/distinct.h"
#include "exec/key_set.h"

typedef struct TqpDistinctSet {
    const TqpAccInfo *info; /* the first accumulator that it feeds */
    TqpSlot arg;            /* never null here: only valid rows enter */
    /* bitmap: group g has bits [g * domain, (g + 1) * domain) */
    uint64_t domain; /* 0 = hash; a multiple of 64 */
    TqpInt128 low;   /* register value of bit 0 */
    TqpBuffer bitmap;
    /* hash: keys of (value, group) */
    TqpKeyPlan plan;
    TqpKeySet *keys; /* per state; without a plan where the state had no tile */
} TqpDistinctSet;

/* Per state scratch of a tile. */
typedef struct TqpDistinctScratch {
    uint64_t *mask, *words, *packed, *hashes;
    uint32_t *numbers, *groups;
    TqpArena arena;
    bool open;
} TqpDistinctScratch;

struct TqpDistinctSets {
    TqpRun *run;
    const TqpAccPlan *accs;
    uint32_t ngroups;
    uint32_t nsets;
    TqpDistinctSet *sets;
    TqpDistinctScratch *scratch; /* per state */
    uint32_t nstates;
};

/* Do these accumulators see the same rows of the same values? */
static inline bool tqp_distinct_same_rows(const TqpAccumulator *a, const TqpAccumulator *b) {
    return a->arg.reg == b->arg.reg && a->arg.valid == b->arg.valid && a->filter == b->filter;
}

#endif
