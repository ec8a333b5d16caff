/*
 * Text.  A predicate or function of a dictionary column is evaluated once per code and becomes a
 * lookup tensor; plain strings (views) meet kernels.  Equality is bytewise.
 */
#include "base/bitmap.h"
#include "program/bind.h"

TqpView tqp_bind_text_const(const TqpBound *v) {
    TqpView s = v->c.s;
    if (v->s.type.kind == TQP_TYPE_BPCHAR) {
        while (s.len > 0 && s.data[s.len - 1] == ' ')
            s.len--;
    }
    return tqp_view(s.data, s.len);
}

uint16_t tqp_bind_view_reg(TqpBinder *b, const TqpBound *v) {
    if (!tqp_bind_is_dict(v))
        return tqp_bind_to_reg(b, *v).s.reg;
    const TqpDict *d = v->s.dict;
    TqpView *views = tqp_bind_zalloc(b, d->count * sizeof(*views));
    for (uint32_t i = 0; i < d->count && views != NULL; i++)
        views[i] = tqp_dict_view(d, i);
    return tqp_bind_lut(b, TQP_STEP_LUT_VIEW, v->s.lane, v->s.reg, views, d->count, TQP_LANE_VIEW);
}

static uint16_t code_step(TqpBinder *b, TqpStepOp op, const TqpBound *v, uint32_t lo, uint32_t hi) {
    TqpStep step = tqp_bind_step(op, v->s.lane);
    step.in[0] = v->s.reg;
    step.imm[0].i = lo;
    step.imm[1].i = op == TQP_STEP_BETWEEN_RI ? hi : 0;
    return tqp_bind_emit(b, &step, TQP_LANE_MASK);
}

TqpBound tqp_bind_code_set(TqpBinder *b, const TqpBound *v, const uint64_t *set, uint32_t count) {
    uint32_t ones = 0, first = 0, last = 0, hole = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!tqp_bitmap_get(set, i)) {
            hole = i;
            continue;
        }
        if (ones++ == 0)
            first = i;
        last = i;
    }
    uint16_t mask;
    if (ones == 0 || ones == count)
        return tqp_bind_bool_where(b, ones > 0, v->s.valid);
    if (ones == 1)
        mask = code_step(b, TQP_STEP_EQ_RI, v, first, first);
    else if (ones == count - 1)
        mask = code_step(b, TQP_STEP_NE_RI, v, hole, hole);
    else if (last - first + 1 == ones && first == 0)
        mask = code_step(b, TQP_STEP_LE_RI, v, last, last);
    else if (last - first + 1 == ones && last == count - 1)
        mask = code_step(b, TQP_STEP_GE_RI, v, first, first);
    else if (last - first + 1 == ones)
        mask = code_step(b, TQP_STEP_BETWEEN_RI, v, first, last);
    else
        mask = tqp_bind_lut(b, TQP_STEP_LUT_MASK, v->s.lane, v->s.reg, set, count, TQP_LANE_MASK);
    return tqp_bind_bool(b, mask, v->s.valid);
}

static uint64_t *new_set(TqpBinder *b, const TqpDict *d) {
    return tqp_bind_zalloc(b, (tqp_bitmap_words(d->count) + 1) * sizeof(uint64_t));
}

static bool holds(TqpOp op, int order) {
    switch (op) {
    case TQP_OP_EQ:
        return order == 0;
    case TQP_OP_NE:
        return order != 0;
    case TQP_OP_LT:
        return order < 0;
    case TQP_OP_LE:
        return order <= 0;
    case TQP_OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static TqpOp mirrored(TqpOp op) {
    return op == TQP_OP_LT   ? TQP_OP_GT
           : op == TQP_OP_LE ? TQP_OP_GE
           : op == TQP_OP_GT ? TQP_OP_LT
           : op == TQP_OP_GE ? TQP_OP_LE
                             : op;
}

/* How many strings of a ranked dictionary come before s; *equal: one of them equals it. */
static uint32_t rank_of(TqpBinder *b, const TqpBound *v, TqpView s, bool *equal) {
    const TqpDict *d = v->s.dict;
    uint32_t lo = 0, hi = d->count;
    int64_t code = tqp_bind_dict_find(d, s);
    *equal = code >= 0;
    if (*equal)
        return d->rank != NULL ? d->rank[code] : (uint32_t)code;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2, at = d->by_rank != NULL ? d->by_rank[mid] : mid;
        if (tqp_bind_text_order(b, v->s.type.collation, tqp_dict_view(d, at), s) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static TqpBound dict_const_compare(TqpBinder *b, TqpOp op, TqpBound v, TqpView s) {
    uint64_t *set = new_set(b, v.s.dict);
    if (set == NULL)
        return tqp_bind_const_bool(false);
    if (op == TQP_OP_EQ || op == TQP_OP_NE) {
        int64_t code = tqp_bind_dict_find(v.s.dict, s);
        for (uint32_t i = 0; i < v.s.dict->count; i++) {
            if ((i == code) == (op == TQP_OP_EQ))
                tqp_bitmap_set(set, i);
        }
        return tqp_bind_code_set(b, &v, set, v.s.dict->count);
    }
    if (!tqp_bind_dict_ranked(b, &v) ||
        (!tqp_bind_can_order(b, v.s.type.collation) && tqp_bind_dict_find(v.s.dict, s) < 0))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "order of text under its collation");
    bool equal;
    const TqpDict *d = v.s.dict;
    uint32_t at = rank_of(b, &v, s, &equal);
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t rank = d->rank != NULL ? d->rank[i] : i;
        int order = rank < at ? -1 : rank == at && equal ? 0 : 1;
        if (holds(op, order))
            tqp_bitmap_set(set, i);
    }
    return tqp_bind_code_set(b, &v, set, d->count);
}

/* Two columns that share a dictionary: by code, or by rank. */
static bool same_dict_compare(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y, TqpBound *out) {
    uint16_t valid = tqp_bind_mask_and(b, x.s.valid, y.s.valid);
    TqpLane lane = x.s.lane > y.s.lane ? x.s.lane : y.s.lane;
    uint16_t p, q;
    if (!tqp_bind_is_dict(&x) || !tqp_bind_is_dict(&y) || x.s.dict != y.s.dict)
        return false;
    x.s.reg = tqp_bind_int_reg(b, &x, lane, 0);
    y.s.reg = tqp_bind_int_reg(b, &y, lane, 0);
    x.s.lane = y.s.lane = lane;
    if (op == TQP_OP_EQ || op == TQP_OP_NE) {
        p = x.s.reg;
        q = y.s.reg;
    } else {
        if (!tqp_bind_dict_ranked(b, &x))
            return false;
        y.s.dict = x.s.dict;
        p = tqp_bind_rank_reg(b, &x, &lane);
        q = tqp_bind_rank_reg(b, &y, &lane);
    }
    *out = tqp_bind_bool(b, tqp_bind_compare_regs(b, op, lane, p, q), valid);
    return true;
}

static TqpBound view_compare(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y) {
    static const TqpStepOp with_const[] = {
        [TQP_OP_EQ] = TQP_STEP_EQ_RI, [TQP_OP_NE] = TQP_STEP_NE_RI, [TQP_OP_LT] = TQP_STEP_LT_RI,
        [TQP_OP_LE] = TQP_STEP_LE_RI, [TQP_OP_GT] = TQP_STEP_GT_RI, [TQP_OP_GE] = TQP_STEP_GE_RI};
    uint16_t valid = tqp_bind_mask_and(b, x->s.valid, y->s.valid);
    if (y->is_const) {
        TqpStep step = tqp_bind_step(with_const[op], TQP_LANE_VIEW);
        step.in[0] = tqp_bind_view_reg(b, x);
        step.imm[0].s = tqp_bind_text_const(y);
        return tqp_bind_bool(b, tqp_bind_emit(b, &step, TQP_LANE_MASK), valid);
    }
    uint16_t p = tqp_bind_view_reg(b, x), q = tqp_bind_view_reg(b, y);
    return tqp_bind_bool(b, tqp_bind_compare_regs(b, op, TQP_LANE_VIEW, p, q), valid);
}

TqpBound tqp_bind_text_compare(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y) {
    TqpBound out;
    uint32_t collation = x->s.type.collation;
    bool equality = op == TQP_OP_EQ || op == TQP_OP_NE;
    if (x->is_const && y->is_const) {
        if (!equality && !tqp_bind_can_order(b, collation))
            return tqp_bind_fail(b, TQP_UNSUPPORTED, "order of text under its collation");
        TqpView p = tqp_bind_text_const(x), q = tqp_bind_text_const(y);
        return tqp_bind_const_bool(holds(op, equality ? tqp_bind_bytes_compare(p, q)
                                                      : tqp_bind_text_order(b, collation, p, q)));
    }
    if (x->is_const)
        return tqp_bind_text_compare(b, mirrored(op), y, x);
    if (y->is_const && tqp_bind_is_dict(x))
        return dict_const_compare(b, op, *x, tqp_bind_text_const(y));
    if (same_dict_compare(b, op, *x, *y, &out))
        return out;
    if (!equality && collation != 0)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "order of text under its collation");
    return view_compare(b, op, x, y);
}

TqpBound tqp_bind_op_like(TqpBinder *b, const TqpExpr *e) {
    TqpValue pattern, width = {.i = 0};
    const TqpLikePattern *like = NULL;
    const TqpExpr *subject = e->args[0];
    if (subject->op == TQP_OP_PAD) {
        if (!tqp_bind_value_of(b, subject->args[1], &width))
            return tqp_bind_fail(b, TQP_UNSUPPORTED, "width of bpchar");
        subject = subject->args[0];
    }
    TqpBound x = tqp_bind_expr(b, subject);
    if (!tqp_bind_value_of(b, e->args[1], &pattern) || pattern.is_null || tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    TqpStatus status = tqp_like_compile(b->a, pattern.s, b->options.utf8, &like, NULL);
    if (status != TQP_OK)
        return tqp_bind_fail(b, status == TQP_INVALID ? TQP_UNSUPPORTED : status,
                             "pattern of LIKE");
    uint32_t pad = (uint32_t)width.i;
    if (x.is_const) {
        TqpView s = tqp_bind_text_const(&x);
        return tqp_bind_const_bool(tqp_like_match(like, s.data, s.len, pad));
    }
    if (!tqp_bind_is_dict(&x)) {
        TqpStep step = tqp_bind_step(TQP_STEP_LIKE, TQP_LANE_VIEW);
        step.in[0] = tqp_bind_view_reg(b, &x);
        step.imm[0].i = pad;
        step.aux = like;
        step.aux_count = 1;
        return tqp_bind_bool(b, tqp_bind_emit(b, &step, TQP_LANE_MASK), x.s.valid);
    }
    uint64_t *set = new_set(b, x.s.dict);
    for (uint32_t i = 0; i < x.s.dict->count && set != NULL; i++) {
        TqpView s = tqp_dict_view(x.s.dict, i);
        if (tqp_bind_stopped(b, s.len))
            return tqp_bind_null(e->type);
        if (tqp_like_match(like, s.data, s.len, pad))
            tqp_bitmap_set(set, i);
    }
    return tqp_bind_code_set(b, &x, set, set != NULL ? x.s.dict->count : 0);
}
