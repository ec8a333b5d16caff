/*
 * The type rules of operators and aggregates: one small function per family of operators, one row
 * per operator in the table below.  A rule sees arguments that are well typed themselves.
 */
#include <string.h>

#include "ir/ir.h"

typedef struct Call {
    TqpOp op;
    uint32_t nargs;
    const TqpExpr *const *args;
    TqpError *err;
} Call;

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};
static const TqpType type_i32 = {.kind = TQP_TYPE_I32};

static TqpStatus refuse(const Call *c, const char *why) {
    return tqp_error_set(c->err, TQP_INVALID, "%s: %s", tqp_ir_op_name(c->op), why);
}

static TqpType arg_type(const Call *c, uint32_t i) {
    return c->args[i]->type;
}

static TqpStatus same_types(const Call *c, uint32_t first) {
    for (uint32_t i = first + 1; i < c->nargs; i++) {
        if (tqp_type_equal(arg_type(c, first), arg_type(c, i)))
            continue;
        char x[32], y[32];
        tqp_type_print(arg_type(c, first), x);
        tqp_type_print(arg_type(c, i), y);
        return tqp_error_set(c->err, TQP_INVALID, "%s: argument types differ: %s and %s",
                             tqp_ir_op_name(c->op), x, y);
    }
    return TQP_OK;
}

static bool is_integer(TqpType t) {
    return t.kind == TQP_TYPE_I16 || t.kind == TQP_TYPE_I32 || t.kind == TQP_TYPE_I64;
}

static bool is_number(TqpType t) {
    return is_integer(t) || t.kind == TQP_TYPE_NUM || tqp_type_class(t.kind) == TQP_CLASS_FLOAT;
}

static bool is_text(TqpType t) {
    return tqp_type_class(t.kind) == TQP_CLASS_TEXT;
}

static bool is_literal(const TqpExpr *e) {
    return e->op == TQP_OP_CONST || e->op == TQP_OP_PARAM;
}

static bool is_const_i32(const TqpExpr *e) {
    return e->op == TQP_OP_CONST && e->type.kind == TQP_TYPE_I32 && !e->value.is_null;
}

static bool is_const_text(const TqpExpr *e) {
    return e->op == TQP_OP_CONST && e->type.kind == TQP_TYPE_TEXT && !e->value.is_null;
}

typedef TqpStatus (*Rule)(const Call *c, TqpType *type);

static TqpStatus rule_leaf(const Call *c, TqpType *type) {
    (void)c, (void)type;
    return TQP_OK;
}

static TqpStatus rule_unary_number(const Call *c, TqpType *type) {
    *type = arg_type(c, 0);
    return is_number(*type) ? TQP_OK : refuse(c, "argument is not a number");
}

static TqpStatus rule_add(const Call *c, TqpType *type) {
    *type = arg_type(c, 0);
    if (type->kind == TQP_TYPE_DATE && arg_type(c, 1).kind == TQP_TYPE_I32)
        return TQP_OK;
    if (c->op == TQP_OP_ADD && (type->kind == TQP_TYPE_TS || type->kind == TQP_TYPE_TSTZ) &&
        arg_type(c, 1).kind == TQP_TYPE_I64)
        return TQP_OK;
    TQP_TRY(same_types(c, 0));
    return is_number(*type) ? TQP_OK : refuse(c, "arguments are not numbers");
}

static TqpStatus rule_sub(const Call *c, TqpType *type) {
    TqpTypeKind x = arg_type(c, 0).kind, y = arg_type(c, 1).kind;
    if (x != y || (x != TQP_TYPE_DATE && x != TQP_TYPE_TS))
        return rule_add(c, type);
    *type = x == TQP_TYPE_DATE ? type_i32 : (TqpType){.kind = TQP_TYPE_I64};
    return TQP_OK;
}

static TqpStatus rule_mul(const Call *c, TqpType *type) {
    *type = arg_type(c, 0);
    TqpType y = arg_type(c, 1);
    if (type->kind == TQP_TYPE_NUM && y.kind == TQP_TYPE_NUM) {
        if (y.scale + type->scale > TQP_POW10_MAX)
            return refuse(c, "scale is too large");
        type->scale += y.scale;
        return TQP_OK;
    }
    TQP_TRY(same_types(c, 0));
    return is_number(*type) ? TQP_OK : refuse(c, "arguments are not numbers");
}

static TqpStatus rule_div(const Call *c, TqpType *type) {
    TQP_TRY(same_types(c, 0));
    *type = arg_type(c, 0);
    if (is_integer(*type) || tqp_type_class(type->kind) == TQP_CLASS_FLOAT)
        return TQP_OK;
    return refuse(c, "arguments are neither integers nor floats");
}

static TqpStatus rule_num_div(const Call *c, TqpType *type) {
    if (arg_type(c, 0).kind != TQP_TYPE_NUM || arg_type(c, 1).kind != TQP_TYPE_NUM)
        return refuse(c, "arguments are not num");
    if (c->op == TQP_OP_DIV_SCALE)
        *type = type_i32;
    return c->op == TQP_OP_DIV_SCALE || type->kind == TQP_TYPE_NUM
               ? TQP_OK
               : refuse(c, "the result is not num");
}

static TqpStatus rule_mod(const Call *c, TqpType *type) {
    TQP_TRY(same_types(c, 0));
    *type = arg_type(c, 0);
    if (is_integer(*type) || type->kind == TQP_TYPE_NUM)
        return TQP_OK;
    return refuse(c, "arguments are not exact numbers");
}

static TqpStatus rule_compare(const Call *c, TqpType *type) {
    *type = type_bool;
    return same_types(c, 0);
}

static TqpStatus rule_logic(const Call *c, TqpType *type) {
    *type = type_bool;
    for (uint32_t i = 0; i < c->nargs; i++)
        if (arg_type(c, i).kind != TQP_TYPE_BOOL)
            return refuse(c, "argument is not boolean");
    return TQP_OK;
}

static TqpStatus rule_is_null(const Call *c, TqpType *type) {
    (void)c;
    *type = type_bool;
    return TQP_OK;
}

static TqpStatus rule_case(const Call *c, TqpType *type) {
    if (c->nargs % 2 == 0)
        return refuse(c, "needs pairs of condition and value, then a last value");
    *type = arg_type(c, c->nargs - 1);
    for (uint32_t i = 0; i + 1 < c->nargs; i += 2) {
        if (arg_type(c, i).kind != TQP_TYPE_BOOL)
            return refuse(c, "condition is not boolean");
        if (!tqp_type_equal(arg_type(c, i + 1), *type))
            return refuse(c, "types of the values differ");
    }
    return TQP_OK;
}

static TqpStatus rule_same(const Call *c, TqpType *type) {
    *type = arg_type(c, 0);
    return same_types(c, 0);
}

static TqpStatus rule_in(const Call *c, TqpType *type) {
    *type = type_bool;
    for (uint32_t i = 1; i < c->nargs; i++)
        if (!is_literal(c->args[i]))
            return refuse(c, "elements must be constants or parameters");
    return same_types(c, 0);
}

static TqpStatus rule_like(const Call *c, TqpType *type) {
    *type = type_bool;
    if (arg_type(c, 0).kind != TQP_TYPE_TEXT)
        return refuse(c, "first argument is not text");
    if (!is_literal(c->args[1]) || arg_type(c, 1).kind != TQP_TYPE_TEXT)
        return refuse(c, "pattern is not a text constant or parameter");
    return TQP_OK;
}

static bool may_cast(TqpType from, TqpType to) {
    TqpTypeKind f = from.kind, t = to.kind;
    if ((is_number(from) && is_number(to)) || (is_text(from) && is_text(to)))
        return true;
    return f == t || (f == TQP_TYPE_BOOL && t == TQP_TYPE_I32) ||
           (f == TQP_TYPE_I32 && t == TQP_TYPE_BOOL) || (f == TQP_TYPE_DATE && t == TQP_TYPE_TS) ||
           (f == TQP_TYPE_TS && (t == TQP_TYPE_DATE || t == TQP_TYPE_TIME)) ||
           (f == TQP_TYPE_TSTZ && t == TQP_TYPE_TS);
}

static TqpStatus rule_cast(const Call *c, TqpType *type) {
    if (may_cast(arg_type(c, 0), *type))
        return TQP_OK;
    char x[32], y[32];
    tqp_type_print(arg_type(c, 0), x);
    tqp_type_print(*type, y);
    return tqp_error_set(c->err, TQP_INVALID, "cast: no cast from %s to %s", x, y);
}

static TqpStatus rule_extract(const Call *c, TqpType *type) {
    TqpTypeKind k = arg_type(c, 1).kind;
    if (!is_const_text(c->args[0]))
        return refuse(c, "field is not a text constant");
    if (k != TQP_TYPE_DATE && k != TQP_TYPE_TIME && k != TQP_TYPE_TS)
        return refuse(c, "second argument is not a date, time or ts");
    if (type->kind == TQP_TYPE_F64)
        return TQP_OK;
    if (type->kind == TQP_TYPE_NUM && (type->scale == 0 || type->scale == 3 || type->scale == 6))
        return TQP_OK;
    return refuse(c, "type must be num(0), num(3), num(6) or f64");
}

static TqpStatus rule_date_trunc(const Call *c, TqpType *type) {
    *type = arg_type(c, 1);
    if (!is_const_text(c->args[0]))
        return refuse(c, "unit is not a text constant");
    return type->kind == TQP_TYPE_TS ? TQP_OK : refuse(c, "second argument is not a ts");
}

static TqpStatus rule_at_zone(const Call *c, TqpType *type) {
    *type = (TqpType){.kind = TQP_TYPE_TS};
    if (!is_const_text(c->args[0]))
        return refuse(c, "zone is not a text constant");
    return arg_type(c, 1).kind == TQP_TYPE_TSTZ ? TQP_OK
                                                : refuse(c, "second argument is not a tstz");
}

static TqpStatus rule_add_months(const Call *c, TqpType *type) {
    *type = arg_type(c, 0);
    if (type->kind != TQP_TYPE_TS)
        return refuse(c, "first argument is not a ts");
    return is_const_i32(c->args[1]) ? TQP_OK : refuse(c, "months are not an i32 constant");
}

static TqpStatus rule_host(const Call *c, TqpType *type) {
    (void)type;
    return is_const_i32(c->args[0]) && c->args[0]->value.i >= 0
               ? TQP_OK
               : refuse(c, "the function is not an i32 constant from 0");
}

static TqpStatus rule_pad(const Call *c, TqpType *type) {
    *type = (TqpType){.kind = TQP_TYPE_TEXT, .collation = arg_type(c, 0).collation};
    if (arg_type(c, 0).kind != TQP_TYPE_BPCHAR)
        return refuse(c, "first argument is not bpchar");
    return is_const_i32(c->args[1]) ? TQP_OK : refuse(c, "width is not an i32 constant");
}

static TqpStatus rule_sqrt(const Call *c, TqpType *type) {
    *type = arg_type(c, 0);
    return type->kind == TQP_TYPE_F64 ? TQP_OK : refuse(c, "argument is not f64");
}

static TqpStatus rule_pair(const Call *c, TqpType *type) {
    *type = arg_type(c, 0);
    if (type->kind == TQP_TYPE_F64 && arg_type(c, 1).kind == TQP_TYPE_F64)
        return TQP_OK;
    return refuse(c, "arguments are not f64");
}

static TqpStatus rule_length(const Call *c, TqpType *type) {
    *type = type_i32;
    return is_text(arg_type(c, 0)) ? TQP_OK : refuse(c, "argument is not text");
}

static TqpStatus rule_substr(const Call *c, TqpType *type) {
    *type = (TqpType){.kind = TQP_TYPE_TEXT, .collation = arg_type(c, 0).collation};
    if (arg_type(c, 0).kind != TQP_TYPE_TEXT)
        return refuse(c, "first argument is not text");
    if (!is_const_i32(c->args[1]) || !is_const_i32(c->args[2]) || c->args[2]->value.i < -1)
        return refuse(c, "start and length are not i32 constants, the length -1 or more");
    return TQP_OK;
}

/* The unit test walks all operators: one without a row here fails it. */
static const Rule rules[TQP_OP_COUNT] = {
    [TQP_OP_COL] = rule_leaf,          [TQP_OP_OUTER] = rule_leaf,
    [TQP_OP_CONST] = rule_leaf,        [TQP_OP_PARAM] = rule_leaf,
    [TQP_OP_NEG] = rule_unary_number,  [TQP_OP_ABS] = rule_unary_number,
    [TQP_OP_SQRT] = rule_sqrt,         [TQP_OP_ADD] = rule_add,
    [TQP_OP_SUB] = rule_sub,           [TQP_OP_MUL] = rule_mul,
    [TQP_OP_DIV] = rule_div,           [TQP_OP_NUM_DIV] = rule_num_div,
    [TQP_OP_DIV_SCALE] = rule_num_div, [TQP_OP_MOD] = rule_mod,
    [TQP_OP_EQ] = rule_compare,        [TQP_OP_NE] = rule_compare,
    [TQP_OP_LT] = rule_compare,        [TQP_OP_LE] = rule_compare,
    [TQP_OP_GT] = rule_compare,        [TQP_OP_GE] = rule_compare,
    [TQP_OP_DISTINCT] = rule_compare,  [TQP_OP_AND] = rule_logic,
    [TQP_OP_OR] = rule_logic,          [TQP_OP_NOT] = rule_logic,
    [TQP_OP_IS_NULL] = rule_is_null,   [TQP_OP_IS_TRUE] = rule_logic,
    [TQP_OP_IS_FALSE] = rule_logic,    [TQP_OP_CASE] = rule_case,
    [TQP_OP_COALESCE] = rule_same,     [TQP_OP_GREATEST] = rule_same,
    [TQP_OP_LEAST] = rule_same,        [TQP_OP_IN] = rule_in,
    [TQP_OP_LIKE] = rule_like,         [TQP_OP_CAST] = rule_cast,
    [TQP_OP_EXTRACT] = rule_extract,   [TQP_OP_DATE_TRUNC] = rule_date_trunc,
    [TQP_OP_AT_ZONE] = rule_at_zone,   [TQP_OP_ADD_MONTHS] = rule_add_months,
    [TQP_OP_HOST] = rule_host,         [TQP_OP_PAD] = rule_pad,
    [TQP_OP_PAIR] = rule_pair,         [TQP_OP_LENGTH] = rule_length,
    [TQP_OP_SUBSTR] = rule_substr,
};

static const char *const join_names[TQP_JOIN_KIND_COUNT] = {
#define TQP_JOIN(e, n, note) n,
#include "ir/joins.def"
#undef TQP_JOIN
};

typedef struct Arity {
    const char *name;
    int least, most; /* most -1: any */
} Arity;

static const Arity arities[TQP_OP_COUNT] = {
#define TQP_OP(e, n, lo, hi, note) {n, lo, hi},
#include "ir/ops.def"
#undef TQP_OP
};

static const char *const agg_names[TQP_AGG_COUNT_OF_FUNCS] = {
#define TQP_AGG(e, n, a, note) n,
#include "ir/aggs.def"
#undef TQP_AGG
};

const char *tqp_ir_op_name(TqpOp op) {
    return (unsigned)op < TQP_OP_COUNT ? arities[op].name : "?";
}

const char *tqp_ir_agg_name(TqpAggFunc func) {
    return (unsigned)func < TQP_AGG_COUNT_OF_FUNCS ? agg_names[func] : "?";
}

bool tqp_ir_op_parse(const char *name, size_t len, TqpOp *op) {
    for (int i = 0; i < TQP_OP_COUNT; i++) {
        if (strlen(arities[i].name) == len && memcmp(arities[i].name, name, len) == 0) {
            *op = (TqpOp)i;
            return true;
        }
    }
    return false;
}

bool tqp_ir_agg_parse(const char *name, size_t len, TqpAggFunc *func) {
    for (int i = 0; i < TQP_AGG_COUNT_OF_FUNCS; i++) {
        if (strlen(agg_names[i]) == len && memcmp(agg_names[i], name, len) == 0) {
            *func = (TqpAggFunc)i;
            return true;
        }
    }
    return false;
}

const char *tqp_ir_join_name(TqpJoinKind kind) {
    return join_names[kind];
}

bool tqp_ir_join_parse(const char *name, size_t len, TqpJoinKind *kind) {
    for (int i = 0; i < TQP_JOIN_KIND_COUNT; i++) {
        if (strlen(join_names[i]) == len && memcmp(join_names[i], name, len) == 0) {
            *kind = (TqpJoinKind)i;
            return true;
        }
    }
    return false;
}

TqpStatus tqp_ir_call_type(TqpOp op, uint32_t nargs, const TqpExpr *const *args, TqpType *type,
                           TqpError *err) {
    Call call = {op, nargs, args, err};
    if ((unsigned)op >= TQP_OP_COUNT || rules[op] == NULL)
        return tqp_error_set(err, TQP_INVALID, "operator %d has no type rule", (int)op);
    int most = arities[op].most;
    if (nargs < (uint32_t)arities[op].least || (most >= 0 && nargs > (uint32_t)most))
        return tqp_error_set(err, TQP_INVALID, "%s: %u arguments", arities[op].name, nargs);
    return rules[op](&call, type);
}

static TqpStatus refuse_agg(TqpAggFunc func, const char *why, TqpError *err) {
    return tqp_error_set(err, TQP_INVALID, "%s: %s", tqp_ir_agg_name(func), why);
}

static TqpStatus sum_type(TqpType arg, TqpType *type, TqpError *err) {
    *type = arg;
    if (arg.kind == TQP_TYPE_I16 || arg.kind == TQP_TYPE_I32)
        *type = (TqpType){.kind = TQP_TYPE_I64};
    else if (arg.kind == TQP_TYPE_I64)
        *type = (TqpType){.kind = TQP_TYPE_NUM};
    else if (!is_number(arg))
        return refuse_agg(TQP_AGG_SUM, "argument is not a number", err);
    return TQP_OK;
}

static bool takes_pair(TqpAggFunc func) {
    return func >= TQP_AGG_PAIR_SX && func <= TQP_AGG_PAIR_SXY;
}

TqpStatus tqp_ir_agg_type(TqpAggFunc func, const TqpExpr *arg, TqpType *type, TqpError *err) {
    if ((unsigned)func >= TQP_AGG_COUNT_OF_FUNCS)
        return tqp_error_set(err, TQP_INVALID, "aggregate %d is unknown", (int)func);
    if ((func == TQP_AGG_COUNT_STAR) != (arg == NULL))
        return refuse_agg(func, arg ? "takes no argument" : "needs an argument", err);
    if (arg != NULL && func != TQP_AGG_COUNT && (arg->op == TQP_OP_PAIR) != takes_pair(func))
        return refuse_agg(func, "pairs go to the aggregates of pairs", err);
    switch (func) {
    case TQP_AGG_SUM:
        return sum_type(arg->type, type, err);
    case TQP_AGG_MIN:
    case TQP_AGG_MAX:
        *type = arg->type;
        if (arg->type.kind == TQP_TYPE_BOOL)
            return refuse_agg(func, "argument is boolean", err);
        return TQP_OK;
    case TQP_AGG_BOOL_AND:
    case TQP_AGG_BOOL_OR:
        *type = arg->type;
        if (arg->type.kind != TQP_TYPE_BOOL)
            return refuse_agg(func, "argument is not boolean", err);
        return TQP_OK;
    case TQP_AGG_AVG_SUM:
    case TQP_AGG_SXX:
    case TQP_AGG_PAIR_SX:
    case TQP_AGG_PAIR_SXX:
    case TQP_AGG_PAIR_SY:
    case TQP_AGG_PAIR_SYY:
    case TQP_AGG_PAIR_SXY:
        *type = arg->type;
        return arg->type.kind == TQP_TYPE_F64 ? TQP_OK
                                              : refuse_agg(func, "argument is not f64", err);
    default: /* the counts */
        *type = (TqpType){.kind = TQP_TYPE_I64};
        return TQP_OK;
    }
}
