/*
 * Grouped aggregation: accumulators indexed by a group number per row.  The group numbers are bytes
 * (suffix 8) or 32-bit words; only guarded rows are looked at.
 */
#include "backend/cpu/vec.h"

#include <math.h>

typedef uint8_t Group8;
typedef InU32 Group32;

#define TEMPLATE     "backend/cpu/group_keep.inc"
#define BEFORE(a, b) ((a) < (b))
#include "backend/cpu/each_int.inc"
#undef BEFORE
#define BEFORE(a, b) ((a) < (b) || ((a) == (a) && (b) != (b)))
#include "backend/cpu/each_float.inc"
#undef BEFORE
#undef TEMPLATE

/* A view without data: no value yet. */
INLINE void keep_least_VIEW(InVIEW *acc, TqpView x) {
    if (acc->data != NULL && view_compare(x, *acc) >= 0)
        return;
    *acc = x.data != NULL ? x : tqp_view("", 0);
}

INLINE void keep_greatest_VIEW(InVIEW *acc, TqpView x) {
    if (acc->data != NULL && view_compare(x, *acc) <= 0)
        return;
    *acc = x.data != NULL ? x : tqp_view("", 0);
}

#define WIDTH 8
#define GROUP Group8
#include "backend/cpu/group_all.inc"
#undef WIDTH
#undef GROUP
#define WIDTH 32
#define GROUP Group32
#include "backend/cpu/group_all.inc"
#undef WIDTH
#undef GROUP

#define SEGMENT_BLOCK 512u
#define TEMPLATE      "backend/cpu/segment_sum.inc"
#include "backend/cpu/each_sum64.inc"
#undef TEMPLATE
