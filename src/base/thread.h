/*
 * Fork-join parallelism of one query.  The calling thread (the leader) is worker 0 and the only one
 * that may ask the host whether to stop; further workers are pthreads created with all signals
 * blocked and joined before the call returns, whatever happened.
 */
#ifndef TQP_BASE_THREAD_H
#define TQP_BASE_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

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
    /* the leader's: threads that it starts when it next asks after that time, or NULL */
    struct TqpTeamThreads *late;
    uint64_t late_ns;
} TqpTeam;

typedef TqpStatus (*TqpWorkerFn)(TqpTeam *team, int worker, void *arg);

/*
 * Run fn on nworkers workers (1 .. 256).  Returns the first failure; TQP_CANCELLED when the poll
 * said so.  When a thread cannot be created fn is simply not called for that worker: hand work out
 * by an atomic counter, never by worker number.
 */
TqpStatus tqp_team_run(int nworkers, const TqpHostPoll *poll, TqpWorkerFn fn,
                       void *arg) TQP_NODISCARD;

/*
 * Likewise, but the leader begins alone; the others come when it asks whether to stop and some
 * microseconds have passed.  For work that is often done by then.
 */
TqpStatus tqp_team_run_late(int nworkers, const TqpHostPoll *poll, TqpWorkerFn fn,
                            void *arg) TQP_NODISCARD;

/* For workers, once per morsel: true when to stop.  On worker 0 this polls the host. */
bool tqp_team_should_stop(TqpTeam *team, int worker);

/*
 * Who asks whether to stop: a worker of a team, or, with team NULL, the leader between teams. Loops
 * that may last longer than a few milliseconds ask; what they return then is TQP_CANCELLED, which
 * never hides the failure that stopped the team.  A NULL TqpStop is never told to stop.
 */
typedef struct TqpStop {
    TqpTeam *team;
    int worker;
    const TqpHostPoll *poll; /* used without a team; may be NULL */
} TqpStop;

bool tqp_stop_asked(const TqpStop *stop);

#define TQP_STOP_EVERY 16384u /* a power of two; steps of a loop, some nanoseconds each */

/* Asks once in TQP_STOP_EVERY steps, i = 0 included. */
static inline bool tqp_stop_at(const TqpStop *stop, uint64_t i) {
    return (i & (TQP_STOP_EVERY - 1)) == 0 && tqp_stop_asked(stop);
}

#endif
