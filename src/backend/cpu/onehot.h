/*
 * Grouped sums over at most 16 groups as a matrix product: the rows' one-hot group numbers
 * [groups x rows] times the bytes of their values [rows x bytes].  A byte product with 0 or -1 and
 * its addition is one instruction for 64 rows, whatever the width of the value; the sums of the
 * bytes are then put together modulo 2^64, so negative values need no care.  A factor of at most
 * 127 takes the place of the -1, where products have room for it (AVX-512).
 */
#ifndef TQP_BACKEND_CPU_ONEHOT_H
#define TQP_BACKEND_CPU_ONEHOT_H

#include "backend/cpu/vec.h"

#define ONEHOT_GROUPS   16
#define ONEHOT_BLOCK    1024 /* rows; its planes stay in the L1 */
#define ONEHOT_PLANES   16   /* of one batch */
#define ONEHOT_SPILL    3    /* planes that taking apart may write past those asked for */
#define ONEHOT_NO_GROUP 0xff

#if ISA_AVX2
#if ISA_AVX512
#define ONEHOT_FACTORS 1
#include "backend/cpu/onehot_avx512.h"
#else
#define ONEHOT_FACTORS 0
#include "backend/cpu/onehot_avx2.h"
#endif

/* Values of one lane, taken apart into planes of bytes: plane first + p is byte p. */
typedef struct OneHotSource {
    TqpLane lane; /* MASK: the number 1 */
    const void *values;
    const TqpSum *product; /* values times its factor, where there are no factors; else NULL */
    uint32_t first, planes;
} OneHotSource;

/* Products of planes first_plane .. + planes-1, added to sums first_sum .. + planes-1. */
typedef struct OneHotRun {
    uint32_t first_plane, planes, first_sum;
    const TqpSum *factor; /* NULL: 1 */
} OneHotRun;

typedef struct OneHot {
    uint32_t groups;             /* that have rows: numbered anew from 0 */
    uint8_t code[ONEHOT_GROUPS]; /* their numbers as given */
    VecU8 renumber;              /* by given number: the new one, or ONEHOT_NO_GROUP */
    uint32_t nsources, nplanes, nruns;
    OneHotSource sources[ONEHOT_PLANES];
    OneHotRun runs[ONEHOT_PLANES + 1];
    const TqpAhead *ahead; /* this block's part of them is still to be fetched */
    uint32_t nahead, begin;
    /* Of the rows of one block: group numbers, ONEHOT_NO_GROUP where unguarded; factors; bytes. */
    _Alignas(64) uint8_t group[ONEHOT_BLOCK];
    _Alignas(64) uint8_t factor[ONEHOT_BLOCK];
    _Alignas(64) uint8_t plane[ONEHOT_PLANES + ONEHOT_SPILL][ONEHOT_BLOCK];
    ByteSums sums[ONEHOT_GROUPS][ONEHOT_PLANES]; /* 32-bit lanes, negated without a factor */
} OneHot;

/* Columns fetched beside one product: what a tile of seven columns and four groups needs. */
#define ONEHOT_AHEAD 3

/*
 * Rows from `row` on of the block's part of a column, into the L2: while products are computed the
 * memory is idle.
 */
INLINE void onehot_fetch(const TqpAhead *ahead, uint32_t row) {
    if (row < ahead->rows)
        for (uint32_t b = 0; b < ahead->width * LEN_U8; b += 64)
            __builtin_prefetch(ahead->at + (size_t)row * ahead->width + b, 0, 2);
}

/*
 * Groups first .. first+G-1 of a block of `rows`, P planes of a run from its plane `at` on, G * P
 * accumulators in registers.  Groups that do not exist have no rows.
 */
INLINE void onehot_product(OneHot *h, const OneHotRun *run, uint32_t at, uint32_t rows,
                           uint32_t first, const uint32_t G, const uint32_t P,
                           const bool factored) {
    const uint8_t(*plane)[ONEHOT_BLOCK] = h->plane + run->first_plane + at;
    ByteProducts acc[24];
#pragma GCC unroll 24
    for (uint32_t k = 0; k < G * P; k++)
        acc[k] = products_zero();
    GroupChooser chooser[4];
#pragma GCC unroll 4
    for (uint32_t g = 0; g < G; g++)
        chooser[g] = group_chooser(first + g);
    TqpAhead ahead[ONEHOT_AHEAD];
    uint32_t nahead = 0;
    for (; nahead < ONEHOT_AHEAD && h->nahead > 0; nahead++)
        ahead[nahead] = h->ahead[--h->nahead];
    for (uint32_t i = 0; i < rows; i += LEN_U8) {
        VecU8 group = load_U8(h->group + i);
        for (uint32_t k = 0; k < nahead; k++)
            onehot_fetch(&ahead[k], h->begin + i);
#pragma GCC unroll 4
        for (uint32_t g = 0; g < G; g++) {
            VecU8 chosen = group_rows(chooser[g], group);
            if (factored)
                chosen &= load_U8(h->factor + i);
#pragma GCC unroll 6
            for (uint32_t p = 0; p < P; p++)
                acc[g * P + p] = products_add(acc[g * P + p], load_U8(plane[p] + i), chosen);
        }
    }
    ByteSums *sums = h->sums[first] + run->first_sum + at;
#pragma GCC unroll 4
    for (uint32_t g = 0; g < G; g++)
#pragma GCC unroll 6
        for (uint32_t p = 0; p < P; p++)
            sums[g * ONEHOT_PLANES + p] = sums_add(sums[g * ONEHOT_PLANES + p], acc[g * P + p]);
}

/* One function per shape, so that each gets its own registers. */
typedef void (*OneHotShape)(OneHot *h, const OneHotRun *run, uint32_t at, uint32_t rows,
                            uint32_t first);
#define G 2
#define P 1
#include "backend/cpu/onehot_shape.inc"
#define P 2
#include "backend/cpu/onehot_shape.inc"
#define P 3
#include "backend/cpu/onehot_shape.inc"
#define P 4
#include "backend/cpu/onehot_shape.inc"
#define P 5
#include "backend/cpu/onehot_shape.inc"
#define P 6
#include "backend/cpu/onehot_shape.inc"
#undef G
#define G 4
#define P 1
#include "backend/cpu/onehot_shape.inc"
#define P 2
#include "backend/cpu/onehot_shape.inc"
#define P 3
#include "backend/cpu/onehot_shape.inc"
#define P 4
#include "backend/cpu/onehot_shape.inc"
#define P 5
#include "backend/cpu/onehot_shape.inc"
#define P 6
#include "backend/cpu/onehot_shape.inc"
#undef G

#define ONEHOT_RUN 6 /* planes at once */

/* By factored, four groups rather than two, planes. */
static const OneHotShape onehot_shapes[2][2][ONEHOT_RUN + 1] = {
    {{NULL, onehot_2_1, onehot_2_2, onehot_2_3, onehot_2_4, onehot_2_5, onehot_2_6},
     {NULL, onehot_4_1, onehot_4_2, onehot_4_3, onehot_4_4, onehot_4_5, onehot_4_6}},
    {{NULL, onehot_2_1_by, onehot_2_2_by, onehot_2_3_by, onehot_2_4_by, onehot_2_5_by,
      onehot_2_6_by},
     {NULL, onehot_4_1_by, onehot_4_2_by, onehot_4_3_by, onehot_4_4_by, onehot_4_5_by,
      onehot_4_6_by}},
};

/* An odd number of groups is computed as one more; planes are shared out evenly. */
INLINE void onehot_run(OneHot *h, const OneHotRun *run, uint32_t rows) {
    uint32_t turns = (run->planes + ONEHOT_RUN - 1) / ONEHOT_RUN;
    for (uint32_t t = 0; t < turns; t++) {
        uint32_t at = run->planes * t / turns, end = run->planes * (t + 1) / turns;
        for (uint32_t first = 0; first < h->groups;) {
            bool four = h->groups - first > 2;
            onehot_shapes[run->factor != NULL][four][end - at](h, run, at, rows, first);
            first += four ? 4 : 2;
        }
    }
}

/* Which of at most 16 groups have guarded rows, as bits. */
INLINE uint32_t onehot_present(const TqpKernelArgs *args) {
    static const uint8_t low[16] = {1, 2, 4, 8, 16, 32, 64, 128},
                         high[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128};
    const VecU8 lows = table_of_16(low), highs = table_of_16(high), zero = set1_U8(0);
    const uint8_t *group = args->in[1];
    VecU8 any_low = zero, any_high = zero;
    for (uint32_t w = 0; w < tqp_bitmap_words(args->n); w++) {
        uint64_t guard = guard_word(args, w);
        for (uint32_t k = 0; k < 64 && guard >> k != 0; k += LEN_U8) {
            VecU8 g = load_U8(group + 64 * w + k);
            any_low |= blend_U8(guard >> k, look_up_16(lows, g), zero);
            any_high |= blend_U8(guard >> k, look_up_16(highs, g), zero);
        }
    }
    _Alignas(64) uint8_t bytes[2][64];
    store_U8(bytes[0], any_low);
    store_U8(bytes[1], any_high);
    uint32_t present = 0;
    for (uint32_t k = 0; k < LEN_U8; k++)
        present |= bytes[0][k] | (uint32_t)bytes[1][k] << 8;
    return present;
}

INLINE void onehot_number(OneHot *h, const TqpKernelArgs *args) {
    uint8_t renumber[ONEHOT_GROUPS];
    memset(renumber, ONEHOT_NO_GROUP, sizeof(renumber));
    h->groups = 0;
    for (uint32_t present = onehot_present(args); present != 0; present &= present - 1) {
        uint32_t g = (uint32_t)__builtin_ctz(present);
        renumber[g] = (uint8_t)h->groups;
        h->code[h->groups++] = (uint8_t)g;
    }
    h->renumber = table_of_16(renumber);
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

/* ---- a batch ---- */

/* Bytes of a value that can be other than 0. */
INLINE uint32_t onehot_bytes(TqpLane lane, uint64_t greatest) {
    if (lane == TQP_LANE_MASK)
        return 1;
    uint32_t bytes = tqp_lane_bytes(lane);
    uint32_t used = greatest == 0 ? bytes : (71 - (uint32_t)__builtin_clzll(greatest)) / 8;
    return used < bytes ? used : bytes;
}

INLINE uint32_t onehot_planes(const TqpSum *sum) {
    uint32_t bytes = onehot_bytes(sum->lane, sum->greatest);
    return sum->times == 0 || ONEHOT_FACTORS ? bytes : bytes < 8 ? bytes + 1 : 8;
}

/* The planes of what a sum adds up: those of a sum before, when it has the same values. */
INLINE const OneHotSource *onehot_source(OneHot *h, const TqpSum *sum) {
    const TqpSum *product = sum->times != 0 && !ONEHOT_FACTORS ? sum : NULL;
    for (uint32_t s = 0; s < h->nsources; s++) {
        const OneHotSource *have = &h->sources[s];
        if (have->lane == sum->lane && have->values == sum->values && have->product == NULL &&
            product == NULL)
            return have;
    }
    OneHotSource *source = &h->sources[h->nsources++];
    *source = (OneHotSource){sum->lane, sum->values, product, h->nplanes, onehot_planes(sum)};
    h->nplanes += source->planes;
    return source;
}

#if !ONEHOT_FACTORS
static void onehot_multiply(const TqpSum *sum, uint32_t begin, uint32_t rows, int64_t *out) {
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t row = begin + i;
        int64_t by = sum->add + sum->times * (int32_t)sum->factor[row];
        uint64_t x = sum->lane == TQP_LANE_U8    ? ((const uint8_t *)sum->values)[row]
                     : sum->lane == TQP_LANE_U16 ? ((const InU16 *)sum->values)[row]
                     : sum->lane == TQP_LANE_U32 ? ((const InU32 *)sum->values)[row]
                                                 : (uint64_t)((const InI64 *)sum->values)[row];
        out[i] = (int64_t)(x * (uint64_t)by);
    }
}
#endif

/* In the order of their planes: one may write a few past its own, which the next then overwrites.
 */
INLINE void onehot_split(OneHot *h, const OneHotSource *source, uint32_t begin, uint32_t rows) {
    uint8_t(*plane)[ONEHOT_BLOCK] = h->plane + source->first;
    const char *from = source->values; /* NULL: a product, or nothing to split */
    TqpLane lane = source->lane;
    if (from != NULL)
        from += (size_t)begin * tqp_lane_bytes(lane);
#if !ONEHOT_FACTORS
    int64_t products[ONEHOT_BLOCK];
    if (source->product != NULL) {
        onehot_multiply(source->product, begin, rows, products);
        from = (const char *)products;
        lane = TQP_LANE_I64;
    }
#endif
    if (lane == TQP_LANE_U8)
        split_U8(from, rows, source->planes, plane);
    else if (lane == TQP_LANE_U16)
        split_U16(from, rows, source->planes, plane);
    else if (lane == TQP_LANE_U32)
        split_U32(from, rows, source->planes, plane);
    else if (lane == TQP_LANE_I64)
        split_I64(from, rows, source->planes, plane);
    else
        memset(plane[0], 1, ONEHOT_BLOCK);
}

/* The factors of rows begin .. begin+rows-1, within 0 .. 127 where they are guarded. */
INLINE void onehot_factors(OneHot *h, const TqpSum *sum, uint32_t begin, uint32_t rows) {
    typedef uint8_t Bytes __attribute__((vector_size(sizeof(VecU8))));
    const Bytes flip = (Bytes)set1_U8(sum->times < 0 ? 0xff : 0);
    const Bytes add = (Bytes)set1_U8((uint8_t)(sum->add + (sum->times < 0))); /* -y = ~y + 1 */
    for (uint32_t i = 0; i < rows; i += LEN_U8)
        store_U8(h->factor + i, (VecU8)(((Bytes)load_U8(sum->factor + begin + i) ^ flip) + add));
}

typedef struct OneHotTerm {
    uint32_t planes, first_sum;
} OneHotTerm;

INLINE bool onehot_is_factored(const TqpSum *sum) {
    return ONEHOT_FACTORS && sum->times != 0;
}

/*
 * Runs for sums[0 .. n): one over all planes of those without a factor, which come first, then one
 * for each that has one.
 */
INLINE void onehot_plan(OneHot *h, const TqpSum *sums, uint32_t n, OneHotTerm *terms) {
    uint32_t nsums;
    h->nsources = h->nplanes = h->nruns = 0;
    for (uint32_t s = 0; s < n; s++)
        if (!onehot_is_factored(&sums[s])) {
            const OneHotSource *source = onehot_source(h, &sums[s]);
            terms[s] = (OneHotTerm){source->planes, source->first};
        }
    nsums = h->nplanes;
    if (nsums > 0)
        h->runs[h->nruns++] = (OneHotRun){0, nsums, 0, NULL};
    for (uint32_t s = 0; s < n; s++)
        if (onehot_is_factored(&sums[s])) {
            const OneHotSource *source = onehot_source(h, &sums[s]);
            terms[s] = (OneHotTerm){source->planes, nsums};
            h->runs[h->nruns++] = (OneHotRun){source->first, source->planes, nsums, &sums[s]};
            nsums += source->planes;
        }
    for (uint32_t g = 0; g <= h->groups && g < ONEHOT_GROUPS; g++)
        for (uint32_t k = 0; k < nsums; k++)
            h->sums[g][k] = sums_zero();
}

/* acc[g] += the sums of bytes, each in its place. */
INLINE void onehot_finish(const OneHot *h, const OneHotTerm *term, bool factored, int64_t *acc) {
    for (uint32_t g = 0; g < h->groups; g++) {
        uint64_t sum = 0;
        for (uint32_t p = 0; p < term->planes; p++)
            sum += (uint64_t)(int64_t)sums_total(h->sums[g][term->first_sum + p]) << (8 * p);
        acc[h->code[g]] =
            (int64_t)((uint64_t)acc[h->code[g]] + (factored ? sum : UINT64_C(0) - sum));
    }
}

static void onehot_batch(OneHot *h, const TqpKernelArgs *args, const TqpSum *sums, uint32_t n,
                         int64_t *out) {
    const TqpSumPass *pass = args->aux;
    OneHotTerm terms[ONEHOT_PLANES];
    onehot_plan(h, sums, n, terms);
    for (uint32_t begin = 0; begin < args->n; begin += ONEHOT_BLOCK) {
        uint32_t rows = args->n - begin < ONEHOT_BLOCK ? args->n - begin : ONEHOT_BLOCK;
        onehot_groups(h, args, begin, rows);
        h->begin = begin;
        h->nahead = pass->nahead;
        for (uint32_t s = 0; s < h->nsources; s++)
            onehot_split(h, &h->sources[s], begin, rows);
        for (uint32_t r = 0; r < h->nruns; r++) {
            if (h->runs[r].factor != NULL)
                onehot_factors(h, h->runs[r].factor, begin, rows);
            onehot_run(h, &h->runs[r], rows);
        }
    }
    for (uint32_t s = 0; s < n; s++)
        onehot_finish(h, &terms[s], onehot_is_factored(&sums[s]), out + (size_t)s * pass->ngroups);
}

/* All sums of GROUP_SUMS8, as many at once as there is room for their planes. */
static void onehot_sums(const TqpKernelArgs *args) {
    OneHot h;
    const TqpSumPass *pass = args->aux;
    int64_t *out = args->out;
    h.ahead = pass->ahead;
    onehot_number(&h, args);
    for (uint32_t at = 0, n; at < pass->nsums; at += n) {
        uint32_t planes = onehot_planes(&pass->sums[at]);
        for (n = 1; at + n < pass->nsums; n++) {
            planes += onehot_planes(&pass->sums[at + n]);
            if (planes > ONEHOT_PLANES)
                break;
        }
        onehot_batch(&h, args, pass->sums + at, n, out + (size_t)at * pass->ngroups);
    }
}

#endif
#endif
