/* VALUES lists: rows of constants and parameters. */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "pg/lower.h"

/* One type for column c of all rows.  Numerics of different scales would lose theirs. */
static bool unify_column(TqpLowering *l, const TqpExpr **exprs, uint32_t nrows, uint32_t ncolumns,
                         uint32_t c, TqpType *type) {
    uint32_t first = 0;
    while (first + 1 < nrows && exprs[first * ncolumns + c]->value.is_null)
        first++;
    *type = exprs[first * ncolumns + c]->type;
    for (uint32_t r = 0; r < nrows; r++) {
        const TqpExpr **e = &exprs[r * ncolumns + c];
        if (tqp_type_equal((*e)->type, *type))
            continue;
        if ((*e)->op == TQP_OP_CONST && (*e)->value.is_null) {
            *e = tqp_ir_const_null(l->arena, *type);
            continue;
        }
        *e = tqp_lower_cast(l, *e, *type);
        if ((*e)->op != TQP_OP_CONST && (*e)->op != TQP_OP_PARAM) {
            tqp_lower_fail(l, TQP_DECLINE_VALUES_TYPES);
            return false;
        }
    }
    return true;
}

static bool lower_rows(TqpLowering *l, List *lists, uint32_t ncolumns, const TqpExpr **exprs) {
    ListCell *row, *cell;
    uint32_t n = 0;
    foreach (row, lists)
        foreach (cell, lfirst(row)) {
            const TqpExpr *e = tqp_lower_is_constant(lfirst(cell))
                                   ? tqp_lower_expr(l, lfirst(cell))
                                   : tqp_lower_fail(l, TQP_DECLINE_VALUES_EXPR);
            if (e == NULL)
                return false;
            exprs[n++] = e;
        }
    Assert(n == ncolumns * (uint32_t)list_length(lists));
    return true;
}

bool tqp_lower_values(TqpLowering *l, int rtindex, List *lists, TqpLeaf *leaf) {
    uint32_t nrows = (uint32_t)list_length(lists);
    uint32_t ncolumns = (uint32_t)list_length(linitial(lists));
    const TqpExpr **exprs = palloc(sizeof(*exprs) * ((Size)nrows * ncolumns + 1));
    TqpType *types = palloc(sizeof(*types) * (ncolumns + 1));
    if (!lower_rows(l, lists, ncolumns, exprs))
        return false;
    for (uint32_t c = 0; c < ncolumns; c++) {
        if (!unify_column(l, exprs, nrows, ncolumns, c, &types[c]))
            return false;
        TqpVarColumn *column = palloc0(sizeof(*column));
        *column = (TqpVarColumn){.varno = rtindex,
                                 .attno = (AttrNumber)(c + 1),
                                 .index = c,
                                 .type = types[c],
                                 .scale = -1};
        leaf->columns = lappend(leaf->columns, column);
    }
    leaf->node = tqp_ir_values(l->arena, ncolumns, types, nrows, exprs);
    return leaf->node != NULL;
}
