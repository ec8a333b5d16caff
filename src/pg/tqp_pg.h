/*
 * What the files of src/pg share: settings and the few helpers that cross them.
 */
#ifndef TQP_PG_TQP_PG_H
#define TQP_PG_TQP_PG_H

#include "postgres.h"

#include "fmgr.h"

#include "base/status.h"
#include "base/thread.h"

/* guc.c */
extern bool tqp_enabled;
extern bool tqp_force;
extern double tqp_min_cost;
extern int tqp_threads;         /* 0 = all cores */
extern int tqp_memory_limit_kb; /* per query, private memory */
extern int tqp_cache_size_mb;   /* bytes of files, cluster wide */
extern bool tqp_auto_load;
extern char *tqp_isa; /* auto, scalar, avx2, avx512 */
extern char *tqp_disabled_passes;
extern char *tqp_backend_name; /* cpu, ref */
extern bool tqp_enable_gpu;
extern void tqp_guc_define(void);

/* error.c: the only place that turns an engine status into an ereport(ERROR) */
extern _Noreturn void tqp_raise(const TqpError *error);
/* Engine poll that is true when this backend has an interrupt pending. */
extern const TqpHostPoll *tqp_pg_poll(void);

/*
 * What ProcessInterrupts does for client_connection_check_interval, where it cannot be called
 * because there are threads: sets ClientConnectionLost.  Leader only.
 */
extern void tqp_pg_check_client(void);

/* extension.c: is the extension installed in this database? Cached, invalidated; no error. */
extern bool tqp_extension_active(void);

/*
 * extension.c: every function called from SQL begins with this.  Raises where the function was
 * declared otherwise than this library's script does, by the script of an older one: `types` are
 * those of its nargs arguments, then of the columns of its result when that is a row.
 */
extern void tqp_extension_check(FunctionCallInfo fcinfo, int nargs, int ntypes, const Oid *types);

#endif
