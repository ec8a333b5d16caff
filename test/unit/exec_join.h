/*
 * For the tests of joins: two sides of random rows with keys of several types, and programs that
 * join them.  Everything about a row follows from small numbers, which the oracle compares.
 */
#ifndef TQP_TEST_EXEC_JOIN_H
#define TQP_TEST_EXEC_JOIN_H

#include "exec_build.h"

/* Columns: row number; int, text and float key; three-valued bool. */
enum { SIDE_ID, SIDE_A, SIDE_B, SIDE_C, SIDE_M, SIDE_COLUMNS };

typedef struct SideRow {
    int64_t key[3]; /* of a, b, c; -1: NULL */
    int m;          /* 0, 1; -1: NULL */
    bool live;
} SideRow;

typedef struct Side {
    uint32_t n;
    SideRow *rows;
    TqpRelation rel;
    TqpArena arena;
} Side;

static inline int64_t int_of(int64_t key) {
    return key * 3 - 5;
}

static inline double float_of(int64_t key) {
    if (key == 0)
        return rng() % 2 ? -0.0 : 0.0;
    return key == 1 ? (rng() % 2 ? NAN : -NAN) : (double)key / 4;
}

static inline int text_of(int64_t key, char *out) {
    return snprintf(out, 32, key % 3 == 0 ? "%lld" : "a longer text %lld", (long long)key);
}

static inline void *side_alloc(Side *side, size_t bytes) {
    return tqp_arena_zalloc(&side->arena, bytes + TQP_TENSOR_PAD);
}

static inline void side_null(Side *side, TqpTensor *t, uint32_t i) {
    if (t->validity == NULL) {
        uint64_t *bits = side_alloc(side, tqp_bitmap_words(t->nrows) * 8);
        tqp_bitmap_fill(bits, t->nrows);
        t->validity = bits;
    }
    tqp_bitmap_clear((uint64_t *)t->validity, i);
    t->null_count++;
}

static inline void side_group(Side *side, TqpRowGroup *g, uint32_t first, uint32_t n) {
    TqpTensor *t = g->tensors = side_alloc(side, SIDE_COLUMNS * sizeof(TqpTensor));
    uint32_t *id = side_alloc(side, n * 4), *offsets = side_alloc(side, (n + 1) * 4);
    int64_t *a = side_alloc(side, n * 8);
    double *c = side_alloc(side, n * 8);
    char *bytes = side_alloc(side, (size_t)n * 32);
    uint64_t *m = side_alloc(side, n / 8 + 8), *live = side_alloc(side, n / 8 + 8);
    t[SIDE_ID] = (TqpTensor){.encoding = TQP_ENC_FOR, .lane = TQP_LANE_U32, .data = id};
    t[SIDE_A] = (TqpTensor){.encoding = TQP_ENC_FOR, .lane = TQP_LANE_I64, .data = a};
    t[SIDE_B] = (TqpTensor){.encoding = TQP_ENC_BYTES, .lane = TQP_LANE_VIEW};
    t[SIDE_B].offsets = offsets;
    t[SIDE_B].bytes = bytes;
    t[SIDE_C] = (TqpTensor){.encoding = TQP_ENC_PLAIN, .lane = TQP_LANE_F64, .data = c};
    t[SIDE_M] = (TqpTensor){.encoding = TQP_ENC_PLAIN, .lane = TQP_LANE_MASK, .data = m};
    g->nrows = n;
    for (int k = 0; k < SIDE_COLUMNS; k++)
        t[k].nrows = n;
    for (uint32_t i = 0; i < n; i++) {
        const SideRow *row = &side->rows[first + i];
        id[i] = first + i;
        a[i] = row->key[0] < 0 ? 0 : int_of(row->key[0]);
        int len = row->key[1] < 0 ? 0 : text_of(row->key[1], bytes + offsets[i]);
        offsets[i + 1] = offsets[i] + (uint32_t)len;
        c[i] = row->key[2] < 0 ? 0 : float_of(row->key[2]);
        if (row->m == 1)
            tqp_bitmap_set(m, i);
        for (int k = 0; k < 3; k++)
            if (row->key[k] < 0)
                side_null(side, &t[SIDE_A + k], i);
        if (row->m < 0)
            side_null(side, &t[SIDE_M], i);
        if (row->live)
            tqp_bitmap_set(live, i);
        g->live_rows += row->live;
    }
    g->row_mask = g->live_rows < n ? live : NULL;
}

/* domain 0: key a is unique and never NULL. */
static inline void side_make(Side *side, uint32_t n, uint32_t group_rows, uint32_t domain,
                             uint32_t null_every) {
    static const TqpTypeKind kinds[] = {TQP_TYPE_I64, TQP_TYPE_I64, TQP_TYPE_TEXT, TQP_TYPE_F64,
                                        TQP_TYPE_BOOL};
    memset(side, 0, sizeof(*side));
    side->n = n;
    side->rows = calloc(n + 1, sizeof(SideRow));
    for (uint32_t i = 0; i < n; i++) {
        SideRow *row = &side->rows[i];
        for (int k = 0; k < 3; k++) {
            bool null = null_every > 0 && rng() % null_every == 0;
            row->key[k] = null ? -1 : (int64_t)(rng() % (domain > 0 ? domain : 40));
        }
        if (domain == 0)
            row->key[0] = (int64_t)(i * 7919u % 100003u);
        row->m = (int)(rng() % 3) - 1;
        row->live = i / group_rows % 2 == 0 || rng() % 4 != 0;
    }
    side->rel.ncolumns = SIDE_COLUMNS;
    side->rel.columns = side_alloc(side, SIDE_COLUMNS * sizeof(TqpRelColumn));
    for (int k = 0; k < SIDE_COLUMNS; k++)
        side->rel.columns[k].type.kind = kinds[k];
    side->rel.ngroups = (n + group_rows - 1) / group_rows;
    side->rel.groups = side_alloc(side, (side->rel.ngroups + 1) * sizeof(TqpRowGroup));
    for (uint32_t g = 0; g < side->rel.ngroups; g++) {
        uint32_t first = g * group_rows, left = n - first;
        side_group(side, &side->rel.groups[g], first, left < group_rows ? left : group_rows);
    }
}

static inline void side_free(Side *side) {
    free(side->rows);
    tqp_arena_free(&side->arena);
}

static inline TqpSlot side_load(Build *b, uint32_t column) {
    static const TqpLane lanes[] = {TQP_LANE_U32, TQP_LANE_I64, TQP_LANE_VIEW, TQP_LANE_F64,
                                    TQP_LANE_MASK};
    static const TqpTypeKind kinds[] = {TQP_TYPE_I64, TQP_TYPE_I64, TQP_TYPE_TEXT, TQP_TYPE_F64,
                                        TQP_TYPE_BOOL};
    return build_load(b, column, kinds[column], lanes[column], 0, column != SIDE_ID);
}

/* A join's map: which keys, how. */
typedef struct Keys {
    TqpMapKind kind;
    uint32_t n;
    uint32_t columns[3]; /* SIDE_A .. SIDE_C */
    bool null_safe[3];
} Keys;

static inline bool keys_match(const Keys *keys, const SideRow *l, const SideRow *r) {
    for (uint32_t k = 0; k < keys->n; k++) {
        int64_t x = l->key[keys->columns[k] - SIDE_A], y = r->key[keys->columns[k] - SIDE_A];
        if (x != y || (x < 0 && !keys->null_safe[k]))
            return false;
    }
    return true;
}

static inline TqpMap keys_map(const Keys *keys, uint32_t domain, bool exists_only) {
    return (TqpMap){.kind = keys->kind,
                    .nkeys = keys->n,
                    .columns = keys->columns,
                    .null_safe = keys->null_safe,
                    .lo = int_of(0),
                    .span = (uint64_t)(domain > 0 ? domain : 100003) * 3 - 2,
                    .unique = domain == 0,
                    .exists_only = exists_only};
}

/* Pipeline: all columns of relation `rel` with a map. */
static inline void build_side(Build *b, uint32_t rel, TqpMap map) {
    TqpSlot slots[SIDE_COLUMNS];
    for (uint32_t c = 0; c < SIDE_COLUMNS; c++)
        slots[c] = side_load(b, c);
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .map = map, .limit = -1};
    sink.ncolumns = sink.noutputs = SIDE_COLUMNS;
    sink.columns = slots;
    TqpPipeline *p = build_pipeline(b, false, &sink);
    p->sources = build_copy(b, &rel, sizeof(rel));
    p->sink.columns = build_copy(b, slots, sizeof(slots));
}

static inline TqpStep *build_probe(Build *b, TqpProbe probe) {
    TqpStep *step = build_step(b, TQP_STEP_PROBE, TQP_LANE_U32, TQP_NO_REG, TQP_NO_REG, TQP_NO_REG);
    TqpProbe *copy = build_copy(b, &probe, sizeof(probe));
    copy->keys = build_copy(b, probe.keys, probe.nkeys * sizeof(TqpSlot));
    copy->map = &b->pipelines[probe.pipeline].sink.map;
    step->aux = copy;
    return step;
}

static inline uint16_t build_and(Build *b, uint16_t x, uint16_t y) {
    uint16_t out = build_reg(b, TQP_LANE_MASK);
    build_step(b, TQP_STEP_MASK_AND, TQP_LANE_MASK, out, x, y);
    return out;
}

/* matched: of an outer join, or TQP_NO_REG. */
static inline TqpSlot build_fetch(Build *b, uint32_t pipeline, uint32_t column, uint16_t rows,
                                  uint16_t matched) {
    TqpSlot slot = b->pipelines[pipeline].sink.columns[column];
    slot.reg = build_reg(b, slot.lane);
    bool nullable = slot.valid != TQP_NO_REG || matched != TQP_NO_REG;
    slot.valid = nullable ? build_reg(b, TQP_LANE_MASK) : TQP_NO_REG;
    TqpStep *step = build_step(b, TQP_STEP_FETCH, slot.lane, slot.reg, rows, TQP_NO_REG);
    step->column = column;
    step->imm[1].i = pipeline;
    step->out2 = slot.valid;
    if (matched != TQP_NO_REG)
        slot.valid = build_and(b, slot.valid, matched);
    if (slot.lane == TQP_LANE_MASK && nullable)
        slot.reg = build_and(b, slot.reg, slot.valid);
    return slot;
}

#endif
