/* What the tests of src/store share: reading tensors value by value, directories, row groups. */
#ifndef TQP_TEST_STORE_H
#define TQP_TEST_STORE_H

#include "unit/check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "store/store.h"

#define ROWS_PER_BLOCK 50

static inline char *test_dir(void) {
    const char *tmp = getenv("TMPDIR");
    char *path = malloc(256);
    snprintf(path, 256, "%s/tqp-store-XXXXXX", tmp != NULL && strlen(tmp) < 200 ? tmp : "/tmp");
    CHECK(mkdtemp(path) != NULL);
    return path;
}

static inline bool tensor_null(const TqpTensor *t, uint32_t row) {
    return t->validity != NULL && !tqp_bitmap_get(t->validity, row);
}

static inline uint32_t tensor_code(const TqpTensor *t, uint32_t row) {
    return t->lane == TQP_LANE_U8    ? ((const uint8_t *)t->data)[row]
           : t->lane == TQP_LANE_U16 ? ((const uint16_t *)t->data)[row]
                                     : ((const uint32_t *)t->data)[row];
}

static inline TqpInt128 tensor_int(const TqpTensor *t, uint32_t row) {
    if (t->encoding == TQP_ENC_CONST)
        return t->base;
    if (t->lane == TQP_LANE_I64)
        return ((const int64_t *)t->data)[row];
    if (t->lane == TQP_LANE_I128)
        return ((const TqpInt128 *)t->data)[row];
    return (TqpInt128)t->base + tensor_code(t, row);
}

static inline TqpView tensor_view(const TqpTensor *t, uint32_t row) {
    if (t->encoding == TQP_ENC_DICT)
        return tqp_dict_view(t->dict, tensor_code(t, row));
    return tqp_view(t->bytes + t->offsets[row], t->offsets[row + 1] - t->offsets[row]);
}

static inline bool view_is(TqpView v, const char *data, size_t len) {
    return v.len == len && (len == 0 || memcmp(v.data, data, len) == 0);
}

/* A row group of nrows rows from first_block on; its arrays are freed with free_group. */
static inline TqpStoreGroup make_group(uint32_t first_block, uint32_t nrows, uint64_t lsn) {
    uint32_t n = (nrows + ROWS_PER_BLOCK - 1) / ROWS_PER_BLOCK;
    if (n == 0)
        n = 1;
    uint32_t *start = malloc((n + 1) * sizeof *start);
    uint64_t *page = malloc(n * sizeof *page);
    uint64_t *cached = calloc(tqp_bitmap_words(n), sizeof *cached);
    for (uint32_t b = 0; b < n; b++) {
        start[b] = b * ROWS_PER_BLOCK < nrows ? b * ROWS_PER_BLOCK : nrows;
        page[b] = lsn + b;
    }
    start[n] = nrows;
    tqp_bitmap_fill(cached, n);
    TqpStoreGroup g = {first_block, n, nrows, lsn, start, page, cached};
    return g;
}

static inline void free_group(TqpStoreGroup *g) {
    free((void *)(uintptr_t)g->row_start);
    free((void *)(uintptr_t)g->page_lsn);
    free((void *)(uintptr_t)g->cached);
}

#endif
