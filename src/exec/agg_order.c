/*
 * What rises in a tile.  Tables are seldom in perfect order: where a page had room left, a row from
 * much later fills it, and updates move rows to the end.  Such strays are put aside, and what is
 * left rises; where neither the last few runs nor the next few are the strays, a new chunk begins.
 */
#include "exec/agg.h"

#define STRAYS_MAX 4u /* side by side */

typedef struct Order {
    TqpRuns *runs;
    const uint32_t *groups, *ends;
    uint32_t count; /* runs of the tile */
    uint32_t floor; /* first span of the chunk */
    bool on;        /* the chunk of that span has runs from before the tile */
    uint32_t last;  /* ..: group of its last one */
} Order;

static uint32_t group_at(const Order *o, uint32_t r) {
    return o->groups[o->ends[r] - 1];
}

/* Group of the last run that is kept, if any. */
static bool top(const Order *o, uint32_t *group) {
    const TqpRuns *runs = o->runs;
    *group = o->last;
    if (runs->nspans <= o->floor)
        return o->on;
    *group = group_at(o, runs->spans[runs->nspans - 1].to - 1);
    return true;
}

static void pop(Order *o) {
    TqpSpan *span = &o->runs->spans[o->runs->nspans - 1];
    if (--span->to == span->from)
        o->runs->nspans--;
}

/* Can the runs above `group` be taken for strays?  They are dropped then. */
static bool pop_above(Order *o, uint32_t group) {
    TqpRuns *runs = o->runs;
    uint32_t nspans = runs->nspans, last, k;
    TqpSpan saved[STRAYS_MAX + 1];
    for (k = 0; k <= STRAYS_MAX && k < nspans; k++)
        saved[k] = runs->spans[nspans - 1 - k];
    for (k = 0; k < STRAYS_MAX && runs->nspans > o->floor && top(o, &last) && last > group; k++)
        pop(o);
    if (!top(o, &last) || last <= group)
        return true;
    runs->nspans = nspans;
    for (k = 0; k <= STRAYS_MAX && k < nspans; k++)
        runs->spans[nspans - 1 - k] = saved[k];
    return false;
}

/* The first of the next few runs from r on, below `end`, that does not fall below what is kept. */
static uint32_t skip_below(const Order *o, uint32_t r, uint32_t end) {
    uint32_t last;
    bool some = top(o, &last);
    for (uint32_t k = r; some && k < end && k - r <= STRAYS_MAX; k++)
        if (group_at(o, k) >= last)
            return k;
    return end;
}

/* Runs [from, to) rise; the one before `from` is above. */
static bool add_rising(Order *o, uint32_t from, uint32_t to) {
    TqpRuns *runs = o->runs;
    if (!pop_above(o, group_at(o, from))) {
        uint32_t next = skip_below(o, from, to);
        if (next == to && to - from <= STRAYS_MAX)
            return true;
        if (next == to) {
            o->floor = runs->nspans;
            o->on = false;
        } else {
            from = next;
        }
    }
    if (runs->nspans == TQP_SPANS_MAX)
        return false;
    bool begins = runs->nspans == o->floor && !o->on;
    runs->spans[runs->nspans++] = (TqpSpan){from, to, 0, begins};
    return true;
}

/* The run that ends at this row. */
static uint32_t run_ending(const Order *o, uint32_t end) {
    uint32_t low = 0, high = o->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (o->ends[middle] < end)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The chunk's last few runs are strays when they are above the tile's first. */
static uint32_t pop_list(Order *o) {
    const TqpRuns *runs = o->runs;
    const TqpChunk *chunk = (const TqpChunk *)runs->chunks.data + runs->nchunks - 1;
    const uint32_t *groups = runs->list.groups.data;
    uint32_t n = 0;
    while (n < STRAYS_MAX && n + 1 < chunk->count && groups[runs->list.n - 1 - n] > group_at(o, 0))
        n++;
    if (groups[runs->list.n - 1 - n] > group_at(o, 0))
        return 0;
    o->last = groups[runs->list.n - 1 - n];
    return n;
}

bool tqp_runs_order(TqpRuns *runs, const uint32_t *groups, uint32_t nfalls, bool on,
                    uint32_t *popped) {
    Order o = {.runs = runs, .groups = groups, .ends = runs->ends, .count = runs->nruns, .on = on};
    uint32_t from = 0, kept = 0;
    runs->nspans = 0;
    *popped = 0;
    if (on) {
        o.last = ((const uint32_t *)runs->list.groups.data)[runs->list.n - 1];
        if (o.last > group_at(&o, 0))
            *popped = pop_list(&o);
    }
    for (uint32_t k = 0; k <= nfalls; k++) {
        uint32_t to = k < nfalls ? run_ending(&o, runs->falls[k]) + 1 : o.count;
        if (!add_rising(&o, from, to))
            return false;
        from = to;
    }
    for (uint32_t k = 0; k < runs->nspans; k++)
        kept += runs->spans[k].to - runs->spans[k].from;
    return o.count - kept <= o.count / 8 + 2 * STRAYS_MAX;
}
