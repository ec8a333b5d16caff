/* Functions of strings: LENGTH and SUBSTR, in characters. */
#include "program/bind.h"

static bool starts_char(const TqpBinder *b, char c) {
    return !b->options.utf8 || ((unsigned char)c & 0xc0) != 0x80;
}

static int64_t char_count(const TqpBinder *b, TqpView s) {
    int64_t n = 0;
    for (uint32_t i = 0; i < s.len; i++)
        n += starts_char(b, s.data[i]);
    return n;
}

/* Byte position of the character number n (from 0), or the end. */
static uint32_t char_offset(const TqpBinder *b, TqpView s, int64_t n) {
    for (uint32_t i = 0; i < s.len; i++) {
        if (starts_char(b, s.data[i]) && n-- == 0)
            return i;
    }
    return s.len;
}

/* PostgreSQL's text_substring: the window [start, start + len) meets [1, ...); len -1: no end. */
static TqpView substring(const TqpBinder *b, TqpView s, int64_t start, int64_t len) {
    int64_t first = start > 1 ? start : 1, end = start + len;
    if (len >= 0 && end <= first)
        return tqp_view(s.data, 0);
    uint32_t from = char_offset(b, s, first - 1);
    uint32_t to = len < 0 ? s.len : char_offset(b, s, end - 1);
    return tqp_view(s.data + from, to - from);
}

TqpBound tqp_bind_op_length(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    if (tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    if (x.is_const)
        return tqp_bind_const_int(e->type, char_count(b, tqp_bind_text_const(&x)));
    if (!tqp_bind_is_dict(&x)) {
        TqpStep step = tqp_bind_step(TQP_STEP_LENGTH, TQP_LANE_VIEW);
        step.in[0] = x.s.reg;
        step.imm[0].i = b->options.utf8;
        return tqp_bind_int_slot(e->type, TQP_LANE_U32, 0, tqp_bind_emit(b, &step, TQP_LANE_U32),
                                 x.s.valid, 0, INT32_MAX);
    }
    uint32_t n = x.s.dict->count;
    int64_t *lengths = tqp_bind_zalloc(b, n * sizeof(*lengths));
    if (lengths == NULL)
        return tqp_bind_null(e->type);
    for (uint32_t i = 0; i < n; i++) {
        TqpView s = tqp_dict_view(x.s.dict, i);
        if (tqp_bind_stopped(b, s.len))
            return tqp_bind_null(e->type);
        lengths[i] = char_count(b, s);
    }
    TqpLane lane;
    int64_t bias;
    TqpBindRange r;
    uint16_t reg = tqp_bind_lut_ints(b, x.s.lane, x.s.reg, 0, n, lengths, n, &lane, &bias, &r);
    return tqp_bind_int_slot(e->type, lane, bias, reg, x.s.valid, r.min, r.max);
}

TqpBound tqp_bind_op_substr(TqpBinder *b, const TqpExpr *e) {
    TqpValue start, len;
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    if (tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    if (!tqp_bind_value_of(b, e->args[1], &start) || !tqp_bind_value_of(b, e->args[2], &len))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "window of substr");
    if (start.is_null || len.is_null)
        return tqp_bind_null(e->type);
    if (len.i < -1)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "negative length of substr");
    if (x.is_const) {
        TqpValue c = {.s = substring(b, tqp_bind_text_const(&x), (int64_t)start.i, (int64_t)len.i)};
        return tqp_bind_const(e->type, &c);
    }
    if (!tqp_bind_is_dict(&x)) {
        TqpStep step = tqp_bind_step(TQP_STEP_SUBSTR, TQP_LANE_VIEW);
        step.in[0] = x.s.reg;
        step.imm[0].i = (int64_t)start.i;
        step.imm[1].i = (int64_t)len.i;
        step.imm[2].i = b->options.utf8;
        return tqp_bind_slot(e->type, TQP_LANE_VIEW, tqp_bind_emit(b, &step, TQP_LANE_VIEW),
                             x.s.valid);
    }
    uint32_t n = x.s.dict->count;
    TqpView *parts = tqp_bind_zalloc(b, n * sizeof(*parts));
    if (parts == NULL)
        return tqp_bind_null(e->type);
    for (uint32_t i = 0; i < n; i++) {
        TqpView s = tqp_dict_view(x.s.dict, i);
        if (tqp_bind_stopped(b, s.len))
            return tqp_bind_null(e->type);
        parts[i] = substring(b, s, (int64_t)start.i, (int64_t)len.i);
    }
    return tqp_bind_dict_map(b, &x, e->type, parts);
}
