/* Finding the attributes of a heap tuple. See deform.h. */
#include "postgres.h"

#include "access/tupdesc_details.h"
#include "access/tupmacs.h"
#include "utils/datum.h"

#include "pg/deform.h"
#include "pg/deform_value.h"

static uint8 align_bytes(char attalign) {
    switch (attalign) {
    case TYPALIGN_CHAR:
        return 1;
    case TYPALIGN_SHORT:
        return ALIGNOF_SHORT;
    case TYPALIGN_INT:
        return ALIGNOF_INT;
    default:
        return ALIGNOF_DOUBLE;
    }
}

/* The value of tuples that end before the attribute, as its bytes would lie in a tuple. */
static const char *missing_value(TupleDesc desc, Form_pg_attribute att) {
    if (!att->atthasmissing || desc->constr == NULL || desc->constr->missing == NULL)
        return NULL;
    const AttrMissing *missing = &desc->constr->missing[att->attnum - 1];
    if (!missing->am_present)
        return NULL;
    if (!att->attbyval)
        return DatumGetPointer(datumCopy(missing->am_value, false, att->attlen));
    char *bytes = palloc0(sizeof(Datum));
    store_att_byval(bytes, missing->am_value, att->attlen);
    return bytes;
}

static int compare_columns(const void *a, const void *b) {
    return ((const TqpDeformColumn *)a)->att - ((const TqpDeformColumn *)b)->att;
}

static void set_offsets(TqpDeformer *d, TupleDesc desc) {
    int32 offset = 0;
    for (int i = 0; i < d->natts; i++) {
        Form_pg_attribute att = TupleDescAttr(desc, i);
        TqpDeformAttr *a = &d->attrs[i];
        a->len = att->attlen;
        a->align = align_bytes(att->attalign);
        if (offset >= 0 && a->len > 0) {
            a->offset = TYPEALIGN(a->align, offset);
            offset = a->offset + a->len;
        } else {
            a->offset = offset = -1;
        }
    }
}

TqpDeformer *tqp_deform_make(TupleDesc desc, int ncolumns, const AttrNumber *attnums,
                             const TqpType *types) {
    TqpDeformer *d = palloc0(sizeof(TqpDeformer));
    d->ncolumns = ncolumns;
    d->columns = palloc0((ncolumns + 1) * sizeof(TqpDeformColumn));
    for (int i = 0; i < ncolumns; i++) {
        TqpDeformColumn *c = &d->columns[i];
        c->att = attnums[i] - 1;
        c->source = i;
        c->kind = types[i].kind;
        c->scale = types[i].scale;
        c->len = TupleDescAttr(desc, c->att)->attlen;
        c->missing = missing_value(desc, TupleDescAttr(desc, c->att));
        d->natts = Max(d->natts, attnums[i]);
    }
    qsort(d->columns, ncolumns, sizeof(TqpDeformColumn), compare_columns);
    d->columns[ncolumns].att = PG_INT32_MAX;
    d->attrs = palloc(Max(d->natts, 1) * sizeof(TqpDeformAttr));
    set_offsets(d, desc);
    return d;
}

/* Where an attribute that begins at or after `offset` begins. */
static inline uint32 attribute_start(const TqpDeformAttr *a, const char *data, uint32 offset) {
    if (a->len == -1 && VARATT_NOT_PAD_BYTE(data + offset))
        return offset;
    return (uint32)TYPEALIGN(a->align, offset);
}

static inline uint32 attribute_bytes(const TqpDeformAttr *a, const char *p) {
    if (a->len > 0)
        return (uint32)a->len;
    return a->len == -1 ? (uint32)VARSIZE_ANY(p) : (uint32)strlen(p) + 1;
}

void tqp_deform_tuple(const TqpDeformer *d, HeapTupleHeader tuple, TqpStage *const *stages,
                      TqpDeformHost *host) {
    const TqpDeformColumn *column = d->columns;
    const char *data = (const char *)tuple + tuple->t_hoff;
    const bits8 *nulls = (tuple->t_infomask & HEAP_HASNULL) ? tuple->t_bits : NULL;
    int natts = Min(d->natts, (int)HeapTupleHeaderGetNatts(tuple));
    bool moved = false; /* a null came: the fixed offsets do not hold */
    uint32 offset = 0;
    for (int i = 0; i < natts; i++) {
        const TqpDeformAttr *a = &d->attrs[i];
        bool wanted = column->att == i;
        if (nulls != NULL && att_isnull(i, nulls)) {
            moved = true;
            if (wanted)
                tqp_stage_null(stages[column++->source]);
            continue;
        }
        offset = !moved && a->offset >= 0 ? (uint32)a->offset : attribute_start(a, data, offset);
        if (wanted) {
            tqp_deform_value(column, data + offset, stages[column->source], host);
            column++;
        }
        offset += attribute_bytes(a, data + offset);
    }
    for (; column->att != PG_INT32_MAX; column++) {
        if (column->missing != NULL)
            tqp_deform_value(column, column->missing, stages[column->source], host);
        else
            tqp_stage_null(stages[column->source]);
    }
}

void tqp_deform_externals(const TqpDeformer *d, HeapTupleHeader tuple,
                          void (*visit)(void *arg, const char *pointer), void *arg) {
    const TqpDeformColumn *column = d->columns;
    const char *data = (const char *)tuple + tuple->t_hoff;
    const bits8 *nulls = (tuple->t_infomask & HEAP_HASNULL) ? tuple->t_bits : NULL;
    int natts = Min(d->natts, (int)HeapTupleHeaderGetNatts(tuple));
    uint32 offset = 0;
    for (int i = 0; i < natts; i++) {
        const TqpDeformAttr *a = &d->attrs[i];
        bool wanted = column->att == i;
        column += wanted;
        if (nulls != NULL && att_isnull(i, nulls))
            continue;
        offset = attribute_start(a, data, offset);
        if (wanted && a->len == -1 && VARATT_IS_EXTERNAL(data + offset))
            visit(arg, data + offset);
        offset += attribute_bytes(a, data + offset);
    }
}

void tqp_deform_host_free(TqpDeformHost *host) {
    free(host->scratch);
    host->scratch = NULL;
    host->scratch_bytes = 0;
}
