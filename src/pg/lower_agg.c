/*
 * GROUP BY and aggregates: the keys and the distinct aggregate calls of the query become the
 * columns of one AGGREGATE, and expressions above it are lowered over those.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg/cache.h"
#include "pg/lower.h"

static const struct Entry {
    Oid funcid;
    TqpAggFunc func;
    TqpFinish finish;
} entries[] = {
#define TQP_AGGREGATE(oid, func, finish) {oid, TQP_AGG_##func, TQP_FINISH_##finish},
#include "pg/aggregates.def"
#undef TQP_AGGREGATE
};

static const struct Entry *find_entry(Oid funcid) {
    for (size_t i = 0; i < lengthof(entries); i++)
        if (entries[i].funcid == funcid)
            return &entries[i];
    return NULL;
}

static Node *nth_arg(const Aggref *a, int n) {
    return (Node *)((TargetEntry *)list_nth(a->args, n))->expr;
}

static TqpType result_type(TqpAggFunc func, TqpType arg) {
    if (func == TQP_AGG_COUNT || func == TQP_AGG_COUNT_STAR)
        return (TqpType){.kind = TQP_TYPE_I64};
    if (func != TQP_AGG_SUM)
        return arg; /* the moments: of a float */
    if (arg.kind == TQP_TYPE_I16 || arg.kind == TQP_TYPE_I32)
        return (TqpType){.kind = TQP_TYPE_I64};
    if (arg.kind == TQP_TYPE_I64)
        return (TqpType){.kind = TQP_TYPE_NUM};
    return arg;
}

/* A column declared NOT NULL; the plan is invalidated when that changes. */
static bool never_null(const TqpLowering *l, const Node *arg) {
    const Var *var = (const Var *)arg;
    if (!IsA(arg, Var) || var->varlevelsup != 0)
        return false;
    const TqpVarColumn *c = tqp_lower_column(l, var->varno, var->varattno);
    return c != NULL && c->not_null;
}

/* count(x) counts rows when x is never NULL. */
static void simplify_count(const TqpLowering *l, const Node *arg, TqpAgg *agg) {
    if (agg->func == TQP_AGG_COUNT && !agg->distinct && never_null(l, arg)) {
        agg->func = TQP_AGG_COUNT_STAR;
        agg->arg = NULL;
    }
}

const TqpExpr *tqp_lower_agg_column(TqpLowering *l, uint32_t nkeys, TqpAgg agg) {
    ListCell *lc;
    agg.type = result_type(agg.func, agg.arg != NULL ? agg.arg->type : agg.type);
    foreach (lc, l->aggs) {
        const TqpAgg *old = lfirst(lc);
        bool same_arg = old->arg == agg.arg || (old->arg != NULL && agg.arg != NULL &&
                                                tqp_ir_expr_equal(old->arg, agg.arg));
        bool same_filter =
            old->filter == agg.filter || (old->filter != NULL && agg.filter != NULL &&
                                          tqp_ir_expr_equal(old->filter, agg.filter));
        if (old->func == agg.func && old->distinct == agg.distinct && same_arg && same_filter)
            return tqp_ir_col(l->arena, nkeys + (uint32_t)foreach_current_index(lc), agg.type);
    }
    TqpAgg *copy = palloc(sizeof(*copy));
    *copy = agg;
    l->aggs = lappend(l->aggs, copy);
    return tqp_ir_col(l->arena, nkeys + (uint32_t)list_length(l->aggs) - 1, agg.type);
}

/* Among two scales a count of the rows of the higher tells, which costs less than max(). */
const TqpExpr *tqp_lower_agg_scale(TqpLowering *l, uint32_t nkeys, const TqpExpr *e,
                                   const TqpExpr *filter) {
    TqpType type_i32 = {.kind = TQP_TYPE_I32}, type_bool = {.kind = TQP_TYPE_BOOL};
    int32 low, high;
    if (e == NULL || tqp_lower_scale(l, e) == NULL)
        return NULL;
    const TqpExpr *is_high = tqp_lower_high_scale(l, e, &low, &high);
    TqpAgg agg = {.func = TQP_AGG_COUNT_STAR, .filter = is_high};
    if (is_high == NULL) {
        agg = (TqpAgg){TQP_AGG_MAX, .arg = tqp_lower_scale_seen(l, e), .filter = filter};
        return tqp_lower_agg_column(l, nkeys, agg);
    }
    if (filter != NULL)
        agg.filter = tqp_ir_call2(l->arena, TQP_OP_AND, type_bool, filter, is_high);
    const TqpExpr *args[3] = {
        tqp_ir_call2(l->arena, TQP_OP_GT, type_bool, tqp_lower_agg_column(l, nkeys, agg),
                     tqp_ir_const_int(l->arena, (TqpType){.kind = TQP_TYPE_I64}, 0)),
        tqp_ir_const_int(l->arena, type_i32, high), tqp_ir_const_int(l->arena, type_i32, low)};
    return tqp_ir_call(l->arena, TQP_OP_CASE, type_i32, 3, args);
}

/*
 * The column of an aggregate whose result is seen as it is.  sum() shows the greatest scale among
 * its arguments, min() and max() that of the argument they return.
 */
static const TqpExpr *plain_column(TqpLowering *l, uint32_t nkeys, TqpAgg agg) {
    if (agg.func == TQP_AGG_COUNT || agg.arg == NULL || tqp_lower_scale(l, agg.arg) == NULL)
        return tqp_lower_agg_column(l, nkeys, agg);
    if (agg.func == TQP_AGG_SUM)
        return tqp_lower_scaled(l, tqp_lower_agg_column(l, nkeys, agg),
                                tqp_lower_agg_scale(l, nkeys, agg.arg, agg.filter));
    TqpType type = agg.arg->type;
    agg.arg = tqp_lower_with_scale(l, agg.arg);
    return agg.arg != NULL ? tqp_lower_split_scale(l, tqp_lower_agg_column(l, nkeys, agg), type)
                           : NULL;
}

static void add_average(TqpLowering *l, uint32_t nkeys, Aggref *aggref, TqpAgg agg) {
    TqpAverage *average = palloc0(sizeof(*average));
    TqpType f64 = {.kind = TQP_TYPE_F64};
    if (agg.arg->type.kind == TQP_TYPE_F32) /* PostgreSQL sums float4 in double here */
        agg.arg = tqp_lower_cast(l, agg.arg, f64);
    if (agg.arg->type.kind == TQP_TYPE_F64)
        agg.func = TQP_AGG_AVG_SUM;
    TqpTypeKind kind = agg.arg->type.kind;
    average->aggref = aggref;
    average->sum_type = kind == TQP_TYPE_F64                           ? FLOAT8OID
                        : kind == TQP_TYPE_NUM || kind == TQP_TYPE_I64 ? NUMERICOID
                                                                       : INT8OID;
    average->sum = tqp_lower_agg_column(l, nkeys, agg);
    average->scale = tqp_lower_agg_scale(l, nkeys, agg.arg, agg.filter);
    agg.func = TQP_AGG_COUNT;
    simplify_count(l, nth_arg(aggref, 0), &agg);
    average->count = tqp_lower_agg_column(l, nkeys, agg);
    l->averages = lappend(l->averages, average);
}

void tqp_lower_add_input(TqpLowering *l, Node *expr, const TqpExpr *ir) {
    TqpInput *input = palloc(sizeof(*input));
    *input = (TqpInput){expr, ir};
    l->inputs = lappend(l->inputs, input);
}

static bool supported(TqpLowering *l, const Aggref *a, const struct Entry *entry) {
    if (entry == NULL || a->aggkind != AGGKIND_NORMAL || a->aggvariadic || a->agglevelsup != 0)
        tqp_lower_fail(l, TQP_DECLINE_AGGREGATE, get_func_name(a->aggfnoid));
    else if (a->aggorder != NIL)
        tqp_lower_fail(l, TQP_DECLINE_AGGREGATE_ORDER);
    else
        return true;
    return false;
}

/* The argument; of two, y before x, the pair.  NULL: reason is set. */
static const TqpExpr *lower_args(TqpLowering *l, const Aggref *a) {
    const TqpExpr *y = tqp_lower_expr(l, nth_arg(a, 0)), *x;
    if (y == NULL || list_length(a->args) == 1)
        return y;
    if (a->aggdistinct != NIL)
        return tqp_lower_fail(l, TQP_DECLINE_DISTINCT_PAIRS, get_func_name(a->aggfnoid));
    x = tqp_lower_expr(l, nth_arg(a, 1));
    return x != NULL ? tqp_ir_call2(l->arena, TQP_OP_PAIR, y->type, x, y) : NULL;
}

static bool distinct_arg(TqpLowering *l, const Aggref *a) {
    Oid type = exprType(nth_arg(a, 0));
    if (!tqp_pg_comparable(type))
        tqp_lower_fail(l, TQP_DECLINE_EQUALITY, format_type_be(type));
    return tqp_pg_comparable(type);
}

static bool add_aggregate(TqpLowering *l, uint32_t nkeys, Aggref *a) {
    const struct Entry *entry = find_entry(a->aggfnoid);
    TqpType type;
    if (!supported(l, a, entry))
        return false;
    TqpAgg agg = {.func = entry->func, .distinct = a->aggdistinct != NIL};
    if (!a->aggstar) {
        agg.arg = lower_args(l, a);
        if (agg.arg == NULL || (agg.distinct && !distinct_arg(l, a)))
            return false;
        if ((entry->func == TQP_AGG_MIN || entry->func == TQP_AGG_MAX) &&
            tqp_type_class(agg.arg->type.kind) == TQP_CLASS_TEXT) {
            if (!tqp_lower_text_type(l, agg.arg->type.kind, a->inputcollid, &type))
                return false;
            agg.arg = tqp_lower_cast(l, agg.arg, type);
        }
        if (list_length(a->args) == 1)
            simplify_count(l, nth_arg(a, 0), &agg);
    }
    if (a->aggfilter != NULL) {
        agg.filter = tqp_lower_expr(l, (Node *)a->aggfilter);
        if (agg.filter == NULL)
            return false;
    }
    l->functions = list_append_unique_oid(l->functions, a->aggfnoid);
    if (entry->finish == TQP_FINISH_AVERAGE) {
        add_average(l, nkeys, a, agg);
        return true;
    }
    if (entry->finish != TQP_FINISH_PLAIN)
        return tqp_lower_variance(l, nkeys, a, agg, entry->finish);
    const TqpExpr *column = plain_column(l, nkeys, agg);
    if (column != NULL)
        tqp_lower_add_input(l, (Node *)a, column);
    return column != NULL;
}

/* Equality of the type's default operator class: what the engine groups by. */
static bool default_equality(TqpLowering *l, const SortGroupClause *clause, Node *expr) {
    TypeCacheEntry *entry = lookup_type_cache(exprType(expr), TYPECACHE_EQ_OPR);
    if (!tqp_pg_comparable(exprType(expr)))
        tqp_lower_fail(l, TQP_DECLINE_EQUALITY, format_type_be(exprType(expr)));
    else if (entry->eq_opr != clause->eqop)
        tqp_lower_fail(l, TQP_DECLINE_GROUP_OPERATOR);
    else
        return true;
    return false;
}

static bool already(List *list, Node *expr) {
    ListCell *lc;
    foreach (lc, list)
        if (equal(((TqpInput *)lfirst(lc))->expr, expr))
            return true;
    return false;
}

/* Equal keys of different scales are one group, shown by one of them: that of the greatest scale.
 */
static void add_key_scales(TqpLowering *l) {
    ListCell *lc;
    foreach (lc, l->inputs) {
        const TqpInput *input = lfirst(lc);
        const TqpExpr *key = list_nth(l->keys, foreach_current_index(lc));
        tqp_lower_scaled(l, input->ir,
                         tqp_lower_agg_scale(l, (uint32_t)list_length(l->keys), key, NULL));
    }
}

static bool add_key(TqpLowering *l, Node *expr) {
    const TqpExpr *ir = tqp_lower_expr(l, expr);
    uint32_t index = (uint32_t)list_length(l->keys);
    if (ir == NULL)
        return false;
    l->keys = lappend(l->keys, (void *)ir);
    tqp_lower_add_input(l, expr, tqp_ir_col(l->arena, index, ir->type));
    return true;
}

typedef struct Dependent {
    TqpLowering *l;
    Index level; /* varlevelsup of the query's own columns */
    bool failed;
} Dependent;

/*
 * Columns that depend on a grouped primary key become keys, too: their groups are the same.
 */
static bool add_dependent(Node *node, void *context) {
    Dependent *d = context;
    if (node == NULL || d->failed || (d->level == 0 && IsA(node, Aggref)))
        return d->failed;
    if (d->level == 0 && already(d->l->inputs, node))
        return false;
    if (IsA(node, Query)) {
        d->level++;
        (void)query_tree_walker((Query *)node, add_dependent, context, 0);
        d->level--;
        return d->failed;
    }
    if (!IsA(node, Var))
        return expression_tree_walker(node, add_dependent, context);
    Var *own = (Var *)copyObject(node);
    own->varlevelsup = 0;
    if (((Var *)node)->varlevelsup == d->level && !already(d->l->inputs, (Node *)own))
        d->failed = !add_key(d->l, (Node *)own);
    return d->failed;
}

static bool add_dependents(TqpLowering *l) {
    Dependent d = {.l = l};
    if (l->query->constraintDeps == NIL)
        return true;
    (void)add_dependent((Node *)l->query->targetList, &d);
    (void)add_dependent(l->query->havingQual, &d);
    return !d.failed;
}

static bool collect_calls(Node *node, void *calls) {
    if (node == NULL || IsA(node, Query))
        return false;
    if (!IsA(node, Aggref))
        return expression_tree_walker(node, collect_calls, calls);
    *(List **)calls = lappend(*(List **)calls, node);
    return false;
}

bool tqp_lower_aggregates(TqpLowering *l) {
    Query *query = l->query;
    ListCell *lc;
    foreach (lc, query->groupClause) {
        SortGroupClause *clause = lfirst(lc);
        Node *expr = get_sortgroupclause_expr(clause, query->targetList);
        if (!default_equality(l, clause, expr) || (!already(l->inputs, expr) && !add_key(l, expr)))
            return false;
    }
    if (!add_dependents(l))
        return false;
    add_key_scales(l);
    List *calls = NIL;
    (void)collect_calls((Node *)query->targetList, &calls);
    (void)collect_calls(query->havingQual, &calls);
    foreach (lc, calls) {
        Node *node = lfirst(lc);
        if (!already(l->inputs, node) &&
            !add_aggregate(l, (uint32_t)list_length(l->keys), (Aggref *)node))
            return false;
    }
    return true;
}
