/* Generations that this backend has open, shared by the pins that use them. */
#ifndef TQP_PG_CACHE_OPEN_H
#define TQP_PG_CACHE_OPEN_H

#include "postgres.h"

#include "utils/rel.h"

#include "pg/compat.h"
#include "store/store.h"

typedef struct TqpOpenGeneration {
    RelFileNode node;
    TqpGeneration *gen;
    int refs;
    time_t touched; /* when its use was last noted for eviction */
    bool stale;     /* a newer one was published, or it is damaged: gone with the last reference */
} TqpOpenGeneration;

/* The current generation of the relation with a reference taken, or NULL when there is none. */
extern TqpOpenGeneration *tqp_open_acquire(Relation rel);
extern void tqp_open_release(TqpOpenGeneration *open);
/*
 * A reference that ends with the current memory context at the latest, so that an error cannot leak
 * it.  tqp_open_hold takes over what acquire returned (NULL is fine); unhold may be called twice.
 */
typedef struct TqpOpenHold {
    TqpOpenGeneration *open;
    MemoryContextCallback callback;
} TqpOpenHold;
extern TqpOpenHold *tqp_open_hold(TqpOpenGeneration *open);
extern void tqp_open_unhold(TqpOpenHold *hold);
/* A file of it is damaged: remove the cache (WARNING in the log).  The reference stays. */
extern void tqp_open_drop_corrupt(TqpOpenGeneration *open, Relation rel, const TqpError *err);

#endif
