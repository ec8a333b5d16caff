/*
 * Keys of a join: both sides in one lane, bias and dictionary, and the map that indexes the build.
 * A small range of integers or codes becomes an index (several keys: one combined index, as of
 * dense groups), the rest is hashed.
 */
#include <string.h>

#include "base/hash.h"
#include "program/bind_node.h"

/* Entries of an index: per row of the build, at least, at most; rows' numbers take 4 bytes. */
#define ROWS_PER_ROW 16
#define BITS_PER_ROW 128
#define ENTRIES_MIN  (UINT64_C(1) << 22)
#define ROWS_MAX     (UINT64_C(1) << 27)
#define BITS_MAX     (UINT64_C(1) << 28)

static const TqpType code_type = {.kind = TQP_TYPE_I32};

/* ---- text: codes of the build's dictionary ---- */

/* Strings of a dictionary by hash: codes + 1, 0 = free. */
typedef struct Finder {
    const TqpDict *dict;
    uint32_t *slots;
    uint64_t mask;
} Finder;

static uint64_t *slot_of(const Finder *f, TqpView s, uint64_t *at) {
    *at = tqp_hash_bytes(s.data, s.len, 0) & f->mask;
    return at;
}

static bool finder_init(TqpBinder *b, Finder *f, const TqpDict *dict) {
    uint64_t size = 16, at;
    while (size < 2 * (uint64_t)dict->count)
        size *= 2;
    *f = (Finder){dict, tqp_bind_zalloc(b, size * sizeof(uint32_t)), size - 1};
    if (f->slots == NULL)
        return false;
    for (uint32_t i = 0; i < dict->count; i++) {
        TqpView s = tqp_dict_view(dict, i);
        if (tqp_bind_stopped(b, s.len))
            return false;
        slot_of(f, s, &at);
        while (f->slots[at] != 0)
            at = (at + 1) & f->mask;
        f->slots[at] = i + 1;
    }
    return true;
}

static int64_t find(const Finder *f, TqpView s) {
    uint64_t at;
    for (slot_of(f, s, &at); f->slots[at] != 0; at = (at + 1) & f->mask)
        if (tqp_bind_bytes_compare(tqp_dict_view(f->dict, f->slots[at] - 1), s) == 0)
            return f->slots[at] - 1;
    return -1;
}

/* Codes as integers. */
static TqpBound as_codes(const TqpBound *v) {
    return tqp_bind_int_slot(code_type, v->s.lane, 0, v->s.reg, v->s.valid, 0,
                             (TqpInt128)v->s.dict->count - 1);
}

/* The probe's strings as codes of `dict`; those that it lacks become dict->count. */
static TqpBound translate(TqpBinder *b, const TqpBound *v, const TqpDict *dict) {
    Finder f;
    if (tqp_bind_is_null(v))
        return tqp_bind_null(code_type);
    if (!v->is_const && tqp_bind_same_dict(v->s.dict, dict))
        return as_codes(v);
    if (!finder_init(b, &f, dict))
        return tqp_bind_null(code_type);
    if (v->is_const) {
        int64_t code = find(&f, tqp_bind_text_const(v));
        return tqp_bind_const_int(code_type, code < 0 ? dict->count : code);
    }
    uint32_t n = v->s.dict->count;
    int64_t *codes = tqp_bind_zalloc(b, n * sizeof(*codes)), bias;
    for (uint32_t i = 0; i < n && codes != NULL; i++) {
        TqpView s = tqp_dict_view(v->s.dict, i);
        if (tqp_bind_stopped(b, s.len))
            return tqp_bind_null(code_type);
        int64_t code = find(&f, s);
        codes[i] = code < 0 ? dict->count : code;
    }
    TqpLane lane;
    TqpBindRange r;
    if (codes == NULL)
        return tqp_bind_null(code_type);
    uint16_t reg = tqp_bind_lut_ints(b, v->s.lane, v->s.reg, 0, n, codes, n, &lane, &bias, &r);
    return tqp_bind_int_slot(code_type, lane, bias, reg, v->s.valid, r.min, r.max);
}

static TqpBound as_views(TqpBinder *b, TqpBound v) {
    TqpBound r = v;
    if (v.is_const)
        return tqp_bind_to_reg(b, v);
    r.s.reg = tqp_bind_view_reg(b, &v);
    r.s.lane = TQP_LANE_VIEW;
    r.s.dict = NULL;
    return r;
}

static TqpBound bool_codes(TqpBinder *b, TqpBound v) {
    if (tqp_bind_is_null(&v))
        return tqp_bind_null(code_type);
    v = tqp_bind_to_reg(b, v);
    uint16_t reg = tqp_bind_unary(b, TQP_STEP_MASK_TO_U8, TQP_LANE_MASK, v.s.reg, 0, TQP_LANE_U8);
    return tqp_bind_int_slot(code_type, TQP_LANE_U8, 0, reg, v.s.valid, 0, 1);
}

/* Both sides as integers, floats or views in registers. */
static void normalise(TqpBinder *b, TqpBindBuild *build, TqpBindKey *k) {
    TqpTypeClass class = tqp_type_class(k->l.s.type.kind);
    bool codes = class == TQP_CLASS_TEXT && tqp_bind_is_dict(&k->r) &&
                 (k->l.is_const || tqp_bind_is_dict(&k->l));
    if (codes)
        k->l = translate(b, &k->l, k->r.s.dict);
    else if (class == TQP_CLASS_TEXT)
        k->l = as_views(b, k->l);
    else if (class == TQP_CLASS_BOOL)
        k->l = bool_codes(b, k->l);
    k->l = tqp_bind_to_reg(b, k->l);
    tqp_bind_swap(b, build->open);
    if (codes)
        k->r = as_codes(&k->r);
    else if (class == TQP_CLASS_TEXT)
        k->r = as_views(b, k->r);
    else if (class == TQP_CLASS_BOOL)
        k->r = bool_codes(b, k->r);
    k->r = tqp_bind_to_reg(b, k->r);
    tqp_bind_swap(b, build->open);
    if (k->l.s.valid == TQP_NO_REG || k->r.s.valid == TQP_NO_REG)
        k->null_safe = false; /* a NULL on the other side matches nothing */
}

/* ---- dense ---- */

static uint64_t entries_limit(const TqpBindBuild *build) {
    bool bits = build->map.exists_only;
    uint64_t rows = build->open->source.max_rows, per_row = bits ? BITS_PER_ROW : ROWS_PER_ROW;
    uint64_t max = bits ? BITS_MAX : ROWS_MAX;
    uint64_t limit = rows < max / per_row ? rows * per_row : max;
    return limit > ENTRIES_MIN ? limit : ENTRIES_MIN;
}

/* Codes of a key: of the values of the build, and one for NULL when that equals NULL. */
static TqpInt128 span_of(const TqpBindKey *k) {
    return k->r.s.max - k->r.s.min + 1 + k->null_safe;
}

/* Can v - lo be computed in I64? */
static bool subtracts(const TqpSlot *s, TqpInt128 lo) {
    return tqp_bind_fits_i64(s->min, s->max) && tqp_bind_fits_i64(lo, lo) &&
           tqp_bind_fits_i64(s->min - lo, s->max - lo);
}

static bool is_dense(const TqpBindBuild *build, uint32_t n, const TqpBindKey *keys) {
    uint64_t limit = entries_limit(build);
    TqpInt128 total = 1;
    for (uint32_t i = 0; i < n; i++) {
        const TqpBindKey *k = &keys[i];
        if (tqp_type_class(k->r.s.type.kind) != TQP_CLASS_INT || k->l.loose ||
            k->r.loose ||              /* beyond its bounds in a row that raises */
            k->r.s.max < k->r.s.min || /* raises in every row */
            !tqp_bind_fits_i64(k->r.s.min, k->r.s.max) ||
            k->r.s.max - k->r.s.min >= (TqpInt128)limit)
            return false;
        if ((n > 1 || k->null_safe) &&
            (!subtracts(&k->l.s, k->r.s.min) || !subtracts(&k->r.s, k->r.s.min)))
            return false;
        total *= span_of(k);
        if (total > (TqpInt128)limit)
            return false;
    }
    return n > 0;
}

/* The index of one key: value - lo, or the last code where it is NULL and that equals NULL. */
static uint16_t code_of(TqpBinder *b, const TqpBindKey *k, const TqpBound *v) {
    TqpInt128 lo = k->r.s.min;
    uint16_t reg = tqp_bind_int_reg(b, v, TQP_LANE_U32, (int64_t)lo);
    if (!k->null_safe || v->s.valid == TQP_NO_REG)
        return reg;
    uint16_t null_code = tqp_bind_fill_int(b, TQP_LANE_U32, span_of(k) - 1);
    return tqp_bind_select(b, TQP_LANE_U32, reg, null_code, v->s.valid);
}

/* Rows whose index counts: within the build's range, and not NULL unless that equals NULL. */
static uint16_t code_valid(TqpBinder *b, const TqpBindKey *k, const TqpBound *v) {
    TqpBound inside = tqp_bind_between(b, v, k->r.s.min, k->r.s.max, false);
    uint16_t valid = tqp_bind_true_mask(b, &inside);
    if (!k->null_safe || v->s.valid == TQP_NO_REG)
        return valid;
    return tqp_bind_mask_or(b, valid, tqp_bind_mask_andnot(b, TQP_NO_REG, v->s.valid));
}

/* One index of all keys: k0 + span0 * (k1 + span1 * ...). */
static TqpSlot combined(TqpBinder *b, uint32_t n, const TqpBindKey *keys, bool probe,
                        TqpInt128 total) {
    uint16_t index = TQP_NO_REG, valid = TQP_NO_REG;
    for (uint32_t i = n; i-- > 0;) {
        const TqpBindKey *k = &keys[i];
        const TqpBound *v = probe ? &k->l : &k->r;
        uint16_t code = code_of(b, k, v);
        valid = tqp_bind_mask_and(b, valid, code_valid(b, k, v));
        if (index != TQP_NO_REG) {
            index = tqp_bind_unary(b, TQP_STEP_MUL_RI, TQP_LANE_U32, index, (int64_t)span_of(k),
                                   TQP_LANE_U32);
            code = tqp_bind_binary(b, TQP_STEP_ADD_RR, TQP_LANE_U32, index, code, TQP_LANE_U32);
        }
        index = code;
    }
    return tqp_bind_int_slot(code_type, TQP_LANE_U32, 0, index, valid, 0, total - 1).s;
}

/* ---- hash ---- */

static void common_lane(TqpBinder *b, TqpBindBuild *build, TqpBindKey *k) {
    TqpInt128 min = k->l.s.min < k->r.s.min ? k->l.s.min : k->r.s.min;
    TqpInt128 max = k->l.s.max > k->r.s.max ? k->l.s.max : k->r.s.max;
    TqpLane lane = k->r.s.lane;
    int64_t bias = k->r.s.bias;
    if (tqp_type_class(k->r.s.type.kind) != TQP_CLASS_INT)
        return;
    if (!tqp_bind_lane_covers(lane, bias, min, max))
        lane = tqp_bind_lane(min, max, &bias);
    k->l.s.reg = tqp_bind_int_reg(b, &k->l, lane, bias);
    tqp_bind_swap(b, build->open);
    k->r.s.reg = tqp_bind_int_reg(b, &k->r, lane, bias);
    tqp_bind_swap(b, build->open);
    k->l.s.lane = k->r.s.lane = lane;
    k->l.s.bias = k->r.s.bias = bias;
}

uint32_t tqp_bind_build_column(TqpBinder *b, TqpBindBuild *build, const TqpSlot *slot) {
    for (uint32_t i = 0; i < build->ncolumns; i++) {
        TqpSlot *s = &build->columns[i];
        if (s->reg != slot->reg || s->valid != slot->valid || s->lane != slot->lane ||
            s->bias != slot->bias)
            continue;
        if (slot->dict != NULL) /* a key's codes are strings to those who fetch them */
            *s = *slot;
        return i;
    }
    build->columns = tqp_bind_grow(b, build->columns, build->ncolumns, &build->columns_cap,
                                   sizeof(*build->columns));
    if (b->status != TQP_OK)
        return 0;
    build->columns[build->ncolumns] = *slot;
    return build->ncolumns++;
}

void tqp_bind_keys(TqpBinder *b, TqpBindBuild *build, uint32_t n, TqpBindKey *keys,
                   TqpSlot *slots) {
    TqpMap *map = &build->map;
    uint32_t *columns = tqp_bind_zalloc(b, n * sizeof(*columns));
    bool *null_safe = tqp_bind_zalloc(b, n * sizeof(*null_safe));
    map->columns = columns;
    map->null_safe = null_safe;
    map->kind = n == 0 ? TQP_MAP_ALL : TQP_MAP_HASH;
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
        normalise(b, build, &keys[i]);
    if (b->status != TQP_OK)
        return;
    bool dense = is_dense(build, n, keys), combine = dense && (n > 1 || keys[0].null_safe);
    if (dense) {
        map->kind = TQP_MAP_DENSE;
        map->lo = combine ? 0 : keys[0].r.s.min;
        TqpInt128 total = 1;
        for (uint32_t i = 0; i < n; i++)
            total *= span_of(&keys[i]);
        map->span = (uint64_t)total;
        if (combine) {
            slots[0] = combined(b, n, keys, true, total);
            tqp_bind_swap(b, build->open);
            keys[0].r.s = combined(b, n, keys, false, total);
            tqp_bind_swap(b, build->open);
            keys[0].null_safe = false;
            keys[0].l.s = slots[0];
            n = 1;
        }
    }
    map->nkeys = n;
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        if (!dense)
            common_lane(b, build, &keys[i]);
        slots[i] = keys[i].l.s;
        null_safe[i] = keys[i].null_safe;
        columns[i] = tqp_bind_build_column(b, build, &keys[i].r.s);
    }
}
