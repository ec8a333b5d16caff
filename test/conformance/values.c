/* Random values of every lane, with the ones that break kernels. */
#include "conformance/conformance.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t random_u64(Random *r) { /* splitmix64 */
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t random_below(Random *r, uint32_t bound) {
    return (uint32_t)(random_u64(r) % bound);
}

size_t value_bytes(TqpLane lane, uint32_t n) {
    if (lane == TQP_LANE_MASK)
        return tqp_bitmap_words(n) * sizeof(uint64_t);
    return (size_t)n * tqp_lane_bytes(lane);
}

void *case_own(Case *c, void *memory) {
    if (memory == NULL || c->nowned == sizeof(c->owned) / sizeof(c->owned[0]))
        abort();
    return c->owned[c->nowned++] = memory;
}

/* ---- views: each string in its own allocation, so that a sanitizer sees any overrun ---- */

enum { VIEWS = 400 };
static TqpView binary_views[VIEWS], utf8_views[VIEWS];

static uint32_t make_utf8(Random *r, char *s, uint32_t chars) {
    static const char *const pieces[] = {
        "a", "b", "aa", "ab", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        " ", "%", "_",  "\\", "\xc3\xa5"};
    uint32_t len = 0;
    for (uint32_t i = 0; i < chars; i++) {
        const char *p = pieces[random_below(r, sizeof(pieces) / sizeof(pieces[0]))];
        memcpy(s + len, p, strlen(p));
        len += (uint32_t)strlen(p);
    }
    return len;
}

static uint32_t make_binary(Random *r, char *s, uint32_t len) {
    static const char few[] = {'a', 'b', '\0', (char)0xff, (char)0x80, ' '};
    bool any = random_below(r, 2);
    for (uint32_t i = 0; i < len; i++)
        s[i] = any ? (char)random_u64(r) : few[random_below(r, sizeof(few))];
    return len;
}

static TqpView keep(const char *s, uint32_t len) {
    char *copy = malloc(len != 0 ? len : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, s, len);
    return tqp_view(copy, len);
}

void views_init(void) {
    Random r = {42};
    char s[512] = "the same first bytes, then ";
    uint32_t prefix = (uint32_t)strlen(s);
    for (uint32_t k = 0; k < VIEWS; k++) {
        uint32_t len = random_below(&r, k % 4 == 0 ? 4 : k % 4 == 1 ? 9 : 60);
        uint32_t skip = k % 5 == 0 ? 0 : prefix;
        uint32_t text = make_utf8(&r, s + prefix, len) + prefix - skip;
        utf8_views[k] = keep(s + skip, k == 0 ? 0 : text);
        uint32_t bytes = make_binary(&r, s + prefix, len) + prefix - skip;
        binary_views[k] = keep(s + skip, k == 1 ? 0 : bytes);
    }
}

void views_free(void) {
    for (uint32_t k = 0; k < VIEWS; k++) {
        free((char *)utf8_views[k].data);
        free((char *)binary_views[k].data);
    }
}

static TqpView random_view(Case *c) {
    if (c->style == STYLE_EXTREMES && random_below(&c->random, 8) == 0)
        return (TqpView){NULL, 0, 0}; /* a null slot */
    uint32_t k = random_below(&c->random, c->style == STYLE_FEW ? 3 : VIEWS);
    return c->text_utf8 ? utf8_views[k] : binary_views[k];
}

/* ---- numbers ---- */

static double random_float(Case *c, bool single) {
    static const double extremes[] = {NAN,           -NAN,
                                      INFINITY,      -INFINITY,
                                      0.0,           -0.0,
                                      DBL_MAX,       -DBL_MAX,
                                      DBL_MIN,       DBL_TRUE_MIN,
                                      -DBL_TRUE_MIN, FLT_MAX,
                                      FLT_MIN,       FLT_TRUE_MIN,
                                      1.0,           -1.0,
                                      1e300,         -1e300,
                                      1e-300,        0x1p63,
                                      -0x1p63,       0x1.fffffffffffffp62,
                                      0.5,           1.5,
                                      -2.5,          1e38,
                                      1e-38};
    uint64_t bits = random_u64(&c->random);
    if (c->style == STYLE_EXTREMES)
        return extremes[bits % (sizeof(extremes) / sizeof(extremes[0]))];
    if (c->style == STYLE_GREATEST)
        return single ? FLT_MAX : DBL_MAX;
    if (c->style == STYLE_FEW)
        return (double)(bits % 3) - 1.0;
    if (c->style == STYLE_SMALL)
        return (double)(int64_t)(bits % 2000001) / 64.0 - 15000.0;
    if (single) {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, sizeof(f));
        return f;
    }
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

static TqpInt128 random_int(Case *c, uint32_t bytes, bool is_signed) {
    TqpUint128 bits = (TqpUint128)random_u64(&c->random) << 64 | random_u64(&c->random);
    TqpUint128 sign = (TqpUint128)1 << (8 * bytes - 1);
    if (c->style == STYLE_FULL)
        return (TqpInt128)(bits >> random_below(&c->random, 8 * bytes));
    if (c->style == STYLE_GREATEST)
        return (TqpInt128)(is_signed ? sign - 1 : 2 * sign - 1);
    if (c->style == STYLE_FEW)
        return (TqpInt128)(bits % 3) + (is_signed ? -1 : 0);
    if (c->style == STYLE_SMALL)
        return (TqpInt128)(bits % 100) - (is_signed ? 50 : 0);
    const TqpUint128 extremes[] = {
        0, 1, 2, sign - 1, sign, sign + 1, 2 * sign - 1, 2 * sign - 2, sign >> 1, 3 * (sign >> 1)};
    return (TqpInt128)extremes[(uint32_t)bits % (sizeof(extremes) / sizeof(extremes[0]))];
}

void value_random(Case *c, TqpLane lane, void *value) {
    if (lane == TQP_LANE_VIEW) {
        TqpView v = random_view(c);
        memcpy(value, &v, sizeof(v));
    } else if (lane == TQP_LANE_F32) {
        float f = (float)random_float(c, true);
        memcpy(value, &f, sizeof(f));
    } else if (lane == TQP_LANE_F64) {
        double d = random_float(c, false);
        memcpy(value, &d, sizeof(d));
    } else { /* little or big endian: the low bytes of the number */
        uint32_t bytes = tqp_lane_bytes(lane);
        TqpUint128 v = (TqpUint128)random_int(c, bytes, bytes >= 8);
        uint8_t v8 = (uint8_t)v;
        uint16_t v16 = (uint16_t)v;
        uint32_t v32 = (uint32_t)v;
        uint64_t v64 = (uint64_t)v;
        const void *from = bytes == 1   ? (void *)&v8
                           : bytes == 2 ? (void *)&v16
                           : bytes == 4 ? (void *)&v32
                           : bytes == 8 ? (void *)&v64
                                        : (void *)&v;
        memcpy(value, from, bytes);
    }
}

/* A value as an immediate of the lane. */
TqpScalar scalar_random(Case *c, TqpLane lane) {
    TqpScalar s = {.w = 0};
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        int64_t i64;
        TqpInt128 i128;
        float f32;
        double f64;
        TqpView view;
    } v;
    value_random(c, lane, &v);
    switch (lane) {
    case TQP_LANE_U8:
        s.i = v.u8;
        break;
    case TQP_LANE_U16:
        s.i = v.u16;
        break;
    case TQP_LANE_U32:
        s.i = v.u32;
        break;
    case TQP_LANE_I64:
        s.i = v.i64;
        break;
    case TQP_LANE_I128:
        s.w = v.i128;
        break;
    case TQP_LANE_F32:
        s.f = (double)v.f32;
        break;
    case TQP_LANE_F64:
        s.f = v.f64;
        break;
    case TQP_LANE_VIEW:
        s.s = v.view;
        break;
    default:
        s.i = (int64_t)(random_u64(&c->random) & 1);
    }
    return s;
}
