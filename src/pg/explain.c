/*
 * EXPLAIN: the node's properties, and the reason under a query that was declined (VERBOSE).
 */
#include "postgres.h"

#include "commands/explain.h"
#include "nodes/extensible.h"
#include "utils/lsyscache.h"

#include "pg/compat.h"
#include "pg/planner.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"

static ExplainOneQuery_hook_type previous_explain_hook;

/* Lines of text as indented lines or, in the structured formats, as a list. */
static void show_lines(const char *label, const char *lines, ExplainState *es) {
    List *list = NIL;
    char *copy = pstrdup(lines), *rest = copy;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        if (*line != '\0')
            list = lappend(list, line);
    if (es->format != EXPLAIN_FORMAT_TEXT) {
        ExplainPropertyList(label, list, es);
        return;
    }
    ListCell *lc;
    appendStringInfoSpaces(es->str, es->indent * 2);
    appendStringInfo(es->str, "%s:\n", label);
    foreach (lc, list) {
        appendStringInfoSpaces(es->str, es->indent * 2 + 2);
        appendStringInfo(es->str, "%s\n", (char *)lfirst(lc));
    }
}

static void show_ir(const TqpScanState *s, ExplainState *es) {
    TqpArena arena = {0};
    TqpString tree = {0};
    TqpError error = {0};
    const TqpNode *node;
    if (tqp_ir_parse(&arena, s->plan.ir, &node, &error) == TQP_OK)
        tqp_ir_print_tree(node, &tree);
    char *copy = tree.data != NULL && !tree.failed ? pstrdup(tree.data) : NULL;
    tqp_string_free(&tree);
    tqp_arena_free(&arena);
    if (copy != NULL)
        show_lines("TQP Plan", copy, es);
    if (es->verbose)
        ExplainPropertyText("TQP IR", s->plan.ir, es);
}

/* What PostgreSQL does with the engine's rows. */
static void show_tail(const TqpPlanTail *tail, ExplainState *es) {
    List *parts = NIL;
    if (tail->targets == NIL)
        return;
    if (tail->quals != NIL)
        parts = lappend(parts, "filter");
    parts = lappend(parts, "project");
    if (tail->sort_columns != NIL)
        parts = lappend(parts, "sort");
    if (tail->limit_param >= 0 || tail->offset_param >= 0)
        parts = lappend(parts, "limit");
    ExplainPropertyList("Finished by PostgreSQL", parts, es);
}

static void show_device(const TqpScanState *s, ExplainState *es) {
    TqpIsa isa;
    if (!tqp_cpu_parse_isa(tqp_isa, &isa))
        isa = tqp_cpu_best_isa();
    ExplainPropertyText("Device", tqp_backend_name, es);
    if (strcmp(tqp_backend_name, "cpu") == 0)
        ExplainPropertyText("ISA", tqp_cpu_isa_name(isa), es);
    int threads = s->executed && s->replay_reason == NULL ? s->run.query.threads_used
                  : tqp_threads > 0                       ? tqp_threads
                                                          : tqp_cpu_count();
    ExplainPropertyInteger("Threads", NULL, threads, es);
}

static void show_step(const TqpPipeline *p, uint32 i, const TqpPipelineStats *stats, StringInfo out,
                      ExplainState *es) {
    TqpString text_of_step = {0};
    tqp_program_print_step(p, &p->steps[i], &text_of_step);
    appendStringInfo(out, "  %s", text_of_step.data != NULL ? text_of_step.data : "?");
    tqp_string_free(&text_of_step);
    if (stats->steps != NULL) {
        const TqpStepStats *step = &stats->steps[i];
        appendStringInfo(out, "  (rows in=" UINT64_FORMAT " out=" UINT64_FORMAT, step->rows_in,
                         step->rows_out);
        if (es->timing)
            appendStringInfo(out, " time=%.3f", (double)step->ns / 1e6);
        appendStringInfoChar(out, ')');
    }
    appendStringInfoChar(out, '\n');
}

static void show_pipeline(const TqpScanState *s, uint32 i, StringInfo out, ExplainState *es) {
    const TqpPipeline *p = &s->run.program->pipelines[i];
    const TqpPipelineStats *stats = &s->run.query.stats[i];
    appendStringInfo(out, "pipeline %u:", i);
    if (p->source_kind == TQP_SOURCE_RELATION)
        appendStringInfo(out,
                         " rows from cache " UINT64_FORMAT ", from heap " UINT64_FORMAT
                         "; row groups skipped " UINT64_FORMAT " of " UINT64_FORMAT
                         "; bytes " UINT64_FORMAT ";",
                         stats->rows_cache, stats->rows_heap, stats->groups_skipped,
                         stats->groups_total, stats->bytes);
    appendStringInfo(out, " rows out " UINT64_FORMAT, stats->rows_out);
    if (stats->passes > 1)
        appendStringInfo(out, "; passes %u", stats->passes);
    if (stats->scans > stats->passes)
        appendStringInfo(out, "; scans %u", stats->scans);
    if (es->timing)
        appendStringInfo(out, "; %.3f ms", (double)stats->ns / 1e6);
    appendStringInfoChar(out, '\n');
    for (uint32 step = 0; step < p->nsteps; step++)
        show_step(p, step, stats, out, es);
}

static void add_stats(TqpPinStats *total, const TqpPinStats *pin) {
    total->blocks_cached += pin->blocks_cached;
    total->blocks_heap += pin->blocks_heap;
    total->blocks_page_lsn += pin->blocks_page_lsn;
    total->loaded |= pin->loaded;
}

/* Each table by its name, when there are several. */
static void show_relations(const TqpScanState *s, ExplainState *es) {
    StringInfoData lines;
    ListCell *lc;
    initStringInfo(&lines);
    foreach (lc, s->plan.relations) {
        const TqpPinStats *pin = &s->run.pins[foreach_current_index(lc)]->stats;
        const char *name = get_rel_name(((TqpPlanRelation *)lfirst(lc))->relid);
        appendStringInfo(&lines, "%d %s: blocks from cache %u, from heap %u\n",
                         foreach_current_index(lc), name != NULL ? name : "?", pin->blocks_cached,
                         pin->blocks_heap);
    }
    show_lines("Relations", lines.data, es);
}

static void show_cache(const TqpScanState *s, ExplainState *es) {
    TqpPinStats total = {0};
    for (uint32 i = 0; i < s->run.npins; i++)
        add_stats(&total, &s->run.pins[i]->stats);
    ExplainPropertyUInteger("Blocks From Cache", NULL, total.blocks_cached, es);
    ExplainPropertyUInteger("Blocks From Heap", NULL, total.blocks_heap, es);
    if (total.blocks_page_lsn > 0)
        ExplainPropertyUInteger("Blocks Validated By Page", NULL, total.blocks_page_lsn, es);
    if (total.loaded)
        ExplainPropertyBool("Cache Loaded", true, es);
    if (s->run.npins > 1)
        show_relations(s, es);
}

static void show_times(const TqpScanState *s, ExplainState *es) {
    const TqpRun *run = &s->run;
    ExplainPropertyFloat("Parse Time", "ms", run->parse_ms, 3, es);
    ExplainPropertyFloat("Pin Time", "ms", run->pin_ms, 3, es);
    ExplainPropertyFloat("Bind Time", "ms", run->bind_ms, 3, es);
    ExplainPropertyFloat("Run Time", "ms", run->run_ms, 3, es);
    if (s->plan.tail.targets != NIL)
        ExplainPropertyFloat("Finish Time", "ms", run->tail_ms, 3, es);
}

static void show_execution(const TqpScanState *s, ExplainState *es) {
    StringInfoData lines;
    if (s->replay_reason != NULL) {
        ExplainPropertyText("Replayed", s->replay_reason, es);
        if (es->timing)
            ExplainPropertyFloat("Replay Time", "ms", s->replay_ms, 3, es);
        return;
    }
    show_cache(s, es);
    if (s->run.program != NULL && s->run.query.stats != NULL) {
        initStringInfo(&lines);
        for (uint32 i = 0; i < s->run.program->npipelines; i++)
            show_pipeline(s, i, &lines, es);
        show_lines("Program", lines.data, es);
    }
    if (es->timing)
        show_times(s, es);
}

void tqp_explain_scan(CustomScanState *node, List *ancestors, ExplainState *es) {
    const TqpScanState *s = (const TqpScanState *)node;
    show_device(s, es);
    show_ir(s, es);
    show_tail(&s->plan.tail, es);
    if (es->analyze && s->executed)
        show_execution(s, es);
}

/* ---- declined queries ---- */

static void show_declined(const char *reason, ExplainState *es) {
    if (es->format == EXPLAIN_FORMAT_TEXT) {
        ExplainPropertyText("TQP", psprintf("declined: %s", reason), es);
        return;
    }
    ExplainOpenGroup("TQP", NULL, true, es);
    ExplainPropertyText("TQP Declined", reason, es);
    ExplainCloseGroup("TQP", NULL, true, es);
}

static void explain_one_query(Query *query, int cursor_options, IntoClause *into, ExplainState *es,
                              const char *query_string, ParamListInfo params,
                              QueryEnvironment *env) {
    if (previous_explain_hook != NULL)
        previous_explain_hook(query, cursor_options, into, es, query_string, params, env);
    else
        tqp_compat_explain_one_query(query, cursor_options, into, es, query_string, params, env);
    const char *reason = tqp_planner_last_reason();
    if (es->verbose && reason != NULL && tqp_enabled)
        show_declined(reason, es);
}

void tqp_explain_init(void) {
    previous_explain_hook = ExplainOneQuery_hook;
    ExplainOneQuery_hook = explain_one_query;
}
