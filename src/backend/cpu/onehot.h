/*
 * Grouped sums over at most 16 groups as a matrix product: the rows' one-hot group numbers
 * [groups x rows] times the bytes of their values [rows x bytes].  A byte product with 0 or -1 and
 * its addition is one instruction for 64 rows, whatever the width of the value; the sums of the
 * bytes are then put together modulo 2^64, so negative values need no care.
 */
#ifndef TQP_BACKEND_CPU_ONEHOT_H
#define TQP_BACKEND_CPU_ONEHOT_H

#include "backend/cpu/vec.h"

#define ONEHOT_GROUPS   16
#define ONEHOT_BLOCK    1024 /* rows; its planes stay in the L1 */
#define ONEHOT_NO_GROUP 0xff

#if ISA_AVX2
#if ISA_AVX512
#include "backend/cpu/onehot_avx512.h"
#else
#include "backend/cpu/onehot_avx2.h"
#endif

typedef struct OneHot {
    uint32_t groups;             /* that have rows, as far as is known: numbered anew from 0 */
    uint8_t code[ONEHOT_GROUPS]; /* their numbers as given */
    VecU8 renumber;              /* by given number: the new one, or ONEHOT_NO_GROUP */
    /* Of the rows of one block: group numbers, ONEHOT_NO_GROUP where unguarded; bytes of values. */
    _Alignas(64) uint8_t group[ONEHOT_BLOCK];
    _Alignas(64) uint8_t plane[8][ONEHOT_BLOCK];
    ByteSums sums[ONEHOT_GROUPS][8]; /* 32-bit lanes, negated */
} OneHot;

/*
 * Groups first .. first+G-1 of a block of `rows`, all P planes, G * P accumulators in registers.
 * Groups that do not exist have no rows.
 */
INLINE void onehot_product(OneHot *h, uint32_t rows, uint32_t first, const uint32_t G,
                           const uint32_t P) {
    ByteProducts acc[24];
#pragma GCC unroll 24
    for (uint32_t k = 0; k < G * P; k++)
        acc[k] = products_zero();
    GroupChooser chooser[8];
#pragma GCC unroll 8
    for (uint32_t g = 0; g < G; g++)
        chooser[g] = group_chooser(first + g);
    for (uint32_t i = 0; i < rows; i += LEN_U8) {
        VecU8 group = load_U8(h->group + i);
#pragma GCC unroll 16
        for (uint32_t g = 0; g < G; g++) {
            VecU8 chosen = group_rows(chooser[g], group);
#pragma GCC unroll 8
            for (uint32_t p = 0; p < P; p++)
                acc[g * P + p] = products_add(acc[g * P + p], load_U8(h->plane[p] + i), chosen);
        }
    }
#pragma GCC unroll 16
    for (uint32_t g = 0; g < G; g++)
#pragma GCC unroll 8
        for (uint32_t p = 0; p < P; p++)
            h->sums[first + g][p] = sums_add(h->sums[first + g][p], acc[g * P + p]);
}

/* One function per shape, so that each gets its own registers. */
#define ONEHOT_SHAPE(G, P)                                                                         \
    static __attribute__((noinline, unused)) void onehot_##G##x##P(OneHot *h, uint32_t rows,       \
                                                                   uint32_t first) {               \
        onehot_product(h, rows, first, G, P);                                                      \
    }
ONEHOT_SHAPE(2, 1)
ONEHOT_SHAPE(4, 1)
ONEHOT_SHAPE(8, 1)
ONEHOT_SHAPE(2, 2)
ONEHOT_SHAPE(4, 2)
ONEHOT_SHAPE(6, 2)
ONEHOT_SHAPE(2, 3)
ONEHOT_SHAPE(4, 3)
ONEHOT_SHAPE(6, 3)
ONEHOT_SHAPE(2, 4)
ONEHOT_SHAPE(4, 4)
ONEHOT_SHAPE(6, 4)
ONEHOT_SHAPE(2, 5)
ONEHOT_SHAPE(4, 5)
ONEHOT_SHAPE(2, 6)
ONEHOT_SHAPE(4, 6)
ONEHOT_SHAPE(2, 8)
#undef ONEHOT_SHAPE

typedef void (*OneHotShape)(OneHot *h, uint32_t rows, uint32_t first);
/* By planes: the shapes for 2, 4, 6 and 8 groups at once, as far as registers go. */
static const OneHotShape onehot_shapes[9][4] = {
    [1] = {onehot_2x1, onehot_4x1, onehot_8x1, onehot_8x1},
    [2] = {onehot_2x2, onehot_4x2, onehot_6x2},
    [3] = {onehot_2x3, onehot_4x3, onehot_6x3},
    [4] = {onehot_2x4, onehot_4x4, onehot_6x4},
    [5] = {onehot_2x5, onehot_4x5},
    [6] = {onehot_2x6, onehot_4x6},
    [7] = {onehot_2x8},
    [8] = {onehot_2x8},
};

/* An odd number of groups is computed as one more. */
INLINE void onehot_block(OneHot *h, uint32_t rows, uint32_t groups, uint32_t planes) {
    for (uint32_t first = 0; first < groups;) {
        uint32_t pairs = (groups - first + 1) / 2;
        pairs = pairs > 4 ? 4 : pairs;
        while (onehot_shapes[planes][pairs - 1] == NULL)
            pairs--;
        onehot_shapes[planes][pairs - 1](h, rows, first);
        first += 2 * pairs;
    }
}

/* imm[1]: a bitmap of the groups that have rows, 0 = not known. */
INLINE void onehot_begin(OneHot *h, const TqpKernelArgs *args, uint32_t planes) {
    uint8_t renumber[ONEHOT_GROUPS];
    uint32_t all = (UINT32_C(1) << args->aux_count) - 1;
    uint32_t present = args->imm[1].i != 0 ? (uint32_t)args->imm[1].i & all : all;
    memset(renumber, ONEHOT_NO_GROUP, sizeof(renumber));
    h->groups = 0;
    for (; present != 0; present &= present - 1) {
        uint32_t g = (uint32_t)__builtin_ctz(present);
        renumber[g] = (uint8_t)h->groups;
        h->code[h->groups++] = (uint8_t)g;
    }
    h->renumber = table_of_16(renumber);
    for (uint32_t g = 0; g < h->groups + 1 && g < ONEHOT_GROUPS; g++)
        for (uint32_t p = 0; p < planes; p++)
            h->sums[g][p] = sums_zero();
}

/* The new group numbers of rows begin .. begin+rows-1. */
INLINE void onehot_groups(OneHot *h, const TqpKernelArgs *args, uint32_t begin, uint32_t rows) {
    const uint8_t *group = (const uint8_t *)args->in[1] + begin;
    const VecU8 none = set1_U8(ONEHOT_NO_GROUP);
    for (uint32_t i = 0; i < rows; i += 64) {
        uint64_t guard = guard_word(args, (begin + i) >> 6);
        for (uint32_t k = 0; k < 64 && i + k < rows; k += LEN_U8)
            store_U8(h->group + i + k,
                     blend_U8(guard >> k, look_up_16(h->renumber, load_U8(group + i + k)), none));
    }
}

/* acc[g] += the sums of bytes, each in its place. */
INLINE void onehot_finish(const OneHot *h, int64_t *acc, uint32_t planes) {
    for (uint32_t g = 0; g < h->groups; g++) {
        uint64_t sum = (uint64_t)acc[h->code[g]];
        for (uint32_t p = 0; p < planes; p++)
            sum -= (uint64_t)(int64_t)sums_total(h->sums[g][p]) << (8 * p);
        acc[h->code[g]] = (int64_t)sum;
    }
}

#define TEMPLATE "backend/cpu/onehot.inc"
#include "backend/cpu/each_sum64.inc"
#undef TEMPLATE

static bool onehot_MASK(const TqpKernelArgs *args) {
    OneHot h;
    if (args->aux_count > ONEHOT_GROUPS)
        return false;
    onehot_begin(&h, args, 1);
    memset(h.plane[0], 1, sizeof(h.plane[0]));
    for (uint32_t begin = 0; begin < args->n; begin += ONEHOT_BLOCK) {
        uint32_t rows = args->n - begin < ONEHOT_BLOCK ? args->n - begin : ONEHOT_BLOCK;
        onehot_groups(&h, args, begin, rows);
        onehot_block(&h, rows, h.groups, 1);
    }
    onehot_finish(&h, args->out, 1);
    return true;
}

#endif
#endif
