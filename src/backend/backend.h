/*
 * A backend executes the steps of tiles: `ref` (naive oracle, one element at a time, no code shared
 * with the kernels) and `cpu` (SIMD, one table per ISA).  The table is filled from
 * program/steps.def, so a kernel that is listed but not written does not link.
 */
#ifndef TQP_BACKEND_BACKEND_H
#define TQP_BACKEND_BACKEND_H

#include "base/cpu.h"
#include "program/step.h"

typedef struct TqpBackend {
    const char *name; /* "ref", "cpu" */
    TqpIsa isa;
    uint32_t tile_rows; /* a multiple of 64, at most TQP_TILE_MAX */
    TqpKernel kernels[TQP_STEP_KERNEL_COUNT][TQP_LANE_COUNT]; /* NULL where not in steps.def */
} TqpBackend;

#define TQP_TILE_MAX 16384

const TqpBackend *tqp_backend_ref(void);
/* NULL when this CPU lacks the ISA. */
const TqpBackend *tqp_backend_cpu(TqpIsa isa);

#endif
