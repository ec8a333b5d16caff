/*
 * One execution on the engine: parse the IR, evaluate parameters, pin the tables under the
 * snapshot, bind, run.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "pg/compat.h"
#include "pg/decline.h"
#include "pg/host_eval.h"
#include "pg/params.h"
#include "pg/planner.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"
#include "pg/use.h"
#include "pg/zone.h"

void tqp_run_free(TqpRun *run) {
    tqp_result_free(&run->result);
    memset(&run->result, 0, sizeof(run->result));
    for (uint32 i = 0; i < run->npins; i++) {
        TqpPin *pin = run->pins[i];
        run->pins[i] = NULL;
        if (pin != NULL)
            tqp_cache_unpin(pin);
    }
    run->npins = 0;
    if (run->program != NULL)
        tqp_query_free_stats(&run->query, run->program);
    run->program = NULL;
    run->node = NULL;
    tqp_arena_free(&run->arena);
}

static double lap(instr_time *start) {
    instr_time now, elapsed;
    INSTR_TIME_SET_CURRENT(now);
    elapsed = now;
    INSTR_TIME_SUBTRACT(elapsed, *start);
    *start = now;
    return INSTR_TIME_GET_MILLISEC(elapsed);
}

static bool failed(const TqpError *error, const char **reason) {
    const char *name = tqp_status_name(error->status);
    if (error->message[0] == '\0')
        *reason = name;
    else if (strncmp(error->message, name, strlen(name)) == 0)
        *reason = pstrdup(error->message);
    else
        *reason = psprintf("%s: %s", name, error->message);
    return false;
}

static const TqpBackend *backend(void) {
    TqpIsa isa;
    if (strcmp(tqp_backend_name, "ref") == 0)
        return tqp_backend_ref();
    if (!tqp_cpu_parse_isa(tqp_isa, &isa))
        isa = tqp_cpu_best_isa();
    return tqp_backend_cpu(isa);
}

/* A table of the plan, open. */
typedef struct Scanned {
    Relation rel;
    int n;
    AttrNumber *attnums;
    double missing; /* tqp_cache_missing; 0 without tqp.auto_load */
} Scanned;

static bool open_scanned(TqpScanState *s, const TqpPlanRelation *relation, Scanned *scanned,
                         const char **reason) {
    if (relation->rtindex == 0) {
        *reason = tqp_decline(TQP_DECLINE_NOT_READ);
        return false;
    }
    scanned->rel = tqp_compat_open_relation(s->css.ss.ps.state, relation->rtindex);
    scanned->n = list_length(relation->attnums);
    scanned->attnums = palloc(sizeof(AttrNumber) * ((Size)scanned->n + 1));
    for (int i = 0; i < scanned->n; i++)
        scanned->attnums[i] = (AttrNumber)list_nth_int(relation->attnums, i);
    if (tqp_auto_load)
        scanned->missing = tqp_cache_missing(scanned->rel, scanned->n, scanned->attnums);
    return true;
}

/*
 * May the statement load missing columns?  Yes when PostgreSQL's own plan costs as much as reading
 * the tables whose columns are missing does: it would read them anyway.  One that finds its rows by
 * an index, or stops early, shall not wait for that; but once such plans have cost as much in sum,
 * a load would have been cheaper (unless a cache worker has been there first).
 */
static bool may_load(double cost, const Scanned *tables, int n) {
    double missing = 0, spent = 0;
    for (int i = 0; i < n; i++)
        missing += tables[i].missing;
    for (int i = 0; i < n; i++) {
        if (tables[i].missing == 0)
            continue;
        double sum = tqp_use_note(tables[i].rel, cost, tables[i].n, tables[i].attnums);
        spent = Max(spent, sum);
    }
    return tqp_force || missing <= cost || missing <= spent;
}

static bool pin_all(TqpScanState *s, const char **reason) {
    TqpRun *run = &s->run;
    EState *estate = s->css.ss.ps.state;
    Size n = (Size)list_length(s->plan.relations);
    Scanned *tables = palloc0(sizeof(*tables) * (n + 1));
    ListCell *lc;
    run->pins = palloc0(sizeof(*run->pins) * (n + 1));
    run->rels = palloc0(sizeof(*run->rels) * (n + 1));
    run->npins = (uint32)n;
    foreach (lc, s->plan.relations)
        if (!open_scanned(s, lfirst(lc), &tables[foreach_current_index(lc)], reason))
            return false;
    const Plan *plan = s->own != NULL ? s->own : s->css.ss.ps.plan;
    TqpPinTerms terms = {.cost = tqp_planner_work(plan->total_cost)};
    terms.may_load = may_load(terms.cost, tables, (int)n);
    for (Size i = 0; i < n; i++) {
        run->pins[i] = tqp_cache_pin(tables[i].rel, estate->es_snapshot, tables[i].n,
                                     tables[i].attnums, &terms, &run->arena, reason);
        if (run->pins[i] == NULL)
            return false;
        run->rels[i] = &run->pins[i]->rel;
    }
    return true;
}

static int threads(void) {
    return tqp_threads > 0 ? tqp_threads : tqp_cpu_count();
}

/*
 * Spare memory of this session, beside tqp.memory_limit: while a program runs, and between
 * programs.
 */
#define SPARES_RUNNING ((Size)64 << 20)
#define SPARES_IDLE    ((Size)16 << 20)

static Size running_spares(void) {
    return Min(SPARES_RUNNING, (Size)tqp_memory_limit_kb * 1024 / 8);
}

static Size idle_spares(void) {
    return Min(SPARES_IDLE, (Size)tqp_memory_limit_kb * 1024 / 32);
}

static TqpSpares *spares(void) {
    static TqpSpares session;
    static bool made = false;
    if (!made)
        tqp_spares_init(&session, idle_spares());
    made = true;
    return &session;
}

bool tqp_run_bind(TqpScanState *s, const char **reason) {
    TqpRun *run = &s->run;
    TqpError error = {0};
    instr_time clock;
    TqpBindOptions options = {.utf8 = GetDatabaseEncoding() == PG_UTF8,
                              /* A third: the result and merging need memory too. */
                              .dense_bytes =
                                  (uint64_t)tqp_memory_limit_kb * 1024 / 3 / (uint64_t)threads(),
                              .compare = tqp_pg_compare_text,
                              .host = tqp_host_eval,
                              .zone = tqp_pg_zone,
                              .host_arg = s,
                              .poll = tqp_pg_poll()};
    INSTR_TIME_SET_CURRENT(clock);
    tqp_broker_init(&run->broker, (int64_t)tqp_memory_limit_kb * 1024);
    run->broker.spares = spares();
    tqp_arena_init(&run->arena, &run->broker);
    error.status = tqp_ir_parse(&run->arena, s->plan.ir, &run->node, &error);
    if (error.status != TQP_OK)
        return failed(&error, reason);
    if (!tqp_params_evaluate(&s->css.ss.ps, s->plan.params, &run->arena, &s->params, reason))
        return false;
    run->parse_ms = lap(&clock);
    bool pinned = pin_all(s, reason);
    run->pin_ms = lap(&clock);
    if (!pinned)
        return false;
    error.status =
        tqp_program_bind(&run->arena, run->node, run->rels, run->npins, s->params,
                         (uint32_t)list_length(s->plan.params), &options, &run->program, &error);
    run->bind_ms = lap(&clock);
    if (error.status == TQP_CANCELLED)
        CHECK_FOR_INTERRUPTS();
    if (s->ended != NULL)
        ReThrowError(s->ended);
    return error.status == TQP_OK || failed(&error, reason);
}

bool tqp_run_program(TqpScanState *s, const char **reason) {
    TqpRun *run = &s->run;
    instr_time clock;
    if (!tqp_run_bind(s, reason))
        return false;
    INSTR_TIME_SET_CURRENT(clock);
    run->query = (TqpQuery){
        .backend = backend(),
        .nthreads = threads(),
        .broker = &run->broker,
        .poll = tqp_pg_poll(),
        .compare = tqp_pg_compare_text,
        .host = tqp_host_eval,
        .host_arg = s,
        .instrument = s->css.ss.ps.instrument != NULL,
    };
    tqp_spares_limit(run->broker.spares, running_spares());
    TqpStatus status = tqp_exec_run(&run->query, run->program, run->rels, run->npins, &run->result);
    tqp_spares_limit(run->broker.spares, idle_spares());
    run->run_ms = lap(&clock);
    if (status == TQP_OK)
        return true;
    CHECK_FOR_INTERRUPTS();
    if (s->ended != NULL)
        ReThrowError(s->ended);
    run->query.error.status = status;
    return failed(&run->query.error, reason);
}
