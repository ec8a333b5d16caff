/*
 * HostEval: an expression that the IR lacks but that reads one column with few values becomes
 * (host K TYPE column), which PostgreSQL evaluates once per distinct value when the query is bound
 * (host_eval.c).  Above the engine the tail does it for the rows that are left instead.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "utils/lsyscache.h"

#include "pg/cache.h"
#include "pg/lower.h"

typedef struct Search {
    Var *var; /* the one column that was met */
    bool refused;
    bool secured; /* some rows are hidden from the caller */
} Search;

/*
 * A function may meet values that no selected row holds, so it must do nothing but compute.
 * Immutable functions promise that; stable ones are trusted when they are PostgreSQL's own.
 */
static bool has_effects(Oid funcid, void *context) {
    char volatility = func_volatile(funcid);
    if (((const Search *)context)->secured && !get_func_leakproof(funcid))
        return true; /* the reason of a replay would show what the function met */
    return volatility == PROVOLATILE_VOLATILE ||
           (volatility == PROVOLATILE_STABLE && funcid >= FirstNormalObjectId);
}

static bool search(Node *node, void *context) {
    Search *s = context;
    if (node == NULL || s->refused)
        return s->refused;
    switch (nodeTag(node)) {
    case T_Var:
        s->refused = s->var != NULL && !equal(s->var, node);
        s->var = (Var *)node;
        return s->refused;
    case T_Param:
        s->refused = ((Param *)node)->paramkind != PARAM_EXTERN;
        return s->refused;
    case T_Aggref:
    case T_WindowFunc:
    case T_GroupingFunc:
    case T_SubLink:
    case T_SubPlan:
    case T_CoerceToDomain: /* NULL may violate a constraint */
    case T_CaseTestExpr:   /* whose CASE may be outside */
        s->refused = true;
        return true;
    default:
        s->refused = check_functions_in_node(node, has_effects, s);
        return s->refused || expression_tree_walker(node, search, context);
    }
}

/* Types of a column that often has few values; the binder sees how many. */
static bool may_be_narrow(TqpType type) {
    return tqp_type_class(type.kind) == TQP_CLASS_TEXT || type.kind == TQP_TYPE_I16 ||
           type.kind == TQP_TYPE_I32 || type.kind == TQP_TYPE_DATE;
}

static bool result_type(Node *node, TqpType *type) {
    const char *reason = NULL;
    return tqp_pg_type(exprType(node), exprTypmod(node), exprCollation(node), type, &reason) &&
           type->kind != TQP_TYPE_NUM && type->kind != TQP_TYPE_F32 &&
           type->kind != TQP_TYPE_BPCHAR;
}

static Node *with_column(Node *node, void *replacement) {
    if (node == NULL)
        return NULL;
    if (IsA(node, Var))
        return replacement;
    return expression_tree_mutator(node, with_column, replacement);
}

static const TqpExpr *host_call(TqpLowering *l, Node *expr, TqpType type, const TqpExpr *x) {
    TqpType i32 = {.kind = TQP_TYPE_I32};
    int number = 0;
    while (number < list_length(l->hosts) && !equal(list_nth(l->hosts, number), expr))
        number++;
    if (number == list_length(l->hosts))
        l->hosts = lappend(l->hosts, expr);
    return tqp_ir_call2(l->arena, TQP_OP_HOST, type, tqp_ir_const_int(l->arena, i32, number), x);
}

/* HOST is strict: what the expression makes of NULL is computed beside it, as a parameter. */
static const TqpExpr *with_null(TqpLowering *l, Node *node, Var *var, const TqpExpr *x,
                                const TqpExpr *host) {
    if (!contain_nonstrict_functions(node))
        return host;
    Node *null = (Node *)makeNullConst(var->vartype, var->vartypmod, var->varcollid);
    const TqpExpr *args[3] = {
        tqp_ir_call1(l->arena, TQP_OP_IS_NULL, (TqpType){.kind = TQP_TYPE_BOOL}, x),
        tqp_lower_param(l, with_column(node, null), host->type, TQP_ROUND_EXACT), host};
    return tqp_ir_call(l->arena, TQP_OP_CASE, host->type, 3, args);
}

const TqpExpr *tqp_lower_host(TqpLowering *l, Node *node) {
    const char *reason = l->reason; /* why the IR lacks it */
    Search s = {.secured = l->secure};
    TqpType type;
    if (l->no_host || l->grouped || IsA(node, Var) || expression_returns_set(node) ||
        search(node, &s) || s.var == NULL || !result_type(node, &type))
        return NULL;
    const TqpExpr *x = tqp_lower_expr(l, (Node *)s.var);
    l->reason = reason;
    if (x == NULL || !may_be_narrow(x->type) ||
        (x->type.kind == TQP_TYPE_BPCHAR && s.var->vartypmod < (int32)VARHDRSZ))
        return NULL;
    Var *input = makeVar(INDEX_VAR, 1, s.var->vartype, s.var->vartypmod, s.var->varcollid, 0);
    return with_null(l, node, s.var, x, host_call(l, with_column(node, input), type, x));
}

const TqpExpr *tqp_lower_host_cast(TqpLowering *l, Oid funcid, const TqpExpr *x, Oid from, Oid to) {
    const char *reason;
    TqpType type;
    if (l->no_host || !tqp_pg_type(to, -1, InvalidOid, &type, &reason))
        return tqp_lower_fail(l, TQP_DECLINE_FUNCTION, get_func_name(funcid));
    Node *input = (Node *)makeVar(INDEX_VAR, 1, from, -1, InvalidOid, 0);
    Node *expr = (Node *)makeFuncExpr(funcid, to, list_make1(input), InvalidOid, InvalidOid,
                                      COERCE_EXPLICIT_CALL);
    return host_call(l, expr, type, x);
}
