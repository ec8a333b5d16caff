/* Reading one value of a column: for hosts, tools and tests, not for loops over data. */
#include <string.h>

#include "base/bitmap.h"
#include "exec/column.h"

static TqpView text_at(const TqpTensor *tensor, uint32_t row) {
    if (tensor->encoding == TQP_ENC_BYTES) {
        uint32_t begin = tensor->offsets[row], end = tensor->offsets[row + 1];
        return begin == end ? tqp_view("", 0) : tqp_view(tensor->bytes + begin, end - begin);
    }
    if (tensor->encoding != TQP_ENC_DICT || tensor->dict == NULL)
        return tqp_view("", 0);
    uint32_t code = 0;
    if (tensor->data != NULL)
        code = (uint32_t)tqp_lane_get(tensor->lane, tensor->data, row);
    return tqp_dict_view(tensor->dict, code);
}

void tqp_tensor_value(const TqpTensor *tensor, TqpType type, uint32_t row, TqpValue *value) {
    memset(value, 0, sizeof(*value));
    if (tensor->validity != NULL && !tqp_bitmap_get(tensor->validity, row)) {
        value->is_null = true;
        return;
    }
    bool constant = tensor->encoding == TQP_ENC_CONST;
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        value->b = constant ? tensor->base != 0 : tqp_bitmap_get(tensor->data, row);
        return;
    case TQP_CLASS_INT:
        value->i = tensor->base;
        if (!constant)
            value->i += tqp_lane_get(tensor->lane, tensor->data, row);
        return;
    case TQP_CLASS_FLOAT:
        if (constant)
            value->f = (double)tensor->base;
        else if (tensor->lane == TQP_LANE_F32)
            value->f = ((const float *)tensor->data)[row];
        else
            value->f = ((const double *)tensor->data)[row];
        return;
    case TQP_CLASS_TEXT:
        value->s = text_at(tensor, row);
        return;
    }
}
