/* What the SQL functions on cached relations share. */
#ifndef TQP_PG_SQL_LOAD_H
#define TQP_PG_SQL_LOAD_H

#include "postgres.h"

#include "utils/rel.h"

/* Open under AccessShareLock; raises when it is not a relation that could be cached. */
extern Relation tqp_sql_open(Oid relid);
/* Raises unless the user may read every column. */
extern void tqp_sql_check_select_all(Relation rel);

#endif
