/* VALUES: a relation made at bind, from constants and parameters. */
#include <string.h>

#include "base/bitmap.h"
#include "program/bind_node.h"

#define GROUP_ROWS 65536u

/* One column of the rows [start, start + n). */
typedef struct Cells {
    TqpBinder *b;
    const TqpNode *node;
    uint32_t column, start, n;
} Cells;

static TqpValue cell(const Cells *c, uint32_t i) {
    TqpValue v = {.is_null = true};
    size_t at = (size_t)(c->start + i) * c->node->noutputs + c->column;
    if (!tqp_bind_value_of(c->b, c->node->values.exprs[at], &v))
        tqp_bind_fail(c->b, TQP_INVALID, "values: not a constant or parameter");
    return v;
}

static void set_validity(const Cells *c, TqpTensor *t) {
    uint64_t *bits = tqp_bind_zalloc(c->b, tqp_bitmap_words(c->n) * 8 + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < c->n && bits != NULL; i++) {
        if (cell(c, i).is_null)
            t->null_count++;
        else
            tqp_bitmap_set(bits, i);
    }
    t->validity = t->null_count > 0 ? bits : NULL;
}

static void set_ints(const Cells *c, TqpTensor *t) {
    for (uint32_t i = 0; i < c->n; i++) {
        TqpValue v = cell(c, i);
        if (v.is_null)
            continue;
        t->min = !t->has_range || v.i < t->min ? v.i : t->min;
        t->max = !t->has_range || v.i > t->max ? v.i : t->max;
        t->has_range = true;
    }
    t->encoding = TQP_ENC_FOR;
    t->lane = tqp_bind_lane(t->min, t->max, &t->base);
    uint32_t width = tqp_lane_bytes(t->lane);
    char *data = tqp_bind_zalloc(c->b, (size_t)c->n * width + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < c->n && data != NULL; i++) {
        TqpValue v = cell(c, i);
        TqpInt128 code = v.is_null ? 0 : v.i - t->base;
        memcpy(data + (size_t)i * width, &code, width); /* little endian */
    }
    t->data = data;
}

static void set_floats(const Cells *c, TqpTensor *t, bool single) {
    t->lane = single ? TQP_LANE_F32 : TQP_LANE_F64;
    void *data = tqp_bind_zalloc(c->b, (size_t)c->n * 8 + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < c->n && data != NULL; i++) {
        TqpValue v = cell(c, i);
        double x = v.is_null ? 0 : v.f;
        if (single)
            ((float *)data)[i] = (float)x;
        else
            ((double *)data)[i] = x;
    }
    t->data = data;
}

static void set_bools(const Cells *c, TqpTensor *t) {
    t->lane = TQP_LANE_MASK;
    uint64_t *bits = tqp_bind_zalloc(c->b, tqp_bitmap_words(c->n) * 8 + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < c->n && bits != NULL; i++) {
        TqpValue v = cell(c, i);
        if (!v.is_null && v.b)
            tqp_bitmap_set(bits, i);
    }
    t->data = bits;
}

static TqpView text_cell(const Cells *c, uint32_t i) {
    TqpValue v = cell(c, i);
    if (v.is_null)
        return tqp_view("", 0);
    TqpBound bound = tqp_bind_const(c->node->types[c->column], &v);
    return tqp_bind_text_const(&bound);
}

static void set_strings(const Cells *c, TqpTensor *t) {
    TqpView *views = tqp_bind_zalloc(c->b, c->n * sizeof(*views));
    for (uint32_t i = 0; i < c->n && views != NULL; i++)
        views[i] = text_cell(c, i);
    TqpDict *all = views != NULL ? tqp_bind_dict_make(c->b, c->n, views) : NULL;
    if (all == NULL)
        return;
    t->encoding = TQP_ENC_BYTES;
    t->lane = TQP_LANE_VIEW;
    t->offsets = all->offsets;
    t->bytes = all->bytes;
}

static void set_tensor(const Cells *c, TqpTensor *t) {
    TqpType type = c->node->types[c->column];
    *t = (TqpTensor){.encoding = TQP_ENC_PLAIN, .nrows = c->n};
    set_validity(c, t);
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        set_bools(c, t);
        break;
    case TQP_CLASS_INT:
        set_ints(c, t);
        break;
    case TQP_CLASS_FLOAT:
        set_floats(c, t, type.kind == TQP_TYPE_F32);
        break;
    case TQP_CLASS_TEXT:
        set_strings(c, t);
        break;
    }
}

static const TqpRelation *make_relation(TqpBinder *b, const TqpNode *node) {
    uint32_t nrows = node->values.nrows, ngroups = (nrows + GROUP_ROWS - 1) / GROUP_ROWS;
    TqpRelation *rel = tqp_bind_zalloc(b, sizeof(*rel));
    TqpRelColumn *columns = tqp_bind_zalloc(b, node->noutputs * sizeof(*columns));
    TqpRowGroup *groups = tqp_bind_zalloc(b, ngroups * sizeof(*groups));
    if (b->status != TQP_OK)
        return rel;
    *rel = (TqpRelation){node->noutputs, columns, ngroups, groups};
    for (uint32_t c = 0; c < node->noutputs; c++)
        columns[c].type = node->types[c];
    for (uint32_t g = 0; g < ngroups && b->status == TQP_OK; g++) {
        Cells cells = {b, node, 0, g * GROUP_ROWS, nrows - g * GROUP_ROWS};
        cells.n = cells.n < GROUP_ROWS ? cells.n : GROUP_ROWS;
        groups[g].nrows = groups[g].live_rows = cells.n;
        groups[g].tensors = tqp_bind_zalloc(b, node->noutputs * sizeof(TqpTensor));
        for (; cells.column < node->noutputs && b->status == TQP_OK; cells.column++)
            set_tensor(&cells, &groups[g].tensors[cells.column]);
    }
    return rel;
}

void tqp_bind_values(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    const TqpRelation *rel = make_relation(b, node);
    if (b->status == TQP_OK)
        tqp_bind_open_values(b, node, rel);
    tqp_bind_identity(b, o, node->noutputs, node->types);
}
