/*
 * What the open pipeline reads: lanes and biases of its source's columns, chosen from the tensors
 * of all row groups, and the LOADs, which are emitted at the first use of a column.
 */
#include <string.h>

#include "program/bind.h"

/* The base that most rows of a column in narrow FOR lanes share. */
static bool common_base(const TqpRelation *rel, uint32_t column, int64_t *base) {
    uint64_t weight = 0;
    for (uint32_t g = 0; g < rel->ngroups; g++) {
        const TqpTensor *t = &rel->groups[g].tensors[column];
        if (t->nrows == 0 || t->encoding != TQP_ENC_FOR || !tqp_bind_is_code(t->lane))
            continue;
        if (weight > 0 && t->base == *base) {
            weight += t->nrows;
        } else if (weight > t->nrows) {
            weight -= t->nrows;
        } else {
            weight = t->nrows - weight;
            *base = t->base;
        }
    }
    return weight > 0;
}

/*
 * A base that most row groups share makes their LOADs free; else bias 0 makes arithmetic direct,
 * else the minimum.
 */
static void choose_int_lane(const TqpRelation *rel, uint32_t c, const TqpColumnStats *stats,
                            TqpSlot *s) {
    int64_t base = 0;
    bool has_base = common_base(rel, c, &base);
    s->bias = 0;
    if (tqp_bind_is_code(stats->widest) && tqp_bind_fits_i64(stats->min, stats->max)) {
        for (TqpLane lane = stats->widest; lane <= TQP_LANE_U32; lane++) {
            int64_t min = (int64_t)stats->min;
            s->lane = lane;
            if (has_base && tqp_bind_lane_covers(lane, base, stats->min, stats->max)) {
                s->bias = base;
                return;
            }
            if (tqp_bind_lane_covers(lane, 0, stats->min, stats->max))
                return;
            if (tqp_bind_lane_covers(lane, min, stats->min, stats->max)) {
                s->bias = min;
                return;
            }
        }
    }
    s->lane = stats->widest != TQP_LANE_I128 && tqp_bind_fits_i64(stats->min, stats->max)
                  ? TQP_LANE_I64
                  : TQP_LANE_I128;
}

/*
 * The one dictionary of a column all of whose row groups are DICT, or NULL.  Groups without any
 * value do not count: they load as code 0.
 */
static const TqpDict *column_dict(const TqpRelation *rel, uint32_t c) {
    const TqpDict *dict = rel->columns[c].dict;
    for (uint32_t g = 0; g < rel->ngroups; g++) {
        const TqpTensor *t = &rel->groups[g].tensors[c];
        if (t->nrows == 0 || (t->encoding == TQP_ENC_CONST && t->null_count == t->nrows))
            continue;
        if (t->encoding != TQP_ENC_DICT)
            return NULL;
        if (dict == NULL)
            dict = t->dict;
        if (t->dict != dict)
            return NULL;
    }
    return dict != NULL && dict->count > 0 ? dict : NULL;
}

static void describe_column(TqpBinder *b, const TqpRelation *rel, uint32_t c, TqpType type,
                            TqpBindColumn *col) {
    TqpColumnStats stats;
    TqpType stored = rel->columns[c].type;
    if (stored.kind != type.kind || stored.scale != type.scale) {
        tqp_bind_fail(b, TQP_INVALID, "column %u has another type than the scan", c);
        return;
    }
    tqp_relation_column_stats(rel, c, &stats);
    col->s = tqp_bind_slot(type, TQP_LANE_MASK, TQP_NO_REG, TQP_NO_REG).s;
    col->nullable = stats.has_nulls;
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        break;
    case TQP_CLASS_FLOAT:
        col->s.lane = type.kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64;
        break;
    case TQP_CLASS_INT:
        col->all_null = !stats.has_range;
        col->s.has_range = true;
        col->s.min = stats.min;
        col->s.max = stats.max;
        choose_int_lane(rel, c, &stats, &col->s);
        break;
    case TQP_CLASS_TEXT:
        col->s.dict = column_dict(rel, c);
        col->s.lane = col->s.dict != NULL ? stats.widest : TQP_LANE_VIEW;
        col->dict_collation = stored.collation;
        break;
    }
}

static void begin(TqpBinder *b, TqpSourceKind kind, uint32_t nsources, const uint32_t *sources,
                  uint32_t ncolumns) {
    uint32_t *copy = tqp_bind_zalloc(b, nsources * sizeof(*copy));
    if (copy != NULL && nsources > 0)
        memcpy(copy, sources, nsources * sizeof(*copy));
    b->source =
        (TqpBindSource){.kind = kind, .nsources = nsources, .sources = copy, .ncolumns = ncolumns};
    b->source.columns = tqp_bind_zalloc(b, ncolumns * sizeof(TqpBindColumn));
    b->steps = NULL;
    b->flags = NULL;
    b->builds = NULL;
    b->flags_cap = b->nbuilds = b->builds_cap = 0;
    b->reg_lanes = NULL;
    b->prunes = NULL;
    b->memo = NULL;
    b->nsteps = b->steps_cap = b->nregs = b->regs_cap = 0;
    b->nprunes = b->prunes_cap = b->nmemo = b->memo_cap = 0;
    b->guard = TQP_NO_REG;
    b->loose = false;
}

static void open_columns(TqpBinder *b, const TqpRelation *rel, const TqpNode *node) {
    for (uint32_t g = 0; g < rel->ngroups; g++)
        b->source.max_rows += rel->groups[g].live_rows;
    for (uint32_t c = 0; c < node->noutputs && b->status == TQP_OK; c++)
        describe_column(b, rel, c, node->types[c], &b->source.columns[c]);
}

void tqp_bind_open_relation(TqpBinder *b, const TqpNode *scan) {
    uint32_t index = scan->scan.relation;
    if (index >= b->nrels || b->rels[index]->ncolumns < scan->noutputs) {
        tqp_bind_fail(b, TQP_INVALID, "scan of a relation that was not given");
        return;
    }
    begin(b, TQP_SOURCE_RELATION, 1, &index, scan->noutputs);
    open_columns(b, b->rels[index], scan);
}

void tqp_bind_open_values(TqpBinder *b, const TqpNode *node, const TqpRelation *rel) {
    begin(b, TQP_SOURCE_VALUES, 0, NULL, node->noutputs);
    b->source.values = rel;
    open_columns(b, rel, node);
}

void tqp_bind_open_results(TqpBinder *b, uint32_t nsources, const uint32_t *sources,
                           uint64_t max_rows, uint32_t ncolumns, const TqpBindColumn *columns) {
    begin(b, TQP_SOURCE_RESULT, nsources, sources, ncolumns);
    b->source.max_rows = max_rows;
    if (b->status == TQP_OK && ncolumns > 0)
        memcpy(b->source.columns, columns, ncolumns * sizeof(TqpBindColumn));
}

void tqp_bind_swap(TqpBinder *b, TqpBinder *other) {
    TqpBinder t = *b;
    *b = *other;
    *other = t;
    b->status = t.status;
    b->pipelines = t.pipelines;
    b->npipelines = t.npipelines;
    b->pipelines_cap = t.pipelines_cap;
}

/* Bound on the build's side; collected there once a row is fetched. */
static void describe_fetched(TqpBinder *b, TqpBindColumn *col) {
    TqpBindBuild *build = col->build;
    tqp_bind_swap(b, build->open);
    TqpBound v = tqp_bind_expr(b, build->env[col->output]);
    col->all_null = tqp_bind_is_null(&v);
    col->built = tqp_bind_to_reg(b, v).s;
    tqp_bind_swap(b, build->open);
    col->s = col->built;
    col->s.reg = col->s.valid = TQP_NO_REG;
    col->dict_collation = v.dict_collation;
    col->nullable = col->built.valid != TQP_NO_REG || build->matched != TQP_NO_REG;
    col->described = true;
}

const TqpBindColumn *tqp_bind_describe(TqpBinder *b, uint32_t c) {
    TqpBindColumn *col = &b->source.columns[c];
    if (col->build != NULL && !col->described && b->status == TQP_OK)
        describe_fetched(b, col);
    return col;
}

TqpBound tqp_bind_column(TqpBinder *b, uint32_t c) {
    if (c >= b->source.ncolumns)
        return tqp_bind_fail(b, TQP_INVALID, "column %u does not exist", c);
    const TqpBindColumn *col = tqp_bind_describe(b, c);
    if (col->all_null || b->status != TQP_OK)
        return tqp_bind_null(col->s.type);
    if (col->s.has_range && col->s.min == col->s.max && !col->nullable)
        return tqp_bind_const_int(col->s.type, col->s.min);
    if (!col->loaded)
        tqp_bind_emit_load(b, c);
    TqpBound v = tqp_bind_slot(col->s.type, col->s.lane, col->s.reg, col->s.valid);
    v.s = col->s;
    v.dict_collation = col->dict_collation;
    return v;
}
