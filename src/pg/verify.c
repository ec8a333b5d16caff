/*
 * tqp.verify: every valid block of every cached column against the heap, value by value.  It goes
 * through PostgreSQL's own deforming and output functions and shares nothing with deform.c.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/bitmap.h"
#include "exec/exec.h"
#include "pg/cache.h"
#include "pg/cache_open.h"
#include "pg/compat.h"
#include "pg/load.h"
#include "pg/sql_load.h"
#include "pg/tqp_pg.h"
#include "pg/validity.h"

typedef struct Check {
    int column; /* of the generation; -1: its attribute is no longer what was cached */
    Form_pg_attribute att;
    TqpType type;
    int64 blocks, rows, mismatches;
} Check;

typedef struct Verify {
    Relation rel;
    TqpGeneration *gen;
    int nchecks;
    Check *checks;
    TqpTensor *tensors; /* per check, of the group in hand */
    bool *readable;     /* per check: the chunk could be represented */
    MemoryContext row_context;
} Verify;

/* numeric_out's digits without the point are the scaled integer. */
static bool same_numeric(Datum value, const TqpValue *cached) {
    char *s = DatumGetCString(DirectFunctionCall1(numeric_out, value));
    char *point = strchr(s, '.');
    TqpInt128 v;
    if (point != NULL)
        memmove(point, point + 1, strlen(point));
    return tqp_int128_parse(s, strlen(s), &v) && v == cached->i;
}

static bool same_text(const Check *check, Datum value, const TqpValue *cached) {
    int16 typlen = check->att->attlen;
    char bytes[sizeof(Datum)];
    if (typlen > 0) {
        const char *fixed = check->att->attbyval ? bytes : DatumGetPointer(value);
        if (check->att->attbyval)
            store_att_byval(bytes, value, typlen);
        return cached->s.len == (uint32_t)typlen && memcmp(fixed, cached->s.data, typlen) == 0;
    }
    text *t = DatumGetTextPP(value);
    const char *data = VARDATA_ANY(t);
    size_t len = VARSIZE_ANY_EXHDR(t);
    if (check->type.kind == TQP_TYPE_BPCHAR)
        while (len > 0 && data[len - 1] == ' ')
            len--;
    return len == cached->s.len && (len == 0 || memcmp(data, cached->s.data, len) == 0);
}

static bool same_value(const Check *check, Datum value, const TqpValue *cached) {
    switch (getBaseType(check->att->atttypid)) {
    case BOOLOID:
        return DatumGetBool(value) == cached->b;
    case INT2OID:
        return DatumGetInt16(value) == cached->i;
    case INT4OID:
        return DatumGetInt32(value) == cached->i;
    case DATEOID:
        return DatumGetDateADT(value) == cached->i;
    case INT8OID:
    case TIMEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return DatumGetInt64(value) == cached->i;
    case FLOAT4OID: {
        float a = DatumGetFloat4(value), b = (float)cached->f;
        return memcmp(&a, &b, sizeof(a)) == 0;
    }
    case FLOAT8OID: {
        double a = DatumGetFloat8(value), b = cached->f;
        return memcmp(&a, &b, sizeof(a)) == 0;
    }
    case NUMERICOID:
        return same_numeric(value, cached);
    default:
        return same_text(check, value, cached);
    }
}

static void check_row(Verify *v, TupleTableSlot *slot, uint32 row) {
    MemoryContext old = MemoryContextSwitchTo(v->row_context);
    for (int i = 0; i < v->nchecks; i++) {
        Check *check = &v->checks[i];
        TqpValue cached;
        bool isnull;
        if (!v->readable[i])
            continue;
        Datum value = slot_getattr(slot, check->att->attnum, &isnull);
        tqp_tensor_value(&v->tensors[i], check->type, row, &cached);
        check->rows++;
        if (isnull != cached.is_null || (!isnull && !same_value(check, value, &cached)))
            check->mismatches++;
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(v->row_context);
}

/* Rows that only one side has count against every column. */
static void count_missing(Verify *v, int64 rows) {
    for (int i = 0; rows > 0 && i < v->nchecks; i++)
        if (v->readable[i])
            v->checks[i].mismatches += rows;
}

static void check_block(Verify *v, TableScanDesc scan, TupleTableSlot *slot,
                        const TqpStoreGroup *group, uint32 block) {
    uint32 row = group->row_start[block], end = group->row_start[block + 1];
    int64 surplus = 0;
    table_rescan(scan, NULL);
    heap_setscanlimits(scan, group->first_block + block, 1);
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        if (row < end)
            check_row(v, slot, row++);
        else
            surplus++;
    }
    count_missing(v, surplus + (end - row));
    for (int i = 0; i < v->nchecks; i++)
        v->checks[i].blocks += v->readable[i];
}

/* Chunks of the group; a damaged one is an error, for that is what verify is asked. */
static void open_chunks(Verify *v, uint32 g) {
    for (int i = 0; i < v->nchecks; i++) {
        TqpError err = {0};
        TqpStatus status =
            tqp_store_tensor(v->gen, g, (uint32)v->checks[i].column, &v->tensors[i], &err);
        v->readable[i] = status == TQP_OK;
        if (status == TQP_CORRUPT)
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                            errmsg("the cache of relation \"%s\" is damaged: %s",
                                   RelationGetRelationName(v->rel), err.message),
                            errhint("tqp.unload removes it; the table itself is not affected.")));
        if (status != TQP_OK && status != TQP_UNSUPPORTED)
            tqp_raise(&err);
    }
}

static void check_groups(Verify *v, const TqpValidity *validity) {
    TableScanDesc scan = table_beginscan_strat(v->rel, GetActiveSnapshot(), 0, NULL, true, false);
    TupleTableSlot *slot = table_slot_create(v->rel, NULL);
    for (uint32 g = 0; g < v->gen->ngroups; g++) {
        const TqpStoreGroup *group = &v->gen->groups[g];
        if (validity->nvalid[g] == 0)
            continue;
        open_chunks(v, g);
        for (uint32 block = 0; block < group->nblocks; block++)
            if (tqp_bitmap_get(validity->valid[g], block))
                check_block(v, scan, slot, group, block);
    }
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
}

/* Cached columns whose attribute is still the same. */
static void find_checks(Verify *v) {
    TupleDesc desc = RelationGetDescr(v->rel);
    v->checks = palloc0(Max(desc->natts, 1) * sizeof(Check));
    for (int i = 0; i < desc->natts; i++) {
        Check *check = &v->checks[v->nchecks];
        const char *reason;
        check->att = TupleDescAttr(desc, i);
        if (check->att->attisdropped ||
            !tqp_pg_type(check->att->atttypid, check->att->atttypmod, check->att->attcollation,
                         &check->type, &reason))
            continue;
        check->column =
            tqp_store_find_column(v->gen, check->att->attnum, tqp_cache_identity(check->att));
        if (check->column >= 0)
            v->nchecks++;
    }
    /* palloc aligns to 8 bytes, the wide integers in a tensor want 16. */
    v->tensors = (TqpTensor *)TYPEALIGN(
        sizeof(TqpInt128), palloc0(v->nchecks * sizeof(TqpTensor) + sizeof(TqpInt128)));
    v->readable = palloc0(Max(v->nchecks, 1) * sizeof(bool));
}

static void return_rows(const Verify *v, ReturnSetInfo *rsinfo) {
    for (int i = 0; i < v->nchecks; i++) {
        const Check *check = &v->checks[i];
        bool nulls[4] = {false};
        Datum values[4] = {CStringGetTextDatum(NameStr(check->att->attname)),
                           Int64GetDatum(check->blocks), Int64GetDatum(check->rows),
                           Int64GetDatum(check->mismatches)};
        tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
    }
}

PG_FUNCTION_INFO_V1(tqp_verify);

/* verify(regclass) → a row per cached column. */
Datum tqp_verify(PG_FUNCTION_ARGS) {
    static const Oid types[] = {REGCLASSOID, TEXTOID, INT8OID, INT8OID, INT8OID};
    tqp_extension_check(fcinfo, 1, lengthof(types), types);
    Verify v = {.rel = tqp_sql_open(PG_GETARG_OID(0))};
    TqpVisible visible;
    TqpValidity validity;
    tqp_sql_check_select_all(v.rel);
    tqp_compat_init_srf(fcinfo);
    TqpOpenGeneration *open = tqp_cache_file_is_new(v.rel) ? NULL : tqp_open_acquire(v.rel);
    TqpOpenHold *hold = tqp_open_hold(open);
    if (open != NULL) {
        v.gen = open->gen;
        v.row_context =
            AllocSetContextCreate(CurrentMemoryContext, "tqp verify", ALLOCSET_DEFAULT_SIZES);
        find_checks(&v);
        tqp_validity_sample(v.rel, RelationGetNumberOfBlocks(v.rel), &visible);
        tqp_validity_check(v.rel, v.gen, &visible, &validity);
        check_groups(&v, &validity);
        return_rows(&v, (ReturnSetInfo *)fcinfo->resultinfo);
    }
    tqp_open_unhold(hold);
    relation_close(v.rel, AccessShareLock);
    return (Datum)0;
}
