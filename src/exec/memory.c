/* Clearing, copying and growing in slices. */
#include "exec/memory.h"

#include <string.h>

#define SLICE ((size_t)1 << 20) /* bytes; with page faults some milliseconds at worst */
#define PAGE  ((size_t)4096)

TqpStatus tqp_memory_clear(void *data, size_t bytes, const TqpStop *stop) {
    for (size_t done = 0; done < bytes; done += SLICE) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        memset((char *)data + done, 0, bytes - done < SLICE ? bytes - done : SLICE);
    }
    return TQP_OK;
}

TqpStatus tqp_memory_copy(void *out, const void *in, size_t bytes, const TqpStop *stop) {
    for (size_t done = 0; done < bytes; done += SLICE) {
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        memcpy((char *)out + done, (const char *)in + done,
               bytes - done < SLICE ? bytes - done : SLICE);
    }
    return TQP_OK;
}

TqpStatus tqp_memory_touch(void *data, size_t bytes, const TqpStop *stop) {
    for (size_t at = 0; at < bytes; at += PAGE) {
        if (at % SLICE == 0 && tqp_stop_asked(stop))
            return TQP_CANCELLED;
        ((volatile char *)data)[at] = 0;
    }
    return TQP_OK;
}

TqpStatus tqp_memory_grow(TqpBuffer *buf, TqpBroker *broker, size_t keep, size_t bytes,
                          const TqpStop *stop) {
    if (buf->base != NULL && bytes <= buf->bytes)
        return TQP_OK;
    size_t want = buf->bytes + buf->bytes / 2;
    TqpBuffer grown;
    TQP_TRY(tqp_buffer_alloc(&grown, broker, want > bytes ? want : bytes));
    TqpStatus status = tqp_memory_copy(grown.data, buf->data, keep, stop);
    if (status != TQP_OK) {
        tqp_buffer_free(&grown);
        return status;
    }
    tqp_buffer_free(buf);
    *buf = grown;
    return TQP_OK;
}
