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
