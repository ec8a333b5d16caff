/* Spare memory as buffer.c uses it. */
#ifndef TQP_BASE_SPARES_H
#define TQP_BASE_SPARES_H

#include "base/arena.h"

/* Memory of at least *size bytes, then *size of them; NULL when there is none that fits. */
void *tqp_spares_take(TqpSpares *spares, size_t *size);
/* Keeps or frees it. */
void tqp_spares_give(TqpSpares *spares, void *base, size_t size);

#endif
