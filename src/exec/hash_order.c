/*
 * An order of the groups of a hash aggregation that has nothing to do with which states met them:
 * by the hash of the key, then by the key.  Parts are ranges of hashes, so each is sorted by itself
 * and the order is the same however many there are.
 */
#include "exec/hash.h"
#include "exec/sort.h"

/* Hashes by group number, as integers in the order of unsigned words. */
static TqpStatus list_hashes(const TqpKeyTable *table, int64_t *hashes, const TqpStop *stop) {
    const TqpKeySlot *slots = table->slots.data;
    for (uint64_t i = 0; i < UINT64_C(1) << table->bits; i++) {
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        if (slots[i].number != 0)
            hashes[slots[i].number - 1] = (int64_t)(slots[i].hash ^ UINT64_C(1) << 63);
    }
    return TQP_OK;
}

/* Groups with equal hashes, which are few. */
static TqpStatus order_ties(const TqpKeyTable *table, const int64_t *hashes, uint32_t *order,
                            const TqpStop *stop) {
    for (uint32_t i = 1; i < table->nkeys; i++) {
        uint32_t group = order[i], j = i;
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        while (j > 0 && hashes[order[j - 1]] == hashes[group] &&
               tqp_key_compare(table->plan, tqp_key_at(table, order[j - 1]),
                               tqp_key_at(table, group)) > 0) {
            order[j] = order[j - 1];
            j--;
        }
        order[j] = group;
    }
    return TQP_OK;
}

static TqpStatus sort_groups(const TqpRun *run, const TqpKeyTable *table, TqpColumn *hashes,
                             uint32_t *order, const TqpStop *stop) {
    const TqpSortSpec by_hash = {.column = 0};
    const TqpSortInput input = {.query = run->query,
                                .stop = stop,
                                .nrows = table->nkeys,
                                .columns = hashes,
                                .nsort = 1,
                                .sort = &by_hash};
    TQP_TRY(list_hashes(table, hashes->values.data, stop));
    TQP_TRY(tqp_sort_order(&input, order));
    return order_ties(table, hashes->values.data, order, stop);
}

static TqpStatus order_part(const TqpRun *run, const TqpHash *hash, uint32_t p,
                            const TqpStop *stop) {
    const TqpKeyTable *table = &hash->final[p]->table;
    TqpBroker *broker = run->query->broker;
    TqpColumn hashes = {.slot = {.type = {.kind = TQP_TYPE_I64}, .lane = TQP_LANE_I64}};
    if (!hash->final[p]->open || table->nkeys == 0)
        return TQP_OK;
    TQP_TRY(tqp_buffer_alloc(&hash->order[p], broker, table->nkeys * sizeof(uint32_t)));
    TQP_TRY(tqp_buffer_alloc(&hashes.values, broker, table->nkeys * sizeof(int64_t)));
    TqpStatus status = sort_groups(run, table, &hashes, hash->order[p].data, stop);
    tqp_buffer_free(&hashes.values);
    return status;
}

static TqpStatus work(TqpTeam *team, int worker, void *arg) {
    TqpRun *run = arg;
    TqpHash *hash = run->sink;
    const TqpStop stop = {team, worker, NULL};
    while (!tqp_team_should_stop(team, worker)) {
        uint32_t p = atomic_fetch_add(&hash->next, 1);
        if (p >= hash->nparts)
            break;
        TQP_TRY(order_part(run, hash, p, &stop));
    }
    return TQP_OK;
}

TqpStatus tqp_hash_order(TqpRun *run) {
    TqpHash *hash = run->sink;
    hash->order = tqp_arena_zalloc(&run->arena, hash->nparts * sizeof(TqpBuffer));
    if (hash->order == NULL)
        return tqp_exec_arena_status(&run->arena);
    atomic_store(&hash->next, 0);
    return tqp_team_run(hash->nparts > 1 ? run->nworkers : 1, run->query->poll, work, run);
}
