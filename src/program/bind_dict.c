/* Dictionaries at bind: finding strings, ordering codes, dictionaries made of derived strings. */
#include <string.h>

#include "program/bind.h"

/* Orders are computed for dictionaries up to these sizes; a host comparator is slow. */
#define ORDER_BYTES_MAX (1u << 22)
#define ORDER_HOST_MAX  65536u

bool tqp_bind_is_dict(const TqpBound *v) {
    return !v->is_const && v->s.dict != NULL && !v->s.by_rank;
}

TqpLane tqp_bind_code_lane(uint32_t count) {
    return count <= 256 ? TQP_LANE_U8 : count <= 65536 ? TQP_LANE_U16 : TQP_LANE_U32;
}

int tqp_bind_bytes_compare(TqpView x, TqpView y) {
    uint32_t n = x.len < y.len ? x.len : y.len;
    int c = n > 0 ? memcmp(x.data, y.data, n) : 0;
    return c != 0 ? c : (x.len > y.len) - (x.len < y.len);
}

bool tqp_bind_can_order(const TqpBinder *b, uint32_t collation) {
    return collation == 0 || b->options.compare != NULL;
}

int tqp_bind_text_order(TqpBinder *b, uint32_t collation, TqpView x, TqpView y) {
    int c = collation == 0 ? 0 : b->options.compare(b->options.compare_host, collation, x, y);
    return c != 0 ? c : tqp_bind_bytes_compare(x, y);
}

int64_t tqp_bind_dict_find(const TqpDict *d, TqpView s) {
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t len = d->offsets[i + 1] - d->offsets[i];
        if (len == s.len && (len == 0 || memcmp(d->bytes + d->offsets[i], s.data, len) == 0))
            return i;
    }
    return -1;
}

TqpDict *tqp_bind_dict_make(TqpBinder *b, uint32_t n, const TqpView *strings) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += strings[i].len;
    if (bytes > UINT32_MAX) {
        tqp_bind_fail(b, TQP_UNSUPPORTED, "strings too long for a dictionary");
        return NULL;
    }
    TqpDict *d = tqp_bind_zalloc(b, sizeof(*d));
    uint32_t *offsets = tqp_bind_zalloc(b, (n + 1) * sizeof(*offsets));
    char *data = tqp_bind_zalloc(b, bytes);
    if (d == NULL || offsets == NULL || data == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (strings[i].len > 0)
            memcpy(data + offsets[i], strings[i].data, strings[i].len);
        offsets[i + 1] = offsets[i] + strings[i].len;
    }
    *d = (TqpDict){.count = n, .offsets = offsets, .bytes = data};
    return d;
}

/* Bottom-up merge sort of codes; `collation` gives the order.  NULL when the binder failed. */
static uint32_t *sorted_codes(TqpBinder *b, const TqpView *strings, uint32_t n,
                              uint32_t collation) {
    uint32_t *from = tqp_bind_zalloc(b, n * sizeof(*from));
    uint32_t *to = tqp_bind_zalloc(b, n * sizeof(*to));
    if (from == NULL || to == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        from[i] = i;
    for (uint64_t width = 1; width < n; width *= 2) {
        for (uint64_t lo = 0; lo < n; lo += 2 * width) {
            uint64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            uint64_t i = lo, k = mid;
            for (uint64_t out = lo; out < hi; out++) {
                bool left = k >= hi;
                if (!left && i < mid) {
                    TqpView x = strings[from[i]], y = strings[from[k]];
                    left = tqp_bind_text_order(b, collation, x, y) <= 0;
                    if (tqp_bind_stopped(b, (uint64_t)x.len + y.len))
                        return NULL;
                }
                to[out] = left ? from[i++] : from[k++];
            }
        }
        uint32_t *swap = from;
        from = to, to = swap;
    }
    return from;
}

static TqpView *dict_strings(TqpBinder *b, const TqpDict *d) {
    TqpView *strings = tqp_bind_zalloc(b, d->count * sizeof(*strings));
    for (uint32_t i = 0; i < d->count && strings != NULL; i++)
        strings[i] = tqp_dict_view(d, i);
    return strings;
}

bool tqp_bind_dict_ranked(TqpBinder *b, TqpBound *v) {
    const TqpDict *d = v->s.dict;
    uint32_t collation = v->s.type.collation;
    if (d->ranked && v->dict_collation == collation)
        return true;
    if (!tqp_bind_can_order(b, collation) ||
        d->count > (collation == 0 ? ORDER_BYTES_MAX : ORDER_HOST_MAX))
        return false;
    TqpView *strings = dict_strings(b, d);
    uint32_t *by_rank = strings != NULL ? sorted_codes(b, strings, d->count, collation) : NULL;
    uint32_t *rank = tqp_bind_zalloc(b, d->count * sizeof(*rank));
    TqpDict *ranked = tqp_bind_zalloc(b, sizeof(*ranked));
    if (by_rank == NULL || rank == NULL || ranked == NULL)
        return false;
    for (uint32_t i = 0; i < d->count; i++)
        rank[by_rank[i]] = i;
    *ranked = *d;
    ranked->rank = rank;
    ranked->by_rank = by_rank;
    ranked->ranked = true;
    v->s.dict = ranked;
    v->dict_collation = collation;
    return true;
}

uint16_t tqp_bind_rank_reg(TqpBinder *b, const TqpBound *v, TqpLane *lane) {
    const TqpDict *d = v->s.dict;
    TqpLane codes = v->s.lane; /* `lane` may point at it */
    *lane = d->rank == NULL ? codes : TQP_LANE_U32;
    if (d->rank == NULL)
        return v->s.reg;
    return tqp_bind_lut(b, TQP_STEP_LUT_U32, codes, v->s.reg, d->rank, d->count, TQP_LANE_U32);
}

TqpBound tqp_bind_code_strings(TqpBinder *b, TqpLane code_lane, uint16_t code_reg, uint32_t first,
                               uint32_t n, uint32_t entries, uint16_t valid, TqpType type,
                               const TqpView *strings) {
    uint32_t distinct = 0;
    uint32_t *order = sorted_codes(b, strings, n, 0);
    TqpView *kept = tqp_bind_zalloc(b, n * sizeof(*kept));
    int64_t *codes = tqp_bind_zalloc(b, n * sizeof(*codes));
    if (order == NULL || kept == NULL || codes == NULL)
        return tqp_bind_null(type);
    for (uint32_t i = 0; i < n; i++) {
        TqpView s = strings[order[i]];
        if (tqp_bind_stopped(b, s.len))
            return tqp_bind_null(type);
        if (i == 0 || tqp_bind_bytes_compare(kept[distinct - 1], s) != 0)
            kept[distinct++] = s;
        codes[order[i]] = distinct - 1;
    }
    TqpDict *dict = tqp_bind_dict_make(b, distinct, kept);
    TqpLane lane;
    int64_t bias;
    TqpBindRange r;
    uint16_t reg =
        tqp_bind_lut_ints(b, code_lane, code_reg, first, n, codes, entries, &lane, &bias, &r);
    TqpBound out = tqp_bind_slot(type, lane, reg, valid);
    out.s.dict = dict;
    if (b->status == TQP_OK) {
        dict->ranked = true; /* made in the order of bytes */
        out.dict_collation = 0;
    }
    return out;
}

TqpBound tqp_bind_dict_map(TqpBinder *b, const TqpBound *v, TqpType type, const TqpView *strings) {
    uint32_t n = v->s.dict->count;
    return tqp_bind_code_strings(b, v->s.lane, v->s.reg, 0, n, n, v->s.valid, type, strings);
}
