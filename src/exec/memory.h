/*
 * Large memory in slices: clearing, copying and first touching some hundred megabytes take long
 * enough to keep a cancel waiting.
 */
#ifndef TQP_EXEC_MEMORY_H
#define TQP_EXEC_MEMORY_H

#include "base/arena.h"
#include "base/thread.h"

TqpStatus tqp_memory_clear(void *data, size_t bytes, const TqpStop *stop) TQP_NODISCARD;
TqpStatus tqp_memory_copy(void *out, const void *in, size_t bytes,
                          const TqpStop *stop) TQP_NODISCARD;
/*
 * Fault in new memory that is about to be written at random, which overwrites a byte of each page:
 * each first step into a huge page clears 2 MB, and between two polls a scatter takes many.
 */
TqpStatus tqp_memory_touch(void *data, size_t bytes, const TqpStop *stop) TQP_NODISCARD;
/* As tqp_buffer_grow. */
TqpStatus tqp_memory_grow(TqpBuffer *buf, TqpBroker *broker, size_t keep, size_t bytes,
                          const TqpStop *stop) TQP_NODISCARD;

#endif
