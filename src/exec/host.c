/*
 * Functions of the host's over the rows that a COLLECT sink gathered.  The leader calls them, a
 * chunk of rows at a time; of one string, each different string once.
 */
#include <string.h>

#include "base/hash.h"
#include "exec/host.h"

#define CHUNK 1024 /* rows per call of the host */

typedef struct Rows {
    TqpRun *run;
    const TqpHostCall *call;
    const TqpColumn *columns; /* the sink's */
    TqpColumn *out;
    TqpValue *in, *answers; /* of a chunk */
    uint32_t *rows;         /* that the chunk stands for */
    uint32_t n;
    /* Of one string: row + 1 of the first row with that string, by hash; 0 is free. */
    uint32_t *table;
    uint64_t mask;
} Rows;

static bool is_null(const TqpColumn *column, uint64_t row) {
    return column->valid.data != NULL && ((const uint8_t *)column->valid.data)[row] == 0;
}

static TqpView string_of(const TqpColumn *column, uint64_t row) {
    const TqpSlot *slot = &column->slot;
    if (slot->lane == TQP_LANE_VIEW)
        return ((const TqpView *)column->values.data)[row];
    uint32_t code = (uint32_t)tqp_lane_get(slot->lane, column->values.data, row);
    if (slot->by_rank && slot->dict->by_rank != NULL)
        code = slot->dict->by_rank[code];
    return tqp_dict_view(slot->dict, code);
}

static TqpValue value_of(const TqpColumn *column, uint64_t row) {
    const void *values = column->values.data;
    TqpValue v = {.is_null = is_null(column, row)};
    if (v.is_null)
        return v;
    switch (tqp_type_class(column->slot.type.kind)) {
    case TQP_CLASS_BOOL:
        v.b = ((const uint8_t *)values)[row] != 0;
        break;
    case TQP_CLASS_INT:
        v.i = tqp_lane_get(column->slot.lane, values, row) + column->slot.bias;
        break;
    case TQP_CLASS_FLOAT:
        v.f = column->slot.lane == TQP_LANE_F32 ? (double)((const float *)values)[row]
                                                : ((const double *)values)[row];
        break;
    case TQP_CLASS_TEXT:
        v.s = string_of(column, row);
        break;
    }
    return v;
}

static void put(TqpColumn *out, uint64_t row, const TqpValue *v) {
    void *values = out->values.data;
    ((uint8_t *)out->valid.data)[row] = !v->is_null;
    switch (tqp_type_class(out->slot.type.kind)) {
    case TQP_CLASS_BOOL:
        ((uint8_t *)values)[row] = !v->is_null && v->b;
        break;
    case TQP_CLASS_INT:
        tqp_lane_put(out->slot.lane, values, row, v->is_null ? 0 : v->i);
        break;
    case TQP_CLASS_FLOAT:
        if (out->slot.lane == TQP_LANE_F32)
            ((float *)values)[row] = v->is_null ? 0 : (float)v->f;
        else
            ((double *)values)[row] = v->is_null ? 0 : v->f;
        break;
    case TQP_CLASS_TEXT:
        ((TqpView *)values)[row] = v->is_null ? tqp_view("", 0) : v->s;
        break;
    }
}

static TqpStatus ask(Rows *r) {
    TqpQuery *query = r->run->query;
    if (r->n == 0)
        return TQP_OK;
    if (tqp_stop_asked(&r->run->leader))
        return TQP_CANCELLED;
    TQP_TRY(query->host(query->host_arg, r->call->function, &r->run->arena, r->call->nargs, r->n,
                        r->in, r->answers, &query->error));
    for (uint32_t i = 0; i < r->n; i++)
        put(r->out, r->rows[i], &r->answers[i]);
    r->n = 0;
    return TQP_OK;
}

static TqpStatus add(Rows *r, uint32_t row) {
    const TqpHostCall *call = r->call;
    for (uint32_t k = 0; k < call->nargs; k++)
        r->in[r->n * call->nargs + k] = value_of(&r->columns[call->args[k]], row);
    r->rows[r->n++] = row;
    return r->n == CHUNK ? ask(r) : TQP_OK;
}

/* The place of the row's string in the table: its first row's, or a free one. */
static uint32_t *place_of(const Rows *r, TqpView s) {
    const TqpColumn *column = &r->columns[r->call->args[0]];
    uint64_t at = tqp_hash_bytes(s.data, s.len, 0) & r->mask;
    for (; r->table[at] != 0; at = (at + 1) & r->mask) {
        TqpView other = string_of(column, r->table[at] - 1);
        if (other.len == s.len && (s.len == 0 || memcmp(other.data, s.data, s.len) == 0))
            break;
    }
    return &r->table[at];
}

static void copy(TqpColumn *out, uint32_t from, uint32_t to) {
    uint32_t width = tqp_column_width(out->slot.lane);
    char *values = out->values.data;
    uint8_t *valid = out->valid.data;
    memcpy(values + (size_t)to * width, values + (size_t)from * width, width);
    valid[to] = valid[from];
}

/* First those that are asked, then the others, which have the answer of an earlier row. */
static TqpStatus call_strings(Rows *r, uint64_t n) {
    const TqpColumn *column = &r->columns[r->call->args[0]];
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t row = 0; row < n; row++) {
            if (tqp_stop_at(&r->run->leader, row))
                return TQP_CANCELLED;
            if (is_null(column, row))
                continue;
            uint32_t *place = place_of(r, string_of(column, row));
            if (pass == 1 && *place != row + 1)
                copy(r->out, *place - 1, row);
            if (*place != 0)
                continue;
            *place = row + 1;
            TQP_TRY(add(r, row));
        }
        TQP_TRY(ask(r));
    }
    return TQP_OK;
}

static TqpStatus call_rows(Rows *r, uint64_t n) {
    bool strict = r->call->nargs == 1;
    for (uint32_t row = 0; row < n; row++)
        if (!strict || !is_null(&r->columns[r->call->args[0]], row))
            TQP_TRY(add(r, row));
    return ask(r);
}

static TqpStatus call(Rows *r, uint64_t n) {
    const TqpHostCall *c = r->call;
    TqpArena *arena = &r->run->arena;
    TqpBuffer table = {0};
    r->in = tqp_arena_zalloc(arena, (size_t)CHUNK * (c->nargs + 1) * sizeof(*r->in));
    r->answers = tqp_arena_zalloc(arena, CHUNK * sizeof(*r->answers));
    r->rows = tqp_arena_zalloc(arena, CHUNK * sizeof(*r->rows));
    if (r->in == NULL || r->answers == NULL || r->rows == NULL)
        return tqp_exec_arena_status(arena);
    if (c->nargs != 1 || tqp_type_class(r->columns[c->args[0]].slot.type.kind) != TQP_CLASS_TEXT)
        return call_rows(r, n);
    uint64_t places = 64;
    while (places < 2 * n)
        places *= 2;
    TQP_TRY(tqp_buffer_alloc(&table, r->run->query->broker, places * sizeof(uint32_t)));
    memset(table.data, 0, places * sizeof(uint32_t));
    r->table = table.data;
    r->mask = places - 1;
    TqpStatus status = call_strings(r, n);
    tqp_buffer_free(&table);
    return status;
}

TqpStatus tqp_exec_host(TqpRun *run, uint64_t n, const TqpColumn *columns, TqpColumn *out) {
    const TqpSink *sink = &run->pipeline->sink;
    if (run->query->host == NULL || n >= UINT32_MAX)
        return TQP_UNSUPPORTED;
    for (uint32_t i = 0; i < sink->nhosts; i++) {
        const TqpHostCall *c = &sink->hosts[i];
        Rows r = {.run = run, .call = c, .columns = columns, .out = &out[i]};
        for (uint32_t k = 0; k < c->nargs; k++)
            if (c->args[k] >= sink->noutputs)
                return TQP_INVALID;
        TQP_TRY(tqp_column_alloc(&out[i], run->query->broker, &c->result, true, n));
        memset(out[i].valid.data, 0, n > 0 ? n : 1);
        TQP_TRY(call(&r, n));
    }
    return TQP_OK;
}
