/*
 * TqpPlan to and from a list of plain nodes, which copyObject and the plan cache understand.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/value.h"

#include "pg/plan.h"

enum {
    ITEM_IR,
    ITEM_ORIGINAL,
    ITEM_RELATIONS,
    ITEM_FUNCTIONS,
    ITEM_PARAMS,
    ITEM_HOSTS,
    ITEM_COLUMNS,
    ITEM_TARGETS,
    ITEM_QUALS,
    ITEM_SORT,
    ITEM_LIMIT,
    ITEM_COUNT
};

static List *pack_params(List *params) {
    List *packed = NIL;
    ListCell *lc;
    foreach (lc, params) {
        const TqpPlanParam *p = lfirst(lc);
        char type[32];
        tqp_type_print(p->type, type);
        packed = lappend(
            packed, list_make3(p->expr, makeString(pstrdup(type)), makeInteger((int)p->rounding)));
    }
    return packed;
}

static List *unpack_params(List *packed) {
    List *params = NIL;
    ListCell *lc;
    foreach (lc, packed) {
        List *item = lfirst(lc);
        TqpPlanParam *p = palloc0(sizeof(*p));
        const char *type = strVal(lsecond(item));
        p->expr = linitial(item);
        if (!tqp_type_parse(type, (uint32_t)strlen(type), &p->type))
            elog(ERROR, "unknown tensor type \"%s\"", type);
        p->rounding = (TqpRounding)intVal(lthird(item));
        params = lappend(params, p);
    }
    return params;
}

static List *pack_relations(List *relations) {
    List *packed = NIL;
    ListCell *lc;
    foreach (lc, relations) {
        const TqpPlanRelation *r = lfirst(lc);
        packed = lappend(
            packed, lcons_int((int)r->rtindex, lcons_int((int)r->relid, list_copy(r->attnums))));
    }
    return packed;
}

/* In a plan of which we made a part only the finished plan knows. */
static Index find_relation(List *rtable, Oid relid) {
    ListCell *lc;
    foreach (lc, rtable) {
        const RangeTblEntry *rte = lfirst(lc);
        if (rte->rtekind == RTE_RELATION && rte->relid == relid)
            return (Index)foreach_current_index(lc) + 1;
    }
    return 0;
}

static List *unpack_relations(List *packed, List *rtable) {
    List *relations = NIL;
    ListCell *lc;
    foreach (lc, packed) {
        TqpPlanRelation *r = palloc0(sizeof(*r));
        r->rtindex = (Index)linitial_int(lfirst(lc));
        r->relid = (Oid)lsecond_int(lfirst(lc));
        r->attnums = list_copy_tail(lfirst(lc), 2);
        if (r->rtindex == 0)
            r->rtindex = find_relation(rtable, r->relid);
        relations = lappend(relations, r);
    }
    return relations;
}

List *tqp_plan_pack(const TqpPlan *plan) {
    const TqpPlanTail *tail = &plan->tail;
    List *sort = list_make4(tail->sort_columns, tail->sort_operators, tail->sort_collations,
                            tail->sort_nulls_first);
    List *list = list_make4(makeString(plan->ir), plan->original, pack_relations(plan->relations),
                            plan->functions);
    list = lappend(list, pack_params(plan->params));
    list = lappend(list, plan->hosts);
    list = lappend(list, plan->columns);
    list = lappend(list, tail->targets);
    list = lappend(list, tail->quals);
    list = lappend(list, sort);
    return lappend(list, list_make2_int(tail->limit_param, tail->offset_param));
}

void tqp_plan_unpack(List *list, List *rtable, TqpPlan *plan) {
    TqpPlanTail *tail = &plan->tail;
    if (list_length(list) != ITEM_COUNT)
        elog(ERROR, "malformed TqpScan plan");
    plan->ir = strVal(list_nth(list, ITEM_IR));
    plan->original = list_nth(list, ITEM_ORIGINAL);
    plan->relations = unpack_relations(list_nth(list, ITEM_RELATIONS), rtable);
    plan->functions = list_nth(list, ITEM_FUNCTIONS);
    plan->params = unpack_params(list_nth(list, ITEM_PARAMS));
    plan->hosts = list_nth(list, ITEM_HOSTS);
    plan->columns = list_nth(list, ITEM_COLUMNS);
    tail->targets = list_nth(list, ITEM_TARGETS);
    tail->quals = list_nth(list, ITEM_QUALS);
    List *sort = list_nth(list, ITEM_SORT);
    tail->sort_columns = linitial(sort);
    tail->sort_operators = lsecond(sort);
    tail->sort_collations = lthird(sort);
    tail->sort_nulls_first = lfourth(sort);
    List *limit = list_nth(list, ITEM_LIMIT);
    tail->limit_param = linitial_int(limit);
    tail->offset_param = lsecond_int(limit);
}
