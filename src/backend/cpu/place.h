/* Places of values in a join's array or set: the immediates of INDEX, MEMBER and RANK. */
#ifndef TQP_BACKEND_CPU_PLACE_H
#define TQP_BACKEND_CPU_PLACE_H

#include "backend/cpu/kernel.h"

typedef struct IndexImm {
    uint64_t add, limit;
} IndexImm;
typedef struct WideIndexImm {
    TqpUint128 add, limit;
} WideIndexImm;

INLINE IndexImm index_imm(const TqpKernelArgs *args) {
    return (IndexImm){(uint64_t)args->imm[0].i, (uint64_t)args->imm[1].i};
}

INLINE WideIndexImm wide_index_imm(const TqpKernelArgs *args) {
    return (WideIndexImm){(TqpUint128)args->imm[0].w, (TqpUint128)args->imm[1].i};
}

#endif
