/*
 * The cache as the rest of src/pg sees it: types, pinning a relation for one execution, loading.
 */
#ifndef TQP_PG_CACHE_H
#define TQP_PG_CACHE_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "base/arena.h"
#include "tensor/tensor.h"

/*
 * The engine's type of a PostgreSQL type; false (with a static reason) when there is none.  typmod
 * decides the scale of numeric (none: not representable) and is ignored otherwise.  A domain has
 * its base type's; any other type of values that tuples store is BYTES.
 */
extern bool tqp_pg_type(Oid typid, int32 typmod, Oid collation, TqpType *type, const char **reason);

/*
 * Does the engine's equality, or order, of values of this type agree with PostgreSQL's?  A type
 * that is carried as its bytes mostly has neither.
 */
extern bool tqp_pg_comparable(Oid typid);
extern bool tqp_pg_ordered(Oid typid);

/* Is this a relation whose cache could be valid (ordinary permanent heap, not a catalog, ...)? */
extern bool tqp_cache_relation_ok(Relation rel, const char **reason);

typedef struct TqpPinStats {
    uint32 blocks_total;
    uint32 blocks_cached;   /* proved valid by visibility map and its LSN, or by page LSN */
    uint32 blocks_page_lsn; /* of those, by the heap page's own LSN */
    uint32 blocks_heap;     /* read from the heap under the snapshot */
    bool loaded;            /* this pin loaded the columns (tqp.auto_load) */
} TqpPinStats;

/* What a pin may cost, in the planner's units. */
typedef struct TqpPinTerms {
    double cost;   /* of PostgreSQL's own plan of the statement */
    bool may_load; /* columns that are missing, if tqp.auto_load allows it and it is worth it */
} TqpPinTerms;

typedef struct TqpPin {
    TqpRelation rel; /* columns in the order of attnums */
    TqpPinStats stats;
    void *private_data;
} TqpPin;

/*
 * Order: SIREAD lock, sample of the visibility map, delta (DESIGN §3).  Allocates in `arena`
 * (charged to its broker) and the current memory context.  Returns NULL with *reason set (palloc'd
 * or static) when PostgreSQL should run the query itself: column data not representable, memory
 * limit, a share of the table to be read from the heap that makes the engine no gain (unless
 * tqp.force).  Raises only what PostgreSQL's own scan would (cancel, serialization failure, I/O
 * error).
 */
extern TqpPin *tqp_cache_pin(Relation rel, Snapshot snapshot, int ncolumns,
                             const AttrNumber *attnums, const TqpPinTerms *terms, TqpArena *arena,
                             const char **reason);
extern void tqp_cache_unpin(TqpPin *pin);

/*
 * What reading the table's blocks would cost, in the planner's units, if it is large and columns of
 * these are not in its cache; else 0.  Cheap, and no promise of validity.
 */
extern double tqp_cache_missing(Relation rel, int ncolumns, const AttrNumber *attnums);

/* Order of strings under a collation, as PostgreSQL's own comparator sees it; host = NULL. */
extern int tqp_pg_compare_text(void *host, uint32 collation, TqpView a, TqpView b);

#endif
