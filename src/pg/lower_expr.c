/*
 * Scalar expressions: one small function per node type.  Subexpressions without columns become
 * parameters that PostgreSQL evaluates at execution start, so anything may stand there.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/pg_locale.h"

#include "pg/cache.h"
#include "pg/lower.h"
#include "pg/value.h"

const TqpExpr *tqp_lower_fail(TqpLowering *l, TqpDecline id, ...) {
    va_list args;
    va_start(args, id);
    l->reason = tqp_decline_va(id, args);
    va_end(args);
    return NULL;
}

const TqpExpr *tqp_lower_refuse(TqpLowering *l, const char *reason) {
    l->reason = reason;
    return NULL;
}

static bool finds_column(Node *node, void *context) {
    if (node == NULL)
        return false;
    if (IsA(node, Var) || IsA(node, Aggref) || IsA(node, CaseTestExpr) || IsA(node, GroupingFunc) ||
        IsA(node, SubLink))
        return true;
    if (IsA(node, Param))
        return ((Param *)node)->paramkind == PARAM_SUBLINK;
    return expression_tree_walker(node, finds_column, context);
}

bool tqp_lower_is_constant(Node *node) {
    return !finds_column(node, NULL);
}

bool tqp_lower_text_type(TqpLowering *l, TqpTypeKind kind, Oid collation, TqpType *type) {
    const char *reason = tqp_decline(TQP_DECLINE_NO_COLLATION);
    Oid typid = kind == TQP_TYPE_BPCHAR ? BPCHAROID : TEXTOID;
    if (kind == TQP_TYPE_BYTES) {
        *type = (TqpType){.kind = kind};
        return true;
    }
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
        reason = tqp_decline(TQP_DECLINE_NONDETERMINISTIC);
    else if (OidIsValid(collation) && tqp_pg_type(typid, -1, collation, type, &reason))
        return true;
    l->reason = reason;
    return false;
}

const TqpExpr *tqp_lower_cast(TqpLowering *l, const TqpExpr *e, TqpType type) {
    if (e == NULL || tqp_type_equal(e->type, type))
        return e;
    if (e->op == TQP_OP_CONST && (e->value.is_null || e->type.kind == type.kind) &&
        e->type.scale == type.scale)
        return tqp_ir_const(l->arena, type, &e->value);
    if (e->op == TQP_OP_PARAM && e->type.kind == type.kind && e->type.scale == type.scale)
        return tqp_ir_param(l->arena, e->index, type);
    return tqp_ir_call1(l->arena, TQP_OP_CAST, type, e);
}

/* Constant folding makes a RelabelType of COLLATE, so both end here. */
const TqpExpr *tqp_lower_collation(TqpLowering *l, const TqpExpr *e, Oid collation) {
    TqpType type;
    if (e == NULL || tqp_type_class(e->type.kind) != TQP_CLASS_TEXT)
        return e;
    if (!tqp_lower_text_type(l, e->type.kind, collation, &type))
        return NULL;
    return tqp_lower_cast(l, e, type);
}

static TqpPlanParam *find_param(TqpLowering *l, Node *node, TqpType type, TqpRounding rounding,
                                uint32_t *index) {
    ListCell *lc;
    foreach (lc, l->params) {
        TqpPlanParam *p = lfirst(lc);
        *index = (uint32_t)foreach_current_index(lc);
        if (p->rounding == rounding && tqp_type_equal(p->type, type) && equal(p->expr, node))
            return p;
    }
    return NULL;
}

const TqpExpr *tqp_lower_param(TqpLowering *l, Node *node, TqpType type, TqpRounding rounding) {
    uint32_t index;
    if (find_param(l, node, type, rounding, &index) == NULL) {
        TqpPlanParam *p = palloc(sizeof(*p));
        *p = (TqpPlanParam){.expr = node, .type = type, .rounding = rounding};
        index = (uint32_t)list_length(l->params);
        l->params = lappend(l->params, p);
    }
    return tqp_ir_param(l->arena, index, type);
}

static bool node_type(TqpLowering *l, Node *node, TqpType *type) {
    const char *reason;
    Oid collation = exprCollation(node);
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
        reason = tqp_decline(TQP_DECLINE_NONDETERMINISTIC);
    else if (tqp_pg_type(exprType(node), exprTypmod(node), collation, type, &reason))
        return true;
    l->reason = reason;
    return false;
}

static const TqpExpr *lower_const(TqpLowering *l, Node *node) {
    const Const *c = (const Const *)node;
    TqpType type = {.kind = TQP_TYPE_NUM};
    TqpValue value = {.is_null = c->constisnull};
    if (c->consttype == NUMERICOID) {
        if (!c->constisnull &&
            !tqp_value_numeric_scale(DatumGetNumeric(c->constvalue), &type.scale))
            return tqp_lower_fail(l, TQP_DECLINE_NAN);
    } else if (!node_type(l, node, &type)) {
        return NULL;
    }
    if (type.kind == TQP_TYPE_BYTES && !c->constisnull) /* may hold what the IR's text cannot */
        return tqp_lower_param(l, node, type, TQP_ROUND_EXACT);
    if (!c->constisnull &&
        !tqp_value_from_datum(l->arena, c->constvalue, c->consttype, type, TQP_ROUND_EXACT, &value))
        return tqp_lower_fail(l, TQP_DECLINE_CONSTANT, format_type_be(c->consttype));
    return tqp_ir_const(l->arena, type, &value);
}

static const TqpExpr *lower_constant_expr(TqpLowering *l, Node *node) {
    TqpType type;
    if (exprType(node) == NUMERICOID)
        return tqp_lower_fail(l, TQP_DECLINE_NUMERIC_PARAM);
    if (!node_type(l, node, &type))
        return NULL;
    return tqp_lower_param(l, node, type, TQP_ROUND_EXACT);
}

/* Column `index` of the node of level q, as an expression of level l: q itself or one inside. */
static const TqpExpr *level_column(TqpLowering *l, const TqpLowering *q, uint32_t index,
                                   TqpType type) {
    return q == l ? tqp_ir_col(l->arena, index, type)
                  : tqp_ir_outer(l->arena, l->depth - 1 - q->depth, index, type);
}

/* Above an aggregate a column is one of its keys. */
static const TqpExpr *grouped_var(TqpLowering *l, const TqpLowering *q, const Var *var) {
    Var own = *var;
    own.varlevelsup = 0;
    const TqpExpr *ir = tqp_lower_input(q, (Node *)&own);
    if (ir == NULL || ir->op != TQP_OP_COL || (q != l && tqp_lower_scale(q, ir) != NULL))
        return tqp_lower_fail(l, TQP_DECLINE_NOT_KEY);
    return q == l ? ir : level_column(l, q, ir->index, ir->type);
}

static const TqpExpr *lower_var(TqpLowering *l, Node *node) {
    const Var *var = (const Var *)node;
    TqpLowering *q = l;
    for (Index up = 0; up < var->varlevelsup && q != NULL; up++)
        q = q->outer;
    if (q == NULL || (q != l && l->depth <= q->depth))
        return tqp_lower_fail(l, TQP_DECLINE_LEVEL);
    if (var->varattno <= 0)
        return tqp_lower_fail(l, var->varattno == 0 ? TQP_DECLINE_WHOLE_ROW
                                                    : TQP_DECLINE_SYSTEM_COLUMN);
    if (q->grouped)
        return grouped_var(l, q, var);
    const TqpVarColumn *c = tqp_lower_column(q, var->varno, var->varattno);
    if (c == NULL)
        return tqp_lower_fail(l, TQP_DECLINE_LATERAL_OUTER);
    if (c->reason != NULL)
        return tqp_lower_refuse(l, c->reason);
    const TqpExpr *e = level_column(l, q, c->index, c->type);
    if (c->scale < 0)
        return e;
    TqpType i32 = {.kind = TQP_TYPE_I32};
    return tqp_lower_scaled(l, e, level_column(l, q, (uint32_t)c->scale, i32));
}

bool tqp_lower_list(TqpLowering *l, List *nodes, const TqpExpr **out) {
    ListCell *lc;
    foreach (lc, nodes) {
        const TqpExpr *e = tqp_lower_expr(l, lfirst(lc));
        if (e == NULL)
            return false;
        out[foreach_current_index(lc)] = e;
    }
    return true;
}

static const TqpExpr *lower_bool(TqpLowering *l, Node *node) {
    const BoolExpr *b = (const BoolExpr *)node;
    uint32_t n = (uint32_t)list_length(b->args);
    TqpType type = {.kind = TQP_TYPE_BOOL};
    const TqpExpr **args = palloc(sizeof(*args) * n);
    if (!tqp_lower_list(l, b->args, args))
        return NULL;
    TqpOp op = b->boolop == AND_EXPR ? TQP_OP_AND : b->boolop == OR_EXPR ? TQP_OP_OR : TQP_OP_NOT;
    return tqp_ir_call(l->arena, op, type, n, args);
}

static const TqpExpr *negate(TqpLowering *l, const TqpExpr *e) {
    TqpType type = {.kind = TQP_TYPE_BOOL};
    return tqp_ir_call1(l->arena, TQP_OP_NOT, type, e);
}

static const TqpExpr *lower_test(TqpLowering *l, TqpOp op, bool negated, Expr *arg) {
    TqpType type = {.kind = TQP_TYPE_BOOL};
    const TqpExpr *e = tqp_lower_expr(l, (Node *)arg);
    if (e == NULL)
        return NULL;
    e = tqp_ir_call1(l->arena, op, type, e);
    return negated ? negate(l, e) : e;
}

static const TqpExpr *lower_null_test(TqpLowering *l, Node *node) {
    const NullTest *t = (const NullTest *)node;
    if (t->argisrow)
        return tqp_lower_fail(l, TQP_DECLINE_ROW_TEST);
    return lower_test(l, TQP_OP_IS_NULL, t->nulltesttype == IS_NOT_NULL, t->arg);
}

static const TqpExpr *lower_boolean_test(TqpLowering *l, Node *node) {
    static const struct {
        TqpOp op;
        bool negated;
    } tests[] = {
        [IS_TRUE] = {TQP_OP_IS_TRUE, false},    [IS_NOT_TRUE] = {TQP_OP_IS_TRUE, true},
        [IS_FALSE] = {TQP_OP_IS_FALSE, false},  [IS_NOT_FALSE] = {TQP_OP_IS_FALSE, true},
        [IS_UNKNOWN] = {TQP_OP_IS_NULL, false}, [IS_NOT_UNKNOWN] = {TQP_OP_IS_NULL, true},
    };
    const BooleanTest *t = (const BooleanTest *)node;
    return lower_test(l, tests[t->booltesttype].op, tests[t->booltesttype].negated, t->arg);
}

static const TqpExpr *lower_op(TqpLowering *l, Node *node) {
    const OpExpr *op = (const OpExpr *)node;
    return tqp_lower_function(l, op->opfuncid, op->args, op->inputcollid, node);
}

static const TqpExpr *lower_func(TqpLowering *l, Node *node) {
    const FuncExpr *f = (const FuncExpr *)node;
    if (f->funcvariadic || f->funcretset)
        return tqp_lower_fail(l, TQP_DECLINE_FUNCTION, get_func_name(f->funcid));
    return tqp_lower_function(l, f->funcid, f->args, f->inputcollid, node);
}

static const TqpExpr *lower_distinct(TqpLowering *l, Node *node) {
    const DistinctExpr *d = (const DistinctExpr *)node;
    TqpOp op;
    if (!tqp_lower_comparison_op(d->opfuncid, &op) || op != TQP_OP_EQ)
        return tqp_lower_fail(l, TQP_DECLINE_DISTINCT_FROM,
                              format_type_be(exprType(linitial(d->args))));
    return tqp_lower_compare(l, TQP_OP_DISTINCT, linitial(d->args), lsecond(d->args),
                             d->inputcollid);
}

static const TqpExpr *lower_array(TqpLowering *l, Node *node) {
    return tqp_lower_array(l, (const ScalarArrayOpExpr *)node);
}

static bool is_varlena_text(Oid type) {
    return type == TEXTOID || type == VARCHAROID;
}

static const TqpExpr *lower_relabel(TqpLowering *l, Node *node) {
    const RelabelType *r = (const RelabelType *)node;
    Oid from = getBaseType(exprType((Node *)r->arg));
    if (from != r->resulttype && !(is_varlena_text(from) && is_varlena_text(r->resulttype)))
        return tqp_lower_fail(l, TQP_DECLINE_CAST, format_type_be(from),
                              format_type_be(r->resulttype));
    return tqp_lower_collation(l, tqp_lower_expr(l, (Node *)r->arg), r->resultcollid);
}

static const TqpExpr *lower_collate(TqpLowering *l, Node *node) {
    const CollateExpr *c = (const CollateExpr *)node;
    return tqp_lower_collation(l, tqp_lower_expr(l, (Node *)c->arg), c->collOid);
}

static const struct {
    NodeTag tag;
    const TqpExpr *(*lower)(TqpLowering *l, Node *node);
} rules[] = {
    {T_Var, lower_var},
    {T_OpExpr, lower_op},
    {T_FuncExpr, lower_func},
    {T_BoolExpr, lower_bool},
    {T_NullTest, lower_null_test},
    {T_BooleanTest, lower_boolean_test},
    {T_DistinctExpr, lower_distinct},
    {T_NullIfExpr, tqp_lower_nullif},
    {T_CaseExpr, tqp_lower_case},
    {T_CaseTestExpr, tqp_lower_case_test},
    {T_CoalesceExpr, tqp_lower_coalesce},
    {T_MinMaxExpr, tqp_lower_minmax},
    {T_ScalarArrayOpExpr, lower_array},
    {T_RelabelType, lower_relabel},
    {T_CollateExpr, lower_collate},
    {T_Aggref, tqp_lower_average},
    {T_SubLink, tqp_lower_sublink},
    {T_Param, tqp_lower_sublink_param},
};

static const struct {
    NodeTag tag;
    TqpDecline reason;
} unsupported[] = {
    {T_CoerceViaIO, TQP_DECLINE_TEXT_CAST},
    {T_ArrayExpr, TQP_DECLINE_ARRAY},
    {T_RowExpr, TQP_DECLINE_ROW},
    {T_RowCompareExpr, TQP_DECLINE_ROW_COMPARE},
    {T_SubscriptingRef, TQP_DECLINE_SUBSCRIPT},
    {T_FieldSelect, TQP_DECLINE_FIELD},
};

const TqpExpr *tqp_lower_input(const TqpLowering *l, Node *node) {
    ListCell *lc;
    foreach (lc, l->inputs) {
        const TqpInput *input = lfirst(lc);
        if (equal(input->expr, node))
            return input->ir;
    }
    return NULL;
}

static const TqpExpr *lower_by_rule(TqpLowering *l, Node *node) {
    for (size_t i = 0; i < lengthof(rules); i++)
        if (nodeTag(node) == rules[i].tag)
            return rules[i].lower(l, node);
    for (size_t i = 0; i < lengthof(unsupported); i++)
        if (nodeTag(node) == unsupported[i].tag)
            return tqp_lower_fail(l, unsupported[i].reason);
    return tqp_lower_fail(l, TQP_DECLINE_EXPRESSION, format_type_be(exprType(node)));
}

const TqpExpr *tqp_lower_expr(TqpLowering *l, Node *node) {
    check_stack_depth();
    const TqpExpr *found = l->grouped ? tqp_lower_input(l, node) : NULL;
    if (found != NULL)
        return found;
    if (IsA(node, Const))
        return lower_const(l, node);
    if (tqp_lower_is_constant(node))
        return lower_constant_expr(l, node);
    found = lower_by_rule(l, node);
    return found != NULL ? found : tqp_lower_host(l, node);
}
