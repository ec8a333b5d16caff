/*
 * UNION, INTERSECT and EXCEPT.  UNION ALL is an append; the others group the rows of both sides,
 * told apart by one more column, and keep the groups that the operation asks for.  With ALL equal
 * rows of a side are numbered first, so that each group has one row of a side at most.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "pg/cache.h"
#include "pg/lower.h"

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};
static const TqpType type_i32 = {.kind = TQP_TYPE_I32};
static const TqpType type_i64 = {.kind = TQP_TYPE_I64};

/* The common form of both sides: the columns, then the display scales of some. */
typedef struct Form {
    int n;
    uint32_t width;
    TqpType *types; /* n */
    int *scale;     /* n: column with the display scale, or -1 */
} Form;

static bool lower_side(TqpLowering *l, Node *node, TqpSubquery *out);

static bool is_integer(TqpType t) {
    return t.kind == TQP_TYPE_I16 || t.kind == TQP_TYPE_I32 || t.kind == TQP_TYPE_I64;
}

/* Is x, or is what PostgreSQL's planner makes of it by the type's implicit cast, of this kind? */
static bool becomes(TqpType x, TqpTypeKind kind) {
    if (x.kind == kind)
        return true;
    switch (kind) {
    case TQP_TYPE_I32:
    case TQP_TYPE_I64:
        return is_integer(x) && x.kind < kind;
    case TQP_TYPE_NUM:
    case TQP_TYPE_F32:
        return is_integer(x);
    case TQP_TYPE_F64:
        return is_integer(x) || x.kind == TQP_TYPE_F32;
    case TQP_TYPE_TS:
        return x.kind == TQP_TYPE_DATE;
    default:
        return false;
    }
}

static bool common_type(TqpLowering *l, TqpType x, TqpType y, Oid typid, Oid collation,
                        TqpType *type) {
    const char *reason;
    *type = (TqpType){.kind = TQP_TYPE_NUM, .scale = Max(x.scale, y.scale)};
    if (typid != NUMERICOID && !tqp_pg_type(typid, -1, collation, type, &reason)) {
        l->reason = reason;
        return false;
    }
    if (becomes(x, type->kind) && becomes(y, type->kind))
        return tqp_type_class(type->kind) != TQP_CLASS_TEXT ||
               tqp_lower_text_type(l, type->kind, collation, type);
    tqp_lower_fail(l, TQP_DECLINE_SET_TYPES, tqp_type_kind_name(x.kind),
                   tqp_type_kind_name(y.kind));
    return false;
}

static bool find_form(TqpLowering *l, const SetOperationStmt *op, const TqpSubquery *left,
                      const TqpSubquery *right, Form *form) {
    int n = left->ntargets;
    form->n = n;
    form->width = (uint32_t)n;
    form->types = palloc(sizeof(*form->types) * ((Size)n + 1));
    form->scale = palloc(sizeof(*form->scale) * ((Size)n + 1));
    for (int i = 0; i < n; i++) {
        TqpType x = left->node->types[left->index[i]], y = right->node->types[right->index[i]];
        if (!common_type(l, x, y, list_nth_oid(op->colTypes, i), list_nth_oid(op->colCollations, i),
                         &form->types[i]))
            return false;
        bool mixed = x.scale != y.scale || left->scale[i] >= 0 || right->scale[i] >= 0;
        form->scale[i] = mixed ? (int)form->width++ : -1;
    }
    return true;
}

static const TqpExpr *column(TqpLowering *l, const TqpNode *node, int index) {
    return tqp_ir_col(l->arena, (uint32_t)index, node->types[index]);
}

/* One side in the common form, and the tag if there is to be one. */
static const TqpNode *shape(TqpLowering *l, const Form *form, const TqpSubquery *side,
                            const TqpExpr *tag) {
    const TqpExpr **exprs = palloc(sizeof(*exprs) * (form->width + 1));
    for (int i = 0; i < form->n; i++) {
        const TqpExpr *e = column(l, side->node, side->index[i]);
        exprs[i] = tqp_lower_cast(l, e, form->types[i]);
        if (form->scale[i] < 0)
            continue;
        exprs[form->scale[i]] = side->scale[i] >= 0
                                    ? column(l, side->node, side->scale[i])
                                    : tqp_ir_const_int(l->arena, type_i32, e->type.scale);
    }
    exprs[form->width] = tag;
    return tqp_ir_project(l->arena, side->node, form->width + (tag != NULL), exprs);
}

/*
 * Equal values of different display scales are one group, shown by the greatest.  numbered: the
 * number, behind the tag, is one more key; it comes out between the columns and the scales.
 */
static const TqpNode *group(TqpLowering *l, const Form *form, const TqpNode *node, bool tagged,
                            bool numbered) {
    uint32_t naggs = 0, nkeys = (uint32_t)form->n;
    const TqpExpr **keys = palloc(sizeof(*keys) * (form->width + 2));
    TqpAgg *aggs = palloc0(sizeof(*aggs) * (form->width + 3));
    for (int i = 0; i < form->n; i++)
        keys[i] = column(l, node, i);
    if (numbered)
        keys[nkeys++] = column(l, node, (int)form->width + 1);
    for (uint32_t i = (uint32_t)form->n; i < form->width; i++)
        aggs[naggs++] =
            (TqpAgg){.func = TQP_AGG_MAX, .type = type_i32, .arg = column(l, node, (int)i)};
    if (tagged) {
        const TqpExpr *right = column(l, node, (int)form->width);
        const TqpExpr *left = tqp_ir_call1(l->arena, TQP_OP_NOT, type_bool, right);
        aggs[naggs++] = (TqpAgg){.func = TQP_AGG_COUNT_STAR, .type = type_i64, .filter = left};
        aggs[naggs++] = (TqpAgg){.func = TQP_AGG_COUNT_STAR, .type = type_i64, .filter = right};
    }
    return tqp_ir_aggregate(l->arena, node, nkeys, keys, naggs, aggs);
}

/* Groups with a row on the left and one (or none) on the right. */
static const TqpNode *choose(TqpLowering *l, const TqpNode *groups, bool intersect) {
    const TqpExpr *zero = tqp_ir_const_int(l->arena, type_i64, 0);
    int counts = (int)groups->noutputs - 2;
    const TqpExpr *both[2] = {
        tqp_ir_call2(l->arena, TQP_OP_GT, type_bool, column(l, groups, counts), zero),
        tqp_ir_call2(l->arena, intersect ? TQP_OP_GT : TQP_OP_EQ, type_bool,
                     column(l, groups, counts + 1), zero)};
    return tqp_ir_filter(l->arena, groups, tqp_ir_call(l->arena, TQP_OP_AND, type_bool, 2, both));
}

static bool default_equality(TqpLowering *l, const SetOperationStmt *op) {
    ListCell *lc;
    foreach (lc, op->groupClauses) {
        Oid type = list_nth_oid(op->colTypes, foreach_current_index(lc));
        const SortGroupClause *clause = lfirst(lc);
        if (!tqp_pg_comparable(type)) {
            tqp_lower_fail(l, TQP_DECLINE_EQUALITY, format_type_be(type));
            return false;
        }
        if (lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr != clause->eqop) {
            tqp_lower_fail(l, TQP_DECLINE_SET_OPERATOR);
            return false;
        }
    }
    return true;
}

static const TqpNode *combine(TqpLowering *l, const SetOperationStmt *op, const Form *form,
                              const TqpSubquery *left, const TqpSubquery *right) {
    bool tagged = op->op != SETOP_UNION, numbered = tagged && op->all;
    const TqpNode *sides[2];
    for (int i = 0; i < 2; i++) {
        const TqpExpr *tag = tagged ? tqp_ir_const_bool(l->arena, i == 1) : NULL;
        sides[i] = shape(l, form, i == 0 ? left : right, tag);
        if (numbered)
            sides[i] = tqp_lower_number_equals(l, sides[i], form->n);
    }
    const TqpNode *node = tqp_ir_append(l->arena, sides[0], sides[1]);
    if ((op->all && !tagged) || node == NULL)
        return node;
    node = group(l, form, node, tagged, numbered);
    if (tagged && node != NULL)
        node = choose(l, node, op->op == SETOP_INTERSECT);
    return node;
}

static bool lower_operation(TqpLowering *l, const SetOperationStmt *op, TqpSubquery *out) {
    TqpSubquery left, right;
    Form form;
    if (!lower_side(l, op->larg, &left) || !lower_side(l, op->rarg, &right) ||
        !default_equality(l, op) || !find_form(l, op, &left, &right, &form))
        return false;
    *out = (TqpSubquery){.node = combine(l, op, &form, &left, &right),
                         .ntargets = form.n,
                         .index = palloc(sizeof(int) * ((Size)form.n + 1)),
                         .scale = form.scale};
    for (int i = 0; i < form.n; i++) {
        out->index[i] = i;
        if (op->all && op->op != SETOP_UNION && form.scale[i] >= 0)
            form.scale[i]++; /* behind the number */
    }
    return out->node != NULL;
}

static bool lower_side(TqpLowering *l, Node *node, TqpSubquery *out) {
    check_stack_depth();
    if (IsA(node, SetOperationStmt))
        return lower_operation(l, (SetOperationStmt *)node, out);
    RangeTblEntry *rte = rt_fetch(((RangeTblRef *)node)->rtindex, l->query->rtable);
    return tqp_lower_subquery(l, l, rte->subquery, false, TQP_NEED_ALL, NULL, out);
}

bool tqp_lower_setop(TqpLowering *l, TqpLeaf *leaf) {
    TqpSubquery sub;
    Node *leftmost = l->query->setOperations;
    if (!lower_side(l, leftmost, &sub))
        return false;
    while (IsA(leftmost, SetOperationStmt))
        leftmost = ((SetOperationStmt *)leftmost)->larg;
    leaf->node = sub.node;
    leaf->columns = tqp_lower_subquery_columns(((RangeTblRef *)leftmost)->rtindex, &sub);
    return true;
}
