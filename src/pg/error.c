/*
 * Engine statuses as PostgreSQL errors, and interrupts as the engine polls them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/timeout.h"

#include "pg/tqp_pg.h"

static int status_sqlstate(TqpStatus status) {
    switch (status) {
    case TQP_NO_MEMORY:
    case TQP_MEMORY_LIMIT:
        return ERRCODE_OUT_OF_MEMORY;
    case TQP_CANCELLED:
        return ERRCODE_QUERY_CANCELED;
    case TQP_OVERFLOW:
        return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
    case TQP_DIV_BY_ZERO:
        return ERRCODE_DIVISION_BY_ZERO;
    case TQP_CARDINALITY:
        return ERRCODE_CARDINALITY_VIOLATION;
    case TQP_UNSUPPORTED:
        return ERRCODE_FEATURE_NOT_SUPPORTED;
    case TQP_CORRUPT:
        return ERRCODE_DATA_CORRUPTED;
    case TQP_IO:
        return ERRCODE_IO_ERROR;
    default:
        return ERRCODE_INTERNAL_ERROR;
    }
}

void tqp_raise(const TqpError *error) {
    CHECK_FOR_INTERRUPTS(); /* a cancel has PostgreSQL's own message */
    ereport(ERROR, (errcode(status_sqlstate(error->status)),
                    errmsg("tqp: %s", error->message[0] != '\0' ? error->message
                                                                : tqp_status_name(error->status))));
}

/* Of libpq/libpq.h, which wants headers of GSSAPI that a server's packages do not bring. */
extern bool pq_check_connection(void);

void tqp_pg_check_client(void) {
    if (!CheckClientConnectionPending)
        return;
    CheckClientConnectionPending = false;
    if (client_connection_check_interval <= 0)
        return;
    if (pq_check_connection())
        enable_timeout_after(CLIENT_CONNECTION_CHECK_TIMEOUT, client_connection_check_interval);
    else
        ClientConnectionLost = true;
}

/* Only what ends the query: other interrupts wait until the threads are joined. */
static bool interrupted(void *host) {
    if (!InterruptPending || InterruptHoldoffCount != 0 || CritSectionCount != 0)
        return false;
    tqp_pg_check_client();
    return QueryCancelPending || ProcDiePending || ClientConnectionLost;
}

const TqpHostPoll *tqp_pg_poll(void) {
    static const TqpHostPoll poll = {interrupted, NULL};
    return &poll;
}
