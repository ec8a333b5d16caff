/*
 * What the planner hook leaves in CustomScan.custom_private and the scan node reads back: optimised
 * IR as text and the expressions that PostgreSQL evaluates.  Nothing here depends on data.
 */
#ifndef TQP_PG_PLAN_H
#define TQP_PG_PLAN_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

#include "tensor/tensor.h"

/*
 * How a parameter's value becomes one of its engine type when that type is coarser than the value:
 * a numeric of more digits than the column, a timestamp compared with a date.  Comparing on the
 * column's grid stays exact: x < v is x < ceil(v), x <= v is x <= floor(v), x = v is
 * ceil(v) <= x <= floor(v).  NaN and infinities clamp beyond every value of the type.
 */
typedef enum TqpRounding { TQP_ROUND_EXACT, TQP_ROUND_FLOOR, TQP_ROUND_CEIL } TqpRounding;

/* A value that PostgreSQL computes at execution start and the program takes as PARAM. */
typedef struct TqpPlanParam {
    Node *expr; /* no Vars */
    TqpType type;
    TqpRounding rounding;
} TqpPlanParam;

/*
 * What is left to do after the engine.  NIL target list: nothing, the engine's columns are the
 * result.  Expressions refer to the engine's columns as Vars of INDEX_VAR.
 */
typedef struct TqpPlanTail {
    List *targets; /* of TargetEntry; resjunk ones are sort keys */
    List *quals;   /* implicit AND: HAVING */
    List *sort_columns, *sort_operators, *sort_collations, *sort_nulls_first; /* parallel lists */
    int limit_param, offset_param; /* index into params, -1: none */
} TqpPlanTail;

/* A table that the IR scans under the number of its place in TqpPlan.relations. */
typedef struct TqpPlanRelation {
    Oid relid;
    Index rtindex; /* in the range table of the plan; 0: not there, or not known while planning */
    List *attnums; /* integers: the scan's columns */
} TqpPlanRelation;

typedef struct TqpPlan {
    char *ir;
    PlannedStmt *original; /* PostgreSQL's own plan, for replay; NULL of a part */
    List *relations;       /* of TqpPlanRelation * */
    List *functions;       /* OIDs whose EXECUTE privilege is to be checked */
    List *params;          /* of TqpPlanParam * */
    List *hosts;           /* expressions of Var (INDEX_VAR, 1): the IR's (host K ...) */
    List *columns;         /* of Var: PostgreSQL's types of the engine's output columns */
    TqpPlanTail tail;
} TqpPlan;

extern List *tqp_plan_pack(const TqpPlan *plan);
/* rtable: of the plan that is executed. */
extern void tqp_plan_unpack(List *list, List *rtable, TqpPlan *plan);

#endif
