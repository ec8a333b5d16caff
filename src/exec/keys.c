/* Packing tiles into key words and unpacking keys into columns. */
#include "exec/keys.h"

#include <math.h>
#include <string.h>

static uint32_t value_bits(TqpLane lane) {
    return lane == TQP_LANE_MASK ? 8 : tqp_lane_bytes(lane) * 8;
}

typedef struct Packer {
    uint32_t word, used; /* the open word */
    uint32_t nwords;
} Packer;

static void place(Packer *p, uint32_t bits, uint32_t *word, uint32_t *shift) {
    if (p->nwords == 0 || p->used + bits > 64) {
        p->word = p->nwords++;
        p->used = 0;
    }
    *word = p->word;
    *shift = p->used;
    p->used += bits;
}

TqpStatus tqp_key_plan(TqpKeyPlan *plan, TqpArena *arena, uint32_t nslots, const TqpSlot *slots,
                       bool extra) {
    memset(plan, 0, sizeof(*plan));
    plan->nparts = nslots;
    plan->parts = tqp_arena_zalloc(arena, (nslots + 1) * sizeof(TqpKeyPart));
    plan->views = tqp_arena_zalloc(arena, (nslots + 1) * sizeof(uint32_t));
    if (plan->parts == NULL || plan->views == NULL)
        return arena->failed != TQP_OK ? arena->failed : TQP_NO_MEMORY;
    Packer packer = {0};
    /* Two-word values first, then by falling width, so that no bits are lost to alignment. */
    for (uint32_t bits = 128; bits >= 8; bits /= 2) {
        for (uint32_t k = 0; k < nslots; k++) {
            TqpKeyPart *part = &plan->parts[k];
            if (value_bits(slots[k].lane) != bits)
                continue;
            part->slot = &slots[k];
            if (bits == 128) {
                part->word = packer.nwords;
                packer.nwords += 2;
                packer.used = 64;
            } else {
                place(&packer, bits, &part->word, &part->shift);
            }
            if (slots[k].lane == TQP_LANE_VIEW)
                plan->views[plan->nviews++] = part->word;
        }
        if (bits == 32 && extra) {
            plan->has_extra = true;
            place(&packer, 32, &plan->extra_word, &plan->extra_shift);
        }
    }
    for (uint32_t k = 0; k < nslots; k++) {
        plan->parts[k].null_word = TQP_NO_WORD;
        if (slots[k].valid != TQP_NO_REG)
            place(&packer, 8, &plan->parts[k].null_word, &plan->parts[k].null_shift);
    }
    plan->nwords = packer.nwords > 0 ? packer.nwords : 1;
    return TQP_OK;
}

static uint64_t float_bits(double v) {
    uint64_t bits;
    if (isnan(v))
        v = NAN;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static uint64_t single_bits(float v) {
    uint32_t bits;
    if (isnan(v))
        v = NAN;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

/* Row i's word holds the key's value, others' bits are added; `in` is of the part's lane. */
static void pack_values(const TqpKeyPart *part, const void *in, uint32_t n, uint32_t nwords,
                        uint64_t *words) {
    uint64_t *out = words + part->word;
    uint32_t shift = part->shift;
    switch (part->slot->lane) {
    case TQP_LANE_MASK:
        for (uint32_t i = 0; i < n; i++)
            out[(size_t)i * nwords] |= (uint64_t)tqp_bitmap_get(in, i) << shift;
        break;
    case TQP_LANE_U8:
        for (uint32_t i = 0; i < n; i++)
            out[(size_t)i * nwords] |= (uint64_t)((const uint8_t *)in)[i] << shift;
        break;
    case TQP_LANE_U16:
        for (uint32_t i = 0; i < n; i++)
            out[(size_t)i * nwords] |= (uint64_t)((const uint16_t *)in)[i] << shift;
        break;
    case TQP_LANE_U32:
        for (uint32_t i = 0; i < n; i++)
            out[(size_t)i * nwords] |= (uint64_t)((const uint32_t *)in)[i] << shift;
        break;
    case TQP_LANE_I64:
        for (uint32_t i = 0; i < n; i++)
            out[(size_t)i * nwords] = ((const uint64_t *)in)[i];
        break;
    case TQP_LANE_F32:
        for (uint32_t i = 0; i < n; i++)
            out[(size_t)i * nwords] |= single_bits(((const float *)in)[i]) << shift;
        break;
    case TQP_LANE_F64:
        for (uint32_t i = 0; i < n; i++)
            out[(size_t)i * nwords] = float_bits(((const double *)in)[i]);
        break;
    default: /* I128, VIEW */
        for (uint32_t i = 0; i < n; i++)
            memcpy(&out[(size_t)i * nwords], (const char *)in + (size_t)i * 16, 16);
        break;
    }
}

static void pack_null(const TqpKeyPart *part, uint64_t *row) {
    const TqpView empty = tqp_view("", 0);
    uint32_t bits = value_bits(part->slot->lane);
    if (part->slot->lane == TQP_LANE_VIEW)
        memcpy(row + part->word, &empty, sizeof(empty));
    else if (bits == 128)
        row[part->word] = row[part->word + 1] = 0;
    else
        row[part->word] &=
            ~((bits == 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1) << part->shift);
    row[part->null_word] |= UINT64_C(1) << part->null_shift;
}

static bool may_be_null(const TqpKeyPart *part) {
    return part->null_word != TQP_NO_WORD && part->slot->valid != TQP_NO_REG;
}

void tqp_key_pack(const TqpKeyPlan *plan, const TqpTile *tile, const uint32_t *extra,
                  uint64_t *words) {
    memset(words, 0, (size_t)tile->n * plan->nwords * sizeof(uint64_t));
    for (uint32_t k = 0; k < plan->nparts; k++) {
        const TqpKeyPart *part = &plan->parts[k];
        pack_values(part, tile->regs[part->slot->reg], tile->n, plan->nwords, words);
    }
    for (uint32_t k = 0; k < plan->nparts; k++) {
        const TqpKeyPart *part = &plan->parts[k];
        const uint64_t *valid = may_be_null(part) ? tile->regs[part->slot->valid] : NULL;
        for (uint32_t i = 0; valid != NULL && i < tile->n; i++)
            if (!tqp_bitmap_get(valid, i))
                pack_null(part, words + (size_t)i * plan->nwords);
    }
    for (uint32_t i = 0; plan->has_extra && extra != NULL && i < tile->n; i++)
        words[(size_t)i * plan->nwords + plan->extra_word] |= (uint64_t)extra[i]
                                                              << plan->extra_shift;
}

void tqp_key_pack_rows(const TqpKeyPlan *plan, TqpTile *tile, const uint32_t *rows, uint32_t n,
                       uint64_t *words) {
    memset(words, 0, (size_t)n * plan->nwords * sizeof(uint64_t));
    for (uint32_t k = 0; k < plan->nparts; k++) {
        const TqpKeyPart *part = &plan->parts[k];
        const void *values = tile->regs[part->slot->reg];
        for (uint32_t i = 0; part->slot->lane == TQP_LANE_MASK && i < n; i++)
            words[(size_t)i * plan->nwords + part->word] |=
                (uint64_t)tqp_bitmap_get(values, rows[i]) << part->shift;
        if (part->slot->lane == TQP_LANE_MASK)
            continue;
        tqp_tile_kernel(tile, TQP_STEP_GATHER, part->slot->lane, n, tile->scratch, values, rows,
                        NULL, (TqpScalar){.i = 0}, NULL);
        pack_values(part, tile->scratch, n, plan->nwords, words);
    }
    for (uint32_t k = 0; k < plan->nparts; k++) {
        const TqpKeyPart *part = &plan->parts[k];
        const uint64_t *valid = may_be_null(part) ? tile->regs[part->slot->valid] : NULL;
        for (uint32_t i = 0; valid != NULL && i < n; i++)
            if (!tqp_bitmap_get(valid, rows[i]))
                pack_null(part, words + (size_t)i * plan->nwords);
    }
}

void tqp_key_pack_columns(const TqpKeyPlan *plan, const TqpColumn *const *columns, uint64_t at,
                          uint32_t n, uint64_t *words) {
    memset(words, 0, (size_t)n * plan->nwords * sizeof(uint64_t));
    for (uint32_t k = 0; k < plan->nparts; k++) {
        const char *values = columns[k]->values.data;
        size_t width = tqp_column_width(columns[k]->slot.lane);
        pack_values(&plan->parts[k], values + at * width, n, plan->nwords, words);
    }
    for (uint32_t k = 0; k < plan->nparts; k++) {
        const uint8_t *valid = columns[k]->valid.data;
        for (uint32_t i = 0; may_be_null(&plan->parts[k]) && valid != NULL && i < n; i++)
            if (!valid[at + i])
                pack_null(&plan->parts[k], words + (size_t)i * plan->nwords);
    }
}

void tqp_key_unpack(const TqpKeyPlan *plan, uint32_t k, const uint64_t *words, uint32_t n,
                    TqpColumn *column, uint64_t at) {
    const TqpKeyPart *part = &plan->parts[k];
    uint32_t width = tqp_column_width(part->slot->lane);
    char *out = (char *)column->values.data + at * width;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *row = words + (size_t)i * plan->nwords;
        uint64_t value = row[part->word] >> part->shift;
        switch (width) {
        case 1:
            ((uint8_t *)out)[i] = (uint8_t)value;
            break;
        case 2:
            ((uint16_t *)out)[i] = (uint16_t)value;
            break;
        case 4:
            ((uint32_t *)out)[i] = (uint32_t)value;
            break;
        case 8:
            ((uint64_t *)out)[i] = value;
            break;
        default:
            memcpy(out + (size_t)i * 16, &row[part->word], 16);
            break;
        }
    }
    uint8_t *valid = column->valid.data;
    for (uint32_t i = 0; valid != NULL && i < n; i++) {
        const uint64_t *row = words + (size_t)i * plan->nwords;
        valid[at + i] = part->null_word == TQP_NO_WORD ||
                        (row[part->null_word] >> part->null_shift & 0xff) == 0;
    }
}
