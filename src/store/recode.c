/*
 * Row groups whose strings were written plain, since it was too early to say whether they are worth
 * a dictionary (store/judge.c), get codes at the end where the column has one by then.  Their
 * first chunks stay in the segment as dead bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "store/intern.h"
#include "store/writer.h"

#define STAGE_POLL 8192u /* rows */

static TqpStatus read_back(const TqpStoreWriter *w, const TqpDiskExtent *x, char *to,
                           TqpError *err) {
    for (uint64_t at = 0; at < x->bytes;) {
        ssize_t n = pread(w->fd, to + at, x->bytes - at, (off_t)(x->offset + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return tqp_file_error(err, "read", "segment");
        at += (uint64_t)n;
    }
    return TQP_OK;
}

static TqpStatus fill_stage(const TqpStoreWriter *w, const TqpTensor *t, TqpStage *stage,
                            TqpError *err) {
    const char *reason;
    for (uint32_t row = 0; row < t->nrows; row++) {
        if (row % STAGE_POLL == 0)
            TQP_TRY(tqp_writer_poll(w, err));
        if (t->validity != NULL && !tqp_bitmap_get(t->validity, row))
            tqp_stage_null(stage);
        else
            tqp_stage_text(stage, t->bytes + t->offsets[row],
                           t->offsets[row + 1] - t->offsets[row]);
    }
    TqpStatus status = tqp_stage_status(stage, &reason);
    return status == TQP_OK ? TQP_OK : tqp_error_set(err, status, "%s", reason);
}

/* A chunk of plain strings that this build wrote. */
static TqpStatus recode_own(TqpStoreWriter *w, uint32_t g, uint32_t c, TqpStage *stage,
                            TqpError *err) {
    const TqpDiskChunk *chunk = &w->chunks[(size_t)g * w->ncolumns + c];
    TqpTensor t = {.encoding = TQP_ENC_BYTES,
                   .lane = TQP_LANE_VIEW,
                   .nrows = w->groups[g].nrows,
                   .null_count = chunk->null_count};
    TqpChunkLayout layout;
    TqpBuffer memory = {0};
    tqp_chunk_layout(&t, chunk->u.data.text_bytes, &layout);
    if (tqp_buffer_alloc(&memory, w->broker, layout.bytes + TQP_CHUNK_PAD) != TQP_OK)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory to encode a row group");
    TqpStatus status = read_back(w, &chunk->u.data.extent, memory.data, err);
    tqp_chunk_bind(&t, &layout, memory.data);
    if (status == TQP_OK)
        status = fill_stage(w, &t, stage, err);
    if (status == TQP_OK)
        status = tqp_writer_recode(w, g, c, stage, err);
    tqp_buffer_free(&memory);
    return status;
}

/* A chunk of the base's, of a group that was taken from it. */
static TqpStatus recode_taken(TqpStoreWriter *w, uint32_t g, uint32_t c, TqpStage *stage,
                              TqpError *err) {
    TqpTensor t;
    uint32_t b = 0;
    while (w->base->groups[b].first_block != w->groups[g].first_block)
        b++;
    TQP_TRY(tqp_store_tensor(w->base, b, (uint32_t)w->base_column[c], &t, err));
    TQP_TRY(fill_stage(w, &t, stage, err));
    return tqp_writer_recode(w, g, c, stage, err);
}

static TqpStatus recode_column(TqpStoreWriter *w, uint32_t c, TqpError *err) {
    TqpStage *stage = tqp_stage_create(w->columns[c].type, w->broker);
    if (stage == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory to encode a row group");
    TqpStatus status = TQP_OK;
    for (uint32_t g = 0; g < w->ngroups && status == TQP_OK && !w->plain[c]; g++) {
        const TqpDiskChunk *chunk = &w->chunks[(size_t)g * w->ncolumns + c];
        if (chunk->state != TQP_DISK_PRESENT || chunk->encoding != TQP_ENC_BYTES)
            continue;
        tqp_stage_reset(stage);
        if (chunk->u.data.extent.segment == TQP_OWN_SEGMENT)
            status = recode_own(w, g, c, stage, err);
        else
            status = recode_taken(w, g, c, stage, err);
    }
    tqp_stage_destroy(stage);
    return status;
}

TqpStatus tqp_writer_recode_all(TqpStoreWriter *w, TqpError *err) {
    for (uint32_t c = 0; c < w->ncolumns; c++)
        if (w->interners[c] != NULL && !w->plain[c] && tqp_interner_count(w->interners[c]) > 0)
            TQP_TRY(recode_column(w, c, err));
    return TQP_OK;
}
