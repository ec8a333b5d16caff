/*
 * The narrowest exact encoding of a staged column (see TqpEncoding), and its bytes.  Null slots
 * hold code 0 (for FOR that reads as `base`), false, 0.0 or "": kernels go by validity.
 */
#include <string.h>

#include "base/bitmap.h"
#include "store/intern.h"
#include "store/stage.h"

void tqp_chunk_layout(const TqpTensor *t, uint32_t text_bytes, TqpChunkLayout *l) {
    uint64_t at = 0, n = t->nrows, words = ((n + 63) / 64) * sizeof(uint64_t);
    l->validity = l->data = l->offsets = l->text = TQP_CHUNK_NONE;
    if (t->null_count > 0) {
        l->validity = at;
        at = tqp_align64(at + words);
    }
    if (t->encoding == TQP_ENC_BYTES) {
        l->offsets = at;
        l->text = tqp_align64(at + (n + 1) * sizeof(uint32_t));
        at = l->text + text_bytes;
    } else if (t->encoding != TQP_ENC_CONST) {
        l->data = at;
        at += t->lane == TQP_LANE_MASK ? words : n * tqp_lane_bytes(t->lane);
    }
    l->bytes = at;
}

void tqp_chunk_bind(TqpTensor *t, const TqpChunkLayout *l, const char *memory) {
    t->validity = l->validity == TQP_CHUNK_NONE ? NULL : (const uint64_t *)(memory + l->validity);
    t->data = l->data == TQP_CHUNK_NONE ? NULL : memory + l->data;
    t->offsets = l->offsets == TQP_CHUNK_NONE ? NULL : (const uint32_t *)(memory + l->offsets);
    t->bytes = l->text == TQP_CHUNK_NONE ? NULL : memory + l->text;
}

/* ---- integers ---- */

static uint32_t leading_nulls(const TqpStage *s) {
    const uint32_t *nulls = s->nulls.data;
    uint32_t n = 0;
    while (n < s->null_count && nulls[n] == n)
        n++;
    return n;
}

/* Four accumulators, so that the loop is bound by loads and not by one chain of compares. */
static void range_i64(const int64_t *v, uint32_t n, int64_t *min, int64_t *max) {
    int64_t lo[4] = {v[0], v[0], v[0], v[0]}, hi[4] = {v[0], v[0], v[0], v[0]};
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (int k = 0; k < 4; k++) {
            lo[k] = v[i + k] < lo[k] ? v[i + k] : lo[k];
            hi[k] = v[i + k] > hi[k] ? v[i + k] : hi[k];
        }
    }
    for (; i < n; i++) {
        lo[0] = v[i] < lo[0] ? v[i] : lo[0];
        hi[0] = v[i] > hi[0] ? v[i] : hi[0];
    }
    for (int k = 1; k < 4; k++) {
        lo[0] = lo[k] < lo[0] ? lo[k] : lo[0];
        hi[0] = hi[k] > hi[0] ? hi[k] : hi[0];
    }
    *min = lo[0];
    *max = hi[0];
}

/*
 * Row groups of a column should share one base and lane, so that kernels are bound once: base 0
 * where it costs no wider lane, else a multiple of a quarter of the lane's range.
 */
static void choose_base(int64_t min, int64_t max, TqpTensor *t) {
    uint64_t range = (uint64_t)max - (uint64_t)min;
    if (range > UINT32_MAX) {
        t->lane = TQP_LANE_I64;
        t->base = 0;
        return;
    }
    unsigned bits = range <= UINT8_MAX ? 8 : range <= UINT16_MAX ? 16 : 32;
    uint64_t top = (UINT64_C(1) << bits) - 1;
    t->lane = bits == 8 ? TQP_LANE_U8 : bits == 16 ? TQP_LANE_U16 : TQP_LANE_U32;
    if (min >= 0 && (uint64_t)max <= top) {
        t->base = 0;
        return;
    }
    int64_t quarter = (int64_t)1 << (bits - 2);
    int64_t aligned = min & ~(quarter - 1);
    t->base = (uint64_t)max - (uint64_t)aligned <= top ? aligned : min;
}

static void plan_int(const TqpStage *s, TqpTensor *t) {
    uint32_t skip = leading_nulls(s), n = s->nrows - skip;
    t->encoding = TQP_ENC_CONST;
    t->lane = TQP_LANE_U8;
    if (n == 0)
        return;
    t->has_range = true;
    if (s->wide) {
        const TqpInt128 *v = (const TqpInt128 *)s->values.data + skip;
        t->min = t->max = v[0];
        for (uint32_t i = 1; i < n; i++) {
            t->min = v[i] < t->min ? v[i] : t->min;
            t->max = v[i] > t->max ? v[i] : t->max;
        }
        t->encoding = TQP_ENC_FOR;
        t->lane = TQP_LANE_I128;
        return;
    }
    int64_t min, max;
    range_i64((const int64_t *)s->values.data + skip, n, &min, &max);
    t->min = min;
    t->max = max;
    if (min == max) {
        t->base = min;
        return;
    }
    t->encoding = TQP_ENC_FOR;
    choose_base(min, max, t);
}

#define NARROW(T)                                                                                  \
    do {                                                                                           \
        T *to = out;                                                                               \
        for (uint32_t i = 0; i < n; i++)                                                           \
            to[i] = (T)((uint64_t)v[i] - base);                                                    \
        for (uint32_t k = 0; k < s->null_count; k++)                                               \
            to[nulls[k]] = 0;                                                                      \
    } while (0)

static void emit_int(const TqpStage *s, const TqpTensor *t, void *out) {
    const int64_t *v = s->values.data;
    const uint32_t *nulls = s->nulls.data;
    uint32_t n = s->nrows;
    uint64_t base = (uint64_t)t->base;
    if (s->wide) {
        memcpy(out, s->values.data, n * sizeof(TqpInt128));
        for (uint32_t k = 0; k < s->null_count; k++)
            ((TqpInt128 *)out)[nulls[k]] = 0;
        return;
    }
    if (t->lane == TQP_LANE_U8)
        NARROW(uint8_t);
    else if (t->lane == TQP_LANE_U16)
        NARROW(uint16_t);
    else if (t->lane == TQP_LANE_U32)
        NARROW(uint32_t);
    else
        NARROW(int64_t);
}

/* ---- strings ---- */

/* The lane follows the dictionary, not the group, so that groups of a column agree. */
static TqpLane code_lane(uint32_t entries) {
    return entries <= 1u << 8 ? TQP_LANE_U8 : entries <= 1u << 16 ? TQP_LANE_U16 : TQP_LANE_U32;
}

static TqpStatus plan_text(const TqpStage *s, TqpInterner *interner, uint64_t expected,
                           TqpDistinct *d, TqpEncodePlan *plan, TqpVerdict *verdict) {
    TqpTensor *t = &plan->tensor;
    t->encoding = TQP_ENC_BYTES;
    t->lane = TQP_LANE_VIEW;
    plan->text_bytes = (uint32_t)s->text_bytes;
    if (interner == NULL || (expected > 0 && tqp_intern_hopeless(interner, s, expected)))
        return TQP_OK;
    TQP_TRY(tqp_distinct_find(d, s));
    uint32_t n = d->count;
    if (n == 0 && s->nrows > 0 && tqp_interner_count(interner) == 0) {
        /* All null: the code 0 of the null slots must name an entry. */
        TqpView empty = {"", 0, 0};
        ((TqpView *)d->views.data)[0] = empty;
        ((uint32_t *)d->hashes.data)[0] = tqp_intern_hash("", 0);
        n = 1;
    }
    *verdict = tqp_intern_merge(interner, n, d->views.data, d->hashes.data,
                                s->nrows - s->null_count, expected, d->codes.data);
    if (*verdict != TQP_DICT_YES)
        return TQP_OK;
    t->encoding = TQP_ENC_DICT;
    t->lane = code_lane(tqp_interner_count(interner));
    plan->text_bytes = 0;
    plan->distinct = d;
    return TQP_OK;
}

#define GATHER(T)                                                                                  \
    do {                                                                                           \
        T *to = out;                                                                               \
        for (uint32_t i = 0; i < s->nrows; i++)                                                    \
            to[i] = (T)codes[ids[i]];                                                              \
        for (uint32_t k = 0; k < s->null_count; k++)                                               \
            to[nulls[k]] = 0;                                                                      \
    } while (0)

static void emit_dict(const TqpStage *s, const TqpEncodePlan *plan, void *out) {
    const uint32_t *ids = plan->distinct->ids.data, *codes = plan->distinct->codes.data;
    const uint32_t *nulls = s->nulls.data;
    if (s->null_count == s->nrows)
        memset(out, 0, (uint64_t)s->nrows * tqp_lane_bytes(plan->tensor.lane));
    else if (plan->tensor.lane == TQP_LANE_U8)
        GATHER(uint8_t);
    else if (plan->tensor.lane == TQP_LANE_U16)
        GATHER(uint16_t);
    else
        GATHER(uint32_t);
}

static void emit_bytes(const TqpStage *s, uint32_t *offsets, char *text) {
    offsets[0] = 0;
    if (s->nrows > 0)
        memcpy(offsets, s->values.data, ((uint64_t)s->nrows + 1) * sizeof(uint32_t));
    if (s->text_bytes > 0)
        memcpy(text, s->text.data, s->text_bytes);
}

/* ---- floats, bools, validity ---- */

static void emit_f32(const TqpStage *s, float *out) {
    const double *v = s->values.data;
    for (uint32_t i = 0; i < s->nrows; i++)
        out[i] = (float)v[i];
}

static void emit_mask(const TqpStage *s, uint64_t *out) {
    const uint8_t *v = s->values.data;
    for (uint32_t i = 0; i < s->nrows; i++)
        out[i >> 6] |= (uint64_t)v[i] << (i & 63);
}

static void emit_validity(const TqpStage *s, uint64_t *out) {
    const uint32_t *nulls = s->nulls.data;
    tqp_bitmap_fill(out, s->nrows);
    for (uint32_t k = 0; k < s->null_count; k++)
        tqp_bitmap_clear(out, nulls[k]);
}

/* ---- both steps ---- */

TqpStatus tqp_encode_plan(const TqpStage *s, TqpInterner *interner, uint64_t expected,
                          TqpDistinct *scratch, TqpEncodePlan *plan, TqpVerdict *verdict) {
    memset(plan, 0, sizeof *plan);
    *verdict = TQP_DICT_NO;
    if (s->status != TQP_OK)
        return s->status;
    TqpTensor *t = &plan->tensor;
    t->nrows = s->nrows;
    t->null_count = s->null_count;
    t->encoding = TQP_ENC_PLAIN;
    if (s->class == TQP_CLASS_INT)
        plan_int(s, t);
    else if (s->class == TQP_CLASS_TEXT)
        TQP_TRY(plan_text(s, interner, expected, scratch, plan, verdict));
    else if (s->class == TQP_CLASS_BOOL)
        t->lane = TQP_LANE_MASK;
    else
        t->lane = s->type.kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64;
    tqp_chunk_layout(t, plan->text_bytes, &plan->layout);
    return TQP_OK;
}

void tqp_encode_emit(const TqpStage *s, const TqpEncodePlan *plan, char *memory) {
    const TqpTensor *t = &plan->tensor;
    const TqpChunkLayout *l = &plan->layout;
    uint64_t head = l->data != TQP_CHUNK_NONE      ? l->data
                    : l->offsets != TQP_CHUNK_NONE ? l->offsets
                                                   : l->bytes;
    memset(memory, 0, head);
    if (l->validity != TQP_CHUNK_NONE)
        emit_validity(s, (uint64_t *)(memory + l->validity));
    if (t->encoding == TQP_ENC_BYTES) {
        uint64_t end = l->offsets + ((uint64_t)t->nrows + 1) * sizeof(uint32_t);
        memset(memory + end, 0, l->text - end);
        emit_bytes(s, (uint32_t *)(memory + l->offsets), memory + l->text);
    } else if (t->encoding == TQP_ENC_DICT) {
        emit_dict(s, plan, memory + l->data);
    } else if (t->encoding == TQP_ENC_FOR) {
        emit_int(s, t, memory + l->data);
    } else if (t->lane == TQP_LANE_MASK) {
        memset(memory + l->data, 0, l->bytes - l->data);
        emit_mask(s, (uint64_t *)(memory + l->data));
    } else if (t->lane == TQP_LANE_F32) {
        emit_f32(s, (float *)(memory + l->data));
    } else if (t->encoding == TQP_ENC_PLAIN && t->nrows > 0) {
        memcpy(memory + l->data, s->values.data, (uint64_t)t->nrows * sizeof(double));
    }
}

TqpStatus tqp_stage_tensor(const TqpStage *s, TqpArena *a, TqpInterner *interner, TqpTensor *tensor,
                           TqpError *err) {
    TqpDistinct scratch = {.broker = s->broker};
    TqpEncodePlan plan;
    TqpVerdict verdict;
    TqpStatus status = tqp_encode_plan(s, interner, 0, &scratch, &plan, &verdict);
    if (status == TQP_OK) {
        char *memory = tqp_arena_alloc(a, plan.layout.bytes + TQP_CHUNK_PAD);
        if (memory == NULL) {
            status = a->failed;
        } else {
            tqp_encode_emit(s, &plan, memory);
            memset(memory + plan.layout.bytes, 0, TQP_CHUNK_PAD);
            *tensor = plan.tensor;
            tqp_chunk_bind(tensor, &plan.layout, memory);
        }
    }
    tqp_distinct_free(&scratch);
    if (status == TQP_OK)
        return TQP_OK;
    return tqp_error_set(
        err, status, "%s",
        s->status == status && s->reason != NULL ? s->reason : "no memory to encode a row group");
}
