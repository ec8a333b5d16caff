/* Sets of distinct arguments: a bitmap that all states share, or a hash table per state. */
#include "exec/distinct_sets.h"

#include <string.h>

#include "exec/memory.h"

/* A bitmap over (group, value) is used up to this size, shared by all states. */
#define BITMAP_BITS_MAX (UINT64_C(1) << 28)

static void choose_bitmap(TqpDistinctSet *set, uint32_t ngroups) {
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

static TqpStatus open_set(TqpDistinctSets *sets, TqpDistinctSet *set, const TqpAccInfo *info) {
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
    set->keys = tqp_arena_zalloc(&run->arena, sets->nstates * sizeof(TqpKeySet));
    return set->keys != NULL ? TQP_OK : tqp_exec_arena_status(&run->arena);
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
    sets->sets = tqp_arena_zalloc(&run->arena, plan->naccs * sizeof(TqpDistinctSet));
    sets->scratch = tqp_arena_zalloc(&run->arena, run->nstates * sizeof(TqpDistinctScratch));
    if (sets->sets == NULL || sets->scratch == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t a = 0; a < plan->naccs; a++) {
        const TqpAccInfo *info = &plan->infos[a];
        bool found = !info->distinct || info->same != a;
        for (uint32_t k = 0; k < sets->nsets && !found; k++)
            found = tqp_distinct_same_rows(sets->sets[k].info->acc, info->acc);
        if (!found)
            TQP_TRY(open_set(sets, &sets->sets[sets->nsets++], info));
    }
    return TQP_OK;
}

/* ---- adding a tile ---- */

static TqpStatus open_state(TqpDistinctSets *sets, uint32_t state) {
    TqpDistinctScratch *scratch = &sets->scratch[state];
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
    if (!(scratch->mask && scratch->words && scratch->packed && scratch->hashes &&
          scratch->numbers && scratch->groups))
        return tqp_exec_arena_status(&scratch->arena);
    for (uint32_t k = 0; k < sets->nsets; k++)
        if (sets->sets[k].domain == 0)
            tqp_key_set_init(&sets->sets[k].keys[state], &sets->sets[k].plan,
                             sets->run->query->broker, scratch->hashes, scratch->numbers);
    return TQP_OK;
}

static void add_bitmap(const TqpDistinctSets *sets, TqpDistinctSet *set, const TqpTile *tile,
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

static TqpStatus add_hash(TqpDistinctSet *set, uint32_t state, TqpDistinctScratch *scratch,
                          const TqpTile *tile, const uint32_t *groups, const uint64_t *guard) {
    TqpKeySet *keys = &set->keys[state];
    uint32_t nwords = set->plan.nwords, n = 0;
    tqp_key_pack(&set->plan, tile, groups, scratch->words);
    for (uint32_t i = 0; guard == NULL && i < tile->n; i += n) {
        n = tile->n - i < TQP_KEY_BATCH ? tile->n - i : TQP_KEY_BATCH;
        TQP_TRY(tqp_key_set_add(keys, scratch->words + (size_t)i * nwords, n, tile->stop));
    }
    n = 0;
    for (uint32_t i = 0; guard != NULL && i < tile->n; i++) {
        if (!tqp_bitmap_get(guard, i))
            continue;
        memcpy(scratch->packed + (size_t)n * nwords, scratch->words + (size_t)i * nwords,
               nwords * sizeof(uint64_t));
        if (++n == TQP_KEY_BATCH) {
            TQP_TRY(tqp_key_set_add(keys, scratch->packed, n, tile->stop));
            n = 0;
        }
    }
    return guard != NULL && n > 0 ? tqp_key_set_add(keys, scratch->packed, n, tile->stop) : TQP_OK;
}

TqpStatus tqp_distinct_add(TqpDistinctSets *sets, uint32_t state, TqpTile *tile, const void *groups,
                           TqpLane group_lane) {
    TqpDistinctScratch *scratch = &sets->scratch[state];
    if (!scratch->open)
        TQP_TRY(open_state(sets, state));
    const uint32_t *wide = groups;
    if (groups == NULL || group_lane == TQP_LANE_U8) {
        for (uint32_t i = 0; i < tile->n; i++)
            scratch->groups[i] = groups == NULL ? 0 : ((const uint8_t *)groups)[i];
        wide = scratch->groups;
    }
    for (uint32_t k = 0; k < sets->nsets; k++) {
        TqpDistinctSet *set = &sets->sets[k];
        const uint64_t *guard = tqp_acc_guard(sets->accs, tile, set->info, scratch->mask);
        if (set->domain > 0)
            add_bitmap(sets, set, tile, wide, guard);
        else
            TQP_TRY(add_hash(set, state, scratch, tile, wide, guard));
    }
    return TQP_OK;
}

void tqp_distinct_release(TqpDistinctSets *sets) {
    for (uint32_t k = 0; sets != NULL && k < sets->nsets; k++) {
        tqp_buffer_free(&sets->sets[k].bitmap);
        for (uint32_t s = 0; sets->sets[k].keys != NULL && s < sets->nstates; s++)
            tqp_key_set_free(&sets->sets[k].keys[s]);
    }
    for (uint32_t s = 0; sets != NULL && sets->scratch != NULL && s < sets->nstates; s++)
        if (sets->scratch[s].open)
            tqp_arena_free(&sets->scratch[s].arena);
}
