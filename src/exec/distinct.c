/* Sets of distinct arguments: a bitmap that all states share, or a hash table per state. */
#include "exec/distinct.h"

#include <string.h>

#include "exec/keys.h"
#include "exec/memory.h"

/* A bitmap over (group, value) is used up to this size, shared by all states. */
#define BITMAP_BITS_MAX (UINT64_C(1) << 28)

typedef struct Set {
    const TqpAccInfo *info; /* the first accumulator that it feeds */
    TqpSlot arg;            /* never null here: only valid rows enter */
    /* bitmap: group g has bits [g * domain, (g + 1) * domain) */
    uint64_t domain; /* 0 = hash; a multiple of 64 */
    TqpInt128 low;   /* register value of bit 0 */
    TqpBuffer bitmap;
    /* hash: keys of (value, group) */
    TqpKeyPlan plan;
    TqpKeyTable *tables; /* per state */
} Set;

/* Per state scratch of a tile. */
typedef struct Scratch {
    uint64_t *mask, *words, *packed, *hashes;
    uint32_t *numbers, *groups;
    TqpArena arena;
    bool open;
} Scratch;

struct TqpDistinctSets {
    TqpRun *run;
    const TqpAccPlan *accs;
    uint32_t ngroups;
    uint32_t nsets;
    Set *sets;
    Scratch *scratch; /* per state */
    uint32_t nstates;
};

static bool same_rows(const TqpAccumulator *a, const TqpAccumulator *b) {
    return a->arg.reg == b->arg.reg && a->arg.valid == b->arg.valid && a->filter == b->filter;
}

/* Does accumulator a of the plan read this set? */
static bool feeds(const Set *set, const TqpAccInfo *info, uint32_t a) {
    return info->distinct && info->same == a && same_rows(set->info->acc, info->acc);
}

static void choose_bitmap(Set *set, uint32_t ngroups) {
    const TqpSlot *arg = &set->arg;
    TqpInt128 low, high;
    if (ngroups == 0 || arg->lane < TQP_LANE_U8 || arg->lane > TQP_LANE_I64)
        return;
    tqp_lane_bounds(arg->lane, &low, &high);
    if (arg->has_range) {
        low = arg->min - arg->bias;
        high = arg->max - arg->bias;
    } else if (arg->dict != NULL) {
        high = (TqpInt128)arg->dict->count - 1;
    }
    TqpInt128 domain = high - low + 1;
    if (domain <= 0 || domain > (TqpInt128)BITMAP_BITS_MAX)
        return;
    domain = (domain + 63) / 64 * 64;
    if (domain * ngroups > (TqpInt128)BITMAP_BITS_MAX)
        return;
    set->domain = (uint64_t)domain;
    set->low = low;
}

static TqpStatus open_set(TqpDistinctSets *sets, Set *set, const TqpAccInfo *info) {
    TqpRun *run = sets->run;
    set->info = info;
    set->arg = info->acc->arg;
    set->arg.valid = TQP_NO_REG;
    choose_bitmap(set, sets->ngroups);
    if (set->domain > 0) {
        size_t bytes = set->domain / 8 * sets->ngroups;
        TQP_TRY(tqp_buffer_alloc(&set->bitmap, run->query->broker, bytes));
        return tqp_memory_clear(set->bitmap.data, bytes, &run->leader);
    }
    TQP_TRY(tqp_key_plan(&set->plan, &run->arena, 1, &set->arg, sets->ngroups != 1));
    set->tables = tqp_arena_zalloc(&run->arena, sets->nstates * sizeof(TqpKeyTable));
    if (set->tables == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t s = 0; s < sets->nstates; s++)
        tqp_key_table_init(&set->tables[s], &set->plan, run->query->broker);
    return TQP_OK;
}

TqpStatus tqp_distinct_begin(TqpDistinctSets **out, TqpRun *run, const TqpAccPlan *plan,
                             uint32_t ngroups) {
    bool any = false;
    *out = NULL;
    for (uint32_t a = 0; a < plan->naccs; a++)
        any = any || plan->infos[a].distinct;
    if (!any)
        return TQP_OK;
    TqpDistinctSets *sets = tqp_arena_zalloc(&run->arena, sizeof(TqpDistinctSets));
    if (sets == NULL)
        return tqp_exec_arena_status(&run->arena);
    *out = sets;
    *sets =
        (TqpDistinctSets){.run = run, .accs = plan, .ngroups = ngroups, .nstates = run->nstates};
    sets->sets = tqp_arena_zalloc(&run->arena, plan->naccs * sizeof(Set));
    sets->scratch = tqp_arena_zalloc(&run->arena, run->nstates * sizeof(Scratch));
    if (sets->sets == NULL || sets->scratch == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t a = 0; a < plan->naccs; a++) {
        const TqpAccInfo *info = &plan->infos[a];
        bool found = !info->distinct || info->same != a;
        for (uint32_t k = 0; k < sets->nsets && !found; k++)
            found = same_rows(sets->sets[k].info->acc, info->acc);
        if (!found)
            TQP_TRY(open_set(sets, &sets->sets[sets->nsets++], info));
    }
    return TQP_OK;
}

/* ---- adding a tile ---- */

static TqpStatus open_scratch(TqpDistinctSets *sets, Scratch *scratch) {
    size_t rows = sets->accs->backend->tile_rows, nwords = 1;
    for (uint32_t k = 0; k < sets->nsets; k++)
        nwords = sets->sets[k].plan.nwords > nwords ? sets->sets[k].plan.nwords : nwords;
    scratch->open = true;
    tqp_arena_init(&scratch->arena, sets->run->query->broker);
    scratch->mask = tqp_arena_alloc(&scratch->arena, rows / 8);
    scratch->words = tqp_arena_alloc(&scratch->arena, rows * nwords * sizeof(uint64_t));
    scratch->packed = tqp_arena_alloc(&scratch->arena, TQP_KEY_BATCH * nwords * sizeof(uint64_t));
    scratch->hashes = tqp_arena_alloc(&scratch->arena, TQP_KEY_BATCH * sizeof(uint64_t));
    scratch->numbers = tqp_arena_alloc(&scratch->arena, TQP_KEY_BATCH * sizeof(uint32_t));
    scratch->groups = tqp_arena_alloc(&scratch->arena, rows * sizeof(uint32_t));
    bool ok = scratch->mask && scratch->words && scratch->packed && scratch->hashes &&
              scratch->numbers && scratch->groups;
    return ok ? TQP_OK : tqp_exec_arena_status(&scratch->arena);
}

static void add_bitmap(const TqpDistinctSets *sets, Set *set, const TqpTile *tile,
                       const uint32_t *groups, const uint64_t *guard) {
    const void *arg = tile->regs[set->arg.reg];
    _Atomic uint64_t *bits = set->bitmap.data;
    bool shared = sets->nstates > 1;
    int64_t low = (int64_t)set->low;
    for (uint32_t i = 0; i < tile->n; i++) {
        if (guard != NULL && !tqp_bitmap_get(guard, i))
            continue;
        int64_t value = (int64_t)tqp_lane_get(set->arg.lane, arg, i);
        uint64_t at = groups[i] * set->domain + (uint64_t)(value - low);
        uint64_t bit = UINT64_C(1) << (at & 63);
        uint64_t old = atomic_load_explicit(&bits[at >> 6], memory_order_relaxed);
        if (old & bit)
            continue;
        if (shared)
            atomic_fetch_or_explicit(&bits[at >> 6], bit, memory_order_relaxed);
        else
            atomic_store_explicit(&bits[at >> 6], old | bit, memory_order_relaxed);
    }
}

static TqpStatus flush(const Set *set, TqpKeyTable *table, Scratch *scratch, uint32_t n) {
    tqp_key_hash(&set->plan, scratch->packed, n, scratch->hashes);
    return tqp_key_table_insert(table, scratch->packed, scratch->hashes, n, scratch->numbers);
}

static TqpStatus add_hash(Set *set, TqpKeyTable *table, Scratch *scratch, const TqpTile *tile,
                          const uint32_t *groups, const uint64_t *guard) {
    uint32_t nwords = set->plan.nwords, n = 0;
    table->stop = tile->stop;
    tqp_key_pack(&set->plan, tile, groups, scratch->words);
    for (uint32_t i = 0; i < tile->n; i++) {
        if (guard != NULL && !tqp_bitmap_get(guard, i))
            continue;
        memcpy(scratch->packed + (size_t)n * nwords, scratch->words + (size_t)i * nwords,
               nwords * sizeof(uint64_t));
        if (++n == TQP_KEY_BATCH) {
            TQP_TRY(flush(set, table, scratch, n));
            n = 0;
        }
    }
    return n > 0 ? flush(set, table, scratch, n) : TQP_OK;
}

TqpStatus tqp_distinct_add(TqpDistinctSets *sets, uint32_t state, TqpTile *tile, const void *groups,
                           TqpLane group_lane) {
    Scratch *scratch = &sets->scratch[state];
    if (!scratch->open)
        TQP_TRY(open_scratch(sets, scratch));
    const uint32_t *wide = groups;
    if (groups == NULL || group_lane == TQP_LANE_U8) {
        for (uint32_t i = 0; i < tile->n; i++)
            scratch->groups[i] = groups == NULL ? 0 : ((const uint8_t *)groups)[i];
        wide = scratch->groups;
    }
    for (uint32_t k = 0; k < sets->nsets; k++) {
        Set *set = &sets->sets[k];
        const uint64_t *guard = tqp_acc_guard(sets->accs, tile, set->info, scratch->mask);
        if (set->domain > 0)
            add_bitmap(sets, set, tile, wide, guard);
        else
            TQP_TRY(add_hash(set, &set->tables[state], scratch, tile, wide, guard));
    }
    return TQP_OK;
}

/* ---- from sets to accumulators ---- */

typedef struct Value {
    TqpInt128 i;
    double f;
} Value;

static TqpStatus add_value(TqpAccs *accs, const TqpAccInfo *info, uint32_t a, uint32_t group,
                           const Value *value) {
    ((int64_t *)accs->counts[info->count].data)[group]++;
    void *values = accs->values[a].data;
    if (info->acc->kind == TQP_ACC_COUNT)
        return TQP_OK;
    if (info->acc->kind == TQP_ACC_F64) {
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

static TqpStatus feed(const TqpDistinctSets *sets, const Set *set, TqpAccs *accs, uint32_t group,
                      const Value *value) {
    for (uint32_t a = 0; a < sets->accs->naccs; a++)
        if (feeds(set, &sets->accs->infos[a], a))
            TQP_TRY(add_value(accs, &sets->accs->infos[a], a, group, value));
    return TQP_OK;
}

static bool only_counts(const TqpDistinctSets *sets, const Set *set) {
    for (uint32_t a = 0; a < sets->accs->naccs; a++)
        if (feeds(set, &sets->accs->infos[a], a) && sets->accs->infos[a].acc->kind != TQP_ACC_COUNT)
            return false;
    return true;
}

static TqpStatus finish_bitmap(const TqpDistinctSets *sets, const Set *set, TqpAccs *accs) {
    uint64_t words = set->domain / 64;
    bool counts = only_counts(sets, set);
    int64_t *count = accs->counts[set->info->count].data;
    for (uint32_t g = 0; g < sets->ngroups; g++) {
        const uint64_t *bits = (const uint64_t *)set->bitmap.data + g * words;
        for (uint64_t w = 0; w < words; w++) {
            if (tqp_stop_at(&sets->run->leader, g * words + w))
                return TQP_CANCELLED;
            if (counts) {
                count[g] += __builtin_popcountll(bits[w]);
                continue;
            }
            for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
                Value v = {set->low + (TqpInt128)(w * 64) + __builtin_ctzll(left), 0};
                TQP_TRY(feed(sets, set, accs, g, &v));
            }
        }
    }
    return TQP_OK;
}

static Value key_value(const Set *set, const uint64_t *words) {
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

/* All states' keys into one table, their groups renumbered. */
static TqpStatus unite(const TqpDistinctSets *sets, const Set *set, const uint32_t *const *ids,
                       TqpKeyTable *all, Scratch *scratch) {
    uint32_t nwords = set->plan.nwords;
    for (uint32_t s = 0; s < sets->nstates; s++) {
        const TqpKeyTable *table = &set->tables[s];
        for (uint32_t done = 0; done < table->nkeys; done += TQP_KEY_BATCH) {
            uint32_t n = table->nkeys - done < TQP_KEY_BATCH ? table->nkeys - done : TQP_KEY_BATCH;
            memcpy(scratch->packed, tqp_key_at(table, done), n * nwords * sizeof(uint64_t));
            for (uint32_t i = 0; ids != NULL && set->plan.has_extra && i < n; i++) {
                uint64_t *word = &scratch->packed[(size_t)i * nwords + set->plan.extra_word];
                uint32_t group = (uint32_t)(*word >> set->plan.extra_shift);
                *word &= ~((uint64_t)UINT32_MAX << set->plan.extra_shift);
                *word |= (uint64_t)ids[s][group] << set->plan.extra_shift;
            }
            TQP_TRY(flush(set, all, scratch, n));
            if (tqp_stop_at(all->stop, done))
                return TQP_CANCELLED;
        }
    }
    return TQP_OK;
}

static TqpStatus feed_table(const TqpDistinctSets *sets, const Set *set, const TqpKeyTable *table,
                            TqpAccs *accs) {
    bool counts = only_counts(sets, set);
    int64_t *count = accs->counts[set->info->count].data;
    for (uint32_t i = 0; i < table->nkeys; i++) {
        if (tqp_stop_at(&sets->run->leader, i))
            return TQP_CANCELLED;
        const uint64_t *words = tqp_key_at(table, i);
        uint32_t group = 0;
        if (set->plan.has_extra)
            group = (uint32_t)(words[set->plan.extra_word] >> set->plan.extra_shift);
        if (counts) {
            count[group]++;
            continue;
        }
        Value v = key_value(set, words);
        TQP_TRY(feed(sets, set, accs, group, &v));
    }
    return TQP_OK;
}

static TqpStatus finish_hash(TqpDistinctSets *sets, const Set *set, TqpAccs *accs,
                             const uint32_t *const *ids) {
    uint32_t used = 0, last = 0;
    for (uint32_t s = 0; s < sets->nstates; s++)
        if (set->tables[s].nkeys > 0)
            used++, last = s;
    if (used == 0)
        return TQP_OK;
    if (used == 1 && ids == NULL)
        return feed_table(sets, set, &set->tables[last], accs);
    TqpKeyTable all;
    tqp_key_table_init(&all, &set->plan, sets->run->query->broker);
    all.stop = &sets->run->leader;
    TqpStatus status = unite(sets, set, ids, &all, &sets->scratch[last]);
    if (status == TQP_OK)
        status = feed_table(sets, set, &all, accs);
    tqp_key_table_free(&all);
    return status;
}

TqpStatus tqp_distinct_finish(TqpDistinctSets *sets, TqpAccs *accs, const uint32_t *const *ids) {
    for (uint32_t k = 0; k < sets->nsets; k++) {
        const Set *set = &sets->sets[k];
        if (set->domain > 0)
            TQP_TRY(finish_bitmap(sets, set, accs));
        else
            TQP_TRY(finish_hash(sets, set, accs, ids));
    }
    return TQP_OK;
}

void tqp_distinct_release(TqpDistinctSets *sets) {
    for (uint32_t k = 0; sets != NULL && k < sets->nsets; k++) {
        tqp_buffer_free(&sets->sets[k].bitmap);
        for (uint32_t s = 0; sets->sets[k].tables != NULL && s < sets->nstates; s++)
            tqp_key_table_free(&sets->sets[k].tables[s]);
    }
    for (uint32_t s = 0; sets != NULL && sets->scratch != NULL && s < sets->nstates; s++)
        if (sets->scratch[s].open)
            tqp_arena_free(&sets->scratch[s].arena);
}
