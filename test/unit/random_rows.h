/*
 * Random row groups, and the same rows for the interpreter; comparing its rows with the engine's.
 */
#ifndef TQP_TEST_RANDOM_ROWS_H
#define TQP_TEST_RANDOM_ROWS_H

#include "exec/exec.h"
#include "unit/ir_eval.h"
#include "unit/ir_random.h"
#include "unit/rel.h"

#define MAX_GROUPS  3
#define GROUP_ROWS  64
#define MAX_COLUMNS 8
#define MAX_SCANS   4

typedef struct Case {
    TqpArena arena;
    IrRandom random;
    const TqpNode *plan;
    uint32_t max_rows; /* of a group */
    TqpRelation *rel;  /* the last one made */
    IrTable table;
    uint32_t nscans;
    const TqpRelation *rels[MAX_SCANS];
    IrTable tables[MAX_SCANS];
    bool ordered;
    bool may_spare;   /* the engine need not raise where the interpreter does */
    uint32_t rotated; /* the order of words in dictionaries */
} Case;

static inline int64_t random_int(IrRandom *r, TqpType type, uint32_t style) {
    TqpInt128 min, max;
    int64_t small = (int64_t)ir_random(r, 12) - 4;
    tqp_type_range(type, &min, &max);
    if (min < INT64_MIN)
        min = INT64_MIN;
    if (max > INT64_MAX)
        max = INT64_MAX;
    switch (style) {
    case 0:
        return small;
    case 1:
        return 1000 + (int64_t)ir_random(r, 60);
    case 2:
        return (int64_t)ir_random(r, 100000) - (ir_random(r, 2) ? 30000 : 0);
    case 3:
        return 7;
    case 4: /* finite, but large */
        return type.kind == TQP_TYPE_I64 || type.kind == TQP_TYPE_NUM
                   ? (int64_t)ir_random(r, UINT32_MAX) * (ir_random(r, 2) ? 1000003 : -999983)
                   : (int64_t)ir_random(r, 2000000) - 1000000;
    default:
        return ir_random(r, 9) ? small : (int64_t)(ir_random(r, 2) ? min : max);
    }
}

static inline TqpTensor int_tensor(Case *c, TqpType type, uint32_t style, uint32_t n,
                                   uint64_t nulls, uint32_t column, uint32_t base_row) {
    int64_t values[GROUP_ROWS], min = INT64_MAX, max = INT64_MIN;
    for (uint32_t i = 0; i < n; i++) {
        values[i] = random_int(&c->random, type, style);
        c->table.rows[base_row + i][column].i = values[i];
        if (nulls >> i & 1)
            continue;
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    if (min > max) {
        TqpTensor t = rel_ints(&c->arena, TQP_LANE_U8, 0, n, values, nulls);
        t.encoding = TQP_ENC_CONST;
        t.data = NULL;
        return t;
    }
    TqpInt128 slack = ir_random(&c->random, 3);
    int64_t base = min >= 0 && ir_random(&c->random, 2) ? 0 : min;
    if (base == min && min > INT64_MIN + 5 && ir_random(&c->random, 3) == 0)
        base -= (int64_t)slack;
    TqpLane lane = tqp_lane_for_range(min, max, base);
    if (lane < TQP_LANE_I64 && ir_random(&c->random, 4) == 0)
        lane++;
    if (lane >= TQP_LANE_I64)
        base = 0;
    if (min == max && nulls == 0 && ir_random(&c->random, 2)) {
        TqpTensor t = rel_ints(&c->arena, TQP_LANE_I64, 0, n, values, nulls);
        t.encoding = TQP_ENC_CONST;
        t.lane = TQP_LANE_U8;
        t.base = min;
        t.data = NULL;
        return t;
    }
    return rel_ints(&c->arena, lane, base, n, values, nulls);
}

static const char *const words[] = {"", "a", "b", "ab", "abc", "ca", "\xc3\xa9", "a%", "bb", "c_c"};

static inline TqpTensor text_tensor(Case *c, const TqpDict *dict, uint32_t n, uint64_t nulls,
                                    uint32_t column, uint32_t base_row) {
    uint8_t codes[GROUP_ROWS];
    const char *strings[GROUP_ROWS];
    for (uint32_t i = 0; i < n; i++) {
        codes[i] = (uint8_t)ir_random(&c->random, 10);
        strings[i] = words[(codes[i] + c->rotated) % 10];
        c->table.rows[base_row + i][column].s = tqp_view(strings[i], (uint32_t)strlen(strings[i]));
    }
    return dict != NULL ? rel_codes(&c->arena, dict, n, codes, nulls)
                        : rel_strings(&c->arena, n, strings, nulls);
}

static inline TqpTensor float_tensor(Case *c, uint32_t n, uint64_t nulls, uint32_t column,
                                     uint32_t base_row) {
    static const double odd[] = {0.0, -0.0, 1e308, 5e-324, INFINITY, -INFINITY, NAN, 0.1, 1e15};
    double values[GROUP_ROWS];
    for (uint32_t i = 0; i < n; i++) {
        values[i] = ir_random(&c->random, 5) ? (double)ir_random(&c->random, 9) / 2 - 2
                                             : odd[ir_random(&c->random, 9)];
        c->table.rows[base_row + i][column].f = values[i];
    }
    return rel_floats(&c->arena, n, values, nulls);
}

static inline TqpTensor bool_tensor(Case *c, uint32_t n, uint64_t nulls, uint32_t column,
                                    uint32_t base_row) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool v = ir_random(&c->random, 2);
        bits |= (uint64_t)v << i;
        c->table.rows[base_row + i][column].b = v;
    }
    return rel_bools(&c->arena, n, bits, nulls);
}

static inline uint64_t random_nulls(Case *c, uint32_t n, uint32_t style) {
    uint64_t nulls = 0;
    for (uint32_t i = 0; i < n && style > 0; i++)
        nulls |= (uint64_t)(style == 2 || ir_random(&c->random, 4) == 0) << i;
    return nulls;
}

/* Columns of one type, in every group of a relation, and the same rows for the interpreter. */
static inline void fill_column(Case *c, uint32_t column, const uint32_t *rows,
                               const TqpDict *dict) {
    TqpType type = c->rel->columns[column].type;
    uint32_t style = ir_random(&c->random, 6), nullable = ir_random(&c->random, 3), at = 0;
    bool plain_text = ir_random(&c->random, 3) == 0;
    for (uint32_t g = 0; g < c->rel->ngroups; g++) {
        uint64_t nulls =
            random_nulls(c, rows[g], nullable == 0 ? 0 : 1 + !ir_random(&c->random, 9));
        TqpTensor t;
        switch (tqp_type_class(type.kind)) {
        case TQP_CLASS_INT:
            t = int_tensor(c, type, style, rows[g], nulls, column, at);
            break;
        case TQP_CLASS_FLOAT:
            t = float_tensor(c, rows[g], nulls, column, at);
            break;
        case TQP_CLASS_BOOL:
            t = bool_tensor(c, rows[g], nulls, column, at);
            break;
        default:
            t = text_tensor(c, plain_text ? NULL : dict, rows[g], nulls, column, at);
            break;
        }
        for (uint32_t i = 0; i < rows[g]; i++) {
            TqpValue *v = &c->table.rows[at + i][column];
            if (nulls >> i & 1)
                *v = (TqpValue){.is_null = true};
        }
        rel_set(c->rel, g, column, t);
        at += rows[g];
    }
}

/* Rows outside the mask are not there: the interpreter never sees them. */
static inline void mask_rows(Case *c, const uint32_t *rows) {
    uint32_t kept = 0, at = 0;
    for (uint32_t g = 0; g < c->rel->ngroups; g++) {
        TqpRowGroup *group = &c->rel->groups[g];
        uint64_t *mask = tqp_arena_zalloc(&c->arena, 64);
        bool masked = ir_random(&c->random, 3) == 0;
        group->live_rows = 0;
        for (uint32_t i = 0; i < rows[g]; i++) {
            if (masked && ir_random(&c->random, 3) == 0)
                continue;
            tqp_bitmap_set(mask, i);
            group->live_rows++;
            c->table.rows[kept++] = c->table.rows[at + i];
        }
        group->nrows = rows[g];
        group->row_mask = masked ? mask : NULL;
        at += rows[g];
    }
    c->table.nrows = kept;
}

static inline void make_relation(Case *c, const TqpNode *scan) {
    char types[MAX_COLUMNS][32];
    const char *names[MAX_COLUMNS];
    uint32_t rows[MAX_GROUPS], total = 0, ngroups = ir_random(&c->random, MAX_GROUPS + 1);
    for (uint32_t i = 0; i < scan->noutputs; i++) {
        tqp_type_print(scan->types[i], types[i]);
        names[i] = types[i];
    }
    c->rel = rel_make(&c->arena, scan->noutputs, names, ngroups);
    for (uint32_t g = 0; g < ngroups; g++)
        total += rows[g] = ir_random(&c->random, 4) ? 1 + ir_random(&c->random, c->max_rows) : 1;
    c->table = (IrTable){.nrows = total, .ncolumns = scan->noutputs};
    c->table.rows = tqp_arena_zalloc(&c->arena, (total + 1) * sizeof(TqpValue *));
    for (uint32_t i = 0; i < total; i++)
        c->table.rows[i] = tqp_arena_zalloc(&c->arena, scan->noutputs * sizeof(TqpValue));
    const char *strings[10];
    for (uint32_t i = 0; i < 10; i++)
        strings[i] = words[(i + c->rotated) % 10];
    TqpDict *dict = rel_dict(&c->arena, 10, strings);
    for (uint32_t i = 0; i < scan->noutputs; i++)
        fill_column(c, i, rows, dict);
    mask_rows(c, rows);
    c->rels[c->nscans] = c->rel;
    c->tables[c->nscans++] = c->table;
}

/* ---- comparing ---- */

static inline int value_order(TqpType t, const TqpValue *x, const TqpValue *y) {
    if (x->is_null || y->is_null)
        return (int)x->is_null - (int)y->is_null;
    return eval_order(t, *x, *y);
}

static inline int row_order(const TqpType *types, uint32_t n, const TqpValue *x,
                            const TqpValue *y) {
    for (uint32_t i = 0; i < n; i++) {
        int o = value_order(types[i], &x[i], &y[i]);
        if (o != 0)
            return o;
    }
    return 0;
}

static inline void sort_rows(const TqpType *types, IrTable *t) {
    for (uint32_t i = 1; i < t->nrows; i++) {
        TqpValue *row = t->rows[i];
        uint32_t k = i;
        for (; k > 0 && row_order(types, t->ncolumns, t->rows[k - 1], row) > 0; k--)
            t->rows[k] = t->rows[k - 1];
        t->rows[k] = row;
    }
}

static inline void print_row(const TqpType *types, uint32_t n, const TqpValue *row) {
    for (uint32_t i = 0; i < n; i++) {
        char digits[TQP_INT128_DIGITS + 1];
        tqp_int128_print(row[i].i, digits);
        if (row[i].is_null)
            fprintf(stderr, " null");
        else if (tqp_type_class(types[i].kind) == TQP_CLASS_INT)
            fprintf(stderr, " %s", digits);
        else if (tqp_type_class(types[i].kind) == TQP_CLASS_TEXT)
            fprintf(stderr, " '%.*s'", (int)row[i].s.len, row[i].s.data);
        else
            fprintf(stderr, " %.17g %d", row[i].f, row[i].b);
    }
    fprintf(stderr, "\n");
}

static inline IrTable table_of(Case *c, const TqpResult *result, uint32_t ncolumns) {
    IrTable t = {.nrows = (uint32_t)result->nrows, .ncolumns = ncolumns};
    t.rows = tqp_arena_zalloc(&c->arena, (t.nrows + 1) * sizeof(TqpValue *));
    uint32_t at = 0;
    for (uint32_t g = 0; g < result->rel.ngroups; g++) {
        const TqpRowGroup *group = &result->rel.groups[g];
        for (uint32_t i = 0; i < group->nrows; i++) {
            TqpValue *row = tqp_arena_zalloc(&c->arena, (ncolumns + 1) * sizeof(TqpValue));
            for (uint32_t k = 0; k < ncolumns; k++)
                tqp_tensor_value(&group->tensors[k], c->plan->types[k], i, &row[k]);
            t.rows[at++] = row;
        }
    }
    return t;
}

static inline bool same_tables(Case *c, IrTable got, IrTable expected) {
    if (got.nrows != expected.nrows)
        return false;
    if (!c->ordered) {
        sort_rows(c->plan->types, &got);
        sort_rows(c->plan->types, &expected);
    }
    for (uint32_t i = 0; i < got.nrows; i++)
        if (row_order(c->plan->types, got.ncolumns, got.rows[i], expected.rows[i]) != 0) {
            fprintf(stderr, "row %u:\n", i);
            print_row(c->plan->types, got.ncolumns, got.rows[i]);
            print_row(c->plan->types, got.ncolumns, expected.rows[i]);
            return false;
        }
    return true;
}

#endif
