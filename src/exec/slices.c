/* Slices of work for a team. */
#include "exec/slices.h"

typedef struct Slices {
    uint64_t n, slice;
    TqpSliceFn fn;
    void *job;
    _Atomic uint64_t next;
} Slices;

int tqp_slices_workers(const TqpRun *run, uint64_t n, uint64_t share) {
    uint64_t workers = n / share, most = (uint64_t)run->query->nthreads;
    workers = workers < most ? workers : most;
    return workers > 1 ? (int)workers : 1;
}

static TqpStatus work(TqpTeam *team, int worker, void *arg) {
    Slices *s = arg;
    const TqpStop stop = {team, worker, NULL};
    while (!tqp_team_should_stop(team, worker)) {
        uint64_t from = atomic_fetch_add(&s->next, s->slice);
        if (from >= s->n)
            break;
        TQP_TRY(s->fn(s->job, &stop, from, s->n - from < s->slice ? s->n : from + s->slice));
    }
    return TQP_OK;
}

TqpStatus tqp_slices_run(const TqpRun *run, int workers, uint64_t n, uint64_t slice, TqpSliceFn fn,
                         void *job) {
    Slices s = {.n = n, .slice = slice, .fn = fn, .job = job};
    return n == 0 ? TQP_OK : tqp_team_run_late(workers, run->query->poll, work, &s);
}
