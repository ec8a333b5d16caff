/*
 * The build side of a join: rows that a COLLECT sink materialised, and the map from keys to them.
 *
 * Every key has a number.  DENSE: its place in the array; HASH: order of insertion; `none` is the
 * number of keys that the build lacks and has no row.  Rows of a number are found in one of two
 * ways:
 *
 *   unique      first[number], or the number itself where `first` is absent; nrows = no row
 *   otherwise   list[starts[number] .. starts[number + 1]), or that interval itself without a list
 *
 * Row nrows of every column exists and holds zeros or empty strings: what FETCH finds for a row
 * without a match.
 */
#ifndef TQP_EXEC_MAP_H
#define TQP_EXEC_MAP_H

#include "exec/column.h"
#include "exec/keys.h"

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

typedef struct TqpBuild {
    const TqpMap *map; /* NULL: this pipeline made no build */
    uint32_t nrows;
    uint32_t ncolumns;
    TqpColumn *columns;
    bool null_key; /* some row has a NULL key */
    bool unique;   /* no key has two rows; never known of a map that is only probed by EXISTS */
    uint32_t none;
    uint32_t nnumbers;             /* none included */
    TqpBuffer first, starts, list; /* uint32_t */
    TqpBuffer bits;                /* DENSE and exists_only: a bit per number */
    TqpKeyPlan plan;               /* HASH */
    TqpKeyTable table;
    TqpBuildFilter filter;
    TqpArena arena; /* descriptors */
} TqpBuild;

/* Number of a NULL key that is null_safe, in a DENSE map. */
static inline uint32_t tqp_build_null_number(const TqpBuild *build) {
    return build->none + 1;
}

/*
 * Take over the columns of nrows rows (also on failure) and build the sink's map.  By the leader,
 * which may use threads.
 */
TqpStatus tqp_build_make(TqpBuild *build, struct TqpRun *run, uint64_t nrows,
                         TqpColumn *columns) TQP_NODISCARD;
void tqp_build_free(TqpBuild *build);

/* Can keys of this form index the DENSE map? */
bool tqp_build_is_dense_sound(const TqpMap *map, const TqpSlot *key);
/* DENSE: numbers of n keys in a register's form; room for n rounded up to 64. */
void tqp_build_index(const TqpBuild *build, const TqpBackend *backend, TqpLane lane, int64_t bias,
                     const void *values, uint32_t n, uint32_t *numbers);
/*
 * HASH: the layout of keys with the build's lanes.  slots: a copy of the keys that the plan keeps
 * pointing to; whether they can be NULL only matters where null_safe.
 */
TqpStatus tqp_build_key_plan(TqpKeyPlan *plan, TqpArena *arena, const TqpMap *map,
                             TqpSlot *slots) TQP_NODISCARD;

/* map_filter.c: the filter of a HASH map, where one pays. */
TqpStatus tqp_build_filter(TqpBuild *build, struct TqpRun *run) TQP_NODISCARD;

/* map_rows.c: from the numbers of all rows (`excluded`: in no map) to first, or starts and list. */
TqpStatus tqp_build_rows(TqpBuild *build, struct TqpRun *run, const uint32_t *numbers,
                         uint32_t excluded) TQP_NODISCARD;

/* first[k] = no row, for all numbers. */
TqpStatus tqp_build_no_rows(TqpBuild *build, const TqpStop *stop) TQP_NODISCARD;

#endif
