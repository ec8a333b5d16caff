/*
 * Batches between threads: free → (leader fills) → ready → (any thread deforms) busy → free.
 * An error of PostgreSQL is caught on the leader and kept until the threads are joined.
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "pg/load_team.h"
#include "pg/tqp_pg.h"

#define SLICE_MS        1 /* the leader's wait between looks */
#define WORKER_SLICE_NS 5000000

bool tqp_load_interrupted(void) {
    return InterruptPending && (QueryCancelPending || ProcDiePending || ClientConnectionLost);
}

/* What the store asks while it encodes and writes, on any of the threads. */
static bool store_must_stop(void *host) {
    TqpLoad *load = host;
    return tqp_load_interrupted() || atomic_load_explicit(&load->team->stop, memory_order_relaxed);
}

bool tqp_load_must_stop(void) {
    if (!InterruptPending)
        return false;
    if (ProcSignalBarrierPending)
        ProcessProcSignalBarrier();
    tqp_pg_check_client();
    return tqp_load_interrupted();
}

static TqpBatch *find_batch(TqpLoad *load, TqpBatchState state) {
    for (int i = 0; i < load->nbatches; i++)
        if (load->batches[i].state == state)
            return &load->batches[i];
    return NULL;
}

/* Ready batches are taken in order of their blocks, which keeps the written file in order. */
static TqpBatch *take_ready(TqpLoad *load) {
    TqpBatch *first = NULL;
    for (int i = 0; i < load->nbatches; i++) {
        TqpBatch *b = &load->batches[i];
        if (b->state == TQP_BATCH_READY && (first == NULL || b->first_block < first->first_block))
            first = b;
    }
    if (first != NULL)
        first->state = TQP_BATCH_BUSY;
    return first;
}

static void set_state(TqpLoad *load, TqpBatch *batch, TqpBatchState state) {
    pthread_mutex_lock(&load->mutex);
    batch->state = state;
    pthread_cond_broadcast(&load->changed);
    pthread_mutex_unlock(&load->mutex);
}

void tqp_load_submit(TqpLoad *load, TqpBatch *batch) {
    set_state(load, batch, TQP_BATCH_READY);
}

static TqpBatch *wait_for_work(TqpLoad *load) {
    TqpBatch *batch = NULL;
    pthread_mutex_lock(&load->mutex);
    while (!load->done && !atomic_load(&load->team->stop) && (batch = take_ready(load)) == NULL) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WORKER_SLICE_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&load->changed, &load->mutex, &until);
    }
    pthread_mutex_unlock(&load->mutex);
    return batch;
}

static void keep_error(TqpLoad *load, const TqpError *err) {
    pthread_mutex_lock(&load->mutex);
    if (load->err.status == TQP_OK)
        load->err = *err;
    pthread_mutex_unlock(&load->mutex);
}

static TqpStatus follow(TqpLoad *load, int worker) {
    TqpStage **stages;
    TqpDeformHost host = {0};
    TqpError err = {0};
    TqpBatch *batch;
    TqpStatus status = tqp_load_stages_create(load, &stages, &err);
    while (status == TQP_OK && (batch = wait_for_work(load)) != NULL) {
        status = tqp_load_deform(load, batch, worker, stages, &host, &err);
        set_state(load, batch, TQP_BATCH_FREE);
    }
    if (status != TQP_OK && status != TQP_CANCELLED)
        keep_error(load, &err);
    tqp_load_stages_free(load, stages);
    tqp_deform_host_free(&host);
    return status;
}

/* One batch of another's, or a nap when there is none to take. */
static TqpStatus leader_step(TqpLoad *load, TqpError *err) {
    pthread_mutex_lock(&load->mutex);
    TqpBatch *batch = take_ready(load);
    pthread_mutex_unlock(&load->mutex);
    if (batch != NULL) {
        TQP_TRY(tqp_load_deform(load, batch, 0, load->leader_stages, &load->leader_host, err));
        set_state(load, batch, TQP_BATCH_FREE);
        return TQP_OK;
    }
    if (atomic_load(&load->team->stop) || tqp_load_must_stop())
        return TQP_CANCELLED;
    int events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH, SLICE_MS,
                           PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    return (events & WL_POSTMASTER_DEATH) ? TQP_CANCELLED : TQP_OK;
}

TqpStatus tqp_load_free_batch(TqpLoad *load, TqpBatch **batch, TqpError *err) {
    for (;;) {
        pthread_mutex_lock(&load->mutex);
        *batch = find_batch(load, TQP_BATCH_FREE);
        pthread_mutex_unlock(&load->mutex);
        if (*batch != NULL)
            return TQP_OK;
        TQP_TRY(leader_step(load, err));
    }
}

static bool all_free(TqpLoad *load) {
    bool yes = true;
    pthread_mutex_lock(&load->mutex);
    for (int i = 0; i < load->nbatches; i++)
        yes = yes && load->batches[i].state == TQP_BATCH_FREE;
    pthread_mutex_unlock(&load->mutex);
    return yes;
}

TqpStatus tqp_load_drain(TqpLoad *load, TqpError *err) {
    while (!all_free(load))
        TQP_TRY(leader_step(load, err));
    return TQP_OK;
}

/* Worker 0.  No error of PostgreSQL leaves: there are threads above this frame's callers. */
static TqpStatus lead(TqpLoad *load) {
    MemoryContext context = CurrentMemoryContext;
    volatile TqpStatus status = TQP_HOST;
    TqpError err = {0};
    PG_TRY();
    { status = tqp_load_lead(load, &err); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        load->raised = CopyErrorData();
        FlushErrorState();
    }
    PG_END_TRY();
    if (status != TQP_OK && status != TQP_CANCELLED && load->raised == NULL)
        keep_error(load, &err);
    pthread_mutex_lock(&load->mutex);
    load->done = true;
    pthread_cond_broadcast(&load->changed);
    pthread_mutex_unlock(&load->mutex);
    return status;
}

static TqpStatus run(TqpTeam *team, int worker, void *arg) {
    TqpLoad *load = arg;
    pthread_mutex_lock(&load->mutex);
    load->team = team; /* the same for all */
    pthread_mutex_unlock(&load->mutex);
    return worker == 0 ? lead(load) : follow(load, worker);
}

TqpStatus tqp_load_team_run(TqpLoad *load, int nworkers, TqpError *err) {
    pthread_mutex_init(&load->mutex, NULL);
    pthread_cond_init(&load->changed, NULL);
    uint32 held = InterruptHoldoffCount;
    HOLD_INTERRUPTS();
    TqpHostPoll poll = {store_must_stop, load};
    tqp_store_writer_set_poll(load->writer, &poll);
    TqpStatus status = tqp_team_run(nworkers, NULL, run, load);
    tqp_store_writer_set_poll(load->writer, NULL);
    load->team = NULL;
    InterruptHoldoffCount = held; /* an error has reset it */
    pthread_cond_destroy(&load->changed);
    pthread_mutex_destroy(&load->mutex);
    tqp_load_stages_free(load, load->leader_stages);
    load->leader_stages = NULL;
    tqp_deform_host_free(&load->leader_host);
    if (status != TQP_OK && load->err.status != TQP_OK) {
        *err = load->err;
        return load->err.status;
    }
    if (status != TQP_OK)
        return tqp_error_set(err, status, "loading was stopped");
    return TQP_OK;
}
