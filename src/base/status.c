/* Status names and the error struct. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const status_names[] = {
    [TQP_OK] = "ok",
    [TQP_NO_MEMORY] = "out of memory",
    [TQP_MEMORY_LIMIT] = "memory limit",
    [TQP_CANCELLED] = "cancelled",
    [TQP_OVERFLOW] = "overflow",
    [TQP_DIV_BY_ZERO] = "division by zero",
    [TQP_CARDINALITY] = "more than one row from a scalar subquery",
    [TQP_UNSUPPORTED] = "unsupported data",
    [TQP_CORRUPT] = "corrupt file",
    [TQP_IO] = "I/O error",
    [TQP_INVALID] = "invalid input",
    [TQP_HOST] = "host error",
};

const char *tqp_status_name(TqpStatus status) {
    if ((unsigned)status >= sizeof(status_names) / sizeof(status_names[0]))
        return "unknown status";
    return status_names[status];
}

TqpStatus tqp_error_set(TqpError *err, TqpStatus status, const char *fmt, ...) {
    if (err != NULL) {
        va_list ap;
        err->status = status;
        va_start(ap, fmt);
        vsnprintf(err->message, sizeof(err->message), fmt, ap);
        va_end(ap);
    }
    return status;
}
