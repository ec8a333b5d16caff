/*
 * Comparisons: with constants on the column's own grid (see TqpRounding), between expressions by
 * casts to the wider type, and with arrays.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pg/lower.h"
#include "pg/value.h"

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};
static const TqpType type_i32 = {.kind = TQP_TYPE_I32};

static const TqpExpr *call2(TqpLowering *l, TqpOp op, const TqpExpr *x, const TqpExpr *y) {
    return tqp_ir_call2(l->arena, op, type_bool, x, y);
}

static TqpOp commute(TqpOp op) {
    switch (op) {
    case TQP_OP_LT:
        return TQP_OP_GT;
    case TQP_OP_LE:
        return TQP_OP_GE;
    case TQP_OP_GT:
        return TQP_OP_LT;
    case TQP_OP_GE:
        return TQP_OP_LE;
    default:
        return op;
    }
}

static bool is_ordered(TqpOp op) {
    return op == TQP_OP_LT || op == TQP_OP_LE || op == TQP_OP_GT || op == TQP_OP_GE;
}

/* x < v is x < ceil(v); x <= v is x <= floor(v); x > v is x > floor(v); x >= v is x >= ceil(v). */
static TqpRounding rounding_of(TqpOp op) {
    return op == TQP_OP_LT || op == TQP_OP_GE ? TQP_ROUND_CEIL : TQP_ROUND_FLOOR;
}

/* x compared with a value that lies off the grid of x's type: false (or true) unless x is NULL. */
static const TqpExpr *never_equal(TqpLowering *l, TqpOp op, const TqpExpr *x) {
    if (op == TQP_OP_DISTINCT)
        return tqp_ir_const_bool(l->arena, true);
    return call2(l, op == TQP_OP_EQ ? TQP_OP_NE : TQP_OP_EQ, x, x);
}

static const TqpExpr *compare_grid_const(TqpLowering *l, TqpOp op, const TqpExpr *x,
                                         const Const *c) {
    TqpValue value;
    if (!tqp_value_from_datum(l->arena, c->constvalue, c->consttype, x->type, TQP_ROUND_EXACT,
                              &value)) {
        if (!is_ordered(op))
            return never_equal(l, op, x);
        if (!tqp_value_from_datum(l->arena, c->constvalue, c->consttype, x->type, rounding_of(op),
                                  &value))
            return tqp_lower_fail(l, TQP_DECLINE_CONSTANT, format_type_be(c->consttype));
    }
    return call2(l, op, x, tqp_ir_const(l->arena, x->type, &value));
}

static const TqpExpr *compare_grid(TqpLowering *l, TqpOp op, const TqpExpr *x, Node *bound) {
    if (IsA(bound, Const))
        return compare_grid_const(l, op, x, (const Const *)bound);
    if (is_ordered(op))
        return call2(l, op, x, tqp_lower_param(l, bound, x->type, rounding_of(op)));
    if (op == TQP_OP_DISTINCT)
        return tqp_lower_fail(l, TQP_DECLINE_DISTINCT_PARAM, format_type_be(exprType(bound)));
    const TqpExpr *equal_to = call2(
        l, TQP_OP_AND, call2(l, TQP_OP_GE, x, tqp_lower_param(l, bound, x->type, TQP_ROUND_CEIL)),
        call2(l, TQP_OP_LE, x, tqp_lower_param(l, bound, x->type, TQP_ROUND_FLOOR)));
    return op == TQP_OP_EQ ? equal_to : tqp_ir_call1(l->arena, TQP_OP_NOT, type_bool, equal_to);
}

static bool is_integer(TqpType t) {
    return t.kind == TQP_TYPE_I16 || t.kind == TQP_TYPE_I32 || t.kind == TQP_TYPE_I64;
}

/* The type that both sides are compared in, as PostgreSQL's cross-type operators do. */
static bool common_type(TqpLowering *l, TqpType x, TqpType y, Oid collation, bool ordered,
                        TqpType *type) {
    *type = x;
    if (tqp_type_class(x.kind) == TQP_CLASS_TEXT && x.kind == y.kind) {
        if (!tqp_lower_text_type(l, x.kind, collation, type))
            return false;
        if (!ordered) /* equality of a deterministic collation is that of bytes */
            type->collation = x.collation;
        return true;
    }
    if (is_integer(x) && is_integer(y)) {
        type->kind = Max(x.kind, y.kind);
        return true;
    }
    if (x.kind == TQP_TYPE_NUM && y.kind == TQP_TYPE_NUM) {
        type->scale = Max(x.scale, y.scale);
        return true;
    }
    if (tqp_type_class(x.kind) == TQP_CLASS_FLOAT && tqp_type_class(y.kind) == TQP_CLASS_FLOAT) {
        type->kind = Max(x.kind, y.kind);
        return true;
    }
    if ((x.kind == TQP_TYPE_DATE && y.kind == TQP_TYPE_TS) ||
        (x.kind == TQP_TYPE_TS && y.kind == TQP_TYPE_DATE)) {
        type->kind = TQP_TYPE_TS;
        return true;
    }
    if (x.kind == y.kind)
        return true;
    tqp_lower_fail(l, TQP_DECLINE_COMPARE, tqp_type_kind_name(x.kind), tqp_type_kind_name(y.kind));
    return false;
}

static const TqpExpr *compare_values(TqpLowering *l, TqpOp op, const TqpExpr *x, const TqpExpr *y,
                                     Oid collation) {
    TqpType type;
    if (x == NULL || y == NULL)
        return NULL;
    if (!common_type(l, x->type, y->type, collation, is_ordered(op), &type))
        return NULL;
    return call2(l, op, tqp_lower_cast(l, x, type), tqp_lower_cast(l, y, type));
}

/* A constant side of another type than x, as an expression of x's type or on x's grid. */
static const TqpExpr *compare_constant(TqpLowering *l, TqpOp op, const TqpExpr *x, Node *bound,
                                       Oid collation) {
    Oid from = exprType(bound);
    TqpTypeKind kind = x->type.kind;
    if (IsA(bound, Const) && ((Const *)bound)->constisnull)
        return call2(l, op, x, tqp_ir_const_null(l->arena, x->type));
    if ((kind == TQP_TYPE_NUM && from == NUMERICOID) ||
        (kind == TQP_TYPE_DATE && from == TIMESTAMPOID))
        return compare_grid(l, op, x, bound);
    /* The cast of the constant depends on the time zone: PostgreSQL does it at execution start. */
    Oid cast = InvalidOid;
    if (kind == TQP_TYPE_TSTZ && (from == DATEOID || from == TIMESTAMPOID))
        cast = from == DATEOID ? F_TIMESTAMPTZ_DATE : F_TIMESTAMPTZ_TIMESTAMP;
    else if (kind == TQP_TYPE_TS && from == DATEOID)
        cast = F_TIMESTAMP_DATE;
    if (OidIsValid(cast)) {
        FuncExpr *f = makeFuncExpr(cast, get_func_rettype(cast), list_make1(bound), InvalidOid,
                                   InvalidOid, COERCE_IMPLICIT_CAST);
        return call2(l, op, x, tqp_lower_param(l, (Node *)f, x->type, TQP_ROUND_EXACT));
    }
    if (IsA(bound, Const) && is_integer(x->type)) {
        const Const *c = (const Const *)bound;
        TqpValue value;
        if (tqp_value_from_datum(l->arena, c->constvalue, c->consttype, x->type, TQP_ROUND_EXACT,
                                 &value))
            return call2(l, op, x, tqp_ir_const(l->arena, x->type, &value));
    }
    return compare_values(l, op, x, tqp_lower_expr(l, bound), collation);
}

const TqpExpr *tqp_lower_compare(TqpLowering *l, TqpOp op, Node *left, Node *right, Oid collation) {
    if (tqp_lower_is_constant(left) && !tqp_lower_is_constant(right)) {
        Node *swap = left;
        left = right;
        right = swap;
        op = commute(op);
    }
    const TqpExpr *x = tqp_lower_expr(l, left);
    if (x == NULL)
        return NULL;
    if (x->type.kind == TQP_TYPE_BOOL && is_ordered(op)) /* false before true */
        return call2(l, op, tqp_lower_cast(l, x, type_i32),
                     tqp_lower_cast(l, tqp_lower_expr(l, right), type_i32));
    if (tqp_lower_is_constant(right))
        return compare_constant(l, op, x, right, collation);
    return compare_values(l, op, x, tqp_lower_expr(l, right), collation);
}

/* The elements of a constant array, or of ARRAY[...] over constants, as expressions. */
static List *array_elements(TqpLowering *l, Node *node) {
    List *elements = NIL;
    if (IsA(node, ArrayExpr) && !((ArrayExpr *)node)->multidims)
        return ((ArrayExpr *)node)->elements;
    if (!IsA(node, Const)) {
        tqp_lower_fail(l, TQP_DECLINE_ARRAY_PARAM);
        return NIL;
    }
    ArrayType *array = DatumGetArrayTypeP(((Const *)node)->constvalue);
    Oid type = ARR_ELEMTYPE(array);
    int16 len;
    bool byval, *nulls;
    char align;
    Datum *values;
    int n;
    get_typlenbyvalalign(type, &len, &byval, &align);
    deconstruct_array(array, type, len, byval, align, &values, &nulls, &n);
    for (int i = 0; i < n; i++)
        elements = lappend(
            elements, makeConst(type, -1, get_typcollation(type), len, values[i], nulls[i], byval));
    return elements;
}

/*
 * comparisons[] as IN or NOT IN when each is x = literal.  Elements off the grid of x were lowered
 * to a comparison of x with itself: they never match and are left out.
 */
static const TqpExpr *as_in(TqpLowering *l, bool any, uint32_t n, const TqpExpr **comparisons) {
    TqpOp op = any ? TQP_OP_EQ : TQP_OP_NE;
    uint32_t nargs = 1;
    const TqpExpr **args = palloc(sizeof(*args) * (n + 1));
    if (comparisons[0]->nargs != 2)
        return NULL;
    args[0] = comparisons[0]->args[0];
    for (uint32_t i = 0; i < n; i++) {
        const TqpExpr *c = comparisons[i];
        if (c->nargs != 2 || !tqp_ir_expr_equal(c->args[0], args[0]))
            return NULL;
        if (c->op != op && c->args[0] == c->args[1])
            continue;
        if (c->op != op || (c->args[1]->op != TQP_OP_CONST && c->args[1]->op != TQP_OP_PARAM))
            return NULL;
        args[nargs++] = c->args[1];
    }
    if (nargs < 2)
        return NULL;
    const TqpExpr *in = tqp_ir_call(l->arena, TQP_OP_IN, type_bool, nargs, args);
    return any ? in : tqp_ir_call1(l->arena, TQP_OP_NOT, type_bool, in);
}

#define EXPANSION_MAX 1000 /* comparisons that are not an IN list */

const TqpExpr *tqp_lower_array(TqpLowering *l, const ScalarArrayOpExpr *node) {
    Node *left = linitial(node->args), *array = lsecond(node->args);
    TqpOp op;
    if (!tqp_lower_comparison_op(node->opfuncid, &op))
        return tqp_lower_fail(l, TQP_DECLINE_ARRAY_OPERATOR);
    if (IsA(array, Const) && ((Const *)array)->constisnull)
        return tqp_ir_const_null(l->arena, type_bool);
    l->reason = NULL;
    List *elements = array_elements(l, array);
    if (elements == NIL)
        return l->reason != NULL ? NULL : tqp_ir_const_bool(l->arena, !node->useOr);
    uint32_t n = 0;
    const TqpExpr **comparisons = palloc(sizeof(*comparisons) * (uint32_t)list_length(elements));
    ListCell *lc;
    foreach (lc, elements) {
        const TqpExpr *c = tqp_lower_compare(l, op, left, lfirst(lc), node->inputcollid);
        if (c == NULL)
            return NULL;
        comparisons[n++] = c;
    }
    if (n == 1)
        return comparisons[0];
    const TqpExpr *in = as_in(l, node->useOr, n, comparisons);
    if (in != NULL)
        return in;
    if (n > EXPANSION_MAX)
        return tqp_lower_fail(l, TQP_DECLINE_ARRAY_LENGTH);
    return tqp_ir_call(l->arena, node->useOr ? TQP_OP_OR : TQP_OP_AND, type_bool, n, comparisons);
}
