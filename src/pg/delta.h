/* The delta: blocks that the cache does not vouch for, read from the heap under the snapshot. */
#ifndef TQP_PG_DELTA_H
#define TQP_PG_DELTA_H

#include "postgres.h"

#include "utils/rel.h"
#include "utils/snapshot.h"

#include "base/arena.h"
#include "store/store.h"

typedef struct TqpDelta {
    Relation rel;
    Snapshot snapshot;
    int ncolumns;
    const AttrNumber *attnums;
    const TqpType *types;
    TqpArena *arena;     /* tensors; its broker pays for the stages too */
    const uint64 *valid; /* bitmap of blocks not to read */
    BlockNumber nblocks;
    TqpInterner **interners; /* per column; NULL: strings stay bytes */

    TqpRowGroup *groups; /* result, palloc'd */
    uint32 ngroups;
    const char *reason; /* static, with TQP_UNSUPPORTED */
} TqpDelta;

/* Raises what PostgreSQL's own scan would raise. */
extern TqpStatus tqp_delta_read(TqpDelta *delta, TqpError *err) TQP_NODISCARD;

#endif
