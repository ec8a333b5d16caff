/*
 * What PostgreSQL does with rows in order, one after another: DISTINCT ON, FETCH FIRST WITH TIES,
 * INTERSECT ALL and EXCEPT ALL.  Here rows are numbered, and the numbers compared.
 */
#include "postgres.h"

#include "pg/lower.h"

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};
static const TqpType type_i64 = {.kind = TQP_TYPE_I64};

static bool has_key(uint32_t n, const TqpSortKey *keys, const TqpSortKey *key) {
    for (uint32_t i = 0; i < n; i++)
        if (tqp_ir_expr_equal(keys[i].expr, key->expr))
            return true;
    return false;
}

static const TqpNode *number(TqpLowering *l, const TqpNode *node, List *each, List *order) {
    List *all = list_concat_copy(each, order);
    TqpSortKey *keys = palloc(sizeof(*keys) * ((Size)list_length(all) + 1));
    uint32_t n = 0, npartition = (uint32_t)list_length(each);
    ListCell *lc;
    foreach (lc, all)
        if (n < npartition || !has_key(n, keys, lfirst(lc)))
            keys[n++] = *(TqpSortKey *)lfirst(lc);
    return tqp_ir_number(l->arena, node, npartition, n, keys);
}

/* The rows of the numbered node for which `keep` is true, without their numbers. */
static const TqpNode *keep_rows(TqpLowering *l, const TqpNode *numbered, const TqpExpr *keep) {
    if (numbered == NULL || keep == NULL)
        return NULL;
    uint32_t n = numbered->noutputs - 2;
    const TqpExpr **columns = palloc(sizeof(*columns) * (n + 1));
    for (uint32_t i = 0; i < n; i++)
        columns[i] = tqp_ir_col(l->arena, i, numbered->types[i]);
    return tqp_ir_project(l->arena, tqp_ir_filter(l->arena, numbered, keep), n, columns);
}

static const TqpExpr *compare(TqpLowering *l, const TqpNode *numbered, uint32_t which, TqpOp op,
                              int64 bound) {
    if (numbered == NULL)
        return NULL;
    return tqp_ir_call2(l->arena, op, type_bool,
                        tqp_ir_col(l->arena, numbered->noutputs - 2 + which, type_i64),
                        tqp_ir_const_int(l->arena, type_i64, bound));
}

const TqpNode *tqp_lower_first_of_each(TqpLowering *l, const TqpNode *node, List *each,
                                       List *order) {
    const TqpNode *numbered = number(l, node, each, order);
    return keep_rows(l, numbered, compare(l, numbered, 0, TQP_OP_EQ, 1));
}

const TqpNode *tqp_lower_with_ties(TqpLowering *l, const TqpNode *node, List *order,
                                   const TqpExpr *count, const TqpExpr *offset) {
    if (count->op != TQP_OP_CONST || (offset != NULL && offset->op != TQP_OP_CONST)) {
        tqp_lower_fail(l, TQP_DECLINE_TIES_PARAM);
        return NULL;
    }
    int64 skip = offset != NULL ? (int64)offset->value.i : 0, n = (int64)count->value.i;
    int64 last = n > PG_INT64_MAX - skip ? PG_INT64_MAX : skip + n;
    if (n == 0)
        return tqp_ir_limit(l->arena, node, count, NULL);
    const TqpNode *numbered = number(l, node, NIL, order);
    const TqpExpr *both[2] = {compare(l, numbered, 0, TQP_OP_GT, skip),
                              compare(l, numbered, 1, TQP_OP_LE, last)};
    return keep_rows(l, numbered, tqp_ir_call(l->arena, TQP_OP_AND, type_bool, 2, both));
}

const TqpNode *tqp_lower_number_equals(TqpLowering *l, const TqpNode *node, int ncolumns) {
    List *each = NIL;
    if (node == NULL || ncolumns == 0) {
        tqp_lower_fail(l, TQP_DECLINE_SET_COLUMNS);
        return NULL;
    }
    for (int i = 0; i < ncolumns; i++) {
        TqpSortKey *key = palloc0(sizeof(*key));
        key->expr = tqp_ir_col(l->arena, (uint32_t)i, node->types[i]);
        each = lappend(each, key);
    }
    return number(l, node, each, NIL);
}
