/* Large aligned buffers, staggered so that equal offsets of two columns fall into different sets.
 */
#include "base/spares.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAD           1024 /* readable bytes after the end: whole vectors of any lane */
#define LARGE         ((size_t)1 << 20)
#define STAGGER       1088 /* bytes: 17 cache lines */
#define STAGGER_STEPS 32
#define HUGE_PAGE     ((uintptr_t)2 << 20)

/* A large allocation begins at a multiple of the page size; spread it by its own page number. */
static size_t stagger_of(const void *base, size_t bytes) {
    if (bytes < LARGE)
        return 0;
    return (((uintptr_t)base >> 12) * 7 + ((uintptr_t)base >> 21)) % STAGGER_STEPS * STAGGER / 64 *
           64;
}

/* Hash tables and columns are touched once and at random: page faults and TLB misses would rule. */
static void advise_huge(void *base, size_t bytes) {
#ifdef MADV_HUGEPAGE
    uintptr_t begin = ((uintptr_t)base + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)base + bytes) & ~(HUGE_PAGE - 1);
    if (end > begin)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE); /* a hint: refusal is harmless */
#else
    (void)base, (void)bytes;
#endif
}

TqpStatus tqp_buffer_alloc(TqpBuffer *buf, TqpBroker *broker, size_t bytes) {
    memset(buf, 0, sizeof(*buf));
    if (bytes > SIZE_MAX / 2)
        return TQP_NO_MEMORY;
    size_t extra = PAD + (bytes >= LARGE ? (size_t)STAGGER_STEPS * STAGGER : 0);
    if (broker != NULL)
        TQP_TRY(tqp_broker_reserve(broker, (int64_t)bytes));
    size_t size = (bytes + extra + 63) / 64 * 64;
    bool spares = broker != NULL && broker->spares != NULL;
    void *base = spares ? tqp_spares_take(broker->spares, &size) : NULL;
    if (base == NULL) {
        base = aligned_alloc(64, size);
        if (base == NULL) {
            if (broker != NULL)
                tqp_broker_release(broker, (int64_t)bytes);
            return TQP_NO_MEMORY;
        }
        advise_huge(base, size);
    }
    buf->base = base;
    buf->size = size;
    buf->data = (char *)base + stagger_of(base, bytes);
    buf->bytes = bytes;
    buf->broker = broker;
    memset((char *)buf->data + bytes, 0, PAD);
    return TQP_OK;
}

TqpStatus tqp_buffer_grow(TqpBuffer *buf, TqpBroker *broker, size_t keep, size_t bytes) {
    if (buf->base != NULL && bytes <= buf->bytes)
        return TQP_OK;
    size_t want = buf->bytes + buf->bytes / 2;
    if (want < bytes)
        want = bytes;
    TqpBuffer grown;
    TQP_TRY(tqp_buffer_alloc(&grown, broker, want));
    if (keep > 0)
        memcpy(grown.data, buf->data, keep);
    tqp_buffer_free(buf);
    *buf = grown;
    return TQP_OK;
}

void tqp_buffer_free(TqpBuffer *buf) {
    if (buf->base != NULL) {
        if (buf->broker != NULL)
            tqp_broker_release(buf->broker, (int64_t)buf->bytes);
        if (buf->broker != NULL && buf->broker->spares != NULL)
            tqp_spares_give(buf->broker->spares, buf->base, buf->size);
        else
            free(buf->base);
    }
    memset(buf, 0, sizeof(*buf));
}
