/* Bitmaps: boolean algebra on words. */
#include "backend/cpu/vec.h"

#define LANE MASK

#define OP   MASK_AND
#define EXPR (a[w] & b[w])
#include "backend/cpu/mask.inc"
#undef OP
#undef EXPR
#define OP   MASK_OR
#define EXPR (a[w] | b[w])
#include "backend/cpu/mask.inc"
#undef OP
#undef EXPR
#define OP   MASK_ANDNOT
#define EXPR (a[w] & ~b[w])
#include "backend/cpu/mask.inc"
#undef OP
#undef EXPR
#define OP   MASK_XOR
#define EXPR (a[w] ^ b[w])
#include "backend/cpu/mask.inc"
#undef OP
#undef EXPR
#define OP MASK_NOT
#define ONE_INPUT
#define EXPR (~a[w])
#include "backend/cpu/mask.inc"
#undef OP
#undef EXPR
#undef ONE_INPUT

void TQP_KERNEL(MASK_FILL, MASK)(const TqpKernelArgs *args) {
    memset(args->out, args->imm[0].i != 0 ? 0xff : 0, tqp_bitmap_words(args->n) * sizeof(uint64_t));
    clear_tail(args->out, args->n);
}

/* Four counters: popcnt has a latency of several cycles on some processors. */
void TQP_KERNEL(MASK_COUNT, MASK)(const TqpKernelArgs *args) {
    const InWord *in = args->in[0];
    uint32_t words = tqp_bitmap_words(args->n), w = 0;
    uint64_t sum[4] = {0};
    for (; w + 4 <= words; w += 4)
        for (uint32_t k = 0; k < 4; k++)
            sum[k] += (uint64_t)__builtin_popcountll(in[w + k]);
    for (; w < words; w++)
        sum[0] += (uint64_t)__builtin_popcountll(in[w]);
    *args->count = (uint32_t)(sum[0] + sum[1] + sum[2] + sum[3]);
}
