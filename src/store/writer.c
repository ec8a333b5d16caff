/* A build: its lock, its segment file and what it takes over from the generation before. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "store/intern.h"
#include "store/writer.h"

/* Above so many segments the small ones of a base are copied together. */
#define MANY_SEGMENTS 32
/* Groups of a base that were plain for want of evidence, at most. */
#define JUDGE_AGAIN 4u
#define WRITE_SLICE ((uint64_t)1 << 20)
#define HUGE_PAGE   ((uint64_t)2 << 20)
#define HUGE_FROM   ((uint64_t)256 << 10) /* shorter segments stay in small pages */

void tqp_writer_temp_name(char name[TQP_FILE_NAME], uint64_t generation) {
    char segment[TQP_FILE_NAME - 4];
    snprintf(segment, sizeof segment, "%016llx.seg", (unsigned long long)generation);
    snprintf(name, TQP_FILE_NAME, "%s.tmp", segment);
}

static uint64_t make_nonce(void) {
    uint64_t nonce = 0;
    struct timespec now;
    if (getrandom(&nonce, sizeof nonce, GRND_NONBLOCK) == (ssize_t)sizeof nonce)
        return nonce;
    clock_gettime(CLOCK_REALTIME, &now);
    return tqp_hash_combine((uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec, (uint64_t)getpid());
}

void tqp_store_writer_set_poll(TqpStoreWriter *w, const TqpHostPoll *poll) {
    w->poll = poll;
    for (uint32_t c = 0; c < w->ncolumns; c++)
        if (w->interners[c] != NULL)
            tqp_interner_set_poll(w->interners[c], poll);
}

void tqp_store_writer_set_blocks(TqpStoreWriter *w, uint32_t nblocks) {
    w->nblocks = nblocks;
}

TqpStatus tqp_writer_poll(const TqpStoreWriter *w, TqpError *err) {
    if (w->poll != NULL && w->poll->interrupted(w->poll->host))
        return tqp_error_set(err, TQP_CANCELLED, "the build was cancelled");
    return TQP_OK;
}

static void unlink_segment(const TqpStoreWriter *w) {
    char name[TQP_FILE_NAME];
    if (w->fd < 0 || w->finished)
        return;
    if (w->renamed)
        tqp_file_segment_name(name, w->generation);
    else
        tqp_writer_temp_name(name, w->generation);
    unlinkat(w->dirfd, name, 0);
}

void tqp_store_writer_abandon(TqpStoreWriter *w) {
    pthread_mutex_lock(&w->mutex);
    unlink_segment(w);
    w->abandoned = true;
    pthread_mutex_unlock(&w->mutex);
}

void tqp_store_writer_destroy(TqpStoreWriter *w) {
    if (w == NULL)
        return;
    unlink_segment(w);
    if (w->fd >= 0)
        tqp_file_release(w->fd);
    for (TqpWriterScratch *s = w->idle, *next; s != NULL; s = next) {
        next = s->next;
        tqp_distinct_free(&s->distinct);
        tqp_buffer_free(&s->image);
        free(s->chunks);
        free(s);
    }
    for (uint32_t c = 0; w->interners != NULL && c < w->ncolumns; c++)
        tqp_interner_destroy(w->interners[c]);
    pthread_mutex_destroy(&w->mutex);
    free(w->interners);
    free(w->plain);
    free(w->rewrite);
    free(w->zeros);
    free(w->base_column);
    free(w->columns);
    free(w->groups);
    free(w->chunks);
    free(w->dir);
    if (w->lock >= 0)
        close(w->lock);
    if (w->dirfd >= 0)
        close(w->dirfd);
    free(w);
}

/* ---- taking over from the base ---- */

static void count_live(const TqpDiskExtent *x, uint64_t *live) {
    live[x->segment] += x->bytes;
}

/*
 * Segments of the base that are mostly dead, or small among many: chunks taken from these are
 * copied into the new segment, so that files neither bloat without bound nor grow too many.
 */
static TqpStatus find_rewrites(TqpStoreWriter *w) {
    const TqpGeneration *base = w->base;
    const TqpGenerationFiles *f = base->files;
    uint64_t total = 0, *live = calloc((size_t)f->nsegments + 1, sizeof *live);
    w->rewrite = calloc((size_t)f->nsegments + 1, sizeof *w->rewrite);
    if (live == NULL || w->rewrite == NULL) {
        free(live);
        return TQP_NO_MEMORY;
    }
    for (uint32_t g = 0; g < base->ngroups; g++) {
        count_live(&f->groups[g].meta, live);
        for (uint32_t c = 0; c < base->ncolumns; c++) {
            const TqpDiskChunk *chunk = &f->chunks[(uint64_t)g * base->ncolumns + c];
            if (chunk->state == TQP_DISK_PRESENT)
                count_live(&chunk->u.data.extent, live);
        }
    }
    for (uint32_t c = 0; c < base->ncolumns; c++)
        if ((f->columns[c].dict_flags & TQP_DISK_DICT) != 0)
            count_live(&f->columns[c].dict, live);
    for (uint32_t i = 0; i < f->nsegments; i++)
        total += live[i];
    for (uint32_t i = 0; i < f->nsegments; i++)
        w->rewrite[i] = live[i] < f->segments[i].bytes / 2 ||
                        (f->nsegments > MANY_SEGMENTS && live[i] < total / MANY_SEGMENTS);
    free(live);
    return TQP_OK;
}

const TqpDiskChunk *tqp_writer_base_chunk(const TqpStoreWriter *w, int32_t base_group,
                                          uint32_t column) {
    if (w->base == NULL || base_group < 0 || w->base_column[column] < 0)
        return NULL;
    return &w->base->files->chunks[(uint64_t)base_group * w->base->ncolumns +
                                   (uint32_t)w->base_column[column]];
}

/*
 * The dictionary goes on from the base's.  A column that was plain there stays plain, unless there
 * were so few rows that nothing could be said about its strings.
 */
static TqpStatus take_strings(TqpStoreWriter *w, uint32_t c, TqpError *err) {
    const TqpDict *dict = NULL;
    uint64_t rows = 0;
    uint32_t nplain = 0;
    if (w->base_column[c] >= 0)
        TQP_TRY(tqp_store_dict(w->base, (uint32_t)w->base_column[c], &dict, err));
    for (uint32_t g = 0; w->base != NULL && g < w->base->ngroups; g++) {
        const TqpDiskChunk *chunk = tqp_writer_base_chunk(w, (int32_t)g, c);
        if (chunk == NULL || chunk->state != TQP_DISK_PRESENT)
            continue;
        if (chunk->encoding == TQP_ENC_BYTES)
            nplain++;
        else
            rows += w->base->groups[g].nrows - chunk->null_count;
    }
    w->plain[c] = nplain > JUDGE_AGAIN || (nplain > 0 && dict != NULL);
    w->interners[c] = tqp_interner_create(dict, TQP_DICT_ENTRIES, TQP_DICT_BYTES, w->broker);
    if (w->interners[c] == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for a dictionary");
    if (w->columns[c].type.collation != 0)
        tqp_intern_order_by_host(w->interners[c]);
    tqp_intern_add_rows(w->interners[c], rows);
    return TQP_OK;
}

static TqpStatus take_columns(TqpStoreWriter *w, const TqpStoreColumn *columns, TqpError *err) {
    size_t n = (size_t)w->ncolumns + 1;
    w->columns = calloc(n, sizeof *w->columns);
    w->base_column = calloc(n, sizeof *w->base_column);
    w->interners = calloc(n, sizeof(TqpInterner *));
    w->plain = calloc(n, sizeof *w->plain);
    if (w->columns == NULL || w->base_column == NULL || w->interners == NULL || w->plain == NULL ||
        (w->base != NULL && find_rewrites(w) != TQP_OK))
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for a build");
    for (uint32_t c = 0; c < w->ncolumns; c++) {
        w->columns[c] = columns[c];
        int at = w->base == NULL
                     ? -1
                     : tqp_store_find_column(w->base, columns[c].attnum, columns[c].identity);
        if (at >= 0 && !tqp_type_equal(w->base->columns[at].type, columns[c].type))
            at = -1;
        w->base_column[c] = at;
        if (tqp_type_class(columns[c].type.kind) == TQP_CLASS_TEXT)
            TQP_TRY(take_strings(w, c, err));
    }
    return TQP_OK;
}

/* ---- creation ---- */

static TqpStatus begin(TqpStoreWriter *w, const TqpStoreColumn *columns, TqpError *err) {
    TQP_TRY(tqp_file_make_dir(w->dir, &w->dirfd, err));
    TQP_TRY(tqp_file_lock(w->dirfd, &w->lock, err));
    if (w->base != NULL) {
        TqpFileIdentity now = tqp_file_identity(w->dir, "manifest");
        if (!tqp_file_same(&now, &w->base->files->manifest_identity))
            return tqp_error_set(err, TQP_CANCELLED, "a newer generation was published");
    }
    tqp_file_sweep(w->dirfd, NULL, 0);
    w->generation = tqp_file_next_generation(w->dirfd);
    if (w->base != NULL && w->generation <= w->base->id)
        w->generation = w->base->id + 1;
    w->nonce = make_nonce();
    return take_columns(w, columns, err);
}

TqpStatus tqp_store_writer_create(const char *dir, TqpGeneration *base, uint32_t ncolumns,
                                  const TqpStoreColumn *columns, TqpBroker *broker,
                                  TqpStoreWriter **writer, TqpError *err) {
    *writer = NULL;
    TqpStoreWriter *w = calloc(1, sizeof *w);
    if (w == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for a build");
    if (pthread_mutex_init(&w->mutex, NULL) != 0) {
        free(w);
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for a build");
    }
    w->dirfd = w->lock = w->fd = -1;
    w->base = base;
    w->broker = broker;
    w->ncolumns = ncolumns;
    w->end = TQP_SEGMENT_HEADER;
    w->dir = strdup(dir);
    TqpStatus status = w->dir == NULL ? tqp_error_set(err, TQP_NO_MEMORY, "no memory for a build")
                                      : begin(w, columns, err);
    if (status != TQP_OK) {
        tqp_store_writer_destroy(w);
        return status;
    }
    *writer = w;
    return TQP_OK;
}

/* ---- the segment file ---- */

static TqpStatus open_segment(TqpStoreWriter *w, TqpError *err) {
    char name[TQP_FILE_NAME];
    if (w->abandoned)
        return tqp_error_set(err, TQP_CANCELLED, "the build was abandoned");
    if (w->fd >= 0)
        return TQP_OK;
    tqp_writer_temp_name(name, w->generation);
    w->fd = openat(w->dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    return w->fd >= 0 ? TQP_OK : tqp_file_error(err, "create", name);
}

/*
 * The first write to a stretch of a file decides the size of its pages in the page cache: where the
 * file system has large ones (ext4 from Linux 6.16), an aligned write of 2 MiB makes a huge page,
 * which readers map by one entry (doc/perf/0002).  So zeros are written ahead; those past the end
 * are cut off when the segment is finished.  Only a hint: a full disk is found by the data's write.
 */
static void lay_huge_pages(TqpStoreWriter *w, uint64_t from) {
    uint64_t untouched =
        from == TQP_SEGMENT_HEADER ? 0 : (from + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    w->laid = w->laid > untouched ? w->laid : untouched;
    if (w->end < HUGE_FROM || (w->zeros == NULL && (w->zeros = calloc(1, HUGE_PAGE)) == NULL))
        return;
    for (; w->laid < w->end; w->laid += HUGE_PAGE)
        if (pwrite(w->fd, w->zeros, HUGE_PAGE, (off_t)w->laid) < 0)
            return;
}

TqpStatus tqp_writer_place(TqpStoreWriter *w, uint64_t bytes, uint32_t nslots, uint64_t *offset,
                           uint32_t *slot, TqpError *err) {
    pthread_mutex_lock(&w->mutex);
    TqpStatus status = open_segment(w, err);
    *offset = w->end;
    *slot = w->nslots;
    w->end += (bytes + TQP_STORE_PAGE - 1) / TQP_STORE_PAGE * TQP_STORE_PAGE;
    w->nslots += nslots;
    if (status == TQP_OK)
        lay_huge_pages(w, *offset);
    pthread_mutex_unlock(&w->mutex);
    return status;
}

uint64_t tqp_store_writer_bytes(TqpStoreWriter *w) {
    pthread_mutex_lock(&w->mutex);
    uint64_t bytes = w->fd >= 0 ? w->end : 0;
    pthread_mutex_unlock(&w->mutex);
    return bytes;
}

/*
 * The copy into the page cache runs at some 100 MB/s on a bad day, hence the slices.  Write-back
 * of each begins at once, so that the fsync at the end is short; that is only a hint.
 */
TqpStatus tqp_writer_write(TqpStoreWriter *w, const void *data, uint64_t bytes, uint64_t offset,
                           TqpError *err) {
    const char *from = data;
    while (bytes > 0) {
        uint64_t n = bytes < WRITE_SLICE ? bytes : WRITE_SLICE;
        TQP_TRY(tqp_writer_poll(w, err));
        TQP_TRY(tqp_file_write(w->fd, from, n, offset, "segment", err));
        (void)sync_file_range(w->fd, (off_t)offset, (off_t)n, SYNC_FILE_RANGE_WRITE);
        from += n;
        bytes -= n;
        offset += n;
    }
    return TQP_OK;
}
