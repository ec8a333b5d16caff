/*
 * Aggregation with known group numbers, shared by its files: agg.c (states), agg_runs.c (runs of
 * clustered keys), agg_finish.c (merge and result).
 */
#ifndef TQP_EXEC_AGG_H
#define TQP_EXEC_AGG_H

#include "exec/acc.h"
#include "exec/distinct.h"
#include "exec/run.h"

/* Runs [start, start + count) have rising group numbers. */
typedef struct TqpChunk {
    uint32_t start, count;
} TqpChunk;

/* Accumulators of n groups, one after another, and their group numbers. */
typedef struct TqpGroupList {
    uint32_t n;
    TqpAccs accs;
    TqpBuffer groups; /* uint32_t */
} TqpGroupList;

/* Runs [from, to) of a tile rise: they become the state's runs number, number + 1, .. */
typedef struct TqpSpan {
    uint32_t from, to, number;
    bool begins; /* a chunk */
} TqpSpan;

/* Spans of a tile; the runs between them are strays. */
#define TQP_SPANS_MAX 256u

/*
 * What a state has instead of an array over all groups while the group numbers of its rows rise:
 * accumulators of one run of equal numbers after another, written in sequence.
 */
typedef struct TqpRuns {
    bool open;
    TqpGroupList list;
    TqpGroupList strays; /* runs out of order, in no order */
    TqpBuffer chunks;    /* TqpChunk, of the list */
    uint32_t nchunks;
    uint32_t morsel, nmorsels; /* the last one, and how many there were */
    /* scratch of a tile */
    uint64_t *mask;
    uint32_t *packed, *ends, *falls, *rows, *numbers;
    TqpSpan spans[TQP_SPANS_MAX];
    uint32_t nspans, nruns;
    TqpArena arena;
} TqpRuns;

/* Holds runs, or arrays over all groups, or nothing yet. */
typedef struct TqpDenseState {
    TqpAccs accs;
    TqpArena arena; /* what accs point to; a state's own, as workers allocate */
    bool used;
    TqpRuns runs;
    TqpBuffer numbers; /* uint32_t: groups of a tile, where the run has a shard of them */
} TqpDenseState;

typedef struct TqpDense {
    TqpAccPlan plan;
    TqpDistinctSets *distinct; /* NULL: none */
    /* Of the run's shard: groups base, base + 1, ..; states and lists number them from 0 on. */
    uint32_t base, ngroups;
    uint32_t room; /* numbers: one more, of rows that are not selected, where it is not the whole */
    bool by_runs;  /* arrays over all groups would leave the caches: try runs */
    TqpDenseState *states;
    uint32_t nstates;   /* run->nstates */
    TqpGroupList extra; /* finish: groups that only strays have */
} TqpDense;

/* Arrays over all groups; the state's runs, if any, move into them. */
TqpStatus tqp_agg_open_arrays(TqpRun *run, TqpDense *agg, TqpDenseState *state,
                              const TqpStop *stop) TQP_NODISCARD;

/* agg_runs.c: add a tile.  *rising is false, and nothing added, when its group numbers do not rise.
 */
TqpStatus tqp_runs_add(TqpRun *run, const TqpDense *agg, TqpRuns *runs, TqpTile *tile,
                       const uint32_t *groups, bool *rising) TQP_NODISCARD;
void tqp_runs_free(TqpRuns *runs, const TqpAccPlan *plan);
void tqp_group_list_free(TqpGroupList *list, const TqpAccPlan *plan);
/* Room for n groups. */
TqpStatus tqp_group_list_reserve(TqpGroupList *list, const TqpAccPlan *plan, TqpBroker *broker,
                                 uint64_t n, const TqpStop *stop) TQP_NODISCARD;

/*
 * agg_order.c: the spans of a tile whose runs have the groups groups[ends[r] - 1] and fall after
 * the rows in `falls`.  *popped: how many runs of the state turned out to be strays, from the last
 * on.  False: too many.
 */
bool tqp_runs_order(TqpRuns *runs, const uint32_t *groups, uint32_t nfalls, bool on,
                    uint32_t *popped);

/* agg_finish.c */
TqpStatus tqp_agg_finish(TqpRun *run, TqpResult *result) TQP_NODISCARD;

#endif
