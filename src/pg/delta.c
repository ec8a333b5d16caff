/*
 * Reading the delta.  Visibility, conflicts under SERIALIZABLE, own uncommitted writes and HOT
 * chains are all decided by PostgreSQL's own scan, which is limited to runs of blocks.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/bitmap.h"
#include "pg/delta.h"
#include "pg/deform.h"

#define GROUP_ROWS (1 << 16)

typedef struct Reader {
    TqpDelta *delta;
    TqpDeformer *deformer;
    TqpDeformHost host;
    TqpStage **stages;
    MemoryContext tuple_context; /* values fetched out of line */
    uint32 nrows;                /* in the stages */
    uint32 max_groups;
} Reader;

static const char *fetch(void *arg, const char *pointer, uint32 *len) {
    Reader *r = arg;
    MemoryContext old = MemoryContextSwitchTo(r->tuple_context);
    struct varlena *value = detoast_attr((struct varlena *)unconstify(char *, pointer));
    MemoryContextSwitchTo(old);
    *len = (uint32)VARSIZE_ANY_EXHDR(value);
    return VARDATA_ANY(value);
}

static TqpStatus make_stages(Reader *r, TqpError *err) {
    const TqpDelta *d = r->delta;
    for (int i = 0; i < d->ncolumns; i++) {
        r->stages[i] = tqp_stage_create(d->types[i], d->arena->broker);
        if (r->stages[i] == NULL)
            return tqp_error_set(err, TQP_NO_MEMORY, "no memory for rows from the heap");
    }
    return TQP_OK;
}

static TqpRowGroup *new_group(Reader *r) {
    TqpDelta *d = r->delta;
    if (d->ngroups == r->max_groups) {
        r->max_groups = Max(16, r->max_groups * 2);
        d->groups = d->groups == NULL ? palloc(r->max_groups * sizeof(TqpRowGroup))
                                      : repalloc(d->groups, r->max_groups * sizeof(TqpRowGroup));
    }
    memset(&d->groups[d->ngroups], 0, sizeof(TqpRowGroup));
    return &d->groups[d->ngroups++];
}

/* The rows in the stages become a row group. */
static TqpStatus flush_rows(Reader *r, TqpError *err) {
    TqpDelta *d = r->delta;
    if (r->nrows == 0)
        return TQP_OK;
    TqpRowGroup *group = new_group(r);
    group->nrows = group->live_rows = r->nrows;
    group->from_heap = true;
    group->tensors = tqp_arena_zalloc(d->arena, Max(d->ncolumns, 1) * sizeof(TqpTensor));
    if (group->tensors == NULL)
        return tqp_error_set(err, d->arena->failed, "not enough memory for rows from the heap");
    for (int i = 0; i < d->ncolumns; i++) {
        CHECK_FOR_INTERRUPTS();
        TqpStatus status = tqp_stage_status(r->stages[i], &d->reason);
        if (status != TQP_OK)
            return tqp_error_set(err, status, "%s", d->reason != NULL ? d->reason : "no memory");
        TQP_TRY(tqp_stage_tensor(r->stages[i], d->arena, d->interners[i], &group->tensors[i], err));
        tqp_stage_reset(r->stages[i]);
    }
    r->nrows = 0;
    return TQP_OK;
}

static TqpStatus read_run(Reader *r, TableScanDesc scan, BlockNumber first, BlockNumber count,
                          TqpError *err) {
    HeapTuple tuple;
    heap_setscanlimits(scan, first, count);
    while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL) {
        tqp_deform_tuple(r->deformer, tuple->t_data, r->stages, &r->host);
        if (HeapTupleHasExternal(tuple))
            MemoryContextReset(r->tuple_context);
        if (++r->nrows == GROUP_ROWS)
            TQP_TRY(flush_rows(r, err));
    }
    return TQP_OK;
}

static BlockNumber next_block(const uint64 *bits, BlockNumber from, BlockNumber end, bool set) {
    while (from < end) {
        uint64 word = (set ? bits[from / 64] : ~bits[from / 64]) >> (from % 64);
        if (word != 0)
            return Min(end, from + (BlockNumber)__builtin_ctzll(word));
        from = (from / 64 + 1) * 64;
    }
    return end;
}

static TqpStatus read_blocks(Reader *r, TqpError *err) {
    TqpDelta *d = r->delta;
    BlockNumber first = next_block(d->valid, 0, d->nblocks, false);
    TableScanDesc scan = NULL;
    while (first < d->nblocks) {
        BlockNumber end = next_block(d->valid, first, d->nblocks, true);
        if (scan == NULL)
            scan = table_beginscan_strat(d->rel, d->snapshot, 0, NULL, true, false);
        else
            table_rescan(scan, NULL);
        TqpStatus status = read_run(r, scan, first, end - first, err);
        if (status != TQP_OK) {
            table_endscan(scan);
            return status;
        }
        first = next_block(d->valid, end, d->nblocks, false);
    }
    if (scan != NULL)
        table_endscan(scan);
    return flush_rows(r, err);
}

TqpStatus tqp_delta_read(TqpDelta *delta, TqpError *err) {
    Reader r = {.delta = delta};
    volatile TqpStatus status = TQP_OK;
    delta->groups = NULL;
    delta->ngroups = 0;
    if (next_block(delta->valid, 0, delta->nblocks, false) == delta->nblocks)
        return TQP_OK;
    r.deformer = tqp_deform_make(RelationGetDescr(delta->rel), delta->ncolumns, delta->attnums,
                                 delta->types);
    r.tuple_context =
        AllocSetContextCreate(CurrentMemoryContext, "tqp delta values", ALLOCSET_DEFAULT_SIZES);
    r.host.fetch = fetch;
    r.host.arg = &r;
    r.stages = palloc0(Max(delta->ncolumns, 1) * sizeof(TqpStage *));
    PG_TRY();
    {
        status = make_stages(&r, err);
        if (status == TQP_OK)
            status = read_blocks(&r, err);
    }
    PG_FINALLY();
    {
        for (int i = 0; i < delta->ncolumns; i++)
            if (r.stages[i] != NULL)
                tqp_stage_destroy(r.stages[i]);
        tqp_deform_host_free(&r.host);
    }
    PG_END_TRY();
    MemoryContextDelete(r.tuple_context);
    return status;
}
