/*
 * The variances, and the aggregates of pairs.  Of integers and numerics PostgreSQL computes them
 * exactly from the number, the sum and the sum of squares: these are aggregates of the engine, and
 * tqp.variance finishes them above it (lower_tail.c).  Of floats PostgreSQL keeps sums about the
 * mean (float.c, float8_accum and float8_regr_accum); what its final functions make of them is an
 * expression.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"

#include "pg/lower.h"

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};
static const TqpType type_f64 = {.kind = TQP_TYPE_F64};
static const TqpType type_i64 = {.kind = TQP_TYPE_I64};

/* ---- integers and numerics ---- */

/*
 * Distinct values of one sign have distinct squares: those of either sign are summed apart, as the
 * aggregate sees the squares and not the values.
 */
static const TqpExpr *distinct_squares(TqpLowering *l, uint32_t nkeys, TqpAgg squares,
                                       const TqpExpr *x) {
    static const TqpOp signs[2] = {TQP_OP_LT, TQP_OP_GE};
    const TqpExpr *filter = squares.filter, *halves[2], *zero = NULL;
    for (int i = 0; i < 2; i++) {
        const TqpExpr *sign =
            tqp_ir_call2(l->arena, signs[i], type_bool, x, tqp_ir_const_int(l->arena, x->type, 0));
        squares.filter =
            filter == NULL ? sign : tqp_ir_call2(l->arena, TQP_OP_AND, type_bool, filter, sign);
        halves[i] = tqp_lower_agg_column(l, nkeys, squares);
        zero = tqp_ir_const_int(l->arena, halves[i]->type, 0);
        halves[i] = tqp_ir_call2(l->arena, TQP_OP_COALESCE, zero->type, halves[i], zero);
    }
    return tqp_ir_call2(l->arena, TQP_OP_ADD, zero->type, halves[0], halves[1]);
}

/* Not there in a database whose extension is of an older script. */
static Oid find_finish(void) {
    const Oid types[] = {INT8OID, NUMERICOID, NUMERICOID, BOOLOID, BOOLOID};
    List *name = list_make2(makeString("tqp"), makeString("variance"));
    return LookupFuncName(name, lengthof(types), types, true);
}

static bool add_exact(TqpLowering *l, uint32_t nkeys, Aggref *aggref, TqpAgg agg, bool sample,
                      bool root) {
    TqpVariance *variance = palloc0(sizeof(*variance));
    const TqpExpr *x = agg.arg;
    TqpType wide = {.kind = TQP_TYPE_NUM, .scale = x->type.scale}, square = wide;
    bool is_small = x->type.kind == TQP_TYPE_I16 || x->type.kind == TQP_TYPE_I32;
    if (2 * x->type.scale > TQP_LOWER_SCALE_MAX)
        return tqp_lower_fail(l, TQP_DECLINE_DIGITS, CppAsString2(TQP_LOWER_SCALE_MAX)) != NULL;
    Oid finish = find_finish();
    if (!OidIsValid(finish))
        return tqp_lower_fail(l, TQP_DECLINE_AGGREGATE, get_func_name(aggref->aggfnoid)) != NULL;
    l->functions = list_append_unique_oid(l->functions, finish);
    square.scale = 2 * x->type.scale;
    *variance = (TqpVariance){.aggref = aggref,
                              .sum_type = is_small ? INT8OID : NUMERICOID,
                              .finish = finish,
                              .sample = sample,
                              .root = root};
    variance->sum = tqp_lower_agg_column(l, nkeys, agg);
    variance->scale = tqp_lower_agg_scale(l, nkeys, x, agg.filter);
    TqpAgg squares = agg;
    const TqpExpr *factor = tqp_lower_cast(l, x, is_small ? type_i64 : wide);
    squares.arg = tqp_ir_call2(l->arena, TQP_OP_MUL, is_small ? type_i64 : square, factor, factor);
    variance->squares = agg.distinct ? distinct_squares(l, nkeys, squares, x)
                                     : tqp_lower_agg_column(l, nkeys, squares);
    agg.func = TQP_AGG_COUNT;
    variance->count = tqp_lower_agg_column(l, nkeys, agg);
    l->variances = lappend(l->variances, variance);
    return true;
}

/* ---- floats ---- */

typedef struct Floats {
    TqpLowering *l;
    uint32_t nkeys;
    TqpAgg agg; /* of the value or the pair */
} Floats;

static const TqpExpr *part(const Floats *f, TqpAggFunc func) {
    TqpAgg agg = f->agg;
    agg.func = func;
    return tqp_lower_agg_column(f->l, f->nkeys, agg);
}

static const TqpExpr *arith(const Floats *f, TqpOp op, const TqpExpr *x, const TqpExpr *y) {
    return tqp_ir_call2(f->l->arena, op, type_f64, x, y);
}

static const TqpExpr *number(const Floats *f, double value) {
    TqpValue v = {.f = value};
    return tqp_ir_const(f->l->arena, type_f64, &v);
}

static const TqpExpr *count_of(const Floats *f) {
    return tqp_lower_cast(f->l, part(f, TQP_AGG_COUNT), type_f64);
}

static const TqpExpr *is_zero(const Floats *f, const TqpExpr *x) {
    return tqp_ir_call2(f->l->arena, TQP_OP_EQ, type_bool, x, number(f, 0));
}

/* `value`, NULL where cond is true. */
static const TqpExpr *unless(const Floats *f, const TqpExpr *cond, const TqpExpr *value) {
    const TqpExpr *args[3] = {cond, tqp_ir_const_null(f->l->arena, type_f64), value};
    return tqp_ir_call(f->l->arena, TQP_OP_CASE, type_f64, 3, args);
}

/* Of a sum that is NULL where there are no rows: by their number, or by one less. */
static const TqpExpr *mean(const Floats *f, const TqpExpr *sum, bool sample) {
    const TqpExpr *n = count_of(f), *one = number(f, 1);
    if (!sample)
        return arith(f, TQP_OP_DIV, sum, n);
    const TqpExpr *few = tqp_ir_call2(f->l->arena, TQP_OP_LE, type_bool, n, one);
    return unless(f, few, arith(f, TQP_OP_DIV, sum, arith(f, TQP_OP_SUB, n, one)));
}

static const TqpExpr *root(const Floats *f, const TqpExpr *x) {
    return tqp_ir_call1(f->l->arena, TQP_OP_SQRT, type_f64, x);
}

/* float8_corr */
static const TqpExpr *correlation(const Floats *f) {
    const TqpExpr *xx = part(f, TQP_AGG_PAIR_SXX), *yy = part(f, TQP_AGG_PAIR_SYY);
    const TqpExpr *flat =
        tqp_ir_call2(f->l->arena, TQP_OP_OR, type_bool, is_zero(f, xx), is_zero(f, yy));
    return unless(
        f, flat,
        arith(f, TQP_OP_DIV, part(f, TQP_AGG_PAIR_SXY), root(f, arith(f, TQP_OP_MUL, xx, yy))));
}

/* float8_regr_r2 */
static const TqpExpr *determination(const Floats *f) {
    const TqpExpr *xx = part(f, TQP_AGG_PAIR_SXX), *yy = part(f, TQP_AGG_PAIR_SYY),
                  *xy = part(f, TQP_AGG_PAIR_SXY);
    const TqpExpr *args[5] = {
        is_zero(f, xx), tqp_ir_const_null(f->l->arena, type_f64), is_zero(f, yy), number(f, 1),
        arith(f, TQP_OP_DIV, arith(f, TQP_OP_MUL, xy, xy), arith(f, TQP_OP_MUL, xx, yy))};
    return tqp_ir_call(f->l->arena, TQP_OP_CASE, type_f64, 5, args);
}

static const TqpExpr *slope(const Floats *f) {
    const TqpExpr *xx = part(f, TQP_AGG_PAIR_SXX);
    return unless(f, is_zero(f, xx), arith(f, TQP_OP_DIV, part(f, TQP_AGG_PAIR_SXY), xx));
}

/* float8_regr_intercept: (Sy - Sx * Sxy / Sxx) / N */
static const TqpExpr *intercept(const Floats *f) {
    const TqpExpr *xx = part(f, TQP_AGG_PAIR_SXX);
    const TqpExpr *x = arith(f, TQP_OP_MUL, part(f, TQP_AGG_PAIR_SX), part(f, TQP_AGG_PAIR_SXY));
    const TqpExpr *y = arith(f, TQP_OP_SUB, part(f, TQP_AGG_PAIR_SY), arith(f, TQP_OP_DIV, x, xx));
    return unless(f, is_zero(f, xx), arith(f, TQP_OP_DIV, y, count_of(f)));
}

static const TqpExpr *finished(const Floats *f, TqpFinish finish) {
    switch (finish) {
    case TQP_FINISH_VAR_POP:
        return mean(f, part(f, TQP_AGG_SXX), false);
    case TQP_FINISH_VAR_SAMP:
        return mean(f, part(f, TQP_AGG_SXX), true);
    case TQP_FINISH_STDDEV_POP:
        return root(f, mean(f, part(f, TQP_AGG_SXX), false));
    case TQP_FINISH_STDDEV_SAMP:
        return root(f, mean(f, part(f, TQP_AGG_SXX), true));
    case TQP_FINISH_REGR_COUNT:
        return part(f, TQP_AGG_COUNT);
    case TQP_FINISH_REGR_SXX:
        return part(f, TQP_AGG_PAIR_SXX);
    case TQP_FINISH_REGR_SYY:
        return part(f, TQP_AGG_PAIR_SYY);
    case TQP_FINISH_REGR_SXY:
        return part(f, TQP_AGG_PAIR_SXY);
    case TQP_FINISH_REGR_AVGX:
        return mean(f, part(f, TQP_AGG_PAIR_SX), false);
    case TQP_FINISH_REGR_AVGY:
        return mean(f, part(f, TQP_AGG_PAIR_SY), false);
    case TQP_FINISH_REGR_R2:
        return determination(f);
    case TQP_FINISH_REGR_SLOPE:
        return slope(f);
    case TQP_FINISH_REGR_INTERCEPT:
        return intercept(f);
    case TQP_FINISH_COVAR_POP:
        return mean(f, part(f, TQP_AGG_PAIR_SXY), false);
    case TQP_FINISH_COVAR_SAMP:
        return mean(f, part(f, TQP_AGG_PAIR_SXY), true);
    case TQP_FINISH_CORR:
        return correlation(f);
    default:
        return NULL;
    }
}

bool tqp_lower_variance(TqpLowering *l, uint32_t nkeys, Aggref *aggref, TqpAgg agg,
                        TqpFinish finish) {
    bool is_float = tqp_type_class(agg.arg->type.kind) == TQP_CLASS_FLOAT;
    if (!is_float)
        return add_exact(l, nkeys, aggref, agg,
                         finish == TQP_FINISH_VAR_SAMP || finish == TQP_FINISH_STDDEV_SAMP,
                         finish == TQP_FINISH_STDDEV_POP || finish == TQP_FINISH_STDDEV_SAMP);
    if (agg.arg->type.kind == TQP_TYPE_F32)
        agg.arg = tqp_lower_cast(l, agg.arg, type_f64);
    const Floats f = {l, nkeys, agg};
    tqp_lower_add_input(l, (Node *)aggref, finished(&f, finish));
    return true;
}
