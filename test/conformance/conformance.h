/*
 * Conformance of kernels: every (step, lane) of steps.def on every instruction set against ref.
 * shapes.c says for each step what its inputs are; values.c makes them; conformance.c compares.
 */
#ifndef TQP_TEST_CONFORMANCE_H
#define TQP_TEST_CONFORMANCE_H

#include "backend/backend.h"
#include "base/arena.h"
#include "base/bitmap.h"

typedef struct Random {
    uint64_t state;
} Random;

uint64_t random_u64(Random *r);
uint32_t random_below(Random *r, uint32_t bound); /* bound > 0 */

/* How the values of one case are spread. */
typedef enum Style {
    STYLE_SMALL,    /* few bits: nothing overflows */
    STYLE_FULL,     /* any bits */
    STYLE_EXTREMES, /* least, greatest, around 0; NaN, infinities, denormals */
    STYLE_FEW,      /* three distinct values */
    STYLE_GREATEST, /* nothing but the greatest value: narrow running sums overflow */
    STYLE_COUNT
} Style;

/* What an input is: a lane (TQP_LANE_*), or one of these. */
enum { IN_NONE = 100, IN_SAME, IN_CODE, IN_POSITION, IN_GROUP8, IN_GROUP32 };
/* What comes out: a lane, or one of these. */
enum { OUT_NONE = 100, OUT_SAME, OUT_ACC /* SUM: I128 or F64 */ };
/* How many values come out. */
typedef enum OutRows {
    ROWS_ALL,
    ROWS_GUARDED,
    ROWS_COUNTED,
    ROWS_ONE,
    ROWS_GROUPS,
    ROWS_SUMS,
    ROWS_MOMENTS, /* three values, of each group where there are groups */
    ROWS_PAIRS    /* six values likewise */
} OutRows;

typedef struct Case Case;
struct Case {
    Random random;
    TqpStepOp op;
    TqpLane lane;
    Style style;
    uint32_t n;
    uint32_t source_rows; /* GATHER: rows of in[0] */
    TqpKernelArgs args;   /* without out, flags, count */
    void *owned[24];      /* freed after the case */
    uint32_t nowned;
    bool text_utf8; /* views of this case hold valid UTF-8 only */
    TqpArena arena;
};

typedef struct Shape {
    uint8_t in[3];
    uint8_t out;
    OutRows rows;
    uint32_t variants;        /* calls of prepare worth making per size and style */
    void (*prepare)(Case *c); /* before the inputs: immediates, aux.  NULL = nothing to do */
    void (*restrict_input)(Case *c, int k, TqpLane lane,
                           void *values); /* meets the preconditions */
} Shape;

/* NULL when no shape has been written for the step: the test fails. */
const Shape *shape_of(TqpStepOp op);

void *case_own(Case *c, void *memory); /* free with the case */
/* One value of a lane as the style has it. */
void value_random(Case *c, TqpLane lane, void *value);
TqpScalar scalar_random(Case *c, TqpLane lane);
void views_init(void);
void views_free(void);
size_t value_bytes(TqpLane lane, uint32_t n); /* MASK: words */

/* shapes_set.c */
void prepare_index(Case *c);
void prepare_table(Case *c);
void prepare_set(Case *c);
void restrict_to_set(Case *c, int k, TqpLane lane, void *values);
void restrict_near(Case *c, int k, TqpLane lane, void *values);
void prepare_member(Case *c);
void prepare_rank(Case *c);

int bench_main(const char *only);

#endif
