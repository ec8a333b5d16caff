/* The planner hook, and what others may ask of it. */
#ifndef TQP_PG_PLANNER_H
#define TQP_PG_PLANNER_H

#include "postgres.h"

#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "pg/plan.h"

extern void tqp_planner_init(void);

/* Why the last top-level SELECT planned by this backend was declined, or NULL. */
extern const char *tqp_planner_last_reason(void);

/* Does the query read a table large enough to be worth more than this look? */
extern bool tqp_planner_gate(const Query *query);

/* The cost without what enable_... = off adds once per node, which says nothing of the work. */
extern double tqp_planner_work(double total_cost);
/* Is a plan or path of this cost worth the engine? */
extern bool tqp_planner_costly(double total_cost);

/* What makes a query ineligible whatever it costs: a static string, or NULL. */
extern const char *tqp_planner_shape(const Query *query, int cursor_options);

/* The plan as it is without us. */
extern PlannedStmt *tqp_planner_standard(Query *parse, const char *query_string, int cursor_options,
                                         ParamListInfo bound_params);

/* Fills plan from the query, which is scribbled on; false with *reason set when it cannot run. */
extern bool tqp_planner_lower(Query *query, ParamListInfo bound_params, TqpPlan *plan,
                              const char **reason);

/* Where each table stands in the range table of PostgreSQL's plan, which has all levels' entries;
 * false when one does not. */
extern bool tqp_planner_place(const PlannedStmt *stmt, TqpPlan *plan);

/* A plan on the engine whatever it costs; NULL with the reason when there is none. */
extern PlannedStmt *tqp_planner_force(Query *query, const char *query_string, const char **reason);

#endif
