/*
 * From sets of distinct values to counts and sums.  Bitmaps are counted in stretches.  Keys are
 * united by parts of their hashes, which workers claim; counts are added by whoever finds them,
 * sums by the leader, part after part in the order in which values came: floats then add up alike
 * whatever the number of threads.
 */
#include <string.h>

#include "base/moments.h"
#include "exec/distinct_sets.h"
#include "exec/memory.h"
#include "exec/slices.h"

/* Fewer keys are one piece of work; more are TQP_SET_PARTS, of which a worker claims some. */
#define SPLIT_KEYS   32768u
#define CLAIM_PARTS  4u
#define BITMAP_SHARE (1u << 18) /* words that a worker is worth */
#define BITMAP_SLICE 65536u     /* words */
#define FEW_GROUPS   1024u      /* counts that a worker adds up for itself first */

typedef struct Finish {
    TqpDistinctSets *sets;
    TqpDistinctSet *set;
    const TqpDistinctTarget *target;
    uint32_t ngroups;
    bool only_counts;
    _Atomic int64_t *counts; /* of all groups */
    /* keys */
    uint32_t nunits;   /* pieces of work: 1 or TQP_SET_PARTS */
    TqpBuffer *values; /* per unit: its keys, where they are summed */
    uint32_t *nvalues;
} Finish;

/* ---- to accumulators ---- */

typedef struct Value {
    TqpInt128 i;
    double f;
} Value;

/* Does accumulator a of the plan read this set? */
static bool feeds(const TqpDistinctSet *set, const TqpAccInfo *info, uint32_t a) {
    return info->distinct && info->same == a && tqp_distinct_same_rows(set->info->acc, info->acc);
}

static bool only_counts(const TqpDistinctSets *sets, const TqpDistinctSet *set) {
    for (uint32_t a = 0; a < sets->accs->naccs; a++)
        if (feeds(set, &sets->accs->infos[a], a) && sets->accs->infos[a].acc->kind != TQP_ACC_COUNT)
            return false;
    return true;
}

static TqpStatus add_value(TqpAccs *accs, const TqpAccInfo *info, uint32_t a, uint32_t group,
                           const Value *value) {
    ((int64_t *)accs->counts[info->count].data)[group]++;
    void *values = accs->values[a].data;
    if (info->acc->kind == TQP_ACC_COUNT)
        return TQP_OK;
    if (info->acc->kind == TQP_ACC_MOMENTS)
        return tqp_moments_add((TqpMoments *)values + group, value->f) ? TQP_OK : TQP_OVERFLOW;
    if (info->acc->kind == TQP_ACC_F64) {
        if (info->bounded && __builtin_isfinite(value->f) && __builtin_fabs(value->f) >= 0x1p440)
            return TQP_OVERFLOW;
        ((double *)values)[group] += value->f;
        uint8_t *special = accs->special[a].data;
        if (value->f != value->f)
            special[group] |= TQP_SPECIAL_NAN;
        else if (__builtin_isinf(value->f))
            special[group] |= value->f > 0 ? TQP_SPECIAL_INF : TQP_SPECIAL_NEG_INF;
        return TQP_OK;
    }
    TqpInt128 sum;
    if (__builtin_add_overflow(tqp_lane_get(info->lane, values, group), value->i, &sum))
        return TQP_OVERFLOW;
    tqp_lane_put(info->lane, values, group, sum);
    return TQP_OK;
}

static TqpStatus feed(const Finish *f, uint32_t group, const Value *value) {
    const TqpDistinctTarget *target = f->target;
    uint32_t low = 0, high = target->nparts;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (group < target->base[middle])
            high = middle;
        else
            low = middle;
    }
    const TqpAccPlan *plan = f->sets->accs;
    for (uint32_t a = 0; a < plan->naccs; a++)
        if (feeds(f->set, &plan->infos[a], a))
            TQP_TRY(add_value(target->accs[low], &plan->infos[a], a,
                              group - (uint32_t)target->base[low], value));
    return TQP_OK;
}

/* One array of counts for all groups: the accumulators' own where these are in one piece. */
static TqpStatus open_counts(Finish *f, TqpBuffer *memory) {
    TqpRun *run = f->sets->run;
    if (f->target->nparts == 1) {
        f->counts = f->target->accs[0]->counts[f->set->info->count].data;
        return TQP_OK;
    }
    size_t bytes = (size_t)f->ngroups * sizeof(int64_t);
    TQP_TRY(tqp_buffer_alloc(memory, run->query->broker, bytes));
    f->counts = memory->data;
    return tqp_memory_clear(memory->data, bytes, &run->leader);
}

static void close_counts(const Finish *f, const TqpBuffer *memory) {
    const TqpDistinctTarget *target = f->target;
    const int64_t *counts = memory->data;
    for (uint32_t p = 0; counts != NULL && p < target->nparts; p++)
        if (target->base[p] < target->base[p + 1])
            memcpy(target->accs[p]->counts[f->set->info->count].data, counts + target->base[p],
                   (target->base[p + 1] - target->base[p]) * sizeof(int64_t));
}

static void add_count(const Finish *f, uint32_t group, int64_t count) {
    atomic_fetch_add_explicit(&f->counts[group], count, memory_order_relaxed);
}

/* ---- bitmaps ---- */

static TqpStatus count_bits(void *job, const TqpStop *stop, uint64_t from, uint64_t to) {
    const Finish *f = job;
    const uint64_t *bits = f->set->bitmap.data;
    uint64_t words = f->set->domain / 64;
    (void)stop;
    while (from < to) {
        uint64_t group = from / words, end = (group + 1) * words;
        int64_t count = 0;
        for (end = end < to ? end : to; from < end; from++)
            count += __builtin_popcountll(bits[from]);
        add_count(f, (uint32_t)group, count);
    }
    return TQP_OK;
}

static TqpStatus sum_bits(const Finish *f) {
    const TqpDistinctSet *set = f->set;
    const uint64_t *bits = set->bitmap.data;
    uint64_t words = set->domain / 64, nwords = words * f->ngroups;
    for (uint64_t w = 0; w < nwords; w++) {
        if (tqp_stop_at(&f->sets->run->leader, w))
            return TQP_CANCELLED;
        for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
            Value v = {set->low + (TqpInt128)(w % words * 64) + __builtin_ctzll(left), 0};
            TQP_TRY(feed(f, (uint32_t)(w / words), &v));
        }
    }
    return TQP_OK;
}

static TqpStatus finish_bitmap(Finish *f) {
    uint64_t nwords = f->set->domain / 64 * f->ngroups;
    TqpRun *run = f->sets->run;
    if (!f->only_counts)
        return sum_bits(f);
    return tqp_slices_run(run, tqp_slices_workers(run, nwords, BITMAP_SHARE), nwords, BITMAP_SLICE,
                          count_bits, f);
}

/* ---- keys ---- */

static Value key_value(const TqpDistinctSet *set, const uint64_t *words) {
    Value v = {0, 0};
    TqpLane lane = set->arg.lane;
    _Alignas(16) uint8_t raw[16] = {0};
    TqpColumn column = {.slot = set->arg, .values = {.data = raw}};
    if (lane == TQP_LANE_VIEW)
        return v; /* counted only */
    tqp_key_unpack(&set->plan, 0, words, 1, &column, 0);
    if (lane == TQP_LANE_F64)
        v.f = *(const double *)(const void *)raw;
    else if (lane == TQP_LANE_F32)
        v.f = *(const float *)(const void *)raw;
    else if (lane != TQP_LANE_MASK)
        v.i = tqp_lane_get(lane, raw, 0);
    return v;
}

/* Of states [from, to): all keys into runs, with the numbers that their groups have now. */
static TqpStatus close_states(void *job, const TqpStop *stop, uint64_t from, uint64_t to) {
    const Finish *f = job;
    for (uint64_t s = from; s < to; s++)
        if (f->set->keys[s].plan != NULL)
            TQP_TRY(tqp_key_set_close(&f->set->keys[s],
                                      f->target->ids != NULL ? f->target->ids[s] : NULL, stop));
    return TQP_OK;
}

static uint64_t entries(const Finish *f, uint32_t from, uint32_t to) {
    uint64_t n = 0;
    for (uint32_t s = 0; s < f->sets->nstates; s++)
        if (f->set->keys[s].plan != NULL)
            n += tqp_key_set_entries(&f->set->keys[s], from, to);
    return n;
}

static TqpStatus count_keys(const Finish *f, const TqpKeyTable *table, const TqpStop *stop) {
    int64_t few[FEW_GROUPS] = {0};
    if (!f->set->plan.has_extra) {
        add_count(f, 0, table->nkeys);
        return TQP_OK;
    }
    for (uint32_t i = 0; i < table->nkeys; i++) {
        uint32_t group = tqp_key_group(&f->set->plan, tqp_key_at(table, i));
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        if (f->ngroups > FEW_GROUPS)
            add_count(f, group, 1);
        else
            few[group]++;
    }
    for (uint32_t g = 0; f->ngroups <= FEW_GROUPS && g < f->ngroups; g++)
        if (few[g] > 0)
            add_count(f, g, few[g]);
    return TQP_OK;
}

static TqpStatus unite_unit(const Finish *f, uint32_t unit, TqpKeyTable *table) {
    uint32_t width = TQP_SET_PARTS / f->nunits, from = unit * width;
    TQP_TRY(tqp_key_table_clear(table));
    TQP_TRY(tqp_key_table_reserve(table, entries(f, from, from + width)));
    for (uint32_t s = 0; s < f->sets->nstates; s++)
        if (f->set->keys[s].plan != NULL)
            TQP_TRY(tqp_key_set_unite(&f->set->keys[s], from, from + width, table, table->stop));
    if (f->only_counts)
        return count_keys(f, table, table->stop);
    f->values[unit] = table->keys;
    f->nvalues[unit] = table->nkeys;
    memset(&table->keys, 0, sizeof(table->keys));
    return TQP_OK;
}

static TqpStatus unite_units(void *job, const TqpStop *stop, uint64_t from, uint64_t to) {
    const Finish *f = job;
    TqpKeyTable table;
    TqpStatus status = TQP_OK;
    tqp_key_table_init(&table, &f->set->plan, f->sets->run->query->broker);
    table.stop = stop;
    for (uint64_t unit = from; unit < to && status == TQP_OK; unit++)
        status = unite_unit(f, (uint32_t)unit, &table);
    tqp_key_table_free(&table);
    return status;
}

static TqpStatus sum_values(const Finish *f) {
    const TqpKeyPlan *plan = &f->set->plan;
    for (uint32_t unit = 0; unit < f->nunits; unit++)
        for (uint32_t i = 0; i < f->nvalues[unit]; i++) {
            const uint64_t *words =
                (const uint64_t *)f->values[unit].data + (size_t)i * plan->nwords;
            Value v = key_value(f->set, words);
            if (tqp_stop_at(&f->sets->run->leader, i))
                return TQP_CANCELLED;
            TQP_TRY(feed(f, tqp_key_group(plan, words), &v));
        }
    return TQP_OK;
}

static TqpStatus finish_keys(Finish *f) {
    TqpRun *run = f->sets->run;
    uint64_t n = 0;
    for (uint32_t s = 0; s < f->sets->nstates; s++)
        n += f->set->keys[s].nentries + f->set->keys[s].table.nkeys + f->set->keys[s].nfill;
    int workers = tqp_slices_workers(run, n, SPLIT_KEYS);
    TQP_TRY(tqp_slices_run(run, workers, f->sets->nstates, 1, close_states, f));
    f->nunits = n < SPLIT_KEYS ? 1 : TQP_SET_PARTS;
    f->values = tqp_arena_zalloc(&run->arena, f->nunits * sizeof(TqpBuffer));
    f->nvalues = tqp_arena_zalloc(&run->arena, f->nunits * sizeof(uint32_t));
    if (f->values == NULL || f->nvalues == NULL)
        return tqp_exec_arena_status(&run->arena);
    TqpStatus status = tqp_slices_run(run, workers, f->nunits, CLAIM_PARTS, unite_units, f);
    if (status == TQP_OK && !f->only_counts)
        status = sum_values(f);
    for (uint32_t unit = 0; unit < f->nunits; unit++)
        tqp_buffer_free(&f->values[unit]);
    for (uint32_t s = 0; s < f->sets->nstates; s++)
        tqp_key_set_free(&f->set->keys[s]);
    return status;
}

/* ---- both ---- */

static TqpStatus finish_set(Finish *f) {
    TqpBuffer memory = {0};
    f->only_counts = only_counts(f->sets, f->set);
    TqpStatus status = f->only_counts ? open_counts(f, &memory) : TQP_OK;
    if (status == TQP_OK)
        status = f->set->domain > 0 ? finish_bitmap(f) : finish_keys(f);
    if (status == TQP_OK)
        close_counts(f, &memory);
    tqp_buffer_free(&memory);
    return status;
}

TqpStatus tqp_distinct_finish(TqpDistinctSets *sets, const TqpDistinctTarget *target) {
    for (uint32_t k = 0; k < sets->nsets; k++) {
        Finish f = {.sets = sets,
                    .set = &sets->sets[k],
                    .target = target,
                    .ngroups = (uint32_t)target->base[target->nparts]};
        TQP_TRY(finish_set(&f));
    }
    return TQP_OK;
}
