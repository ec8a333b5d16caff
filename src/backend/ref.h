/*
 * The ref backend: what every kernel means, written for reading.  One element at a time, values of
 * any lane in one cell, own calendar and own LIKE; it shares nothing with the cpu kernels.
 */
#ifndef TQP_BACKEND_REF_H
#define TQP_BACKEND_REF_H

#include "program/step.h"

typedef struct RefCell {
    TqpInt128 i; /* MASK (0, 1), U8 .. I128 */
    double f;    /* F32, F64 */
    TqpView s;   /* VIEW */
} RefCell;

RefCell tqp_ref_get(TqpLane lane, const void *tile, uint32_t i);
void tqp_ref_put(TqpLane lane, void *tile, uint32_t i, RefCell cell); /* integers wrap */
RefCell tqp_ref_imm(TqpLane lane, const TqpScalar *imm);
/* Negative, 0, positive.  NaN is the greatest float and equals itself; views compare by bytes. */
int tqp_ref_compare(TqpLane lane, RefCell a, RefCell b);
bool tqp_ref_guarded(const TqpKernelArgs *args, uint32_t i);
void tqp_ref_clear_mask(void *mask, uint32_t n); /* all words of an n-bit mask */

static inline RefCell tqp_ref_int(TqpInt128 i) {
    return (RefCell){.i = i};
}

static inline RefCell tqp_ref_float(double f) {
    return (RefCell){.f = f};
}

/* tqp_ref_EQ_RI(lane, args) and so on: one function per step. */
#define TQP_STEP(e, n, lanes, note) void tqp_ref_##e(TqpLane lane, const TqpKernelArgs *args);
#include "program/steps.def"
#undef TQP_STEP

#endif
