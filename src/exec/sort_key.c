/* Normalising sort columns into words: most significant column first, ascending unsigned order. */
#include <string.h>

#include "exec/memory.h"
#include "exec/sort.h"

typedef struct Encoder {
    TqpSortKeys *keys;
    const TqpSortInput *input;
    uint64_t *words;    /* of the open segment, or NULL */
    uint32_t bits_left; /* in it */
} Encoder;

bool tqp_sort_needs_host(const TqpSlot *slot) {
    if (tqp_type_class(slot->type.kind) != TQP_CLASS_TEXT || slot->type.collation == 0)
        return false;
    return slot->lane == TQP_LANE_VIEW || !slot->by_rank;
}

static TqpStatus add_segment(Encoder *e, TqpSortSegment segment) {
    TqpSortKeys *keys = e->keys;
    if (segment.words == NULL && segment.column == NULL) {
        TqpBuffer *buf = &keys->buffers[keys->nbuffers];
        TQP_TRY(tqp_buffer_alloc(buf, e->input->query->broker, e->input->nrows * 8 + 8));
        keys->nbuffers++;
        TQP_TRY(tqp_memory_clear(buf->data, e->input->nrows * 8, e->input->stop));
        segment.words = buf->data;
        e->words = buf->data;
        e->bits_left = 64;
    }
    keys->segments[keys->nsegments++] = segment;
    return TQP_OK;
}

/* Make room for a field of `bits` bits below what the open word holds; shift is done per row. */
static TqpStatus open_field(Encoder *e, uint32_t bits) {
    if (e->words == NULL || e->bits_left < bits)
        TQP_TRY(add_segment(e, (TqpSortSegment){0}));
    e->bits_left -= bits;
    return TQP_OK;
}

static inline void put(uint64_t *words, uint64_t row, uint32_t bits, uint64_t value) {
    words[row] = bits == 64 ? value : words[row] << bits | value;
}

static uint32_t bits_for(uint64_t max) {
    return max == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(max);
}

static bool is_null(const TqpColumn *column, uint64_t row) {
    return column->valid.data != NULL && ((const uint8_t *)column->valid.data)[row] == 0;
}

/* One bit: does NULL come first or last? */
static TqpStatus encode_null(Encoder *e, const TqpColumn *column, const TqpSortSpec *spec) {
    if (column->valid.data == NULL)
        return TQP_OK;
    TQP_TRY(open_field(e, 1));
    for (uint64_t i = 0; i < e->input->nrows; i++) {
        if (tqp_stop_at(e->input->stop, i))
            return TQP_CANCELLED;
        put(e->words, i, 1, is_null(column, i) != spec->nulls_first);
    }
    return TQP_OK;
}

/* Order-preserving image of a float: NaN above all, -0 = 0. */
static uint64_t float_image(double v) {
    uint64_t bits;
    if (v != v)
        return UINT64_MAX;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof(bits));
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static TqpStatus encode_float(Encoder *e, const TqpColumn *column, const TqpSortSpec *spec) {
    TQP_TRY(open_field(e, 64));
    for (uint64_t i = 0; i < e->input->nrows; i++) {
        if (tqp_stop_at(e->input->stop, i))
            return TQP_CANCELLED;
        double v = column->slot.lane == TQP_LANE_F32 ? ((const float *)column->values.data)[i]
                                                     : ((const double *)column->values.data)[i];
        uint64_t image = is_null(column, i) ? 0 : float_image(v);
        put(e->words, i, 64, spec->descending && !is_null(column, i) ? ~image : image);
    }
    return TQP_OK;
}

/* INT class, BOOL, and text by rank. */
static TqpInt128 int_at(const TqpColumn *column, uint64_t row) {
    const TqpSlot *slot = &column->slot;
    if (slot->lane == TQP_LANE_MASK)
        return ((const uint8_t *)column->values.data)[row];
    return tqp_lane_get(slot->lane, column->values.data, row);
}

static TqpStatus encode_int(Encoder *e, const TqpColumn *column, const TqpSortSpec *spec) {
    TqpInt128 min = 0, max = 0;
    bool any = false;
    uint64_t nrows = e->input->nrows;
    for (uint64_t i = 0; i < nrows; i++) {
        if (tqp_stop_at(e->input->stop, i))
            return TQP_CANCELLED;
        if (is_null(column, i))
            continue;
        TqpInt128 v = int_at(column, i);
        min = !any || v < min ? v : min;
        max = !any || v > max ? v : max;
        any = true;
    }
    TqpUint128 range = (TqpUint128)max - (TqpUint128)min;
    bool wide = range >> 64 != 0;
    uint32_t bits = wide ? 64 : bits_for((uint64_t)range);
    for (int part = wide ? 1 : 0; part >= 0 && bits > 0; part--) {
        TQP_TRY(open_field(e, bits));
        for (uint64_t i = 0; i < nrows; i++) {
            if (tqp_stop_at(e->input->stop, i))
                return TQP_CANCELLED;
            TqpUint128 v = 0;
            if (!is_null(column, i)) {
                TqpUint128 x = (TqpUint128)int_at(column, i);
                v = spec->descending ? (TqpUint128)max - x : x - (TqpUint128)min;
            }
            put(e->words, i, bits, (uint64_t)(v >> (part * 64)));
        }
    }
    return TQP_OK;
}

TqpView tqp_sort_text(const TqpColumn *column, uint64_t row) {
    if (is_null(column, row))
        return tqp_view("", 0); /* apart from other NULLs by an earlier bit */
    if (column->slot.lane == TQP_LANE_VIEW)
        return ((const TqpView *)column->values.data)[row];
    return tqp_dict_view(column->slot.dict,
                         (uint32_t)tqp_lane_get(column->slot.lane, column->values.data, row));
}

/*
 * A text is a segment of its own.  The first segment has words: when it is by bytes, the first
 * eight of the text (63 bits of them beside a bit for NULL), else they may be all zero.
 */
static TqpStatus encode_text(Encoder *e, const TqpColumn *column, const TqpSortSpec *spec) {
    bool first = e->keys->nsegments == 0 || (e->keys->nsegments == 1 && e->bits_left >= 32);
    if (!tqp_sort_needs_host(&column->slot) && first) {
        uint32_t bits = e->words == NULL ? 64 : e->bits_left;
        TQP_TRY(open_field(e, bits));
        for (uint64_t i = 0; i < e->input->nrows; i++) {
            if (tqp_stop_at(e->input->stop, i))
                return TQP_CANCELLED;
            uint64_t word = tqp_sort_prefix(tqp_sort_text(column, i), 0);
            word = spec->descending && !is_null(column, i) ? ~word : word;
            put(e->words, i, bits, word >> (64 - bits));
        }
    } else if (e->keys->nsegments == 0) {
        TQP_TRY(open_field(e, 0));
    }
    e->words = NULL;
    return add_segment(e, (TqpSortSegment){NULL, column, spec->descending});
}

static TqpStatus encode_column(Encoder *e, const TqpSortSpec *spec) {
    const TqpColumn *column = &e->input->columns[spec->column];
    const TqpSlot *slot = &column->slot;
    TQP_TRY(encode_null(e, column, spec));
    switch (tqp_type_class(slot->type.kind)) {
    case TQP_CLASS_FLOAT:
        return encode_float(e, column, spec);
    case TQP_CLASS_TEXT:
        if (slot->lane != TQP_LANE_VIEW && slot->by_rank)
            return encode_int(e, column, spec);
        return encode_text(e, column, spec);
    default:
        return encode_int(e, column, spec);
    }
}

TqpStatus tqp_sort_keys(TqpSortKeys *keys, const TqpSortInput *input) {
    memset(keys, 0, sizeof(*keys));
    tqp_arena_init(&keys->arena, input->query->broker);
    Encoder e = {.keys = keys, .input = input};
    /* At most three word segments and a text per column, one for seq, one if nothing varies. */
    keys->cap = input->nsort * 4 + 2;
    keys->segments = tqp_arena_zalloc(&keys->arena, keys->cap * sizeof(TqpSortSegment));
    keys->buffers = tqp_arena_zalloc(&keys->arena, keys->cap * sizeof(TqpBuffer));
    if (keys->segments == NULL || keys->buffers == NULL)
        return keys->arena.failed != TQP_OK ? keys->arena.failed : TQP_NO_MEMORY;
    for (uint32_t k = 0; k < input->nsort; k++)
        TQP_TRY(encode_column(&e, &input->sort[k]));
    if (input->seq != NULL) {
        TQP_TRY(open_field(&e, 64));
        TQP_TRY(tqp_memory_copy(e.words, input->seq, input->nrows * sizeof(uint64_t), input->stop));
    }
    return keys->nsegments > 0 ? TQP_OK : add_segment(&e, (TqpSortSegment){0});
}

void tqp_sort_keys_free(TqpSortKeys *keys) {
    for (uint32_t b = 0; b < keys->nbuffers; b++)
        tqp_buffer_free(&keys->buffers[b]);
    tqp_arena_free(&keys->arena);
}
