/*
 * A dictionary under construction.  Codes are given in the order of arrival and never change; order
 * is found when the dictionary is frozen (store/rank.c).  One lock, taken once per group and
 * column: loaders bring the distinct strings of a whole group.
 */
#include <pthread.h>
#include <stdlib.h>

#include "store/intern.h"
#include "store/stage.h"

#define POLL_EVERY 8192 /* entries */

struct TqpInterner {
    pthread_mutex_t lock;
    TqpBroker *broker;
    const TqpDict *base;
    bool by_host; /* is ordered by the host's comparator */
    bool seeded;  /* base's strings are in the table; done at the first use */
    uint32_t max_entries;
    uint64_t max_bytes;
    uint32_t count;
    uint64_t bytes;
    uint64_t rows;    /* that the entries stand for */
    TqpSample sample; /* of strings that must wait */
    TqpBuffer views;  /* TqpView by code */
    TqpBuffer hashes; /* uint32_t by code */
    TqpBuffer slots;  /* uint32_t: code + 1, 0 = free */
    uint32_t nslots;
    TqpArena strings; /* of entries that are not base's */
    const TqpHostPoll *poll;
};

TqpInterner *tqp_interner_create(const TqpDict *base, uint32_t max_entries, uint64_t max_bytes,
                                 TqpBroker *broker) {
    TqpInterner *in = calloc(1, sizeof *in);
    if (in == NULL)
        return NULL;
    if (pthread_mutex_init(&in->lock, NULL) != 0) {
        free(in);
        return NULL;
    }
    in->broker = broker;
    in->base = base;
    in->max_entries = max_entries;
    in->max_bytes = max_bytes < UINT32_MAX ? max_bytes : UINT32_MAX; /* offsets are 32 bits */
    tqp_arena_init(&in->strings, broker);
    return in;
}

void tqp_interner_destroy(TqpInterner *in) {
    if (in == NULL)
        return;
    tqp_buffer_free(&in->views);
    tqp_buffer_free(&in->hashes);
    tqp_buffer_free(&in->slots);
    tqp_buffer_free(&in->sample.slots);
    tqp_arena_free(&in->strings);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

void tqp_intern_order_by_host(TqpInterner *in) {
    in->by_host = true;
}

void tqp_interner_set_poll(TqpInterner *in, const TqpHostPoll *poll) {
    in->poll = poll;
}

static bool cancelled(const TqpInterner *in, uint32_t code) {
    return code % POLL_EVERY == 0 && in->poll != NULL && in->poll->interrupted(in->poll->host);
}

static uint32_t free_slot(const TqpInterner *in, uint32_t hash) {
    const uint32_t *slots = in->slots.data;
    uint32_t at = hash & (in->nslots - 1);
    while (slots[at] != 0)
        at = (at + 1) & (in->nslots - 1);
    return at;
}

/* Room for one more entry at a load of at most one half. */
static TqpStatus reserve(TqpInterner *in, uint32_t entries) {
    if (in->nslots != 0 && entries <= in->nslots / 2)
        return TQP_OK;
    uint64_t nslots = in->nslots == 0 ? 1024 : in->nslots;
    while (entries > nslots / 2)
        nslots *= 2;
    if (nslots > UINT32_MAX / 2)
        return TQP_NO_MEMORY;
    TQP_TRY(tqp_buffer_grow(&in->views, in->broker, in->count * sizeof(TqpView),
                            nslots / 2 * sizeof(TqpView)));
    TQP_TRY(tqp_buffer_grow(&in->hashes, in->broker, in->count * sizeof(uint32_t),
                            nslots / 2 * sizeof(uint32_t)));
    TqpBuffer fresh = {0};
    TQP_TRY(tqp_buffer_alloc(&fresh, in->broker, nslots * sizeof(uint32_t)));
    memset(fresh.data, 0, nslots * sizeof(uint32_t));
    tqp_buffer_free(&in->slots);
    in->slots = fresh;
    in->nslots = (uint32_t)nslots;
    for (uint32_t code = 0; code < in->count; code++)
        ((uint32_t *)fresh.data)[free_slot(in, ((uint32_t *)in->hashes.data)[code])] = code + 1;
    return TQP_OK;
}

static void append(TqpInterner *in, uint32_t at, TqpView v, uint32_t hash) {
    ((TqpView *)in->views.data)[in->count] = v;
    ((uint32_t *)in->hashes.data)[in->count] = hash;
    ((uint32_t *)in->slots.data)[at] = ++in->count;
    in->bytes += v.len;
}

static TqpStatus seed(TqpInterner *in) {
    if (in->seeded)
        return TQP_OK;
    uint32_t n = in->base != NULL ? in->base->count : 0;
    TQP_TRY(reserve(in, n + 1));
    for (uint32_t code = in->count; code < n; code++) {
        if (cancelled(in, code))
            return TQP_CANCELLED; /* the next use goes on from here */
        TqpView v = tqp_dict_view(in->base, code);
        uint32_t hash = tqp_intern_hash(v.data, v.len);
        append(in, free_slot(in, hash), v, hash);
    }
    in->seeded = true;
    return TQP_OK;
}

/* Entries were added in the order of their codes, so taking the last ones out breaks no probe. */
static void roll_back(TqpInterner *in, uint32_t count) {
    uint32_t *slots = in->slots.data;
    while (in->count > count) {
        uint32_t code = --in->count;
        uint32_t at = ((uint32_t *)in->hashes.data)[code] & (in->nslots - 1);
        while (slots[at] != code + 1)
            at = (at + 1) & (in->nslots - 1);
        slots[at] = 0;
        in->bytes -= ((TqpView *)in->views.data)[code].len;
    }
}

static bool find_or_add(TqpInterner *in, TqpView v, uint32_t hash, uint32_t *code) {
    const uint32_t *slots = in->slots.data, *hashes = in->hashes.data;
    const TqpView *views = in->views.data;
    uint32_t at = hash & (in->nslots - 1);
    for (; slots[at] != 0; at = (at + 1) & (in->nslots - 1)) {
        uint32_t have = slots[at] - 1;
        if (hashes[have] == hash && tqp_view_same(views[have], v)) {
            *code = have;
            return true;
        }
    }
    if (in->count >= in->max_entries || in->bytes + v.len > in->max_bytes)
        return false;
    if (in->count + 1 > in->nslots / 2) {
        if (reserve(in, in->count + 1) != TQP_OK)
            return false;
        at = free_slot(in, hash);
    }
    *code = in->count;
    append(in, at, v, hash);
    return true;
}

/* Strings that came with this merge move from the caller's memory into the interner's. */
static bool copy_strings(TqpInterner *in, uint32_t first) {
    TqpView *views = in->views.data;
    uint64_t bytes = 0;
    for (uint32_t code = first; code < in->count; code++)
        bytes += views[code].len;
    char *to = tqp_arena_alloc(&in->strings, bytes + 1);
    if (to == NULL)
        return false;
    for (uint32_t code = first; code < in->count; code++) {
        memcpy(to, views[code].data, views[code].len);
        views[code].data = to;
        to += views[code].len;
    }
    return true;
}

/* ---- judging; who is cancelled may get any verdict, as the build fails ---- */

static bool is_known(const TqpInterner *in, uint32_t hash) {
    const uint32_t *slots = in->slots.data, *hashes = in->hashes.data;
    if (tqp_sample_has(&in->sample, hash))
        return true;
    for (uint32_t at = hash & (in->nslots - 1); slots[at] != 0; at = (at + 1) & (in->nslots - 1))
        if (hashes[slots[at] - 1] == hash)
            return true;
    return false;
}

static TqpEvidence gather(const TqpInterner *in, uint32_t n, const uint32_t *hashes, uint64_t rows,
                          uint64_t expected) {
    TqpEvidence e = {.seen = in->count + in->sample.count - in->sample.coded,
                     .strings = n,
                     .rows = in->rows + in->sample.rows + rows,
                     .most = in->max_entries,
                     .postponed = in->sample.groups,
                     .by_host = in->by_host};
    e.expected = expected > e.rows ? expected : e.rows;
    for (uint32_t i = 0; i < n && !cancelled(in, i); i++)
        e.known += is_known(in, hashes[i]);
    return e;
}

static TqpVerdict judge(TqpInterner *in, uint32_t n, const uint32_t *hashes, uint64_t rows,
                        uint64_t expected) {
    /* What would do if all strings were new needs no look at them. */
    uint64_t seen = in->count + in->sample.count - in->sample.coded;
    if (tqp_dict_pays(seen + n, in->rows + in->sample.rows + rows, in->by_host))
        return TQP_DICT_YES;
    TqpEvidence e = gather(in, n, hashes, rows, expected);
    TqpVerdict verdict = tqp_dict_judge(&e);
    if (verdict != TQP_DICT_LATER)
        return verdict;
    in->sample.groups++;
    in->sample.rows += rows;
    for (uint32_t i = 0; i < n; i++)
        if (!is_known(in, hashes[i]) && !tqp_sample_add(&in->sample, in->broker, hashes[i]))
            return TQP_DICT_NO;
    return TQP_DICT_LATER;
}

#define GLANCE 4096u /* rows */

/* Each hash of a sample once: a string that fills the group is one that may be new, not thousands.
 * Returns how many there are. */
static uint32_t glance(const TqpStage *s, uint32_t *hashes) {
    const uint32_t *offsets = s->values.data;
    const char *text = s->text.data;
    uint32_t slots[2 * GLANCE] = {0}, n = 0, step = s->nrows / GLANCE + 1;
    for (uint32_t row = 0; row < s->nrows; row += step) {
        uint32_t len = offsets[row + 1] - offsets[row];
        if (len == 0)
            continue; /* mostly a null */
        uint32_t hash = tqp_intern_hash(text + offsets[row], len), at = hash % (2 * GLANCE);
        while (slots[at] != 0 && hashes[slots[at] - 1] != hash)
            at = (at + 1) % (2 * GLANCE);
        if (slots[at] == 0) {
            hashes[n++] = hash;
            slots[at] = n;
        }
    }
    return n;
}

bool tqp_intern_hopeless(TqpInterner *in, const TqpStage *s, uint64_t expected) {
    uint32_t hashes[GLANCE];
    pthread_mutex_lock(&in->lock);
    bool asked = in->seeded && in->count == 0 && in->sample.groups > 0;
    pthread_mutex_unlock(&in->lock);
    uint32_t n = asked ? glance(s, hashes) : 0;
    if (n == 0)
        return false;
    pthread_mutex_lock(&in->lock);
    TqpEvidence e = gather(in, n, hashes, s->nrows, expected);
    pthread_mutex_unlock(&in->lock);
    return tqp_dict_judge(&e) == TQP_DICT_NO;
}

/* ---- merging ---- */

static bool add_all(TqpInterner *in, uint32_t n, const TqpView *strings, const uint32_t *hashes,
                    uint32_t *codes) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t hash =
            hashes != NULL ? hashes[i] : tqp_intern_hash(strings[i].data, strings[i].len);
        if (cancelled(in, i) || !find_or_add(in, strings[i], hash, &codes[i]))
            return false;
    }
    return true;
}

TqpVerdict tqp_intern_merge(TqpInterner *in, uint32_t n, const TqpView *strings,
                            const uint32_t *hashes, uint64_t rows, uint64_t expected,
                            uint32_t *codes) {
    pthread_mutex_lock(&in->lock);
    TqpVerdict verdict = seed(in) == TQP_OK ? TQP_DICT_YES : TQP_DICT_NO;
    uint32_t first = in->count;
    if (verdict == TQP_DICT_YES && expected > 0)
        verdict = judge(in, n, hashes, rows, expected);
    if (verdict == TQP_DICT_YES && (!add_all(in, n, strings, hashes, codes) ||
                                    (in->count > first && !copy_strings(in, first)))) {
        roll_back(in, first);
        verdict = TQP_DICT_NO;
    }
    if (verdict == TQP_DICT_YES) {
        in->rows += rows;
        for (uint32_t code = first; in->sample.count > 0 && code < in->count; code++)
            in->sample.coded += tqp_sample_has(&in->sample, ((uint32_t *)in->hashes.data)[code]);
    }
    pthread_mutex_unlock(&in->lock);
    return verdict;
}

bool tqp_interner_codes(TqpInterner *in, uint32_t n, const TqpView *strings, uint32_t *codes) {
    return tqp_intern_merge(in, n, strings, NULL, n, 0, codes) == TQP_DICT_YES;
}

uint32_t tqp_interner_count(TqpInterner *in) {
    pthread_mutex_lock(&in->lock);
    uint32_t count = in->seeded ? in->count : in->base != NULL ? in->base->count : 0;
    pthread_mutex_unlock(&in->lock);
    return count;
}

void tqp_intern_add_rows(TqpInterner *in, uint64_t rows) {
    pthread_mutex_lock(&in->lock);
    in->rows += rows;
    pthread_mutex_unlock(&in->lock);
}

/* Arrays of a frozen dictionary: as padded as a chunk's. */
static TqpStatus copy_out(TqpInterner *in, TqpArena *a, TqpDict *dict) {
    uint32_t *offsets =
        tqp_arena_alloc(a, ((uint64_t)in->count + 1) * sizeof(uint32_t) + TQP_CHUNK_PAD);
    char *bytes = tqp_arena_alloc(a, in->bytes + TQP_CHUNK_PAD);
    if (offsets == NULL || bytes == NULL)
        return a->failed;
    const TqpView *views = in->views.data;
    uint32_t at = 0;
    for (uint32_t code = 0; code < in->count; code++) {
        if (cancelled(in, code))
            return TQP_CANCELLED;
        offsets[code] = at;
        memcpy(bytes + at, views[code].data, views[code].len);
        at += views[code].len;
    }
    offsets[in->count] = at;
    memset(offsets + in->count + 1, 0, TQP_CHUNK_PAD);
    memset(bytes + at, 0, TQP_CHUNK_PAD);
    dict->count = in->count;
    dict->offsets = offsets;
    dict->bytes = bytes;
    return TQP_OK;
}

static TqpStatus copy_ranks(TqpInterner *in, TqpArena *a, const TqpRankOrder *order,
                            TqpDict *dict) {
    uint64_t size = (uint64_t)in->count * sizeof(uint32_t) + TQP_CHUNK_PAD;
    uint32_t *rank = tqp_arena_alloc(a, size), *by_rank = tqp_arena_alloc(a, size);
    if (rank == NULL || by_rank == NULL)
        return a->failed;
    memset(rank, 0, size);
    memset(by_rank, 0, size);
    TQP_TRY(tqp_rank_sort(in->views.data, in->count, in->base, order, by_rank, rank));
    bool identity = true;
    for (uint32_t i = 0; i < in->count; i++) {
        rank[by_rank[i]] = i;
        identity &= by_rank[i] == i;
    }
    dict->rank = identity ? NULL : rank;
    dict->by_rank = identity ? NULL : by_rank;
    dict->ranked = true;
    return TQP_OK;
}

TqpStatus tqp_intern_freeze(TqpInterner *in, TqpArena *a, const TqpRankOrder *order, TqpDict *dict,
                            TqpError *err) {
    memset(dict, 0, sizeof *dict);
    if (in->base != NULL && in->base->ranked && (!in->seeded || in->count == in->base->count)) {
        *dict = *in->base;
        return TQP_OK;
    }
    pthread_mutex_lock(&in->lock);
    TqpStatus status = seed(in);
    pthread_mutex_unlock(&in->lock);
    if (status == TQP_OK)
        status = copy_out(in, a, dict);
    /* Not under the lock: the host's comparator may take long, and a host may leave it by a jump.
     */
    if (status == TQP_OK)
        status = copy_ranks(in, a, order, dict);
    if (status != TQP_OK)
        return tqp_error_set(err, status, "ranking a dictionary: %s", tqp_status_name(status));
    return TQP_OK;
}

TqpStatus tqp_interner_dict(TqpInterner *in, TqpArena *a, uint32_t collation,
                            TqpStoreCompare compare, void *host, TqpDict *dict, TqpError *err) {
    TqpRankOrder order = {collation, compare, host, in->poll};
    return tqp_intern_freeze(in, a, &order, dict, err);
}
