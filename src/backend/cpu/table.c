/* The kernel table of this instruction set, straight from steps.def. */
#include "backend/backend.h"
#include "backend/cpu/kernel.h"

#define TABLE_NAME CAT(tqp_cpu_table_, TQP_ISA)
extern const TqpBackend TABLE_NAME;

#define ISA_INDEX              CAT(TQP_ISA_ID_, TQP_ISA)
#define KERNEL_ENTRY(op, lane) [TQP_LANE_##lane] = TQP_KERNEL(op, lane),

const TqpBackend TABLE_NAME = {
    .name = "cpu",
    .isa = (TqpIsa)ISA_INDEX,
    .tile_rows = 16384,
    .kernels =
        {
#define TQP_STEP(e, n, lanes, note) [TQP_STEP_##e] = {lanes(KERNEL_ENTRY, e)},
#include "program/steps.def"
#undef TQP_STEP
        },
};

_Static_assert(TQP_ISA_ID_avx2 == TQP_ISA_AVX2 && TQP_ISA_ID_avx512 == TQP_ISA_AVX512,
               "order of TqpIsa");
