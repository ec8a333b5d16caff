/*
 * Tiny relations for fuzzing: for any scan, row groups whose values follow from the column's name,
 * its type and the row, so that a scan which the optimiser narrowed reads the same data.
 */
#ifndef TQP_TEST_FUZZ_TINY_H
#define TQP_TEST_FUZZ_TINY_H

#include <math.h>

#include "fuzz/fuzz.h"
#include "ir/ir.h"
#include "unit/rel.h"

enum { TINY_GROUPS = 2, TINY_ROWS = 21, TINY_RELATIONS = 4, TINY_COLUMNS = 64 };

static inline uint64_t tiny_hash(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static inline uint64_t tiny_column(const TqpNode *scan, uint32_t column) {
    uint64_t h = scan->types[column].kind * 131 + scan->scan.relation;
    for (const char *s = scan->scan.columns[column]; *s != '\0'; s++)
        h = tiny_hash(h, (uint8_t)*s);
    return h;
}

static inline int64_t tiny_int(TqpType type, uint64_t h) {
    TqpInt128 min, max;
    tqp_type_range(type, &min, &max);
    if (min < INT64_MIN)
        min = INT64_MIN;
    if (max > INT64_MAX)
        max = INT64_MAX;
    if (h % 40 == 0)
        return (int64_t)(h & 64 ? min : max);
    int64_t small = (int64_t)(h >> 16) % (h & 128 ? 7 : 3000);
    return h & 4096 && min < 0 ? -small : small;
}

static inline TqpTensor tiny_ints(TqpArena *a, TqpType type, uint64_t h, uint32_t n,
                                  uint64_t nulls) {
    int64_t values[TINY_ROWS], min = INT64_MAX, max = INT64_MIN;
    for (uint32_t i = 0; i < n; i++) {
        values[i] = tiny_int(type, tiny_hash(h, i));
        if (nulls >> i & 1)
            continue;
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    TqpLane lane = min <= max ? tqp_lane_for_range(min, max, min) : TQP_LANE_U8;
    return rel_ints(a, lane, lane < TQP_LANE_I64 && min <= max ? min : 0, n, values, nulls);
}

static inline TqpTensor tiny_floats(TqpArena *a, TqpType type, uint64_t h, uint32_t n,
                                    uint64_t nulls) {
    static const double odd[] = {0.0, -0.0, 1e30, INFINITY, -INFINITY, NAN, 0.1, 5e-39};
    double values[TINY_ROWS];
    float *narrow;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t v = tiny_hash(h, i);
        values[i] = v % 8 == 0 ? odd[v >> 8 & 7] : (double)(v >> 8 & 15) / 4 - 2;
    }
    TqpTensor t = rel_floats(a, n, values, nulls);
    if (type.kind == TQP_TYPE_F64)
        return t;
    narrow = tqp_arena_zalloc(a, (size_t)n * 4 + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < n; i++)
        narrow[i] = (float)((const double *)t.data)[i];
    t.lane = TQP_LANE_F32;
    t.data = narrow;
    return t;
}

static const char *const tiny_words[] = {"", "a", "ab", "b", "c%", "\xc3\xa9"};

static inline TqpTensor tiny_texts(TqpArena *a, const TqpDict *dict, uint64_t h, uint32_t n,
                                   uint64_t nulls) {
    uint8_t codes[TINY_ROWS];
    const char *strings[TINY_ROWS];
    for (uint32_t i = 0; i < n; i++) {
        codes[i] = (uint8_t)(tiny_hash(h, i) % 6);
        strings[i] = tiny_words[codes[i]];
    }
    return dict != NULL ? rel_codes(a, dict, n, codes, nulls) : rel_strings(a, n, strings, nulls);
}

static inline TqpTensor tiny_tensor(TqpArena *a, TqpType type, const TqpDict *dict, uint64_t h,
                                    uint32_t n) {
    uint64_t nulls = h & 3 ? 0 : tiny_hash(h, 77) & tiny_hash(h, 78);
    nulls &= (UINT64_C(1) << n) - 1;
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_INT:
        return tiny_ints(a, type, h, n, nulls);
    case TQP_CLASS_FLOAT:
        return tiny_floats(a, type, h, n, nulls);
    case TQP_CLASS_BOOL:
        return rel_bools(a, n, tiny_hash(h, 5) & ((UINT64_C(1) << n) - 1), nulls);
    default:
        return tiny_texts(a, dict, h, n, nulls);
    }
}

static inline const TqpRelation *tiny_relation(TqpArena *a, const TqpNode *scan) {
    static const char *const no_types[TINY_COLUMNS] = {0};
    TqpRelation *rel = rel_make(a, 0, no_types, scan->scan.relation == 3 ? 0 : TINY_GROUPS);
    rel->ncolumns = scan->noutputs;
    rel->columns = tqp_arena_zalloc(a, (scan->noutputs + 1) * sizeof(*rel->columns));
    for (uint32_t c = 0; c < rel->ncolumns; c++)
        rel->columns[c].type = scan->types[c];
    for (uint32_t g = 0; g < rel->ngroups; g++) {
        TqpRowGroup *group = &rel->groups[g];
        group->nrows = group->live_rows = g == 0 ? TINY_ROWS : 5;
        group->tensors = tqp_arena_zalloc(a, (rel->ncolumns + 1) * sizeof(TqpTensor));
    }
    for (uint32_t c = 0; c < rel->ncolumns; c++) {
        uint64_t h = tiny_column(scan, c);
        bool coded = tqp_type_class(scan->types[c].kind) == TQP_CLASS_TEXT && h & 4;
        const TqpDict *dict = coded ? rel_dict(a, 6, tiny_words) : NULL;
        for (uint32_t g = 0; g < rel->ngroups; g++)
            rel_set(rel, g, c,
                    tiny_tensor(a, scan->types[c], dict, h + g * (h & 16), rel->groups[g].nrows));
    }
    return rel;
}

/* The relations that a plan scans; false when there are others, or one is scanned in two ways. */
static inline bool tiny_relations(TqpArena *a, const TqpNode *node,
                                  const TqpRelation *rels[TINY_RELATIONS]) {
    if (node->kind == TQP_NODE_SCAN) {
        uint32_t r = node->scan.relation;
        if (r >= TINY_RELATIONS || rels[r] != NULL || node->noutputs > TINY_COLUMNS)
            return false;
        rels[r] = tiny_relation(a, node);
        return true;
    }
    for (uint32_t i = 0; i < node->ninputs; i++)
        if (!tiny_relations(a, node->inputs[i], rels))
            return false;
    return true;
}

#endif
