/*
 * Inside the binder: one open pipeline, the steps emitted so far, and bound values.
 *
 * Failure is sticky: the first one is kept in binder->status and binder->err, later calls return
 * harmless dummies, and tqp_program_bind reports it.  So emitters can return registers.
 */
#ifndef TQP_PROGRAM_BIND_H
#define TQP_PROGRAM_BIND_H

#include "program/program.h"

/* What a LUT was made from, so that a function of it becomes another LUT over the same codes. */
typedef struct TqpBindTable {
    uint16_t reg; /* codes, lane U8 or U16 */
    TqpLane lane;
    uint32_t lo, hi;       /* codes that valid rows hold: [lo, hi] */
    const int64_t *values; /* values[code - lo] */
} TqpBindTable;

/* A value of the query: a known constant, or a slot. */
typedef struct TqpBound {
    bool is_const; /* then `c` of type s.type, and s.reg is TQP_NO_REG */
    TqpValue c;
    TqpSlot s;                 /* has_range is set for every INT class value, constants too */
    uint32_t dict_collation;   /* dictionary: whose order rank[] is */
    const TqpBindTable *table; /* INT class from a LUT, or NULL */
    bool loose; /* some step may raise: valid under the guard it was bound under only */
} TqpBound;

/*
 * A column of the open pipeline: of its source, loaded at first use; or an output of a build that
 * it probed, fetched at first use.
 */
typedef struct TqpBindColumn {
    TqpSlot s; /* reg, valid: TQP_NO_REG until loaded */
    uint32_t dict_collation;
    bool nullable, all_null, loaded;
    struct TqpBindBuild *build; /* NULL: of the source */
    uint32_t output;            /* of the build */
    bool described;             /* build: s, nullable, ... and built are known */
    TqpSlot built;              /* build: in its own pipeline */
} TqpBindColumn;

typedef struct TqpBindSource {
    TqpSourceKind kind;
    uint32_t nsources;
    const uint32_t *sources;   /* the relation, or pipelines */
    const TqpRelation *values; /* VALUES */
    uint32_t ncolumns;         /* builds' columns follow the source's */
    TqpBindColumn *columns;
    uint64_t max_rows; /* proved bound of the open pipeline's rows */
} TqpBindSource;

/*
 * The build of a join.  Its pipeline stays open as long as that of the probe, so that it collects
 * only what is fetched.
 */
typedef struct TqpBindBuild {
    struct TqpBinder *open;    /* see tqp_bind_swap */
    const TqpExpr *const *env; /* its outputs over its own columns */
    TqpMap map;
    uint32_t number; /* among the builds of the probe's pipeline */
    uint32_t ncolumns, columns_cap;
    TqpSlot *columns;       /* to collect */
    uint16_t rows, matched; /* in the probe's pipeline; matched: TQP_NO_REG unless outer */
    uint32_t pipeline;      /* once finished */
} TqpBindBuild;

typedef struct TqpBindMemo {
    const TqpExpr *expr;
    uint16_t guard;
    TqpBound value;
} TqpBindMemo;

/* Of a step: it may raise, so it is kept even if nothing reads its result. */
#define TQP_BIND_RAISING 1u
/* Inside a region that was closed: its result is not to be seen any more. */
#define TQP_BIND_HIDDEN 2u

typedef struct TqpBinder {
    TqpArena *a;
    const TqpRelation *const *rels;
    uint32_t nrels;
    const TqpValue *params;
    uint32_t nparams;
    TqpBindOptions options;
    TqpStatus status;
    TqpError *err;

    TqpPipeline *pipelines;
    uint32_t npipelines, pipelines_cap;
    const struct TqpBindShared *shared; /* what WITHs around define */

    /* the open pipeline */
    TqpBindSource source;
    TqpStep *steps;
    uint32_t nsteps, steps_cap;
    uint8_t *flags; /* per step */
    uint32_t flags_cap;
    TqpBindBuild **builds;
    uint32_t nbuilds, builds_cap;
    uint8_t *reg_lanes;
    uint32_t nregs, regs_cap;
    TqpPrune *prunes;
    uint32_t nprunes, prunes_cap;
    TqpBindMemo *memo;
    uint32_t nmemo, memo_cap;
    uint16_t guard; /* rows that may raise now; TQP_NO_REG: all selected ones */
    bool loose;     /* a raising step was emitted or reused since this was cleared */
    uint64_t work;  /* since the host was polled: bytes of strings, about */
} TqpBinder;

/* ---- failure and memory (bind_emit.c) ---- */
TqpBound tqp_bind_fail(TqpBinder *b, TqpStatus status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
TqpBound tqp_bind_no_memory(TqpBinder *b); /* an allocation of the arena returned NULL */
/*
 * For loops over a dictionary, once per string that is looked at: polls the host now and then. True
 * when the binder failed, by that or before.
 */
bool tqp_bind_stopped(TqpBinder *b, uint64_t bytes);
void *tqp_bind_zalloc(TqpBinder *b, size_t bytes); /* never NULL unless the binder failed */
/* Room for one more element; returns the array, grown. */
void *tqp_bind_grow(TqpBinder *b, void *array, uint32_t n, uint32_t *cap, size_t size);

/* ---- steps (bind_emit.c); an equal pure step is not emitted twice ---- */
TqpStep tqp_bind_step(TqpStepOp op, TqpLane lane);
uint16_t tqp_bind_emit(TqpBinder *b, TqpStep *step, TqpLane out_lane); /* MASK etc.; gives out */
/* A step that may set a flag: guarded by b->guard and `valid`.  out_lane < 0: no output. */
uint16_t tqp_bind_emit_raising(TqpBinder *b, TqpStep *step, int out_lane, uint16_t valid);
uint16_t tqp_bind_unary(TqpBinder *b, TqpStepOp op, TqpLane lane, uint16_t x, int64_t imm,
                        TqpLane out_lane);
uint16_t tqp_bind_binary(TqpBinder *b, TqpStepOp op, TqpLane lane, uint16_t x, uint16_t y,
                         TqpLane out_lane);
uint16_t tqp_bind_lut(TqpBinder *b, TqpStepOp op, TqpLane lane, uint16_t x, const void *aux,
                      uint32_t count, TqpLane out_lane);
uint16_t tqp_bind_select(TqpBinder *b, TqpLane lane, uint16_t yes, uint16_t no, uint16_t mask);
uint16_t tqp_bind_fill_int(TqpBinder *b, TqpLane lane, TqpInt128 value); /* U8..I128 */
void tqp_bind_emit_load(TqpBinder *b, uint32_t column); /* sets the column's reg and valid */
/* A fetched column is NULL where there is no match. */
void tqp_bind_narrow(TqpBinder *b, TqpBindColumn *col, uint16_t matched);
/* At this place, whatever came before; gives its index. */
uint32_t tqp_bind_append_step(TqpBinder *b, const TqpStep *step);
uint16_t tqp_bind_new_reg(TqpBinder *b, TqpLane lane);
void tqp_bind_filter_step(TqpBinder *b, uint16_t mask);
void tqp_bind_bound_step(TqpBinder *b, const TqpSlot *key, bool descending, bool nulls_first);

/* Masks; TQP_NO_REG means all ones. */
uint16_t tqp_bind_mask_and(TqpBinder *b, uint16_t x, uint16_t y);
uint16_t tqp_bind_mask_or(TqpBinder *b, uint16_t x, uint16_t y);
uint16_t tqp_bind_mask_andnot(TqpBinder *b, uint16_t x, uint16_t y); /* y is a register */
uint16_t tqp_bind_mask_xor(TqpBinder *b, uint16_t x, uint16_t y);    /* registers */
uint16_t tqp_bind_mask_fill(TqpBinder *b, bool value);

/* ---- values (bind_value.c) ---- */
TqpBound tqp_bind_const(TqpType type, const TqpValue *value);
TqpBound tqp_bind_const_int(TqpType type, TqpInt128 value);
TqpBound tqp_bind_const_bool(bool value);
TqpBound tqp_bind_null(TqpType type);
TqpBound tqp_bind_slot(TqpType type, TqpLane lane, uint16_t reg, uint16_t valid);
TqpBound tqp_bind_int_slot(TqpType type, TqpLane lane, int64_t bias, uint16_t reg, uint16_t valid,
                           TqpInt128 min, TqpInt128 max);
/* A BOOL from a mask that may hold garbage where `valid` is 0. */
TqpBound tqp_bind_bool(TqpBinder *b, uint16_t mask, uint16_t valid);
/* A BOOL that is `value` in every valid row. */
TqpBound tqp_bind_bool_where(TqpBinder *b, bool value, uint16_t valid);
/* Constants become registers (a NULL: any register and an empty validity). */
TqpBound tqp_bind_to_reg(TqpBinder *b, TqpBound v);
static inline bool tqp_bind_is_null(const TqpBound *v) {
    return v->is_const && v->c.is_null;
}
/* True-mask and false-mask registers of a BOOL; TQP_NO_REG for a true-mask of all ones. */
uint16_t tqp_bind_true_mask(TqpBinder *b, const TqpBound *v);
uint16_t tqp_bind_false_mask(TqpBinder *b, const TqpBound *v);
/* INT class: (value - bias) as a register of the lane; the caller proved that it fits. */
uint16_t tqp_bind_int_reg(TqpBinder *b, const TqpBound *v, TqpLane lane, int64_t bias);
/* The narrowest lane for [min, max]; bias: 0 when min >= 0 or the lane is wide, else min. */
TqpLane tqp_bind_lane(TqpInt128 min, TqpInt128 max, int64_t *bias);
bool tqp_bind_lane_covers(TqpLane lane, int64_t bias, TqpInt128 min, TqpInt128 max);
TqpInt128 tqp_bind_lane_max(TqpLane lane); /* U8, U16, U32 */
static inline bool tqp_bind_is_code(TqpLane lane) {
    return lane == TQP_LANE_U8 || lane == TQP_LANE_U16 || lane == TQP_LANE_U32;
}
static inline bool tqp_bind_fits_i64(TqpInt128 min, TqpInt128 max) {
    return min >= INT64_MIN && max <= INT64_MAX;
}

/* ---- functions of the host (bind_host.c) ---- */
/* Can this HOST, over the source's columns, be a lookup?  Else see tqp_bind_host_rows. */
bool tqp_bind_host_looks_up(TqpBinder *b, const TqpExpr *e);

/* ---- expressions ---- */
TqpBound tqp_bind_expr(TqpBinder *b, const TqpExpr *e); /* bind_expr.c */
TqpBound tqp_bind_expr_guarded(TqpBinder *b, const TqpExpr *e, uint16_t guard);
uint16_t tqp_bind_guard(TqpBinder *b, uint16_t valid);                   /* b->guard and valid */
bool tqp_bind_value_of(TqpBinder *b, const TqpExpr *e, TqpValue *value); /* CONST or PARAM */

/* One function per operator, in the table of bind_expr.c. */
typedef TqpBound (*TqpBindFn)(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_neg(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_abs(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_sqrt(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_arith(TqpBinder *b, const TqpExpr *e); /* ADD SUB MUL */
TqpBound tqp_bind_op_num_div(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_div(TqpBinder *b, const TqpExpr *e); /* DIV MOD */
TqpBound tqp_bind_op_compare(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_distinct(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_and(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_or(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_not(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_is(TqpBinder *b, const TqpExpr *e); /* IS_NULL IS_TRUE IS_FALSE */
TqpBound tqp_bind_op_case(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_coalesce(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_extreme(TqpBinder *b, const TqpExpr *e); /* GREATEST LEAST */
TqpBound tqp_bind_op_in(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_like(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_cast(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_extract(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_date_trunc(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_at_zone(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_add_months(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_host(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_length(TqpBinder *b, const TqpExpr *e);
TqpBound tqp_bind_op_substr(TqpBinder *b, const TqpExpr *e);

/* ---- exact arithmetic on bound values (bind_arith.c) ---- */
typedef struct TqpBindRange {
    TqpInt128 min, max;
} TqpBindRange;
/* op: ADD, SUB or MUL; the result must lie in `limits`, else OVERFLOW is raised. */
TqpBound tqp_bind_arith(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y, TqpType type,
                        TqpBindRange limits);
/* v as a value of `type`, raising where it leaves `limits`. */
TqpBound tqp_bind_range_check(TqpBinder *b, TqpBound v, TqpType type, TqpBindRange limits);
TqpBindRange tqp_bind_type_limits(TqpType type);
TqpBound tqp_bind_float(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y, TqpType type);

/* ---- casts (bind_cast.c) ---- */
TqpBound tqp_bind_cast(TqpBinder *b, TqpBound v, TqpType type);
/* INT class of a scale -> F64; fails unless the division is of exact operands. */
TqpBound tqp_bind_to_f64(TqpBinder *b, const TqpBound *v, TqpType type, int scale);

/* ---- dates (bind_date.c) ---- */
TqpBound tqp_bind_cast_date(TqpBinder *b, TqpBound v, TqpType type);
/* False, and the binder failed, when the value's range includes an infinity. */
bool tqp_bind_finite(TqpBinder *b, const TqpBound *v);
/* Finite DATEs or TSs, PostgreSQL's IS_VALID_DATE and IS_VALID_TIMESTAMP. */
TqpBindRange tqp_bind_date_limits(TqpTypeKind kind);

/* ---- comparisons (bind_compare.c) ---- */
TqpBound tqp_bind_compare(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y);
/* INT class: lo <= v <= hi, or its negation. */
TqpBound tqp_bind_between(TqpBinder *b, const TqpBound *v, TqpInt128 lo, TqpInt128 hi, bool negate);
/* EQ .. GE of two registers of a lane -> MASK. */
uint16_t tqp_bind_compare_regs(TqpBinder *b, TqpOp op, TqpLane lane, uint16_t x, uint16_t y);
/* Codes of [0, count) that satisfy a predicate, as a BOOL over a code register. */
TqpBound tqp_bind_code_set(TqpBinder *b, const TqpBound *v, const uint64_t *set, uint32_t count);

/* ---- bounds of one column, fused (bind_filter.c) ---- */
typedef struct TqpBindTerm {
    const TqpExpr *expr; /* the conjunct, or the left side of fused bounds */
    bool bounds;         /* lo <= expr <= hi */
    TqpInt128 lo, hi;
    bool may_raise;
    double cost; /* rank among conjuncts that cannot raise */
} TqpBindTerm;
uint32_t tqp_bind_count_terms(uint32_t n, const TqpExpr *const *args); /* room for them */
/* Split into terms; bounds on equal expressions are fused, unless something between may raise. */
uint32_t tqp_bind_terms(TqpBinder *b, uint32_t n, const TqpExpr *const *args, TqpBindTerm *terms);
void tqp_bind_filter(TqpBinder *b, const TqpExpr *pred, bool at_scan);

/* ---- lookup tensors of functions of narrow INT values (bind_lut.c) ---- */
typedef bool (*TqpBindIntFn)(int64_t in, int64_t *out, const void *arg); /* false: not defined */
/* False (and *out untouched) when v has no narrow domain or fn is undefined somewhere on it. */
bool tqp_bind_int_table(TqpBinder *b, const TqpBound *v, TqpType type, TqpBindIntFn fn,
                        const void *arg, TqpBound *out);

/* The codes that v's lookups go by: an earlier table's or its own; false: too many. */
bool tqp_bind_narrow_codes(TqpBinder *b, const TqpBound *v, TqpBindTable *t);
/* The value of code t->lo + i. */
int64_t tqp_bind_code_value(const TqpBound *v, const TqpBindTable *t, uint32_t i);
/* Rows that are NULL may hold any code of the lane: a table covers them all. */
uint32_t tqp_bind_table_entries(const TqpBindTable *t);

/*
 * The lookup step itself: values[i] of code first + i, in a table of `entries`; gives lane, bias
 * and range of the result.
 */
uint16_t tqp_bind_lut_ints(TqpBinder *b, TqpLane code_lane, uint16_t codes, uint32_t first,
                           uint32_t n, const int64_t *values, uint32_t entries, TqpLane *lane,
                           int64_t *bias, TqpBindRange *range);

/* ---- text (bind_text.c, bind_dict.c) ---- */
TqpBound tqp_bind_text_compare(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y);
bool tqp_bind_is_dict(const TqpBound *v);
uint16_t tqp_bind_view_reg(TqpBinder *b, const TqpBound *v); /* strings as a VIEW register */
TqpView tqp_bind_text_const(const TqpBound *v);              /* BPCHAR without trailing blanks */
/* Code of a string, or -1. */
int64_t tqp_bind_dict_find(const TqpDict *d, TqpView s);
int tqp_bind_bytes_compare(TqpView x, TqpView y);
bool tqp_bind_can_order(const TqpBinder *b, uint32_t collation);
int tqp_bind_text_order(TqpBinder *b, uint32_t collation, TqpView x, TqpView y);
/* The same codes with ranks in the order of v's type; false when that order is not known here. */
bool tqp_bind_dict_ranked(TqpBinder *b, TqpBound *v);
/* Ranks of a ranked dictionary value as a register. */
uint16_t tqp_bind_rank_reg(TqpBinder *b, const TqpBound *v, TqpLane *lane);
/*
 * A value whose strings are strings[code]: equal strings are merged into one code of a new
 * dictionary.
 */
TqpBound tqp_bind_dict_map(TqpBinder *b, const TqpBound *v, TqpType type, const TqpView *strings);
/* Likewise over any codes: strings[i] of code first + i, in a table of `entries`. */
TqpBound tqp_bind_code_strings(TqpBinder *b, TqpLane code_lane, uint16_t codes, uint32_t first,
                               uint32_t n, uint32_t entries, uint16_t valid, TqpType type,
                               const TqpView *strings);
/* A dictionary of n distinct strings, unranked; lane that its codes take. */
TqpDict *tqp_bind_dict_make(TqpBinder *b, uint32_t n, const TqpView *strings);
TqpLane tqp_bind_code_lane(uint32_t count);

/* ---- pipelines ---- */
/* bind_source.c.  Columns of results: as collected, none loaded. */
void tqp_bind_open_relation(TqpBinder *b, const TqpNode *scan);
void tqp_bind_open_values(TqpBinder *b, const TqpNode *node, const TqpRelation *rel);
void tqp_bind_open_results(TqpBinder *b, uint32_t nsources, const uint32_t *sources,
                           uint64_t max_rows, uint32_t ncolumns, const TqpBindColumn *columns);
/* The place of a slot of the build's pipeline among what it collects. */
uint32_t tqp_bind_build_column(TqpBinder *b, TqpBindBuild *build, const TqpSlot *slot);
/* Exchange the open pipeline for another one. */
void tqp_bind_swap(TqpBinder *b, TqpBinder *other);
/* Column of the open pipeline, all of which is known but its registers. */
const TqpBindColumn *tqp_bind_describe(TqpBinder *b, uint32_t column);
TqpBound tqp_bind_column(TqpBinder *b, uint32_t column); /* loads at first use */
/* Close with an AGGREGATE sink and open its result.  env: the input's outputs over the source. */
void tqp_bind_aggregate(TqpBinder *b, const TqpNode *node, const TqpExpr *const *env);
/* Drop dead steps, compute FILTERs' live lists, reuse registers; append the pipeline. */
void tqp_bind_finish(TqpBinder *b, TqpSink *sink); /* bind_finish.c */

#endif
