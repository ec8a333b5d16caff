/*
 * Memory: a broker counts the private bytes of one query against its limit; an arena hands out
 * memory that is freed all at once and charges its blocks to a broker.
 */
#ifndef TQP_BASE_ARENA_H
#define TQP_BASE_ARENA_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/*
 * Memory of freed buffers, for the next ones: a new page costs the kernel more than most pipelines
 * do with it.  Thread-safe but for the limit.  It belongs to the host and may outlive queries; what
 * it holds is not counted by a broker.
 */
#define TQP_SPARES_MAX 64

typedef struct TqpSpare {
    void *base;
    size_t size; /* bytes; 0 = free entry */
} TqpSpare;

typedef struct TqpSpares {
    pthread_mutex_t lock;
    size_t limit, total; /* bytes */
    TqpSpare spares[TQP_SPARES_MAX];
} TqpSpares;

void tqp_spares_init(TqpSpares *spares, size_t limit);
/* Hold no more than that from now on. */
void tqp_spares_limit(TqpSpares *spares, size_t limit);

/* Thread-safe.  A limit of 0 means none. */
typedef struct TqpBroker {
    _Atomic int64_t used;    /* bytes */
    _Atomic int64_t peak;    /* bytes */
    _Atomic int64_t refused; /* bytes of the last request beyond the limit */
    int64_t limit;           /* bytes */
    TqpSpares *spares;       /* may be NULL */
} TqpBroker;

void tqp_broker_init(TqpBroker *broker, int64_t limit_bytes);
TqpStatus tqp_broker_reserve(TqpBroker *broker, int64_t bytes) TQP_NODISCARD;
void tqp_broker_release(TqpBroker *broker, int64_t bytes);

typedef struct TqpArenaBlock TqpArenaBlock;

/* Not thread-safe: one arena, one thread.  Zero-initialised (no broker) is a valid empty arena. */
typedef struct TqpArena {
    TqpArenaBlock *head;
    TqpBroker *broker; /* may be NULL */
    TqpStatus failed;  /* why some allocation returned NULL: NO_MEMORY or MEMORY_LIMIT */
} TqpArena;

void tqp_arena_init(TqpArena *arena, TqpBroker *broker);
/* 64-byte aligned for sizes >= 64, else 16.  NULL on failure, see arena->failed. */
void *tqp_arena_alloc(TqpArena *arena, size_t bytes);
void *tqp_arena_zalloc(TqpArena *arena, size_t bytes);
char *tqp_arena_strndup(TqpArena *arena, const char *s, size_t len);
char *tqp_arena_printf(TqpArena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Memory of `from`, of the same broker, is freed with `arena` then; `from` is empty. */
void tqp_arena_take(TqpArena *arena, TqpArena *from);
void tqp_arena_free(TqpArena *arena); /* everything; the arena is empty and usable afterwards */

/*
 * Large buffers that grow and are freed one by one (tiles, columns of results, hash tables).
 * 64-byte aligned, padded by 1,024 readable bytes, charged to the broker (may be NULL); bases of
 * buffers >= 1 MiB are staggered so that columns do not alias in the L1 cache.
 */
typedef struct TqpBuffer {
    void *data;
    size_t bytes; /* capacity asked for */
    void *base;   /* what free() takes */
    size_t size;  /* of base */
    TqpBroker *broker;
} TqpBuffer;

TqpStatus tqp_buffer_alloc(TqpBuffer *buf, TqpBroker *broker, size_t bytes) TQP_NODISCARD;
/* Keep the first `keep` bytes; grow to at least `bytes` (geometrically).  No-op if large enough. */
TqpStatus tqp_buffer_grow(TqpBuffer *buf, TqpBroker *broker, size_t keep,
                          size_t bytes) TQP_NODISCARD;
void tqp_buffer_free(TqpBuffer *buf); /* safe on a zeroed buffer */

/* A growing, always NUL-terminated string.  Allocation failure is sticky: `failed` is set. */
typedef struct TqpString {
    char *data;
    size_t len, cap;
    int failed;
} TqpString;

void tqp_string_printf(TqpString *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tqp_string_append(TqpString *s, const char *data, size_t len);
void tqp_string_free(TqpString *s);

#endif
