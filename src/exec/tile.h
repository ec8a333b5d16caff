/*
 * One worker's tile: the register file, the selection, and the machine that runs a pipeline's steps
 * and its sink over consecutive tiles of a row group.
 *
 * A register is a pointer: into a column when a LOAD needs no conversion, else into the register's
 * own buffer.  When a FILTER leaves few rows, the live registers are compressed, `positions` keeps
 * the rows of the tile that are left, and later LOADs gather; n counts what registers hold.
 *
 * A PROBE that finds several rows replaces the tile by one of pairs, as often as it takes, and each
 * time runs the rest of the pipeline (pairs.c): `positions` may repeat rows then.
 */
#ifndef TQP_EXEC_TILE_H
#define TQP_EXEC_TILE_H

#include "base/bitmap.h"
#include "exec/exec.h"

struct TqpRun;
struct TqpProbeState;
struct TqpShardState;

typedef struct TqpTile {
    struct TqpRun *run;
    uint32_t state; /* of the sink, to be fed */
    bool done;      /* set by the sink: it needs no more rows of this morsel */
    const TqpPipeline *pipeline;
    const TqpBackend *backend;
    const TqpRowGroup *group;
    uint32_t morsel;           /* the morsel being read */
    uint32_t start;            /* first row of the tile in its group, a multiple of 64 */
    uint32_t rows;             /* rows of the tile before compaction */
    uint32_t n;                /* rows that registers hold */
    const uint64_t *sel;       /* over n; NULL = all */
    uint32_t selected;         /* rows under sel */
    const uint32_t *positions; /* n rows of the tile after compaction; NULL before */
    bool repeats;              /* positions are of pairs: in order, but the same row may repeat */
    uint32_t *owners;          /* below a PROBE_ANY: of each row, the row that probed; or NULL */
    struct TqpProbeState *any; /* below a PROBE_ANY: its state */
    const void **regs;
    void **bufs;                   /* each register's own memory, run->tile_rows values */
    uint64_t *sel_buf;             /* selection made by FILTER */
    uint64_t *origin_sel;          /* over rows: what compaction kept */
    uint64_t *guard_buf;           /* step guard & selection */
    uint32_t *position_buf;        /* tile_rows */
    void *scratch;                 /* tile_rows values of 16 bytes */
    bool has_bound, bound_is_null; /* BOUND: what the first sort key must at least be */
    TqpScalar bound;
    TqpAhead *ahead; /* columns read whole: what the next tile reads of them; nsteps */
    uint32_t nahead;
    uint32_t flags; /* sticky TQP_FLAG_* */
    /* statistics of this worker */
    uint64_t rows_cache, rows_heap, bytes;
    TqpStepStats *steps; /* nsteps, or NULL */
    TqpStepStats sink;
    TqpBuffer memory;
    TqpArena arena;                /* of the worker: states of PROBE steps */
    struct TqpProbeState **probes; /* per step; NULL where it is no PROBE */
    struct TqpShardState *shard;   /* where the sink gets a shard of the rows only */
    const TqpStop *stop;           /* the worker's */
} TqpTile;

TqpStatus tqp_tile_init(TqpTile *tile, struct TqpRun *run) TQP_NODISCARD;
void tqp_tile_free(TqpTile *tile);

/*
 * Run all steps over rows [start, start + rows) of the group, and the sink over those that survive.
 */
TqpStatus tqp_tile_run(TqpTile *tile, const TqpRowGroup *group, uint32_t start,
                       uint32_t rows) TQP_NODISCARD;
/*
 * Run the steps [from, end); then the sink, or, when `end` is the MATCH of the PROBE_ANY around,
 * note what matched.
 */
TqpStatus tqp_tile_steps(TqpTile *tile, uint32_t from, uint32_t end) TQP_NODISCARD;

/*
 * Drop the rows that the mask (over n, bits past n are 0; NULL = none) leaves out, as FILTER does.
 * rows: those of the mask as a list, if it is part of the selection and the caller has one.
 */
void tqp_tile_filter(TqpTile *tile, const TqpStep *step, const uint64_t *mask,
                     const uint32_t *rows);

/* The same without moving any register: selection &= mask. */
void tqp_tile_select(TqpTile *tile, const uint64_t *mask);

/* BOUND's rows among the selected ones, in guard_buf; NULL = all (topn.c). */
const uint64_t *tqp_topn_filter(TqpTile *tile, const TqpStep *step);

/* LOAD, under the tile's compaction if any (load.c). */
void tqp_tile_load(TqpTile *tile, const TqpStep *step);

/* FETCH (fetch.c). */
void tqp_tile_fetch(TqpTile *tile, const TqpStep *step);

/* Bits in[rows[i]], in order. */
void tqp_tile_gather_mask(const uint64_t *in, const uint32_t *rows, uint32_t n, uint64_t *out);

/*
 * Rows under the selection and the given MASK registers (TQP_NO_REG: none): NULL = all, one of the
 * masks themselves when it is the only one, else computed into buf.
 */
const uint64_t *tqp_tile_guard(const TqpTile *tile, uint16_t a, uint16_t b, uint64_t *buf);

/* Kernel call with one input, for the executor's own needs. */
static inline void tqp_tile_kernel(TqpTile *tile, TqpStepOp op, TqpLane lane, uint32_t n, void *out,
                                   const void *in0, const void *in1, const uint64_t *guard,
                                   TqpScalar imm, uint32_t *count) {
    TqpKernelArgs args = {.n = n,
                          .out = out,
                          .in = {in0, in1, NULL},
                          .guard = guard,
                          .imm = {imm},
                          .flags = &tile->flags,
                          .count = count};
    tile->backend->kernels[op][lane](&args);
}

uint64_t tqp_exec_clock_ns(void);

#endif
