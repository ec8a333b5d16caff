/*
 * A batch: the heap pages of one row group on their way from the leader, who copies them, to the
 * thread that deforms them.  Nobody but its present holder touches a batch.
 */
#ifndef TQP_PG_LOAD_BATCH_H
#define TQP_PG_LOAD_BATCH_H

#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "pg/deform.h"
#include "pg/load.h"
#include "pg/validity.h"

/* Which columns a group needs read: all of the new generation, or those its base lacks. */
typedef struct TqpLoadShape {
    TqpDeformer *deformer; /* source = index in columns */
    int ncolumns;
    int *columns; /* index in the generation's columns */
} TqpLoadShape;

typedef struct TqpExternal {
    const char *data; /* in the batch's arena */
    uint32 len;
} TqpExternal;

typedef enum TqpBatchState { TQP_BATCH_FREE, TQP_BATCH_READY, TQP_BATCH_BUSY } TqpBatchState;

typedef struct TqpBatch {
    TqpBatchState state; /* under the load's mutex */
    const TqpLoadShape *shape;
    int32 base_group;
    uint32 first_block, nblocks; /* the group's range */
    XLogRecPtr vm_lsn;
    XLogRecPtr *page_lsn; /* per block */
    uint32 *row_start;    /* per block, filled by the deformer */
    uint64 *cached;       /* bitmap of blocks */
    TqpBuffer pages;      /* copies of the cached blocks' pages, in block order */
    uint32 npages;
    uint64 *copied;         /* bitmap of blocks that have a page in pages: a superset of cached */
    uint32 not_visible;     /* blocks of the range that could not be taken */
    TqpArena arena;         /* out-of-line values */
    TqpExternal *externals; /* in the order that the deformer asks for them; malloc'd */
    uint32 nexternals, max_externals;
    size_t external_bytes;
} TqpBatch;

/*
 * Leader, while threads run: must the load end?  Interrupts are held then, because a FATAL would
 * leave the process without joining the threads; what is pending is raised after they are gone.
 */
extern bool tqp_load_must_stop(void);
/* The same question without an answer to other processes' barriers: any thread may ask. */
extern bool tqp_load_interrupted(void);

extern TqpStatus tqp_batch_init(TqpBatch *batch, TqpBroker *broker, uint32 max_pages,
                                TqpError *err) TQP_NODISCARD;
extern void tqp_batch_free(TqpBatch *batch);

/*
 * Leader: copy the all-visible pages of [first, end), which lie under one page of the visibility
 * map, until the batch is full; sets the range that was covered.  Raises PostgreSQL's errors.
 */
extern TqpStatus tqp_batch_fill(TqpBatch *batch, Relation rel, BufferAccessStrategy ring,
                                const TqpLoadShape *shape, BlockNumber first, BlockNumber end,
                                TqpError *err) TQP_NODISCARD;
/*
 * Leader: copy the pages that `group` of the base holds.  *same is false when any of them is no
 * longer what it was: the group must be filled anew with all columns.
 */
extern TqpStatus tqp_batch_refill(TqpBatch *batch, Relation rel, BufferAccessStrategy ring,
                                  const TqpLoadShape *shape, const TqpStoreGroup *group, bool *same,
                                  TqpError *err) TQP_NODISCARD;

#endif
