/*
 * Ranged maps on hand-built programs against nested loops: every lane on either side, one bound and
 * two, one column and two, keys besides; NULLs, NaN, -0, the ends of lanes, empty intervals.
 */
#include <math.h>

#include "check.h"
#include "exec/column.h"
#include "exec_build.h"

/* Columns: row number, key, two values. */
enum { ID, KEY, V, W, COLUMNS };

typedef struct Keyed {
    bool null[COLUMNS];
    int64_t key;
    TqpInt128 i[2];
    double f[2];
} Keyed;

typedef struct Side {
    uint32_t n;
    Keyed *rows;
    TqpLane lane;
    int64_t bias;
    TqpRelation rel;
    TqpArena arena;
} Side;

static bool is_float(TqpLane lane) {
    return lane == TQP_LANE_F32 || lane == TQP_LANE_F64;
}

static TqpTypeKind type_of(TqpLane lane, uint32_t column) {
    TqpTypeKind kind = lane == TQP_LANE_F32 ? TQP_TYPE_F32 : TQP_TYPE_F64;
    return column >= V && is_float(lane) ? kind : TQP_TYPE_I64;
}

static double random_float(uint32_t domain) {
    static const double odd[] = {0.0, -0.0, NAN, -NAN, INFINITY, -INFINITY, 1e-40, -1e38};
    return rng() % 4 == 0 ? odd[rng() % 8] : ((double)(rng() % domain) - domain / 2) / 4;
}

/* A register's value; now and then an end of the lane, where the values of I128 stop at I64's. */
static TqpInt128 random_int(TqpLane lane, uint32_t domain) {
    static const int64_t ends[] = {[TQP_LANE_U8] = UINT8_MAX,
                                   [TQP_LANE_U16] = UINT16_MAX,
                                   [TQP_LANE_U32] = UINT32_MAX,
                                   [TQP_LANE_I64] = INT64_MAX,
                                   [TQP_LANE_I128] = INT64_MAX};
    bool wide = lane == TQP_LANE_I64 || lane == TQP_LANE_I128;
    if (domain > 1 && rng() % 16 == 0)
        return rng() % 2 ? ends[lane] : wide ? INT64_MIN : 0;
    return (TqpInt128)(rng() % domain) - (wide ? domain / 2 : 0);
}

static void put_value(void *data, TqpLane lane, uint32_t i, const Keyed *row, int k) {
    if (lane == TQP_LANE_F64)
        ((double *)data)[i] = row->f[k];
    else if (lane == TQP_LANE_F32)
        ((float *)data)[i] = (float)row->f[k];
    else
        tqp_lane_put(lane, data, i, row->i[k]);
}

static void *side_alloc(Side *side, size_t bytes) {
    return tqp_arena_zalloc(&side->arena, bytes + TQP_TENSOR_PAD);
}

static void side_make(Side *side, uint32_t n, TqpLane lane, int64_t bias, uint32_t domain,
                      uint32_t null_every) {
    memset(side, 0, sizeof(*side));
    *side = (Side){.n = n, .lane = lane, .bias = bias};
    side->rows = calloc(n + 1, sizeof(Keyed));
    TqpRowGroup *g = side_alloc(side, sizeof(*g));
    TqpTensor *t = g->tensors = side_alloc(side, COLUMNS * sizeof(TqpTensor));
    const TqpLane lanes[] = {TQP_LANE_U32, TQP_LANE_U32, lane, lane};
    void *data[COLUMNS];
    uint64_t *valid[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        data[c] = side_alloc(side, (size_t)n * 16);
        valid[c] = side_alloc(side, n / 8 + 8);
        TqpEncoding encoding = c < V || !is_float(lane) ? TQP_ENC_FOR : TQP_ENC_PLAIN;
        t[c] = (TqpTensor){.encoding = encoding, .lane = lanes[c], .data = data[c], .nrows = n};
        t[c].base = c >= V ? bias : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        Keyed *row = &side->rows[i];
        row->key = (int64_t)(rng() % 7);
        ((uint32_t *)data[ID])[i] = i;
        ((uint32_t *)data[KEY])[i] = (uint32_t)row->key;
        for (int k = 0; k < 2; k++) {
            row->f[k] = random_float(domain);
            row->i[k] = is_float(lane) ? 0 : random_int(lane, domain);
            if (lane == TQP_LANE_F32)
                row->f[k] = (float)row->f[k];
        }
        for (int c = KEY; c < COLUMNS; c++) {
            row->null[c] = null_every > 0 && rng() % null_every == 0;
            if (row->null[c])
                t[c].null_count++;
            else
                tqp_bitmap_set(valid[c], i);
            if (c >= V && !row->null[c])
                put_value(data[c], lane, i, row, c - V);
        }
    }
    for (int c = KEY; c < COLUMNS; c++)
        t[c].validity = t[c].null_count > 0 ? valid[c] : NULL;
    g->nrows = g->live_rows = n;
    side->rel = (TqpRelation){.ncolumns = COLUMNS, .ngroups = n > 0, .groups = g};
    side->rel.columns = side_alloc(side, COLUMNS * sizeof(TqpRelColumn));
    for (int c = 0; c < COLUMNS; c++)
        side->rel.columns[c].type.kind = type_of(lane, (uint32_t)c);
}

static void side_free(Side *side) {
    free(side->rows);
    tqp_arena_free(&side->arena);
}

/* ---- what matches ---- */

/* A join: keys or not, bounds on V, or on V and W. */
typedef struct Case {
    TqpMapKind kind;
    uint32_t nranges, nbounds;
    TqpBoundOp ops[2];
} Case;

static int compare(const Side *r, const Keyed *x, int xc, const Side *l, const Keyed *y, int yc) {
    if (is_float(r->lane)) {
        double a = x->f[xc], b = y->f[yc];
        if (a != a || b != b)
            return (a != a) - (b != b);
        return (a > b) - (a < b);
    }
    TqpInt128 a = x->i[xc] + r->bias, b = y->i[yc] + l->bias;
    return (a > b) - (a < b);
}

static bool bound_holds(TqpBoundOp op, int order) {
    switch (op) {
    case TQP_BOUND_LT:
        return order < 0;
    case TQP_BOUND_LE:
        return order <= 0;
    case TQP_BOUND_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool matches(const Case *c, const Side *left, uint32_t l, const Side *right, uint32_t r) {
    const Keyed *x = &right->rows[r], *y = &left->rows[l];
    if (c->kind != TQP_MAP_ALL && (x->null[KEY] || y->null[KEY] || x->key != y->key))
        return false;
    for (uint32_t k = 0; k < c->nbounds; k++) {
        int column = c->nranges == 2 && k == 1;
        if (x->null[V + column] || y->null[V + k] ||
            !bound_holds(c->ops[k], compare(right, x, column, left, y, (int)k)))
            return false;
    }
    return true;
}

/* ---- programs ---- */

static TqpSlot load(Build *b, const Side *side, uint32_t column) {
    return build_load(b, column, type_of(side->lane, column),
                      column >= V ? side->lane : TQP_LANE_U32, column >= V ? side->bias : 0,
                      column != ID);
}

static TqpStep *open_probe(Build *b, const Case *c, TqpProbe probe, const Side *left,
                           const Side *right, TqpSlot *id) {
    static const uint32_t one = 1, key = KEY;
    static const bool no = false;
    TqpSlot in[COLUMNS];
    for (uint32_t k = 0; k < COLUMNS; k++)
        in[k] = load(b, right, k);
    TqpSink build = {.kind = TQP_SINK_COLLECT, .ncolumns = COLUMNS, .noutputs = COLUMNS};
    build.limit = -1;
    build.columns = in;
    build.map = (TqpMap){.kind = c->kind,
                         .nkeys = c->kind != TQP_MAP_ALL,
                         .columns = &key,
                         .null_safe = &no,
                         .span = 7,
                         .nranges = c->nranges,
                         .ranges = {V, W}};
    TqpPipeline *p = build_pipeline(b, false, &build);
    p->sources = &one;
    p->sink.columns = build_copy(b, in, sizeof(in));
    *id = load(b, left, ID);
    TqpSlot keys[3];
    uint32_t n = 0;
    if (c->kind != TQP_MAP_ALL)
        keys[n++] = load(b, left, KEY);
    probe.nkeys = n;
    probe.nbounds = c->nbounds;
    for (uint32_t k = 0; k < c->nbounds; k++) {
        keys[n++] = load(b, left, V + k);
        probe.bounds[k] = c->ops[k];
    }
    probe.map = &b->pipelines[0].sink.map;
    probe.keys = build_copy(b, keys, n * sizeof(TqpSlot));
    TqpStep *step =
        build_step(b, TQP_STEP_PROBE, TQP_LANE_MASK, TQP_NO_REG, TQP_NO_REG, TQP_NO_REG);
    step->aux = build_copy(b, &probe, sizeof(probe));
    return step;
}

static void collect(Build *b, const TqpSlot *out, uint32_t n) {
    TqpSink sink = {.kind = TQP_SINK_COLLECT, .ncolumns = n, .noutputs = n, .limit = -1};
    sink.columns = out;
    build_pipeline(b, false, &sink)->sink.columns = build_copy(b, out, n * sizeof(*out));
}

static void run(const char *what, const Case *c, Build *b, const Side *left, const Side *right,
                TqpStatus want, Lines *expected) {
    static const TqpBackend *backends[2];
    backends[0] = tqp_backend_ref();
    backends[1] = tqp_backend_cpu(tqp_cpu_best_isa());
    lines_sort(expected);
    for (int k = 0; k < 4; k++) {
        TqpBroker broker;
        TqpResult result;
        tqp_broker_init(&broker, 0);
        TqpQuery query = {.backend = backends[k / 2], .nthreads = 1 + k % 2, .broker = &broker};
        const TqpRelation *rels[] = {&left->rel, &right->rel};
        TqpStatus status = tqp_exec_run(&query, &b->program, rels, 2, &result);
        CHECK_INT(status, want);
        Lines got = {0};
        lines_of_result(&got, &result);
        lines_sort(&got); /* pairs of a row come in the order of the range */
        bool equal = want != TQP_OK || lines_equal(&got, expected);
        CHECK(equal);
        if (!equal || status != want)
            fprintf(stderr, "%s: map %d, %u ranges, ops %d %d of %u, lanes %d %d, %u x %u rows\n",
                    what, c->kind, c->nranges, c->ops[0], c->ops[1], c->nbounds, left->lane,
                    right->lane, left->n, right->n);
        lines_free(&got);
        tqp_result_free(&result);
        tqp_query_free_stats(&query, &b->program);
        CHECK_INT(broker.used, 0);
    }
    lines_free(expected);
    build_free(b);
}

/* Keyed numbers, and whether there is a match; where that is not known, NULL. */
static void test_exists(const Case *c, const Side *left, const Side *right) {
    Build b = {0};
    TqpSlot id;
    TqpStep *step = open_probe(&b, c, (TqpProbe){.kind = TQP_PROBE_EXISTS}, left, right, &id);
    TqpSlot yes = {.type = {TQP_TYPE_BOOL, 0, 0}, .lane = TQP_LANE_MASK, .valid = TQP_NO_REG};
    TqpSlot unknown = yes;
    bool three = c->kind == TQP_MAP_ALL && c->nbounds == 1;
    yes.reg = step->out = build_reg(&b, TQP_LANE_MASK);
    unknown.reg = step->out2 = three ? build_reg(&b, TQP_LANE_MASK) : TQP_NO_REG;
    TqpSlot out[] = {id, yes, unknown};
    collect(&b, out, 2 + three);
    Lines expected = {0};
    for (uint32_t l = 0; l < left->n; l++) {
        bool found = false, null = right->n > 0 && left->rows[l].null[V];
        for (uint32_t r = 0; r < right->n; r++) {
            found |= matches(c, left, l, right, r);
            null |= right->rows[r].null[V];
        }
        if (three)
            lines_add(&expected, "%u|%s|%s", l, found ? "t" : "f", null && !found ? "t" : "f");
        else
            lines_add(&expected, "%u|%s", l, found ? "t" : "f");
    }
    run("exists", c, &b, left, right, TQP_OK, &expected);
}

/* Of pairs within reach those that meet the second bound too. */
static void filter_reach(Build *b, const Case *c, const Side *left, uint16_t rows) {
    TqpSlot w = b->pipelines[0].sink.columns[W], bound = load(b, left, V + 1);
    w.reg = build_reg(b, w.lane);
    w.valid = build_reg(b, TQP_LANE_MASK);
    TqpStep *fetch = build_step(b, TQP_STEP_FETCH, w.lane, w.reg, rows, TQP_NO_REG);
    fetch->column = W;
    fetch->out2 = w.valid;
    TqpStepOp op = c->ops[1] == TQP_BOUND_GT ? TQP_STEP_LT_RR : TQP_STEP_LE_RR;
    uint16_t mask = build_reg(b, TQP_LANE_MASK), both = build_reg(b, TQP_LANE_MASK);
    build_step(b, op, w.lane, mask, bound.reg, w.reg);
    build_step(b, TQP_STEP_MASK_AND, TQP_LANE_MASK, both, mask, w.valid);
    build_step(b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, both, TQP_NO_REG);
}

/* Keyed numbers of both sides, or, unless fetched, of the left. */
static void test_pairs(const Case *c, const Side *left, const Side *right, bool outer, bool single,
                       bool fetched) {
    Build b = {0};
    TqpSlot id;
    bool reach = c->nranges == 2;
    if (reach &&
        (outer || single || !fetched || left->lane != right->lane || left->bias != right->bias))
        return;
    TqpStep *step =
        open_probe(&b, c, (TqpProbe){.kind = TQP_PROBE_PAIRS, .outer = outer, .single = single},
                   left, right, &id);
    uint16_t rows = step->out = build_reg(&b, TQP_LANE_U32);
    TqpSlot out[] = {id, id};
    if (outer)
        step->out2 = out[1].valid = build_reg(&b, TQP_LANE_MASK);
    if (fetched) {
        out[1].reg = build_reg(&b, TQP_LANE_U32);
        build_step(&b, TQP_STEP_FETCH, TQP_LANE_U32, out[1].reg, rows, TQP_NO_REG)->column = ID;
    }
    if (reach)
        filter_reach(&b, c, left, rows);
    collect(&b, out, 2);
    Lines expected = {0};
    TqpStatus status = TQP_OK;
    for (uint32_t l = 0; l < left->n; l++) {
        uint32_t found = 0;
        for (uint32_t r = 0; r < right->n; r++) {
            if (!matches(c, left, l, right, r))
                continue;
            found++;
            lines_add(&expected, "%u|%u", l, fetched ? r : l);
        }
        if (found == 0 && outer)
            lines_add(&expected, "%u|-", l);
        if (found > 1 && single)
            status = TQP_CARDINALITY;
    }
    run(outer ? "outer pairs" : "pairs", c, &b, left, right, status, &expected);
}

/* EXISTS with one more condition: left row < right row. */
static void test_any(const Case *c, const Side *left, const Side *right) {
    Build b = {0};
    TqpSlot id;
    if (c->nranges == 2)
        return;
    TqpStep *step = open_probe(&b, c, (TqpProbe){.kind = TQP_PROBE_ANY}, left, right, &id);
    uint16_t rows = step->out = build_reg(&b, TQP_LANE_U32), rid = build_reg(&b, TQP_LANE_U32);
    TqpProbe *probe = (TqpProbe *)(uintptr_t)step->aux;
    build_step(&b, TQP_STEP_FETCH, TQP_LANE_U32, rid, rows, TQP_NO_REG)->column = ID;
    uint16_t mask = build_reg(&b, TQP_LANE_MASK), yes = build_reg(&b, TQP_LANE_MASK);
    build_step(&b, TQP_STEP_LT_RR, TQP_LANE_U32, mask, id.reg, rid);
    probe->end = b.nsteps;
    build_step(&b, TQP_STEP_MATCH, TQP_LANE_MASK, yes, TQP_NO_REG, mask);
    build_step(&b, TQP_STEP_FILTER, TQP_LANE_MASK, TQP_NO_REG, yes, TQP_NO_REG);
    collect(&b, &id, 1);
    Lines expected = {0};
    for (uint32_t l = 0; l < left->n; l++) {
        bool found = false;
        for (uint32_t r = l + 1; r < right->n; r++)
            found |= matches(c, left, l, right, r);
        if (found)
            lines_add(&expected, "%u", l);
    }
    run("any", c, &b, left, right, TQP_OK, &expected);
}

static void test_cases(const Side *left, const Side *right) {
    static const TqpMapKind kinds[] = {TQP_MAP_ALL, TQP_MAP_DENSE, TQP_MAP_HASH};
    static const TqpBoundOp ops[][2] = {{TQP_BOUND_LT, TQP_BOUND_GT},
                                        {TQP_BOUND_LE, TQP_BOUND_GE},
                                        {TQP_BOUND_GT, TQP_BOUND_LE},
                                        {TQP_BOUND_GE, TQP_BOUND_LT}};
    for (int k = 0; k < 3; k++)
        for (int o = 0; o < 4; o++)
            for (uint32_t shape = 0; shape < (o < 2 ? 3 : 2); shape++) {
                Case c = {kinds[k], shape == 2 ? 2 : 1, shape == 0 ? 1 : 2, {ops[o][0], ops[o][1]}};
                test_exists(&c, left, right);
                test_any(&c, left, right);
                for (int flags = 0; flags < 8; flags++)
                    test_pairs(&c, left, right, flags & 1, flags & 2, flags & 4);
            }
}

int main(void) {
    static const struct {
        uint32_t left, right, domain, null_every;
    } sizes[] = {{0, 9, 5, 4},      {9, 0, 5, 4},          {1, 1, 1, 0},
                 {1, 1, 1, 1},      {40, 50, 30, 6},       {70, 300, 1, 0},
                 {300, 60, 120, 9}, {120, 120, 100000, 0}, {90, 24, 9, 3}};
    static const struct {
        TqpLane left, right;
        int64_t left_bias, right_bias;
    } lanes[] = {{TQP_LANE_U8, TQP_LANE_U8, 0, 0},     {TQP_LANE_U8, TQP_LANE_U16, -20, 0},
                 {TQP_LANE_U32, TQP_LANE_U16, 0, 77},  {TQP_LANE_I64, TQP_LANE_U8, 0, -3},
                 {TQP_LANE_U16, TQP_LANE_I64, -15, 0}, {TQP_LANE_I64, TQP_LANE_I64, 0, 0},
                 {TQP_LANE_I128, TQP_LANE_I64, 0, 0},  {TQP_LANE_I64, TQP_LANE_I128, 0, 0},
                 {TQP_LANE_F64, TQP_LANE_F64, 0, 0},   {TQP_LANE_F32, TQP_LANE_F32, 0, 0},
                 {TQP_LANE_F32, TQP_LANE_F64, 0, 0}};
    for (uint32_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
        for (uint32_t k = 0; k < sizeof(lanes) / sizeof(lanes[0]); k++) {
            Side left, right;
            uint32_t domain = sizes[s].domain, most = lanes[k].left == TQP_LANE_U8 ? 256 : 65536;
            domain = domain < most ? domain : most;
            most = lanes[k].right == TQP_LANE_U8 ? 256 : 65536;
            domain = domain < most ? domain : most;
            side_make(&left, sizes[s].left, lanes[k].left, lanes[k].left_bias, domain,
                      sizes[s].null_every);
            side_make(&right, sizes[s].right, lanes[k].right, lanes[k].right_bias, domain,
                      sizes[s].null_every);
            test_cases(&left, &right);
            side_free(&left);
            side_free(&right);
        }
    return check_report("exec_ranges");
}
