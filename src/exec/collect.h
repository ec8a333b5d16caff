/* The COLLECT sink's state, shared by its files: collect.c, topn.c. */
#ifndef TQP_EXEC_COLLECT_H
#define TQP_EXEC_COLLECT_H

#include <pthread.h>

#include "exec/run.h"
#include "exec/sort.h"

/* Rows [start, start + count) of a state's columns are those of one morsel. */
typedef struct TqpSegment {
    uint32_t morsel;
    uint64_t start, count;
} TqpSegment;

typedef struct TqpCollectState {
    uint64_t nrows, capacity;
    TqpColumn *columns; /* sink.ncolumns */
    TqpBuffer segments; /* TqpSegment */
    uint32_t nsegments;
    uint64_t morsel_start; /* nrows when the current morsel began */
    /* top-n: place of each row in the input */
    TqpBuffer seq; /* uint64_t: morsel << 32 | row of the morsel's survivors */
    uint64_t morsel_seq;
} TqpCollectState;

typedef struct TqpCollect {
    TqpCollectState *states;
    uint32_t nstates;
    uint64_t need;         /* limit + offset; UINT64_MAX: all rows */
    bool topn;             /* states keep the best `need` rows only */
    bool stop_early;       /* LIMIT without ORDER BY */
    pthread_mutex_t lock;  /* of the next three */
    uint64_t *morsel_rows; /* per morsel: rows + 1 when complete, else 0 */
    uint32_t prefix;       /* morsels complete from the first on */
    uint64_t prefix_rows;
} TqpCollect;

#define TQP_TOPN_MAX 65536u

/* Room for n more rows. */
TqpStatus tqp_collect_reserve(TqpRun *run, TqpCollectState *state, uint64_t n,
                              const TqpStop *stop) TQP_NODISCARD;

/* topn.c */
bool tqp_topn_applies(const TqpSink *sink, uint64_t need);
/* Keep the best rows of state s only, when there are many more. */
TqpStatus tqp_topn_prune(TqpRun *run, TqpCollect *collect, uint32_t s) TQP_NODISCARD;

#endif
