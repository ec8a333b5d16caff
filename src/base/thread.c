/* Fork-join teams.  Only the leader polls the host; the others see the stop flag. */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define MAX_WORKERS 256
#define WAIT_NS     50000 /* the leader's slice while it waits for the others */

typedef struct Worker {
    TqpTeam *team;
    TqpWorkerFn fn;
    void *arg;
    int index;
    _Atomic int *running;
    pthread_t thread;
} Worker;

static void run_one(Worker *w) {
    TqpStatus status = w->fn(w->team, w->index, w->arg);
    if (status != TQP_OK) {
        int none = TQP_OK;
        atomic_compare_exchange_strong(&w->team->failure, &none, (int)status);
        atomic_store(&w->team->stop, true);
    }
}

static void *thread_main(void *p) {
    Worker *w = p;
    run_one(w);
    atomic_fetch_sub(w->running, 1);
    return NULL;
}

bool tqp_team_should_stop(TqpTeam *team, int worker) {
    if (atomic_load_explicit(&team->stop, memory_order_relaxed))
        return true;
    if (worker != 0 || team->poll == NULL || !team->poll->interrupted(team->poll->host))
        return false;
    int none = TQP_OK;
    atomic_compare_exchange_strong(&team->failure, &none, (int)TQP_CANCELLED);
    atomic_store(&team->stop, true);
    return true;
}

bool tqp_stop_asked(const TqpStop *stop) {
    if (stop == NULL)
        return false;
    if (stop->team != NULL)
        return tqp_team_should_stop(stop->team, stop->worker);
    return stop->poll != NULL && stop->poll->interrupted(stop->poll->host);
}

/* Start threads for workers 1..; signals stay blocked in them.  Returns how many workers exist. */
static int start_threads(Worker *workers, int n, _Atomic int *running) {
    sigset_t all, old;
    int started = 1;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
        return started;
    for (; started < n; started++) {
        atomic_fetch_add(running, 1);
        if (pthread_create(&workers[started].thread, NULL, thread_main, &workers[started]) != 0) {
            atomic_fetch_sub(running, 1);
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

TqpStatus tqp_team_run(int nworkers, const TqpHostPoll *poll, TqpWorkerFn fn, void *arg) {
    Worker workers[MAX_WORKERS];
    TqpTeam team = {.nworkers = nworkers < 1             ? 1
                                : nworkers > MAX_WORKERS ? MAX_WORKERS
                                                         : nworkers,
                    .poll = poll};
    _Atomic int running = 0;
    int wanted = team.nworkers;
    for (int i = 0; i < wanted; i++)
        workers[i] = (Worker){.team = &team, .fn = fn, .arg = arg, .index = i, .running = &running};
    int started = wanted > 1 ? start_threads(workers, wanted, &running) : 1;
    run_one(&workers[0]);
    while (atomic_load(&running) > 0) {
        struct timespec slice = {0, WAIT_NS};
        (void)tqp_team_should_stop(&team, 0);
        nanosleep(&slice, NULL);
    }
    for (int i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    return (TqpStatus)atomic_load(&team.failure);
}
