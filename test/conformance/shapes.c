/*
 * What each step takes and gives, and values within its preconditions.  A step of steps.def that
 * has no row in `shapes` fails the test.
 */
#include "conformance/conformance.h"

#include <stdlib.h>
#include <string.h>

#include "program/dates.h"
#include "program/program.h"

/* ---- immediates ---- */

static void prepare_imm(Case *c) {
    c->args.imm[0] = scalar_random(c, c->lane);
}

static bool scalar_less(TqpLane lane, TqpScalar a, TqpScalar b) {
    return lane == TQP_LANE_I128 ? a.w < b.w : a.i < b.i;
}

/* An interval, sometimes empty. */
static void prepare_imm_pair(Case *c) {
    TqpScalar a = scalar_random(c, c->lane), b = scalar_random(c, c->lane);
    bool swap = scalar_less(c->lane, b, a) && random_below(&c->random, 8) != 0;
    c->args.imm[0] = swap ? b : a;
    c->args.imm[1] = swap ? a : b;
}

static void prepare_bool(Case *c) {
    c->args.imm[0].i = random_below(&c->random, 2) * 7;
}

static void prepare_positive(Case *c) {
    static const int64_t divisors[] = {1, 2, 3, 7, 10, 100, 1000000, INT64_MAX};
    TqpScalar s = scalar_random(c, c->lane);
    if (random_below(&c->random, 2))
        s.w = divisors[random_below(&c->random, 8)];
    if (c->lane == TQP_LANE_I128)
        c->args.imm[0].w = s.w > 0 ? s.w : 1;
    else
        c->args.imm[0].i = s.i > 0 ? s.i : 1;
}

/* Of two numerics and of their quotient. */
static void prepare_scales(Case *c) {
    c->args.imm[0].i = random_below(&c->random, 12);
    c->args.imm[1].i = random_below(&c->random, 12);
    c->args.imm[2].i = 16 + random_below(&c->random, 12);
}

static void prepare_base(Case *c) {
    c->args.imm[0].i = random_below(&c->random, 1000000);
}

static void prepare_gather(Case *c) {
    c->source_rows = 1 + random_below(&c->random, 3 * c->n + 10);
}

static void prepare_groups8(Case *c) {
    static const uint32_t counts[] = {1, 2, 3, 4, 6, 7, 8, 9, 12, 15, 16, 17, 40, 255, 256};
    c->args.aux_count = counts[random_below(&c->random, 15)];
}

/* n values of a lane, none above `greatest` unless that is 0, with the bytes that may be read. */
static void *sum_values(Case *c, TqpLane lane, uint64_t greatest) {
    size_t bytes = tqp_lane_bytes(lane);
    char *values = case_own(c, malloc(c->n * bytes + 64));
    for (size_t b = 0; b < c->n * bytes + 64; b++)
        values[b] = (char)random_u64(&c->random);
    for (uint32_t i = 0; i < c->n; i++) {
        uint64_t x = 0;
        value_random(c, lane, values + i * bytes);
        memcpy(&x, values + i * bytes, bytes);
        x = greatest != 0 ? x % (greatest + 1) : lane == TQP_LANE_I64 ? x >> 20 : x;
        memcpy(values + i * bytes, &x, bytes);
    }
    return values;
}

/* Some sums, some of the same values, some with a factor within 0 .. 127. */
static void prepare_sums(Case *c) {
    static const uint32_t groups[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 255};
    static const TqpLane lanes[] = {TQP_LANE_MASK, TQP_LANE_U8, TQP_LANE_U16, TQP_LANE_U32,
                                    TQP_LANE_I64};
    uint32_t n = 1 + random_below(&c->random, 5);
    TqpSum *sums = case_own(c, calloc(n, sizeof(TqpSum)));
    TqpSumPass *pass = case_own(c, calloc(1, sizeof(TqpSumPass)));
    TqpAhead *ahead = case_own(c, calloc(1, sizeof(TqpAhead)));
    *ahead = (TqpAhead){(const char *)sums, random_below(&c->random, 2 * c->n + 1), 4};
    *pass = (TqpSumPass){groups[random_below(&c->random, 14)], n, 1, sums, ahead};
    c->args.aux = pass;
    c->args.aux_count = 1;
    for (uint32_t k = 0; k < n; k++) {
        TqpSum *sum = &sums[k];
        sum->lane = lanes[random_below(&c->random, 5)];
        if (k > 0 && random_below(&c->random, 2)) {
            *sum = sums[k - 1];
            sum->times = 0;
        } else if (sum->lane != TQP_LANE_MASK) {
            uint32_t bits = 8 * tqp_lane_bytes(sum->lane) - 1;
            if (random_below(&c->random, 2))
                sum->greatest = UINT64_C(1) << random_below(&c->random, bits);
            sum->values = sum_values(c, sum->lane, sum->greatest);
        }
        if (sum->lane == TQP_LANE_MASK || random_below(&c->random, 2))
            continue;
        uint32_t most = random_below(&c->random, 128);
        sum->factor = sum_values(c, TQP_LANE_U8, most > 0 ? most : 127);
        sum->times = random_below(&c->random, 2) ? 1 : -1;
        most = most > 0 ? most : 127;
        sum->add = sum->times > 0 ? 127 - (int32_t)most : 127;
    }
}

static void prepare_groups32(Case *c) {
    static const uint32_t counts[] = {1, 2, 6, 16, 17, 100, 257, 1000, 70000};
    c->args.aux_count = counts[random_below(&c->random, 9)];
}

/* Short segments, long ones, or one. */
static void prepare_segments(Case *c) {
    static const uint32_t longest[] = {1, 2, 7, 100, 3000, UINT32_MAX};
    uint32_t most = longest[random_below(&c->random, 6)], count = 0;
    uint32_t *ends = case_own(c, malloc((c->n + 1) * sizeof(uint32_t)));
    for (uint32_t at = 0; at < c->n; count++) {
        uint32_t left = c->n - at, bound = most < left ? most : left;
        at += most == UINT32_MAX ? left : 1 + random_below(&c->random, bound);
        ends[count] = at;
    }
    c->args.aux = ends;
    c->args.aux_count = count;
}

/* ---- text ---- */

static void prepare_like(Case *c) {
    static const char *const patterns[] = {"",
                                           "%",
                                           "%%",
                                           "_",
                                           "a",
                                           "ab%",
                                           "%ab",
                                           "%a%b%",
                                           "a_b",
                                           "%_",
                                           "_%",
                                           "__",
                                           "%_a_%",
                                           "\\\\%",
                                           "%\\%%",
                                           "%\\_%",
                                           "the%then %a%",
                                           "%b_b%a",
                                           "a%a%a%a",
                                           "%\\a%",
                                           "the same first bytes, then ",
                                           "the%en _%",
                                           "%   ",
                                           "a  %",
                                           "%\\_a%_%b",
                                           "%b%",
                                           "%aa%aab%",
                                           "t%\\ %"};
    static const char *const utf8[] = {"%Ã¤%",    "_â¬%", "%ð_",
                                       "%Ã¤_%a%", "%_Ã¥",     "__Ã¤%"};
    bool is_utf8 = random_below(&c->random, 2);
    c->text_utf8 = is_utf8;
    uint32_t count = sizeof(patterns) / sizeof(patterns[0]),
             k = random_below(&c->random, count + 6);
    const char *p = k < count ? patterns[k] : utf8[k - count];
    const TqpLikePattern *compiled = NULL;
    TqpError err;
    if (tqp_like_compile(&c->arena, tqp_view(p, (uint32_t)strlen(p)), is_utf8, &compiled, &err) !=
        TQP_OK)
        abort();
    c->args.aux = compiled;
    c->args.imm[0].i = random_below(&c->random, 3) == 0 ? random_below(&c->random, 60) : 0;
}

static void prepare_length(Case *c) {
    c->text_utf8 = random_below(&c->random, 2);
    c->args.imm[0].i = c->text_utf8;
}

static void prepare_substr(Case *c) {
    static const int64_t starts[] = {-5, 0, 1, 2, 3, 10, 30, 1000, INT32_MAX, INT32_MIN};
    static const int64_t lengths[] = {-1, 0, 1, 2, 5, 7, 40, INT32_MAX};
    c->text_utf8 = random_below(&c->random, 2);
    c->args.imm[0].i = starts[random_below(&c->random, 10)];
    c->args.imm[1].i = lengths[random_below(&c->random, 8)];
    c->args.imm[2].i = c->text_utf8;
}

/* ---- dates ---- */

static void prepare_extract(Case *c) {
    c->args.imm[0].i = random_below(&c->random, TQP_FIELD_COUNT);
    c->args.imm[1].i = random_below(&c->random, 2);
}

static void prepare_trunc(Case *c) {
    do
        c->args.imm[0].i = random_below(&c->random, TQP_FIELD_COUNT);
    while (!tqp_date_truncates((TqpDateField)c->args.imm[0].i));
}

static void prepare_months(Case *c) {
    static const int64_t months[] = {0, 1, -1, 12, -12, 13, -25, 1200, -120000, 3000000, INT32_MIN};
    c->args.imm[0].i = months[random_below(&c->random, 11)];
}

/* Usual dates, the whole range of the type, its ends, and beyond. */
static void restrict_dates(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    (void)lane;
    bool days = c->op == TQP_STEP_EXTRACT && c->args.imm[1].i == 0;
    for (uint32_t i = 0; i < c->n && c->style != STYLE_EXTREMES; i++) {
        int64_t day = (int64_t)(random_u64(&c->random) % 40000) - 20000;
        if (c->style == STYLE_FULL) {
            int64_t span = days ? TQP_DATE_MAX - TQP_DATE_MIN : INT64_C(106751982 + 2451545);
            day = TQP_DATE_MIN + (int64_t)(random_u64(&c->random) % (uint64_t)span);
        } else if (c->style == STYLE_FEW) {
            day = TQP_DATE_MIN + (int64_t)(random_u64(&c->random) % 800);
        }
        int64_t us = (int64_t)(random_u64(&c->random) % (uint64_t)TQP_US_PER_DAY);
        int64_t value = days ? day : day * TQP_US_PER_DAY + us;
        memcpy((int64_t *)values + i, &value, sizeof(value));
    }
}

/* ---- integers within the preconditions ---- */

static void restrict_32_bits(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    (void)lane;
    for (uint32_t i = 0; i < c->n; i++)
        ((int64_t *)values)[i] &= UINT32_MAX;
}

static void restrict_31_bits(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    (void)lane;
    for (uint32_t i = 0; i < c->n; i++)
        ((uint32_t *)values)[i] &= INT32_MAX;
}

/* A factor imm[0] +- y that is within U32 for every byte, and below 2^31 for the wide product. */
static void prepare_small(Case *c) {
    static const int64_t adds[] = {255, 256, 1000, 300};
    bool wide = c->op == TQP_STEP_MUL_WIDE_SMALL && random_below(&c->random, 2);
    c->args.imm[1].i = random_below(&c->random, 2) ? 1 : -1;
    c->args.imm[0].i = wide ? INT32_MAX - 255 : adds[random_below(&c->random, 4)];
    if (c->args.imm[1].i > 0 && random_below(&c->random, 2))
        c->args.imm[0].i = random_below(&c->random, 2);
}

/* The product is proved to fit: x below 2^32 / the greatest factor. */
static void restrict_small(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    (void)lane;
    for (uint32_t i = 0; i < c->n; i++)
        ((uint32_t *)values)[i] %= UINT32_MAX / 1255;
}

static void restrict_not_least(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    for (uint32_t i = 0; i < c->n; i++) {
        if (lane == TQP_LANE_I64)
            ((int64_t *)values)[i] += ((int64_t *)values)[i] == INT64_MIN;
        else
            ((TqpInt128 *)values)[i] += ((TqpInt128 *)values)[i] == TQP_INT128_MIN;
    }
}

/* In half of the cases only unguarded rows can leave the lane. */
static void restrict_guarded_small(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    if (random_below(&c->random, 2))
        return;
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->args.guard != NULL && !tqp_bitmap_get(c->args.guard, i))
            continue;
        if (lane == TQP_LANE_I64)
            ((int64_t *)values)[i] >>= 33;
        else
            ((TqpInt128 *)values)[i] >>= 65;
    }
}

static void restrict_divisor(Case *c, int k, TqpLane lane, void *values) {
    if (k != 1 || random_below(&c->random, 2))
        return;
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->args.guard != NULL && !tqp_bitmap_get(c->args.guard, i))
            continue;
        if (lane == TQP_LANE_I64)
            ((int64_t *)values)[i] |= 2; /* neither 0, but maybe -1 */
        else
            ((TqpInt128 *)values)[i] |= 2;
    }
}

/* The group's sum must fit int64. */
static void restrict_sum64(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    for (uint32_t i = 0; i < c->n && lane == TQP_LANE_I64; i++)
        ((int64_t *)values)[i] >>= c->style == STYLE_EXTREMES ? 15 : 15 + i % 2 * 20;
}

static void prepare_shift(Case *c) {
    static const int64_t shifts[] = {0, 1, -1, 100, -200, 70000, -5000000000};
    c->args.imm[0].i = shifts[random_below(&c->random, 7)];
}

static bool lane_range(TqpLane lane, TqpInt128 *lo, TqpInt128 *hi) {
    uint32_t bits = 8 * tqp_lane_bytes(lane);
    if (lane == TQP_LANE_F32 || lane == TQP_LANE_F64)
        return false;
    *lo = bits < 64 ? 0 : bits == 64 ? INT64_MIN : TQP_INT128_MIN;
    *hi = bits < 64 ? ((TqpInt128)1 << bits) - 1 : bits == 64 ? INT64_MAX : TQP_INT128_MAX;
    return true;
}

static TqpInt128 saturating_sub(TqpInt128 a, TqpInt128 b) {
    TqpInt128 r;
    if (__builtin_sub_overflow(a, b, &r))
        return b > 0 ? TQP_INT128_MIN : TQP_INT128_MAX;
    return r;
}

/* Sources whose sum with imm[0] fits the target; when there are none, imm[0] becomes 0. */
static void restrict_to_target(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    TqpInt128 lo, hi, least, most, shift = c->args.imm[0].i;
    TqpLane target = (TqpLane)shape_of(c->op)->out;
    if (!lane_range(lane, &lo, &hi))
        return;
    if (!lane_range(target, &least, &most))
        lane_range(lane == TQP_LANE_I128 ? TQP_LANE_I128 : TQP_LANE_I64, &least, &most);
    least = saturating_sub(least, shift);
    most = saturating_sub(most, shift);
    if (least > hi || most < lo) { /* no value can be converted so */
        c->args.imm[0].i = 0;
        least += shift;
        most += shift;
    }
    lo = lo > least ? lo : least;
    hi = hi < most ? hi : most;
    for (uint32_t i = 0; i < c->n; i++) {
        TqpInt128 x;
        TqpScalar s = scalar_random(c, lane);
        x = lane == TQP_LANE_I128 ? s.w : s.i;
        x = x < lo ? lo : x > hi ? hi : x;
        memcpy((char *)values + value_bytes(lane, i), &x, tqp_lane_bytes(lane));
    }
}

/* in, out, rows, variants, prepare, restrict_input */
static const Shape shapes[TQP_STEP_KERNEL_COUNT] = {
    [TQP_STEP_EQ_RI] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_imm, NULL},
    [TQP_STEP_NE_RI] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_imm, NULL},
    [TQP_STEP_LT_RI] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_imm, NULL},
    [TQP_STEP_LE_RI] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_imm, NULL},
    [TQP_STEP_GT_RI] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_imm, NULL},
    [TQP_STEP_GE_RI] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_imm, NULL},
    [TQP_STEP_BETWEEN_RI] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_imm_pair, NULL},
    [TQP_STEP_EQ_RR] = {{IN_SAME, IN_SAME, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_NE_RR] = {{IN_SAME, IN_SAME, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_LT_RR] = {{IN_SAME, IN_SAME, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_LE_RR] = {{IN_SAME, IN_SAME, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MASK_AND] =
        {{TQP_LANE_MASK, TQP_LANE_MASK, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MASK_OR] =
        {{TQP_LANE_MASK, TQP_LANE_MASK, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MASK_ANDNOT] =
        {{TQP_LANE_MASK, TQP_LANE_MASK, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MASK_XOR] =
        {{TQP_LANE_MASK, TQP_LANE_MASK, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MASK_NOT] =
        {{TQP_LANE_MASK, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MASK_FILL] =
        {{IN_NONE, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 2, prepare_bool, NULL},
    [TQP_STEP_LUT_MASK] =
        {{IN_CODE, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_table, NULL},
    [TQP_STEP_LUT_U8] =
        {{IN_CODE, IN_NONE, IN_NONE}, TQP_LANE_U8, ROWS_ALL, 3, prepare_table, NULL},
    [TQP_STEP_LUT_U16] =
        {{IN_CODE, IN_NONE, IN_NONE}, TQP_LANE_U16, ROWS_ALL, 3, prepare_table, NULL},
    [TQP_STEP_LUT_U32] =
        {{IN_CODE, IN_NONE, IN_NONE}, TQP_LANE_U32, ROWS_ALL, 3, prepare_table, NULL},
    [TQP_STEP_LUT_I64] =
        {{IN_CODE, IN_NONE, IN_NONE}, TQP_LANE_I64, ROWS_ALL, 3, prepare_table, NULL},
    [TQP_STEP_LUT_F64] =
        {{IN_CODE, IN_NONE, IN_NONE}, TQP_LANE_F64, ROWS_ALL, 3, prepare_table, NULL},
    [TQP_STEP_LUT_VIEW] =
        {{IN_CODE, IN_NONE, IN_NONE}, TQP_LANE_VIEW, ROWS_ALL, 3, prepare_table, NULL},
    [TQP_STEP_IN_SET] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_set, restrict_to_set},
    [TQP_STEP_IN_SET_VIEW] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 3, prepare_set, restrict_to_set},
    [TQP_STEP_LIKE] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 24, prepare_like, NULL},
    [TQP_STEP_ADD_RR] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_SUB_RR] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MUL_RR] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_ADD_RI] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, prepare_imm, NULL},
    [TQP_STEP_RSUB_RI] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, prepare_imm, NULL},
    [TQP_STEP_MUL_RI] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, prepare_imm, NULL},
    [TQP_STEP_MUL32_RR] =
        {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, restrict_32_bits},
    [TQP_STEP_MUL_WIDE_RR] =
        {{IN_SAME, IN_SAME, IN_NONE}, TQP_LANE_I64, ROWS_ALL, 1, NULL, restrict_31_bits},
    [TQP_STEP_MUL_SMALL] =
        {{IN_SAME, TQP_LANE_U8, IN_NONE}, OUT_SAME, ROWS_ALL, 6, prepare_small, restrict_small},
    [TQP_STEP_MUL_WIDE_SMALL] =
        {{IN_SAME, TQP_LANE_U8, IN_NONE}, TQP_LANE_I64, ROWS_ALL, 6, prepare_small, NULL},
    [TQP_STEP_ABS] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, restrict_not_least},
    [TQP_STEP_ADD_CHECK] =
        {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, restrict_guarded_small},
    [TQP_STEP_SUB_CHECK] =
        {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, restrict_guarded_small},
    [TQP_STEP_MUL_CHECK] =
        {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, restrict_guarded_small},
    [TQP_STEP_DIV_CHECK] =
        {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, restrict_divisor},
    [TQP_STEP_MOD_CHECK] =
        {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, restrict_divisor},
    [TQP_STEP_NUM_DIV] =
        {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, prepare_scales, restrict_divisor},
    [TQP_STEP_NUM_DIV_SCALE] =
        {{IN_SAME, IN_SAME, IN_NONE}, TQP_LANE_I64, ROWS_ALL, 2, prepare_scales, NULL},
    [TQP_STEP_DIV_ROUND_RI] =
        {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 4, prepare_positive, NULL},
    [TQP_STEP_RANGE_CHECK] =
        {{IN_SAME, IN_NONE, IN_NONE}, OUT_NONE, ROWS_ALL, 3, prepare_imm_pair, NULL},
    [TQP_STEP_FADD] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, NULL},
    [TQP_STEP_FSUB] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, NULL},
    [TQP_STEP_FMUL] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, NULL},
    [TQP_STEP_FDIV] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, NULL},
    [TQP_STEP_FNEG] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_FABS] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_FSQRT] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_GUARDED, 2, NULL, NULL},
    [TQP_STEP_TO_U8] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_U8, ROWS_ALL, 2, prepare_shift, restrict_to_target},
    [TQP_STEP_TO_U16] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_U16, ROWS_ALL, 2, prepare_shift, restrict_to_target},
    [TQP_STEP_TO_U32] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_U32, ROWS_ALL, 2, prepare_shift, restrict_to_target},
    [TQP_STEP_INDEX] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_U32, ROWS_ALL, 6, prepare_index, NULL},
    [TQP_STEP_MEMBER] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 6, prepare_member, restrict_near},
    [TQP_STEP_RANK] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_U32, ROWS_ALL, 6, prepare_rank, restrict_near},
    [TQP_STEP_TO_I64] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_I64, ROWS_ALL, 2, prepare_shift, restrict_to_target},
    [TQP_STEP_TO_I128] = {{IN_SAME, IN_NONE, IN_NONE},
                          TQP_LANE_I128,
                          ROWS_ALL,
                          2,
                          prepare_shift,
                          restrict_to_target},
    [TQP_STEP_TO_F64] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_F64, ROWS_ALL, 2, prepare_shift, restrict_to_target},
    [TQP_STEP_F64_TO_F32] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_F32, ROWS_GUARDED, 2, NULL, NULL},
    [TQP_STEP_F64_TO_I64] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_I64, ROWS_GUARDED, 2, NULL, NULL},
    [TQP_STEP_FDIV_RI] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, prepare_imm, NULL},
    [TQP_STEP_MASK_TO_U8] =
        {{TQP_LANE_MASK, IN_NONE, IN_NONE}, TQP_LANE_U8, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_U8_TO_MASK] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_SELECT] = {{IN_SAME, IN_SAME, TQP_LANE_MASK}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_FILL] = {{IN_NONE, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 1, prepare_imm, NULL},
    [TQP_STEP_MIN_RR] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_MAX_RR] = {{IN_SAME, IN_SAME, IN_NONE}, OUT_SAME, ROWS_ALL, 1, NULL, NULL},
    [TQP_STEP_EXTRACT] =
        {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_GUARDED, 34, prepare_extract, restrict_dates},
    [TQP_STEP_DATE_TRUNC] =
        {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_GUARDED, 17, prepare_trunc, restrict_dates},
    [TQP_STEP_ADD_MONTHS] =
        {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_GUARDED, 4, prepare_months, restrict_dates},
    [TQP_STEP_LENGTH] =
        {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_U32, ROWS_ALL, 2, prepare_length, NULL},
    [TQP_STEP_SUBSTR] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ALL, 12, prepare_substr, NULL},
    [TQP_STEP_COMPRESS] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_COUNTED, 1, NULL, NULL},
    [TQP_STEP_COMPRESS_MASK] =
        {{TQP_LANE_MASK, IN_NONE, IN_NONE}, TQP_LANE_MASK, ROWS_COUNTED, 1, NULL, NULL},
    [TQP_STEP_GATHER] =
        {{IN_SAME, IN_POSITION, IN_NONE}, OUT_SAME, ROWS_ALL, 1, prepare_gather, NULL},
    [TQP_STEP_MASK_COUNT] =
        {{TQP_LANE_MASK, IN_NONE, IN_NONE}, OUT_NONE, ROWS_COUNTED, 1, NULL, NULL},
    [TQP_STEP_MASK_TO_INDEX] =
        {{TQP_LANE_MASK, IN_NONE, IN_NONE}, TQP_LANE_U32, ROWS_COUNTED, 1, prepare_base, NULL},
    [TQP_STEP_SUM] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_ACC, ROWS_ONE, 2, NULL, NULL},
    [TQP_STEP_MOMENTS] = {{IN_SAME, IN_NONE, IN_NONE}, TQP_LANE_F64, ROWS_MOMENTS, 4, NULL, NULL},
    [TQP_STEP_PAIR_MOMENTS] =
        {{IN_SAME, IN_NONE, IN_SAME}, TQP_LANE_F64, ROWS_PAIRS, 4, NULL, NULL},
    [TQP_STEP_MIN] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ONE, 2, NULL, NULL},
    [TQP_STEP_MAX] = {{IN_SAME, IN_NONE, IN_NONE}, OUT_SAME, ROWS_ONE, 2, NULL, NULL},
    [TQP_STEP_GROUP_COUNT8] =
        {{IN_NONE, IN_GROUP8, IN_NONE}, TQP_LANE_I64, ROWS_GROUPS, 5, prepare_groups8, NULL},
    [TQP_STEP_GROUP_SUM8] = {{IN_SAME, IN_GROUP8, IN_NONE},
                             TQP_LANE_I64,
                             ROWS_GROUPS,
                             4,
                             prepare_groups8,
                             restrict_sum64},
    [TQP_STEP_GROUP_SUMS8] =
        {{IN_NONE, IN_GROUP8, IN_NONE}, TQP_LANE_I64, ROWS_SUMS, 24, prepare_sums, NULL},
    [TQP_STEP_GROUP_WSUM8] =
        {{IN_SAME, IN_GROUP8, IN_NONE}, TQP_LANE_I128, ROWS_GROUPS, 4, prepare_groups8, NULL},
    [TQP_STEP_GROUP_FSUM8] =
        {{IN_SAME, IN_GROUP8, IN_NONE}, TQP_LANE_F64, ROWS_GROUPS, 4, prepare_groups8, NULL},
    [TQP_STEP_GROUP_MOMENTS8] =
        {{IN_SAME, IN_GROUP8, IN_NONE}, TQP_LANE_F64, ROWS_MOMENTS, 4, prepare_groups8, NULL},
    [TQP_STEP_GROUP_PAIR_MOMENTS8] =
        {{IN_SAME, IN_GROUP8, IN_SAME}, TQP_LANE_F64, ROWS_PAIRS, 4, prepare_groups8, NULL},
    [TQP_STEP_GROUP_MIN8] =
        {{IN_SAME, IN_GROUP8, IN_NONE}, OUT_SAME, ROWS_GROUPS, 3, prepare_groups8, NULL},
    [TQP_STEP_GROUP_MAX8] =
        {{IN_SAME, IN_GROUP8, IN_NONE}, OUT_SAME, ROWS_GROUPS, 3, prepare_groups8, NULL},
    [TQP_STEP_GROUP_COUNT32] =
        {{IN_NONE, IN_GROUP32, IN_NONE}, TQP_LANE_I64, ROWS_GROUPS, 5, prepare_groups32, NULL},
    [TQP_STEP_GROUP_SUM32] = {{IN_SAME, IN_GROUP32, IN_NONE},
                              TQP_LANE_I64,
                              ROWS_GROUPS,
                              5,
                              prepare_groups32,
                              restrict_sum64},
    [TQP_STEP_GROUP_WSUM32] =
        {{IN_SAME, IN_GROUP32, IN_NONE}, TQP_LANE_I128, ROWS_GROUPS, 4, prepare_groups32, NULL},
    [TQP_STEP_GROUP_FSUM32] =
        {{IN_SAME, IN_GROUP32, IN_NONE}, TQP_LANE_F64, ROWS_GROUPS, 4, prepare_groups32, NULL},
    [TQP_STEP_GROUP_MOMENTS32] =
        {{IN_SAME, IN_GROUP32, IN_NONE}, TQP_LANE_F64, ROWS_MOMENTS, 4, prepare_groups32, NULL},
    [TQP_STEP_GROUP_PAIR_MOMENTS32] =
        {{IN_SAME, IN_GROUP32, IN_SAME}, TQP_LANE_F64, ROWS_PAIRS, 4, prepare_groups32, NULL},
    [TQP_STEP_GROUP_MIN32] =
        {{IN_SAME, IN_GROUP32, IN_NONE}, OUT_SAME, ROWS_GROUPS, 3, prepare_groups32, NULL},
    [TQP_STEP_GROUP_MAX32] =
        {{IN_SAME, IN_GROUP32, IN_NONE}, OUT_SAME, ROWS_GROUPS, 3, prepare_groups32, NULL},
    [TQP_STEP_SEGMENT_SUM] = {{IN_SAME, IN_NONE, IN_NONE},
                              TQP_LANE_I64,
                              ROWS_GROUPS,
                              6,
                              prepare_segments,
                              restrict_sum64},
};

const Shape *shape_of(TqpStepOp op) {
    return shapes[op].variants != 0 ? &shapes[op] : NULL;
}
