/* A pin under construction: what cache.c decides and pin_build.c carries out. */
#ifndef TQP_PG_PIN_H
#define TQP_PG_PIN_H

#include "postgres.h"

#include "utils/rel.h"
#include "utils/snapshot.h"

#include "pg/cache.h"
#include "pg/cache_open.h"
#include "pg/validity.h"

typedef struct TqpPinWork {
    Relation rel;
    Snapshot snapshot;
    int ncolumns;
    const AttrNumber *attnums;
    TqpType *types;
    const TqpPinTerms *terms;
    TqpArena *arena;
    BlockNumber nblocks;
    TqpOpenGeneration *open; /* NULL: nothing is cached */
    int *columns;            /* per column: its index in the generation */
    bool complete;           /* the generation has all columns */
    TqpVisible visible;
    TqpValidity validity;
    uint64 *valid; /* bitmap over the relation's blocks */
    uint32 nvalid;
    bool busy; /* another session is loading the relation */
    TqpPin *pin;
    const char *reason;
} TqpPinWork;

/* Row groups from the cache and the delta into work->pin->rel. */
extern TqpStatus tqp_pin_build(TqpPinWork *work, TqpError *err) TQP_NODISCARD;

/* Bits [from, to) to zero. */
extern void tqp_pin_clear_range(uint64 *bits, uint32 from, uint32 to);
/* Rows of the group that its valid blocks hold; clears the others from mask (if not NULL). */
extern uint32 tqp_pin_live_rows(const TqpStoreGroup *group, const uint64 *valid, uint64 *mask);

#endif
