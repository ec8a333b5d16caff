/*
 * DENSE maps.  Which places of the array have a key is a bitmap; the number of a key is the rank of
 * its bit, so that everything else is as large as there are keys, however wide their range is.
 *
 * Workers set bits in bitmaps of their own.  What they meet on the way decides the rest: keys that
 * rise from row to row are numbered as their rows are, and keys that never fall have their rows one
 * after another.
 */
#include <string.h>

#include "base/bitmap.h"
#include "exec/map.h"
#include "exec/memory.h"
#include "exec/slices.h"

#define SLICE_ROWS      16384u /* a multiple of BATCH */
#define SLICE_WORDS     32768u /* a multiple of BLOCK */
#define ROWS_PER_WORKER 65536u
#define BATCH           2048u
#define BLOCK           64u /* words */
#define WORKERS_MAX     64

/* What a slice of rows looks like. */
typedef struct Stretch {
    uint32_t first, last; /* places */
    uint32_t included;    /* rows that have a key */
    bool falls, repeats;  /* some place is less than, or equal to, the one before */
} Stretch;

typedef struct Dense {
    TqpRun *run;
    TqpBuild *build;
    const TqpColumn *key;
    Stretch *stretches;          /* per SLICE_ROWS */
    TqpBuffer bits[WORKERS_MAX]; /* of the workers behind the first */
    uint32_t *sums;              /* per SLICE_WORDS: keys, then keys before */
    uint32_t nwords;
    int workers;
    uint32_t *out; /* first, starts or numbers, while rows are numbered */
    _Atomic bool null_key;
} Dense;

static void run_kernel(const Dense *job, TqpStepOp op, const uint32_t *a, const uint32_t *b,
                       uint32_t value, uint32_t n, uint64_t *out) {
    TqpKernelArgs args = {.n = n, .out = out, .in = {a, b, NULL}};
    args.imm[0].i = value;
    job->run->query->backend->kernels[op][TQP_LANE_U32](&args);
}

static const void *keys_at(const Dense *job, uint64_t row) {
    return (const char *)job->key->values.data + row * tqp_column_width(job->key->slot.lane);
}

void tqp_build_index(const TqpBuild *build, const TqpBackend *backend, TqpStepOp op,
                     const TqpSlot *key, const void *values, uint32_t n, void *out) {
    TqpInt128 add = (TqpInt128)key->bias - build->map->lo;
    TqpKernelArgs args = {.n = n, .out = out, .in = {values, NULL, NULL}};
    if (key->lane == TQP_LANE_I128)
        args.imm[0].w = add;
    else
        args.imm[0].i = (int64_t)add;
    args.imm[1].i = (int64_t)build->map->span;
    args.imm[2].i = build->none;
    const TqpRanks ranks = {build->bits.data, build->before.data};
    args.aux = op == TQP_STEP_RANK ? (const void *)&ranks : build->bits.data;
    backend->kernels[op][key->lane](&args);
}

/* Rows [from, from + n) without a key get `none`. */
static bool leave_out_nulls(const Dense *job, uint64_t from, uint32_t n, uint32_t none,
                            uint32_t *out) {
    const uint8_t *valid = job->key->valid.data;
    bool found = false;
    for (uint32_t i = 0; valid != NULL && i < n; i++)
        if (!valid[from + i]) {
            out[i] = none;
            found = true;
        }
    return found;
}

static void index_rows(Dense *job, uint64_t from, uint32_t n, uint32_t *places) {
    const TqpBuild *build = job->build;
    tqp_build_index(build, job->run->query->backend, TQP_STEP_INDEX, &job->key->slot,
                    keys_at(job, from), n, places);
    if (leave_out_nulls(job, from, n, (uint32_t)build->map->span, places))
        atomic_store_explicit(&job->null_key, true, memory_order_relaxed);
}

static void number_rows(const Dense *job, uint64_t from, uint32_t n, uint32_t *numbers) {
    const TqpBuild *build = job->build;
    tqp_build_index(build, job->run->query->backend, TQP_STEP_RANK, &job->key->slot,
                    keys_at(job, from), n, numbers);
    leave_out_nulls(job, from, n, build->none, numbers);
}

/* ---- bits ---- */

/* Rows without a key set the bit behind the last place. */
static void set_bits(uint64_t *bits, const uint32_t *places, uint32_t n, bool falls) {
    if (!falls && places[n - 1] - places[0] < 32 * n) { /* most bits are in the word of the last */
        uint64_t word = places[0] >> 6, set = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (places[i] >> 6 != word) {
                bits[word] |= set;
                word = places[i] >> 6;
                set = 0;
            }
            set |= UINT64_C(1) << (places[i] & 63);
        }
        bits[word] |= set;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        tqp_bitmap_set(bits, places[i]);
}

/* How places[0 .. n) go on after places[-1]; the first of a slice has none before it, but 0. */
static bool look(const Dense *job, const uint32_t *places, uint32_t n, bool first, Stretch *s) {
    _Alignas(64) uint64_t mask[BATCH / 64];
    run_kernel(job, TQP_STEP_LT_RR, places, places - 1, 0, n, mask);
    bool falls = tqp_bitmap_count(mask, n) > 0;
    run_kernel(job, TQP_STEP_EQ_RR, places, places - 1, 0, n, mask);
    mask[0] &= first ? ~UINT64_C(1) : ~UINT64_C(0);
    s->falls |= falls;
    s->repeats |= tqp_bitmap_count(mask, n) > 0;
    run_kernel(job, TQP_STEP_NE_RI, places, NULL, (uint32_t)job->build->map->span, n, mask);
    s->included += tqp_bitmap_count(mask, n);
    return falls;
}

static TqpStatus set_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    Dense *job = arg;
    _Alignas(64) uint32_t buf[BATCH + 80] = {0}; /* what kernels read behind the end, too */
    uint32_t *places = buf + 16;
    uint64_t *bits = stop->worker == 0 ? job->build->bits.data : job->bits[stop->worker].data;
    Stretch *s = &job->stretches[from / SLICE_ROWS];
    for (uint64_t at = from; at < to; at += BATCH) {
        uint32_t n = to - at < BATCH ? (uint32_t)(to - at) : BATCH;
        places[-1] = at > from ? places[BATCH - 1] : 0;
        index_rows(job, at, n, places);
        set_bits(bits, places, n, look(job, places, n, at == from, s));
        s->first = at == from ? places[0] : s->first;
        s->last = places[n - 1];
    }
    return TQP_OK;
}

/* counts[i] = set bits of word i; x86-64 has no instruction for it that every CPU knows. */
static void count_block(const uint64_t *words, uint32_t *counts) {
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint64_t x = words[i];
        x -= x >> 1 & UINT64_C(0x5555555555555555);
        x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
        x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
        x += x >> 8;
        x += x >> 16;
        counts[i] = (uint32_t)(x + (x >> 32)) & 0xff;
    }
}

/* The bits of all workers, and before each word those of its slice. */
static TqpStatus merge_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    Dense *job = arg;
    uint64_t *bits = job->build->bits.data;
    uint32_t *before = job->build->before.data, sum = 0;
    for (int w = 1; w < job->workers; w++) {
        const uint64_t *more = job->bits[w].data;
        for (uint64_t i = from; i < to; i++)
            bits[i] |= more[i];
    }
    if (to == job->nwords)
        tqp_bitmap_clear(bits, job->build->map->span); /* rows without a key */
    for (uint64_t at = from; at < to && before != NULL; at += BLOCK) {
        uint32_t counts[BLOCK];
        count_block(bits + at, counts);
        for (uint32_t i = 0; i < BLOCK; sum += counts[i++])
            before[at + i] = sum;
    }
    job->sums[from / SLICE_WORDS] = sum;
    return TQP_OK;
}

static TqpStatus add_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    const Dense *job = arg;
    uint32_t *before = job->build->before.data, sum = job->sums[from / SLICE_WORDS];
    for (uint64_t i = from; i < to; i++)
        before[i] += sum;
    return TQP_OK;
}

/* Bitmaps in whole blocks: what lies behind the last place is 0. */
static TqpStatus alloc_bits(Dense *job) {
    TqpRun *run = job->run;
    TqpBuild *build = job->build;
    TqpBroker *broker = run->query->broker;
    job->nwords = (uint32_t)(build->map->span / 64 / BLOCK + 1) * BLOCK;
    size_t bytes = (size_t)job->nwords * sizeof(uint64_t);
    /* A worker of its own should set more bits than its bitmap has words to clear and to merge. */
    uint64_t share = ROWS_PER_WORKER > job->nwords ? ROWS_PER_WORKER : job->nwords;
    job->workers = tqp_slices_workers(run, build->nrows, share);
    job->workers = job->workers < WORKERS_MAX ? job->workers : WORKERS_MAX;
    job->sums = tqp_arena_zalloc(&run->arena, (job->nwords / SLICE_WORDS + 1) * sizeof(uint32_t));
    job->stretches =
        tqp_arena_zalloc(&run->arena, ((size_t)build->nrows / SLICE_ROWS + 1) * sizeof(Stretch));
    if (job->sums == NULL || job->stretches == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (int w = 0; w < job->workers; w++) {
        TqpBuffer *bits = w == 0 ? &build->bits : &job->bits[w];
        TQP_TRY(tqp_buffer_alloc(bits, broker, bytes));
        TQP_TRY(tqp_memory_clear(bits->data, bytes, &run->leader));
    }
    return build->map->exists_only
               ? TQP_OK
               : tqp_buffer_alloc(&build->before, broker, job->nwords * sizeof(uint32_t));
}

static TqpStatus make_bits(Dense *job) {
    TqpRun *run = job->run;
    TqpBuild *build = job->build;
    TQP_TRY(alloc_bits(job));
    TQP_TRY(tqp_slices_run(run, job->workers, build->nrows, SLICE_ROWS, set_slice, job));
    int workers = tqp_slices_workers(run, job->nwords, 2 * SLICE_WORDS);
    TQP_TRY(tqp_slices_run(run, workers, job->nwords, SLICE_WORDS, merge_slice, job));
    for (int w = 1; w < job->workers; w++)
        tqp_buffer_free(&job->bits[w]);
    uint32_t keys = 0;
    for (uint32_t k = 0; k * SLICE_WORDS < job->nwords; k++) {
        uint32_t sum = job->sums[k];
        job->sums[k] = keys;
        keys += sum;
    }
    build->none = keys;
    return build->map->exists_only || job->nwords <= SLICE_WORDS
               ? TQP_OK
               : tqp_slices_run(run, workers, job->nwords, SLICE_WORDS, add_slice, job);
}

/* ---- rows ---- */

static TqpStatus number_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    const Dense *job = arg;
    for (uint64_t at = from; at < to; at += BATCH)
        number_rows(job, at, to - at < BATCH ? (uint32_t)(to - at) : BATCH, job->out + at);
    return TQP_OK;
}

/* Every key has one row, so no two workers write the same place but that of `none`, left out. */
static TqpStatus first_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    const Dense *job = arg;
    _Alignas(64) uint32_t numbers[BATCH];
    uint32_t none = job->build->none;
    for (uint64_t at = from; at < to; at += BATCH) {
        uint32_t n = to - at < BATCH ? (uint32_t)(to - at) : BATCH;
        number_rows(job, at, n, numbers);
        for (uint32_t i = 0; i < n; i++)
            if (numbers[i] != none)
                job->out[numbers[i]] = (uint32_t)(at + i);
    }
    return TQP_OK;
}

/*
 * Rows lie in the order of their keys: where the number rises a key's rows end.  The last key of
 * the slice ends here if the next slice begins with another.
 */
static TqpStatus ends_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    const Dense *job = arg;
    const Stretch *s = &job->stretches[from / SLICE_ROWS];
    _Alignas(64) uint32_t numbers[BATCH];
    uint32_t *ends = job->out + 1;
    number_rows(job, to - 1, 1, numbers);
    uint32_t last = numbers[0];
    for (uint64_t at = from; at < to; at += BATCH) {
        uint32_t n = to - at < BATCH ? (uint32_t)(to - at) : BATCH;
        number_rows(job, at, n, numbers);
        while (n > 0 && numbers[n - 1] == last)
            n--;
        for (uint32_t i = 0; i < n; i++)
            ends[numbers[i]] = (uint32_t)(at + i) + 1;
    }
    if (to == job->build->nrows || s[1].first != s->last)
        ends[last] = (uint32_t)to;
    return TQP_OK;
}

static TqpStatus rows_run(Dense *job, TqpBuffer *out, size_t n, TqpSliceFn fn) {
    TqpRun *run = job->run;
    TQP_TRY(tqp_buffer_alloc(out, run->query->broker, n * sizeof(uint32_t) + 256));
    job->out = out->data;
    int workers = tqp_slices_workers(run, job->build->nrows, ROWS_PER_WORKER);
    return tqp_slices_run(run, workers, job->build->nrows, SLICE_ROWS, fn, job);
}

static TqpStatus make_list(Dense *job, uint32_t included) {
    TqpBuffer numbers = {0};
    TqpStatus status = rows_run(job, &numbers, job->build->nrows, number_slice);
    if (status == TQP_OK)
        status = job->build->map->nranges > 0
                     ? tqp_build_range(job->build, job->run, numbers.data)
                     : tqp_build_list(job->build, job->run, numbers.data, included);
    tqp_buffer_free(&numbers);
    return status;
}

static TqpStatus make_rows(Dense *job) {
    TqpBuild *build = job->build;
    uint32_t nrows = build->nrows, included = 0;
    bool falls = false, repeats = false;
    for (uint32_t k = 0; k * SLICE_ROWS < nrows; k++) {
        const Stretch *s = &job->stretches[k];
        included += s->included;
        falls |= s->falls || (k > 0 && s->first < s[-1].last);
        repeats |= s->repeats || (k > 0 && s->first == s[-1].last);
    }
    build->unique = build->map->nranges == 0 && build->none == included;
    if (build->map->nranges > 0)
        return make_list(job, included);
    if (included < nrows || falls) {
        if (!build->unique)
            return make_list(job, included);
        if (included == nrows && !job->run->fetched)
            return TQP_OK;
        TQP_TRY(rows_run(job, &build->first, (size_t)build->none + 1, first_slice));
        ((uint32_t *)build->first.data)[build->none] = nrows;
    } else if (repeats) {
        TQP_TRY(rows_run(job, &build->starts, (size_t)build->none + 2, ends_slice));
        uint32_t *starts = build->starts.data;
        starts[0] = 0;
        starts[build->none + 1] = nrows;
    }
    return TQP_OK;
}

/* Narrow lanes count modulo 2^64: right while the array lies within the values of int64. */
bool tqp_build_is_dense_sound(const TqpMap *map, const TqpSlot *key) {
    TqpInt128 span = (TqpInt128)map->span;
    if (map->nkeys != 1 || map->null_safe[0] || key->lane == TQP_LANE_MASK ||
        key->lane == TQP_LANE_VIEW || tqp_type_class(key->type.kind) == TQP_CLASS_FLOAT)
        return false;
    return key->lane == TQP_LANE_I128 ||
           (map->lo >= INT64_MIN && map->lo <= INT64_MAX && map->lo + span - 1 <= INT64_MAX);
}

TqpStatus tqp_build_dense(TqpBuild *build, TqpRun *run) {
    const TqpMap *map = build->map;
    Dense *job = tqp_arena_zalloc(&run->arena, sizeof(Dense));
    if (job == NULL)
        return tqp_exec_arena_status(&run->arena);
    job->run = run;
    job->build = build;
    job->key = &build->columns[map->columns[0]];
    if (!tqp_build_is_dense_sound(map, &job->key->slot))
        return TQP_INVALID;
    if (map->span > UINT32_MAX - 8)
        return TQP_UNSUPPORTED;
    TqpStatus status = make_bits(job);
    for (int w = 1; w < job->workers; w++)
        tqp_buffer_free(&job->bits[w]);
    build->null_key = atomic_load(&job->null_key);
    return status == TQP_OK && !map->exists_only ? make_rows(job) : status;
}
