/*
 * HostEval: an expression that the IR lacks becomes (host K column... TYPE), which PostgreSQL
 * evaluates (host_eval.c): of one column with few values once per distinct value when the query is
 * bound, else for each row where it stands.  Above the engine the tail does it for the rows that
 * are left instead.
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

#define ARGUMENTS_MAX 8 /* as in ops.def */

typedef struct Search {
    List *vars; /* different columns that were met */
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
        s->vars = list_append_unique(s->vars, node);
        s->refused = list_length(s->vars) > ARGUMENTS_MAX;
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

/* A number only where its digits are declared: each value has its own. */
static bool result_type(Node *node, TqpType *type) {
    const char *reason = NULL;
    return tqp_pg_type(exprType(node), exprTypmod(node), exprCollation(node), type, &reason) &&
           type->kind != TQP_TYPE_BPCHAR;
}

typedef struct Replacement {
    List *vars;
    List *by; /* Node * for each */
} Replacement;

static Node *with_columns(Node *node, void *context) {
    const Replacement *r = context;
    ListCell *lc;
    if (node == NULL)
        return NULL;
    if (!IsA(node, Var))
        return expression_tree_mutator(node, with_columns, context);
    foreach (lc, r->vars)
        if (equal(lfirst(lc), node))
            return list_nth(r->by, foreach_current_index(lc));
    return node;
}

static const TqpExpr *host_call(TqpLowering *l, Node *expr, TqpType type, uint32_t n,
                                const TqpExpr *const *x) {
    TqpType i32 = {.kind = TQP_TYPE_I32};
    const TqpExpr *args[ARGUMENTS_MAX + 1];
    int number = 0;
    while (number < list_length(l->hosts) && !equal(list_nth(l->hosts, number), expr))
        number++;
    if (number == list_length(l->hosts))
        l->hosts = lappend(l->hosts, expr);
    args[0] = tqp_ir_const_int(l->arena, i32, number);
    memcpy(&args[1], x, n * sizeof(*x));
    return tqp_ir_call(l->arena, TQP_OP_HOST, type, n + 1, args);
}

/* Of one argument HOST is strict: what the expression makes of NULL stands beside it. */
static const TqpExpr *with_null(TqpLowering *l, Node *node, List *vars, const TqpExpr *x,
                                const TqpExpr *host) {
    const Var *var = linitial(vars);
    if (list_length(vars) > 1 || !contain_nonstrict_functions(node))
        return host;
    Replacement null = {vars,
                        list_make1(makeNullConst(var->vartype, var->vartypmod, var->varcollid))};
    const TqpExpr *args[3] = {
        tqp_ir_call1(l->arena, TQP_OP_IS_NULL, (TqpType){.kind = TQP_TYPE_BOOL}, x),
        tqp_lower_param(l, with_columns(node, &null), host->type, TQP_ROUND_EXACT), host};
    return tqp_ir_call(l->arena, TQP_OP_CASE, host->type, 3, args);
}

/* A column's value must become PostgreSQL's again: widths and digits have to be known. */
static bool lower_argument(TqpLowering *l, Var *var, const TqpExpr **x) {
    *x = tqp_lower_expr(l, (Node *)var);
    return *x != NULL && tqp_lower_scale(l, *x) == NULL &&
           ((*x)->type.kind != TQP_TYPE_BPCHAR || var->vartypmod >= (int32)VARHDRSZ);
}

/* The argument's place in a row that PostgreSQL reads; of numeric the typmod says the scale. */
static Var *argument(int number, const Var *var, TqpType type) {
    int32 typmod = type.kind == TQP_TYPE_NUM ? type.scale + (int32)VARHDRSZ : var->vartypmod;
    return makeVar(INDEX_VAR, (AttrNumber)number, var->vartype, typmod, var->varcollid, 0);
}

static bool reads_outside(const List *vars) {
    ListCell *lc;
    foreach (lc, vars)
        if (((const Var *)lfirst(lc))->varlevelsup > 0)
            return true;
    return false;
}

/* What is called for each row of a pipeline, not for each pair that a join looks at. */
static bool on_rows(const TqpLowering *l, const Search *s, const TqpExpr *x, TqpType type) {
    bool looked_up = list_length(s->vars) == 1 && may_be_narrow(x->type) &&
                     type.kind != TQP_TYPE_NUM && type.kind != TQP_TYPE_F32;
    return !looked_up && (l->no_rows || l->sub != NULL || reads_outside(s->vars));
}

const TqpExpr *tqp_lower_host(TqpLowering *l, Node *node) {
    const char *reason = l->reason; /* why the IR lacks it */
    Search s = {.secured = l->secure};
    const TqpExpr *x[ARGUMENTS_MAX];
    Replacement places = {0};
    TqpType type;
    ListCell *lc;
    bool ok = true;
    if (l->no_host || l->grouped || IsA(node, Var) || expression_returns_set(node) ||
        search(node, &s) || s.vars == NIL || !result_type(node, &type))
        return NULL;
    foreach (lc, s.vars) {
        int k = foreach_current_index(lc);
        ok = ok && lower_argument(l, lfirst(lc), &x[k]);
        if (ok)
            places.by = lappend(places.by, argument(k + 1, lfirst(lc), x[k]->type));
    }
    l->reason = reason;
    if (!ok || on_rows(l, &s, x[0], type))
        return NULL;
    places.vars = s.vars;
    uint32_t n = (uint32_t)list_length(s.vars);
    return with_null(l, node, s.vars, x[0], host_call(l, with_columns(node, &places), type, n, x));
}

const TqpExpr *tqp_lower_host_cast(TqpLowering *l, Oid funcid, const TqpExpr *x, Oid from, Oid to) {
    const char *reason;
    TqpType type;
    if (l->no_host || !tqp_pg_type(to, -1, InvalidOid, &type, &reason))
        return tqp_lower_fail(l, TQP_DECLINE_FUNCTION, get_func_name(funcid));
    Node *input = (Node *)makeVar(INDEX_VAR, 1, from, -1, InvalidOid, 0);
    Node *expr = (Node *)makeFuncExpr(funcid, to, list_make1(input), InvalidOid, InvalidOid,
                                      COERCE_EXPLICIT_CALL);
    return host_call(l, expr, type, 1, &x);
}
