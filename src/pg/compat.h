/*
 * Differences between PostgreSQL 15 (the version that is tested) and 16 to 18, in one place.
 */
#ifndef TQP_PG_COMPAT_H
#define TQP_PG_COMPAT_H

#include "postgres.h"

#include "access/attmap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "executor/executor.h"
#include "executor/instrument.h"
#include "fmgr.h"
#include "funcapi.h"

#if PG_VERSION_NUM < 150000
#error "tqp needs PostgreSQL 15 or later"
#endif

#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/datetime.h"
#include "utils/pg_locale.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* A relation's file: PostgreSQL 16 gave the struct and its members new names. */
#if PG_VERSION_NUM >= 160000
#include "storage/relfilelocator.h"
#include "utils/relfilenumbermap.h"
#define RelFileNode              RelFileLocator
#define RelFileNodeEquals        RelFileLocatorEquals
#define RelidByRelfilenode       RelidByRelfilenumber
#define dbNode                   dbOid
#define spcNode                  spcOid
#define relNode                  relNumber
#define rd_node                  rd_locator
#define rd_newRelfilenodeSubid   rd_newRelfilelocatorSubid
#define rd_firstRelfilenodeSubid rd_firstRelfilelocatorSubid
#else
#include "storage/relfilenode.h"
#include "utils/relfilenodemap.h"
#endif

/* What this transaction adds to pg_stat_all_tables for a relation that is counted. */
#if PG_VERSION_NUM >= 160000
#define t_numscans        numscans
#define t_tuples_returned tuples_returned
#endif
static inline PgStat_TableCounts *tqp_compat_table_counts(Relation rel) {
#if PG_VERSION_NUM >= 160000
    return &rel->pgstat_info->counts;
#else
    return &rel->pgstat_info->t_counts;
#endif
}

/* Entries of the range table that rows can come from; PostgreSQL 18 adds one for GROUP BY. */
static inline int tqp_compat_table_count(const Query *query) {
    int count = 0;
    ListCell *lc;
    foreach (lc, query->rtable) {
        RTEKind kind = ((const RangeTblEntry *)lfirst(lc))->rtekind;
#if PG_VERSION_NUM >= 180000
        if (kind == RTE_GROUP)
            continue;
#endif
        count += kind != RTE_RESULT;
    }
    return count;
}

/* The node with columns of joins replaced by what they stand for. */
static inline Node *tqp_compat_flatten_joins(Query *query, Node *node) {
#if PG_VERSION_NUM >= 160000
    return flatten_join_alias_vars(NULL, query, node);
#else
    return flatten_join_alias_vars(query, node);
#endif
}

/* The rights that a range table needs go with it; PostgreSQL 16 keeps them beside it. */
static inline void tqp_compat_move_range_table(Query *from, Query *to) {
    to->rtable = from->rtable;
    from->rtable = NIL;
#if PG_VERSION_NUM >= 160000
    to->rteperminfos = from->rteperminfos;
    from->rteperminfos = NIL;
#endif
#if PG_VERSION_NUM >= 180000
    to->hasGroupRTE = from->hasGroupRTE;
    from->hasGroupRTE = false;
#endif
}

/* Columns of the entry for GROUP BY, which PostgreSQL 18 adds, become what they stand for. */
static inline void tqp_compat_flatten_groups(Query *query) {
#if PG_VERSION_NUM >= 180000
    if (!query->hasGroupRTE)
        return;
    query->targetList = (List *)flatten_group_exprs(NULL, query, (Node *)query->targetList);
    query->havingQual = flatten_group_exprs(NULL, query, query->havingQual);
#endif
}

/* For each attribute of `out` that of `in` with the same name. */
static inline AttrMap *tqp_compat_attrmap(TupleDesc in, TupleDesc out) {
#if PG_VERSION_NUM >= 160000
    return build_attrmap_by_name(in, out, false);
#else
    return build_attrmap_by_name(in, out);
#endif
}

/* May the current user execute this function? */
static inline AclResult tqp_compat_function_acl(Oid funcid) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ProcedureRelationId, funcid, GetUserId(), ACL_EXECUTE);
#else
    return pg_proc_aclcheck(funcid, GetUserId(), ACL_EXECUTE);
#endif
}

/* Does the user own this relation? */
static inline bool tqp_compat_owns_relation(Oid relid, Oid user) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, relid, user);
#else
    return pg_class_ownercheck(relid, user);
#endif
}

/* Could the snapshot be too old for what VACUUM has removed since? */
static inline bool tqp_compat_snapshots_expire(void) {
#if PG_VERSION_NUM >= 170000
    return false;
#else
    return OldSnapshotThresholdActive();
#endif
}

/* A relation of the range table that is read, opened already or now. */
static inline Relation tqp_compat_open_relation(EState *estate, Index rti) {
#if PG_VERSION_NUM >= 180000
    return ExecGetRangeTableRelation(estate, rti, false);
#else
    return ExecGetRangeTableRelation(estate, rti);
#endif
}

/* Run a query to its end, once. */
static inline void tqp_compat_run_all(QueryDesc *desc) {
#if PG_VERSION_NUM >= 180000
    standard_ExecutorRun(desc, ForwardScanDirection, 0);
#else
    standard_ExecutorRun(desc, ForwardScanDirection, 0, true);
#endif
}

/* Are strings of this collation ordered by their bytes, as PostgreSQL knows? */
static inline bool tqp_compat_collate_is_c(Oid collation) {
#if PG_VERSION_NUM >= 180000
    return pg_newlocale_from_collation(collation)->collate_is_c;
#else
    return lc_collate_is_c(collation);
#endif
}

/* Where the catalogs keep the locale of a provider other than libc. */
#if PG_VERSION_NUM >= 170000
#define TQP_ANUM_DATABASE_LOCALE  Anum_pg_database_datlocale
#define TQP_ANUM_COLLATION_LOCALE Anum_pg_collation_colllocale
#else
#define TQP_ANUM_DATABASE_LOCALE  Anum_pg_database_daticulocale
#define TQP_ANUM_COLLATION_LOCALE Anum_pg_collation_colliculocale
#endif

/* Prepare a set-returning function that fills rsinfo->setResult. */
static inline void tqp_compat_init_srf(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
}

/* What kind of abbreviation this is (UNKNOWN_FIELD: none), its offset or its zone. */
static inline int tqp_compat_timezone_abbreviation(char *lower, int *offset, pg_tz **zone) {
#if PG_VERSION_NUM >= 160000
    int type;
    DateTimeErrorExtra extra;
    return DecodeTimezoneAbbrev(0, lower, &type, offset, zone, &extra) < 0 ? DYNTZ : type;
#else
    return DecodeTimezoneAbbrev(0, lower, offset, zone);
#endif
}

/* What EXPLAIN does with one query when no hook is set. */
static inline void tqp_compat_explain_one_query(Query *query, int cursor_options, IntoClause *into,
                                                ExplainState *es, const char *query_string,
                                                ParamListInfo params, QueryEnvironment *env) {
#if PG_VERSION_NUM >= 170000
    standard_ExplainOneQuery(query, cursor_options, into, es, query_string, params, env);
#else
    instr_time start, duration;
    BufferUsage before = pgBufferUsage, used = {0};
    INSTR_TIME_SET_CURRENT(start);
    PlannedStmt *plan = pg_plan_query(query, query_string, cursor_options, params);
    INSTR_TIME_SET_CURRENT(duration);
    INSTR_TIME_SUBTRACT(duration, start);
    BufferUsageAccumDiff(&used, &pgBufferUsage, &before);
    ExplainOnePlan(plan, into, es, query_string, params, env, &duration,
                   es->buffers ? &used : NULL);
#endif
}

#endif
