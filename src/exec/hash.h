/*
 * Hash aggregation, shared by its files: hash.c (states), hash_merge.c (merge and result),
 * hash_order.c (order of the result).  A tile's keys become group numbers through the state's
 * table, then the accumulators of dense aggregation take over.
 */
#ifndef TQP_EXEC_HASH_H
#define TQP_EXEC_HASH_H

#include "exec/acc.h"
#include "exec/distinct.h"
#include "exec/keys.h"
#include "exec/run.h"

typedef struct TqpHashGroups {
    TqpKeyTable table;
    TqpAccs accs;
    TqpArena arena;
    bool open;
} TqpHashGroups;

typedef struct TqpHashState {
    TqpHashGroups groups;
    uint64_t *words;     /* keys of the tile */
    uint64_t *run_words; /* keys of the runs of equal keys */
    uint64_t *hashes;    /* TQP_KEY_BATCH */
    uint32_t *rows;      /* selected rows */
    uint32_t *runs;      /* run of each selected row */
    uint32_t *numbers;   /* group of each run */
    uint32_t *row_group; /* group of each row */
    uint32_t skip_runs;  /* tiles for which not to look for runs */
    /* merge: its table's slots by parts; those of part p begin at entries_begin[p] */
    TqpBuffer entries; /* TqpKeySlot */
    uint32_t *entries_begin;
} TqpHashState;

typedef struct TqpHash {
    TqpAccPlan accs;
    TqpKeyPlan keys;
    TqpDistinctSets *distinct;
    TqpHashState *states;
    uint32_t nstates;
    /* merge: parts; without one, the only state's groups */
    uint32_t nparts, part_bits;
    TqpHashGroups *parts;
    TqpHashGroups *const *final; /* nparts */
    uint64_t *base;              /* first result row of each part, and the total */
    TqpBuffer *order;            /* of each part: uint32_t, its groups in result order; or NULL */
    TqpResult *results;          /* of a row group each */
    uint32_t **ids;              /* of distinct sets: final number of each state's groups */
    _Atomic uint32_t next;
} TqpHash;

/* An empty table and its accumulators; closing what is not open does nothing. */
TqpStatus tqp_hash_groups_open(TqpRun *run, TqpHashGroups *groups) TQP_NODISCARD;
void tqp_hash_groups_close(const TqpHash *hash, TqpHashGroups *groups);

/* hash_order.c: puts the merged groups in an order that depends on their keys only. */
TqpStatus tqp_hash_order(TqpRun *run) TQP_NODISCARD;

/* hash_merge.c: all states' groups as one result. */
TqpStatus tqp_hash_finish(TqpRun *run, TqpResult *result) TQP_NODISCARD;

#endif
