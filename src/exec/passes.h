/*
 * What to do when a query meets its memory limit: let a pipeline make what it makes in passes, a
 * shard of the keys at a time (shard.h), each for a scan of the one pipeline that reads it.
 *
 * Here is which pipelines allow it and which of them should; query.c runs them.
 */
#ifndef TQP_EXEC_PASSES_H
#define TQP_EXEC_PASSES_H

#include "exec/shard.h"

/* Scans of one source at most, pipelines around it included. */
#define TQP_PASSES_MAX 64u

/* Arrays have one element per pipeline. */
typedef struct TqpPasses {
    const TqpProgram *program;
    uint32_t *of;     /* passes; 1: it is made at once, in its place */
    uint32_t *vain;   /* how often more passes did not make it less */
    double *need;     /* what it needed before passes became more, in bytes; 0: one pass so far */
    uint32_t *reader; /* the pipeline that can read it shard by shard; 0: none can */
    int64_t *bytes;   /* of what it made, while that is there */
    /* of the last failure */
    bool noted;
    uint32_t failed; /* the innermost of the pipelines that were running */
    int64_t used;    /* in all */
    int64_t *weight; /* of what was there and of what was being made */
    double *claimed; /* share of its scans that one that was running had read; of others 1 */
} TqpPasses;

/* The arena owns the arrays.  least: so many passes at least, of what can be made in passes. */
TqpStatus tqp_passes_init(TqpPasses *passes, TqpArena *arena, const TqpProgram *program,
                          uint32_t least) TQP_NODISCARD;

/* Does q make its shard for a scan of p, when p runs? */
static inline bool tqp_passes_feeds(const TqpPasses *passes, uint32_t q, uint32_t p) {
    return passes->of[q] > 1 && passes->reader[q] == p;
}

/* Shard `number` of what p makes. */
TqpShard tqp_passes_shard(const TqpPasses *passes, uint32_t p, uint32_t number);

/* Scans of p's source. */
uint32_t tqp_passes_scans(const TqpPasses *passes, uint32_t p);

/*
 * Pipeline p, which began with `before` bytes in use, has met the limit, with `used`, of which some
 * bytes are for its work and would be no less of a shard; or one that makes a shard for it, which
 * is noted already.
 */
void tqp_passes_note(TqpPasses *passes, uint32_t p, int64_t before, int64_t used, int64_t work,
                     double claimed);

/* More passes for some pipeline, so that another try may end well; false: nothing would help. */
bool tqp_passes_more(TqpPasses *passes, const TqpBroker *broker);

#endif
