/*
 * WITH and SHARED: what is defined is collected by a pipeline of its own, once, before those that
 * read its result.
 */
#include "program/bind_node.h"

typedef struct TqpBindShared {
    uint32_t number;
    TqpBindRows rows;
    const struct TqpBindShared *around;
} TqpBindShared;

void tqp_bind_with(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    TqpBindOpen definition = {0};
    TqpBindShared *shared = tqp_bind_zalloc(b, sizeof(*shared));
    tqp_bind_node(b, node->inputs[0], &definition);
    if (b->status != TQP_OK)
        return;
    if (definition.nsort > 0) /* readers may hand its order on */
        tqp_bind_collect(b, &definition, NULL, &shared->rows);
    else
        tqp_bind_materialise(b, &definition, NULL, &shared->rows);
    shared->number = node->shared.number;
    shared->around = b->shared;
    b->shared = shared;
    tqp_bind_node(b, node->inputs[1], o);
}

void tqp_bind_shared(TqpBinder *b, const TqpNode *node, TqpBindOpen *o) {
    const TqpBindShared *shared = b->shared;
    while (shared != NULL && shared->number != node->shared.number)
        shared = shared->around;
    if (shared == NULL || shared->rows.ncolumns != node->noutputs) {
        tqp_bind_fail(b, TQP_INVALID, "shared %u is not defined", node->shared.number);
        return;
    }
    tqp_bind_read(b, &shared->rows, o);
}
