/*
 * Fork-join parallelism of one query.  The calling thread (the leader) is worker 0 and the only one
 * that may ask the host whether to stop; further workers are pthreads created with all signals
 * blocked and joined before the call returns, whatever happened.
 */
#ifndef TQP_BASE_THREAD_H
#define TQP_BASE_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/status.h"

typedef struct TqpHostPoll {
    bool (*interrupted)(void *host); /* cheap; called by the leader only, about every millisecond */
    void *host;
} TqpHostPoll;

typedef struct TqpTeam {
    int nworkers;
    _Atomic bool stop;       /* any worker's failure or an interrupt sets it: test once a morsel */
    _Atomic int failure;     /* first TqpStatus that a worker returned */
    const TqpHostPoll *poll; /* may be NULL */
} TqpTeam;

typedef TqpStatus (*TqpWorkerFn)(TqpTeam *team, int worker, void *arg);

/*
 * Run fn on nworkers workers (1 .. 256).  Returns the first failure; TQP_CANCELLED when the poll
 * said so.  When a thread cannot be created fn is simply not called for that worker: hand work out
 * by an atomic counter, never by worker number.
 */
TqpStatus tqp_team_run(int nworkers, const TqpHostPoll *poll, TqpWorkerFn fn,
                       void *arg) TQP_NODISCARD;

/* For workers, once per morsel: true when to stop.  On worker 0 this polls the host. */
bool tqp_team_should_stop(TqpTeam *team, int worker);

#endif
