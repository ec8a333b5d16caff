/* Counting uses.  See use.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "pg/compat.h"
#include "pg/control.h"
#include "pg/tqp_pg.h"
#include "pg/use.h"

/* After a load failed, no other of the same relation is tried for so long. */
#define RETRY_MS 60000

static uint64 key_of(Oid database, Oid file) {
    return (uint64)database << 32 | file;
}

static uint64 key_of_rel(Relation rel) {
    return key_of(rel->rd_node.dbNode, rel->rd_node.relNode);
}

static TqpUseSlot *find(uint64 key) {
    TqpUseSlot *slots = tqp_control_uses();
    for (int i = 0; slots != NULL && i < TQP_USE_SLOTS; i++)
        if (atomic_load(&slots[i].key) == key)
            return &slots[i];
    return NULL;
}

static void reset(TqpUseSlot *s) {
    atomic_store(&s->uses, 0);
    atomic_store(&s->cost, 0);
    for (int i = 0; i < TQP_USE_WORDS; i++)
        atomic_store(&s->columns[i], 0);
}

/* A free slot, else the one that was not used for longest.  NULL: somebody else took it. */
static TqpUseSlot *claim(uint64 key, Oid relation) {
    TqpUseSlot *slots = tqp_control_uses(), *oldest = slots;
    if (slots == NULL)
        return NULL;
    for (int i = 0; i < TQP_USE_SLOTS; i++) {
        if (atomic_load(&slots[i].key) == 0) {
            oldest = &slots[i];
            break;
        }
        if (atomic_load(&slots[i].last) < atomic_load(&oldest->last))
            oldest = &slots[i];
    }
    uint64 before = atomic_load(&oldest->key);
    if (!atomic_compare_exchange_strong(&oldest->key, &before, key))
        return NULL;
    reset(oldest);
    atomic_store(&oldest->failed, 0);
    atomic_store(&oldest->relation, relation);
    return oldest;
}

static TqpUseSlot *find_or_claim(Relation rel) {
    uint64 key = key_of_rel(rel);
    TqpUseSlot *s = find(key);
    if (s == NULL)
        s = claim(key, RelationGetRelid(rel));
    if (s != NULL)
        atomic_store(&s->last, GetCurrentTimestamp());
    return s;
}

static void add_columns(TqpUseSlot *s, int ncolumns, const AttrNumber *attnums) {
    for (int c = 0; c < ncolumns; c++)
        atomic_fetch_or(&s->columns[attnums[c] / 64], UINT64CONST(1) << (attnums[c] % 64));
}

void tqp_use_want(Relation rel, int ncolumns, const AttrNumber *attnums) {
    TqpUseSlot *s = find_or_claim(rel);
    if (s == NULL)
        return;
    add_columns(s, ncolumns, attnums);
    atomic_store(&s->uses, TQP_USE_AGAIN);
}

double tqp_use_note(Relation rel, double cost, int ncolumns, const AttrNumber *attnums) {
    uint64 units = (uint64)Max(1.0, Min(cost, 1e15));
    TqpUseSlot *s = find_or_claim(rel);
    if (s == NULL)
        return 0;
    add_columns(s, ncolumns, attnums);
    atomic_fetch_add(&s->uses, 1);
    return (double)(atomic_fetch_add(&s->cost, units) + units);
}

void tqp_use_failed(Relation rel) {
    TqpUseSlot *s = find_or_claim(rel);
    if (s != NULL)
        atomic_store(&s->failed, GetCurrentTimestamp());
}

static void forget(uint64 key) {
    TqpUseSlot *s = find(key);
    if (s == NULL)
        return;
    reset(s);
    atomic_store(&s->failed, 0);
    atomic_store(&s->key, 0);
}

void tqp_use_loaded(Relation rel, uint32 ncolumns, const TqpStoreColumn *columns) {
    uint64 key = key_of_rel(rel), left = 0;
    TqpUseSlot *s = find(key);
    if (s == NULL)
        return;
    for (uint32 c = 0; c < ncolumns; c++)
        atomic_fetch_and(&s->columns[columns[c].attnum / 64],
                         ~(UINT64CONST(1) << (columns[c].attnum % 64)));
    for (int i = 0; i < TQP_USE_WORDS; i++)
        left |= atomic_load(&s->columns[i]);
    atomic_store(&s->cost, 0);
    atomic_store(&s->failed, 0);
    if (left == 0)
        forget(key);
}

void tqp_use_forget(Relation rel) {
    forget(key_of_rel(rel));
}

void tqp_use_drop(const TqpUse *use) {
    forget(key_of(MyDatabaseId, use->file));
}

bool tqp_use_has_failed(Relation rel) {
    TqpUseSlot *s = find(key_of_rel(rel));
    TimestampTz at = s != NULL ? atomic_load(&s->failed) : 0;
    return at != 0 && !TimestampDifferenceExceeds(at, GetCurrentTimestamp(), RETRY_MS);
}

static int copy_columns(const TqpUseSlot *s, AttrNumber *attnums) {
    int n = 0;
    for (int w = 0; w < TQP_USE_WORDS; w++)
        for (uint64 left = atomic_load(&s->columns[w]); left != 0; left &= left - 1) {
            int attnum = w * 64 + __builtin_ctzll(left);
            if (attnum >= 1 && attnum <= MaxHeapAttributeNumber)
                attnums[n++] = (AttrNumber)attnum;
        }
    return n;
}

static bool is_used(const TqpUseSlot *s, Oid database, uint32 min_uses) {
    uint64 key = atomic_load(&s->key);
    return key != 0 && (Oid)(key >> 32) == database && atomic_load(&s->uses) >= min_uses;
}

List *tqp_use_list(uint32 min_uses) {
    TqpUseSlot *slots = tqp_control_uses();
    List *list = NIL;
    for (int i = 0; slots != NULL && i < TQP_USE_SLOTS; i++) {
        const TqpUseSlot *s = &slots[i];
        if (!is_used(s, MyDatabaseId, min_uses))
            continue;
        TqpUse *use = palloc0(sizeof(TqpUse));
        use->relation = atomic_load(&s->relation);
        use->file = (Oid)atomic_load(&s->key);
        use->uses = atomic_load(&s->uses);
        use->nattnums = copy_columns(s, use->attnums);
        list = lappend(list, use);
    }
    return list;
}

bool tqp_use_any(Oid database, uint32 min_uses) {
    TqpUseSlot *slots = tqp_control_uses();
    for (int i = 0; slots != NULL && i < TQP_USE_SLOTS; i++)
        if (is_used(&slots[i], database, min_uses))
            return true;
    return false;
}

PG_FUNCTION_INFO_V1(tqp_uncached_list);

/* Set-returning: this database's tables that queries did without the cache of. */
Datum tqp_uncached_list(PG_FUNCTION_ARGS) {
    static const Oid types[] = {OIDOID,    OIDOID,         INT2ARRAYOID,  INT8OID,
                                FLOAT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
    ReturnSetInfo *rsinfo = (ReturnSetInfo *)fcinfo->resultinfo;
    TqpUseSlot *slots = tqp_control_uses();
    tqp_extension_check(fcinfo, 0, lengthof(types), types);
    tqp_compat_init_srf(fcinfo);
    for (int i = 0; slots != NULL && i < TQP_USE_SLOTS; i++) {
        const TqpUseSlot *s = &slots[i];
        AttrNumber attnums[MaxHeapAttributeNumber];
        Datum values[7], numbers[MaxHeapAttributeNumber];
        bool nulls[7] = {false};
        if (!is_used(s, MyDatabaseId, 0))
            continue;
        int n = copy_columns(s, attnums);
        for (int c = 0; c < n; c++)
            numbers[c] = Int16GetDatum(attnums[c]);
        values[0] = ObjectIdGetDatum(atomic_load(&s->relation));
        values[1] = ObjectIdGetDatum((Oid)atomic_load(&s->key));
        values[2] = PointerGetDatum(construct_array(numbers, n, INT2OID, 2, true, TYPALIGN_SHORT));
        values[3] = Int64GetDatum(atomic_load(&s->uses));
        values[4] = Float8GetDatum((double)atomic_load(&s->cost));
        values[5] = TimestampTzGetDatum(atomic_load(&s->last));
        values[6] = TimestampTzGetDatum(atomic_load(&s->failed));
        nulls[6] = atomic_load(&s->failed) == 0;
        tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
    }
    return (Datum)0;
}
