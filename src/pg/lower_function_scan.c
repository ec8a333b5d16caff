/*
 * A function in FROM whose rows follow from the statement alone: immutable, of constants, and few
 * of them.  They are computed while planning, as PostgreSQL's planner computes immutable
 * expressions.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "parser/parsetree.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/lower.h"

#define ROWS_MAX 1000 /* in the plan's text */

/* Of functions whose number of rows follows from their arguments before they are called. */
static bool is_countable(Oid funcid) {
    return funcid == F_GENERATE_SERIES_INT4_INT4 || funcid == F_GENERATE_SERIES_INT4_INT4_INT4 ||
           funcid == F_GENERATE_SERIES_INT8_INT8 || funcid == F_GENERATE_SERIES_INT8_INT8_INT8 ||
           funcid == F_UNNEST_ANYARRAY;
}

/* Steps of days and time; PostgreSQL has no estimate for these. */
static bool is_short_series(const FuncExpr *f) {
    if (f->funcid != F_GENERATE_SERIES_TIMESTAMP_TIMESTAMP_INTERVAL)
        return false;
    Timestamp from = DatumGetTimestamp(((Const *)linitial(f->args))->constvalue);
    Timestamp to = DatumGetTimestamp(((Const *)lsecond(f->args))->constvalue);
    const Interval *step = DatumGetIntervalP(((Const *)lthird(f->args))->constvalue);
    if (TIMESTAMP_NOT_FINITE(from) || TIMESTAMP_NOT_FINITE(to) || step->month < 0 ||
        step->day < 0 || step->time < 0)
        return false;
    double days = step->month * 28.0 + step->day; /* a month has no fewer */
    double span = days * (double)USECS_PER_DAY + (double)step->time;
    return span > 0 && ((double)to - (double)from) / span < ROWS_MAX;
}

static double count_rows(const FuncExpr *call) {
    PlannerInfo *root = makeNode(PlannerInfo);
    root->glob = makeNode(PlannerGlobal);
    return get_function_rows(root, call->funcid, (Node *)call);
}

static const FuncExpr *plain_call(const RangeTblEntry *rte) {
    const RangeTblFunction *f = linitial(rte->functions);
    const FuncExpr *call = (const FuncExpr *)f->funcexpr;
    ListCell *lc;
    if (list_length(rte->functions) != 1 || f->funccolnames != NIL || !IsA(call, FuncExpr) ||
        !call->funcretset || get_func_rettype(call->funcid) == RECORDOID ||
        func_volatile(call->funcid) != PROVOLATILE_IMMUTABLE)
        return NULL;
    foreach (lc, call->args)
        if (!IsA(lfirst(lc), Const) || ((const Const *)lfirst(lc))->constisnull)
            return NULL;
    if (is_short_series(call))
        return call;
    return is_countable(call->funcid) && count_rows(call) <= ROWS_MAX ? call : NULL;
}

/* A list of lists of constants, as of VALUES; with the row's number if `numbered`. */
static List *call_now(const FuncExpr *call, bool numbered) {
    Oid type = exprType((Node *)call), collation = exprCollation((Node *)call);
    TupleDesc desc = CreateTemplateTupleDesc(1);
    EState *estate = CreateExecutorState();
    ExprContext *econtext = CreateExprContext(estate);
    MemoryContext arguments = AllocSetContextCreate(CurrentMemoryContext, "tqp function arguments",
                                                    ALLOCSET_SMALL_SIZES); /* is reset */
    List *rows = NIL;
    int16 len;
    bool byval;
    get_typlenbyval(type, &len, &byval);
    TupleDescInitEntry(desc, 1, "value", type, -1, 0);
    SetExprState *state = ExecInitTableFunctionResult((Expr *)call, econtext, NULL);
    Tuplestorestate *store = ExecMakeTableFunctionResult(state, econtext, arguments, desc, false);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(store, true, false, slot)) {
        bool isnull;
        Datum value = slot_getattr(slot, 1, &isnull);
        List *row =
            list_make1(makeConst(type, -1, collation, len,
                                 isnull ? (Datum)0 : datumCopy(value, byval, len), isnull, byval));
        if (numbered)
            row = lappend(row, makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
                                         Int64GetDatum(list_length(rows) + 1), false, true));
        rows = lappend(rows, row);
    }
    ExecDropSingleTupleTableSlot(slot);
    tuplestore_end(store);
    MemoryContextDelete(arguments);
    FreeExecutorState(estate);
    return rows;
}

bool tqp_lower_function_scan(TqpLowering *l, int rtindex, TqpLeaf *leaf) {
    const RangeTblEntry *rte = rt_fetch(rtindex, l->query->rtable);
    const FuncExpr *call = plain_call(rte);
    List *rows = call != NULL ? call_now(call, rte->funcordinality) : NIL;
    if (rows == NIL) {
        tqp_lower_fail(l, TQP_DECLINE_FUNCTION_IN_FROM);
        return false;
    }
    l->functions = list_append_unique_oid(l->functions, call->funcid);
    return tqp_lower_values(l, rtindex, rows, leaf);
}
