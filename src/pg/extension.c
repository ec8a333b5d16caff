/*
 * Where the extension is installed: the hooks are inert elsewhere.  CREATE EXTENSION appends the
 * library to the session_preload_libraries of its database; DROP EXTENSION takes it out again and
 * removes the database's cache files.
 */
#include "postgres.h"

#include <dirent.h>
#include <unistd.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "pg/control.h"
#include "pg/extension.h"
#include "pg/tqp_pg.h"
#include "store/store.h"

#define LIBRARY "tqp"
#define SETTING "session_preload_libraries"

static enum { UNKNOWN, ABSENT, PRESENT } installed = UNKNOWN;
static object_access_hook_type previous_object_access_hook;
static bool dropped_here; /* in the current transaction */

/* The extension owns the schema tqp, so any change of schemas may be ours. */
static void forget(Datum arg, int cache, uint32 hash) {
    installed = UNKNOWN;
}

bool tqp_extension_active(void) {
    if (installed == UNKNOWN) {
        if (!IsTransactionState() || !OidIsValid(MyDatabaseId))
            return false;
        installed = OidIsValid(get_extension_oid("tqp", true)) ? PRESENT : ABSENT;
    }
    return installed == PRESENT;
}

/* The value that this database sets for all roles, or NULL. */
static char *database_setting(void) {
    ScanKeyData key[2];
    char *value = NULL;
    Relation rel = table_open(DbRoleSettingRelationId, AccessShareLock);
    ScanKeyInit(&key[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(MyDatabaseId));
    ScanKeyInit(&key[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(InvalidOid));
    SysScanDesc scan = systable_beginscan(rel, DbRoleSettingDatidRolidIndexId, true, NULL, 2, key);
    HeapTuple tuple = systable_getnext(scan);
    bool isnull = true;
    Datum config = (Datum)0;
    if (HeapTupleIsValid(tuple))
        config =
            heap_getattr(tuple, Anum_pg_db_role_setting_setconfig, RelationGetDescr(rel), &isnull);
    if (!isnull) {
        Datum *items;
        int n;
        deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT, &items,
                          NULL, &n);
        for (int i = 0; i < n; i++) {
            char *item = TextDatumGetCString(items[i]);
            if (strncmp(item, SETTING "=", sizeof(SETTING)) == 0)
                value = pstrdup(item + sizeof(SETTING));
        }
    }
    systable_endscan(scan);
    table_close(rel, AccessShareLock);
    return value;
}

/* Set the database's list of libraries; NIL removes the setting. */
static void set_database_setting(List *libraries) {
    VariableSetStmt *stmt = makeNode(VariableSetStmt);
    ListCell *lc;
    stmt->name = pstrdup(SETTING);
    stmt->kind = libraries == NIL ? VAR_RESET : VAR_SET_VALUE;
    foreach (lc, libraries) {
        A_Const *constant = makeNode(A_Const);
        constant->val.sval.type = T_String;
        constant->val.sval.sval = lfirst(lc);
        stmt->args = lappend(stmt->args, constant);
    }
    AlterSetting(MyDatabaseId, InvalidOid, stmt);
}

/* Split a list of libraries; *ours says whether this library is among them. */
static List *split_libraries(const char *value, bool *ours) {
    List *names = NIL;
    ListCell *lc;
    *ours = false;
    if (!SplitDirectoriesString(pstrdup(value), ',', &names))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("invalid list syntax in parameter \"%s\"", SETTING)));
    foreach (lc, names)
        *ours |= strcmp((char *)lfirst(lc), LIBRARY) == 0;
    return names;
}

PG_FUNCTION_INFO_V1(tqp_preload_add);

/*
 * Called by the extension's script: append the library to what this database preloads.  Where the
 * database has no setting of its own the session's value counts; that may still name the library
 * because an entry was dropped a moment ago, so it is set in any case.
 */
Datum tqp_preload_add(PG_FUNCTION_ARGS) {
    bool ours;
    tqp_extension_check(fcinfo, 0, 0, NULL);
    const char *own = database_setting();
    const char *current = own != NULL ? own : GetConfigOption(SETTING, true, false);
    List *names = split_libraries(current != NULL ? current : "", &ours);
    if (!ours)
        names = lappend(names, pstrdup(LIBRARY));
    if (!ours || own == NULL)
        set_database_setting(names);
    PG_RETURN_VOID();
}

static bool is_declared(HeapTuple proc, int nargs, int ntypes, const Oid *types) {
    const oidvector *args = &((Form_pg_proc)GETSTRUCT(proc))->proargtypes;
    const Oid *declared = args->values;
    int n = args->dim1;
    bool null;
    if (n != nargs)
        return false;
    Datum all = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proallargtypes, &null);
    if (!null) {
        ArrayType *array = DatumGetArrayTypeP(all);
        declared = (const Oid *)ARR_DATA_PTR(array);
        n = ARR_DIMS(array)[0];
    }
    return n == ntypes && (n == 0 || memcmp(declared, types, n * sizeof(Oid)) == 0);
}

void tqp_extension_check(FunctionCallInfo fcinfo, int nargs, int ntypes, const Oid *types) {
    HeapTuple proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
    bool ours = HeapTupleIsValid(proc) && is_declared(proc, nargs, ntypes, types);
    if (HeapTupleIsValid(proc))
        ReleaseSysCache(proc);
    if (!ours)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the extension tqp in this database was created by another version "
                               "of its library"),
                        errhint("DROP EXTENSION tqp, then CREATE EXTENSION tqp.")));
}

/* Take the library out of the database's list; the others keep their order. */
static void preload_remove(void) {
    bool ours;
    const char *current = database_setting();
    if (current == NULL)
        return;
    List *names = split_libraries(current, &ours);
    ListCell *lc;
    if (!ours)
        return;
    foreach (lc, names) {
        if (strcmp((char *)lfirst(lc), LIBRARY) == 0)
            names = foreach_delete_current(names, lc);
    }
    set_database_setting(names);
}

static void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                          void *arg) {
    if (previous_object_access_hook != NULL)
        previous_object_access_hook(access, class_id, object_id, sub_id, arg);
    if (access != OAT_DROP || class_id != ExtensionRelationId)
        return;
    char *name = get_extension_name(object_id);
    if (name == NULL || strcmp(name, "tqp") != 0)
        return;
    preload_remove();
    dropped_here = true;
}

/* Remove the cache of every relation of this database; what cannot be removed is an orphan. */
static void remove_database_cache(void) {
    char dir[MAXPGPATH], path[MAXPGPATH * 2];
    struct dirent *de;
    TqpError error;
    snprintf(dir, sizeof(dir), "%s/%u", tqp_control_cache_dir(), MyDatabaseId);
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    while ((de = readdir(d)) != NULL) {
        if (de->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
        if (tqp_store_drop(path, &error) != TQP_OK)
            elog(DEBUG1, "tqp: %s", error.message);
    }
    closedir(d);
    if (rmdir(dir) != 0)
        elog(DEBUG1, "tqp: could not remove \"%s\": %m", dir);
}

static void end_of_transaction(XactEvent event, void *arg) {
    if (event == XACT_EVENT_COMMIT && dropped_here)
        remove_database_cache();
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
        dropped_here = false;
}

void tqp_extension_init(void) {
    CacheRegisterSyscacheCallback(NAMESPACEOID, forget, (Datum)0);
    RegisterXactCallback(end_of_transaction, NULL);
    previous_object_access_hook = object_access_hook;
    object_access_hook = object_access;
}
