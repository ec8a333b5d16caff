/* The threads of a load: the leader copies pages into batches, all of them deform and encode. */
#ifndef TQP_PG_LOAD_TEAM_H
#define TQP_PG_LOAD_TEAM_H

#include "postgres.h"

#include <pthread.h>

#include "base/thread.h"
#include "pg/load_batch.h"

typedef struct TqpLoad {
    Relation rel;
    TqpGeneration *base; /* may be NULL */
    TqpStoreWriter *writer;
    TqpBroker broker;
    uint32 ncolumns;
    const TqpStoreColumn *columns;
    TqpLoadShape all, added;
    BufferAccessStrategy ring;

    /* The plan: base groups kept (with the columns of `added` read), then ranges to read. */
    const bool *keep;           /* per base group */
    const XLogRecPtr *keep_lsn; /* per base group: its stamp in the new generation */
    BlockNumber nblocks;        /* of the relation */

    pthread_mutex_t mutex; /* over the states of the batches, done, err */
    pthread_cond_t changed;
    TqpBatch *batches;
    int nbatches;
    bool done;
    TqpError err; /* the first */
    _Atomic uint64 rows;
    uint32 blocks_done, blocks_not_visible;
    uint32 groups;
    XLogRecPtr max_lsn;

    TqpTeam *team; /* NULL when there is none, before and after */
    TqpDeformHost leader_host;
    TqpStage **leader_stages;
    ErrorData *raised; /* PostgreSQL's error, to be raised once the threads are joined */
} TqpLoad;

/* Run the plan on nworkers threads, the caller included.  Raises nothing: see load->raised. */
extern TqpStatus tqp_load_team_run(TqpLoad *load, int nworkers, TqpError *err) TQP_NODISCARD;

/* The leader's part, within the team (load_leader.c). */
extern TqpStatus tqp_load_lead(TqpLoad *load, TqpError *err) TQP_NODISCARD;

/* The failure of a load that tqp.cache_size has no room for. */
extern TqpStatus tqp_load_too_large(TqpError *err);

/* A free batch for the leader; it deforms others' while it waits. */
extern TqpStatus tqp_load_free_batch(TqpLoad *load, TqpBatch **batch, TqpError *err) TQP_NODISCARD;
extern void tqp_load_submit(TqpLoad *load, TqpBatch *batch);
/* Leader: until every batch is done. */
extern TqpStatus tqp_load_drain(TqpLoad *load, TqpError *err) TQP_NODISCARD;

/* Deform a batch into stages and hand it to the store (load_deform.c). Any thread. */
extern TqpStatus tqp_load_deform(TqpLoad *load, TqpBatch *batch, int worker, TqpStage **stages,
                                 TqpDeformHost *host, TqpError *err) TQP_NODISCARD;
extern TqpStatus tqp_load_stages_create(TqpLoad *load, TqpStage ***stages,
                                        TqpError *err) TQP_NODISCARD;
extern void tqp_load_stages_free(TqpLoad *load, TqpStage **stages);

#endif
