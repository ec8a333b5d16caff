/* One attribute's bytes, as they lie in a heap tuple, into a stage. */
#ifndef TQP_PG_DEFORM_VALUE_H
#define TQP_PG_DEFORM_VALUE_H

#include "pg/deform.h"

extern void tqp_deform_value(const TqpDeformColumn *column, const char *p, TqpStage *stage,
                             TqpDeformHost *host);

#endif
