/*
 * For the executor's tests: a table of known rows as a relation in several encodings, hand-built
 * programs over it, and results as lines of text.
 */
#ifndef TQP_TEST_EXEC_DATA_H
#define TQP_TEST_EXEC_DATA_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bitmap.h"
#include "exec/exec.h"

/* One row, as the oracle sees it.  The relation's columns are in the order of the enum below. */
typedef struct Row {
    int64_t k; /* 0 .. 6, FOR U8 with base 0 */
    int64_t v; /* 100 .. 60100, FOR U16, base by group, nullable */
    double d;  /* F64 with -0, nullable */
    int s;     /* index into words, DICT, nullable */
    int t;     /* index into words, BYTES */
    bool b;    /* nullable */
    int64_t w; /* I64 in runs, nullable */
    float f;   /* F32 */
    bool v_null, d_null, s_null, b_null, w_null;
    bool live; /* passes the row mask */
} Row;

enum { COL_K, COL_V, COL_D, COL_S, COL_T, COL_B, COL_W, COL_F, NCOLUMNS };

#define NWORDS 9
static const char *const words[NWORDS] = {"",     "a",     "abcdefgh", "abcdefghi", "ac",
                                          "beta", "gamma", "omega",    "z"};

typedef struct Data {
    uint32_t nrows;
    Row *rows;
    TqpRelation rel;
    TqpArena arena;
    TqpDict dict;
} Data;

static uint64_t rng_state = 88172645463325252u;

static inline uint64_t rng(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static inline void make_row(Row *r, uint32_t i) {
    static int64_t run = 5;
    *r = (Row){.live = true};
    r->k = (int64_t)(rng() % 7);
    r->v_null = rng() % 5 == 0;
    r->v = r->v_null ? 0 : 100 + (int64_t)(rng() % 60000);
    r->d_null = rng() % 9 == 0;
    r->d = r->d_null ? 0 : rng() % 11 == 0 ? -0.0 : (double)(int64_t)(rng() % 1000) / 8 - 60;
    r->s_null = rng() % 6 == 0;
    r->s = r->s_null ? 0 : (int)(rng() % NWORDS);
    r->t = (int)(rng() % NWORDS);
    r->b_null = rng() % 4 == 0;
    r->b = !r->b_null && rng() % 3 != 0;
    if (rng() % 3 == 0)
        run = (int64_t)(rng() % 40000) - 20000;
    r->w_null = i % 17 == 3;
    r->w = r->w_null ? 0 : run * 1000003;
    r->f = (float)(rng() % 64) / 4;
}

static inline void *data_alloc(Data *data, size_t bytes) {
    return tqp_arena_zalloc(&data->arena, bytes + TQP_TENSOR_PAD);
}

static inline void set_valid(Data *data, TqpTensor *t, uint32_t i, bool null) {
    if (!null)
        return;
    if (t->validity == NULL) {
        uint64_t *bits = data_alloc(data, tqp_bitmap_words(t->nrows) * 8);
        tqp_bitmap_fill(bits, t->nrows);
        t->validity = bits;
    }
    tqp_bitmap_clear((uint64_t *)t->validity, i);
    t->null_count++;
}

static inline void set_range(TqpTensor *t, bool null, int64_t value) {
    if (null)
        return;
    t->min = !t->has_range || value < t->min ? value : t->min;
    t->max = !t->has_range || value > t->max ? value : t->max;
    t->has_range = true;
}

static inline void make_group(Data *data, TqpRowGroup *g, const Row *rows, uint32_t n) {
    TqpTensor *t = g->tensors = data_alloc(data, NCOLUMNS * sizeof(TqpTensor));
    uint64_t *mask = data_alloc(data, tqp_bitmap_words(n) * 8), *bools;
    g->nrows = n;
    for (int c = 0; c < NCOLUMNS; c++)
        t[c].nrows = n;
    t[COL_K] = (TqpTensor){.lane = TQP_LANE_U8, .encoding = TQP_ENC_FOR, .nrows = n};
    t[COL_V] = (TqpTensor){.lane = TQP_LANE_U16, .encoding = TQP_ENC_FOR, .nrows = n};
    t[COL_V].base = rng() % 2 ? 100 : 90;
    t[COL_D] = (TqpTensor){.lane = TQP_LANE_F64, .encoding = TQP_ENC_PLAIN, .nrows = n};
    t[COL_S] = (TqpTensor){.lane = TQP_LANE_U8, .encoding = TQP_ENC_DICT, .nrows = n};
    t[COL_S].dict = &data->dict;
    t[COL_T] = (TqpTensor){.lane = TQP_LANE_VIEW, .encoding = TQP_ENC_BYTES, .nrows = n};
    t[COL_B] = (TqpTensor){.lane = TQP_LANE_MASK, .encoding = TQP_ENC_PLAIN, .nrows = n};
    t[COL_W] = (TqpTensor){.lane = TQP_LANE_I64, .encoding = TQP_ENC_FOR, .nrows = n};
    t[COL_F] = (TqpTensor){.lane = TQP_LANE_F32, .encoding = TQP_ENC_PLAIN, .nrows = n};
    for (int c = 0; c < NCOLUMNS; c++)
        t[c].data =
            c == COL_T ? NULL : data_alloc(data, (size_t)n * tqp_lane_bytes(t[c].lane) + n / 8);
    uint32_t *offsets = data_alloc(data, (n + 1) * sizeof(uint32_t));
    char *bytes = data_alloc(data, (size_t)n * 16);
    bools = (uint64_t *)t[COL_B].data;
    for (uint32_t i = 0; i < n; i++) {
        const Row *r = &rows[i];
        if (r->live) {
            tqp_bitmap_set(mask, i);
            g->live_rows++;
        }
        ((uint8_t *)t[COL_K].data)[i] = (uint8_t)r->k;
        ((uint16_t *)t[COL_V].data)[i] = r->v_null ? 0 : (uint16_t)(r->v - t[COL_V].base);
        ((double *)t[COL_D].data)[i] = r->d;
        ((uint8_t *)t[COL_S].data)[i] = (uint8_t)r->s;
        size_t len = strlen(words[r->t]);
        memcpy(bytes + offsets[i], words[r->t], len);
        offsets[i + 1] = offsets[i] + (uint32_t)len;
        if (r->b)
            tqp_bitmap_set(bools, i);
        ((int64_t *)t[COL_W].data)[i] = r->w;
        ((float *)t[COL_F].data)[i] = r->f;
        set_valid(data, &t[COL_V], i, r->v_null);
        set_valid(data, &t[COL_D], i, r->d_null);
        set_valid(data, &t[COL_S], i, r->s_null);
        set_valid(data, &t[COL_B], i, r->b_null);
        set_valid(data, &t[COL_W], i, r->w_null);
        set_range(&t[COL_K], false, r->k);
        set_range(&t[COL_V], r->v_null, r->v);
        set_range(&t[COL_W], r->w_null, r->w);
    }
    t[COL_T].offsets = offsets;
    t[COL_T].bytes = bytes;
    g->row_mask = g->live_rows < n ? mask : NULL;
}

/* Every third group is masked in part, one column is constant in every fourth. */
static inline void data_make(Data *data, uint32_t nrows, uint32_t group_rows) {
    memset(data, 0, sizeof(*data));
    data->nrows = nrows;
    data->rows = calloc(nrows + 1, sizeof(Row));
    uint32_t *offsets = data_alloc(data, (NWORDS + 1) * sizeof(uint32_t));
    char *bytes = data_alloc(data, 256);
    for (uint32_t i = 0; i < NWORDS; i++) {
        memcpy(bytes + offsets[i], words[i], strlen(words[i]));
        offsets[i + 1] = offsets[i] + (uint32_t)strlen(words[i]);
    }
    data->dict = (TqpDict){.count = NWORDS, .offsets = offsets, .bytes = bytes, .ranked = true};
    data->rel.ncolumns = NCOLUMNS;
    data->rel.columns = data_alloc(data, NCOLUMNS * sizeof(TqpRelColumn));
    static const TqpTypeKind kinds[NCOLUMNS] = {TQP_TYPE_I32,  TQP_TYPE_I32,  TQP_TYPE_F64,
                                                TQP_TYPE_TEXT, TQP_TYPE_TEXT, TQP_TYPE_BOOL,
                                                TQP_TYPE_I64,  TQP_TYPE_F32};
    for (int c = 0; c < NCOLUMNS; c++)
        data->rel.columns[c].type.kind = kinds[c];
    data->rel.columns[COL_S].dict = &data->dict;
    data->rel.ngroups = (nrows + group_rows - 1) / group_rows;
    data->rel.groups = data_alloc(data, (data->rel.ngroups + 1) * sizeof(TqpRowGroup));
    for (uint32_t g = 0; g < data->rel.ngroups; g++) {
        Row *rows = data->rows + (size_t)g * group_rows;
        uint32_t n = nrows - g * group_rows < group_rows ? nrows - g * group_rows : group_rows;
        for (uint32_t i = 0; i < n; i++) {
            make_row(&rows[i], i);
            rows[i].live = g % 3 != 1 || i % 100 >= 30;
            if (g % 4 == 3)
                rows[i].k = 5;
        }
        make_group(data, &data->rel.groups[g], rows, n);
        TqpTensor *k = &data->rel.groups[g].tensors[COL_K];
        if (g % 4 == 3) {
            k->encoding = TQP_ENC_CONST;
            k->base = 5;
            k->data = NULL;
        }
    }
}

static inline void data_free(Data *data) {
    free(data->rows);
    tqp_arena_free(&data->arena);
}

/* ---- lines ---- */

typedef struct Lines {
    uint32_t n, cap;
    char **lines;
} Lines;

__attribute__((format(printf, 2, 3))) static inline void lines_add(Lines *l, const char *fmt, ...) {
    char buf[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(buf, sizeof(buf), fmt, args);
    va_end(args);
    if (l->n == l->cap) {
        l->cap = l->cap * 2 + 16;
        l->lines = realloc(l->lines, l->cap * sizeof(char *));
    }
    l->lines[l->n++] = strdup(buf);
}

static inline int line_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void lines_sort(Lines *l) {
    if (l->n > 0)
        qsort(l->lines, l->n, sizeof(char *), line_order);
}

static inline void lines_free(Lines *l) {
    for (uint32_t i = 0; i < l->n; i++)
        free(l->lines[i]);
    free(l->lines);
    memset(l, 0, sizeof(*l));
}

static inline bool lines_equal(const Lines *got, const Lines *expected) {
    if (got->n != expected->n)
        fprintf(stderr, "  %u lines, expected %u\n", got->n, expected->n);
    uint32_t n = got->n < expected->n ? got->n : expected->n;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(got->lines[i], expected->lines[i]) != 0) {
            fprintf(stderr, "  line %u: %s\n  expected %s\n", i, got->lines[i], expected->lines[i]);
            return false;
        }
    return got->n == expected->n;
}

static inline int print_value(char *out, size_t size, TqpType type, const TqpValue *v) {
    char digits[TQP_INT128_DIGITS + 1];
    if (v->is_null)
        return snprintf(out, size, "-");
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        return snprintf(out, size, "%s", v->b ? "t" : "f");
    case TQP_CLASS_INT:
        tqp_int128_print(v->i, digits);
        return snprintf(out, size, "%s", digits);
    case TQP_CLASS_FLOAT:
        return snprintf(out, size, "%.17g", v->f == 0 ? 0.0 : v->f);
    case TQP_CLASS_TEXT:
        return snprintf(out, size, "%.*s", (int)v->s.len, v->s.data);
    }
    return 0;
}

/* Columns joined by '|', NULL as "-", -0 as 0. */
static inline void lines_of_result(Lines *l, const TqpResult *result) {
    for (uint32_t g = 0; g < result->rel.ngroups; g++)
        for (uint32_t row = 0; row < result->rel.groups[g].nrows; row++) {
            char buf[512];
            int at = 0;
            for (uint32_t c = 0; c < result->rel.ncolumns; c++) {
                TqpType type = result->rel.columns[c].type;
                TqpValue v;
                tqp_tensor_value(&result->rel.groups[g].tensors[c], type, row, &v);
                if (c > 0)
                    buf[at++] = '|';
                at += print_value(buf + at, sizeof(buf) - (size_t)at, type, &v);
            }
            lines_add(l, "%.*s", at, buf);
        }
}

/*
 * Run a program's text over one relation; its rows, as `add` writes them, sorted.  limit: of
 * memory, 0 for none.  All of it is given back.
 */
static inline TqpStatus run_text(const char *text, const TqpRelation *rel, const TqpQuery *how,
                                 uint64_t dense_max, int64_t limit,
                                 void (*add)(Lines *, const TqpResult *), Lines *lines) {
    TqpArena arena = {0};
    TqpError err = {0};
    const TqpNode *node = NULL;
    const TqpProgram *program = NULL;
    TqpBindOptions options = {.utf8 = true, .dense_group_max = dense_max};
    TqpResult result = {0};
    TqpBroker broker;
    tqp_broker_init(&broker, limit);
    TqpQuery query = {.backend = how->backend, .nthreads = how->nthreads, .broker = &broker};
    TqpStatus status = tqp_ir_parse(&arena, text, &node, &err);
    if (status == TQP_OK)
        status = tqp_program_bind(&arena, node, &rel, 1, NULL, 0, &options, &program, &err);
    CHECK_INT(status, TQP_OK);
    if (status == TQP_OK) {
        status = tqp_exec_run(&query, program, &rel, 1, &result);
        tqp_query_free_stats(&query, program);
    }
    if (status == TQP_OK)
        add(lines, &result);
    lines_sort(lines);
    tqp_result_free(&result);
    tqp_arena_free(&arena);
    CHECK_INT(broker.used, 0);
    return status;
}

#endif
