/* Spare memory: a short list, searched from end to end. */
#include "base/spares.h"

#include <stdlib.h>

#define LEAST ((size_t)16 << 10) /* bytes: below, malloc does as well */

void tqp_spares_init(TqpSpares *spares, size_t limit) {
    *spares = (TqpSpares){.limit = limit};
    pthread_mutex_init(&spares->lock, NULL);
}

/* The best fit, if not more than a quarter of it would lie idle. */
void *tqp_spares_take(TqpSpares *spares, size_t *size) {
    TqpSpare *best = NULL, found = {0};
    if (*size < LEAST)
        return NULL;
    pthread_mutex_lock(&spares->lock);
    for (int i = 0; i < TQP_SPARES_MAX; i++) {
        TqpSpare *s = &spares->spares[i];
        if (s->size >= *size && s->size - *size <= *size / 3 &&
            (best == NULL || s->size < best->size))
            best = s;
    }
    if (best != NULL) {
        found = *best;
        *best = (TqpSpare){0};
        spares->total -= found.size;
        *size = found.size;
    }
    pthread_mutex_unlock(&spares->lock);
    return found.base;
}

void tqp_spares_give(TqpSpares *spares, void *base, size_t size) {
    pthread_mutex_lock(&spares->lock);
    for (int i = 0; i < TQP_SPARES_MAX && size >= LEAST && base != NULL; i++) {
        if (spares->spares[i].size != 0 || spares->total + size > spares->limit)
            continue;
        spares->spares[i] = (TqpSpare){base, size};
        spares->total += size;
        base = NULL;
    }
    pthread_mutex_unlock(&spares->lock);
    free(base);
}

void tqp_spares_limit(TqpSpares *spares, size_t limit) {
    pthread_mutex_lock(&spares->lock);
    spares->limit = limit;
    for (int i = 0; i < TQP_SPARES_MAX && spares->total > limit; i++) {
        TqpSpare *s = &spares->spares[i];
        spares->total -= s->size;
        free(s->base);
        *s = (TqpSpare){0};
    }
    pthread_mutex_unlock(&spares->lock);
}
