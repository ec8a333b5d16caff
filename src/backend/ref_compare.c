/* ref: comparisons, masks, lookups, choices. */
#include "backend/ref.h"

/* Which outcomes of a comparison count as true. */
enum { LESS = 1, EQUAL = 2, GREATER = 4 };

static bool holds(TqpLane lane, RefCell a, RefCell b, int accepted) {
    int order = tqp_ref_compare(lane, a, b);
    int outcome = order < 0 ? LESS : order == 0 ? EQUAL : GREATER;
    return (outcome & accepted) != 0;
}

static void put_bit(const TqpKernelArgs *args, uint32_t i, bool value) {
    tqp_ref_put(TQP_LANE_MASK, args->out, i, tqp_ref_int(value));
}

static void compare_imm(TqpLane lane, const TqpKernelArgs *args, int accepted) {
    RefCell imm = tqp_ref_imm(lane, &args->imm[0]);
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++)
        put_bit(args, i, holds(lane, tqp_ref_get(lane, args->in[0], i), imm, accepted));
}

static void compare_registers(TqpLane lane, const TqpKernelArgs *args, int accepted) {
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++)
        put_bit(args, i,
                holds(lane, tqp_ref_get(lane, args->in[0], i), tqp_ref_get(lane, args->in[1], i),
                      accepted));
}

void tqp_ref_EQ_RI(TqpLane lane, const TqpKernelArgs *args) {
    compare_imm(lane, args, EQUAL);
}

void tqp_ref_NE_RI(TqpLane lane, const TqpKernelArgs *args) {
    compare_imm(lane, args, LESS | GREATER);
}

void tqp_ref_LT_RI(TqpLane lane, const TqpKernelArgs *args) {
    compare_imm(lane, args, LESS);
}

void tqp_ref_LE_RI(TqpLane lane, const TqpKernelArgs *args) {
    compare_imm(lane, args, LESS | EQUAL);
}

void tqp_ref_GT_RI(TqpLane lane, const TqpKernelArgs *args) {
    compare_imm(lane, args, GREATER);
}

void tqp_ref_GE_RI(TqpLane lane, const TqpKernelArgs *args) {
    compare_imm(lane, args, GREATER | EQUAL);
}

void tqp_ref_EQ_RR(TqpLane lane, const TqpKernelArgs *args) {
    compare_registers(lane, args, EQUAL);
}

void tqp_ref_NE_RR(TqpLane lane, const TqpKernelArgs *args) {
    compare_registers(lane, args, LESS | GREATER);
}

void tqp_ref_LT_RR(TqpLane lane, const TqpKernelArgs *args) {
    compare_registers(lane, args, LESS);
}

void tqp_ref_LE_RR(TqpLane lane, const TqpKernelArgs *args) {
    compare_registers(lane, args, LESS | EQUAL);
}

void tqp_ref_BETWEEN_RI(TqpLane lane, const TqpKernelArgs *args) {
    RefCell lo = tqp_ref_imm(lane, &args->imm[0]), hi = tqp_ref_imm(lane, &args->imm[1]);
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++) {
        RefCell x = tqp_ref_get(lane, args->in[0], i);
        put_bit(args, i, tqp_ref_compare(lane, lo, x) <= 0 && tqp_ref_compare(lane, x, hi) <= 0);
    }
}

/* truth: bit 2a + b of it is the result for bits a and b. */
static void mask_function(const TqpKernelArgs *args, int truth) {
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++) {
        int a = tqp_ref_get(TQP_LANE_MASK, args->in[0], i).i != 0;
        int b = args->in[1] != NULL && tqp_ref_get(TQP_LANE_MASK, args->in[1], i).i != 0;
        put_bit(args, i, truth >> (2 * a + b) & 1);
    }
}

void tqp_ref_MASK_AND(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    mask_function(args, 0x8);
}

void tqp_ref_MASK_OR(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    mask_function(args, 0xe);
}

void tqp_ref_MASK_ANDNOT(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    mask_function(args, 0x4);
}

void tqp_ref_MASK_NOT(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    mask_function(args, 0x3);
}

void tqp_ref_MASK_XOR(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    mask_function(args, 0x6);
}

void tqp_ref_MASK_FILL(TqpLane lane, const TqpKernelArgs *args) {
    (void)lane;
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++)
        put_bit(args, i, args->imm[0].i != 0);
}

void tqp_ref_U8_TO_MASK(TqpLane lane, const TqpKernelArgs *args) {
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++)
        put_bit(args, i, tqp_ref_get(lane, args->in[0], i).i != 0);
}

void tqp_ref_MASK_TO_U8(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++)
        tqp_ref_put(TQP_LANE_U8, args->out, i, tqp_ref_get(lane, args->in[0], i));
}

static void look_up(TqpLane lane, const TqpKernelArgs *args, TqpLane table_lane) {
    for (uint32_t i = 0; i < args->n; i++) {
        uint32_t code = (uint32_t)tqp_ref_get(lane, args->in[0], i).i;
        tqp_ref_put(table_lane, args->out, i, tqp_ref_get(table_lane, args->aux, code));
    }
}

void tqp_ref_LUT_MASK(TqpLane lane, const TqpKernelArgs *args) {
    tqp_ref_clear_mask(args->out, args->n);
    look_up(lane, args, TQP_LANE_MASK);
}

void tqp_ref_LUT_U8(TqpLane lane, const TqpKernelArgs *args) {
    look_up(lane, args, TQP_LANE_U8);
}

void tqp_ref_LUT_U16(TqpLane lane, const TqpKernelArgs *args) {
    look_up(lane, args, TQP_LANE_U16);
}

void tqp_ref_LUT_U32(TqpLane lane, const TqpKernelArgs *args) {
    look_up(lane, args, TQP_LANE_U32);
}

void tqp_ref_LUT_I64(TqpLane lane, const TqpKernelArgs *args) {
    look_up(lane, args, TQP_LANE_I64);
}

void tqp_ref_LUT_F64(TqpLane lane, const TqpKernelArgs *args) {
    look_up(lane, args, TQP_LANE_F64);
}

void tqp_ref_LUT_VIEW(TqpLane lane, const TqpKernelArgs *args) {
    look_up(lane, args, TQP_LANE_VIEW);
}

void tqp_ref_IN_SET(TqpLane lane, const TqpKernelArgs *args) {
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++) {
        RefCell x = tqp_ref_get(lane, args->in[0], i);
        bool found = false;
        for (uint32_t k = 0; k < args->aux_count; k++)
            found |= tqp_ref_compare(lane, x, tqp_ref_get(lane, args->aux, k)) == 0;
        put_bit(args, i, found);
    }
}

void tqp_ref_IN_SET_VIEW(TqpLane lane, const TqpKernelArgs *args) {
    tqp_ref_IN_SET(lane, args);
}

void tqp_ref_SELECT(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        bool first = tqp_ref_get(TQP_LANE_MASK, args->in[2], i).i != 0;
        tqp_ref_put(lane, args->out, i, tqp_ref_get(lane, args->in[first ? 0 : 1], i));
    }
}

void tqp_ref_FILL(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++)
        tqp_ref_put(lane, args->out, i, tqp_ref_imm(lane, &args->imm[0]));
}

/* Ties give x. */
static void pick(TqpLane lane, const TqpKernelArgs *args, int y_wins) {
    for (uint32_t i = 0; i < args->n; i++) {
        RefCell x = tqp_ref_get(lane, args->in[0], i), y = tqp_ref_get(lane, args->in[1], i);
        tqp_ref_put(lane, args->out, i, holds(lane, y, x, y_wins) ? y : x);
    }
}

void tqp_ref_MIN_RR(TqpLane lane, const TqpKernelArgs *args) {
    pick(lane, args, LESS);
}

void tqp_ref_MAX_RR(TqpLane lane, const TqpKernelArgs *args) {
    pick(lane, args, GREATER);
}
