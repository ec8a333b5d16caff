/*
 * Differences between PostgreSQL 15 (the version that is tested) and 16 to 18, in one place.
 */
#ifndef TQP_PG_COMPAT_H
#define TQP_PG_COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#if PG_VERSION_NUM < 150000
#error "tqp needs PostgreSQL 15 or later"
#endif

/* Prepare a set-returning function that fills rsinfo->setResult. */
static inline void tqp_compat_init_srf(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
}

#endif
