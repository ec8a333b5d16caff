/* The cpu backend: one kernel table per instruction set, each compiled from cpu/ (isa.mk). */
#include "backend/backend.h"

#include <stddef.h>

extern const TqpBackend tqp_cpu_table_scalar;
#if defined(__x86_64__)
extern const TqpBackend tqp_cpu_table_avx2, tqp_cpu_table_avx512;
#endif

const TqpBackend *tqp_backend_cpu(TqpIsa isa) {
    if (isa > tqp_cpu_best_isa())
        return NULL;
    switch (isa) {
#if defined(__x86_64__)
    case TQP_ISA_AVX512:
        return &tqp_cpu_table_avx512;
    case TQP_ISA_AVX2:
        return &tqp_cpu_table_avx2;
#endif
    case TQP_ISA_SCALAR:
        return &tqp_cpu_table_scalar;
    default:
        return NULL;
    }
}
