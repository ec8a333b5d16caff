/* Physical lanes and logical types: names, sizes, ranges. */
#include "tensor/tensor.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t bytes;
} lanes[TQP_LANE_COUNT] = {
#define TQP_LANE(e, n, c, b) [TQP_LANE_##e] = {n, b},
#include "tensor/lanes.def"
#undef TQP_LANE
};

static const struct {
    const char *name;
    TqpTypeClass class;
} types[TQP_TYPE_COUNT] = {
#define TQP_TYPE(e, n, c) [TQP_TYPE_##e] = {n, TQP_CLASS_##c},
#include "tensor/types.def"
#undef TQP_TYPE
};

const char *tqp_lane_name(TqpLane lane) {
    return lanes[lane].name;
}

uint32_t tqp_lane_bytes(TqpLane lane) {
    return lanes[lane].bytes;
}

bool tqp_lane_parse(const char *name, TqpLane *lane) {
    for (int i = 0; i < TQP_LANE_COUNT; i++) {
        if (strcmp(name, lanes[i].name) == 0) {
            *lane = (TqpLane)i;
            return true;
        }
    }
    return false;
}

TqpTypeClass tqp_type_class(TqpTypeKind kind) {
    return types[kind].class;
}

const char *tqp_type_kind_name(TqpTypeKind kind) {
    return types[kind].name;
}

bool tqp_type_equal(TqpType a, TqpType b) {
    return a.kind == b.kind && a.scale == b.scale && a.collation == b.collation;
}

void tqp_type_print(TqpType type, char buf[32]) {
    const char *name = types[type.kind].name;
    if (type.kind == TQP_TYPE_NUM)
        snprintf(buf, 32, "%s(%d)", name, type.scale);
    else if (types[type.kind].class == TQP_CLASS_TEXT && type.collation != 0)
        snprintf(buf, 32, "%s(%u)", name, type.collation);
    else
        snprintf(buf, 32, "%s", name);
}

/* The number in "(...)" that ends the text; false unless it is all digits and fits. */
static bool parse_parameter(const char *s, uint32_t len, uint32_t *value) {
    uint64_t v = 0;
    if (len < 3 || s[0] != '(' || s[len - 1] != ')')
        return false;
    for (uint32_t i = 1; i + 1 < len; i++) {
        if (s[i] < '0' || s[i] > '9' || (v = v * 10 + (uint64_t)(s[i] - '0')) > UINT32_MAX)
            return false;
    }
    *value = (uint32_t)v;
    return true;
}

bool tqp_type_parse(const char *s, uint32_t len, TqpType *type) {
    uint32_t name_len = 0, parameter = 0;
    while (name_len < len && s[name_len] != '(')
        name_len++;
    for (int i = 0; i < TQP_TYPE_COUNT; i++) {
        if (strlen(types[i].name) != name_len || memcmp(types[i].name, s, name_len) != 0)
            continue;
        *type = (TqpType){.kind = (TqpTypeKind)i};
        if (i == TQP_TYPE_NUM) {
            if (!parse_parameter(s + name_len, len - name_len, &parameter) ||
                parameter > TQP_POW10_MAX)
                return false;
            type->scale = (int32_t)parameter;
            return true;
        }
        if (name_len == len)
            return true;
        if (types[i].class != TQP_CLASS_TEXT ||
            !parse_parameter(s + name_len, len - name_len, &parameter))
            return false;
        type->collation = parameter;
        return true;
    }
    return false;
}

void tqp_type_range(TqpType type, TqpInt128 *min, TqpInt128 *max) {
    switch (type.kind) {
    case TQP_TYPE_I16:
        *min = INT16_MIN, *max = INT16_MAX;
        break;
    case TQP_TYPE_I32:
    case TQP_TYPE_DATE:
        *min = INT32_MIN, *max = INT32_MAX;
        break;
    case TQP_TYPE_NUM:
        *max = tqp_int128_pow10(37), *min = -*max;
        break;
    case TQP_TYPE_TIME:
        *min = 0, *max = INT64_C(86400000000);
        break;
    case TQP_TYPE_BOOL:
        *min = 0, *max = 1;
        break;
    default:
        *min = INT64_MIN, *max = INT64_MAX;
        break;
    }
}

TqpLane tqp_lane_for_range(TqpInt128 min, TqpInt128 max, TqpInt128 bias) {
    if (min >= bias) {
        /* Unsigned difference: cannot wrap for max >= bias. */
        TqpUint128 top = (TqpUint128)max - (TqpUint128)bias;
        if (top <= UINT8_MAX)
            return TQP_LANE_U8;
        if (top <= UINT16_MAX)
            return TQP_LANE_U16;
        if (top <= UINT32_MAX)
            return TQP_LANE_U32;
    }
    return min >= INT64_MIN && max <= INT64_MAX ? TQP_LANE_I64 : TQP_LANE_I128;
}
