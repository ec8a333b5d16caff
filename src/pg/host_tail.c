/*
 * The tail: filter, project, sort and limit the engine's rows with PostgreSQL's executor machinery.
 * All of it happens before the first row is returned, so an error can still become a replay.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "pg/host_tail.h"
#include "pg/params.h"
#include "pg/tqp_pg.h"

typedef struct Tail {
    TqpScanState *s;
    const TqpPlanTail *plan;
    int64 limit, offset, passed; /* rows that reached the limit so far */
    ExprContext *econtext;
    ExprState *qual;
    ProjectionInfo *projection;
    TupleTableSlot *input, *projected;
    Tuplesortstate *sort;
} Tail;

static void init_tail(Tail *t) {
    PlanState *ps = &t->s->css.ss.ps;
    EState *estate = ps->state;
    TupleDesc in = ExecTypeFromExprList(t->s->plan.columns);
    TupleDesc out = ExecTypeFromTL(t->plan->targets);
    t->econtext = CreateExprContext(estate);
    t->input = MakeSingleTupleTableSlot(in, &TTSOpsVirtual);
    t->projected = MakeSingleTupleTableSlot(out, &TTSOpsVirtual);
    t->qual = ExecInitQual(t->plan->quals, ps);
    t->projection = ExecBuildProjectionInfo(t->plan->targets, t->econtext, t->projected, ps, in);
}

static Tuplesortstate *begin_sort(const Tail *t) {
    const TqpPlanTail *p = t->plan;
    int n = list_length(p->sort_columns);
    AttrNumber *columns = palloc(sizeof(AttrNumber) * (Size)n);
    Oid *operators = palloc(sizeof(Oid) * (Size)n), *collations = palloc(sizeof(Oid) * (Size)n);
    bool *nulls_first = palloc(sizeof(bool) * (Size)n);
    for (int i = 0; i < n; i++) {
        columns[i] = (AttrNumber)list_nth_int(p->sort_columns, i);
        operators[i] = list_nth_oid(p->sort_operators, i);
        collations[i] = list_nth_oid(p->sort_collations, i);
        nulls_first[i] = list_nth_int(p->sort_nulls_first, i) != 0;
    }
    Tuplesortstate *sort =
        tuplesort_begin_heap(t->projected->tts_tupleDescriptor, n, columns, operators, collations,
                             nulls_first, work_mem, NULL, TUPLESORT_ALLOWBOUNDED);
    if (t->limit > 0 && t->limit < PG_INT32_MAX && t->offset < PG_INT32_MAX)
        tuplesort_set_bound(sort, t->limit + t->offset);
    return sort;
}

static bool wants_more(const Tail *t) {
    return t->limit < 0 || t->passed - t->offset < t->limit;
}

/* Count the row against OFFSET and LIMIT and keep its visible columns. */
static void emit(Tail *t, TupleTableSlot *row) {
    TupleTableSlot *slot = t->s->css.ss.ss_ScanTupleSlot;
    int n = slot->tts_tupleDescriptor->natts;
    bool wanted = wants_more(t);
    if (t->passed++ < t->offset || !wanted)
        return;
    slot_getallattrs(row);
    ExecClearTuple(slot);
    memcpy(slot->tts_values, row->tts_values, sizeof(Datum) * (Size)n);
    memcpy(slot->tts_isnull, row->tts_isnull, sizeof(bool) * (Size)n);
    ExecStoreVirtualTuple(slot);
    tuplestore_puttupleslot(t->s->store, slot);
    ExecClearTuple(slot);
    t->s->rows++;
}

static void scan_rows(Tail *t) {
    TqpResultReader *reader = tqp_result_reader(&t->s->run.result, t->s->plan.columns);
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(t->econtext);
        if (!tqp_result_read(reader, true, t->econtext->ecxt_per_tuple_memory, t->input))
            break;
        t->econtext->ecxt_scantuple = t->input;
        if (!ExecQual(t->qual, t->econtext))
            continue;
        TupleTableSlot *row = ExecProject(t->projection);
        if (t->sort != NULL)
            tuplesort_puttupleslot(t->sort, row);
        else
            emit(t, row); /* rows past the limit too may raise below PostgreSQL's sort */
    }
}

static void drain_sort(Tail *t) {
    TupleTableSlot *row =
        MakeSingleTupleTableSlot(t->projected->tts_tupleDescriptor, &TTSOpsMinimalTuple);
    tuplesort_performsort(t->sort);
    while (wants_more(t) && tuplesort_gettupleslot(t->sort, true, false, row, NULL)) {
        emit(t, row);
        CHECK_FOR_INTERRUPTS();
    }
    ExecDropSingleTupleTableSlot(row);
    tuplesort_end(t->sort);
}

static void run_tail(void *arg) {
    Tail *t = arg;
    init_tail(t);
    if (t->plan->sort_columns != NIL)
        t->sort = begin_sort(t);
    scan_rows(t);
    if (t->sort != NULL)
        drain_sort(t);
    ExecDropSingleTupleTableSlot(t->input);
    ExecDropSingleTupleTableSlot(t->projected);
    FreeExprContext(t->econtext, true);
}

bool tqp_host_tail(TqpScanState *s, const char **reason) {
    Tail t = {.s = s, .plan = &s->plan.tail};
    instr_time start, end;
    INSTR_TIME_SET_CURRENT(start);
    if (!tqp_params_bound(s->params, t.plan->limit_param, -1, &t.limit, reason) ||
        !tqp_params_bound(s->params, t.plan->offset_param, 0, &t.offset, reason))
        return false;
    s->rows = 0;
    s->store = tuplestore_begin_heap(true, false, work_mem);
    bool ok = tqp_guarded(run_tail, &t, reason);
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    s->run.tail_ms = INSTR_TIME_GET_MILLISEC(end);
    return ok;
}
