/*
 * Parameters and other column-free expressions, evaluated once per execution by PostgreSQL.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/decline.h"
#include "pg/params.h"
#include "pg/plan.h"
#include "pg/value.h"

static bool is_query_end(int sqlstate) {
    return sqlstate == ERRCODE_QUERY_CANCELED || sqlstate == ERRCODE_ADMIN_SHUTDOWN ||
           sqlstate == ERRCODE_CRASH_SHUTDOWN;
}

bool tqp_guarded(void (*fn)(void *arg), void *arg, const char **reason) {
    ErrorData *ended = NULL;
    bool ok = tqp_guarded_end(fn, arg, reason, &ended);
    if (ended != NULL)
        ReThrowError(ended);
    return ok;
}

bool tqp_guarded_end(void (*fn)(void *arg), void *arg, const char **reason, ErrorData **ended) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile bool ok = true;
    if (IsInParallelMode()) {
        *reason = "running inside a parallel operation";
        return false;
    }
    BeginInternalSubTransaction(NULL);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        fn(arg);
        ReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData *error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
        if (is_query_end(error->sqlerrcode))
            *ended = error;
        *reason = psprintf("PostgreSQL raised: %s", error->message);
        ok = false;
    }
    PG_END_TRY();
    return ok;
}

typedef struct Evaluation {
    PlanState *node;
    List *params;
    TqpArena *arena;
    TqpValue *values;
    const char *reason;
} Evaluation;

static void evaluate(void *arg) {
    Evaluation *ev = arg;
    ListCell *lc;
    foreach (lc, ev->params) {
        const TqpPlanParam *p = lfirst(lc);
        TqpValue *value = &ev->values[foreach_current_index(lc)];
        ExprState *state = ExecInitExpr((Expr *)p->expr, ev->node);
        bool isnull;
        Datum datum = ExecEvalExprSwitchContext(state, ev->node->ps_ExprContext, &isnull);
        *value = (TqpValue){.is_null = isnull};
        if (!isnull &&
            !tqp_value_from_datum(ev->arena, datum, exprType(p->expr), p->type, p->rounding, value))
            ev->reason = "a parameter's value has no exact form in the engine's type";
    }
}

/* Reading a Param or a constant raises nothing. */
static bool is_simple(List *params) {
    ListCell *lc;
    foreach (lc, params) {
        Node *expr = ((TqpPlanParam *)lfirst(lc))->expr;
        if (!IsA(expr, Const) && !IsA(expr, Param))
            return false;
    }
    return true;
}

bool tqp_params_evaluate(PlanState *node, List *params, TqpArena *arena, TqpValue **values,
                         const char **reason) {
    Evaluation ev = {.node = node, .params = params, .arena = arena};
    *values = ev.values = palloc0(sizeof(TqpValue) * ((Size)list_length(params) + 1));
    if (is_simple(params))
        evaluate(&ev);
    else if (!tqp_guarded(evaluate, &ev, reason))
        return false;
    if (ev.reason != NULL)
        *reason = ev.reason;
    return ev.reason == NULL;
}

bool tqp_params_bound(const TqpValue *values, int index, int64 missing, int64 *bound,
                      const char **reason) {
    *bound = missing;
    if (index < 0 || values[index].is_null)
        return true;
    *bound = (int64)values[index].i;
    if (*bound >= 0)
        return true;
    *reason = tqp_decline(TQP_DECLINE_NEGATIVE_LIMIT);
    return false;
}
