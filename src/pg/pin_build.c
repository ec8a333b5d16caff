/* From a proved set of blocks to the relation that the engine scans. */
#include "postgres.h"

#include "miscadmin.h"

#include "base/bitmap.h"
#include "pg/delta.h"
#include "pg/pin.h"
#include "pg/tqp_pg.h"

/* Strings of a delta that may join a column's dictionary; beyond it they stay bytes. */
#define MAX_DELTA_STRINGS (1 << 20)
#define MAX_DICT_BYTES    ((uint64)1 << 30)

void tqp_pin_clear_range(uint64 *bits, uint32 from, uint32 to) {
    while (from < to && from % 64 != 0)
        tqp_bitmap_clear(bits, from++);
    for (; from + 64 <= to; from += 64)
        bits[from / 64] = 0;
    while (from < to)
        tqp_bitmap_clear(bits, from++);
}

uint32 tqp_pin_live_rows(const TqpStoreGroup *group, const uint64 *valid, uint64 *mask) {
    uint32 live = group->nrows;
    for (uint32 w = 0; w < tqp_bitmap_words(group->nblocks); w++) {
        uint32 here = Min(64, group->nblocks - w * 64);
        for (uint64 out = ~valid[w] & tqp_bitmap_tail(here); out != 0; out &= out - 1) {
            uint32 block = w * 64 + (uint32)__builtin_ctzll(out);
            uint32 from = group->row_start[block], to = group->row_start[block + 1];
            live -= to - from;
            if (mask != NULL)
                tqp_pin_clear_range(mask, from, to);
        }
    }
    return live;
}

static TqpStatus out_of_arena(const TqpArena *arena, TqpError *err) {
    return tqp_error_set(err, arena->failed, "no memory for the relation's row groups");
}

/* One group of the cache, unless no row of it may be seen. */
static TqpStatus add_group(TqpPinWork *work, uint32 g, TqpError *err) {
    const TqpStoreGroup *stored = &work->open->gen->groups[g];
    TqpRelation *rel = &work->pin->rel;
    TqpRowGroup *group = &rel->groups[rel->ngroups];
    CHECK_FOR_INTERRUPTS();
    uint32 live = tqp_pin_live_rows(stored, work->validity.valid[g], NULL);
    if (live == 0)
        return TQP_OK;
    memset(group, 0, sizeof(*group));
    group->nrows = stored->nrows;
    group->live_rows = live;
    if (live < stored->nrows) {
        uint64 *mask = tqp_arena_zalloc(work->arena, (tqp_bitmap_words(stored->nrows) + 1) * 8);
        if (mask == NULL)
            return out_of_arena(work->arena, err);
        tqp_bitmap_fill(mask, stored->nrows);
        (void)tqp_pin_live_rows(stored, work->validity.valid[g], mask);
        group->row_mask = mask;
    }
    group->tensors = tqp_arena_zalloc(work->arena, Max(work->ncolumns, 1) * sizeof(TqpTensor));
    if (group->tensors == NULL)
        return out_of_arena(work->arena, err);
    for (int c = 0; c < work->ncolumns; c++)
        TQP_TRY(tqp_store_tensor(work->open->gen, g, (uint32)work->columns[c], &group->tensors[c],
                                 err));
    rel->ngroups++;
    return TQP_OK;
}

static TqpStatus add_cached(TqpPinWork *work, TqpError *err) {
    TqpGeneration *gen = work->open->gen;
    TqpRelation *rel = &work->pin->rel;
    rel->groups = tqp_arena_alloc(work->arena, Max(gen->ngroups, 1) * sizeof(TqpRowGroup));
    if (rel->groups == NULL)
        return out_of_arena(work->arena, err);
    for (uint32 g = 0; g < gen->ngroups; g++)
        if (work->validity.nvalid[g] > 0)
            TQP_TRY(add_group(work, g, err));
    for (int c = 0; c < work->ncolumns; c++)
        if (tqp_type_class(work->types[c].kind) == TQP_CLASS_TEXT)
            TQP_TRY(tqp_store_dict(gen, (uint32)work->columns[c], &rel->columns[c].dict, err));
    return TQP_OK;
}

/* May strings of the delta get codes: is the column in codes wherever it is cached? */
static bool all_codes(const TqpRelation *rel, int c) {
    for (uint32 g = 0; g < rel->ngroups; g++)
        if (rel->groups[g].tensors[c].encoding != TQP_ENC_DICT)
            return false;
    return true;
}

static TqpStatus make_interners(TqpPinWork *work, TqpInterner **interners, TqpError *err) {
    const TqpRelation *rel = &work->pin->rel;
    for (int c = 0; c < work->ncolumns; c++) {
        const TqpDict *base = rel->columns[c].dict;
        if (tqp_type_class(work->types[c].kind) != TQP_CLASS_TEXT || !all_codes(rel, c))
            continue;
        interners[c] =
            tqp_interner_create(base, (base != NULL ? base->count : 0) + MAX_DELTA_STRINGS,
                                MAX_DICT_BYTES, work->arena->broker);
        if (interners[c] == NULL)
            return tqp_error_set(err, TQP_NO_MEMORY, "no memory for a dictionary");
        tqp_interner_set_poll(interners[c], tqp_pg_poll());
    }
    return TQP_OK;
}

/* The column's dictionary with the delta's strings, for the cached groups too. */
static TqpStatus extend_dict(TqpPinWork *work, int c, TqpInterner *interner, TqpError *err) {
    TqpRelation *rel = &work->pin->rel;
    TqpDict *dict = tqp_arena_zalloc(work->arena, sizeof(TqpDict));
    if (dict == NULL)
        return out_of_arena(work->arena, err);
    TQP_TRY(tqp_interner_dict(interner, work->arena, work->types[c].collation, tqp_pg_compare_text,
                              NULL, dict, err));
    rel->columns[c].dict = dict;
    for (uint32 g = 0; g < rel->ngroups; g++)
        if (rel->groups[g].tensors[c].encoding == TQP_ENC_DICT)
            rel->groups[g].tensors[c].dict = dict;
    return TQP_OK;
}

static TqpStatus join_delta(TqpPinWork *work, const TqpDelta *delta, TqpInterner **interners,
                            TqpError *err) {
    TqpRelation *rel = &work->pin->rel;
    TqpRowGroup *groups =
        tqp_arena_alloc(work->arena, (rel->ngroups + delta->ngroups) * sizeof(TqpRowGroup));
    if (groups == NULL)
        return out_of_arena(work->arena, err);
    if (rel->ngroups > 0)
        memcpy(groups, rel->groups, rel->ngroups * sizeof(TqpRowGroup));
    memcpy(groups + rel->ngroups, delta->groups, delta->ngroups * sizeof(TqpRowGroup));
    rel->groups = groups;
    rel->ngroups += delta->ngroups;
    for (int c = 0; c < work->ncolumns; c++)
        if (interners[c] != NULL)
            TQP_TRY(extend_dict(work, c, interners[c], err));
    return TQP_OK;
}

static TqpStatus add_delta(TqpPinWork *work, TqpError *err) {
    TqpInterner **interners = palloc0(Max(work->ncolumns, 1) * sizeof(TqpInterner *));
    TqpDelta delta = {.rel = work->rel,
                      .snapshot = work->snapshot,
                      .ncolumns = work->ncolumns,
                      .attnums = work->attnums,
                      .types = work->types,
                      .arena = work->arena,
                      .valid = work->valid,
                      .nblocks = work->nblocks,
                      .interners = interners};
    volatile TqpStatus status = TQP_OK;
    PG_TRY();
    {
        status = make_interners(work, interners, err);
        if (status == TQP_OK)
            status = tqp_delta_read(&delta, err);
        if (status == TQP_OK && delta.ngroups > 0)
            status = join_delta(work, &delta, interners, err);
    }
    PG_FINALLY();
    {
        for (int c = 0; c < work->ncolumns; c++)
            if (interners[c] != NULL)
                tqp_interner_destroy(interners[c]);
    }
    PG_END_TRY();
    return status;
}

/* A text column without any row: its dictionary is empty, and in order. */
static void set_empty_dicts(TqpRelation *rel) {
    static const uint32 no_offsets[1] = {0};
    static const TqpDict empty = {.offsets = no_offsets, .bytes = "", .ranked = true};
    for (uint32 c = 0; c < rel->ncolumns; c++)
        if (rel->columns[c].dict == NULL &&
            tqp_type_class(rel->columns[c].type.kind) == TQP_CLASS_TEXT)
            rel->columns[c].dict = &empty;
}

TqpStatus tqp_pin_build(TqpPinWork *work, TqpError *err) {
    TqpRelation *rel = &work->pin->rel;
    memset(rel, 0, sizeof(*rel));
    rel->ncolumns = (uint32)work->ncolumns;
    rel->columns = tqp_arena_zalloc(work->arena, Max(work->ncolumns, 1) * sizeof(TqpRelColumn));
    if (rel->columns == NULL)
        return out_of_arena(work->arena, err);
    for (int c = 0; c < work->ncolumns; c++)
        rel->columns[c].type = work->types[c];
    if (work->nvalid > 0)
        TQP_TRY(add_cached(work, err));
    if (work->nvalid < work->nblocks)
        TQP_TRY(add_delta(work, err));
    if (rel->ngroups == 0)
        set_empty_dicts(rel);
    return TQP_OK;
}
