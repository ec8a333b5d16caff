/* Summaries of a relation's columns over all its row groups. */
#include "tensor/tensor.h"

#include <string.h>

/* Lanes are declared in the order of their width, up to I128. */
static void add_tensor(TqpColumnStats *stats, const TqpTensor *t, bool *any) {
    if (t->nrows == 0)
        return;
    stats->has_nulls |= t->validity != NULL;
    if (t->encoding != TQP_ENC_DICT)
        stats->all_dict = false;
    if ((t->encoding == TQP_ENC_FOR || t->encoding == TQP_ENC_DICT) && t->lane > stats->widest)
        stats->widest = t->lane;
    if (t->has_range) {
        if (!stats->has_range || t->min < stats->min)
            stats->min = t->min;
        if (!stats->has_range || t->max > stats->max)
            stats->max = t->max;
        stats->has_range = true;
    }
    *any = true;
}

void tqp_relation_column_stats(const TqpRelation *rel, uint32_t column, TqpColumnStats *stats) {
    bool any = false;
    memset(stats, 0, sizeof(*stats));
    stats->widest = TQP_LANE_U8;
    stats->all_dict = true;
    for (uint32_t g = 0; g < rel->ngroups; g++)
        add_tensor(stats, &rel->groups[g].tensors[column], &any);
    stats->all_dict &= any;
}
