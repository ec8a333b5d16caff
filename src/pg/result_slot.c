/*
 * Tensor to Datum: one small converter per type, chosen once per column.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "base/bitmap.h"
#include "pg/result_slot.h"
#include "pg/value.h"

typedef struct Column Column;
typedef Datum (*Convert)(Column *c, const TqpTensor *t, uint32 row);

struct Column {
    Convert convert;
    TqpType type;
    int32 width;    /* bpchar: characters to pad to */
    Oid pg_type;    /* not a domain */
    Datum *by_code; /* dictionary: texts already made, 0 = not yet */
    const TqpDict *dict;
    MemoryContext cache, row;
};

struct TqpResultReader {
    const TqpResult *result;
    uint32 ncolumns;
    Column *columns;
    int64 position; /* row that was returned last; -1 before the first */
    uint32 group;   /* row group of `position` or near it */
    int64 first;    /* row number at which the group begins */
    MemoryContext cache;
};

static TqpInt128 tensor_int(const TqpTensor *t, uint32 row) {
    if (t->encoding == TQP_ENC_CONST)
        return t->base;
    switch (t->lane) {
    case TQP_LANE_U8:
        return t->base + ((const uint8_t *)t->data)[row];
    case TQP_LANE_U16:
        return t->base + ((const uint16_t *)t->data)[row];
    case TQP_LANE_U32:
        return t->base + ((const uint32_t *)t->data)[row];
    case TQP_LANE_I64:
        return ((const int64_t *)t->data)[row];
    default:
        return ((const TqpInt128 *)t->data)[row];
    }
}

static Datum convert_bool(Column *c, const TqpTensor *t, uint32 row) {
    return BoolGetDatum(tqp_bitmap_get(t->data, row));
}

static Datum convert_int2(Column *c, const TqpTensor *t, uint32 row) {
    return Int16GetDatum((int16)tensor_int(t, row));
}

static Datum convert_int4(Column *c, const TqpTensor *t, uint32 row) {
    return Int32GetDatum((int32)tensor_int(t, row));
}

static Datum convert_int8(Column *c, const TqpTensor *t, uint32 row) {
    return Int64GetDatum((int64)tensor_int(t, row));
}

static Datum convert_float4(Column *c, const TqpTensor *t, uint32 row) {
    return Float4GetDatum(((const float *)t->data)[row]);
}

static Datum convert_float8(Column *c, const TqpTensor *t, uint32 row) {
    return Float8GetDatum(((const double *)t->data)[row]);
}

static Datum convert_numeric(Column *c, const TqpTensor *t, uint32 row) {
    return tqp_value_numeric(tensor_int(t, row), c->type.scale);
}

static Datum make_text(const Column *c, TqpView view) {
    return c->type.kind == TQP_TYPE_BYTES ? tqp_value_carried(view, c->pg_type)
                                          : tqp_value_text(view, c->width);
}

static uint32 tensor_code(const TqpTensor *t, uint32 row) {
    switch (t->lane) {
    case TQP_LANE_U8:
        return ((const uint8_t *)t->data)[row];
    case TQP_LANE_U16:
        return ((const uint16_t *)t->data)[row];
    default:
        return ((const uint32_t *)t->data)[row];
    }
}

#define CACHED_CODES_MAX (1u << 20) /* beyond, the array of Datums would outgrow its use */

static Datum convert_code(Column *c, const TqpTensor *t, uint32 row) {
    uint32 code = tensor_code(t, row);
    if (t->dict->count > CACHED_CODES_MAX)
        return make_text(c, tqp_dict_view(t->dict, code));
    if (c->dict != t->dict) {
        MemoryContext old = MemoryContextSwitchTo(c->cache);
        c->by_code = palloc0(sizeof(Datum) * ((Size)t->dict->count + 1));
        c->dict = t->dict;
        MemoryContextSwitchTo(old);
    }
    if (c->by_code[code] == (Datum)0) {
        MemoryContext old = MemoryContextSwitchTo(c->cache);
        c->by_code[code] = make_text(c, tqp_dict_view(t->dict, code));
        MemoryContextSwitchTo(old);
    }
    return c->by_code[code];
}

static Datum convert_text(Column *c, const TqpTensor *t, uint32 row) {
    if (t->encoding == TQP_ENC_DICT)
        return convert_code(c, t, row);
    uint32 from = t->offsets[row];
    return make_text(c, tqp_view(t->bytes + from, t->offsets[row + 1] - from));
}

static const struct {
    Oid type;
    Convert convert;
} converters[] = {
    {BOOLOID, convert_bool},       {INT2OID, convert_int2},        {INT4OID, convert_int4},
    {INT8OID, convert_int8},       {FLOAT4OID, convert_float4},    {FLOAT8OID, convert_float8},
    {NUMERICOID, convert_numeric}, {DATEOID, convert_int4},        {TIMEOID, convert_int8},
    {TIMESTAMPOID, convert_int8},  {TIMESTAMPTZOID, convert_int8}, {TEXTOID, convert_text},
    {VARCHAROID, convert_text},    {BPCHAROID, convert_text},
};

static void choose_converter(Column *c, Oid type, int32 typmod) {
    if (get_typtype(type) == TYPTYPE_DOMAIN)
        type = getBaseTypeAndTypmod(type, &typmod);
    c->pg_type = type;
    c->width = type == BPCHAROID ? typmod - (int32)VARHDRSZ : 0;
    if (c->type.kind == TQP_TYPE_BYTES)
        c->convert = convert_text;
    for (size_t i = 0; i < lengthof(converters); i++)
        if (converters[i].type == type)
            c->convert = converters[i].convert;
    if (c->convert == NULL)
        elog(ERROR, "tqp: no converter for type %u", type);
}

TqpResultReader *tqp_result_reader(const TqpResult *result, List *columns) {
    TqpResultReader *r = palloc0(sizeof(*r));
    ListCell *lc;
    r->result = result;
    r->ncolumns = (uint32)list_length(columns);
    r->columns = palloc0(sizeof(Column) * r->ncolumns);
    r->cache = CurrentMemoryContext;
    if (r->ncolumns > result->rel.ncolumns)
        elog(ERROR, "tqp: result has %u columns, expected %u", result->rel.ncolumns, r->ncolumns);
    foreach (lc, columns) {
        const Var *var = lfirst(lc);
        Column *c = &r->columns[foreach_current_index(lc)];
        c->type = result->rel.columns[foreach_current_index(lc)].type;
        c->cache = r->cache;
        choose_converter(c, var->vartype, var->vartypmod);
    }
    tqp_result_rewind(r);
    return r;
}

void tqp_result_rewind(TqpResultReader *r) {
    r->position = -1;
    r->group = 0;
    r->first = 0;
}

/* Make r->group the group of r->position, which is within the result. */
static const TqpRowGroup *seek(TqpResultReader *r) {
    const TqpRowGroup *groups = r->result->rel.groups;
    while (r->position >= r->first + groups[r->group].nrows)
        r->first += groups[r->group++].nrows;
    while (r->position < r->first)
        r->first -= groups[--r->group].nrows;
    return &groups[r->group];
}

bool tqp_result_read(TqpResultReader *r, bool forward, MemoryContext row, TupleTableSlot *slot) {
    int64 nrows = (int64)r->result->nrows;
    ExecClearTuple(slot);
    r->position = forward ? Min(r->position + 1, nrows) : Max(r->position - 1, -1);
    if (r->position < 0 || r->position >= nrows)
        return false;
    const TqpRowGroup *group = seek(r);
    uint32 i = (uint32)(r->position - r->first);
    MemoryContext old = MemoryContextSwitchTo(row);
    for (uint32 c = 0; c < r->ncolumns; c++) {
        const TqpTensor *t = &group->tensors[c];
        slot->tts_isnull[c] = t->validity != NULL && !tqp_bitmap_get(t->validity, i);
        slot->tts_values[c] =
            slot->tts_isnull[c] ? (Datum)0 : r->columns[c].convert(&r->columns[c], t, i);
    }
    MemoryContextSwitchTo(old);
    ExecStoreVirtualTuple(slot);
    return true;
}
