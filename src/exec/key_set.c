/* Sets of keys: a small table, then lists by parts of the hash. */
#include "exec/key_set.h"

#include <string.h>

#include "base/hash.h"
#include "exec/memory.h"

/* A table of so many keys stays in the L2; the greatest one, mostly in the L3. */
#define TABLE_MIN 16384u
#define TABLE_MAX (1u << 18)
/* After a table whose keys hardly came again: rows without one. */
#define SKIP_ROWS (UINT64_C(1) << 20)
#define FILL      65536u /* entries of a run */
/* Runs of this size are looked through for duplicates; then, when they have grown so much. */
#define COMPACT_BYTES ((uint64_t)32 << 20)
#define COMPACT_TIMES 3u

/* The hash of a key of several words is that of its value plus so much for its group. */
#define GROUP_STEP UINT64_C(0x9e3779b97f4a7c15)

void tqp_key_set_init(TqpKeySet *set, const TqpKeyPlan *plan, TqpBroker *broker, uint64_t *hashes,
                      uint32_t *numbers) {
    memset(set, 0, sizeof(*set));
    set->plan = plan;
    set->broker = broker;
    set->width = plan->nwords + (plan->nwords > 1);
    set->limit = TABLE_MIN;
    set->hashes = hashes;
    set->numbers = numbers;
    set->compact_at = COMPACT_BYTES / (set->width * sizeof(uint64_t));
    tqp_key_table_init(&set->table, plan, broker);
}

void tqp_key_set_free(TqpKeySet *set) {
    TqpKeyRun *runs = set->runs.data;
    for (uint32_t r = 0; r < set->nruns; r++)
        tqp_buffer_free(&runs[r].entries);
    tqp_buffer_free(&set->runs);
    tqp_buffer_free(&set->fill);
    tqp_key_table_free(&set->table);
    set->nruns = 0;
}

/* ---- hashes ---- */

static void set_group(const TqpKeyPlan *plan, uint64_t *words, uint32_t group) {
    uint64_t *word = &words[plan->extra_word];
    *word &= ~((uint64_t)UINT32_MAX << plan->extra_shift);
    *word |= (uint64_t)group << plan->extra_shift;
}

static void hash_keys(const TqpKeyPlan *plan, uint64_t *words, uint32_t n, uint64_t *hashes) {
    uint32_t groups[TQP_KEY_BATCH];
    if (plan->nwords == 1 || !plan->has_extra) {
        tqp_key_hash(plan, words, n, hashes);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = tqp_key_group(plan, words + (size_t)i * plan->nwords);
        set_group(plan, words + (size_t)i * plan->nwords, 0);
    }
    tqp_key_hash(plan, words, n, hashes);
    for (uint32_t i = 0; i < n; i++) {
        set_group(plan, words + (size_t)i * plan->nwords, groups[i]);
        hashes[i] += groups[i] * GROUP_STEP;
    }
}

static uint64_t entry_hash(const TqpKeySet *set, const uint64_t *entry) {
    return set->width > 1 ? entry[set->width - 1] : tqp_hash_u64(entry[0]);
}

/* The upper bits are the position in a table. */
static uint32_t part_of(uint64_t hash) {
    return hash % TQP_SET_PARTS;
}

/* ---- runs ---- */

static TqpStatus new_run(TqpKeySet *set, uint64_t n, TqpKeyRun **run, const TqpStop *stop) {
    size_t have = set->nruns * sizeof(TqpKeyRun);
    TQP_TRY(tqp_memory_grow(&set->runs, set->broker, have, have + sizeof(TqpKeyRun), stop));
    *run = (TqpKeyRun *)set->runs.data + set->nruns;
    memset(*run, 0, sizeof(**run));
    TQP_TRY(tqp_buffer_alloc(&(*run)->entries, set->broker, n * set->width * sizeof(uint64_t)));
    set->nruns++;
    set->nentries += n;
    return TQP_OK;
}

static void renumber(const TqpKeySet *set, const uint32_t *ids, uint64_t *entry) {
    uint32_t old = tqp_key_group(set->plan, entry), group = ids[old];
    set_group(set->plan, entry, group);
    if (set->width > 1)
        entry[set->width - 1] += (group - (uint64_t)old) * GROUP_STEP;
}

/* n entries as a new run, renumbered in place first if there are ids. */
static TqpStatus scatter(TqpKeySet *set, uint64_t *entries, uint32_t n, const uint32_t *ids,
                         const TqpStop *stop) {
    uint32_t width = set->width, at[TQP_SET_PARTS] = {0}, total = 0;
    TqpKeyRun *run;
    TQP_TRY(new_run(set, n, &run, stop));
    for (uint32_t i = 0; i < n; i++) {
        uint64_t *entry = entries + (size_t)i * width;
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        if (ids != NULL && set->plan->has_extra)
            renumber(set, ids, entry);
        at[part_of(entry_hash(set, entry))]++;
    }
    for (uint32_t p = 0; p < TQP_SET_PARTS; p++) {
        run->begin[p] = total;
        total += at[p];
        at[p] = run->begin[p];
    }
    run->begin[TQP_SET_PARTS] = total;
    uint64_t *out = run->entries.data;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *entry = entries + (size_t)i * width;
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        uint64_t *to = out + (size_t)at[part_of(entry_hash(set, entry))]++ * width;
        for (uint32_t w = 0; w < width; w++)
            to[w] = entry[w];
    }
    return TQP_OK;
}

uint64_t tqp_key_set_entries(const TqpKeySet *set, uint32_t from, uint32_t to) {
    const TqpKeyRun *runs = set->runs.data;
    uint64_t n = 0;
    for (uint32_t r = 0; r < set->nruns; r++)
        n += runs[r].begin[to] - runs[r].begin[from];
    return n;
}

static TqpStatus insert(const TqpKeySet *set, const uint64_t *entries, uint32_t n,
                        TqpKeyTable *table) {
    uint64_t words[TQP_KEY_BATCH * 4], hashes[TQP_KEY_BATCH];
    uint32_t numbers[TQP_KEY_BATCH], nwords = set->plan->nwords;
    for (uint32_t i = 0; i < n; i++)
        hashes[i] = entry_hash(set, entries + (size_t)i * set->width);
    if (set->width == 1)
        return tqp_key_table_insert(table, entries, hashes, n, numbers);
    for (uint32_t i = 0; i < n; i++)
        memcpy(words + (size_t)i * nwords, entries + (size_t)i * set->width,
               nwords * sizeof(uint64_t));
    return tqp_key_table_insert(table, words, hashes, n, numbers);
}

TqpStatus tqp_key_set_unite(const TqpKeySet *set, uint32_t from, uint32_t to, TqpKeyTable *table,
                            const TqpStop *stop) {
    const TqpKeyRun *runs = set->runs.data;
    uint64_t done = 0;
    for (uint32_t r = 0; r < set->nruns; r++) {
        const uint64_t *entries = runs[r].entries.data;
        for (uint32_t i = runs[r].begin[from], end = runs[r].begin[to], n; i < end; i += n) {
            n = end - i < TQP_KEY_BATCH ? end - i : TQP_KEY_BATCH;
            if (++done % (TQP_STOP_EVERY / TQP_KEY_BATCH) == 0 && tqp_stop_asked(stop))
                return TQP_CANCELLED;
            TQP_TRY(insert(set, entries + (size_t)i * set->width, n, table));
        }
    }
    return TQP_OK;
}

/* The table's keys as entries, in the order of their numbers. */
static void copy_entries(const TqpKeySet *set, const TqpKeyTable *table, uint64_t *out) {
    uint32_t nwords = set->plan->nwords;
    if (table->nkeys == 0)
        return;
    if (set->width == 1) {
        memcpy(out, table->keys.data, table->nkeys * sizeof(uint64_t));
        return;
    }
    for (uint32_t i = 0; i < table->nkeys; i++)
        memcpy(out + (size_t)i * set->width, tqp_key_at(table, i), nwords * sizeof(uint64_t));
    const TqpKeySlot *slots = table->slots.data;
    for (uint64_t i = 0; i < UINT64_C(1) << table->bits; i++)
        if (slots[i].number != 0)
            out[(size_t)(slots[i].number - 1) * set->width + nwords] = slots[i].hash;
}

static void free_runs(TqpKeySet *set, uint32_t n) {
    TqpKeyRun *runs = set->runs.data;
    if (n == 0)
        return;
    for (uint32_t r = 0; r < n; r++) {
        set->nentries -= runs[r].begin[TQP_SET_PARTS];
        tqp_buffer_free(&runs[r].entries);
    }
    memmove(runs, runs + n, (set->nruns - n) * sizeof(TqpKeyRun));
    set->nruns -= n;
}

/* One run without duplicates, part by part by means of the table. */
static TqpStatus compact_parts(TqpKeySet *set, TqpKeyTable *table, TqpKeyRun *out,
                               const TqpStop *stop) {
    size_t bytes = set->width * sizeof(uint64_t);
    for (uint32_t p = 0; p < TQP_SET_PARTS; p++) {
        uint32_t n = out->begin[p];
        TQP_TRY(tqp_key_table_clear(table));
        TQP_TRY(tqp_key_table_reserve(table, tqp_key_set_entries(set, p, p + 1)));
        TQP_TRY(tqp_key_set_unite(set, p, p + 1, table, stop));
        TQP_TRY(tqp_memory_grow(&out->entries, set->broker, n * bytes,
                                ((size_t)n + table->nkeys) * bytes, stop));
        copy_entries(set, table, (uint64_t *)out->entries.data + (size_t)n * set->width);
        out->begin[p + 1] = n + table->nkeys;
    }
    return TQP_OK;
}

static TqpStatus compact(TqpKeySet *set, const TqpStop *stop) {
    TqpKeyTable table;
    TqpKeyRun out = {0};
    tqp_key_table_init(&table, set->plan, set->broker);
    table.stop = stop;
    TqpStatus status = compact_parts(set, &table, &out, stop);
    tqp_key_table_free(&table);
    if (status != TQP_OK) {
        tqp_buffer_free(&out.entries);
        return status;
    }
    free_runs(set, set->nruns);
    *(TqpKeyRun *)set->runs.data = out;
    set->nruns = 1;
    set->nentries = out.begin[TQP_SET_PARTS];
    if (set->compact_at < COMPACT_TIMES * set->nentries)
        set->compact_at = COMPACT_TIMES * set->nentries;
    return TQP_OK;
}

/* ---- adding ---- */

static TqpStatus flush_fill(TqpKeySet *set, const uint32_t *ids, const TqpStop *stop) {
    uint32_t n = set->nfill;
    set->nfill = 0;
    return n > 0 ? scatter(set, set->fill.data, n, ids, stop) : TQP_OK;
}

static TqpStatus flush_table(TqpKeySet *set, const uint32_t *ids, const TqpStop *stop) {
    TQP_TRY(flush_fill(set, ids, stop));
    TQP_TRY(tqp_memory_grow(&set->fill, set->broker, 0,
                            (size_t)set->table.nkeys * set->width * sizeof(uint64_t), stop));
    copy_entries(set, &set->table, set->fill.data);
    set->nfill = set->table.nkeys;
    set->stretch = set->stretch_keys = 0;
    TQP_TRY(tqp_key_table_clear(&set->table));
    return flush_fill(set, ids, stop);
}

static TqpStatus table_is_full(TqpKeySet *set, const TqpStop *stop) {
    bool again = set->stretch / 5 * 4 >= set->table.nkeys - set->stretch_keys;
    if (again && set->limit < TABLE_MAX) {
        set->limit *= 2;
        set->stretch = 0;
        set->stretch_keys = set->table.nkeys;
        return TQP_OK;
    }
    TQP_TRY(flush_table(set, NULL, stop));
    set->skip = again ? 0 : SKIP_ROWS;
    if (set->limit > TABLE_MIN) {
        tqp_key_table_free(&set->table);
        tqp_key_table_init(&set->table, set->plan, set->broker);
        set->limit = TABLE_MIN;
    }
    return set->nentries >= set->compact_at ? compact(set, stop) : TQP_OK;
}

static TqpStatus add_fill(TqpKeySet *set, uint64_t *words, uint32_t n, const TqpStop *stop) {
    uint32_t nwords = set->plan->nwords;
    if (set->nfill + n > FILL) {
        TQP_TRY(flush_fill(set, NULL, stop));
        if (set->nentries >= set->compact_at)
            TQP_TRY(compact(set, stop));
    }
    TQP_TRY(tqp_memory_grow(&set->fill, set->broker, 0,
                            (size_t)FILL * set->width * sizeof(uint64_t), stop));
    uint64_t *out = (uint64_t *)set->fill.data + (size_t)set->nfill * set->width;
    set->nfill += n;
    if (set->width == 1) {
        memcpy(out, words, n * sizeof(uint64_t));
        return TQP_OK;
    }
    hash_keys(set->plan, words, n, set->hashes);
    for (uint32_t i = 0; i < n; i++, out += set->width) {
        memcpy(out, words + (size_t)i * nwords, nwords * sizeof(uint64_t));
        out[nwords] = set->hashes[i];
    }
    return TQP_OK;
}

TqpStatus tqp_key_set_add(TqpKeySet *set, uint64_t *words, uint32_t n, const TqpStop *stop) {
    if (set->skip > 0) {
        set->skip -= set->skip < n ? set->skip : n;
        return add_fill(set, words, n, stop);
    }
    set->table.stop = stop;
    hash_keys(set->plan, words, n, set->hashes);
    TQP_TRY(tqp_key_table_insert(&set->table, words, set->hashes, n, set->numbers));
    set->stretch += n;
    return set->table.nkeys >= set->limit ? table_is_full(set, stop) : TQP_OK;
}

TqpStatus tqp_key_set_close(TqpKeySet *set, const uint32_t *ids, const TqpStop *stop) {
    uint32_t before = set->nruns;
    for (uint32_t r = 0; ids != NULL && set->plan->has_extra && r < before; r++) {
        TqpKeyRun run = ((TqpKeyRun *)set->runs.data)[r]; /* the list may move */
        TQP_TRY(scatter(set, run.entries.data, run.begin[TQP_SET_PARTS], ids, stop));
    }
    if (ids != NULL && set->plan->has_extra)
        free_runs(set, before);
    set->table.stop = stop;
    TQP_TRY(flush_table(set, ids, stop));
    tqp_key_table_free(&set->table);
    tqp_buffer_free(&set->fill);
    return TQP_OK;
}
