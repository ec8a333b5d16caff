/* Fork-join teams.  Only the leader polls the host; the others see the stop flag. */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define MAX_WORKERS 256
#define LATE_NS     UINT64_C(60000)   /* about what starting a thread and its end cost */
#define WAIT_NS     UINT64_C(1000000) /* the leader's slice while it waits for the others */
#define SECOND_NS   UINT64_C(1000000000)

typedef struct TqpTeamThreads Threads;

typedef struct Worker {
    Threads *threads;
    int index;
    pthread_t thread;
} Worker;

struct TqpTeamThreads {
    TqpTeam team;
    TqpWorkerFn fn;
    void *arg;
    int started; /* workers that exist, the leader included */
    int running; /* threads; under the lock */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    Worker workers[MAX_WORKERS];
};

static uint64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static void run_one(Threads *t, int worker) {
    TqpStatus status = t->fn(&t->team, worker, t->arg);
    if (status != TQP_OK) {
        int none = TQP_OK;
        atomic_compare_exchange_strong(&t->team.failure, &none, (int)status);
        atomic_store(&t->team.stop, true);
    }
}

static void *thread_main(void *p) {
    Worker *w = p;
    Threads *t = w->threads;
    run_one(t, w->index);
    pthread_mutex_lock(&t->lock);
    if (--t->running == 0)
        pthread_cond_signal(&t->ended);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* Threads for workers 1..; signals stay blocked in them. */
static void start_threads(Threads *t) {
    sigset_t all, old;
    t->team.late = NULL;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
        return;
    for (; t->started < t->team.nworkers; t->started++) {
        Worker *w = &t->workers[t->started];
        *w = (Worker){.threads = t, .index = t->started};
        pthread_mutex_lock(&t->lock);
        t->running++;
        pthread_mutex_unlock(&t->lock);
        if (pthread_create(&w->thread, NULL, thread_main, w) != 0) {
            pthread_mutex_lock(&t->lock);
            t->running--;
            pthread_mutex_unlock(&t->lock);
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool tqp_team_should_stop(TqpTeam *team, int worker) {
    if (atomic_load_explicit(&team->stop, memory_order_relaxed))
        return true;
    if (worker != 0)
        return false;
    if (team->late != NULL && now_ns() >= team->late_ns)
        start_threads(team->late);
    if (team->poll == NULL || !team->poll->interrupted(team->poll->host))
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

/* The leader sleeps until the last thread ends, and polls meanwhile. */
static void wait_for_threads(Threads *t) {
    pthread_mutex_lock(&t->lock);
    while (t->running > 0) {
        uint64_t until = now_ns() + WAIT_NS;
        struct timespec ts = {(time_t)(until / SECOND_NS), (long)(until % SECOND_NS)};
        pthread_cond_timedwait(&t->ended, &t->lock, &ts);
        pthread_mutex_unlock(&t->lock);
        (void)tqp_team_should_stop(&t->team, 0);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    for (int i = 1; i < t->started; i++)
        pthread_join(t->workers[i].thread, NULL);
}

static TqpStatus run(Threads *t, bool late) {
    pthread_condattr_t attr;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->ended, &attr);
    pthread_condattr_destroy(&attr);
    if (late) {
        t->team.late = t;
        t->team.late_ns = now_ns() + LATE_NS;
    } else {
        start_threads(t);
    }
    run_one(t, 0);
    t->team.late = NULL;
    wait_for_threads(t);
    pthread_cond_destroy(&t->ended);
    pthread_mutex_destroy(&t->lock);
    return (TqpStatus)atomic_load(&t->team.failure);
}

static TqpStatus run_team(int nworkers, const TqpHostPoll *poll, TqpWorkerFn fn, void *arg,
                          bool late) {
    int n = nworkers < 1 ? 1 : nworkers > MAX_WORKERS ? MAX_WORKERS : nworkers;
    Threads t;
    t.team = (TqpTeam){.nworkers = n, .poll = poll};
    t.fn = fn;
    t.arg = arg;
    t.started = 1;
    t.running = 0;
    if (n > 1)
        return run(&t, late);
    run_one(&t, 0);
    return (TqpStatus)atomic_load(&t.team.failure);
}

TqpStatus tqp_team_run(int nworkers, const TqpHostPoll *poll, TqpWorkerFn fn, void *arg) {
    return run_team(nworkers, poll, fn, arg, false);
}

TqpStatus tqp_team_run_late(int nworkers, const TqpHostPoll *poll, TqpWorkerFn fn, void *arg) {
    return run_team(nworkers, poll, fn, arg, true);
}
