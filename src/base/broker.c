/* The memory broker of a query: a counter with a limit. */
#include "base/arena.h"

void tqp_broker_init(TqpBroker *broker, int64_t limit_bytes) {
    atomic_init(&broker->used, 0);
    atomic_init(&broker->peak, 0);
    atomic_init(&broker->refused, 0);
    broker->limit = limit_bytes;
    broker->spares = NULL;
}

TqpStatus tqp_broker_reserve(TqpBroker *broker, int64_t bytes) {
    int64_t used = atomic_fetch_add(&broker->used, bytes) + bytes;
    if (broker->limit > 0 && used > broker->limit) {
        atomic_fetch_sub(&broker->used, bytes);
        atomic_store(&broker->refused, bytes);
        return TQP_MEMORY_LIMIT;
    }
    int64_t peak = atomic_load(&broker->peak);
    while (used > peak && !atomic_compare_exchange_weak(&broker->peak, &peak, used))
        ;
    return TQP_OK;
}

void tqp_broker_release(TqpBroker *broker, int64_t bytes) {
    atomic_fetch_sub(&broker->used, bytes);
}
