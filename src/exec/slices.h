/*
 * Work of the leader between scans, done by a team: n items in slices that are claimed one by one.
 * Which worker takes which slice is chance, so what a slice writes must not depend on it.
 */
#ifndef TQP_EXEC_SLICES_H
#define TQP_EXEC_SLICES_H

#include "exec/run.h"

/* stop->worker: who does it.  Of one slice it need not be asked, see below. */
typedef TqpStatus (*TqpSliceFn)(void *job, const TqpStop *stop, uint64_t from, uint64_t to);

/* Workers that n items are worth, where one alone should have `share` of them; at least 1. */
int tqp_slices_workers(const TqpRun *run, uint64_t n, uint64_t share);
/*
 * fn for [0, slice), [slice, 2 * slice) ... up to n.  Between slices it is asked whether to stop: a
 * slice should take no more than a few milliseconds.
 */
TqpStatus tqp_slices_run(const TqpRun *run, int workers, uint64_t n, uint64_t slice, TqpSliceFn fn,
                         void *job) TQP_NODISCARD;

#endif
