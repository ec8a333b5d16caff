/* Construction of expressions and nodes in an arena. */
#include <string.h>

#include "ir/ir.h"

static TqpExpr *new_expr(TqpArena *a, TqpOp op, TqpType type) {
    TqpExpr *e = tqp_arena_zalloc(a, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->op = op;
    e->type = type;
    return e;
}

/* NULL arrays of no element are fine and distinguished from failure by n. */
static bool copy_array(TqpArena *a, const void *src, size_t n, size_t size, const void **out) {
    *out = NULL;
    if (n == 0)
        return true;
    void *copy = tqp_arena_alloc(a, n * size);
    if (copy == NULL)
        return false;
    memcpy(copy, src, n * size);
    *out = copy;
    return true;
}

static bool all_present(uint32_t n, const TqpExpr *const *exprs) {
    for (uint32_t i = 0; i < n; i++)
        if (exprs[i] == NULL)
            return false;
    return true;
}

const TqpExpr *tqp_ir_col(TqpArena *a, uint32_t index, TqpType type) {
    TqpExpr *e = new_expr(a, TQP_OP_COL, type);
    if (e != NULL)
        e->index = index;
    return e;
}

const TqpExpr *tqp_ir_param(TqpArena *a, uint32_t index, TqpType type) {
    TqpExpr *e = new_expr(a, TQP_OP_PARAM, type);
    if (e != NULL)
        e->index = index;
    return e;
}

const TqpExpr *tqp_ir_outer(TqpArena *a, uint32_t level, uint32_t index, TqpType type) {
    TqpExpr *e = new_expr(a, TQP_OP_OUTER, type);
    if (e != NULL) {
        e->level = level;
        e->index = index;
    }
    return e;
}

const TqpExpr *tqp_ir_const(TqpArena *a, TqpType type, const TqpValue *value) {
    TqpExpr *e = new_expr(a, TQP_OP_CONST, type);
    if (e == NULL)
        return NULL;
    /* Only the member that the type uses, so that equal constants are equal in every member. */
    if (value->is_null) {
        e->value.is_null = true;
        return e;
    }
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        e->value.b = value->b;
        break;
    case TQP_CLASS_INT:
        e->value.i = value->i;
        break;
    case TQP_CLASS_FLOAT:
        e->value.f = value->f;
        break;
    case TQP_CLASS_TEXT: {
        const char *data = tqp_arena_strndup(a, value->s.len ? value->s.data : "", value->s.len);
        if (data == NULL)
            return NULL;
        e->value.s = tqp_view(data, value->s.len);
        break;
    }
    }
    return e;
}

const TqpExpr *tqp_ir_const_int(TqpArena *a, TqpType type, TqpInt128 value) {
    return tqp_ir_const(a, type, &(TqpValue){.i = value});
}

const TqpExpr *tqp_ir_const_null(TqpArena *a, TqpType type) {
    return tqp_ir_const(a, type, &(TqpValue){.is_null = true});
}

const TqpExpr *tqp_ir_const_bool(TqpArena *a, bool value) {
    return tqp_ir_const(a, (TqpType){.kind = TQP_TYPE_BOOL}, &(TqpValue){.b = value});
}

const TqpExpr *tqp_ir_const_text(TqpArena *a, TqpType type, const char *s, uint32_t len) {
    return tqp_ir_const(a, type, &(TqpValue){.s = {.data = s, .len = len}});
}

const TqpExpr *tqp_ir_call(TqpArena *a, TqpOp op, TqpType type, uint32_t nargs,
                           const TqpExpr *const *args) {
    if (!all_present(nargs, args))
        return NULL;
    TqpExpr *e = new_expr(a, op, type);
    const void *copy;
    if (e == NULL || !copy_array(a, args, nargs, sizeof(*args), &copy))
        return NULL;
    e->nargs = nargs;
    e->args = copy;
    return e;
}

const TqpExpr *tqp_ir_call1(TqpArena *a, TqpOp op, TqpType type, const TqpExpr *x) {
    return tqp_ir_call(a, op, type, 1, (const TqpExpr *[]){x});
}

const TqpExpr *tqp_ir_call2(TqpArena *a, TqpOp op, TqpType type, const TqpExpr *x,
                            const TqpExpr *y) {
    return tqp_ir_call(a, op, type, 2, (const TqpExpr *[]){x, y});
}

/* ---- nodes ---- */

/* A node over `input` whose outputs are the input's. */
static TqpNode *new_node(TqpArena *a, TqpNodeKind kind, const TqpNode *input) {
    TqpNode *n = tqp_arena_zalloc(a, sizeof(*n));
    if (n == NULL)
        return NULL;
    n->kind = kind;
    if (input != NULL) {
        n->ninputs = 1;
        n->inputs[0] = input;
        n->noutputs = input->noutputs;
        n->types = input->types;
    }
    return n;
}

const TqpNode *tqp_ir_scan(TqpArena *a, uint32_t relation, const char *name, uint32_t ncolumns,
                           const char *const *columns, const TqpType *types) {
    TqpNode *n = new_node(a, TQP_NODE_SCAN, NULL);
    const void *copy;
    if (n == NULL || !copy_array(a, types, ncolumns, sizeof(*types), &copy))
        return NULL;
    n->noutputs = ncolumns;
    n->types = copy;
    n->scan.relation = relation;
    n->scan.name = tqp_arena_strndup(a, name, strlen(name));
    const char **names = NULL;
    if (ncolumns > 0 && (names = tqp_arena_alloc(a, ncolumns * sizeof(*names))) == NULL)
        return NULL;
    for (uint32_t i = 0; i < ncolumns; i++)
        if ((names[i] = tqp_arena_strndup(a, columns[i], strlen(columns[i]))) == NULL)
            return NULL;
    n->scan.columns = names;
    return n->scan.name == NULL ? NULL : n;
}

const TqpNode *tqp_ir_scan_unique(TqpArena *a, const TqpNode *scan, uint32_t nuniques,
                                  const TqpUnique *uniques) {
    TqpUnique *copy = tqp_arena_alloc(a, nuniques * sizeof(*copy) + 1);
    TqpNode *n = tqp_arena_alloc(a, sizeof(*n));
    if (scan == NULL || copy == NULL || n == NULL)
        return NULL;
    for (uint32_t i = 0; i < nuniques; i++) {
        const void *columns;
        if (!copy_array(a, uniques[i].columns, uniques[i].ncolumns, sizeof(uint32_t), &columns))
            return NULL;
        copy[i] = (TqpUnique){uniques[i].ncolumns, columns};
    }
    *n = *scan;
    n->scan.nuniques = nuniques;
    n->scan.uniques = copy;
    return n;
}

const TqpNode *tqp_ir_scan_not_null(TqpArena *a, const TqpNode *scan, uint32_t n,
                                    const uint32_t *columns) {
    TqpNode *copy = tqp_arena_alloc(a, sizeof(*copy));
    const void *set;
    if (scan == NULL || copy == NULL || !copy_array(a, columns, n, sizeof(*columns), &set))
        return NULL;
    *copy = *scan;
    copy->scan.nnot_null = n;
    copy->scan.not_null = set;
    return copy;
}

const TqpNode *tqp_ir_values(TqpArena *a, uint32_t ncolumns, const TqpType *types, uint32_t nrows,
                             const TqpExpr *const *exprs) {
    const void *type_copy, *expr_copy;
    TqpNode *n = new_node(a, TQP_NODE_VALUES, NULL);
    if (n == NULL || !all_present(ncolumns * nrows, exprs) ||
        !copy_array(a, types, ncolumns, sizeof(*types), &type_copy) ||
        !copy_array(a, exprs, (size_t)ncolumns * nrows, sizeof(*exprs), &expr_copy))
        return NULL;
    n->noutputs = ncolumns;
    n->types = type_copy;
    n->values.nrows = nrows;
    n->values.exprs = expr_copy;
    return n;
}

/* A node over two inputs whose outputs are the first's. */
static TqpNode *new_pair(TqpArena *a, TqpNodeKind kind, const TqpNode *first,
                         const TqpNode *second) {
    if (first == NULL || second == NULL)
        return NULL;
    TqpNode *n = new_node(a, kind, first);
    if (n != NULL) {
        n->ninputs = 2;
        n->inputs[1] = second;
    }
    return n;
}

/* Outputs are the left's columns, then the right's or, of a mark join, one boolean. */
static bool add_right_types(TqpArena *a, TqpNode *n, uint32_t nright, const TqpType *right) {
    uint32_t nleft = n->noutputs;
    TqpType *types = tqp_arena_alloc(a, ((size_t)nleft + nright) * sizeof(*types) + 1);
    if (types == NULL)
        return false;
    if (nleft > 0)
        memcpy(types, n->types, nleft * sizeof(*types));
    if (nright > 0)
        memcpy(types + nleft, right, nright * sizeof(*types));
    n->types = types;
    n->noutputs = nleft + nright;
    return true;
}

const TqpNode *tqp_ir_join(TqpArena *a, TqpJoinKind kind, bool dependent, const TqpNode *left,
                           const TqpNode *right, const TqpExpr *pred) {
    static const TqpType boolean = {.kind = TQP_TYPE_BOOL};
    TqpNode *n = pred != NULL ? new_pair(a, TQP_NODE_JOIN, left, right) : NULL;
    if (n == NULL)
        return NULL;
    n->join.kind = kind;
    n->join.dependent = dependent;
    n->join.pred = pred;
    if (kind == TQP_JOIN_SEMI || kind == TQP_JOIN_ANTI)
        return n;
    bool mark = kind == TQP_JOIN_MARK;
    return add_right_types(a, n, mark ? 1 : right->noutputs, mark ? &boolean : right->types) ? n
                                                                                             : NULL;
}

const TqpNode *tqp_ir_append(TqpArena *a, const TqpNode *first, const TqpNode *second) {
    return new_pair(a, TQP_NODE_APPEND, first, second);
}

const TqpNode *tqp_ir_filter(TqpArena *a, const TqpNode *input, const TqpExpr *pred) {
    if (input == NULL || pred == NULL)
        return NULL;
    TqpNode *n = new_node(a, TQP_NODE_FILTER, input);
    if (n != NULL)
        n->filter.pred = pred;
    return n;
}

const TqpNode *tqp_ir_project(TqpArena *a, const TqpNode *input, uint32_t n,
                              const TqpExpr *const *exprs) {
    if (input == NULL || !all_present(n, exprs))
        return NULL;
    TqpNode *node = new_node(a, TQP_NODE_PROJECT, input);
    const void *copy;
    if (node == NULL || !copy_array(a, exprs, n, sizeof(*exprs), &copy))
        return NULL;
    TqpType *types = tqp_arena_alloc(a, n * sizeof(*types) + 1);
    if (types == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        types[i] = exprs[i]->type;
    node->noutputs = n;
    node->types = types;
    node->project.exprs = copy;
    return node;
}

const TqpNode *tqp_ir_aggregate(TqpArena *a, const TqpNode *input, uint32_t nkeys,
                                const TqpExpr *const *keys, uint32_t naggs, const TqpAgg *aggs) {
    if (input == NULL || !all_present(nkeys, keys))
        return NULL;
    TqpNode *node = new_node(a, TQP_NODE_AGGREGATE, input);
    const void *key_copy, *agg_copy;
    if (node == NULL || !copy_array(a, keys, nkeys, sizeof(*keys), &key_copy) ||
        !copy_array(a, aggs, naggs, sizeof(*aggs), &agg_copy))
        return NULL;
    TqpType *types = tqp_arena_alloc(a, ((size_t)nkeys + naggs) * sizeof(*types) + 1);
    if (types == NULL)
        return NULL;
    for (uint32_t i = 0; i < nkeys; i++)
        types[i] = keys[i]->type;
    for (uint32_t i = 0; i < naggs; i++) {
        if (aggs[i].arg == NULL && aggs[i].func != TQP_AGG_COUNT_STAR)
            return NULL;
        types[nkeys + i] = aggs[i].type;
    }
    node->noutputs = nkeys + naggs;
    node->types = types;
    node->aggregate.nkeys = nkeys;
    node->aggregate.keys = key_copy;
    node->aggregate.naggs = naggs;
    node->aggregate.aggs = agg_copy;
    return node;
}

const TqpNode *tqp_ir_sort(TqpArena *a, const TqpNode *input, uint32_t nkeys,
                           const TqpSortKey *keys) {
    if (input == NULL)
        return NULL;
    for (uint32_t i = 0; i < nkeys; i++)
        if (keys[i].expr == NULL)
            return NULL;
    TqpNode *node = new_node(a, TQP_NODE_SORT, input);
    const void *copy;
    if (node == NULL || !copy_array(a, keys, nkeys, sizeof(*keys), &copy))
        return NULL;
    node->sort.nkeys = nkeys;
    node->sort.keys = copy;
    return node;
}

const TqpNode *tqp_ir_number(TqpArena *a, const TqpNode *input, uint32_t npartition, uint32_t nkeys,
                             const TqpSortKey *keys) {
    const TqpNode *sort = tqp_ir_sort(a, input, nkeys, keys);
    if (sort == NULL)
        return NULL;
    uint32_t n = input->noutputs;
    TqpNode *node = tqp_arena_alloc(a, sizeof(*node));
    TqpType *types = tqp_arena_alloc(a, ((size_t)n + 2) * sizeof(*types));
    if (node == NULL || types == NULL)
        return NULL;
    if (n > 0)
        memcpy(types, input->types, n * sizeof(*types));
    types[n] = types[n + 1] = (TqpType){.kind = TQP_TYPE_I64};
    *node = *sort;
    node->kind = TQP_NODE_NUMBER;
    node->noutputs = n + 2;
    node->types = types;
    node->sort.npartition = npartition;
    return node;
}

const TqpNode *tqp_ir_limit(TqpArena *a, const TqpNode *input, const TqpExpr *count,
                            const TqpExpr *offset) {
    if (input == NULL)
        return NULL;
    TqpNode *node = new_node(a, TQP_NODE_LIMIT, input);
    if (node != NULL) {
        node->limit.count = count;
        node->limit.offset = offset;
    }
    return node;
}

const TqpNode *tqp_ir_with(TqpArena *a, uint32_t number, const TqpNode *definition,
                           const TqpNode *body) {
    TqpNode *node = definition == NULL || body == NULL ? NULL : tqp_arena_zalloc(a, sizeof(*node));
    if (node == NULL)
        return NULL;
    node->kind = TQP_NODE_WITH;
    node->ninputs = 2;
    node->inputs[0] = definition;
    node->inputs[1] = body;
    node->noutputs = body->noutputs;
    node->types = body->types;
    node->shared.number = number;
    return node;
}

const TqpNode *tqp_ir_shared(TqpArena *a, uint32_t number, const TqpNode *definition) {
    TqpNode *node = definition == NULL ? NULL : tqp_arena_zalloc(a, sizeof(*node));
    if (node == NULL)
        return NULL;
    node->kind = TQP_NODE_SHARED;
    node->noutputs = definition->noutputs;
    node->types = definition->types;
    node->shared.number = number;
    node->shared.definition = definition;
    return node;
}
