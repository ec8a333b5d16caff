/*
 * LOAD: a column of the current row group becomes a register.  Without conversion the register
 * points into the column; narrow codes are gathered before they are widened.
 */
#include <string.h>

#include "exec/tile.h"

typedef struct TileLoad {
    TqpTile *tile;
    const TqpStep *step;
    const TqpTensor *tensor;
    void *out;
} TileLoad;

static const void *at(const TqpTensor *tensor, uint32_t row) {
    return (const char *)tensor->data + (size_t)row * tqp_lane_bytes(tensor->lane);
}

/* All rows that a GATHER is about to touch: they miss the cache side by side, not in turn. */
static void prefetch_positions(const TqpTile *tile, const char *data, uint32_t width) {
    for (uint32_t i = 0; i < tile->n; i++)
        __builtin_prefetch(data + (size_t)tile->positions[i] * width);
}

/* The tensor's own values of this tile (all rows, or those at the positions), in its own lane. */
static const void *raw_values(TileLoad *load, void *buf) {
    TqpTile *tile = load->tile;
    const TqpTensor *tensor = load->tensor;
    uint32_t width = tqp_lane_bytes(tensor->lane);
    tile->bytes += (uint64_t)tile->n * width;
    const void *data = at(tensor, tile->start);
    if (tile->positions != NULL) {
        prefetch_positions(tile, data, width);
        tqp_tile_kernel(tile, TQP_STEP_GATHER, tensor->lane, tile->n, buf, data, tile->positions,
                        NULL, (TqpScalar){.i = 0}, NULL);
        return buf;
    }
    uint32_t behind = tile->start + tile->rows;
    tile->ahead[tile->nahead++] =
        (TqpAhead){at(tensor, behind), tile->group->nrows - behind, width};
    return data;
}

static const uint64_t *load_mask(TileLoad *load, const uint64_t *bits, void *out) {
    TqpTile *tile = load->tile;
    const uint64_t *data = bits + tile->start / 64;
    tile->bytes += tile->n / 8;
    if (tile->repeats) {
        tqp_tile_gather_mask(data, tile->positions, tile->n, out);
        return out;
    }
    if (tile->positions != NULL) {
        uint32_t count = 0;
        tqp_tile_kernel(tile, TQP_STEP_COMPRESS_MASK, TQP_LANE_MASK, tile->rows, out, data, NULL,
                        tile->origin_sel, (TqpScalar){.i = 0}, &count);
        return out;
    }
    if ((tile->rows & 63) == 0)
        return data;
    /* The last tile of a group: bits past n must be 0, whatever the column holds there. */
    uint32_t words = tqp_bitmap_words(tile->rows);
    memcpy(out, data, words * sizeof(uint64_t));
    ((uint64_t *)out)[words - 1] &= tqp_bitmap_tail(tile->rows);
    return out;
}

static void fill(TileLoad *load, TqpScalar value) {
    TqpTile *tile = load->tile;
    TqpStepOp op = load->step->lane == TQP_LANE_MASK ? TQP_STEP_MASK_FILL : TQP_STEP_FILL;
    tqp_tile_kernel(tile, op, (TqpLane)load->step->lane, tile->n, load->out, NULL, NULL, NULL,
                    value, NULL);
}

static TqpScalar constant_of(TqpLane lane, int64_t value) {
    if (lane == TQP_LANE_I128)
        return (TqpScalar){.w = value};
    if (lane == TQP_LANE_F32 || lane == TQP_LANE_F64)
        return (TqpScalar){.f = (double)value};
    if (lane == TQP_LANE_VIEW)
        return (TqpScalar){.s = tqp_view("", 0)};
    return (TqpScalar){.i = value};
}

static TqpStepOp conversion_to(TqpLane lane) {
    switch (lane) {
    case TQP_LANE_U8:
        return TQP_STEP_TO_U8;
    case TQP_LANE_U16:
        return TQP_STEP_TO_U16;
    case TQP_LANE_U32:
        return TQP_STEP_TO_U32;
    case TQP_LANE_I128:
        return TQP_STEP_TO_I128;
    case TQP_LANE_F64:
        return TQP_STEP_TO_F64;
    default:
        return TQP_STEP_TO_I64;
    }
}

/* Integers, codes and floats: in place, gathered, or converted into the register's lane. */
static const void *load_values(TileLoad *load, int64_t add) {
    const TqpTensor *tensor = load->tensor;
    TqpLane lane = (TqpLane)load->step->lane;
    if (tensor->lane == lane && add == 0)
        return raw_values(load, load->out);
    TqpTile *tile = load->tile;
    const void *raw = raw_values(load, tile->scratch);
    if (tensor->lane == lane)
        tqp_tile_kernel(tile, TQP_STEP_ADD_RI, lane, tile->n, load->out, raw, NULL, NULL,
                        constant_of(lane, add), NULL);
    else
        tqp_tile_kernel(tile, conversion_to(lane), tensor->lane, tile->n, load->out, raw, NULL,
                        NULL, (TqpScalar){.i = add}, NULL);
    return load->out;
}

static uint32_t code_at(const TqpTensor *tensor, const void *codes, uint32_t i) {
    switch (tensor->lane) {
    case TQP_LANE_U8:
        return ((const uint8_t *)codes)[i];
    case TQP_LANE_U16:
        return ((const uint16_t *)codes)[i];
    default:
        return ((const uint32_t *)codes)[i];
    }
}

static TqpView view_at(const TqpTensor *tensor, uint32_t row) {
    uint32_t begin = tensor->offsets[row], end = tensor->offsets[row + 1];
    return begin == end ? tqp_view("", 0) : tqp_view(tensor->bytes + begin, end - begin);
}

/* Views are built for selected rows only; the others are empty strings. */
static const void *load_views(TileLoad *load) {
    TqpTile *tile = load->tile;
    const TqpTensor *tensor = load->tensor;
    TqpView *out = load->out;
    const void *codes = tensor->encoding == TQP_ENC_DICT ? at(tensor, tile->start) : NULL;
    if (tile->sel != NULL)
        fill(load, (TqpScalar){.s = tqp_view("", 0)});
    for (uint32_t i = 0; i < tile->n; i++) {
        if (tile->sel != NULL && !tqp_bitmap_get(tile->sel, i))
            continue;
        uint32_t row = tile->positions != NULL ? tile->positions[i] : i;
        if (codes == NULL) {
            out[i] = view_at(tensor, tile->start + row);
            tile->bytes += sizeof(uint32_t) + out[i].len;
        } else if (tensor->dict->count > 0) { /* an all-null column may have no string at all */
            out[i] = tqp_dict_view(tensor->dict, code_at(tensor, codes, row));
            tile->bytes += tqp_lane_bytes(tensor->lane);
        } else {
            out[i] = tqp_view("", 0);
        }
    }
    return out;
}

static const void *load_column(TileLoad *load) {
    const TqpTensor *tensor = load->tensor;
    TqpLane lane = (TqpLane)load->step->lane;
    int64_t bias = load->step->imm[0].i;
    if (tensor->encoding == TQP_ENC_CONST || (tensor->data == NULL && tensor->offsets == NULL)) {
        /* All-null columns of any type are constants too, whatever the bias: 0, false or "". */
        bool all_null = tensor->null_count == tensor->nrows;
        fill(load, constant_of(lane, all_null ? 0 : tensor->base - bias));
        return load->out;
    }
    if (lane == TQP_LANE_VIEW)
        return load_views(load);
    if (lane == TQP_LANE_MASK)
        return load_mask(load, tensor->data, load->out);
    if (tensor->encoding == TQP_ENC_FOR)
        /* A group without any value may be far from the bias. */
        return load_values(load, (int64_t)((uint64_t)tensor->base - (uint64_t)bias));
    return load_values(load, 0);
}

static const void *load_validity(TileLoad *load) {
    if (load->tensor->validity != NULL)
        return load_mask(load, load->tensor->validity, load->tile->bufs[load->step->out2]);
    tqp_bitmap_fill(load->tile->bufs[load->step->out2], load->tile->n);
    return load->tile->bufs[load->step->out2];
}

void tqp_tile_load(TqpTile *tile, const TqpStep *step) {
    TileLoad load = {.tile = tile, .step = step, .tensor = &tile->group->tensors[step->column]};
    if (step->out != TQP_NO_REG) {
        load.out = tile->bufs[step->out];
        tile->regs[step->out] = load_column(&load);
    }
    if (step->out2 != TQP_NO_REG)
        tile->regs[step->out2] = load_validity(&load);
}
