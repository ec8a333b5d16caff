/*
 * The build side of a join: rows that a COLLECT sink materialised, and the map from keys to them.
 *
 * Every key has a number.  DENSE: how many lesser keys there are; HASH: that of its parts; `none`,
 * the number of keys, is the number of one that the build lacks and has no row.  Rows of a number
 * are found in one of two ways:
 *
 *   unique      first[number], or the number itself where `first` is absent; nrows = no row
 *   otherwise   list[starts[number] .. starts[number + 1]), or that interval itself without a list
 *
 * Those of a ranged map in the second way, of ALL [0 .. listed), without a list: the rows of the
 * build have been put in its order.
 *
 * When no column is fetched both are absent: some row of the key is as good as its own.
 *
 * Row nrows of every column exists and holds zeros or empty strings: what FETCH finds for a row
 * without a match.
 */
#ifndef TQP_EXEC_MAP_H
#define TQP_EXEC_MAP_H

#include "exec/column.h"
#include "exec/key_parts.h"
#include "exec/shard.h"

struct TqpRun;

/*
 * HASH: which values one integer key has in the build.  Most rows of a selective join fail there,
 * at a fraction of what hashing costs.
 */
typedef struct TqpBuildFilter {
    TqpBuffer bits; /* value - lo, below span; bit `span` is 0; data NULL: no filter */
    uint32_t key, span;
    int64_t lo; /* in the key's lane */
} TqpBuildFilter;

/*
 * Of a ranged map: a column's values in the order of the list, as distances from the least.  Of the
 * second column the greatest so far.
 */
typedef struct TqpBuildRange {
    TqpInt128 min;  /* value, bias included; of a float its image */
    uint64_t span;  /* the greatest distance */
    TqpBuffer keys; /* uint64_t, never falling among the rows of a number */
    /* ALL: uint32_t places of the first distance of each 2^shift, and one more; else absent */
    TqpBuffer buckets;
    uint32_t shift;
} TqpBuildRange;

typedef struct TqpBuild {
    const TqpMap *map;   /* NULL: this pipeline made no build */
    const TqpMap *whole; /* of which it is the map of a shard: the sink's */
    TqpShard shard;
    TqpShardKey by; /* how shards are cut, where it is one */
    uint32_t nrows;
    uint32_t ncolumns;
    TqpColumn *columns;
    uint32_t listed; /* ranged: rows in the map */
    bool null_key;   /* some row has a NULL key; of a ranged ALL: a NULL in its columns */
    bool unique;     /* no key has two rows; never known of a map that is only probed by EXISTS */
    uint32_t none;   /* of DENSE and exists_only: not known */
    TqpBuffer first, starts, list; /* uint32_t */
    TqpBuffer bits;                /* DENSE: which places have a key */
    TqpBuffer before; /* DENSE, not exists_only: uint32_t keys before each word of it */
    TqpKeyPlan plan;  /* HASH */
    TqpKeyParts parts;
    TqpBuildFilter filter;
    TqpBuildRange ranges[2];
    TqpArena arena; /* descriptors */
} TqpBuild;

/*
 * Take over the columns of nrows rows (also on failure) and build the sink's map.  By the leader,
 * which may use threads.
 */
TqpStatus tqp_build_make(TqpBuild *build, struct TqpRun *run, uint64_t nrows,
                         TqpColumn *columns) TQP_NODISCARD;
void tqp_build_free(TqpBuild *build);

/* Can keys of this form index the DENSE map? */
bool tqp_build_is_dense_sound(const TqpMap *map, const TqpSlot *key);
/*
 * DENSE: INDEX, MEMBER or RANK of n keys in the slot's form (values need not be its register's);
 * room as the kernel wants it.
 */
void tqp_build_index(const TqpBuild *build, const TqpBackend *backend, TqpStepOp op,
                     const TqpSlot *key, const void *values, uint32_t n, void *out);
/*
 * HASH: the layout of keys with the build's lanes.  slots: a copy of the keys that the plan keeps
 * pointing to; whether they can be NULL only matters where null_safe.
 */
TqpStatus tqp_build_key_plan(TqpKeyPlan *plan, TqpArena *arena, const TqpMap *map,
                             TqpSlot *slots) TQP_NODISCARD;

/* map_dense.c: all of a DENSE map. */
TqpStatus tqp_build_dense(TqpBuild *build, struct TqpRun *run) TQP_NODISCARD;

/* map_hash.c: all of a HASH map. */
TqpStatus tqp_build_hash(TqpBuild *build, struct TqpRun *run) TQP_NODISCARD;

/* map_filter.c: the filter of a HASH map, where one pays. */
TqpStatus tqp_build_filter(TqpBuild *build, struct TqpRun *run) TQP_NODISCARD;

/*
 * map_range.c: starts and ranges of a ranged map, whose rows it puts in order.  numbers: of all
 * rows, `none` or more where they are in no map, which it says of more of them; NULL: of ALL.
 */
TqpStatus tqp_build_range(TqpBuild *build, struct TqpRun *run, uint32_t *numbers) TQP_NODISCARD;
/* Can column k of the ranged map be compared with this? */
bool tqp_build_is_range_sound(const TqpBuild *build, uint32_t k, const TqpSlot *bound);

/*
 * map_rows.c: starts and list from the numbers of all rows, of which `included` have a key; the
 * others have `none` or more.
 */
TqpStatus tqp_build_list(TqpBuild *build, struct TqpRun *run, const uint32_t *numbers,
                         uint32_t included) TQP_NODISCARD;
/* Rows in parts: those of part p at [begins[p], begins[p + 1]), rising; its numbers from firsts[p].
 */
typedef struct TqpRowParts {
    uint32_t nparts;
    const uint32_t *begins, *firsts; /* nparts + 1 */
    const uint32_t *numbers;         /* less firsts[p] */
    const uint32_t *rows;
} TqpRowParts;
TqpStatus tqp_build_list_parts(TqpBuild *build, struct TqpRun *run,
                               const TqpRowParts *parts) TQP_NODISCARD;

#endif
