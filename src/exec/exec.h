/*
 * Running a bound program: morsels on threads, memory under a broker, cancellation, statistics.
 * TqpQuery is the run state of one execution; the host fills the upper half.
 */
#ifndef TQP_EXEC_EXEC_H
#define TQP_EXEC_EXEC_H

#include "backend/backend.h"
#include "base/thread.h"
#include "program/program.h"

/* The host's order of two strings under a collation; called by the leader thread only. */
typedef int (*TqpHostCompare)(void *host, uint32_t collation, TqpView a, TqpView b);

typedef struct TqpStepStats {
    uint64_t rows_in, rows_out; /* rows under the selection */
    uint64_t ns;                /* summed over threads */
} TqpStepStats;

typedef struct TqpPipelineStats {
    uint64_t ns;                           /* wall */
    uint64_t groups_total, groups_skipped; /* row groups; skipped by zone map */
    uint64_t rows_cache, rows_heap;        /* rows read, by origin */
    uint64_t bytes;                        /* of column data touched by LOAD */
    uint64_t rows_out;                     /* rows (groups) that the sink produced */
    uint32_t passes, scans;                /* how often it ran, and how often it read its source */
    TqpStepStats *steps;                   /* nsteps; NULL unless TqpQuery.instrument */
    TqpStepStats sink;
} TqpPipelineStats;

typedef struct TqpQuery {
    const TqpBackend *backend;
    int nthreads;
    TqpBroker *broker;
    const TqpHostPoll *poll; /* may be NULL */
    TqpHostCompare compare;  /* may be NULL when no collation but 0 occurs */
    void *compare_host;
    TqpBindHost host; /* by the leader only; may be NULL when no sink has such calls */
    void *host_arg;
    bool instrument;       /* time every step */
    uint32_t least_passes; /* of whatever can be made in passes, for tests; 0: as memory wants */
    /* results */
    TqpPipelineStats *stats; /* npipelines, owned by the query */
    int threads_used;
    TqpError error;
} TqpQuery;

/*
 * A materialised relation that owns its memory.  Row groups hold at most 2^16 rows; they have no
 * zone maps.
 * rel.columns[i].type and the encodings of TqpTensor say how to read a value: INT class FOR/CONST,
 * floats and bools PLAIN, text DICT (dict borrowed from the input) or BYTES.
 */
typedef struct TqpResult {
    TqpRelation rel;
    uint64_t nrows;
    TqpArena arena;     /* descriptors */
    TqpBuffer *buffers; /* data; nbuffers of them */
    uint32_t nbuffers;
} TqpResult;

/* On failure *result is empty and query->error says why.  Free the result with tqp_result_free. */
TqpStatus tqp_exec_run(TqpQuery *query, const TqpProgram *program, const TqpRelation *const *rels,
                       uint32_t nrels, TqpResult *result) TQP_NODISCARD;
void tqp_result_free(TqpResult *result);
void tqp_query_free_stats(TqpQuery *query, const TqpProgram *program);

/* One value of a result or relation column, for hosts, tqp_run and tests. */
void tqp_tensor_value(const TqpTensor *tensor, TqpType type, uint32_t row, TqpValue *value);

#endif
