/* The table of the ref backend and its cells. */
#include "backend/ref.h"

#include <string.h>

#include "backend/backend.h"

/* A kernel is not told its lane: one thunk per (step, lane). */
#define THUNK(op, lane)                                                                            \
    static void ref_##op##_##lane(const TqpKernelArgs *args) {                                     \
        tqp_ref_##op(TQP_LANE_##lane, args);                                                       \
    }
#define TQP_STEP(e, n, lanes, note) lanes(THUNK, e)
#include "program/steps.def"
#undef TQP_STEP
#undef THUNK

#define ENTRY(op, lane) [TQP_LANE_##lane] = ref_##op##_##lane,
static const TqpBackend ref_backend = {
    .name = "ref",
    .isa = TQP_ISA_SCALAR,
    .tile_rows = 1024,
    .kernels =
        {
#define TQP_STEP(e, n, lanes, note) [TQP_STEP_##e] = {lanes(ENTRY, e)},
#include "program/steps.def"
#undef TQP_STEP
        },
};
#undef ENTRY

const TqpBackend *tqp_backend_ref(void) {
    return &ref_backend;
}

static void copy_from(void *value, const void *tile, uint32_t i, size_t bytes) {
    memcpy(value, (const char *)tile + (size_t)i * bytes, bytes);
}

static void copy_to(void *tile, uint32_t i, const void *value, size_t bytes) {
    memcpy((char *)tile + (size_t)i * bytes, value, bytes);
}

RefCell tqp_ref_get(TqpLane lane, const void *tile, uint32_t i) {
    RefCell cell = {0};
    if (lane == TQP_LANE_MASK) {
        cell.i = ((const uint8_t *)tile)[i / 8] >> i % 8 & 1;
    } else if (lane == TQP_LANE_I64) {
        int64_t v;
        copy_from(&v, tile, i, sizeof(v));
        cell.i = v;
    } else if (lane == TQP_LANE_F32) {
        float v;
        copy_from(&v, tile, i, sizeof(v));
        cell.f = v;
    } else if (lane == TQP_LANE_F64) {
        copy_from(&cell.f, tile, i, sizeof(double));
    } else if (lane == TQP_LANE_VIEW) {
        copy_from(&cell.s, tile, i, sizeof(TqpView));
    } else if (lane == TQP_LANE_I128) {
        copy_from(&cell.i, tile, i, sizeof(TqpInt128));
    } else {
        uint32_t bytes = tqp_lane_bytes(lane);
        for (uint32_t b = bytes; b-- > 0;)
            cell.i = cell.i * 256 + ((const uint8_t *)tile)[(size_t)i * bytes + b];
    }
    return cell;
}

void tqp_ref_put(TqpLane lane, void *tile, uint32_t i, RefCell cell) {
    if (lane == TQP_LANE_MASK) {
        uint8_t *byte = &((uint8_t *)tile)[i / 8];
        *byte = (uint8_t)((*byte & ~(1 << i % 8)) | (cell.i != 0) << i % 8);
    } else if (lane == TQP_LANE_F32) {
        float v = (float)cell.f;
        copy_to(tile, i, &v, sizeof(v));
    } else if (lane == TQP_LANE_F64) {
        copy_to(tile, i, &cell.f, sizeof(double));
    } else if (lane == TQP_LANE_VIEW) {
        copy_to(tile, i, &cell.s, sizeof(TqpView));
    } else {
        uint32_t bytes = tqp_lane_bytes(lane);
        TqpUint128 v = (TqpUint128)cell.i;
        for (uint32_t b = 0; b < bytes; b++, v >>= 8)
            ((uint8_t *)tile)[(size_t)i * bytes + b] = (uint8_t)v;
    }
}

RefCell tqp_ref_imm(TqpLane lane, const TqpScalar *imm) {
    RefCell cell = {0};
    if (lane == TQP_LANE_F32)
        cell.f = (float)imm->f;
    else if (lane == TQP_LANE_F64)
        cell.f = imm->f;
    else if (lane == TQP_LANE_VIEW)
        cell.s = imm->s;
    else if (lane == TQP_LANE_I128)
        cell.i = imm->w;
    else
        cell.i = imm->i;
    return cell;
}

static int compare_views(TqpView a, TqpView b) {
    for (uint32_t i = 0; i < a.len && i < b.len; i++) {
        uint8_t x = (uint8_t)a.data[i], y = (uint8_t)b.data[i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

int tqp_ref_compare(TqpLane lane, RefCell a, RefCell b) {
    if (lane == TQP_LANE_VIEW)
        return compare_views(a.s, b.s);
    if (lane == TQP_LANE_F32 || lane == TQP_LANE_F64) {
        bool nan_a = a.f != a.f, nan_b = b.f != b.f;
        if (nan_a || nan_b)
            return (int)nan_a - (int)nan_b;
        return a.f < b.f ? -1 : a.f > b.f;
    }
    return a.i < b.i ? -1 : a.i > b.i;
}

bool tqp_ref_guarded(const TqpKernelArgs *args, uint32_t i) {
    return args->guard == NULL || tqp_ref_get(TQP_LANE_MASK, args->guard, i).i != 0;
}

void tqp_ref_clear_mask(void *mask, uint32_t n) {
    memset(mask, 0, ((size_t)n + 63) / 64 * 8);
}
