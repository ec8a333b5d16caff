/*
 * The IR's text form: parse, check, print, parse again, optimise; then bind and run over tiny
 * relations.  What is refused must be refused with a status; printed and parsed a plan stays the
 * same; every backend and the plan before and after the optimiser give the same rows.
 */
#include "exec/exec.h"
#include "fuzz/fuzz.h"
#include "fuzz/tiny.h"
#include "opt/opt.h"

enum { PARAMS = 8, INPUT_MAX = 4096 };

static void require(bool ok, const char *what, const TqpError *err) {
    fuzz_require(ok, what, err->message);
}

/* Printed and parsed, the plan is the same. */
static void round_trip(TqpArena *a, const TqpNode *node, const char *what) {
    TqpString text = {0}, tree = {0};
    TqpError err = {0};
    const TqpNode *again = NULL;
    tqp_ir_print(node, &text);
    tqp_ir_print_tree(node, &tree);
    require(!text.failed && tree.len > 0, what, &err);
    require(tqp_ir_parse(a, text.data, &again, &err) == TQP_OK, what, &err);
    require(tqp_ir_node_equal(node, again), what, &err);
    tqp_string_free(&text);
    tqp_string_free(&tree);
}

/* NULL: a correlated subquery that is declined. */
static const TqpNode *optimise(TqpArena *a, const TqpNode *node) {
    TqpError err = {0};
    TqpOptOptions options = {0};
    const TqpNode *out = NULL;
    TqpStatus status = tqp_opt_run(a, node, &options, &out, &err);
    if (status == TQP_UNSUPPORTED)
        return NULL;
    require(status == TQP_OK, "optimise", &err);
    require(tqp_ir_check(out, &err) == TQP_OK, "optimised", &err);
    require(out->noutputs == node->noutputs, "outputs", &err);
    for (uint32_t i = 0; i < out->noutputs; i++)
        require(tqp_type_equal(out->types[i], node->types[i]), "types", &err);
    round_trip(a, out, "optimised");
    return out;
}

/* ---- running ---- */

typedef struct Rows {
    TqpStatus status;
    uint32_t n, ncolumns;
    const TqpType *types;
    TqpValue *values;
} Rows;

static int by_bytes(void *host, uint32_t collation, TqpView a, TqpView b) {
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    (void)host;
    (void)collation;
    return order != 0 ? order : (int)a.len - (int)b.len;
}

static void read_rows(TqpArena *a, const TqpResult *result, Rows *rows) {
    rows->n = (uint32_t)result->nrows;
    rows->values =
        tqp_arena_zalloc(a, ((size_t)rows->n * rows->ncolumns + 1) * sizeof(*rows->values));
    TqpValue *v = rows->values;
    for (uint32_t g = 0; g < result->rel.ngroups; g++)
        for (uint32_t i = 0; i < result->rel.groups[g].nrows; i++)
            for (uint32_t c = 0; c < rows->ncolumns; c++, v++) {
                tqp_tensor_value(&result->rel.groups[g].tensors[c], rows->types[c], i, v);
                if (v->is_null || tqp_type_class(rows->types[c].kind) != TQP_CLASS_TEXT)
                    continue;
                char *copy = tqp_arena_alloc(a, v->s.len + 1); /* the result goes, the rows stay */
                memcpy(copy, v->s.data, v->s.len);
                v->s = tqp_view(copy, v->s.len);
            }
}

static Rows run(TqpArena *a, const TqpProgram *program, const TqpNode *node,
                const TqpRelation *const *rels, const TqpBackend *backend) {
    TqpQuery query = {.backend = backend, .nthreads = 1, .compare = by_bytes};
    TqpResult result;
    Rows rows = {.ncolumns = node->noutputs, .types = node->types};
    rows.status = tqp_exec_run(&query, program, rels, TINY_RELATIONS, &result);
    if (rows.status == TQP_OK) {
        read_rows(a, &result, &rows);
        tqp_result_free(&result);
    } else {
        require(rows.status != TQP_INVALID && query.error.message[0] != 0, "run", &query.error);
    }
    tqp_query_free_stats(&query, program);
    return rows;
}

/* ---- comparing ---- */

static int order_numbers(double x, double y) {
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return x < y ? -1 : x > y;
}

static int order_values(TqpType type, const TqpValue *x, const TqpValue *y) {
    if (x->is_null || y->is_null)
        return (int)x->is_null - (int)y->is_null;
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        return (int)x->b - (int)y->b;
    case TQP_CLASS_INT:
        return x->i < y->i ? -1 : x->i > y->i;
    case TQP_CLASS_FLOAT:
        return order_numbers(x->f, y->f);
    default:
        return by_bytes(NULL, 0, x->s, y->s);
    }
}

static int order_rows(const Rows *rows, uint32_t x, uint32_t y) {
    const TqpValue *v = &rows->values[(size_t)x * rows->ncolumns];
    const TqpValue *w = &rows->values[(size_t)y * rows->ncolumns];
    for (uint32_t c = 0; c < rows->ncolumns; c++) {
        int order = order_values(rows->types[c], &v[c], &w[c]);
        if (order != 0)
            return order;
    }
    return 0;
}

static uint32_t *sorted(TqpArena *a, const Rows *rows) {
    uint32_t *index = tqp_arena_alloc(a, (rows->n + 1) * sizeof(*index));
    for (uint32_t i = 0; i < rows->n; i++) {
        uint32_t k = i;
        for (; k > 0 && order_rows(rows, index[k - 1], i) > 0; k--)
            index[k] = index[k - 1];
        index[k] = i;
    }
    return index;
}

/* Floats may have been added in another order. */
static bool close_values(TqpType type, const TqpValue *x, const TqpValue *y) {
    if (order_values(type, x, y) == 0)
        return true;
    if (x->is_null || y->is_null || tqp_type_class(type.kind) != TQP_CLASS_FLOAT)
        return false;
    return fabs(x->f - y->f) <= 1e-6 * (fabs(x->f) + fabs(y->f)) || fabs(x->f - y->f) < 1e-6;
}

static bool adds_floats(const TqpNode *node) {
    bool found = false;
    if (node->kind == TQP_NODE_AGGREGATE)
        for (uint32_t i = 0; i < node->aggregate.naggs; i++)
            found |= node->aggregate.aggs[i].func != TQP_AGG_MIN &&
                     node->aggregate.aggs[i].func != TQP_AGG_MAX &&
                     tqp_type_class(node->aggregate.aggs[i].type.kind) == TQP_CLASS_FLOAT;
    for (uint32_t i = 0; i < node->ninputs; i++)
        found |= adds_floats(node->inputs[i]);
    return found;
}

static bool limits(const TqpNode *node) {
    bool found = node->kind == TQP_NODE_LIMIT || node->kind == TQP_NODE_NUMBER;
    for (uint32_t i = 0; i < node->ninputs; i++)
        found |= limits(node->inputs[i]);
    return found;
}

/* Which of tied rows a limit keeps is free, and so is all that is computed from them. */
static void require_same(TqpArena *a, const TqpNode *node, const Rows *x, const Rows *y,
                         const char *what) {
    TqpError err = {0};
    bool anomaly = x->status != TQP_OK || y->status != TQP_OK;
    if (anomaly || limits(node))
        return;
    if (adds_floats(node) && x->n != y->n)
        return; /* grouped by or compared with a sum */
    require(x->n == y->n, what, &err);
    uint32_t *i = sorted(a, x), *j = sorted(a, y);
    for (uint32_t k = 0; k < x->n; k++)
        for (uint32_t c = 0; c < x->ncolumns; c++)
            require(close_values(x->types[c], &x->values[(size_t)i[k] * x->ncolumns + c],
                                 &y->values[(size_t)j[k] * x->ncolumns + c]),
                    what, &err);
}

/* The rows that `ref` gives; the other backends must agree. */
static bool execute(TqpArena *a, const TqpNode *node, Rows *rows) {
    const TqpRelation *rels[TINY_RELATIONS] = {0};
    TqpValue params[PARAMS] = {{0}};
    TqpBindOptions options = {.utf8 = true, .compare = by_bytes};
    const TqpProgram *program;
    TqpError err = {0};
    if (!tiny_relations(a, node, rels))
        return false;
    for (uint32_t i = 0; i < PARAMS; i++)
        params[i] = (TqpValue){.is_null = i == 5,
                               .b = i & 1,
                               .i = (TqpInt128)i - 1,
                               .f = i / 2.0,
                               .s = tqp_view("ab", 2)};
    TqpStatus status =
        tqp_program_bind(a, node, rels, TINY_RELATIONS, params, PARAMS, &options, &program, &err);
    if (status != TQP_OK) {
        require(err.message[0] != 0, "bind", &err);
        return false;
    }
    *rows = run(a, program, node, rels, tqp_backend_ref());
    for (int isa = 0; isa < TQP_ISA_COUNT; isa++) {
        const TqpBackend *cpu = tqp_backend_cpu((TqpIsa)isa);
        if (cpu == NULL)
            continue;
        Rows other = run(a, program, node, rels, cpu);
        require((rows->status == TQP_OK) == (other.status == TQP_OK), "one backend raises", &err);
        require_same(a, node, rows, &other, "backends differ");
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node;
    if (size > INPUT_MAX)
        return 0;
    char *text = malloc(size + 1);
    fuzz_require(text != NULL, "no memory", "");
    if (size > 0)
        memcpy(text, data, size);
    text[size] = 0;
    if (tqp_ir_parse(&a, text, &node, &err) == TQP_OK) {
        Rows before, after;
        round_trip(&a, node, "parsed");
        const TqpNode *better = optimise(&a, node);
        if (better != NULL && execute(&a, node, &before) && execute(&a, better, &after))
            require_same(&a, node, &before, &after, "the optimiser changes the rows");
    } else {
        require(err.status == TQP_INVALID && err.message[0] != 0, "refusal", &err);
    }
    free(text);
    tqp_arena_free(&a);
    return 0;
}
