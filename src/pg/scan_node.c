/*
 * Custom Scan (TqpScan): at its first tuple it runs the whole query on the engine, or replays it in
 * PostgreSQL; either way all rows are there before the first is returned, so it can scan backward.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/control.h"
#include "pg/host_tail.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"

static Node *create_state(CustomScan *scan);

const CustomScanMethods tqp_scan_methods = {"TqpScan", create_state};

/* Functions that the engine computes itself still need the caller's EXECUTE privilege. */
static void check_functions(List *functions) {
    ListCell *lc;
    foreach (lc, functions) {
        Oid funcid = lfirst_oid(lc);
        AclResult result = tqp_compat_function_acl(funcid);
        if (result != ACLCHECK_OK)
            aclcheck_error(result,
                           get_func_prokind(funcid) == PROKIND_AGGREGATE ? OBJECT_AGGREGATE
                                                                         : OBJECT_FUNCTION,
                           get_func_name(funcid));
        InvokeFunctionExecuteHook(funcid);
    }
}

/* Registered on the query's memory context: frees what malloc and mmap gave, also on abort. */
static void release(void *arg) {
    tqp_run_free(arg);
}

static void begin_scan(CustomScanState *node, EState *estate, int eflags) {
    TqpScanState *s = (TqpScanState *)node;
    CustomScan *scan = (CustomScan *)node->ss.ps.plan;
    tqp_plan_unpack(scan->custom_private, estate->es_range_table, &s->plan);
    check_functions(s->plan.functions);
    s->own = scan->custom_plans != NIL ? linitial(scan->custom_plans) : NULL;
    s->eflags = eflags;
    if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
        return;
    s->stored = ExecInitExtraTupleSlot(estate, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor,
                                       &TTSOpsMinimalTuple);
    MemoryContextCallback *callback =
        MemoryContextAllocZero(estate->es_query_cxt, sizeof(*callback));
    callback->func = release;
    callback->arg = &s->run;
    MemoryContextRegisterResetCallback(estate->es_query_cxt, callback);
}

static double total_ms(const TqpScanState *s) {
    const TqpRun *r = &s->run;
    return r->parse_ms + r->pin_ms + r->bind_ms + r->run_ms + r->tail_ms + s->replay_ms;
}

static void log_outcome(const TqpScanState *s, TqpOutcome outcome) {
    const EState *estate = s->css.ss.ps.state;
    const char *reason = s->replay_reason;
    if (s->own != NULL)
        reason = reason != NULL ? psprintf("in part: %s", reason) : "in part";
    tqp_control_log(outcome, estate->es_plannedstmt->queryId, estate->es_sourceText, reason,
                    total_ms(s), s->rows);
}

/*
 * PostgreSQL's plan of a part takes the node's place in the running plan.  It gives its rows as
 * they are asked for, so that it meets no more errors than it would have without us.
 */
static void replay_part(TqpScanState *s) {
    tqp_run_free(&s->run);
    if (s->store != NULL)
        tuplestore_end(s->store);
    s->store = NULL;
    s->rows = 0;
    s->child = ExecInitNode(s->own, s->css.ss.ps.state, s->eflags);
}

/* PostgreSQL's own plan; the log tells of the replay also when it ends in the genuine error. */
static void replay(TqpScanState *s) {
    if (s->own != NULL) {
        replay_part(s);
        return;
    }
    PG_TRY();
    { tqp_replay(s); }
    PG_CATCH();
    {
        s->rows = 0;
        log_outcome(s, TQP_OUTCOME_REPLAYED);
        PG_RE_THROW();
    }
    PG_END_TRY();
}

/*
 * Expressions that run in subtransactions get no machine code: it would be theirs, and go with the
 * first while the statement still knows it.  An error ends the statement, flags and all.
 */
static bool run(TqpScanState *s, const char **reason) {
    int *jit_flags = &s->css.ss.ps.state->es_jit_flags, before = *jit_flags;
    *jit_flags = 0;
    bool done = tqp_run_program(s, reason);
    if (done && s->plan.tail.targets != NIL)
        done = tqp_host_tail(s, reason);
    else if (done)
        s->reader = tqp_result_reader(&s->run.result, s->plan.columns);
    *jit_flags = before;
    return done;
}

static void execute(TqpScanState *s) {
    EState *estate = s->css.ss.ps.state;
    const char *reason = NULL;
    MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
    bool done = run(s, &reason);
    if (!done) {
        CHECK_FOR_INTERRUPTS();
        s->replay_reason = reason != NULL ? reason : "unknown";
        replay(s);
    }
    if (s->reader != NULL)
        s->rows = s->run.result.nrows;
    s->executed = true;
    log_outcome(s, done ? TQP_OUTCOME_OFFLOADED : TQP_OUTCOME_REPLAYED);
    MemoryContextSwitchTo(old);
}

/*
 * The row as the nodes above a part expect it: in the virtual slot that the node announced, with
 * its own target list.
 */
static TupleTableSlot *project(TqpScanState *s, TupleTableSlot *row) {
    TupleTableSlot *slot = s->css.ss.ss_ScanTupleSlot;
    ProjectionInfo *projection = s->css.ss.ps.ps_ProjInfo;
    ExprContext *econtext = s->css.ss.ps.ps_ExprContext;
    int n = slot->tts_tupleDescriptor->natts;
    if (TupIsNull(row))
        return NULL;
    if (row != slot) { /* the replayed plan has sort keys after our columns */
        slot_getsomeattrs(row, n);
        ExecClearTuple(slot);
        memcpy(slot->tts_values, row->tts_values, sizeof(Datum) * (Size)n);
        memcpy(slot->tts_isnull, row->tts_isnull, sizeof(bool) * (Size)n);
        ExecStoreVirtualTuple(slot);
    }
    if (projection == NULL)
        return slot;
    econtext->ecxt_scantuple = slot;
    return ExecProject(projection);
}

static TupleTableSlot *next_row(TqpScanState *s) {
    TupleTableSlot *slot = s->css.ss.ss_ScanTupleSlot;
    ExprContext *econtext = s->css.ss.ps.ps_ExprContext;
    bool forward = ScanDirectionIsForward(s->css.ss.ps.state->es_direction);
    ResetExprContext(econtext);
    if (s->child != NULL)
        return ExecProcNode(s->child);
    if (s->store != NULL) {
        tuplestore_gettupleslot(s->store, forward, false, s->stored);
        return s->stored;
    }
    tqp_result_read(s->reader, forward, econtext->ecxt_per_tuple_memory, slot);
    return slot;
}

static TupleTableSlot *exec_scan(CustomScanState *node) {
    TqpScanState *s = (TqpScanState *)node;
    CHECK_FOR_INTERRUPTS();
    if (!s->executed)
        execute(s);
    TupleTableSlot *row = next_row(s);
    return s->own != NULL ? project(s, row) : row;
}

static void end_scan(CustomScanState *node) {
    TqpScanState *s = (TqpScanState *)node;
    if (s->store != NULL)
        tuplestore_end(s->store);
    s->store = NULL;
    s->reader = NULL;
    if (s->child != NULL)
        ExecEndNode(s->child);
    s->child = NULL;
    tqp_run_free(&s->run);
}

/* No parameter changes within an execution: external ones are fixed, and a part reads no others. */
static void rescan(CustomScanState *node) {
    TqpScanState *s = (TqpScanState *)node;
    if (s->store != NULL)
        tuplestore_rescan(s->store);
    if (s->reader != NULL)
        tqp_result_rewind(s->reader);
    if (s->child != NULL)
        ExecReScan(s->child);
}

static const CustomExecMethods exec_methods = {
    .CustomName = "TqpScan",
    .BeginCustomScan = begin_scan,
    .ExecCustomScan = exec_scan,
    .EndCustomScan = end_scan,
    .ReScanCustomScan = rescan,
    .ExplainCustomScan = tqp_explain_scan,
};

static Node *create_state(CustomScan *scan) {
    TqpScanState *s = palloc0(sizeof(*s));
    NodeSetTag(s, T_CustomScanState);
    s->css.flags = scan->flags;
    s->css.methods = &exec_methods;
    return (Node *)s;
}

void tqp_scan_init(void) {
    RegisterCustomScanMethods(&tqp_scan_methods);
}
