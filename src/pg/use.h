/*
 * Tables that analytical queries had to do without the cache of: counted in the control file, so
 * that what is used again is loaded, by the cache workers or by a query for which it pays.
 */
#ifndef TQP_PG_USE_H
#define TQP_PG_USE_H

#include "postgres.h"

#include <stdatomic.h>

#include "access/htup_details.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "store/store.h"

#define TQP_USE_SLOTS 256
#define TQP_USE_AGAIN 2 /* uses at which a cache worker loads */
#define TQP_USE_WORDS (MaxHeapAttributeNumber / 64 + 1)

/* One table, of whichever database.  Every field alone is right; they are not read together. */
typedef struct TqpUseSlot {
    _Atomic uint64 key; /* database << 32 | relation file; 0: free */
    _Atomic uint32 relation;
    _Atomic uint32 uses;
    _Atomic uint64 cost;  /* sum of what PostgreSQL expected of the plans that ran instead */
    _Atomic int64 last;   /* TimestampTz of the last use */
    _Atomic int64 failed; /* TimestampTz of the last load that failed, 0: none */
    _Atomic uint64 columns[TQP_USE_WORDS]; /* by attnum */
} TqpUseSlot;

/* A copy of a slot. */
typedef struct TqpUse {
    Oid relation, file;
    uint32 uses;
    int nattnums;
    AttrNumber attnums[MaxHeapAttributeNumber];
} TqpUse;

/*
 * A statement of that cost does without the columns.  What such statements have cost until now,
 * this one included; 0 when nothing can be counted.
 */
extern double tqp_use_note(Relation rel, double cost, int ncolumns, const AttrNumber *attnums);
/* These columns were cached and had to go: a cache worker shall load them. */
extern void tqp_use_want(Relation rel, int ncolumns, const AttrNumber *attnums);
/* A load of the relation failed: the next one is not tried at once. */
extern void tqp_use_failed(Relation rel);
/* These columns were loaded: they do not count any more, and what plans cost is summed anew. */
extern void tqp_use_loaded(Relation rel, uint32 ncolumns, const TqpStoreColumn *columns);
/* It was unloaded on request. */
extern void tqp_use_forget(Relation rel);
/* True when a load of the relation failed less than a minute ago, in any backend. */
extern bool tqp_use_has_failed(Relation rel);

/* Tables of this database that were used at least so often: of TqpUse *, palloc'd. */
extern List *tqp_use_list(uint32 min_uses);
/* The file does not exist any more. */
extern void tqp_use_drop(const TqpUse *use);
/* Has the database such tables? */
extern bool tqp_use_any(Oid database, uint32 min_uses);

#endif
