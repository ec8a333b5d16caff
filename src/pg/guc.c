/*
 * The settings.  Limits and units stand in the definitions below and nowhere else.
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>

#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "base/cpu.h"
#include "pg/tqp_pg.h"

bool tqp_enabled = true;
bool tqp_force = false;
double tqp_min_cost = 1000.0;
int tqp_threads = 0;
int tqp_memory_limit_kb = 1024 * 1024;
int tqp_cache_size_mb = 64 * 1024;
bool tqp_auto_load = true;
char *tqp_isa = NULL;
char *tqp_disabled_passes = NULL;
char *tqp_backend_name = NULL;
bool tqp_enable_gpu = false;

static const char *const pass_names[] = {
#define TQP_PASS(name, suffix, note) name,
#include "opt/passes.def"
#undef TQP_PASS
};

static bool check_isa(char **newval, void **extra, GucSource source) {
    TqpIsa isa;
    if (tqp_cpu_parse_isa(*newval, &isa))
        return true;
    GUC_check_errdetail("\"%s\" is unknown or not available on this CPU.", *newval);
    GUC_check_errhint("Use \"auto\", \"scalar\", \"avx2\" or \"avx512\"; this CPU supports up to "
                      "\"%s\".",
                      tqp_cpu_isa_name(tqp_cpu_best_isa()));
    return false;
}

static bool check_backend(char **newval, void **extra, GucSource source) {
    if (strcmp(*newval, "cpu") == 0 || strcmp(*newval, "ref") == 0)
        return true;
    GUC_check_errhint("Available backends: cpu, ref.");
    return false;
}

static bool check_disabled_passes(char **newval, void **extra, GucSource source) {
    List *names;
    ListCell *lc;
    if (!SplitIdentifierString(pstrdup(*newval), ',', &names)) {
        GUC_check_errdetail("List syntax is invalid.");
        return false;
    }
    foreach (lc, names) {
        const char *name = lfirst(lc);
        bool known = false;
        for (size_t i = 0; i < lengthof(pass_names); i++)
            known |= strcmp(name, pass_names[i]) == 0;
        if (!known) {
            GUC_check_errdetail("There is no rewrite named \"%s\".", name);
            return false;
        }
    }
    return true;
}

static bool check_enable_gpu(bool *newval, void **extra, GucSource source) {
    if (!*newval)
        return true;
    GUC_check_errcode(ERRCODE_FEATURE_NOT_SUPPORTED);
    GUC_check_errmsg("tqp has no GPU backend in this installation");
    GUC_check_errhint("Leave \"tqp.enable_gpu\" off; queries run on the CPU backend.");
    return false;
}

static void define_planning(void) {
    DefineCustomBoolVariable("tqp.enabled", "Runs analytical queries on the tensor engine.", NULL,
                             &tqp_enabled, true, PGC_USERSET, 0, NULL, NULL, NULL);
    DefineCustomBoolVariable(
        "tqp.force", "Offloads every query that can be, whatever its cost (for tests).", NULL,
        &tqp_force, false, PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
    DefineCustomRealVariable(
        "tqp.min_cost", "Offloads queries whose PostgreSQL plan costs at least this much.", NULL,
        &tqp_min_cost, 1000.0, 0.0, DBL_MAX, PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
    DefineCustomStringVariable("tqp.disabled_passes", "Names of optimiser rewrites to skip.",
                               "A comma-separated list.", &tqp_disabled_passes, "", PGC_USERSET,
                               GUC_LIST_INPUT | GUC_NOT_IN_SAMPLE, check_disabled_passes, NULL,
                               NULL);
}

static void define_resources(void) {
    DefineCustomIntVariable("tqp.threads", "Threads of one query or load.",
                            "0 uses all cores of the server.", &tqp_threads, 0, 0, 1024,
                            PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
    DefineCustomIntVariable("tqp.memory_limit", "Private memory of one query on the tensor engine.",
                            "A query that needs more runs in PostgreSQL's own executor.",
                            &tqp_memory_limit_kb, 1024 * 1024, 1024, MAX_KILOBYTES, PGC_USERSET,
                            GUC_UNIT_KB | GUC_EXPLAIN, NULL, NULL, NULL);
    DefineCustomIntVariable("tqp.cache_size", "Bytes of column files of all databases.", NULL,
                            &tqp_cache_size_mb, 64 * 1024, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MB, NULL,
                            NULL, NULL);
    DefineCustomBoolVariable("tqp.auto_load",
                             "Fills the column cache from the first query that needs it.", NULL,
                             &tqp_auto_load, true, PGC_USERSET, 0, NULL, NULL, NULL);
}

static void define_devices(void) {
    DefineCustomStringVariable("tqp.isa", "Instruction set of the CPU kernels.",
                               "auto, scalar, avx2 or avx512.", &tqp_isa, "auto", PGC_USERSET,
                               GUC_EXPLAIN, check_isa, NULL, NULL);
    DefineCustomStringVariable("tqp.backend", "Backend that runs tensor programs.",
                               "cpu, or ref: a slow one that the others are tested against.",
                               &tqp_backend_name, "cpu", PGC_USERSET, GUC_NOT_IN_SAMPLE,
                               check_backend, NULL, NULL);
    DefineCustomBoolVariable("tqp.enable_gpu", "Runs tensor programs on a GPU.", NULL,
                             &tqp_enable_gpu, false, PGC_USERSET, 0, check_enable_gpu, NULL, NULL);
}

void tqp_guc_define(void) {
    define_planning();
    define_resources();
    define_devices();
    MarkGUCPrefixReserved("tqp");
}
