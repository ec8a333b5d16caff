/*
 * The distinct strings of one staged group: a local open-addressing table, without a lock, before
 * the one locked merge into the column's interner.
 */
#include <string.h>

#include "store/intern.h"
#include "store/stage.h"

void tqp_distinct_free(TqpDistinct *d) {
    tqp_buffer_free(&d->ids);
    tqp_buffer_free(&d->views);
    tqp_buffer_free(&d->hashes);
    tqp_buffer_free(&d->codes);
    tqp_buffer_free(&d->slots);
}

static TqpStatus rehash(TqpDistinct *d, uint32_t nslots) {
    uint64_t half = nslots / 2;
    TQP_TRY(tqp_buffer_grow(&d->slots, d->broker, 0, (uint64_t)nslots * sizeof(uint32_t)));
    TQP_TRY(
        tqp_buffer_grow(&d->views, d->broker, d->count * sizeof(TqpView), half * sizeof(TqpView)));
    TQP_TRY(tqp_buffer_grow(&d->hashes, d->broker, d->count * sizeof(uint32_t),
                            half * sizeof(uint32_t)));
    TQP_TRY(tqp_buffer_grow(&d->codes, d->broker, 0, half * sizeof(uint32_t)));
    uint32_t *slots = d->slots.data;
    const uint32_t *hashes = d->hashes.data;
    memset(slots, 0, (uint64_t)nslots * sizeof(uint32_t));
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t at = hashes[i] & (nslots - 1);
        while (slots[at] != 0)
            at = (at + 1) & (nslots - 1);
        slots[at] = i + 1;
    }
    d->nslots = nslots;
    return TQP_OK;
}

static TqpStatus find_or_add(TqpDistinct *d, TqpView v, uint32_t *id) {
    if (d->count >= d->nslots / 2)
        TQP_TRY(rehash(d, d->nslots * 2));
    uint32_t hash = tqp_intern_hash(v.data, v.len), mask = d->nslots - 1;
    uint32_t *slots = d->slots.data, *hashes = d->hashes.data;
    TqpView *views = d->views.data;
    uint32_t at = hash & mask;
    for (; slots[at] != 0; at = (at + 1) & mask) {
        uint32_t have = slots[at] - 1;
        if (hashes[have] == hash && tqp_view_same(views[have], v)) {
            *id = have;
            return TQP_OK;
        }
    }
    *id = d->count++;
    slots[at] = *id + 1;
    hashes[*id] = hash;
    views[*id] = v;
    return TQP_OK;
}

TqpStatus tqp_distinct_find(TqpDistinct *d, const TqpStage *s) {
    const uint32_t *offsets = s->values.data, *nulls = s->nulls.data;
    const char *text = s->text.data != NULL ? s->text.data : "";
    uint32_t next = 0, id = 0;
    TqpView last = {0};
    d->count = 0;
    TQP_TRY(rehash(d, 1024));
    TQP_TRY(tqp_buffer_grow(&d->ids, d->broker, 0, (uint64_t)s->nrows * sizeof(uint32_t)));
    uint32_t *ids = d->ids.data;
    for (uint32_t row = 0; row < s->nrows; row++) {
        if (next < s->null_count && nulls[next] == row) {
            ids[row] = 0;
            next++;
            continue;
        }
        TqpView v = tqp_view(text + offsets[row], offsets[row + 1] - offsets[row]);
        if (last.data == NULL || !tqp_view_same(last, v)) {
            TQP_TRY(find_or_add(d, v, &id));
            last = v;
        }
        ids[row] = id;
    }
    return TQP_OK;
}
