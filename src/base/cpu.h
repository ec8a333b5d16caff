/* Which instruction set the kernels may use. */
#ifndef TQP_BASE_CPU_H
#define TQP_BASE_CPU_H

#include <stdbool.h>

typedef enum TqpIsa {
    TQP_ISA_SCALAR, /* baseline x86-64 / any other architecture, no intrinsics */
    TQP_ISA_AVX2,   /* AVX2 + BMI1/2 + FMA + POPCNT */
    TQP_ISA_AVX512, /* F, BW, DQ, VL, VBMI, VBMI2, VNNI on top */
    TQP_ISA_COUNT
} TqpIsa;

TqpIsa tqp_cpu_best_isa(void);
const char *tqp_cpu_isa_name(TqpIsa isa); /* "scalar", "avx2", "avx512" */
/* "auto" gives the best one; false when unknown or not available on this CPU. */
bool tqp_cpu_parse_isa(const char *name, TqpIsa *isa);
int tqp_cpu_count(void); /* usable cores, at least 1 */

#endif
