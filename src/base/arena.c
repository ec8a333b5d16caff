/* Arena: a list of blocks, each charged to the broker as a whole. */
#include "base/spares.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct TqpArenaBlock {
    TqpArenaBlock *next;
    size_t size;   /* bytes, this header included */
    size_t memory; /* bytes that it really has */
    size_t used;
};

#define FIRST_BLOCK   ((size_t)8 << 10)
#define LARGEST_BLOCK ((size_t)1 << 20)

void tqp_arena_init(TqpArena *arena, TqpBroker *broker) {
    arena->head = NULL;
    arena->broker = broker;
    arena->failed = TQP_OK;
}

static TqpArenaBlock *add_block(TqpArena *arena, size_t need) {
    size_t size = arena->head != NULL ? arena->head->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < need)
        size = need;
    if (arena->broker != NULL) {
        TqpStatus status = tqp_broker_reserve(arena->broker, (int64_t)size);
        if (status != TQP_OK) {
            arena->failed = status;
            return NULL;
        }
    }
    TqpSpares *spares = arena->broker != NULL ? arena->broker->spares : NULL;
    size_t found = size;
    TqpArenaBlock *block = spares != NULL ? tqp_spares_take(spares, &found) : NULL;
    if (block == NULL) {
        found = (size + 63) / 64 * 64;
        block = aligned_alloc(64, found); /* may be a buffer's one day */
    }
    if (block == NULL) {
        if (arena->broker != NULL)
            tqp_broker_release(arena->broker, (int64_t)size);
        arena->failed = TQP_NO_MEMORY;
        return NULL;
    }
    block->size = size;
    block->memory = found;
    block->used = sizeof(TqpArenaBlock);
    block->next = arena->head;
    arena->head = block;
    return block;
}

/* Offset in the block at which an object of this alignment can begin. */
static size_t aligned_offset(const TqpArenaBlock *block, size_t align) {
    uintptr_t at = (uintptr_t)block + block->used;
    return block->used + ((align - (at & (align - 1))) & (align - 1));
}

void *tqp_arena_alloc(TqpArena *arena, size_t bytes) {
    size_t align = bytes >= 64 ? 64 : 16;
    if (bytes > SIZE_MAX / 2) {
        arena->failed = TQP_NO_MEMORY;
        return NULL;
    }
    TqpArenaBlock *block = arena->head;
    if (block == NULL || aligned_offset(block, align) + bytes > block->size) {
        block = add_block(arena, sizeof(TqpArenaBlock) + align + bytes);
        if (block == NULL)
            return NULL;
    }
    size_t offset = aligned_offset(block, align);
    block->used = offset + bytes;
    return (char *)block + offset;
}

void *tqp_arena_zalloc(TqpArena *arena, size_t bytes) {
    void *p = tqp_arena_alloc(arena, bytes);
    return p != NULL ? memset(p, 0, bytes) : NULL;
}

char *tqp_arena_strndup(TqpArena *arena, const char *s, size_t len) {
    char *copy = tqp_arena_alloc(arena, len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *tqp_arena_printf(TqpArena *arena, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = len < 0 ? NULL : tqp_arena_alloc(arena, (size_t)len + 1);
    if (s == NULL)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return s;
}

/* Behind the block that is being filled, if there is one. */
void tqp_arena_take(TqpArena *arena, TqpArena *from) {
    TqpArenaBlock **at = arena->head != NULL ? &arena->head->next : &arena->head;
    TqpArenaBlock *last = from->head;
    if (last == NULL)
        return;
    while (last->next != NULL)
        last = last->next;
    last->next = *at;
    *at = from->head;
    from->head = NULL;
}

void tqp_arena_free(TqpArena *arena) {
    TqpArenaBlock *block = arena->head;
    while (block != NULL) {
        TqpArenaBlock *next = block->next;
        size_t memory = block->memory;
        if (arena->broker != NULL)
            tqp_broker_release(arena->broker, (int64_t)block->size);
        if (arena->broker != NULL && arena->broker->spares != NULL)
            tqp_spares_give(arena->broker->spares, block, memory);
        else
            free(block);
        block = next;
    }
    arena->head = NULL;
    arena->failed = TQP_OK;
}
