/*
 * Accumulators of groups 0 .. ngroups-1, one array per aggregate, used by every kind of grouping:
 * scalar (one group), dense (group number = code) and hash (group number = order of appearance).
 * Aggregates over the same rows share one array of counts; equal aggregates share their values.
 */
#ifndef TQP_EXEC_ACC_H
#define TQP_EXEC_ACC_H

#include "exec/column.h"
#include "exec/tile.h"

/* Counts of the rows that one (validity, FILTER) pair lets through. Number 0 is of all rows. */
typedef struct TqpAccCount {
    uint16_t valid, filter; /* MASK registers or TQP_NO_REG */
    bool distinct;          /* counts distinct values instead: filled from a set, not from tiles */
} TqpAccCount;

typedef struct TqpAccInfo {
    const TqpAccumulator *acc;
    TqpLane lane;   /* of its values; I64 for the counts of AND and OR, F64 for MOMENTS and PAIRS */
    uint32_t width; /* bytes of an accumulator */
    uint32_t count; /* which counts */
    uint32_t same;  /* the accumulator whose values it reads: itself or an earlier equal one */
    bool has_values; /* false: COUNT, or same differs from itself */
    bool bounded;    /* sums of floats: it or an accumulator that reads its values is bounded */
    bool distinct;   /* fed by its set of distinct values, not by tiles */
} TqpAccInfo;

typedef struct TqpAccPlan {
    const TqpBackend *backend;
    bool scalar;      /* one group: sums of integers are I128 throughout */
    bool by_segments; /* tqp_accs_add_segments can do it */
    uint32_t naccs, ncounts;
    TqpAccInfo *infos;
    TqpAccCount *counts;
    uint32_t mask_words; /* of one tile */
} TqpAccPlan;

/* Special values among the inputs of a float sum, per group. */
#define TQP_SPECIAL_NAN     1u
#define TQP_SPECIAL_INF     2u
#define TQP_SPECIAL_NEG_INF 4u

typedef struct TqpAccs {
    uint32_t ngroups, capacity;
    TqpBuffer *counts;  /* plan->ncounts: int64_t; of a distinct accumulator: its distinct values */
    TqpBuffer *values;  /* plan->naccs */
    TqpBuffer *special; /* plan->naccs: uint8_t, float sums only */
    uint64_t *masks;    /* scratch: (ncounts + 1) tile masks */
    TqpSum *sums;       /* scratch: naccs + 1 sums of one pass, and their TQP_FEW_GROUPS results */
    int64_t *sum_out;
    void *scratch; /* tile_rows values of 16 bytes */
} TqpAccs;

TqpStatus tqp_acc_plan(TqpAccPlan *plan, TqpArena *arena, const TqpBackend *backend,
                       const TqpSink *sink) TQP_NODISCARD;
size_t tqp_accs_bytes_per_group(const TqpAccPlan *plan);
TqpStatus tqp_accs_init(TqpAccs *accs, const TqpAccPlan *plan, TqpArena *arena) TQP_NODISCARD;
/* Room for n groups. */
TqpStatus tqp_accs_reserve(TqpAccs *accs, const TqpAccPlan *plan, TqpBroker *broker, uint32_t n,
                           const TqpStop *stop) TQP_NODISCARD;
/* At least n groups; new ones are empty.  After ngroups = 0 all of them are. */
TqpStatus tqp_accs_grow(TqpAccs *accs, const TqpAccPlan *plan, TqpBroker *broker, uint32_t n,
                        const TqpStop *stop) TQP_NODISCARD;
void tqp_accs_free(TqpAccs *accs, const TqpAccPlan *plan);

/* Add a tile.  groups: group of each row, lane U8 or U32; ignored when scalar. */
void tqp_accs_add(TqpAccs *accs, const TqpAccPlan *plan, TqpTile *tile, const void *groups,
                  TqpLane group_lane);
/*
 * acc_segments.c: add a tile without a selection whose rows up to ends[0] are of group `first`,
 * those from there up to ends[1] of the next, and so on: `count` groups.
 */
bool tqp_acc_plan_has_segments(const TqpAccPlan *plan);
void tqp_accs_add_segments(TqpAccs *accs, const TqpAccPlan *plan, TqpTile *tile, uint32_t first,
                           uint32_t count, const uint32_t *ends);
/* Rows that accumulator `info` takes; NULL = all.  Uses buf. */
const uint64_t *tqp_acc_guard(const TqpAccPlan *plan, const TqpTile *tile, const TqpAccInfo *info,
                              uint64_t *buf);

/*
 * Merge n groups of src into dst.  src_ids, dst_ids: group numbers; NULL = first, first + 1, ...
 * Values of distinct accumulators are not merged (their sets are).
 */
void tqp_accs_merge(TqpAccs *dst, const TqpAccPlan *plan, const TqpAccs *src, uint32_t n,
                    uint32_t first, const uint32_t *dst_ids, const uint32_t *src_ids,
                    uint32_t *flags);

/*
 * Exponent bits of 2^440.  float8_accum, which avg() runs on, squares N x - sum; that fits a double
 * for 2^60 values and more while they are below.
 */
#define TQP_BOUND_EXPONENT ((UINT64_C(1023) + 440) << 52)

static inline int64_t *tqp_accs_rows(const TqpAccs *accs) {
    return accs->counts[0].data;
}

/*
 * The accumulators themselves where they are what tqp_accs_finish would make of groups that all
 * have rows, and no group can be NULL; else NULL.
 */
const int64_t *tqp_accs_finished(const TqpAccs *accs, const TqpAccPlan *plan, uint32_t acc,
                                 const TqpSlot *slot);

/*
 * acc_finish.c: values of n groups (ids; NULL = first, first + 1, ..) into rows [at, at + n) of the
 * column.
 */
TqpStatus tqp_accs_finish(const TqpAccs *accs, const TqpAccPlan *plan, uint32_t acc, uint32_t first,
                          uint32_t n, const uint32_t *ids, TqpColumn *column,
                          uint64_t at) TQP_NODISCARD;

#endif
