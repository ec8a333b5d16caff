/*
 * tqp_run: runs a textual IR over CSV files without PostgreSQL, through the same optimiser, binder
 * and executor.  Relation k of the IR is the k-th data file, with a field for each column that the
 * scan lists.  The result goes to standard output as CSV, everything else to standard error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/csv.h"
#include "exec/exec.h"
#include "opt/opt.h"

static const char usage[] = "usage: tqp_run [options] FILE.tqp DATA.csv...\n"
                            "  -e ref|cpu    backend (cpu)\n"
                            "  -i ISA        auto, scalar, avx2 or avx512 (auto)\n"
                            "  -t THREADS    0 = all cores (1)\n"
                            "  -d PASSES     rewrites not to run, separated by commas\n"
                            "  -b            keep text columns as bytes, without dictionaries\n"
                            "  -p            print the plan, the program and statistics\n";

typedef struct Run {
    const TqpBackend *backend;
    int nthreads;
    const char *disabled;
    bool bytes, print;
    uint32_t nfiles;
    char **files; /* data */
    TqpBroker broker;
    TqpArena arena;
    TqpError err;
    TqpRelation *rels;
    const TqpRelation **rel_pointers;
    const TqpProgram *program;
} Run;

static TqpStatus read_plan(Run *run, const char *path, const TqpNode **node) {
    FILE *f = fopen(path, "rb");
    TqpString text = {0};
    char buf[4096];
    if (f == NULL)
        return tqp_error_set(&run->err, TQP_IO, "%s: %s", path, strerror(errno));
    for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;)
        tqp_string_append(&text, buf, n);
    fclose(f);
    TqpStatus status = text.failed ? TQP_NO_MEMORY : TQP_OK;
    if (status == TQP_OK)
        status = tqp_ir_parse(&run->arena, text.data != NULL ? text.data : "", node, &run->err);
    tqp_string_free(&text);
    return status;
}

static void print_text(const char *title, TqpString *text) {
    fprintf(stderr, "%s\n%s\n", title, text->data != NULL ? text->data : "");
    tqp_string_free(text);
}

/* Read the files of the plan's scans, only the columns that the optimised plan still needs. */
static TqpStatus load(Run *run, const TqpNode *node, const TqpScanColumns *columns) {
    for (uint32_t i = 0; i < node->ninputs; i++)
        TQP_TRY(load(run, node->inputs[i], columns));
    if (node->kind != TQP_NODE_SCAN)
        return TQP_OK;
    uint32_t r = node->scan.relation;
    TqpCsvOptions options = {.ncolumns = node->noutputs,
                             .types = node->types,
                             .nkept = columns[r].ncolumns,
                             .kept = columns[r].columns,
                             .dictionaries = !run->bytes};
    return tqp_csv_read(&run->arena, run->files[r], &options, &run->rels[r], &run->err);
}

static TqpStatus prepare(Run *run, const char *plan_path) {
    const TqpNode *node, *optimised;
    TQP_TRY(read_plan(run, plan_path, &node));
    TqpScanColumns *columns = tqp_arena_zalloc(&run->arena, run->nfiles * sizeof(*columns) + 1);
    run->rels = tqp_arena_zalloc(&run->arena, run->nfiles * sizeof(*run->rels) + 1);
    run->rel_pointers = tqp_arena_zalloc(&run->arena, run->nfiles * sizeof(void *) + 1);
    if (columns == NULL || run->rels == NULL || run->rel_pointers == NULL)
        return run->arena.failed;
    for (uint32_t i = 0; i < run->nfiles; i++)
        run->rel_pointers[i] = &run->rels[i];
    TqpOptOptions opt = {
        .disabled = run->disabled, .nrelations = run->nfiles, .scan_columns = columns};
    TQP_TRY(tqp_opt_run(&run->arena, node, &opt, &optimised, &run->err));
    if (run->print) {
        TqpString text = {0};
        tqp_ir_print_tree(optimised, &text);
        print_text("plan", &text);
    }
    TQP_TRY(load(run, node, columns));
    return tqp_program_bind(&run->arena, optimised, run->rel_pointers, run->nfiles, NULL, 0,
                            &(TqpBindOptions){.utf8 = true}, &run->program, &run->err);
}

static void print_result(const TqpResult *result) {
    TqpString line = {0};
    for (uint32_t g = 0; g < result->rel.ngroups; g++) {
        const TqpRowGroup *group = &result->rel.groups[g];
        for (uint32_t row = 0; row < group->nrows; row++) {
            line.len = 0;
            for (uint32_t c = 0; c < result->rel.ncolumns; c++) {
                TqpValue v;
                TqpType type = result->rel.columns[c].type;
                tqp_tensor_value(&group->tensors[c], type, row, &v);
                if (c > 0)
                    tqp_string_append(&line, ",", 1);
                tqp_csv_print(type, &v, &line);
            }
            tqp_string_append(&line, "\n", 1);
            fwrite(line.data, 1, line.len, stdout);
        }
    }
    tqp_string_free(&line);
}

static void print_statistics(const Run *run, const TqpQuery *query) {
    fprintf(stderr, "statistics: backend %s %s, %d threads, peak %lld bytes\n", run->backend->name,
            tqp_cpu_isa_name(run->backend->isa), query->threads_used,
            (long long)atomic_load(&run->broker.peak));
    for (uint32_t p = 0; p < run->program->npipelines; p++) {
        const TqpPipeline *pipeline = &run->program->pipelines[p];
        const TqpPipelineStats *s = &query->stats[p];
        fprintf(stderr,
                "pipeline %u: %.3f ms, %llu of %llu row groups skipped, %llu rows read, %llu "
                "bytes, %llu rows out\n",
                p, (double)s->ns / 1e6, (unsigned long long)s->groups_skipped,
                (unsigned long long)s->groups_total,
                (unsigned long long)(s->rows_cache + s->rows_heap), (unsigned long long)s->bytes,
                (unsigned long long)s->rows_out);
        for (uint32_t i = 0; s->steps != NULL && i < pipeline->nsteps; i++) {
            TqpString text = {0};
            tqp_program_print_step(pipeline, &pipeline->steps[i], &text);
            fprintf(stderr, "  %8.3f ms %10llu -> %-10llu %s\n", (double)s->steps[i].ns / 1e6,
                    (unsigned long long)s->steps[i].rows_in,
                    (unsigned long long)s->steps[i].rows_out, text.data ? text.data : "");
            tqp_string_free(&text);
        }
    }
}

static TqpStatus execute(Run *run) {
    TqpQuery query = {.backend = run->backend,
                      .nthreads = run->nthreads,
                      .broker = &run->broker,
                      .instrument = run->print};
    TqpResult result;
    if (run->print) {
        TqpString text = {0};
        tqp_program_print(run->program, &text);
        print_text("program", &text);
    }
    TqpStatus status = tqp_exec_run(&query, run->program, run->rel_pointers, run->nfiles, &result);
    if (status == TQP_OK) {
        print_result(&result);
        if (run->print)
            print_statistics(run, &query);
        tqp_result_free(&result);
    } else {
        run->err = query.error;
    }
    tqp_query_free_stats(&query, run->program);
    return status;
}

static int wrong_usage(const char *why) {
    fprintf(stderr, "tqp_run: %s\n%s", why, usage);
    return 2;
}

/* 0, or the exit status. */
static int parse_arguments(Run *run, int argc, char **argv) {
    const char *engine = "cpu", *isa_name = "auto";
    TqpIsa isa;
    run->nthreads = 1;
    for (int c; (c = getopt(argc, argv, "e:i:t:d:bp")) != -1;) {
        switch (c) {
        case 'e':
            engine = optarg;
            break;
        case 'i':
            isa_name = optarg;
            break;
        case 't':
            run->nthreads = atoi(optarg) > 0 ? atoi(optarg) : tqp_cpu_count();
            break;
        case 'd':
            run->disabled = optarg;
            break;
        case 'b':
            run->bytes = true;
            break;
        case 'p':
            run->print = true;
            break;
        default:
            return wrong_usage("unknown option");
        }
    }
    if (strcmp(engine, "ref") != 0 && strcmp(engine, "cpu") != 0)
        return wrong_usage("unknown backend");
    if (!tqp_cpu_parse_isa(isa_name, &isa))
        return wrong_usage("this CPU lacks the ISA");
    run->backend = strcmp(engine, "ref") == 0 ? tqp_backend_ref() : tqp_backend_cpu(isa);
    if (run->backend == NULL)
        return wrong_usage("no such backend");
    if (argc - optind < 2)
        return wrong_usage("a plan and its data are needed");
    run->files = argv + optind + 1;
    run->nfiles = (uint32_t)(argc - optind - 1);
    return 0;
}

int main(int argc, char **argv) {
    Run run = {0};
    int exit_status = parse_arguments(&run, argc, argv);
    if (exit_status != 0)
        return exit_status;
    tqp_broker_init(&run.broker, 0);
    tqp_arena_init(&run.arena, &run.broker);
    TqpStatus status = prepare(&run, argv[optind]);
    if (status == TQP_OK)
        status = execute(&run);
    if (status != TQP_OK)
        fprintf(stderr, "tqp_run: %s: %s\n", tqp_status_name(status), run.err.message);
    tqp_arena_free(&run.arena);
    return status == TQP_OK ? 0 : 1;
}
