/*
 * HostEval: PostgreSQL's executor evaluates an expression of one column for values that the binder
 * gives.  A context of its own is reset after each value.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"

#include "pg/cache.h"
#include "pg/host_eval.h"
#include "pg/params.h"
#include "pg/value.h"

typedef struct Call {
    TqpScanState *s;
    Expr *expr;
    TqpType type; /* of the result */
    TqpArena *arena;
    uint32 n;
    const TqpValue *in;
    TqpValue *out;
} Call;

static bool find_column(Node *node, void *context) {
    if (node != NULL && IsA(node, Var)) {
        *(Var **)context = (Var *)node;
        return true;
    }
    return node != NULL && expression_tree_walker(node, find_column, context);
}

static void call_each(const Call *c, const Var *var, ExprState *state, ExprContext *econtext) {
    TupleTableSlot *slot = econtext->ecxt_scantuple;
    Oid type = exprType((Node *)c->expr);
    for (uint32 i = 0; i < c->n; i++) {
        bool isnull;
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(econtext);
        MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
        ExecClearTuple(slot);
        slot->tts_values[0] = tqp_value_to_datum(&c->in[i], var->vartype, var->vartypmod);
        slot->tts_isnull[0] = false;
        ExecStoreVirtualTuple(slot);
        Datum datum = ExecEvalExpr(state, econtext, &isnull);
        c->out[i] = (TqpValue){.is_null = isnull};
        if (!isnull &&
            !tqp_value_from_datum(c->arena, datum, type, c->type, TQP_ROUND_EXACT, &c->out[i]))
            elog(ERROR, "result without an exact form in the engine");
        MemoryContextSwitchTo(old);
    }
}

static void evaluate(void *arg) {
    Call *c = arg;
    PlanState *ps = &c->s->css.ss.ps;
    Var *var = NULL;
    (void)find_column((Node *)c->expr, &var);
    TupleTableSlot *slot =
        MakeSingleTupleTableSlot(ExecTypeFromExprList(list_make1(var)), &TTSOpsVirtual);
    ExprContext *econtext = CreateExprContext(ps->state);
    econtext->ecxt_scantuple = slot;
    call_each(c, var, ExecInitExpr(c->expr, ps), econtext);
    ExecDropSingleTupleTableSlot(slot);
    FreeExprContext(econtext, true);
}

TqpStatus tqp_host_eval(void *host, uint32_t function, TqpArena *a, uint32_t n, const TqpValue *in,
                        TqpValue *out, TqpError *err) {
    TqpScanState *s = host;
    const char *reason = "function of PostgreSQL";
    Call c = {.s = s, .arena = a, .n = n, .in = in, .out = out};
    if (function >= (uint32_t)list_length(s->plan.hosts))
        return tqp_error_set(err, TQP_INVALID, "no function %u of PostgreSQL", function);
    c.expr = list_nth(s->plan.hosts, (int)function);
    if (!tqp_pg_type(exprType((Node *)c.expr), exprTypmod((Node *)c.expr),
                     exprCollation((Node *)c.expr), &c.type, &reason) ||
        !tqp_guarded(evaluate, &c, &reason))
        return tqp_error_set(err, TQP_UNSUPPORTED, "%s", reason);
    return TQP_OK;
}
