/*
 * PROBE steps: one state per step and worker.  A probe first finds which rows match; with at most
 * one match a row it is done (probe.c), else the tile becomes tiles of pairs (pairs.c).
 */
#ifndef TQP_EXEC_PROBE_H
#define TQP_EXEC_PROBE_H

#include "exec/map.h"
#include "exec/tile.h"

/* The tile as it was before it became one of pairs. */
typedef struct TqpSavedTile {
    const uint64_t *sel;
    uint32_t n, selected;
    const uint32_t *positions;
    bool repeats;
    uint32_t *owners;
    struct TqpProbeState *any;
} TqpSavedTile;

typedef struct TqpProbeState {
    const TqpProbe *probe;
    const TqpBuild *build;
    uint64_t *match;       /* mask of the tile's rows with a match */
    uint64_t *other;       /* a mask for in between */
    uint32_t *rows, nrows; /* of the tile: those with a match; of outer pairs all selected ones */
    uint32_t *begin, *end; /* per listed row: number, then build rows or places in `list` */
    /* HASH */
    TqpKeyPlan plan;
    uint64_t *words;  /* keys of the tile */
    uint64_t *hashes; /* TQP_KEY_BATCH */
    /* pairing; absent where no row can have two matches */
    const uint32_t *list; /* build rows at [begin, end); NULL: these are the rows */
    uint32_t next;        /* listed row to go on with */
    uint32_t nleft;       /* PROBE_ANY: the first listed ones are those for the next round, */
    uint32_t share;       /* in which each gets so many pairs */
    uint32_t *pair_rows;  /* per pair: row of the saved tile */
    uint32_t *build_rows; /* per pair, where the step has no out */
    TqpSavedTile saved;
    const void **saved_regs; /* per live register */
    void **spares;           /* other memory for them, exchanged with the tile's while in pairs */
    bool *is_read;           /* per live register: in the steps that run on pairs */
    bool reads_positions;    /* a LOAD follows */
    uint64_t *spare_sel;
    uint32_t *spare_positions, *owners;
    uint64_t *any_true, *any_null; /* PROBE_ANY: over rows of the saved tile */
    uint32_t *any_row;             /* of a single one: the build row of the true pair */
} TqpProbeState;

/* States of the pipeline's PROBE steps; checks PROBE, MATCH and FETCH against the builds. */
TqpStatus tqp_probe_init(TqpTile *tile) TQP_NODISCARD;
/*
 * Before the pipeline runs: CARDINALITY for a scalar subquery without keys that has two rows, also
 * when no row will ask, since PostgreSQL's plan may ask once before all rows.
 */
TqpStatus tqp_probe_check(const struct TqpRun *run) TQP_NODISCARD;
/* Look up the tile's rows.  *pairs: some row may have several matches, or it is a PROBE_ANY. */
TqpStatus tqp_probe_run(TqpTile *tile, uint32_t s, bool *pairs) TQP_NODISCARD;

/*
 * probe_find.c: into match, the rows that may match at all: those that probe, with no NULL in a key
 * that must equal something.
 */
void tqp_probe_candidates(const TqpTile *tile, const TqpStep *step, TqpProbeState *state);
/* probe_find.c: match and the list of rows with their numbers; EXISTS: match only. */
void tqp_probe_find(TqpTile *tile, const TqpStep *step, TqpProbeState *state);
/* The first listed rows are those that match, and no others. */
void tqp_probe_keep(const TqpTile *tile, TqpProbeState *state, uint32_t kept);

/* probe_range.c: of each listed row, [begin, end) becomes the part between its bounds. */
void tqp_probe_range(TqpTile *tile, TqpProbeState *state);

/* pairs.c: memory for pairing at step s */
TqpStatus tqp_pairs_init(TqpTile *tile, uint32_t s) TQP_NODISCARD;
/* Run the steps after s, up to `end` and what follows there, once per tile of pairs. */
TqpStatus tqp_pairs_run(TqpTile *tile, uint32_t s, uint32_t end, uint64_t before) TQP_NODISCARD;
/* The same for the steps of a PROBE_ANY; then its MATCH. */
TqpStatus tqp_pairs_any(TqpTile *tile, uint32_t s, uint64_t before) TQP_NODISCARD;
/* At the MATCH step: remember whose pairs are true or NULL. */
TqpStatus tqp_pairs_note(TqpTile *tile, const TqpStep *match) TQP_NODISCARD;

#endif
