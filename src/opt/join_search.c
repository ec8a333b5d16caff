/*
 * The search of join_order: dynamic programming over connected sets of relations, bushy trees
 * included, up to DP_MAX of them; beyond, the pair with the cheapest result is joined again and
 * again (GOO, Fegaras).  Cross products are considered only between parts that nothing connects.
 *
 * Cost: rows that come out of each join (C_out), plus rows that are built into maps (the right
 * side), plus rows that probe.
 */
#include <math.h>

#include "opt/join_order.h"

/* 3^12 / 2 pairs of sets: some milliseconds. */
enum { DP_MAX = 12 };
/* Of a row, in rows that come out. */
static const double cost_build = 2.5, cost_probe = 0.7;

typedef struct Search {
    TqpArena *a;
    const TqpJoinRegion *g;
    uint64_t adjacent[TQP_JOIN_RELATIONS_MAX];
    uint32_t nroots; /* of classes of at least two columns */
    uint32_t *roots;
} Search;

static uint64_t bit(uint32_t i) {
    return UINT64_C(1) << i;
}

static bool is_filter(const TqpJoinRegion *g, uint32_t i) {
    return g->relations[i].kind != TQP_JOIN_INNER;
}

/* ---- the graph ---- */

static void connect(Search *s, uint64_t x, uint64_t y) {
    for (uint32_t i = 0; i < s->g->n; i++) {
        if (x & bit(i))
            s->adjacent[i] |= y & ~bit(i);
        if (y & bit(i))
            s->adjacent[i] |= x & ~bit(i);
    }
}

/* The relations that column classes or predicates connect to i, without those in filters. */
static uint64_t component(const Search *s, uint32_t i, uint64_t among) {
    uint64_t set = bit(i), todo = set;
    while (todo != 0) {
        uint32_t k = (uint32_t)__builtin_ctzll(todo);
        todo &= todo - 1;
        uint64_t more = s->adjacent[k] & among & ~set;
        set |= more;
        todo |= more;
    }
    return set;
}

static void connect_all(Search *s) {
    const TqpJoinRegion *g = s->g;
    uint64_t plain = 0, parts[TQP_JOIN_RELATIONS_MAX];
    uint32_t nparts = 0;
    for (uint32_t i = 0; i < g->n; i++)
        plain |= is_filter(g, i) ? 0 : bit(i);
    for (uint32_t c = 0; c < g->ncolumns; c++)
        if (g->class_of[c] != c) {
            uint64_t x = bit(g->relation_of[c]);
            for (uint32_t d = 0; d < c; d++)
                if (g->class_of[d] == g->class_of[c])
                    connect(s, x, bit(g->relation_of[d]));
        }
    for (uint32_t i = 0; i < g->npreds; i++)
        if (__builtin_popcountll(g->preds[i].reads) == 2)
            connect(s, g->preds[i].reads, g->preds[i].reads);
    for (uint64_t rest = plain; rest != 0; rest &= ~parts[nparts - 1])
        parts[nparts++] = component(s, (uint32_t)__builtin_ctzll(rest), plain);
    for (uint32_t i = 0; i < nparts; i++)
        for (uint32_t k = 0; k < i; k++)
            connect(s, parts[i], parts[k]);
    for (uint32_t i = 0; i < g->n; i++)
        if (is_filter(g, i))
            connect(s, bit(i), g->relations[i].needs != 0 ? g->relations[i].needs : plain);
}

static uint64_t neighbours(const Search *s, uint64_t set) {
    uint64_t all = 0;
    for (uint64_t rest = set; rest != 0; rest &= rest - 1)
        all |= s->adjacent[__builtin_ctzll(rest)];
    return all & ~set;
}

/* ---- rows ---- */

static double distinct_of(const TqpJoinRegion *g, uint32_t column) {
    const TqpJoinRelation *r = &g->relations[g->relation_of[column]];
    double d = r->estimate.columns[column - r->first].ndistinct;
    return d > 1 ? d : 1;
}

/*
 * Of the columns of a class in the set, each but the one with fewest values divides the rows by its
 * number of values.  *largest: the one of the widest column; 1 when fewer than two relations are
 * in.
 */
static double class_divisor(const TqpJoinRegion *g, uint32_t root, uint64_t set, double *largest) {
    double product = 1, least = INFINITY;
    uint64_t seen = 0;
    *largest = 1;
    for (uint32_t c = root; c < g->ncolumns; c++) {
        uint64_t r = bit(g->relation_of[c]);
        if (g->class_of[c] != root || !(set & r) || (seen & r))
            continue;
        double d = distinct_of(g, c);
        seen |= r;
        product *= d;
        least = d < least ? d : least;
        *largest = d > *largest ? d : *largest;
    }
    if (__builtin_popcountll(seen) < 2)
        return *largest = 1;
    return product / least;
}

/* The unique sets of the scan below the relation's filters. */
static const TqpNode *scan_of(const TqpNode *node) {
    while (node->kind == TQP_NODE_FILTER)
        node = node->inputs[0];
    return node->kind == TQP_NODE_SCAN ? node : NULL;
}

/*
 * A key of several columns, all of them joined, has no more values than its relation has rows: by
 * how much the product of its columns' divisors is too large.
 */
static double key_correction(const TqpJoinRegion *g, uint32_t i, uint64_t set) {
    const TqpJoinRelation *r = &g->relations[i];
    const TqpNode *scan = scan_of(r->node);
    double correction = 1;
    for (uint32_t u = 0; scan != NULL && u < scan->scan.nuniques; u++) {
        const TqpUnique *unique = &scan->scan.uniques[u];
        double product = 1;
        bool joined = unique->ncolumns > 1;
        for (uint32_t k = 0; joined && k < unique->ncolumns; k++) {
            double largest;
            (void)class_divisor(g, g->class_of[r->first + unique->columns[k]], set, &largest);
            joined = largest > 1;
            product *= largest;
        }
        if (joined && product / r->estimate.base_rows > correction)
            correction = product / r->estimate.base_rows;
    }
    return correction;
}

static double rows_of(const Search *s, uint64_t set) {
    const TqpJoinRegion *g = s->g;
    double rows = 1, largest;
    for (uint32_t i = 0; i < g->n; i++) {
        if (!(set & bit(i)))
            continue;
        rows *= is_filter(g, i) ? g->relations[i].selectivity
                                : g->relations[i].estimate.rows * key_correction(g, i, set);
    }
    for (uint32_t i = 0; i < s->nroots; i++)
        rows /= class_divisor(g, s->roots[i], set, &largest);
    for (uint32_t i = 0; i < g->npreds; i++)
        if ((g->preds[i].reads & ~set) == 0 && __builtin_popcountll(g->preds[i].reads) > 1)
            rows *= g->preds[i].selectivity;
    if (!(rows < TQP_ESTIMATE_MAX))
        return TQP_ESTIMATE_MAX;
    return rows > 1 ? rows : 1;
}

/* ---- plans ---- */

static TqpJoinPlan leaf(const Search *s, uint32_t i) {
    return (TqpJoinPlan){.set = bit(i), .rows = s->g->relations[i].estimate.rows};
}

/* May y stand on the right of x? */
static bool may_join(const Search *s, const TqpJoinPlan *x, const TqpJoinPlan *y) {
    const TqpJoinRegion *g = s->g;
    bool x_leaf = x->left == NULL, y_leaf = y->left == NULL;
    if (x_leaf && is_filter(g, (uint32_t)__builtin_ctzll(x->set)))
        return false;
    if (!y_leaf || !is_filter(g, (uint32_t)__builtin_ctzll(y->set)))
        return true;
    return (g->relations[__builtin_ctzll(y->set)].needs & ~x->set) == 0;
}

/* Replace *best by the join of x and y where that is cheaper. */
static void consider(const Search *s, const TqpJoinPlan *x, const TqpJoinPlan *y, double rows,
                     TqpJoinPlan *best) {
    if (!may_join(s, x, y))
        return;
    double cost = x->cost + y->cost + rows + cost_build * y->rows + cost_probe * x->rows;
    if (best->set == 0 || cost < best->cost)
        *best = (TqpJoinPlan){x->set | y->set, rows, cost, x, y};
}

static const TqpJoinPlan *search_dp(Search *s) {
    uint32_t n = s->g->n;
    TqpJoinPlan *plans = tqp_arena_zalloc(s->a, sizeof(*plans) << n);
    if (plans == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        plans[bit(i)] = leaf(s, i);
    for (uint64_t set = 1; set < bit(n); set++) {
        uint64_t low = set & -set, rest = set ^ low;
        double rows = 0;
        for (uint64_t y = rest; y != 0; y = (y - 1) & rest) {
            uint64_t x = set ^ y;
            if (plans[x].set == 0 || plans[y].set == 0 || !(neighbours(s, x) & y))
                continue;
            rows = rows > 0 ? rows : rows_of(s, set);
            consider(s, &plans[x], &plans[y], rows, &plans[set]);
            consider(s, &plans[y], &plans[x], rows, &plans[set]);
        }
    }
    return &plans[bit(n) - 1];
}

/* Of the pairs of parts that something connects, or of all, the one that adds least. */
static void cheapest_pair(const Search *s, TqpJoinPlan *const *parts, uint32_t n, bool connected,
                          TqpJoinPlan *best, uint32_t *i, uint32_t *k) {
    double least = INFINITY;
    for (uint32_t x = 0; x < n; x++) {
        uint64_t near = neighbours(s, parts[x]->set);
        for (uint32_t y = 0; y < n; y++) {
            TqpJoinPlan plan = {0};
            if (x == y || (connected && !(near & parts[y]->set)) ||
                !may_join(s, parts[x], parts[y]))
                continue;
            consider(s, parts[x], parts[y], rows_of(s, parts[x]->set | parts[y]->set), &plan);
            double added = plan.cost - parts[x]->cost - parts[y]->cost;
            if (added < least) {
                least = added;
                *best = plan;
                *i = x;
                *k = y;
            }
        }
    }
}

static const TqpJoinPlan *search_greedy(Search *s) {
    uint32_t n = s->g->n;
    TqpJoinPlan *parts[TQP_JOIN_RELATIONS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        if ((parts[i] = tqp_arena_alloc(s->a, sizeof(*parts[i]))) == NULL)
            return NULL;
        *parts[i] = leaf(s, i);
    }
    while (n > 1) {
        TqpJoinPlan best = {0}, *joined = tqp_arena_alloc(s->a, sizeof(*joined));
        uint32_t i = 0, k = 0;
        cheapest_pair(s, parts, n, true, &best, &i, &k);
        if (best.set == 0)
            cheapest_pair(s, parts, n, false, &best, &i, &k);
        if (joined == NULL || best.set == 0)
            return NULL;
        *joined = best;
        parts[i < k ? i : k] = joined;
        parts[i < k ? k : i] = parts[--n];
    }
    return parts[0];
}

static bool listed(const Search *s, uint32_t root) {
    for (uint32_t i = 0; i < s->nroots; i++)
        if (s->roots[i] == root)
            return true;
    return false;
}

const TqpJoinPlan *tqp_opt_search(TqpArena *a, const TqpJoinRegion *region) {
    Search s = {.a = a, .g = region};
    s.roots = tqp_arena_alloc(a, region->ncolumns * sizeof(*s.roots) + 1);
    if (s.roots == NULL)
        return NULL;
    for (uint32_t c = 0; c < region->ncolumns; c++)
        if (region->class_of[c] != c && !listed(&s, region->class_of[c]))
            s.roots[s.nroots++] = region->class_of[c];
    connect_all(&s);
    return region->n <= DP_MAX ? search_dp(&s) : search_greedy(&s);
}
