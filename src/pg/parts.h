/* Parts of a statement that run on the engine inside PostgreSQL's plan of the rest. */
#ifndef TQP_PG_PARTS_H
#define TQP_PG_PARTS_H

#include "postgres.h"

#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "pg/plan.h"

/* A subquery that has been lowered. */
typedef struct TqpPart {
    TqpPlan plan;
    List *types; /* OIDs of its visible targets */
} TqpPart;

/* Those of one statement, while it is planned. */
typedef struct TqpParts {
    List *parts;  /* TqpPart * */
    int nplanned; /* that a plan has been made of */
} TqpParts;

/* Does the statement have subqueries, or halves that could be such? */
extern bool tqp_parts_possible(const Query *query);

/*
 * A plan of the statement with parts of it on the engine, or NULL when there are none or when it
 * would cost more than `original`, PostgreSQL's own.  The query is scribbled on.
 */
extern PlannedStmt *tqp_parts_plan(Query *query, const PlannedStmt *original,
                                   const char *query_string, int cursor_options,
                                   ParamListInfo bound_params);

/*
 * part_split.c: q reads its lower half from a subquery, which is returned: FROM and WHERE, the
 * groups if `groups`, and if `order` ORDER BY and LIMIT.  NULL: there is no such half; q is then
 * spoilt.
 */
extern Query *tqp_part_split(Query *q, bool groups, bool order);
/* SELECT of all columns FROM a copy of q. */
extern Query *tqp_part_wrap(const Query *q);
/* All rows of one table, or its groups: below them PostgreSQL's scan does as well. */
extern bool tqp_part_is_scan(const Query *q);

/*
 * part_path.c.  A subquery's number is in Query.stmt_location, which nothing reads of a subquery
 * and which outlives the planner's copies of it.
 */
extern void tqp_part_tag(Query *query, int number);
/* The parts that the planner may take from now on, or NULL; returns those until now. */
extern const TqpParts *tqp_part_offer(TqpParts *parts);
extern void tqp_part_init(void);

#endif
