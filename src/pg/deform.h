/*
 * Taking heap tuples apart without PostgreSQL's memory or errors, so that any thread may do it.
 * (heap_deform_tuple allocates nothing either, but its attcacheoff is shared state, and it stops at
 * Datums; this goes on to the staged values.)
 */
#ifndef TQP_PG_DEFORM_H
#define TQP_PG_DEFORM_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"

#include "store/store.h"

typedef struct TqpDeformAttr {
    int32 offset; /* from the tuple's data, while no null came before; -1: depends on the tuple */
    int16 len;    /* attlen */
    uint8 align;  /* bytes */
} TqpDeformAttr;

typedef struct TqpDeformColumn {
    int att;    /* attnum - 1, INT_MAX in the sentinel */
    int source; /* index in the caller's attnums, and so in stages */
    TqpTypeKind kind;
    int32 scale;
    int16 len;           /* attlen */
    const char *missing; /* value of tuples that are older than the column; NULL: null */
} TqpDeformColumn;

/* Read-only once made, so threads share it.  Lives in the memory context of its making. */
typedef struct TqpDeformer {
    int natts; /* up to the last attribute wanted */
    TqpDeformAttr *attrs;
    int ncolumns;
    TqpDeformColumn *columns; /* by att, then a sentinel */
} TqpDeformer;

/*
 * What one thread has at hand.  fetch gives the plain bytes of a value stored out of line; it may
 * return NULL, then the value is staged as unsupported.
 */
typedef struct TqpDeformHost {
    const char *(*fetch)(void *arg, const char *pointer, uint32 *len);
    void *arg;
    char *scratch; /* malloc'd, for decompression */
    size_t scratch_bytes;
} TqpDeformHost;

/* Leader only (palloc).  The columns must have passed tqp_pg_type with types[]. */
extern TqpDeformer *tqp_deform_make(TupleDesc desc, int ncolumns, const AttrNumber *attnums,
                                    const TqpType *types);

/* Append the tuple's values to stages[0..ncolumns), in the order of the attnums given to make. */
extern void tqp_deform_tuple(const TqpDeformer *d, HeapTupleHeader tuple, TqpStage *const *stages,
                             TqpDeformHost *host);

/*
 * Call visit for every out-of-line value that tqp_deform_tuple would ask fetch for, in the same
 * order.
 */
extern void tqp_deform_externals(const TqpDeformer *d, HeapTupleHeader tuple,
                                 void (*visit)(void *arg, const char *pointer), void *arg);

extern void tqp_deform_host_free(TqpDeformHost *host);

#endif
