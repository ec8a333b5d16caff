/*
 * APPEND, and rows that several pipelines read: each input is collected, and the next pipeline
 * reads the results one after another.
 */
#include <string.h>

#include "program/bind_node.h"

bool tqp_bind_same_dict(const TqpDict *x, const TqpDict *y) {
    return x == y || (x != NULL && y != NULL && x->count == y->count && x->offsets == y->offsets &&
                      x->bytes == y->bytes);
}

/* A lane and bias that hold both, at the least conversions. */
static void merge_ints(TqpSlot *s, const TqpSlot *t) {
    TqpInt128 min = s->min < t->min ? s->min : t->min, max = s->max > t->max ? s->max : t->max;
    TqpLane lane = s->lane > t->lane ? s->lane : t->lane;
    int64_t biases[] = {s->bias, t->bias, 0, 0};
    biases[3] = min >= INT64_MIN && min <= INT64_MAX ? (int64_t)min : 0;
    s->min = min;
    s->max = max;
    for (; lane <= TQP_LANE_I128; lane++) {
        for (int i = 0; i < 4; i++) {
            if (!tqp_bind_lane_covers(lane, biases[i], min, max))
                continue;
            s->lane = lane;
            s->bias = biases[i];
            return;
        }
    }
}

static void merge_texts(TqpSlot *s, const TqpSlot *t) {
    if (s->dict != NULL && t->dict != NULL && tqp_bind_same_dict(s->dict, t->dict)) {
        s->lane = s->lane > t->lane ? s->lane : t->lane;
        return;
    }
    s->dict = NULL;
    s->lane = TQP_LANE_VIEW;
}

/* A column that is NULL everywhere can be read in any lane; of text see fits(). */
static void merge_column(TqpBindColumn *c, const TqpBindColumn *d) {
    TqpTypeClass class = tqp_type_class(c->s.type.kind);
    c->nullable |= d->nullable;
    if (class == TQP_CLASS_TEXT) {
        merge_texts(&c->s, &d->s);
    } else if (c->all_null) {
        c->s = d->s;
        c->dict_collation = d->dict_collation;
    } else if (class == TQP_CLASS_INT && !d->all_null) {
        merge_ints(&c->s, &d->s);
    }
    c->all_null &= d->all_null;
}

void tqp_bind_add_rows(TqpBinder *b, TqpBindRows *rows, const TqpBindRows *more) {
    uint32_t n = rows->nsources + more->nsources;
    uint32_t *sources = tqp_bind_zalloc(b, n * sizeof(*sources));
    TqpBindColumn *columns = tqp_bind_zalloc(b, rows->ncolumns * sizeof(*columns));
    if (b->status != TQP_OK)
        return;
    memcpy(sources, rows->sources, rows->nsources * sizeof(*sources));
    memcpy(sources + rows->nsources, more->sources, more->nsources * sizeof(*sources));
    for (uint32_t c = 0; c < rows->ncolumns; c++) {
        columns[c] = rows->columns[c];
        merge_column(&columns[c], &more->columns[c]);
    }
    rows->nsources = n;
    rows->sources = sources;
    rows->columns = columns;
    if (__builtin_add_overflow(rows->max_rows, more->max_rows, &rows->max_rows))
        rows->max_rows = UINT64_MAX;
}

/* Does the open pipeline output just what it reads? */
static bool is_whole_result(const TqpBinder *b, const TqpBindOpen *o) {
    if (b->source.kind != TQP_SOURCE_RESULT || b->nsteps > 0 || o->limited ||
        o->noutputs != b->source.ncolumns)
        return false;
    for (uint32_t i = 0; i < o->noutputs; i++)
        if (o->env[i]->op != TQP_OP_COL || o->env[i]->index != i)
            return false;
    return true;
}

/*
 * Text that is NULL everywhere: strings, or codes of the dictionary that is wanted.  (Dense groups
 * know it as a code of no dictionary.)
 */
static bool fits(const TqpBinder *b, const TqpBindColumn *like) {
    for (uint32_t i = 0; i < b->source.ncolumns; i++) {
        const TqpBindColumn *c = &b->source.columns[i];
        if (tqp_type_class(c->s.type.kind) != TQP_CLASS_TEXT || !c->all_null || c->s.dict != NULL)
            continue;
        if (c->s.lane != TQP_LANE_VIEW || (like != NULL && like[i].s.dict != NULL))
            return false;
    }
    return true;
}

void tqp_bind_materialise(TqpBinder *b, TqpBindOpen *o, const TqpBindColumn *like,
                          TqpBindRows *rows) {
    if (!o->limited)
        o->nsort = 0;
    if (is_whole_result(b, o) && fits(b, like)) {
        const TqpBindSource *s = &b->source;
        *rows =
            (TqpBindRows){s->nsources, s->sources, s->max_rows, s->ncolumns, o->types, s->columns};
        return;
    }
    tqp_bind_collect(b, o, like, rows);
}

void tqp_bind_read(TqpBinder *b, const TqpBindRows *rows, TqpBindOpen *o) {
    tqp_bind_open_results(b, rows->nsources, rows->sources, rows->max_rows, rows->ncolumns,
                          rows->columns);
    tqp_bind_identity(b, o, rows->ncolumns, rows->types);
}

/* Rows of a chain of appends, in order. */
static void gather(TqpBinder *b, const TqpNode *node, TqpBindRows *rows, bool *first) {
    TqpBindOpen o = {0};
    TqpBindRows more = {0};
    if (node->kind == TQP_NODE_APPEND) {
        gather(b, node->inputs[0], rows, first);
        gather(b, node->inputs[1], rows, first);
        return;
    }
    tqp_bind_node(b, node, &o);
    if (b->status == TQP_OK)
        tqp_bind_materialise(b, &o, *first ? NULL : rows->columns, &more);
    if (b->status != TQP_OK)
        return;
    if (*first)
        *rows = more;
    else
        tqp_bind_add_rows(b, rows, &more);
    *first = false;
}

void tqp_bind_append(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    TqpBindRows rows = {0};
    bool first = true;
    gather(b, node, &rows, &first);
    if (b->status == TQP_OK)
        tqp_bind_read(b, &rows, o);
}
