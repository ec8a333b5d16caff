/* The custom scan node: state of one execution. */
#ifndef TQP_PG_SCAN_NODE_H
#define TQP_PG_SCAN_NODE_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/extensible.h"
#include "portability/instr_time.h"
#include "utils/tuplestore.h"

#include "exec/exec.h"
#include "pg/cache.h"
#include "pg/plan.h"
#include "pg/result_slot.h"

/* Everything of the engine that is freed at the end of the execution, also after an error. */
typedef struct TqpRun {
    TqpBroker broker;
    TqpArena arena; /* IR, program, delta */
    TqpPin **pins;  /* per relation of the plan; those not pinned yet are NULL */
    const TqpRelation **rels;
    uint32 npins;
    const TqpNode *node;
    const TqpProgram *program;
    TqpQuery query;
    TqpResult result;
    double parse_ms, pin_ms, bind_ms, run_ms, tail_ms;
} TqpRun;

typedef struct TqpScanState {
    CustomScanState css; /* first */
    TqpPlan plan;
    TqpRun run;
    TqpValue *params; /* values of plan.params */
    bool executed;
    int eflags;
    Plan *own;        /* of a part of a statement: PostgreSQL's plan of it, for replay; else NULL */
    PlanState *child; /* own, once it is replayed */
    /* Rows come from the reader over run.result, or from the store (tail or replay). */
    TqpResultReader *reader;
    Tuplestorestate *store;
    TupleTableSlot *stored; /* what the store reads into */
    uint64 rows;
    const char *replay_reason; /* NULL: the engine's answer */
    ErrorData *ended;          /* a cancel met in HostEval, raised when the engine has returned */
    double replay_ms;
} TqpScanState;

extern const CustomScanMethods tqp_scan_methods;
extern void tqp_scan_init(void);

/* run.c: execute the program.  False: *reason says why PostgreSQL should. */
extern bool tqp_run_program(TqpScanState *s, const char **reason);
/* Free what the engine holds; idempotent. */
extern void tqp_run_free(TqpRun *run);
/* Parse, pin and bind only, for tqp.explain. */
extern bool tqp_run_bind(TqpScanState *s, const char **reason);

/* replay.c: run PostgreSQL's own plan into s->store. */
extern void tqp_replay(TqpScanState *s);

/* explain.c */
extern void tqp_explain_scan(CustomScanState *node, List *ancestors, struct ExplainState *es);
extern void tqp_explain_init(void);

#endif
