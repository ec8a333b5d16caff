/*
 * Replay: PostgreSQL's own plan of the same query, under the same snapshot and parameters, into a
 * tuplestore.  The executor's hooks are not called: the statement is counted once.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/scan_node.h"

void tqp_replay(TqpScanState *s) {
    EState *estate = s->css.ss.ps.state;
    instr_time start, end;
    INSTR_TIME_SET_CURRENT(start);
    tqp_run_free(&s->run); /* the engine's memory is not needed any more */
    if (s->store != NULL)
        tuplestore_end(s->store);
    s->store = tuplestore_begin_heap(true, false, work_mem);
    DestReceiver *dest = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(dest, s->store, estate->es_query_cxt, false, NULL, NULL);
    QueryDesc *desc =
        CreateQueryDesc(s->plan.original, estate->es_sourceText, estate->es_snapshot,
                        InvalidSnapshot, dest, estate->es_param_list_info, estate->es_queryEnv, 0);
    standard_ExecutorStart(desc, 0);
    tqp_compat_run_all(desc);
    s->rows = desc->estate->es_processed;
    standard_ExecutorFinish(desc);
    standard_ExecutorEnd(desc);
    FreeQueryDesc(desc);
    dest->rDestroy(dest);
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    s->replay_ms = INSTR_TIME_GET_MILLISEC(end);
}
