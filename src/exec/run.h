/*
 * One pipeline while it runs: its morsels, the states that its sink accumulates into, and the
 * operations that a sink implements.
 *
 * A state is touched by one worker at a time.  Normally there is one per worker.  With
 * sink.fixed_order there is a number of states that depends on the input only; each takes a
 * contiguous range of morsels in order, so sums do not depend on the number of threads.
 */
#ifndef TQP_EXEC_RUN_H
#define TQP_EXEC_RUN_H

#include "exec/map.h"
#include "exec/tile.h"

typedef struct TqpMorsel {
    uint32_t group;
    uint32_t start, rows; /* start is a multiple of 64 */
} TqpMorsel;

#define TQP_MORSEL_ROWS  65536
#define TQP_FIXED_STATES 16

struct TqpRun;

typedef struct TqpSinkOps {
    TqpStatus (*begin)(struct TqpRun *run);
    TqpStatus (*tile)(struct TqpRun *run, uint32_t state, TqpTile *tile);
    TqpStatus (*morsel_end)(struct TqpRun *run, uint32_t state, uint32_t morsel); /* or NULL */
    TqpStatus (*finish)(struct TqpRun *run, TqpResult *result);
    void (*release)(struct TqpRun *run); /* whatever happened, once */
    /* Before the second scan and later ones, whose morsels are others; or NULL. */
    TqpStatus (*again)(struct TqpRun *run);
} TqpSinkOps;

typedef struct TqpRun {
    TqpQuery *query;
    const TqpPipeline *pipeline;
    const TqpRelation *source;
    uint64_t source_rows;
    TqpShard shard; /* of the sink's keys: the rows that it gets */
    /*
     * Scans between the sink's begin and finish; before each, `feed` makes the shards of what it
     * reads.  What fails for memory notes how much was in use then, how much of that by tiles, and
     * the share of the morsels that had been claimed, of all scans.
     */
    uint32_t scans, scan; /* scan: the number of the current one */
    TqpStatus (*feed)(void *arg, uint32_t scan);
    void *feed_arg;
    uint64_t feed_ns;
    int64_t used, used_by_tiles;
    double claimed;
    uint32_t tile_rows;    /* room of a tile: the backend's, or less where there are no more */
    uint32_t first_morsel; /* number of the scan's first one, among those of all scans */
    uint32_t nmorsels;     /* of the scan */
    TqpMorsel *morsels;
    int nworkers;
    uint32_t nstates;
    bool fixed;            /* states are ranges of morsels, not workers */
    _Atomic uint32_t next; /* morsel, or state when fixed, to claim */
    _Atomic bool enough;   /* LIMIT: the sink needs no further morsel */
    TqpTile *tiles;        /* per worker */
    TqpStop leader;        /* between teams */
    TqpArena arena;        /* of the leader: descriptors */
    TqpPipelineStats *stats;
    const TqpBuild *builds; /* of the pipelines before this one */
    uint32_t nbuilds;
    TqpBuild *build; /* what a COLLECT sink with a map makes */
    bool ordered;    /* a later pipeline adds floats: rows of a result in an order of no chance */
    bool fetched;    /* columns of it are: else rows of one key are as good as each other */
    const TqpSinkOps *ops;
    void *sink; /* owned by ops, in the arena */
} TqpRun;

extern const TqpSinkOps tqp_sink_collect;
extern const TqpSinkOps tqp_sink_agg; /* grouping NONE and DENSE */
extern const TqpSinkOps tqp_sink_hash;

/* What sticky flags mean. */
TqpStatus tqp_exec_flags_status(uint32_t flags) TQP_NODISCARD;
/* Status of an arena allocation that returned NULL. */
TqpStatus tqp_exec_arena_status(const TqpArena *arena) TQP_NODISCARD;

/*
 * pipeline.c: run one pipeline; run->query, pipeline, source, builds, build, shard, scans, feed and
 * stats are set.  On
 * success *result, or *run->build, holds what its sink produced.
 */
TqpStatus tqp_exec_pipeline(TqpRun *run, TqpResult *result) TQP_NODISCARD;

#endif
