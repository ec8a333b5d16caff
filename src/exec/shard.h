/*
 * Shards of the keys of a map or of groups, for what is made in several passes (passes.h).
 *
 * They are ranges of the values of one integer key, so that much of a clustered source is skipped,
 * else by a hash of all keys; the same on both sides of a join.  A row that probes belongs to the
 * shard of its key.  The first shard also gets what has no place among the others: NULLs, and rows
 * that do not probe or can match nothing.
 */
#ifndef TQP_EXEC_SHARD_H
#define TQP_EXEC_SHARD_H

#include "exec/tile.h"

struct TqpProbeState;
struct TqpRun;

typedef struct TqpShard {
    uint32_t number, of; /* of: a power of two; <= 1: all of it */
    bool hashed;         /* not by ranges, where there is a choice: these are too uneven */
} TqpShard;

/* How keys are cut. */
typedef struct TqpShardKey {
    bool ranged;  /* false: by hash */
    uint32_t key; /* of the map, or of the groups */
    TqpInt128 lo; /* the key's value at place 0 */
    uint64_t span;
} TqpShardKey;

/* Can what this sink makes be made in shards? */
bool tqp_shard_applies(const TqpPipeline *pipeline);
TqpShardKey tqp_shard_key(const TqpPipeline *pipeline, bool hashed);

/* Places of a shard, where there are `span` of them; behind the last one there is one of no use. */
typedef struct TqpPlaces {
    uint64_t from, n; /* n > 0 */
} TqpPlaces;

TqpPlaces tqp_shard_places(TqpShard shard, uint64_t span);

/* The map of a shard; itself where there is but one.  NULL when the arena fails. */
const TqpMap *tqp_shard_map(TqpArena *arena, const TqpMap *map, TqpShard shard);

/*
 * Has this row group of a relation, by its zone maps, no row of the run's shard, or of those that
 * its PROBE steps ask?
 */
bool tqp_shard_skips(const struct TqpRun *run, const TqpRowGroup *group);

/* tile->shard, where the tile's run feeds its sink a shard of the rows. */
TqpStatus tqp_shard_init(TqpTile *tile) TQP_NODISCARD;
/* Only rows of the run's shard stay selected; those that no map would hold do not. */
void tqp_shard_of_sink(TqpTile *tile);
/* Only rows of the build's shard stay selected.  Returns how many these are. */
uint32_t tqp_shard_of_probe(TqpTile *tile, const TqpStep *step, struct TqpProbeState *state);

#endif
