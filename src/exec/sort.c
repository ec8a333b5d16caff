/* Radix sort of the first key word, then a stable merge sort of the runs that it leaves equal. */
#include "exec/sort.h"

#include <string.h>

typedef struct Entry {
    uint64_t key;
    uint32_t row;
} Entry;

#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)
#define SMALL      64   /* rows below which insertion sort wins over a radix pass */
#define POLL_EVERY 4096 /* comparisons */

typedef struct Sorter {
    const TqpSortInput *input;
    const TqpSortKeys *keys;
    uint64_t compared;
    bool cancelled;
} Sorter;

static TqpView text_of(const TqpColumn *column, uint32_t row) {
    const TqpSlot *slot = &column->slot;
    if (column->valid.data != NULL && ((const uint8_t *)column->valid.data)[row] == 0)
        return tqp_view("", 0); /* NULLs compared equal before */
    if (slot->lane == TQP_LANE_VIEW)
        return ((const TqpView *)column->values.data)[row];
    return tqp_dict_view(slot->dict, (uint32_t)tqp_lane_get(slot->lane, column->values.data, row));
}

static int compare_text(const Sorter *s, const TqpColumn *column, uint32_t a, uint32_t b) {
    TqpView x = text_of(column, a), y = text_of(column, b);
    if (tqp_sort_needs_host(&column->slot))
        return s->input->query->compare(s->input->query->compare_host, column->slot.type.collation,
                                        x, y);
    uint32_t common = x.len < y.len ? x.len : y.len;
    int order = common > 0 ? memcmp(x.data, y.data, common) : 0;
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* Order of two rows by the segments after the first; a tie keeps their places. */
static bool comes_after(Sorter *s, uint32_t a, uint32_t b) {
    const TqpHostPoll *poll = s->input->leader ? s->input->query->poll : NULL;
    if (++s->compared % POLL_EVERY == 0 && poll != NULL && poll->interrupted(poll->host))
        s->cancelled = true;
    for (uint32_t k = 1; k < s->keys->nsegments; k++) {
        const TqpSortSegment *segment = &s->keys->segments[k];
        if (segment->words != NULL) {
            if (segment->words[a] != segment->words[b])
                return segment->words[a] > segment->words[b];
            continue;
        }
        int order = compare_text(s, segment->column, a, b);
        if (order != 0)
            return segment->descending ? order < 0 : order > 0;
    }
    return false;
}

static void insertion_sort(Sorter *s, Entry *run, uint64_t n) {
    for (uint64_t i = 1; i < n; i++) {
        Entry e = run[i];
        uint64_t j = i;
        for (; j > 0 && comes_after(s, run[j - 1].row, e.row); j--)
            run[j] = run[j - 1];
        run[j] = e;
    }
}

static void merge(Sorter *s, const Entry *a, uint64_t na, const Entry *b, uint64_t nb, Entry *out) {
    while (na > 0 && nb > 0 && !s->cancelled) {
        if (comes_after(s, a->row, b->row))
            *out++ = *b++, nb--;
        else
            *out++ = *a++, na--;
    }
    memcpy(out, a, na * sizeof(Entry));
    memcpy(out + na, b, nb * sizeof(Entry));
}

/* Bottom-up; `tmp` has room for n. */
static void merge_sort(Sorter *s, Entry *run, Entry *tmp, uint64_t n) {
    const uint64_t block = 16;
    for (uint64_t i = 0; i < n && !s->cancelled; i += block)
        insertion_sort(s, run + i, n - i < block ? n - i : block);
    for (uint64_t width = block; width < n && !s->cancelled; width *= 2) {
        for (uint64_t i = 0; i < n; i += 2 * width) {
            uint64_t na = n - i < width ? n - i : width;
            uint64_t nb = n - i - na < width ? n - i - na : width;
            merge(s, run + i, na, run + i + na, nb, tmp + i);
        }
        memcpy(run, tmp, n * sizeof(Entry));
    }
}

static void sort_ties(Sorter *s, Entry *entries, Entry *tmp, uint64_t n) {
    if (s->keys->nsegments < 2)
        return;
    for (uint64_t begin = 0, end; begin < n && !s->cancelled; begin = end) {
        for (end = begin + 1; end < n && entries[end].key == entries[begin].key;)
            end++;
        if (end - begin > 1)
            merge_sort(s, entries + begin, tmp, end - begin);
    }
}

static void insertion_sort_keys(Entry *entries, uint64_t n) {
    for (uint64_t i = 1; i < n; i++) {
        Entry e = entries[i];
        uint64_t j = i;
        for (; j > 0 && entries[j - 1].key > e.key; j--)
            entries[j] = entries[j - 1];
        entries[j] = e;
    }
}

/* Least significant digit first, digits that do not vary skipped.  Returns where the result lies.
 */
static Entry *radix_sort(Entry *entries, Entry *tmp, uint64_t n, uint64_t varying) {
    for (uint32_t shift = 0; shift < 64; shift += DIGIT_BITS) {
        if ((varying >> shift & (DIGITS - 1)) == 0)
            continue;
        uint64_t starts[DIGITS] = {0}, sum = 0;
        for (uint64_t i = 0; i < n; i++)
            starts[entries[i].key >> shift & (DIGITS - 1)]++;
        for (uint32_t d = 0; d < DIGITS; d++) {
            uint64_t count = starts[d];
            starts[d] = sum;
            sum += count;
        }
        for (uint64_t i = 0; i < n; i++)
            tmp[starts[entries[i].key >> shift & (DIGITS - 1)]++] = entries[i];
        Entry *swap = entries;
        entries = tmp;
        tmp = swap;
    }
    return entries;
}

static TqpStatus sort_entries(Sorter *s, Entry *entries, Entry *tmp, uint32_t *order) {
    uint64_t n = s->input->nrows, varying = 0;
    const uint64_t *words = s->keys->segments[0].words;
    for (uint64_t i = 0; i < n; i++) {
        entries[i] = (Entry){words[i], (uint32_t)i};
        varying |= words[i] ^ words[0];
    }
    Entry *sorted = entries;
    if (n <= SMALL)
        insertion_sort_keys(entries, n);
    else
        sorted = radix_sort(entries, tmp, n, varying);
    sort_ties(s, sorted, sorted == entries ? tmp : entries, n);
    for (uint64_t i = 0; i < n; i++)
        order[i] = sorted[i].row;
    return s->cancelled ? TQP_CANCELLED : TQP_OK;
}

TqpStatus tqp_sort_order(const TqpSortInput *input, uint32_t *order) {
    TqpSortKeys keys;
    TqpBuffer entries = {0};
    TqpStatus status = tqp_sort_keys(&keys, input);
    if (status == TQP_OK)
        status = tqp_buffer_alloc(&entries, input->query->broker, input->nrows * 2 * sizeof(Entry));
    if (status == TQP_OK) {
        Sorter sorter = {.input = input, .keys = &keys};
        Entry *data = entries.data;
        status = sort_entries(&sorter, data, data + input->nrows, order);
    }
    tqp_buffer_free(&entries);
    tqp_sort_keys_free(&keys);
    return status;
}
