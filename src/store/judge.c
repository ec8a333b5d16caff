/*
 * Whether the strings of a column are worth a dictionary.  A row group alone cannot tell 50,000
 * strings in random order, of which it has most, from strings that never come twice.  The next one
 * can: it has drawn anew, and how many of its strings were seen before tells how many there are
 * (capture and recapture, as biologists count fish).  Until then groups are postponed: they are
 * written plain, and only the hashes of their strings are kept.
 */
#include "store/intern.h"

/* Groups told to wait, and hashes kept of them.  Strings that are too many are mostly refused when
 * the second group comes. */
#define POSTPONED_MAX 16u
#define SAMPLE_MAX    (1u << 20)
#define SEEN_ENOUGH   16384u /* strings, to judge by those that come again */
#define SURE_SHARE    4u     /* a quarter of the strings must have been seen */

/*
 * Rows per entry: comparing, joining and grouping then work on codes.  Long ones must repeat more,
 * because they have to be ordered: some 20 comparisons for each entry, of a microsecond where the
 * host does them.
 */
static uint64_t repeats_wanted(uint64_t entries, bool by_host) {
    if (entries <= 4096)
        return 0;
    return entries <= 1u << 16 ? 2 : entries <= 1u << 18 || !by_host ? 4 : 16;
}

bool tqp_dict_pays(uint64_t entries, uint64_t rows, bool by_host) {
    return rows >= repeats_wanted(entries, by_host) * entries;
}

/*
 * Strings of which some are frequent look like fewer than they are, the more so the smaller the
 * share of them that was seen: hence the share from which on the estimate is trusted.  Refusing is
 * for good, so it goes by the least number that the overlap allows.
 */
TqpVerdict tqp_dict_judge(const TqpEvidence *e) {
    if (tqp_dict_pays(e->seen + e->strings - e->known, e->rows, e->by_host))
        return TQP_DICT_YES;
    if (e->seen >= SEEN_ENOUGH) {
        uint64_t least = e->seen * e->strings / (e->known + e->known / 2 + 16);
        if (least > e->most || !tqp_dict_pays(least, e->expected, e->by_host))
            return TQP_DICT_NO;
        uint64_t likely = e->seen * e->strings / (e->known + 1);
        if (e->known >= e->strings / SURE_SHARE && likely <= e->most &&
            tqp_dict_pays(likely, e->expected, e->by_host))
            return TQP_DICT_YES;
    }
    return e->postponed < POSTPONED_MAX ? TQP_DICT_LATER : TQP_DICT_NO;
}

/* ---- hashes of strings that wait ---- */

static uint32_t *find(const TqpSample *s, uint32_t hash) {
    uint32_t *slots = s->slots.data, at = hash & (s->nslots - 1);
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (s->nslots - 1);
    return &slots[at];
}

/* 0 marks what is free. */
static uint32_t mark(uint32_t hash) {
    return hash + (hash == 0);
}

bool tqp_sample_has(const TqpSample *s, uint32_t hash) {
    return s->nslots > 0 && *find(s, mark(hash)) != 0;
}

/* At most half full. */
static bool reserve(TqpSample *s, TqpBroker *broker, uint32_t count) {
    TqpSample grown = *s;
    if (count <= s->nslots / 2)
        return true;
    grown.nslots = s->nslots > 0 ? s->nslots : 1024;
    while (count > grown.nslots / 2)
        grown.nslots *= 2;
    memset(&grown.slots, 0, sizeof grown.slots);
    if (tqp_buffer_alloc(&grown.slots, broker, grown.nslots * sizeof(uint32_t)) != TQP_OK)
        return false;
    memset(grown.slots.data, 0, grown.nslots * sizeof(uint32_t));
    for (uint32_t i = 0; i < s->nslots; i++) {
        uint32_t hash = ((const uint32_t *)s->slots.data)[i];
        if (hash != 0)
            *find(&grown, hash) = hash;
    }
    tqp_buffer_free(&s->slots);
    *s = grown;
    return true;
}

bool tqp_sample_add(TqpSample *s, TqpBroker *broker, uint32_t hash) {
    if (s->count >= SAMPLE_MAX || !reserve(s, broker, s->count + 1))
        return false;
    uint32_t *slot = find(s, mark(hash));
    s->count += *slot == 0;
    *slot = mark(hash);
    return true;
}
