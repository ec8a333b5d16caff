/*
 * PROBE and MATCH steps, the build's columns as columns of the open pipeline, and the residual: a
 * FILTER behind the pairs of an inner join, a region of pairs for semi, anti, mark and single.
 */
#include <string.h>

#include "program/bind_node.h"

/* What was known before a region of pairs began. */
typedef struct Region {
    uint32_t nsteps, nmemo;
    bool *loaded; /* columns */
} Region;

static Region begin_region(TqpBinder *b) {
    uint32_t n = b->source.ncolumns;
    Region r = {b->nsteps, b->nmemo, tqp_bind_zalloc(b, n * sizeof(bool))};
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
        r.loaded[i] = b->source.columns[i].loaded;
    return r;
}

/* Registers of pairs mean nothing once the tile is as before. */
static void end_region(TqpBinder *b, const Region *r) {
    if (b->status != TQP_OK)
        return;
    b->nmemo = r->nmemo;
    for (uint32_t i = r->nsteps; i < b->nsteps; i++)
        b->flags[i] |= TQP_BIND_HIDDEN;
    for (uint32_t i = 0; i < b->source.ncolumns; i++) {
        TqpBindColumn *col = &b->source.columns[i];
        if (!col->loaded || r->loaded[i])
            continue;
        col->loaded = false;
        col->s.reg = col->s.valid = TQP_NO_REG;
    }
}

static TqpBindBuild *new_build(TqpBinder *b, const TqpBindJoin *j, bool exists_only) {
    TqpBindBuild *build = tqp_bind_zalloc(b, sizeof(*build));
    b->builds = tqp_bind_grow(b, b->builds, b->nbuilds, &b->builds_cap, sizeof(TqpBindBuild *));
    if (b->status != TQP_OK)
        return NULL;
    *build = (TqpBindBuild){.open = j->other,
                            .env = j->right->env,
                            .number = b->nbuilds,
                            .rows = TQP_NO_REG,
                            .matched = TQP_NO_REG};
    build->map.unique = j->unique;
    build->map.exists_only = exists_only;
    b->builds[b->nbuilds++] = build;
    return build;
}

/* The outputs of the build behind the columns of the source; *env: the join's left ++ right. */
static void add_columns(TqpBinder *b, const TqpBindJoin *j, const TqpExpr ***env) {
    uint32_t n = b->source.ncolumns, nleft = j->left->noutputs, nright = j->right->noutputs;
    TqpBindColumn *columns = tqp_bind_zalloc(b, ((size_t)n + nright) * sizeof(*columns));
    *env = tqp_bind_zalloc(b, ((size_t)nleft + nright) * sizeof(**env));
    if (b->status != TQP_OK)
        return;
    if (n > 0)
        memcpy(columns, b->source.columns, n * sizeof(*columns));
    for (uint32_t i = 0; i < nleft; i++)
        (*env)[i] = j->left->env[i];
    for (uint32_t i = 0; i < nright; i++) {
        TqpType type = j->right->types[i];
        columns[n + i].s = tqp_bind_slot(type, TQP_LANE_U8, TQP_NO_REG, TQP_NO_REG).s;
        columns[n + i].build = j->build;
        columns[n + i].output = i;
        (*env)[nleft + i] = tqp_ir_col(b->a, n + i, type);
        if ((*env)[nleft + i] == NULL)
            tqp_bind_no_memory(b);
    }
    b->source.columns = columns;
    b->source.ncolumns = n + nright;
}

/* Left rows that fail a condition match nothing: a key of theirs, or a bound, is NULL. */
static void fold_conditions(TqpBinder *b, const TqpBindJoin *j, TqpSlot *keys) {
    uint32_t k = 0;
    while (k < j->build->map.nkeys && j->build->map.null_safe[k])
        k++;
    for (uint32_t i = 0; i < j->p.nprobe && b->status == TQP_OK; i++) {
        TqpBound v = tqp_bind_expr(b, tqp_bind_substitute(b, j->p.probe[i], j->left->env));
        keys[k].valid = tqp_bind_mask_and(b, keys[k].valid, tqp_bind_true_mask(b, &v));
    }
}

/* The build's map and the PROBE; the caller adds the registers that it gives. */
static TqpProbe *make_probe(TqpBinder *b, TqpBindJoin *j, TqpProbeKind kind) {
    TqpProbe *probe = tqp_bind_zalloc(b, sizeof(*probe));
    TqpSlot *keys = tqp_bind_zalloc(b, ((size_t)j->p.nkeys + j->bounds.n) * sizeof(*keys));
    j->build = new_build(b, j, kind == TQP_PROBE_EXISTS && j->bounds.n == 0);
    if (b->status != TQP_OK)
        return probe;
    tqp_bind_keys(b, j->build, j->p.nkeys, j->p.keys, keys);
    if (b->status == TQP_OK)
        tqp_bind_bounds(b, j->build, &j->bounds, keys + j->build->map.nkeys);
    if (b->status == TQP_OK)
        fold_conditions(b, j, keys);
    *probe = (TqpProbe){.kind = kind, .map = &j->build->map, .keys = keys};
    probe->nkeys = j->build->map.nkeys;
    probe->nbounds = j->bounds.n;
    memcpy(probe->bounds, j->bounds.ops, sizeof(probe->bounds));
    return probe;
}

static TqpStep probe_step(const TqpBindJoin *j, const TqpProbe *probe) {
    TqpStep step = tqp_bind_step(TQP_STEP_PROBE, TQP_LANE_MASK);
    step.aux = probe;
    step.imm[1].i = j->build->number;
    return step;
}

/* The build's row is only there where the residual holds too. */
static void narrow_match(TqpBinder *b, TqpBindJoin *j, const TqpExpr *const *env) {
    uint32_t nmemo = b->nmemo;
    uint16_t outer = b->guard, matched = j->build->matched;
    for (uint32_t i = 0; i < j->p.nresidual; i++)
        j->p.residual[i] = tqp_bind_substitute(b, j->p.residual[i], env);
    b->guard = tqp_bind_mask_and(b, outer, matched);
    matched = tqp_bind_mask_and(b, matched, tqp_bind_condition(b, j->p.nresidual, j->p.residual));
    b->guard = outer;
    b->nmemo = nmemo;
    j->build->matched = matched;
    for (uint32_t i = 0; i < b->source.ncolumns && b->status == TQP_OK; i++) {
        TqpBindColumn *col = &b->source.columns[i];
        if (col->build == j->build && col->loaded)
            tqp_bind_narrow(b, col, matched);
    }
}

/* INNER, LEFT, SINGLE: a row per pair, or the tile as it is when the build's rows are unique. */
static void probe_pairs(TqpBinder *b, TqpBindJoin *j) {
    const TqpExpr **env;
    bool outer = j->kind != TQP_JOIN_INNER;
    TqpProbe *probe = make_probe(b, j, TQP_PROBE_PAIRS);
    if (b->status != TQP_OK)
        return;
    probe->outer = outer;
    probe->single = j->kind == TQP_JOIN_SINGLE && !j->unique;
    TqpStep step = probe_step(j, probe);
    step.out = j->build->rows = tqp_bind_new_reg(b, TQP_LANE_U32);
    if (outer)
        step.out2 = j->build->matched = tqp_bind_new_reg(b, TQP_LANE_MASK);
    uint32_t at = tqp_bind_append_step(b, &step);
    add_columns(b, j, &env);
    if (b->status != TQP_OK)
        return;
    if (j->right->single)
        b->flags[at] |= TQP_BIND_RAISING;
    if (j->p.nresidual > 0 && outer) {
        narrow_match(b, j, env);
    } else if (j->p.nresidual > 0) {
        const TqpExpr *e = tqp_bind_conjunction(b, j->p.nresidual, j->p.residual);
        if (b->status == TQP_OK)
            tqp_bind_filter(b, tqp_bind_substitute(b, e, env), false);
    }
    j->left->raised |= probe->single;
    j->left->single |= probe->single || j->right->single;
    j->left->env = env;
    j->left->noutputs += j->right->noutputs;
}

/* A mark: true-mask and null-mask (TQP_NO_REG: never NULL). */
typedef struct Mark {
    uint16_t on, null;
} Mark;

static Mark probe_exists(TqpBinder *b, TqpBindJoin *j) {
    bool mark = j->kind == TQP_JOIN_MARK && j->p.nkeys == 1 && !j->p.keys[0].definite &&
                (tqp_bind_is_null(&j->p.keys[0].l) || j->p.keys[0].l.s.valid != TQP_NO_REG ||
                 tqp_bind_is_null(&j->p.keys[0].r) || j->p.keys[0].r.s.valid != TQP_NO_REG);
    mark = mark || (j->kind == TQP_JOIN_MARK && tqp_bind_bound_may_be_null(&j->bounds));
    Mark m = {TQP_NO_REG, TQP_NO_REG};
    TqpProbe *probe = make_probe(b, j, TQP_PROBE_EXISTS);
    if (b->status != TQP_OK)
        return m;
    TqpStep step = probe_step(j, probe);
    step.out = m.on = tqp_bind_new_reg(b, TQP_LANE_MASK);
    if (mark)
        step.out2 = m.null = tqp_bind_new_reg(b, TQP_LANE_MASK);
    tqp_bind_append_step(b, &step);
    return m;
}

/* The residual of a pair: true, and NULL where that matters. */
static Mark pair_mark(TqpBinder *b, TqpBindJoin *j, const TqpExpr *const *env) {
    Mark m = {TQP_NO_REG, TQP_NO_REG};
    for (uint32_t i = 0; i < j->p.nresidual; i++)
        j->p.residual[i] = tqp_bind_substitute(b, j->p.residual[i], env);
    if (j->kind != TQP_JOIN_MARK) {
        m.on = tqp_bind_condition(b, j->p.nresidual, j->p.residual);
    } else {
        const TqpExpr *e = tqp_bind_conjunction(b, j->p.nresidual, j->p.residual);
        if (b->status != TQP_OK)
            return m;
        TqpBound v = tqp_bind_expr(b, e);
        m.on = tqp_bind_true_mask(b, &v);
        if (tqp_bind_is_null(&v))
            m.null = tqp_bind_mask_fill(b, true);
        else if (v.s.valid != TQP_NO_REG)
            m.null = tqp_bind_mask_andnot(b, TQP_NO_REG, v.s.valid);
    }
    m.on = m.on != TQP_NO_REG ? m.on : tqp_bind_mask_fill(b, true);
    return m;
}

/*
 * env: the join's left ++ right, over the build's columns.  Of a SINGLE join *row is the build row
 * of the one pair that is true.
 */
static Mark probe_any(TqpBinder *b, TqpBindJoin *j, const TqpExpr ***out_env, uint16_t *row) {
    Mark m = {TQP_NO_REG, TQP_NO_REG};
    TqpProbe *probe = make_probe(b, j, TQP_PROBE_ANY);
    if (b->status != TQP_OK)
        return m;
    probe->single = j->kind == TQP_JOIN_SINGLE;
    add_columns(b, j, out_env);
    const TqpExpr **env = *out_env;
    Region region = begin_region(b);
    TqpStep step = probe_step(j, probe);
    step.out = j->build->rows = tqp_bind_new_reg(b, TQP_LANE_U32);
    tqp_bind_append_step(b, &step);
    if (b->status != TQP_OK)
        return m;
    Mark pair = pair_mark(b, j, env);
    TqpStep match = tqp_bind_step(TQP_STEP_MATCH, TQP_LANE_MASK);
    match.in[1] = pair.on;
    match.in[2] = pair.null;
    match.out = m.on = tqp_bind_new_reg(b, TQP_LANE_MASK);
    if (pair.null != TQP_NO_REG)
        match.out2 = m.null = tqp_bind_new_reg(b, TQP_LANE_MASK);
    if (probe->single) {
        match.in[0] = j->build->rows;
        match.out2 = *row = tqp_bind_new_reg(b, TQP_LANE_U32);
    }
    probe->end = tqp_bind_append_step(b, &match);
    end_region(b, &region);
    return m;
}

/* One more column of the open pipeline, which is a register already. */
static void add_mark(TqpBinder *b, TqpBindJoin *j, Mark m) {
    const TqpType type = {.kind = TQP_TYPE_BOOL};
    uint32_t n = b->source.ncolumns, nleft = j->left->noutputs;
    TqpBindColumn *columns = tqp_bind_zalloc(b, (n + 1) * sizeof(*columns));
    const TqpExpr **env = tqp_bind_zalloc(b, (nleft + 1) * sizeof(*env));
    if (b->status != TQP_OK)
        return;
    uint16_t valid =
        m.null == TQP_NO_REG ? TQP_NO_REG : tqp_bind_mask_andnot(b, TQP_NO_REG, m.null);
    if (n > 0)
        memcpy(columns, b->source.columns, n * sizeof(*columns));
    for (uint32_t i = 0; i < nleft; i++)
        env[i] = j->left->env[i];
    columns[n].s = tqp_bind_slot(type, TQP_LANE_MASK, m.on, valid).s;
    columns[n].nullable = valid != TQP_NO_REG;
    columns[n].loaded = true;
    env[nleft] = tqp_ir_col(b->a, n, type);
    if (env[nleft] == NULL)
        tqp_bind_no_memory(b);
    b->source.columns = columns;
    b->source.ncolumns = n + 1;
    j->left->env = env;
    j->left->noutputs = nleft + 1;
}

/* SINGLE over a build that is not unique by its keys alone: the residual chooses the row. */
static void probe_single(TqpBinder *b, TqpBindJoin *j) {
    const TqpExpr **env;
    uint16_t row = TQP_NO_REG;
    Mark m = probe_any(b, j, &env, &row);
    if (b->status != TQP_OK)
        return;
    j->build->rows = row;
    j->build->matched = m.on;
    for (uint32_t i = 0; i < b->source.ncolumns; i++)
        if (b->source.columns[i].build == j->build)
            b->source.columns[i].described = false; /* NULL where no pair is true */
    j->left->raised = j->left->single = true;
    j->left->env = env;
    j->left->noutputs += j->right->noutputs;
}

void tqp_bind_probe(TqpBinder *b, TqpBindJoin *j) {
    const TqpExpr **env;
    uint16_t row;
    for (uint32_t i = 0; i < j->p.nresidual; i++)
        j->left->raised |= tqp_ir_expr_may_raise(j->p.residual[i]);
    if (j->kind == TQP_JOIN_SINGLE && j->p.nresidual > 0 && !j->unique) {
        probe_single(b, j);
        return;
    }
    if (j->kind == TQP_JOIN_INNER || j->kind == TQP_JOIN_LEFT || j->kind == TQP_JOIN_SINGLE) {
        probe_pairs(b, j);
        return;
    }
    Mark m = j->p.nresidual > 0 ? probe_any(b, j, &env, &row) : probe_exists(b, j);
    if (b->status != TQP_OK)
        return;
    if (j->kind == TQP_JOIN_MARK)
        add_mark(b, j, m);
    else
        tqp_bind_filter_step(
            b, j->kind == TQP_JOIN_SEMI ? m.on : tqp_bind_mask_andnot(b, TQP_NO_REG, m.on));
}
