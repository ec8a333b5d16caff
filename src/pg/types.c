/*
 * PostgreSQL's types and collations as the engine and the cache see them.
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/pg_locale.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "base/hash.h"
#include "pg/compat.h"
#include "pg/cache.h"
#include "pg/decline.h"
#include "pg/load.h"

/* Largest scale whose power of ten fits the wide integer lane. */
#define ENGINE_MAX_SCALE 37

static const struct {
    Oid oid;
    TqpTypeKind kind;
} simple_types[] = {
    {BOOLOID, TQP_TYPE_BOOL},        {INT2OID, TQP_TYPE_I16},    {INT4OID, TQP_TYPE_I32},
    {INT8OID, TQP_TYPE_I64},         {FLOAT4OID, TQP_TYPE_F32},  {FLOAT8OID, TQP_TYPE_F64},
    {DATEOID, TQP_TYPE_DATE},        {TIMEOID, TQP_TYPE_TIME},   {TIMESTAMPOID, TQP_TYPE_TS},
    {TIMESTAMPTZOID, TQP_TYPE_TSTZ}, {TEXTOID, TQP_TYPE_TEXT},   {VARCHAROID, TQP_TYPE_TEXT},
    {BPCHAROID, TQP_TYPE_BPCHAR},    {NUMERICOID, TQP_TYPE_NUM},
};

/* numeric's typmod: precision in the high half, scale in 11 bits, signed (numeric.c). */
static bool declared_scale(int32 typmod, int32 *scale, const char **reason) {
    if (typmod < (int32)VARHDRSZ) {
        *reason = tqp_decline(TQP_DECLINE_NO_SCALE);
        return false;
    }
    *scale = ((((typmod - (int32)VARHDRSZ) & 0x7ff) ^ 1024) - 1024);
    if (*scale < 0 || *scale > ENGINE_MAX_SCALE) {
        *reason = tqp_decline(TQP_DECLINE_SCALE_RANGE);
        return false;
    }
    return true;
}

static char *attribute_text(int cache, HeapTuple tuple, AttrNumber attnum) {
    bool isnull;
    Datum d = SysCacheGetAttr(cache, tuple, attnum, &isnull);
    return isnull ? NULL : TextDatumGetCString(d);
}

/* The database's own collation. */
static char *database_locale(char *provider) {
    HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
    if (!HeapTupleIsValid(tuple))
        return NULL;
    *provider = ((Form_pg_database)GETSTRUCT(tuple))->datlocprovider;
    bool libc = *provider == COLLPROVIDER_LIBC;
    char *locale = attribute_text(DATABASEOID, tuple,
                                  libc ? Anum_pg_database_datcollate : TQP_ANUM_DATABASE_LOCALE);
    ReleaseSysCache(tuple);
    return locale;
}

static char *named_locale(Oid collation, char *provider) {
    HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
    if (!HeapTupleIsValid(tuple))
        return NULL;
    *provider = ((Form_pg_collation)GETSTRUCT(tuple))->collprovider;
    bool libc = *provider == COLLPROVIDER_LIBC;
    char *locale = attribute_text(COLLOID, tuple,
                                  libc ? Anum_pg_collation_collcollate : TQP_ANUM_COLLATION_LOCALE);
    ReleaseSysCache(tuple);
    return locale;
}

/* The library's name of a collation (palloc'd), or NULL. */
static char *collation_locale(Oid collation, char *provider) {
    return collation == DEFAULT_COLLATION_OID ? database_locale(provider)
                                              : named_locale(collation, provider);
}

/*
 * Does strcoll order like strcmp?  glibc's C.UTF-8 does since 2.35, where it has no collation table
 * at all ("strict code point order", its NEWS), and in UTF-8 the order of code points is that of
 * bytes.  Older ones, which distributions patched in, had tables of their own.
 */
static bool is_code_point_order(char provider, const char *locale) {
#ifdef __GLIBC__
    int major = 0, minor = 0;
    if (provider != COLLPROVIDER_LIBC || locale == NULL ||
        (strcmp(locale, "C.UTF-8") != 0 && strcmp(locale, "C.utf8") != 0))
        return false;
    return sscanf(gnu_get_libc_version(), "%d.%d", &major, &minor) == 2 &&
           (major > 2 || (major == 2 && minor >= 35));
#else
    return false;
#endif
}

static bool orders_by_bytes(Oid collation) {
    char provider = 0;
    if (tqp_compat_collate_is_c(collation))
        return true;
    char *locale = collation_locale(collation, &provider);
    bool result = is_code_point_order(provider, locale);
    if (locale != NULL)
        pfree(locale);
    return result;
}

/* 0 when strings order by their bytes, else the collation's OID. */
static bool engine_collation(Oid collation, uint32 *engine, const char **reason) {
    if (!OidIsValid(collation)) {
        *reason = tqp_decline(TQP_DECLINE_UNDETERMINED);
        return false;
    }
    *engine = 0;
    if (orders_by_bytes(collation))
        return true;
    pg_locale_t locale = pg_newlocale_from_collation(collation);
    if (locale != NULL && !locale->deterministic) {
        *reason = tqp_decline(TQP_DECLINE_NONDETERMINISTIC);
        return false;
    }
    *engine = collation;
    return true;
}

/* Types that are stored in tuples as they are; cstring and pseudo-types are not. */
static bool is_carried(Oid typid) {
    char kind = get_typtype(typid);
    return typid != NUMERICOID && get_typlen(typid) != -2 &&
           (kind == TYPTYPE_BASE || kind == TYPTYPE_ENUM || kind == TYPTYPE_COMPOSITE ||
            kind == TYPTYPE_RANGE || kind == TYPTYPE_MULTIRANGE);
}

static bool has_kind(Oid typid) {
    for (size_t i = 0; i < lengthof(simple_types); i++)
        if (simple_types[i].oid == typid)
            return true;
    return false;
}

bool tqp_pg_ordered(Oid typid) {
    typid = getBaseType(typid);
    return typid == UUIDOID || typid == BYTEAOID || has_kind(typid);
}

bool tqp_pg_comparable(Oid typid) {
    return tqp_pg_ordered(typid) || get_typtype(getBaseType(typid)) == TYPTYPE_ENUM;
}

bool tqp_pg_type(Oid typid, int32 typmod, Oid collation, TqpType *type, const char **reason) {
    memset(type, 0, sizeof(*type));
    if (get_typtype(typid) == TYPTYPE_DOMAIN)
        typid = getBaseTypeAndTypmod(typid, &typmod);
    for (size_t i = 0; i < lengthof(simple_types); i++) {
        if (simple_types[i].oid != typid)
            continue;
        type->kind = simple_types[i].kind;
        if (type->kind == TQP_TYPE_NUM)
            return declared_scale(typmod, &type->scale, reason);
        if (tqp_type_class(type->kind) == TQP_CLASS_TEXT)
            return engine_collation(collation, &type->collation, reason);
        return true;
    }
    *reason = tqp_decline(TQP_DECLINE_NO_TYPE);
    type->kind = TQP_TYPE_BYTES;
    return is_carried(typid);
}

int tqp_pg_compare_text(void *host, uint32 collation, TqpView a, TqpView b) {
    (void)host;
    if (collation != 0)
        return varstr_cmp(a.data, (int)a.len, b.data, (int)b.len, collation);
    int cmp = memcmp(a.data, b.data, Min(a.len, b.len));
    return cmp != 0 ? cmp : (a.len > b.len) - (a.len < b.len);
}

static uint64 hash_string(const char *s, uint64 seed) {
    return s == NULL ? seed : tqp_hash_bytes(s, strlen(s), seed);
}

/*
 * Provider, locale and what the library says its version is.  It says none for C.UTF-8, so whether
 * that orders by bytes counts too: files may have come from a machine where it does not.
 */
static uint64 library_version(Oid collation) {
    char provider = 0;
    char *locale = collation_locale(collation, &provider);
    if (locale == NULL)
        return 0;
    uint64 hash = hash_string(locale, (uint64)provider);
    hash = hash_string(get_collation_actual_version(provider, locale), hash);
    return tqp_hash_combine(hash, is_code_point_order(provider, locale));
}

/*
 * What ranks computed under a collation depend on.  The library cannot change under a running
 * backend, so each collation is asked once.
 */
static uint64 collation_version(Oid collation) {
    static struct {
        Oid collation;
        uint64 version;
    } known[32];
    static int nknown = 0;
    if (tqp_compat_collate_is_c(collation))
        return 0;
    for (int i = 0; i < Min(nknown, (int)lengthof(known)); i++)
        if (known[i].collation == collation)
            return known[i].version;
    uint64 version = library_version(collation);
    known[nknown % lengthof(known)].collation = collation;
    known[nknown++ % lengthof(known)].version = version;
    return version;
}

/*
 * The missing value of a column added with a constant default is not hashed: it belongs to the
 * attribute number for as long as the relation file lives.
 */
uint64 tqp_cache_identity(Form_pg_attribute att) {
    uint64 hash = tqp_hash_combine(0x7471, (uint64)att->attnum);
    hash = tqp_hash_combine(hash, att->atttypid);
    hash = tqp_hash_combine(hash, (uint64)(uint32)att->atttypmod);
    hash = tqp_hash_combine(hash, (uint64)(uint16)att->attlen);
    hash = tqp_hash_combine(hash, att->atthasmissing);
    if (OidIsValid(att->attcollation)) {
        hash = tqp_hash_combine(hash, att->attcollation);
        hash = tqp_hash_combine(hash, collation_version(att->attcollation));
    }
    return hash;
}
