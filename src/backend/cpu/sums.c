/*
 * GROUP_SUMS8: the counts and sums of several columns by group in one pass, so that group numbers
 * are read once, and bytes of a column that two sums share are taken apart once.
 */
#include "backend/cpu/onehot.h"

#define TEMPLATE "backend/cpu/sums.inc"
#include "backend/cpu/each_sum64.inc"
#undef TEMPLATE

static void count_rows(const TqpKernelArgs *args, int64_t *acc) {
    const uint8_t *group = args->in[1];
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++)
        for (uint64_t guard = guard_word(args, w); guard != 0; guard &= guard - 1)
            acc[group[64 * w + (uint32_t)__builtin_ctzll(guard)]]++;
}

static void add_rows(const TqpKernelArgs *args, const TqpSum *sum, int64_t *acc) {
    switch (sum->lane) {
    case TQP_LANE_U8:
        add_rows_U8(args, sum, acc);
        break;
    case TQP_LANE_U16:
        add_rows_U16(args, sum, acc);
        break;
    case TQP_LANE_U32:
        add_rows_U32(args, sum, acc);
        break;
    case TQP_LANE_I64:
        add_rows_I64(args, sum, acc);
        break;
    default:
        count_rows(args, acc);
        break;
    }
}

void TQP_KERNEL(GROUP_SUMS8, MASK)(const TqpKernelArgs *args) {
    const TqpSumPass *pass = args->aux;
#if ISA_AVX2
    if (pass->ngroups <= ONEHOT_GROUPS) {
        onehot_sums(args);
        return;
    }
#endif
    for (uint32_t s = 0; s < pass->nsums; s++)
        add_rows(args, &pass->sums[s], (int64_t *)args->out + (size_t)s * pass->ngroups);
}
