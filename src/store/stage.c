/*
 * Staging: a loader appends one value after another, wide.  Nothing is decided here; the narrowest
 * encoding is found when the group is complete (store/encode.c).
 */
#include <stdlib.h>
#include <string.h>

#include "store/stage.h"

#define FIRST_ROWS 1024

TqpStage *tqp_stage_create(TqpType type, TqpBroker *broker) {
    TqpStage *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->type = type;
    s->class = tqp_type_class(type.kind);
    s->broker = broker;
    return s;
}

static uint32_t value_bytes(const TqpStage *s) {
    switch (s->class) {
    case TQP_CLASS_BOOL:
        return 1;
    case TQP_CLASS_INT:
        return s->wide ? 16 : 8;
    case TQP_CLASS_FLOAT:
        return 8;
    case TQP_CLASS_TEXT:
        return 4;
    }
    return 8;
}

/* One slot is kept back: text has nrows + 1 offsets. */
static void set_capacity(TqpStage *s) {
    uint64_t n = s->values.bytes / value_bytes(s);
    s->cap = n == 0 ? 0 : n - 1 > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)(n - 1);
}

void tqp_stage_reset(TqpStage *s) {
    s->status = TQP_OK;
    s->reason = NULL;
    s->nrows = s->null_count = 0;
    s->wide = false;
    s->text_bytes = 0;
    set_capacity(s);
}

void tqp_stage_destroy(TqpStage *s) {
    if (s == NULL)
        return;
    tqp_buffer_free(&s->values);
    tqp_buffer_free(&s->nulls);
    tqp_buffer_free(&s->text);
    free(s);
}

uint32_t tqp_stage_rows(const TqpStage *s) {
    return s->nrows;
}

TqpStatus tqp_stage_status(const TqpStage *s, const char **reason) {
    if (reason != NULL)
        *reason = s->reason;
    return s->status;
}

static void fail(TqpStage *s, TqpStatus status, const char *reason) {
    if (s->status == TQP_OK) {
        s->status = status;
        s->reason = reason;
    }
    s->cap = 0;
}

void tqp_stage_unsupported(TqpStage *s, const char *reason) {
    fail(s, TQP_UNSUPPORTED, reason);
    s->nrows++;
}

/* Room for a row at nrows; false (row counted by the caller) once the stage has failed. */
static bool grow(TqpStage *s) {
    if (s->status != TQP_OK)
        return false;
    if (s->nrows >= UINT32_MAX - 1) {
        fail(s, TQP_UNSUPPORTED, "too many rows in a row group");
        return false;
    }
    uint64_t unit = value_bytes(s);
    uint64_t want = s->nrows < FIRST_ROWS / 2 ? FIRST_ROWS : (uint64_t)s->nrows * 2;
    uint64_t held = s->nrows == 0 ? 0 : (uint64_t)s->nrows + 1;
    TqpStatus status = tqp_buffer_grow(&s->values, s->broker, held * unit, (want + 1) * unit);
    if (status != TQP_OK) {
        fail(s, status, "no memory for a row group");
        return false;
    }
    set_capacity(s);
    return true;
}

static inline bool room(TqpStage *s) {
    if (__builtin_expect(s->nrows < s->cap, 1))
        return true;
    if (grow(s))
        return true;
    s->nrows++;
    return false;
}

static void store_null_value(TqpStage *s) {
    uint32_t row = s->nrows;
    switch (s->class) {
    case TQP_CLASS_BOOL:
        ((uint8_t *)s->values.data)[row] = 0;
        break;
    case TQP_CLASS_INT:
        if (s->wide) {
            TqpInt128 *v = s->values.data;
            v[row] = row == 0 ? 0 : v[row - 1];
        } else {
            int64_t *v = s->values.data;
            v[row] = row == 0 ? 0 : v[row - 1];
        }
        break;
    case TQP_CLASS_FLOAT:
        ((double *)s->values.data)[row] = 0;
        break;
    case TQP_CLASS_TEXT:
        if (row == 0)
            ((uint32_t *)s->values.data)[0] = 0;
        ((uint32_t *)s->values.data)[row + 1] = (uint32_t)s->text_bytes;
        break;
    }
}

void tqp_stage_null(TqpStage *s) {
    if (!room(s))
        return;
    uint64_t need = ((uint64_t)s->null_count + 1) * sizeof(uint32_t);
    if (need > s->nulls.bytes) {
        uint64_t want = need < 1024 ? 4096 : need * 2;
        TqpStatus status = tqp_buffer_grow(&s->nulls, s->broker, need - sizeof(uint32_t), want);
        if (status != TQP_OK) {
            fail(s, status, "no memory for a row group");
            s->nrows++;
            return;
        }
    }
    ((uint32_t *)s->nulls.data)[s->null_count++] = s->nrows;
    store_null_value(s);
    s->nrows++;
}

void tqp_stage_int(TqpStage *s, int64_t value) {
    if (!room(s))
        return;
    if (s->wide)
        ((TqpInt128 *)s->values.data)[s->nrows] = value;
    else
        ((int64_t *)s->values.data)[s->nrows] = value;
    s->nrows++;
}

/* The first value past int64_t turns the array into one of 128 bits. */
static bool widen(TqpStage *s) {
    TqpBuffer wide = {0};
    uint64_t rows = s->nrows < FIRST_ROWS / 2 ? FIRST_ROWS : (uint64_t)s->nrows * 2;
    TqpStatus status = tqp_buffer_alloc(&wide, s->broker, (rows + 1) * sizeof(TqpInt128));
    if (status != TQP_OK) {
        fail(s, status, "no memory for a row group");
        return false;
    }
    const int64_t *from = s->values.data;
    TqpInt128 *to = wide.data;
    for (uint32_t i = 0; i < s->nrows; i++)
        to[i] = from[i];
    tqp_buffer_free(&s->values);
    s->values = wide;
    s->wide = true;
    set_capacity(s);
    return true;
}

void tqp_stage_int128(TqpStage *s, TqpInt128 value) {
    if (value >= INT64_MIN && value <= INT64_MAX) {
        tqp_stage_int(s, (int64_t)value);
        return;
    }
    if (!room(s))
        return;
    if (s->wide || widen(s))
        ((TqpInt128 *)s->values.data)[s->nrows] = value;
    s->nrows++;
}

void tqp_stage_float(TqpStage *s, double value) {
    if (!room(s))
        return;
    ((double *)s->values.data)[s->nrows++] = value;
}

void tqp_stage_bool(TqpStage *s, bool value) {
    if (!room(s))
        return;
    ((uint8_t *)s->values.data)[s->nrows++] = value;
}

static bool grow_text(TqpStage *s, uint64_t need) {
    if (need > UINT32_MAX) {
        fail(s, TQP_UNSUPPORTED, "more than 4 GiB of text in a row group");
        return false;
    }
    uint64_t want = need < 16384 ? 32768 : need * 2;
    TqpStatus status = tqp_buffer_grow(&s->text, s->broker, s->text_bytes, want);
    if (status != TQP_OK)
        fail(s, status, "no memory for a row group");
    return status == TQP_OK;
}

void tqp_stage_text(TqpStage *s, const char *data, uint32_t len) {
    if (!room(s))
        return;
    uint64_t need = s->text_bytes + len;
    if ((need > s->text.bytes || need > UINT32_MAX) && !grow_text(s, need)) {
        s->nrows++;
        return;
    }
    if (len > 0)
        memcpy((char *)s->text.data + s->text_bytes, data, len);
    s->text_bytes = need;
    uint32_t *offsets = s->values.data;
    if (s->nrows == 0)
        offsets[0] = 0;
    offsets[++s->nrows] = (uint32_t)need;
}
