/*
 * CASE, COALESCE, GREATEST and LEAST.  Every branch is computed for all rows, guarded so that only
 * the rows that choose it may raise; then branches are merged from the last to the first.
 */
#include "program/bind.h"

/* A branch: the value where `mask` is set and no earlier branch's is (the last: everywhere else).
 */
typedef struct Branch {
    uint16_t mask;
    TqpBound value;
} Branch;

/* validity of `mask ? valid : rest`; TQP_NO_REG is all ones. */
static uint16_t merge_valid(TqpBinder *b, uint16_t mask, const TqpBound *v, uint16_t rest) {
    if (tqp_bind_is_null(v))
        return tqp_bind_mask_andnot(b, rest, mask);
    uint16_t valid = v->s.valid;
    if (valid == TQP_NO_REG)
        return tqp_bind_mask_or(b, mask, rest);
    if (rest == TQP_NO_REG)
        return tqp_bind_mask_andnot(b, TQP_NO_REG, tqp_bind_mask_andnot(b, mask, valid));
    return tqp_bind_mask_or(b, tqp_bind_mask_and(b, mask, valid),
                            tqp_bind_mask_andnot(b, rest, mask));
}

static uint16_t merged_validity(TqpBinder *b, uint32_t n, const Branch *branches) {
    const TqpBound *last = &branches[n - 1].value;
    uint16_t valid = tqp_bind_is_null(last) ? tqp_bind_mask_fill(b, false) : last->s.valid;
    for (uint32_t i = n - 1; i-- > 0;)
        valid = merge_valid(b, branches[i].mask, &branches[i].value, valid);
    return valid;
}

/* Registers of one lane, TQP_NO_REG for a NULL branch, whose rows may hold anything. */
static uint16_t merged_regs(TqpBinder *b, uint32_t n, const Branch *branches, const uint16_t *regs,
                            TqpLane lane) {
    uint16_t acc = regs[n - 1];
    for (uint32_t i = n - 1; i-- > 0;) {
        if (regs[i] == TQP_NO_REG)
            continue;
        acc =
            acc == TQP_NO_REG ? regs[i] : tqp_bind_select(b, lane, regs[i], acc, branches[i].mask);
    }
    return acc;
}

/* A lane and bias for all branches: those of the registers when they agree, else the narrowest. */
static TqpLane int_lane(uint32_t n, const Branch *branches, TqpBindRange r, int64_t *bias) {
    const TqpSlot *first = NULL;
    bool agree = true;
    for (uint32_t i = 0; i < n; i++) {
        const TqpBound *v = &branches[i].value;
        if (v->is_const)
            continue;
        if (first == NULL)
            first = &v->s;
        agree &= v->s.lane == first->lane && v->s.bias == first->bias;
    }
    if (first != NULL && agree && tqp_bind_lane_covers(first->lane, first->bias, r.min, r.max)) {
        *bias = first->bias;
        return first->lane;
    }
    return tqp_bind_lane(r.min, r.max, bias);
}

static TqpBound merge_ints(TqpBinder *b, uint32_t n, const Branch *branches, uint16_t *regs,
                           TqpType type) {
    TqpBindRange r = {0, 0};
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        const TqpBound *v = &branches[i].value;
        if (tqp_bind_is_null(v))
            continue;
        r.min = !any || v->s.min < r.min ? v->s.min : r.min;
        r.max = !any || v->s.max > r.max ? v->s.max : r.max;
        any = true;
    }
    uint16_t valid = merged_validity(b, n, branches);
    const TqpBound *x = &branches[0].value, *y = &branches[n - 1].value;
    if (n == 2 && x->is_const && y->is_const && !x->c.is_null && !y->c.is_null &&
        r.max - r.min == 1 && tqp_bind_fits_i64(r.min, r.max)) { /* CASE WHEN c THEN 1 ELSE 0 */
        uint16_t mask = branches[0].mask;
        if (x->c.i < y->c.i)
            mask = tqp_bind_mask_andnot(b, TQP_NO_REG, mask);
        uint16_t reg = tqp_bind_unary(b, TQP_STEP_MASK_TO_U8, TQP_LANE_MASK, mask, 0, TQP_LANE_U8);
        int64_t from = r.min == 0 ? 0 : (int64_t)r.min;
        return tqp_bind_int_slot(type, TQP_LANE_U8, from, reg, valid, r.min, r.max);
    }
    int64_t bias;
    TqpLane lane = int_lane(n, branches, r, &bias);
    for (uint32_t i = 0; i < n; i++) {
        const TqpBound *v = &branches[i].value;
        regs[i] = tqp_bind_is_null(v) ? TQP_NO_REG : tqp_bind_int_reg(b, v, lane, bias);
    }
    uint16_t reg = merged_regs(b, n, branches, regs, lane);
    return tqp_bind_int_slot(type, lane, bias, reg, valid, r.min, r.max);
}

static TqpBound merge_bools(TqpBinder *b, uint32_t n, const Branch *branches) {
    uint16_t valid = merged_validity(b, n, branches);
    TqpBound last = tqp_bind_to_reg(b, branches[n - 1].value);
    uint16_t acc = last.s.reg;
    for (uint32_t i = n - 1; i-- > 0;) {
        uint16_t on = tqp_bind_true_mask(b, &branches[i].value), mask = branches[i].mask;
        acc =
            tqp_bind_mask_or(b, tqp_bind_mask_and(b, mask, on), tqp_bind_mask_andnot(b, acc, mask));
    }
    return tqp_bind_slot((TqpType){.kind = TQP_TYPE_BOOL}, TQP_LANE_MASK, acc, valid);
}

/* The dictionary that all branches can use: a shared one, or a new one when all are constants. */
static const TqpDict *shared_dict(TqpBinder *b, uint32_t n, const Branch *branches,
                                  uint32_t *collation) {
    const TqpDict *dict = NULL;
    uint32_t nstrings = 0;
    for (uint32_t i = 0; i < n; i++) {
        const TqpBound *v = &branches[i].value;
        if (v->is_const)
            continue;
        if (!tqp_bind_is_dict(v) || (dict != NULL && dict != v->s.dict))
            return NULL;
        dict = v->s.dict;
        *collation = v->dict_collation;
    }
    TqpView *strings = tqp_bind_zalloc(b, n * sizeof(*strings));
    for (uint32_t i = 0; i < n && strings != NULL; i++) {
        const TqpBound *v = &branches[i].value;
        if (!v->is_const || v->c.is_null)
            continue;
        TqpView s = tqp_bind_text_const(v);
        if (dict != NULL) {
            if (tqp_bind_dict_find(dict, s) < 0)
                return NULL;
            continue;
        }
        uint32_t k = 0;
        while (k < nstrings && tqp_bind_bytes_compare(strings[k], s) != 0)
            k++;
        if (k == nstrings)
            strings[nstrings++] = s;
    }
    return dict != NULL ? dict : tqp_bind_dict_make(b, nstrings, strings);
}

static TqpBound merge_texts(TqpBinder *b, uint32_t n, const Branch *branches, uint16_t *regs,
                            TqpType type) {
    uint32_t collation = type.collation;
    const TqpDict *dict = shared_dict(b, n, branches, &collation);
    uint16_t valid = merged_validity(b, n, branches);
    TqpLane lane = dict != NULL ? tqp_bind_code_lane(dict->count) : TQP_LANE_VIEW;
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        const TqpBound *v = &branches[i].value;
        if (tqp_bind_is_null(v)) {
            regs[i] = TQP_NO_REG;
        } else if (dict == NULL) {
            regs[i] = tqp_bind_view_reg(b, v);
        } else if (v->is_const) {
            int64_t code = tqp_bind_dict_find(dict, tqp_bind_text_const(v));
            regs[i] = tqp_bind_fill_int(b, lane, code);
        } else {
            regs[i] = tqp_bind_int_reg(b, v, lane, 0);
        }
    }
    TqpBound r = tqp_bind_slot(type, lane, merged_regs(b, n, branches, regs, lane), valid);
    r.s.dict = dict;
    r.dict_collation = collation;
    return r;
}

static TqpBound merge_floats(TqpBinder *b, uint32_t n, const Branch *branches, uint16_t *regs,
                             TqpType type) {
    uint16_t valid = merged_validity(b, n, branches);
    TqpLane lane = type.kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64;
    for (uint32_t i = 0; i < n; i++) {
        const TqpBound *v = &branches[i].value;
        regs[i] = tqp_bind_is_null(v) ? TQP_NO_REG : tqp_bind_to_reg(b, *v).s.reg;
    }
    return tqp_bind_slot(type, lane, merged_regs(b, n, branches, regs, lane), valid);
}

static TqpBound merge(TqpBinder *b, uint32_t n, const Branch *branches, TqpType type) {
    bool all_null = true;
    for (uint32_t i = 0; i < n; i++)
        all_null &= tqp_bind_is_null(&branches[i].value);
    if (all_null || b->status != TQP_OK)
        return tqp_bind_null(type);
    if (n == 1)
        return branches[0].value;
    uint16_t *regs = tqp_bind_zalloc(b, n * sizeof(*regs));
    if (regs == NULL)
        return tqp_bind_null(type);
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_INT:
        return merge_ints(b, n, branches, regs, type);
    case TQP_CLASS_BOOL:
        return merge_bools(b, n, branches);
    case TQP_CLASS_FLOAT:
        return merge_floats(b, n, branches, regs, type);
    default:
        return merge_texts(b, n, branches, regs, type);
    }
}

TqpBound tqp_bind_op_case(TqpBinder *b, const TqpExpr *e) {
    Branch *branches = tqp_bind_zalloc(b, (e->nargs / 2 + 1) * sizeof(*branches));
    uint32_t n = 0;
    if (branches == NULL)
        return tqp_bind_null(e->type);
    uint16_t rest = b->guard; /* rows that no condition has claimed yet */
    for (uint32_t i = 0; i + 1 < e->nargs && b->status == TQP_OK; i += 2) {
        TqpBound cond = tqp_bind_expr_guarded(b, e->args[i], rest);
        if (cond.is_const && (cond.c.is_null || !cond.c.b))
            continue;
        if (cond.is_const) { /* true: this is the last branch */
            branches[n++].value = tqp_bind_expr_guarded(b, e->args[i + 1], rest);
            return merge(b, n, branches, e->type);
        }
        uint16_t mask = tqp_bind_true_mask(b, &cond);
        branches[n].mask = mask;
        branches[n++].value =
            tqp_bind_expr_guarded(b, e->args[i + 1], tqp_bind_mask_and(b, rest, mask));
        rest = tqp_bind_mask_andnot(b, rest, mask);
    }
    branches[n++].value = tqp_bind_expr_guarded(b, e->args[e->nargs - 1], rest);
    return merge(b, n, branches, e->type);
}

TqpBound tqp_bind_op_coalesce(TqpBinder *b, const TqpExpr *e) {
    Branch *branches = tqp_bind_zalloc(b, e->nargs * sizeof(*branches));
    uint32_t n = 0;
    if (branches == NULL)
        return tqp_bind_null(e->type);
    uint16_t rest = b->guard;
    for (uint32_t i = 0; i < e->nargs && b->status == TQP_OK; i++) {
        TqpBound v = tqp_bind_expr_guarded(b, e->args[i], rest);
        if (tqp_bind_is_null(&v))
            continue;
        branches[n].value = v;
        branches[n++].mask = v.s.valid;
        if (v.s.valid == TQP_NO_REG)
            break;
        rest = tqp_bind_mask_andnot(b, rest, v.s.valid);
    }
    for (uint32_t i = 0; i + 1 < n; i++)
        branches[i].value.s.valid = TQP_NO_REG; /* under its own mask it is valid */
    return n > 0 ? merge(b, n, branches, e->type) : tqp_bind_null(e->type);
}

/* false < true; NULL gives way. */
static TqpBound extreme_of_bools(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y) {
    TqpBound p = tqp_bind_to_reg(b, *x), q = tqp_bind_to_reg(b, *y);
    uint16_t valid = tqp_bind_mask_or(b, p.s.valid, q.s.valid);
    uint16_t on = tqp_bind_mask_or(b, p.s.reg, q.s.reg);
    if (op == TQP_OP_LEAST) {
        uint16_t off = tqp_bind_mask_or(b, tqp_bind_false_mask(b, &p), tqp_bind_false_mask(b, &q));
        on = tqp_bind_mask_andnot(b, valid, off);
    }
    return tqp_bind_slot(x->s.type, TQP_LANE_MASK, on, valid);
}

/* The lesser or greater of two, of a class that has MIN_RR; NULL gives way. */
static TqpBound extreme_of(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y) {
    TqpType type = x->s.type;
    TqpBound r = tqp_bind_slot(type, TQP_LANE_VIEW, TQP_NO_REG, TQP_NO_REG);
    uint16_t p, q;
    if (type.kind == TQP_TYPE_BOOL)
        return extreme_of_bools(b, op, x, y);
    if (tqp_type_class(type.kind) == TQP_CLASS_INT) {
        Branch pair[2] = {{TQP_NO_REG, *x}, {TQP_NO_REG, *y}};
        r.s.has_range = true;
        r.s.min = x->s.min < y->s.min ? x->s.min : y->s.min;
        r.s.max = x->s.max > y->s.max ? x->s.max : y->s.max;
        r.s.lane = int_lane(2, pair, (TqpBindRange){r.s.min, r.s.max}, &r.s.bias);
        p = tqp_bind_int_reg(b, x, r.s.lane, r.s.bias);
        q = tqp_bind_int_reg(b, y, r.s.lane, r.s.bias);
    } else if (tqp_type_class(type.kind) == TQP_CLASS_FLOAT) {
        r.s.lane = type.kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64;
        p = tqp_bind_to_reg(b, *x).s.reg;
        q = tqp_bind_to_reg(b, *y).s.reg;
    } else if (tqp_type_class(type.kind) == TQP_CLASS_TEXT && type.collation == 0) {
        p = tqp_bind_view_reg(b, x);
        q = tqp_bind_view_reg(b, y);
    } else {
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "greatest or least of this type");
    }
    /* Where one is NULL both sides take the other. */
    uint16_t left = tqp_bind_select(b, r.s.lane, p, q, x->s.valid);
    uint16_t right = tqp_bind_select(b, r.s.lane, q, p, y->s.valid);
    TqpStepOp step = op == TQP_OP_GREATEST ? TQP_STEP_MAX_RR : TQP_STEP_MIN_RR;
    r.s.reg = tqp_bind_binary(b, step, r.s.lane, left, right, r.s.lane);
    r.s.valid = tqp_bind_mask_or(b, x->s.valid, y->s.valid);
    return r;
}

TqpBound tqp_bind_op_extreme(TqpBinder *b, const TqpExpr *e) {
    TqpBound acc = tqp_bind_null(e->type);
    for (uint32_t i = 0; i < e->nargs && b->status == TQP_OK; i++) {
        TqpBound v = tqp_bind_expr(b, e->args[i]);
        if (tqp_bind_is_null(&v))
            continue;
        acc = tqp_bind_is_null(&acc) ? v : extreme_of(b, e->op, &acc, &v);
    }
    return acc;
}
