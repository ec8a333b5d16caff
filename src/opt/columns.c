/* Which columns an expression reads, and renumbering them. */
#include "base/bitmap.h"
#include "opt/pass.h"

uint64_t *tqp_opt_bitmap(TqpArena *a, uint32_t n) {
    return tqp_arena_zalloc(a, (tqp_bitmap_words(n) + 1) * sizeof(uint64_t));
}

static const TqpExpr *remap_column(TqpArena *a, const TqpExpr *e, void *arg) {
    const uint32_t *map = arg;
    if (e->op != TQP_OP_COL || map[e->index] == e->index)
        return e;
    return tqp_ir_col(a, map[e->index], e->type);
}

const TqpExpr *tqp_opt_remap(TqpArena *a, const TqpExpr *e, const uint32_t *map) {
    return tqp_ir_expr_map(a, e, remap_column, (void *)map);
}

static const TqpExpr *shift_column(TqpArena *a, const TqpExpr *e, void *arg) {
    const int64_t *by = arg;
    return e->op == TQP_OP_COL ? tqp_ir_col(a, (uint32_t)(e->index + *by), e->type) : e;
}

const TqpExpr *tqp_opt_shift(TqpArena *a, const TqpExpr *e, int64_t by) {
    return by == 0 ? e : tqp_ir_expr_map(a, e, shift_column, &by);
}

unsigned tqp_opt_sides(const TqpExpr *e, uint32_t nleft) {
    if (e->op == TQP_OP_COL)
        return e->index < nleft ? TQP_SIDE_LEFT : TQP_SIDE_RIGHT;
    unsigned sides = 0;
    for (uint32_t i = 0; i < e->nargs; i++)
        sides |= tqp_opt_sides(e->args[i], nleft);
    return sides;
}

bool tqp_opt_has_outer(const TqpExpr *e) {
    if (e->op == TQP_OP_OUTER)
        return true;
    for (uint32_t i = 0; i < e->nargs; i++)
        if (tqp_opt_has_outer(e->args[i]))
            return true;
    return false;
}

bool tqp_opt_is_bool(const TqpExpr *e, bool value) {
    return e->op == TQP_OP_CONST && e->type.kind == TQP_TYPE_BOOL && !e->value.is_null &&
           e->value.b == value;
}

bool tqp_opt_add_columns(TqpArena *a, TqpExprList *list, const TqpNode *node, uint32_t offset) {
    for (uint32_t i = 0; i < node->noutputs; i++)
        if (!tqp_opt_list_add(a, list, tqp_ir_col(a, offset + i, node->types[i])))
            return false;
    return true;
}

bool tqp_opt_contains(const TqpExprList *list, const TqpExpr *e) {
    for (uint32_t i = 0; i < list->n; i++)
        if (tqp_ir_expr_equal(list->items[i], e))
            return true;
    return false;
}
