/* tqp.load, tqp.unload: what they accept, and how they say no. */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/catalog.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/cache.h"
#include "pg/compat.h"
#include "pg/load.h"
#include "pg/sql_load.h"
#include "pg/tqp_pg.h"
#include "pg/use.h"
#include "pg/worker.h"

static const char *kind_hint(char relkind) {
    switch (relkind) {
    case RELKIND_VIEW:
        return "Load the tables that the view reads.";
    case RELKIND_PARTITIONED_TABLE:
        return "Load its partitions.";
    case RELKIND_FOREIGN_TABLE:
        return "Copy the data into an ordinary table and load that.";
    default:
        return "Only ordinary tables and materialized views can be loaded.";
    }
}

static void check_relation(Relation rel) {
    const char *name = RelationGetRelationName(rel), *reason;
    char kind = rel->rd_rel->relkind;
    if (tqp_cache_relation_ok(rel, &reason))
        return;
    if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("relation \"%s\" cannot be cached", name),
                        errdetail_relkind_not_supported(kind), errhint("%s", kind_hint(kind))));
    bool unlogged = rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("relation \"%s\" cannot be cached", name),
                    errdetail("It is a relation of this kind: %s.", reason),
                    unlogged ? errhint("ALTER TABLE ... SET LOGGED makes it an ordinary table.")
                             : errhint("Only ordinary tables and materialized views can be "
                                       "loaded.")));
}

static void check_select(Relation rel, int ncolumns, const AttrNumber *attnums) {
    Oid relid = RelationGetRelid(rel), user = GetUserId();
    if (pg_class_aclcheck(relid, user, ACL_SELECT) == ACLCHECK_OK)
        return;
    for (int i = 0; i < ncolumns; i++)
        if (pg_attribute_aclcheck(relid, attnums[i], user, ACL_SELECT) != ACLCHECK_OK)
            aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(rel->rd_rel->relkind),
                           RelationGetRelationName(rel));
    if (ncolumns == 0)
        aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(rel->rd_rel->relkind),
                       RelationGetRelationName(rel));
}

Relation tqp_sql_open(Oid relid) {
    Relation rel = try_relation_open(relid, AccessShareLock);
    if (rel == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation with OID %u does not exist", relid)));
    check_relation(rel);
    return rel;
}

void tqp_sql_check_select_all(Relation rel) {
    TupleDesc desc = RelationGetDescr(rel);
    AttrNumber *attnums = palloc(Max(desc->natts, 1) * sizeof(AttrNumber));
    int n = 0;
    for (int i = 0; i < desc->natts; i++)
        if (!TupleDescAttr(desc, i)->attisdropped)
            attnums[n++] = (AttrNumber)(i + 1);
    check_select(rel, n, attnums);
}

static AttrNumber find_column(Relation rel, const char *name) {
    AttrNumber attnum = get_attnum(RelationGetRelid(rel), name);
    if (attnum == InvalidAttrNumber)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" of relation \"%s\" does not exist", name,
                               RelationGetRelationName(rel)),
                        errhint("Names are given as they are stored: in their own case, without "
                                "quotes.")));
    if (attnum < 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot load system column \"%s\"", name),
                        errhint("Name columns of the table's own.")));
    return attnum;
}

static void check_column_type(Relation rel, AttrNumber attnum) {
    Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
    TqpType type;
    const char *reason;
    if (tqp_pg_type(att->atttypid, att->atttypmod, att->attcollation, &type, &reason))
        return;
    ereport(
        ERROR,
        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
         errmsg("column \"%s\" of type %s cannot be cached", NameStr(att->attname),
                format_type_with_typemod(att->atttypid, att->atttypmod)),
         errdetail("Reason: %s.", reason),
         att->atttypid == NUMERICOID
             ? errhint("A column declared numeric(p,s) can.")
             : errhint("Without a list of columns, those that cannot be cached are left out.")));
}

/* The columns that the caller named. */
static int named_columns(Relation rel, ArrayType *array, AttrNumber *attnums) {
    Datum *names;
    bool *nulls;
    int n, ncolumns = 0;
    Bitmapset *seen = NULL;
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
    if (n == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no column is named"),
                        errhint("Leave the list out to load every column that can be cached.")));
    for (int i = 0; i < n; i++) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("column name must not be null")));
        AttrNumber attnum = find_column(rel, TextDatumGetCString(names[i]));
        check_column_type(rel, attnum);
        if (bms_is_member(attnum, seen))
            continue;
        seen = bms_add_member(seen, attnum);
        attnums[ncolumns++] = attnum;
    }
    return ncolumns;
}

/* Every column that has a representation; a NOTICE names the others. */
static int all_columns(Relation rel, AttrNumber *attnums) {
    TupleDesc desc = RelationGetDescr(rel);
    StringInfoData skipped;
    int ncolumns = 0, nskipped = 0;
    initStringInfo(&skipped);
    for (int i = 0; i < desc->natts; i++) {
        Form_pg_attribute att = TupleDescAttr(desc, i);
        TqpType type;
        const char *reason;
        if (att->attisdropped)
            continue;
        if (tqp_pg_type(att->atttypid, att->atttypmod, att->attcollation, &type, &reason))
            attnums[ncolumns++] = att->attnum;
        else
            appendStringInfo(&skipped, "%s\"%s\" (%s)", nskipped++ > 0 ? ", " : "",
                             NameStr(att->attname), reason);
    }
    if (nskipped > 0)
        ereport(NOTICE, (errmsg_plural("%d column of \"%s\" cannot be cached",
                                       "%d columns of \"%s\" cannot be cached", nskipped, nskipped,
                                       RelationGetRelationName(rel)),
                         errdetail("Left out: %s.", skipped.data)));
    return ncolumns;
}

static void raise_failure(const TqpError *err) {
    if (err->status == TQP_MEMORY_LIMIT && strstr(err->message, "tqp.cache_size") != NULL) {
        CHECK_FOR_INTERRUPTS();
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("%s", err->message),
                        errhint("Load fewer columns, unload other tables or raise "
                                "tqp.cache_size.")));
    }
    tqp_raise(err);
}

/* vacuum: a worker is going to. */
static void tell_not_visible(Relation rel, const TqpLoadResult *result, bool vacuum) {
    if (result->blocks_not_visible == 0)
        return;
    ereport(NOTICE,
            (errmsg_plural("%u block of \"%s\" is not all-visible and was not loaded",
                           "%u blocks of \"%s\" are not all-visible and were not loaded",
                           result->blocks_not_visible, result->blocks_not_visible,
                           RelationGetRelationName(rel)),
             vacuum
                 ? errdetail("A background worker vacuums the table and loads it again when "
                             "this transaction has ended.")
                 : errhint("VACUUM %s, then load it again; until then queries read these blocks "
                           "from the table.",
                           quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
                                                      RelationGetRelationName(rel)))));
}

/* Who asks for VACUUM must be allowed to run it. */
static void check_vacuum(Relation rel) {
    PreventCommandDuringRecovery("tqp.load(vacuum => true)");
    if (!tqp_compat_owns_relation(RelationGetRelid(rel), GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(rel->rd_rel->relkind),
                       RelationGetRelationName(rel));
}

static Datum result_row(FunctionCallInfo fcinfo, const TqpLoadResult *result, double seconds) {
    TupleDesc desc;
    Datum values[6];
    bool nulls[6] = {false};
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    values[0] = Int64GetDatum((int64)result->rows);
    values[1] = Int32GetDatum((int32)result->groups);
    values[2] = Int32GetDatum((int32)result->columns);
    values[3] = Int64GetDatum((int64)result->bytes);
    values[4] = Int64GetDatum(result->blocks_not_visible);
    values[5] = Float8GetDatum(seconds);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

PG_FUNCTION_INFO_V1(tqp_load);

/* load(regclass, text[], bool) → what the cache holds of the relation now. */
Datum tqp_load(PG_FUNCTION_ARGS) {
    static const Oid types[] = {REGCLASSOID, TEXTARRAYOID, BOOLOID, INT8OID,  INT4OID,
                                INT4OID,     INT8OID,      INT8OID, FLOAT8OID};
    tqp_extension_check(fcinfo, 3, lengthof(types), types);
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    Relation rel = tqp_sql_open(PG_GETARG_OID(0));
    bool vacuum = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
    AttrNumber attnums[MaxHeapAttributeNumber];
    TqpLoadResult result;
    TqpError err = {0};
    instr_time begin, end;
    int n = PG_ARGISNULL(1) ? all_columns(rel, attnums)
                            : named_columns(rel, PG_GETARG_ARRAYTYPE_P(1), attnums);
    check_select(rel, n, attnums);
    if (vacuum)
        check_vacuum(rel);
    if (tqp_cache_file_is_new(rel))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot load relation \"%s\" in the transaction that created or "
                               "rewrote it",
                               RelationGetRelationName(rel)),
                        errhint("Commit first.")));
    INSTR_TIME_SET_CURRENT(begin);
    TqpLoadRequest request = {.ncolumns = n, .attnums = attnums, .wait_ms = TQP_WAIT_FOR_EVER};
    if (tqp_load_relation(rel, &request, &result, &err) != TQP_OK)
        raise_failure(&err);
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, begin);
    vacuum = vacuum && result.blocks_not_visible > 0 && tqp_worker_vacuum(rel, n, attnums);
    tell_not_visible(rel, &result, vacuum);
    Datum row = result_row(fcinfo, &result, INSTR_TIME_GET_DOUBLE(end));
    relation_close(rel, AccessShareLock);
    return row;
}

PG_FUNCTION_INFO_V1(tqp_unload);

/* unload(regclass) → was anything cached. */
Datum tqp_unload(PG_FUNCTION_ARGS) {
    static const Oid types[] = {REGCLASSOID};
    tqp_extension_check(fcinfo, 1, lengthof(types), types);
    Relation rel = tqp_sql_open(PG_GETARG_OID(0));
    char path[MAXPGPATH];
    TqpError err = {0};
    if (!tqp_compat_owns_relation(RelationGetRelid(rel), GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(rel->rd_rel->relkind),
                       RelationGetRelationName(rel));
    tqp_cache_path(rel->rd_node, path);
    tqp_cache_lock(rel->rd_node, true);
    bool had = tqp_store_dir_bytes(path) > 0;
    TqpStatus status = tqp_store_drop(path, &err);
    tqp_cache_unlock(rel->rd_node);
    if (status != TQP_OK)
        tqp_raise(&err);
    tqp_use_forget(rel);
    tqp_cache_remove_orphans();
    relation_close(rel, AccessShareLock);
    PG_RETURN_BOOL(had);
}
