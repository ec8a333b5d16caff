/* The planner hook, and what others may ask of it. */
#ifndef TQP_PG_PLANNER_H
#define TQP_PG_PLANNER_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

extern void tqp_planner_init(void);

/* Why the last top-level SELECT planned by this backend was declined, or NULL. */
extern const char *tqp_planner_last_reason(void);

/* Does the query read a table large enough to be worth more than this look? */
extern bool tqp_planner_gate(const Query *query);

/* What makes a query ineligible whatever it costs: a static string, or NULL. */
extern const char *tqp_planner_shape(const Query *query, int cursor_options);

/* A plan on the engine whatever it costs; NULL with the reason when there is none. */
extern PlannedStmt *tqp_planner_force(Query *query, const char *query_string, const char **reason);

#endif
