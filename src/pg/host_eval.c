/*
 * HostEval: PostgreSQL's executor evaluates an expression of some columns for values that the
 * binder or the executor gives.  A context of its own is reset after each.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

#include "pg/cache.h"
#include "pg/host_eval.h"
#include "pg/params.h"
#include "pg/value.h"

typedef struct Call {
    TqpScanState *s;
    Expr *expr;
    TqpType type; /* of the result */
    TqpArena *arena;
    MemoryContext context;
    uint32 nargs, n;
    const TqpValue *in;
    TqpValue *out;
} Call;

/* Its columns by number; a number may be missing. */
static bool find_columns(Node *node, void *context) {
    if (node != NULL && IsA(node, Var)) {
        ((Var **)context)[((Var *)node)->varattno - 1] = (Var *)node;
        return false;
    }
    return node != NULL && expression_tree_walker(node, find_columns, context);
}

static void store_row(const Call *c, Var **vars, const TqpValue *in, TupleTableSlot *slot) {
    ExecClearTuple(slot);
    for (uint32 k = 0; k < c->nargs; k++) {
        slot->tts_isnull[k] = in[k].is_null;
        slot->tts_values[k] =
            in[k].is_null ? (Datum)0
                          : tqp_value_to_datum(&in[k], vars[k]->vartype, vars[k]->vartypmod);
    }
    ExecStoreVirtualTuple(slot);
}

static void call_each(const Call *c, Var **vars, ExprState *state, ExprContext *econtext) {
    Oid type = exprType((Node *)c->expr);
    for (uint32 i = 0; i < c->n; i++) {
        bool isnull;
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(econtext);
        MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
        store_row(c, vars, &c->in[i * c->nargs], econtext->ecxt_scantuple);
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
    MemoryContext old = MemoryContextSwitchTo(c->context);
    Var **vars = palloc0(sizeof(*vars) * c->nargs);
    List *columns = NIL;
    (void)find_columns((Node *)c->expr, vars);
    for (uint32 k = 0; k < c->nargs; k++)
        columns = lappend(columns, vars[k]);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(ExecTypeFromExprList(columns), &TTSOpsVirtual);
    ExprContext *econtext = CreateExprContext(ps->state);
    econtext->ecxt_scantuple = slot;
    call_each(c, vars, ExecInitExpr(c->expr, ps), econtext);
    ExecDropSingleTupleTableSlot(slot);
    FreeExprContext(econtext, true);
    MemoryContextSwitchTo(old);
}

/* A cancel cannot be raised through the engine; tqp_run_program does when that has returned. */
TqpStatus tqp_host_eval(void *host, uint32_t function, TqpArena *a, uint32_t nargs, uint32_t n,
                        const TqpValue *in, TqpValue *out, TqpError *err) {
    TqpScanState *s = host;
    const char *reason = "function of PostgreSQL";
    Call c = {.s = s, .arena = a, .nargs = nargs, .n = n, .in = in, .out = out};
    if (function >= (uint32_t)list_length(s->plan.hosts))
        return tqp_error_set(err, TQP_INVALID, "no function %u of PostgreSQL", function);
    c.expr = list_nth(s->plan.hosts, (int)function);
    if (!tqp_pg_type(exprType((Node *)c.expr), exprTypmod((Node *)c.expr),
                     exprCollation((Node *)c.expr), &c.type, &reason))
        return tqp_error_set(err, TQP_UNSUPPORTED, "%s", reason);
    c.context = AllocSetContextCreate(CurrentMemoryContext, "tqp host", ALLOCSET_DEFAULT_SIZES);
    bool ok = tqp_guarded_end(evaluate, &c, &reason, &s->ended);
    MemoryContextDelete(c.context);
    if (ok)
        return TQP_OK;
    return s->ended != NULL ? TQP_CANCELLED : tqp_error_set(err, TQP_UNSUPPORTED, "%s", reason);
}
