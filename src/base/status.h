/*
 * Status codes and the caller-owned error.  Every fallible engine function returns a TqpStatus that
 * must be used; the message, where one helps, goes into a TqpError that the caller owns.
 */
#ifndef TQP_BASE_STATUS_H
#define TQP_BASE_STATUS_H

#define TQP_NODISCARD __attribute__((warn_unused_result))

typedef enum TqpStatus {
    TQP_OK = 0,
    TQP_NO_MEMORY,    /* malloc or mmap refused */
    TQP_MEMORY_LIMIT, /* the query's broker refused: tqp.memory_limit */
    TQP_CANCELLED,    /* the host asked to stop */
    TQP_OVERFLOW, /* a value left its type's range; the host replays to raise the genuine error */
    TQP_DIV_BY_ZERO, /* likewise */
    TQP_CARDINALITY, /* likewise: a scalar subquery gave more than one row */
    TQP_UNSUPPORTED, /* this data (not this query) cannot be represented, e.g. numeric NaN */
    TQP_CORRUPT,     /* checksum or structure of a file does not hold */
    TQP_IO,          /* a system call failed; message has errno text */
    TQP_INVALID,     /* malformed IR or arguments */
    TQP_HOST,        /* a host callback failed; the host keeps the cause */
} TqpStatus;

typedef struct TqpError {
    TqpStatus status;
    char message[240];
} TqpError;

/* Fill *err (may be NULL) and return status, so that `return tqp_error_set(...)` reads well. */
TqpStatus tqp_error_set(TqpError *err, TqpStatus status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Short lower-case English name of a status: "overflow", "memory limit", ... */
const char *tqp_status_name(TqpStatus status);

#define TQP_TRY(expr)                                                                              \
    do {                                                                                           \
        TqpStatus try_status_ = (expr);                                                            \
        if (try_status_ != TQP_OK)                                                                 \
            return try_status_;                                                                    \
    } while (0)

#endif
