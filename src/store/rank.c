/*
 * The order of a dictionary's strings under its collation.  A comparison by the host costs a
 * hundred times one of bytes, so what the base has ordered is not compared again: only the tail is
 * sorted, and each of its strings is placed by bisection.
 */
#include "store/intern.h"

#define POLL_EVERY 512 /* comparisons, of some microseconds at most but for long strings */

typedef struct Sorter {
    const TqpView *views;
    const TqpRankOrder *order;
    bool by_bytes;
    uint32_t compared;
    bool cancelled;
} Sorter;

int tqp_intern_compare_bytes(TqpView a, TqpView b) {
    uint32_t n = a.len < b.len ? a.len : b.len;
    int c = n == 0 ? 0 : memcmp(a.data, b.data, n);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static bool less(Sorter *s, uint32_t x, uint32_t y) {
    TqpView a = s->views[x], b = s->views[y];
    const TqpHostPoll *poll = s->order->poll;
    if (++s->compared % POLL_EVERY == 0 && poll != NULL && poll->interrupted(poll->host))
        s->cancelled = true;
    if (s->cancelled)
        return false;
    if (s->by_bytes)
        return tqp_intern_compare_bytes(a, b) < 0;
    int c = s->order->compare(s->order->host, s->order->collation, a, b);
    return c != 0 ? c < 0 : tqp_intern_compare_bytes(a, b) < 0;
}

static void merge_runs(Sorter *s, const uint32_t *from, uint32_t *to, uint32_t lo, uint32_t mid,
                       uint32_t hi) {
    uint32_t i = lo, j = mid;
    for (uint32_t k = lo; k < hi; k++) {
        bool right = j < hi && (i >= mid || less(s, from[j], from[i]));
        to[k] = right ? from[j++] : from[i++];
    }
}

/* Bottom-up merge sort of n codes; the result is in `codes`. */
static void sort_codes(Sorter *s, uint32_t *codes, uint32_t *scratch, uint32_t n) {
    uint32_t *from = codes, *to = scratch;
    for (uint64_t width = 1; width < n && !s->cancelled; width *= 2) {
        for (uint64_t lo = 0; lo < n; lo += 2 * width) {
            uint64_t mid = lo + width < n ? lo + width : n;
            uint64_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            merge_runs(s, from, to, (uint32_t)lo, (uint32_t)mid, (uint32_t)hi);
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != codes)
        memcpy(codes, from, n * sizeof(uint32_t));
}

/* How many of base's strings, in their order, come before the string of `code`. */
static uint32_t place(Sorter *s, const TqpDict *base, uint32_t code, uint32_t lo) {
    uint32_t hi = base->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (less(s, base->by_rank != NULL ? base->by_rank[mid] : mid, code))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

TqpStatus tqp_rank_sort(const TqpView *views, uint32_t count, const TqpDict *base,
                        const TqpRankOrder *order, uint32_t *by_rank, uint32_t *scratch) {
    Sorter s = {.views = views, .order = order};
    s.by_bytes = order->compare == NULL || order->collation == 0;
    uint32_t sorted = base != NULL && base->ranked ? base->count : 0;
    uint32_t ntail = count - sorted;
    uint32_t *tail = scratch + sorted;
    for (uint32_t i = 0; i < ntail; i++)
        tail[i] = sorted + i;
    sort_codes(&s, tail, by_rank, ntail);
    if (s.cancelled)
        return TQP_CANCELLED;
    uint32_t taken = 0, out = 0;
    for (uint32_t i = 0; i < ntail; i++) {
        uint32_t before = sorted == 0 ? 0 : place(&s, base, tail[i], taken);
        while (taken < before) {
            by_rank[out++] = base->by_rank != NULL ? base->by_rank[taken] : taken;
            taken++;
        }
        by_rank[out++] = tail[i];
    }
    while (taken < sorted) {
        by_rank[out++] = base->by_rank != NULL ? base->by_rank[taken] : taken;
        taken++;
    }
    return s.cancelled ? TQP_CANCELLED : TQP_OK;
}
