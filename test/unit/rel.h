/* Small relations built by hand for tests: columns of int64, doubles, booleans or strings. */
#ifndef TQP_TEST_REL_H
#define TQP_TEST_REL_H

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bitmap.h"
#include "tensor/tensor.h"

/* NULL slots: bit i of `nulls` means row i is NULL (tests have at most 64 rows per group). */
static inline const uint64_t *rel_validity(TqpArena *a, uint32_t n, uint64_t nulls) {
    if (nulls == 0)
        return NULL;
    uint64_t *v = tqp_arena_zalloc(a, (tqp_bitmap_words(n) + 8) * sizeof(*v));
    for (uint32_t i = 0; i < n; i++)
        if (i >= 64 || !(nulls >> i & 1))
            tqp_bitmap_set(v, i);
    return v;
}

/* FOR: values minus base in the given lane (I64: base 0). */
static inline TqpTensor rel_ints(TqpArena *a, TqpLane lane, int64_t base, uint32_t n,
                                 const int64_t *values, uint64_t nulls) {
    TqpTensor t = {.encoding = TQP_ENC_FOR, .lane = lane, .nrows = n, .base = base};
    uint32_t bytes = tqp_lane_bytes(lane);
    char *data = tqp_arena_zalloc(a, (size_t)n * bytes + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < n; i++) {
        if (i < 64 && (nulls >> i & 1)) {
            t.null_count++;
            continue;
        }
        TqpInt128 code = (TqpInt128)values[i] - base;
        memcpy(data + (size_t)i * bytes, &code, bytes); /* little endian */
        if (!t.has_range || values[i] < t.min)
            t.min = values[i];
        if (!t.has_range || values[i] > t.max)
            t.max = values[i];
        t.has_range = true;
    }
    t.data = data;
    t.validity = rel_validity(a, n, nulls);
    return t;
}

static inline TqpTensor rel_floats(TqpArena *a, uint32_t n, const double *values, uint64_t nulls) {
    TqpTensor t = {.encoding = TQP_ENC_PLAIN, .lane = TQP_LANE_F64, .nrows = n};
    double *data = tqp_arena_zalloc(a, (size_t)n * 8 + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < n; i++)
        data[i] = nulls >> i & 1 ? 0 : values[i];
    t.data = data;
    t.validity = rel_validity(a, n, nulls);
    return t;
}

static inline TqpTensor rel_bools(TqpArena *a, uint32_t n, uint64_t values, uint64_t nulls) {
    TqpTensor t = {.encoding = TQP_ENC_PLAIN, .lane = TQP_LANE_MASK, .nrows = n};
    uint64_t *data = tqp_arena_zalloc(a, 256 + TQP_TENSOR_PAD);
    data[0] = values & ~nulls;
    t.data = data;
    t.validity = rel_validity(a, n, nulls);
    return t;
}

static inline TqpDict *rel_dict(TqpArena *a, uint32_t n, const char *const *strings) {
    TqpDict *d = tqp_arena_zalloc(a, sizeof(*d));
    uint32_t *offsets = tqp_arena_zalloc(a, (n + 1) * sizeof(*offsets));
    char *bytes = tqp_arena_zalloc(a, 4096);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(bytes + offsets[i], strings[i], strlen(strings[i]));
        offsets[i + 1] = offsets[i] + (uint32_t)strlen(strings[i]);
    }
    d->count = n;
    d->offsets = offsets;
    d->bytes = bytes;
    return d;
}

static inline TqpTensor rel_codes(TqpArena *a, const TqpDict *dict, uint32_t n,
                                  const uint8_t *codes, uint64_t nulls) {
    TqpTensor t = {.encoding = TQP_ENC_DICT, .lane = TQP_LANE_U8, .nrows = n, .dict = dict};
    uint8_t *data = tqp_arena_zalloc(a, n + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < n; i++)
        data[i] = nulls >> i & 1 ? 0 : codes[i];
    t.data = data;
    t.validity = rel_validity(a, n, nulls);
    return t;
}

static inline TqpTensor rel_strings(TqpArena *a, uint32_t n, const char *const *strings,
                                    uint64_t nulls) {
    TqpTensor t = {.encoding = TQP_ENC_BYTES, .lane = TQP_LANE_VIEW, .nrows = n};
    uint32_t *offsets = tqp_arena_zalloc(a, (n + 1) * sizeof(*offsets) + 64);
    char *bytes = tqp_arena_zalloc(a, 4096);
    for (uint32_t i = 0; i < n; i++) {
        const char *s = nulls >> i & 1 ? "" : strings[i];
        memcpy(bytes + offsets[i], s, strlen(s));
        offsets[i + 1] = offsets[i] + (uint32_t)strlen(s);
    }
    t.offsets = offsets;
    t.bytes = bytes;
    t.validity = rel_validity(a, n, nulls);
    return t;
}

static inline TqpRelation *rel_make(TqpArena *a, uint32_t ncolumns, const char *const *types,
                                    uint32_t ngroups) {
    TqpRelation *rel = tqp_arena_zalloc(a, sizeof(*rel));
    rel->ncolumns = ncolumns;
    rel->ngroups = ngroups;
    rel->columns = tqp_arena_zalloc(a, ncolumns * sizeof(*rel->columns));
    rel->groups = tqp_arena_zalloc(a, ngroups * sizeof(*rel->groups));
    for (uint32_t c = 0; c < ncolumns; c++)
        if (!tqp_type_parse(types[c], (uint32_t)strlen(types[c]), &rel->columns[c].type))
            abort();
    for (uint32_t g = 0; g < ngroups; g++)
        rel->groups[g].tensors = tqp_arena_zalloc(a, ncolumns * sizeof(TqpTensor));
    return rel;
}

static inline void rel_set(TqpRelation *rel, uint32_t group, uint32_t column, TqpTensor t) {
    rel->groups[group].tensors[column] = t;
    rel->groups[group].nrows = rel->groups[group].live_rows = t.nrows;
    if (t.dict != NULL)
        rel->columns[column].dict = t.dict;
}

#endif
