/*
 * The bound tensor program: pipelines of steps whose lanes, code constants and lookup tensors were
 * chosen from the data that one execution pinned.  Read-only while it runs; all in one arena.
 *
 * A pipeline reads row groups tile by tile, runs its steps under a selection and feeds its sink.
 * A register is one tile of one lane.  A value of the query is a register with a bias (INT class:
 * value = register + bias) and, where it can be null, a MASK register of validity.
 */
#ifndef TQP_PROGRAM_PROGRAM_H
#define TQP_PROGRAM_PROGRAM_H

#include "base/arena.h"
#include "base/thread.h"
#include "ir/ir.h"
#include "program/step.h"

#define TQP_NO_REG UINT16_MAX

typedef struct TqpStep {
    uint16_t op; /* TqpStepOp */
    uint8_t lane;
    uint16_t out, out2; /* out2: LOAD's validity, else TQP_NO_REG */
    uint16_t in[3];
    uint16_t guard; /* MASK register and-ed with the selection; TQP_NO_REG = the selection */
    /*
     * LOAD; FETCH: of the sink of pipeline imm[1].i.  Rows without a match or outside of the
     * selection get the value of some row, or 0 (an empty string).
     */
    uint32_t column;
    TqpScalar imm[3]; /* LOAD: imm[0].i is the bias of `out` (INT class in lanes U8..U32, else 0) */
    const void *aux;
    uint32_t aux_count;
    /*
     * FILTER, PROBE: registers computed before it and read after it (compaction and pairing move
     * them; of a PROBE_ANY: read up to its MATCH).  FILTER: imm[0].i is 1 when only cheap steps
     * follow until the next FILTER, so that few rows must be left to compact.
     */
    uint32_t nlive;
    const uint16_t *live;
} TqpStep;

/*
 * How a register (or a finished column) is to be read.  Rows that are NULL, or that no selection or
 * guard covers, may hold anything; BOOL is a MASK register that is 0 where it is NULL.
 */
typedef struct TqpSlot {
    uint16_t reg;
    uint16_t valid; /* MASK register, or TQP_NO_REG: never null */
    TqpType type;
    TqpLane lane;
    int64_t bias;        /* INT class in lanes U8..U32 (0 in wider lanes) */
    const TqpDict *dict; /* TEXT in a code lane: the register holds codes, or ranks when by_rank */
    bool by_rank;        /* register holds rank[code]; a finished column holds codes again */
    bool has_range;      /* INT class: proved bounds of the value */
    TqpInt128 min, max;
} TqpSlot;

/*
 * A join: the pipeline of its right input ends in a COLLECT sink with a map from keys to rows; the
 * pipeline of its left input goes on through a PROBE step.  Keys are INT or TEXT or FLOAT slots
 * that the binder brought to the same lane, bias and dictionary on both sides.
 *
 *   DENSE  one INT key, or the codes of one dictionary: (value - lo) < span indexes an array
 *   HASH   any keys
 *   ALL    no key: every row of the build matches
 *
 * A row with a NULL in a key that is not null_safe is in no map, nor does it match as a probe.
 * DENSE keys are never null_safe.  BOOL keys come as INT slots of lane U8.
 *
 * A ranged map of any kind keeps the rows of a key (of ALL: all rows) in the order of one more
 * column; a probe has one or two bounds on that column besides its keys, and its matches are the
 * rows between them.  With two columns the first bound is an upper one of the first, the second a
 * lower one of the second, as where a value is within intervals: matches are the rows below the
 * first bound from the first one on that is above the second, so EXISTS tells whether there is one
 * that meets both, and pairs are still to be tested for the second.  NULLs of the columns are in no
 * map and a bound that is NULL matches nothing.  A column and its bounds are INT slots of any lanes
 * and biases (but of one scale), or FLOAT.
 */
typedef enum TqpMapKind { TQP_MAP_NONE, TQP_MAP_DENSE, TQP_MAP_HASH, TQP_MAP_ALL } TqpMapKind;

typedef struct TqpMap {
    TqpMapKind kind;
    uint32_t nkeys;
    const uint32_t *columns; /* of the sink, nkeys of them */
    const bool *null_safe;   /* per key: NULL equals NULL */
    TqpInt128 lo;            /* DENSE: key value of index 0 (bias included) */
    uint64_t span;           /* DENSE: number of indexes */
    bool unique;             /* proved: no two rows share a key */
    bool exists_only;        /* only probed by EXISTS: no row numbers are needed; not ranged */
    uint32_t nranges;        /* 0: not ranged; else not `unique` */
    uint32_t ranges[2];      /* columns of the sink */
} TqpMap;

/* How a column of a ranged map compares with a bound. */
typedef enum TqpBoundOp { TQP_BOUND_LT, TQP_BOUND_LE, TQP_BOUND_GT, TQP_BOUND_GE } TqpBoundOp;

typedef enum TqpProbeKind {
    /*
     * out: MASK of the rows with a match.  out2 (or TQP_NO_REG): MASK of the rows without a match
     * for which SQL's IN is NULL rather than false: the map's pipeline collected some row, and the
     * probe's key or the key of some such row is NULL (one key, or one bound, only).
     */
    TQP_PROBE_EXISTS,
    /*
     * The tile goes on with one row per pair (probe row, build row), probe rows in order, in as
     * many tiles as it takes; a proved unique map keeps the tile and its selection (of an inner
     * probe, only rows with a match stay selected).  out: U32 row
     * of the build.  outer: rows without a match go on once, out2 is the MASK of those with one.
     * single: a second match is TQP_CARDINALITY.
     */
    TQP_PROBE_PAIRS,
    /*
     * EXISTS with a predicate over pairs: steps up to `end` run on pairs as in PAIRS, where
     * in[1] of the step at `end` (MATCH) is the MASK of pairs for which the predicate is true and
     * in[2] (or TQP_NO_REG) of those for which it is NULL.  Then the tile is as before the PROBE,
     * and MATCH's out and out2 are the MASKs of its rows with a true pair and with none but a NULL
     * one.  single: a second true pair of a row is TQP_CARDINALITY, in[0] of MATCH is the PROBE's
     * out, nothing is NULL, and MATCH's out2 is the U32 row of the build in the true pair, of other
     * rows the empty one.
     */
    TQP_PROBE_ANY
} TqpProbeKind;

/* aux of PROBE */
typedef struct TqpProbe {
    TqpProbeKind kind;
    uint32_t pipeline; /* whose sink built the map */
    const TqpMap *map;
    uint32_t nkeys;
    const TqpSlot *keys; /* the bounds follow the keys */
    uint32_t nbounds;    /* 0 unless the map is ranged */
    TqpBoundOp bounds[2];
    bool outer, single;
    uint32_t end; /* ANY: index of its MATCH step */
} TqpProbe;

/* Skip a row group when the column's zone map does not meet [lo, hi]. */
typedef struct TqpPrune {
    uint32_t column;
    TqpInt128 lo, hi;
} TqpPrune;

typedef enum TqpAccKind {
    TQP_ACC_COUNT, /* int64_t */
    TQP_ACC_I64,  /* int64_t sum of register values, proved to fit; bias * count is added at the end
                   */
    TQP_ACC_I128, /* TqpInt128 sum, overflow is sticky */
    TQP_ACC_F64,  /* double */
    TQP_ACC_MOMENTS, /* TqpMoments of F64 */
    TQP_ACC_PAIRS,   /* TqpPairMoments of F64: x is arg, y the register `pair` */
    TQP_ACC_MIN,     /* the argument's lane */
    TQP_ACC_MAX,
    TQP_ACC_AND, /* bool_and: count of false rows */
    TQP_ACC_OR   /* bool_or: count of true rows */
} TqpAccKind;

/* Groups that are summed by products of bytes (GROUP_SUMS8). */
#define TQP_FEW_GROUPS 16

/* Factor add + times * (U8 register), proved within 0 .. 127; times 1, -1, or 0 for no factor. */
typedef struct TqpFactor {
    uint16_t reg;
    int32_t add, times;
} TqpFactor;

typedef struct TqpAccumulator {
    TqpAccKind kind;
    /*
     * BOOL arguments are MASK registers (U8 holding 0/1 when distinct).  COUNT: reg TQP_NO_REG
     * unless distinct, only arg.valid counts (TQP_NO_REG too: every row).  MIN/MAX of a dictionary
     * column: arg and result are by_rank.
     */
    TqpSlot arg;
    /* I64 of DENSE grouping by U8 with at most TQP_FEW_GROUPS: sums arg.reg * factor, bias 0. */
    TqpFactor factor;
    bool bounded;    /* F64: finite values of 2^440 and more raise */
    uint16_t pair;   /* PAIRS: register of y, F64; arg.valid is of both */
    uint8_t part;    /* MOMENTS, PAIRS: which of the doubles of the accumulator is the result */
    uint16_t filter; /* MASK register, or TQP_NO_REG */
    bool distinct;   /* aggregate each distinct argument of a group once */
    TqpSlot result;  /* reg unused; type, lane, bias, dict, range of the finished column */
    bool result_nullable;
} TqpAccumulator;

/* A function of the host's, called for each collected row. */
typedef struct TqpHostCall {
    uint32_t function;
    uint32_t nargs;
    const uint32_t *args; /* of the sink's outputs */
    TqpSlot result;       /* reg unused; a TEXT in lane VIEW */
} TqpHostCall;

typedef enum TqpSinkKind {
    TQP_SINK_COLLECT, /* materialise, sort, limit */
    TQP_SINK_AGGREGATE
} TqpSinkKind;

typedef enum TqpGrouping {
    TQP_GROUP_NONE,  /* one group */
    TQP_GROUP_DENSE, /* `group` register indexes ngroups accumulators */
    TQP_GROUP_HASH
} TqpGrouping;

typedef struct TqpDenseKey {
    uint32_t cardinality; /* codes 0 .. cardinality-1; the last one means NULL when nullable */
    bool nullable;
} TqpDenseKey; /* group = k0 + card0 * (k1 + card1 * ...) */

typedef struct TqpSortSpec {
    uint32_t column; /* of the sink's columns */
    bool descending, nulls_first;
} TqpSortSpec;

typedef struct TqpSink {
    TqpSinkKind kind;
    /* COLLECT */
    TqpMap map; /* kind NONE: the result is a relation; else it is for PROBE and FETCH */
    uint32_t ncolumns;
    const TqpSlot
        *columns; /* more may be collected than are output: sort keys follow the outputs */
    uint32_t noutputs;
    uint32_t nsort;
    const TqpSortSpec *sort;
    int64_t limit, offset; /* limit -1: none */
    /*
     * Two more columns of the result behind the outputs: row number and rank, I64 in lane U32, for
     * each value of the first sort columns, npartition of them.
     */
    bool numbered;
    uint32_t npartition;
    /*
     * Further columns of the result behind the outputs, nullable.  Of one argument that is NULL the
     * result is NULL without a call.  Neither with `numbered` nor with a map.
     */
    uint32_t nhosts;
    const TqpHostCall *hosts;
    /* AGGREGATE: output columns are keys, then accumulators */
    TqpGrouping grouping;
    uint32_t nkeys;
    /*
     * BOOL keys are U8 registers holding 0/1 (lane U8).  DENSE: code k of a key means the value
     * k + bias, the dictionary code k or the bool k; the keys' registers are not read (TQP_NO_REG).
     */
    const TqpSlot *keys;
    const TqpDenseKey *dense; /* DENSE: nkeys of them */
    uint16_t group;           /* DENSE: register, lane U8 when ngroups <= 256, else U32 */
    uint32_t ngroups;         /* DENSE: product of cardinalities */
    uint32_t naccs;
    const TqpAccumulator *accs;
    bool fixed_order; /* float sums: result must not depend on the number of threads */
} TqpSink;

typedef enum TqpSourceKind {
    TQP_SOURCE_RELATION, /* sources[0] of the relations given at bind */
    TQP_SOURCE_RESULT,   /* results of pipelines sources[0], sources[1], ...: one after another */
    TQP_SOURCE_VALUES    /* `values` */
} TqpSourceKind;

typedef struct TqpPipeline {
    TqpSourceKind source_kind;
    uint32_t nsources;
    const uint32_t *sources;
    const TqpRelation *values;
    uint32_t nregs;
    const uint8_t *reg_lanes;
    uint32_t nsteps;
    const TqpStep *steps;
    uint32_t nprunes;
    const TqpPrune *prunes;
    TqpSink sink;
} TqpPipeline;

typedef struct TqpProgram {
    uint32_t npipelines; /* run in order; the last one's COLLECT sink is the result */
    const TqpPipeline *pipelines;
} TqpProgram;

/* The host's order of two strings under a collation (never 0). */
typedef int (*TqpBindCompare)(void *host, uint32_t collation, TqpView a, TqpView b);

/*
 * HOST: the host's function number `function` of nargs arguments, n times: in[i * nargs + k] is
 * argument k of row i.  Strings that it gives live in `a`.  An error's status and message end the
 * bind, or the execution.
 */
typedef TqpStatus (*TqpBindHost)(void *host, uint32_t function, TqpArena *a, uint32_t nargs,
                                 uint32_t n, const TqpValue *in, TqpValue *out, TqpError *err);

/* From this instant on (TSTZ) a zone's local time is UTC plus the offset, in microseconds. */
typedef struct TqpZoneSpan {
    int64_t from, offset;
} TqpZoneSpan;

/*
 * AT_ZONE: the spans of a zone (an empty name: the session's) that meet the instants [from, to], in
 * order; the first may begin earlier.  False when there are more than `max`, or no such zone.
 */
typedef bool (*TqpBindZone)(void *host, TqpView name, int64_t from, int64_t to, uint32_t max,
                            TqpZoneSpan *spans, uint32_t *n);

typedef struct TqpBindOptions {
    bool utf8;                /* server encoding: UTF-8, else every character is one byte */
    uint64_t dense_group_max; /* upper bound of ngroups for DENSE; 0 = default */
    uint64_t nested_rows;     /* of a side, up to which all pairs are compared; 0 = default */
    uint64_t dense_bytes;     /* memory that one thread may use for it; 0 = default */
    TqpBindCompare compare;   /* may be NULL: then a constant is ordered only among bytes */
    void *compare_host;
    TqpBindHost host;        /* may be NULL: then HOST cannot be bound */
    TqpBindZone zone;        /* may be NULL: then AT_ZONE cannot be bound */
    void *host_arg;          /* of both */
    const TqpHostPoll *poll; /* may be NULL: then nothing ends it but failures */
} TqpBindOptions;

/*
 * Bind IR to the pinned data.  rels[k] is what (scan k ...) reads, its columns in the scan's order.
 * `a` owns the program and must outlive it; the relations must too.  TQP_UNSUPPORTED when this data
 * cannot be handled exactly (the host replays), with the reason in err; TQP_CANCELLED when the poll
 * said so.
 */
TqpStatus tqp_program_bind(TqpArena *a, const TqpNode *node, const TqpRelation *const *rels,
                           uint32_t nrels, const TqpValue *params, uint32_t nparams,
                           const TqpBindOptions *options, const TqpProgram **program,
                           TqpError *err) TQP_NODISCARD;

/* Readable listing: one line per step, pipeline = source -> steps -> sink. */
void tqp_program_print(const TqpProgram *program, TqpString *out);
/* One step as text, e.g. "between_ri u8 r3 = r1 [5, 7]". */
void tqp_program_print_step(const TqpPipeline *p, const TqpStep *step, TqpString *out);

/* program/like.c: compile a LIKE pattern (backslash escapes); TQP_INVALID when it ends in an
 * escape. */
TqpStatus tqp_like_compile(TqpArena *a, TqpView pattern, bool utf8, const TqpLikePattern **out,
                           TqpError *err) TQP_NODISCARD;
/* Does the string, padded with blanks to `pad` characters, match?  Kernels may use it. */
bool tqp_like_match(const TqpLikePattern *p, const char *s, uint32_t len, uint32_t pad);

#endif
