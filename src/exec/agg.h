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

/*
 * What a state has instead of an array over all groups while the group numbers of its rows rise:
 * accumulators of one run of equal numbers after another, written in sequence.
 */
typedef struct TqpRuns {
    bool open;
    uint32_t nruns;
    TqpAccs accs;     /* of nruns groups */
    TqpBuffer groups; /* uint32_t: group number of each run */
    TqpBuffer chunks; /* TqpChunk */
    uint32_t nchunks;
    uint32_t morsel, nmorsels; /* the last one, and how many there were */
    /* scratch of a tile */
    uint64_t *mask;
    uint32_t *packed, *ends, *rows, *numbers;
    TqpArena arena;
} TqpRuns;

/* Holds runs, or arrays over all groups, or nothing yet. */
typedef struct TqpDenseState {
    TqpAccs accs;
    TqpArena arena; /* what accs point to; a state's own, as workers allocate */
    bool used;
    TqpRuns runs;
} TqpDenseState;

typedef struct TqpDense {
    TqpAccPlan plan;
    TqpDistinctSets *distinct; /* NULL: none */
    uint32_t ngroups;
    bool by_runs; /* arrays over all groups would leave the caches: try runs */
    TqpDenseState *states;
    uint32_t nstates; /* run->nstates */
} TqpDense;

/* Arrays over all groups; the state's runs, if any, move into them. */
TqpStatus tqp_agg_open_arrays(TqpRun *run, TqpDense *agg, TqpDenseState *state,
                              const TqpStop *stop) TQP_NODISCARD;

/* agg_runs.c: add a tile.  *rising is false, and nothing added, when its group numbers fall. */
TqpStatus tqp_runs_add(TqpRun *run, const TqpDense *agg, TqpRuns *runs, TqpTile *tile,
                       const uint32_t *groups, bool *rising) TQP_NODISCARD;
void tqp_runs_free(TqpRuns *runs, const TqpAccPlan *plan);

/* agg_finish.c */
TqpStatus tqp_agg_finish(TqpRun *run, TqpResult *result) TQP_NODISCARD;

#endif
