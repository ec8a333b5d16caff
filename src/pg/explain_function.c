/*
 * tqp.explain(sql, stage): a query as the IR it lowers to, as optimised, or as the program that
 * this moment's data binds it to.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "pg/lower.h"
#include "pg/planner.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"

PG_FUNCTION_INFO_V1(tqp_explain_query);

static Query *parse_one(const char *sql) {
    List *raw = pg_parse_query(sql);
    if (list_length(raw) != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("tqp.explain takes exactly one statement")));
    List *queries = pg_analyze_and_rewrite_fixedparams(linitial(raw), sql, NULL, 0, NULL);
    Query *query = list_length(queries) == 1 ? linitial(queries) : NULL;
    if (query == NULL || query->commandType != CMD_SELECT)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("tqp.explain takes a SELECT statement")));
    return query;
}

static char *take(TqpString *s) {
    char *copy = pstrdup(s->data != NULL ? s->data : "");
    tqp_string_free(s);
    return copy;
}

static char *print_ir(Query *query, bool optimised) {
    TqpArena arena = {0};
    TqpPlan plan = {0};
    TqpString out = {0};
    const char *reason = tqp_planner_shape(query, 0);
    PG_TRY();
    {
        const TqpNode *node =
            reason == NULL ? tqp_lower_query(&arena, query, NULL, &plan, &reason) : NULL;
        if (node != NULL && optimised)
            node = tqp_lower_optimise(&arena, node, &plan, &reason);
        if (node != NULL)
            tqp_ir_print_tree(node, &out);
        else
            tqp_string_printf(&out, "declined: %s", reason);
    }
    PG_FINALLY();
    { tqp_arena_free(&arena); }
    PG_END_TRY();
    return take(&out);
}

/* The executor's own start checks the caller's permissions. */
static char *print_program(Query *query, const char *sql) {
    const char *reason = NULL;
    TqpString out = {0};
    PlannedStmt *stmt = tqp_planner_force(query, sql, &reason);
    if (stmt == NULL)
        return psprintf("declined: %s", reason);
    QueryDesc *desc = CreateQueryDesc(stmt, sql, GetActiveSnapshot(), InvalidSnapshot,
                                      None_Receiver, NULL, NULL, 0);
    standard_ExecutorStart(desc, 0);
    TqpScanState *s = (TqpScanState *)desc->planstate;
    MemoryContext old = MemoryContextSwitchTo(desc->estate->es_query_cxt);
    bool bound = tqp_run_bind(s, &reason);
    MemoryContextSwitchTo(old);
    if (bound)
        tqp_program_print(s->run.program, &out);
    else
        tqp_string_printf(&out, "replay: %s", reason);
    char *copy = take(&out);
    standard_ExecutorFinish(desc);
    standard_ExecutorEnd(desc);
    FreeQueryDesc(desc);
    return copy;
}

Datum tqp_explain_query(PG_FUNCTION_ARGS) {
    static const Oid types[] = {TEXTOID, TEXTOID};
    tqp_extension_check(fcinfo, 2, lengthof(types), types);
    char *sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
    char *stage = text_to_cstring(PG_GETARG_TEXT_PP(1)), *result;
    Query *query = parse_one(sql);
    if (strcmp(stage, "lowered") == 0)
        result = print_ir(query, false);
    else if (strcmp(stage, "optimised") == 0)
        result = print_ir(query, true);
    else if (strcmp(stage, "program") == 0)
        result = print_program(query, sql);
    else
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown stage \"%s\"", stage),
                 errhint("The stages are lowered, optimised and program.")));
    PG_RETURN_TEXT_P(cstring_to_text(result));
}
