/* Radix sort of the first key word, then of the next within the runs that it leaves equal. */
#include "exec/memory.h"
#include "exec/sort.h"

#include <string.h>

typedef struct Entry {
    uint64_t key;
    uint32_t row;
} Entry;

#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)
#define SMALL      64   /* rows below which insertion sort wins over a radix pass */
#define RADIX_MIN  1024 /* rows below which comparing wins over loading keys and radix passes */
#define PREFIX_MAX 64   /* bytes of a text sorted by words; beyond it is compared */
#define POLL_EVERY 4096 /* comparisons */

typedef struct Sorter {
    const TqpSortInput *input;
    const TqpSortKeys *keys;
    uint64_t compared;
    bool cancelled;
} Sorter;

/* As tqp_stop_at, and remembers. */
static inline bool stopped(Sorter *s, uint64_t i) {
    if (tqp_stop_at(s->input->stop, i))
        s->cancelled = true;
    return s->cancelled;
}

static void copy_entries(Sorter *s, Entry *out, const Entry *in, uint64_t n) {
    if (tqp_memory_copy(out, in, n * sizeof(Entry), s->input->stop) != TQP_OK)
        s->cancelled = true;
}

static int compare_text(const Sorter *s, const TqpColumn *column, uint32_t a, uint32_t b) {
    TqpView x = tqp_sort_text(column, a), y = tqp_sort_text(column, b);
    if (tqp_sort_needs_host(&column->slot))
        return s->input->query->compare(s->input->query->compare_host, column->slot.type.collation,
                                        x, y);
    uint32_t common = x.len < y.len ? x.len : y.len;
    int order = common > 0 ? memcmp(x.data, y.data, common) : 0;
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* Order of two rows by the segments from the given one on; a tie keeps their places. */
static bool comes_after(Sorter *s, uint32_t segment_first, uint32_t a, uint32_t b) {
    if (++s->compared % POLL_EVERY == 0)
        s->cancelled = s->cancelled || tqp_stop_asked(s->input->stop);
    for (uint32_t k = segment_first; k < s->keys->nsegments; k++) {
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

static void insertion_sort(Sorter *s, uint32_t k, Entry *run, uint64_t n) {
    for (uint64_t i = 1; i < n; i++) {
        Entry e = run[i];
        uint64_t j = i;
        for (; j > 0 && comes_after(s, k, run[j - 1].row, e.row); j--)
            run[j] = run[j - 1];
        run[j] = e;
    }
}

static void merge(Sorter *s, uint32_t k, const Entry *a, uint64_t na, const Entry *b, uint64_t nb,
                  Entry *out) {
    while (na > 0 && nb > 0 && !s->cancelled) {
        if (comes_after(s, k, a->row, b->row))
            *out++ = *b++, nb--;
        else
            *out++ = *a++, na--;
    }
    memcpy(out, a, na * sizeof(Entry));
    memcpy(out + na, b, nb * sizeof(Entry));
}

/* By the segments from k on, bottom-up; `tmp` has room for n. */
static void merge_sort(Sorter *s, uint32_t k, Entry *run, Entry *tmp, uint64_t n) {
    const uint64_t block = 16;
    for (uint64_t i = 0; i < n && !s->cancelled; i += block)
        insertion_sort(s, k, run + i, n - i < block ? n - i : block);
    for (uint64_t width = block; width < n && !s->cancelled; width *= 2) {
        for (uint64_t i = 0; i < n; i += 2 * width) {
            uint64_t na = n - i < width ? n - i : width;
            uint64_t nb = n - i - na < width ? n - i - na : width;
            merge(s, k, run + i, na, run + i + na, nb, tmp + i);
        }
        copy_entries(s, run, tmp, n);
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

/* One pass: counts, then moves. */
static void radix_pass(Sorter *s, const Entry *in, Entry *out, uint64_t n, uint32_t shift) {
    uint64_t starts[DIGITS] = {0}, sum = 0;
    for (uint64_t i = 0; i < n && !stopped(s, i); i++)
        starts[in[i].key >> shift & (DIGITS - 1)]++;
    for (uint32_t d = 0; d < DIGITS; d++) {
        uint64_t count = starts[d];
        starts[d] = sum;
        sum += count;
    }
    for (uint64_t i = 0; i < n && !stopped(s, i); i++)
        out[starts[in[i].key >> shift & (DIGITS - 1)]++] = in[i];
}

/* Least significant digit first, digits that do not vary skipped. */
static void radix_sort(Sorter *s, Entry *entries, Entry *tmp, uint64_t n, uint64_t varying) {
    Entry *in = entries, *out = tmp;
    for (uint32_t shift = 0; shift < 64 && !s->cancelled; shift += DIGIT_BITS) {
        if ((varying >> shift & (DIGITS - 1)) == 0)
            continue;
        radix_pass(s, in, out, n, shift);
        Entry *swap = in;
        in = out;
        out = swap;
    }
    if (in != entries)
        copy_entries(s, entries, in, n);
}

/* What a run is sorted by next: a segment, and in a text the byte from which on it is unsorted. */
typedef struct Place {
    uint32_t segment, at;
} Place;

typedef struct Loaded {
    uint64_t varying; /* bits in which the keys vary */
    bool done;        /* keys that are equal now are equal in the whole segment */
} Loaded;

/* Keys of the run from its place. */
static Loaded load_keys(Sorter *s, Entry *run, uint64_t n, Place place) {
    const TqpSortSegment *segment = &s->keys->segments[place.segment];
    uint32_t shortest = UINT32_MAX, longest = 0;
    uint64_t varying = 0;
    for (uint64_t i = 0; i < n && !stopped(s, i); i++) {
        uint64_t key;
        if (segment->words != NULL) {
            key = segment->words[run[i].row];
        } else {
            TqpView text = tqp_sort_text(segment->column, run[i].row);
            shortest = text.len < shortest ? text.len : shortest;
            longest = text.len > longest ? text.len : longest;
            key = tqp_sort_prefix(text, place.at);
            key = segment->descending ? ~key : key;
        }
        run[i].key = key;
        varying |= key ^ run[0].key;
    }
    bool same_end = shortest == longest && longest <= place.at + 8;
    return (Loaded){varying, segment->words != NULL || same_end};
}

static bool is_refinable(const Sorter *s, Place place) {
    const TqpSortSegment *segment = &s->keys->segments[place.segment];
    return segment->words != NULL ||
           (!tqp_sort_needs_host(&segment->column->slot) && place.at < PREFIX_MAX);
}

static void refine_ties(Sorter *s, Entry *run, Entry *tmp, uint64_t n, Place place);

/* The run is equal before the place.  Recursion ends at PREFIX_MAX bytes of the last segment. */
static void refine(Sorter *s, Entry *run, Entry *tmp, uint64_t n, Place place) {
    Loaded loaded = {0};
    while (loaded.varying == 0) {
        if (place.segment == s->keys->nsegments || n < 2 || s->cancelled)
            return;
        if (n < RADIX_MIN || !is_refinable(s, place)) {
            merge_sort(s, place.segment, run, tmp, n);
            return;
        }
        loaded = load_keys(s, run, n, place);
        place = loaded.done ? (Place){place.segment + 1, 0} : (Place){place.segment, place.at + 8};
    }
    radix_sort(s, run, tmp, n, loaded.varying);
    refine_ties(s, run, tmp, n, place);
}

static void refine_ties(Sorter *s, Entry *run, Entry *tmp, uint64_t n, Place place) {
    if (place.segment == s->keys->nsegments)
        return;
    for (uint64_t begin = 0, end; begin < n && !s->cancelled; begin = end) {
        for (end = begin + 1; end < n && run[end].key == run[begin].key && !stopped(s, end);)
            end++;
        refine(s, run + begin, tmp, end - begin, place);
    }
}

static TqpStatus sort_entries(Sorter *s, Entry *entries, Entry *tmp, uint32_t *order) {
    uint64_t n = s->input->nrows;
    for (uint64_t i = 0; i < n && !stopped(s, i); i++)
        entries[i].row = (uint32_t)i;
    uint64_t varying = load_keys(s, entries, n, (Place){0, 0}).varying;
    if (n <= SMALL)
        insertion_sort_keys(entries, n);
    else
        radix_sort(s, entries, tmp, n, varying);
    refine_ties(s, entries, tmp, n, (Place){1, 0});
    for (uint64_t i = 0; i < n && !stopped(s, i); i++)
        order[i] = entries[i].row;
    return s->cancelled ? TQP_CANCELLED : TQP_OK;
}

TqpStatus tqp_sort_order(const TqpSortInput *input, uint32_t *order) {
    TqpSortKeys keys;
    TqpBuffer entries = {0};
    TqpStatus status = tqp_sort_keys(&keys, input);
    if (status == TQP_OK)
        status = tqp_buffer_alloc(&entries, input->query->broker, input->nrows * 2 * sizeof(Entry));
    if (status == TQP_OK)
        status = tqp_memory_touch((Entry *)entries.data + input->nrows,
                                  input->nrows * sizeof(Entry), input->stop);
    if (status == TQP_OK) {
        Sorter sorter = {.input = input, .keys = &keys};
        Entry *data = entries.data;
        status = sort_entries(&sorter, data, data + input->nrows, order);
    }
    tqp_buffer_free(&entries);
    tqp_sort_keys_free(&keys);
    return status;
}
