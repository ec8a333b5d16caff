/* Private to src/store: a build under way, shared by its creation, its groups and its publishing.
 */
#ifndef TQP_STORE_WRITER_H
#define TQP_STORE_WRITER_H

#include "store/files.h"

#define TQP_OWN_SEGMENT UINT32_MAX /* in extents until they are numbered at the end */

#define TQP_DICT_ENTRIES (1u << 20)
#define TQP_DICT_BYTES   (UINT64_C(256) << 20)

/* What one thread needs to encode one group; kept for the next. */
typedef struct TqpWriterScratch {
    struct TqpWriterScratch *next;
    TqpDistinct distinct;
    TqpBuffer image;      /* the bytes of a group as they go to the file */
    TqpDiskChunk *chunks; /* ncolumns */
} TqpWriterScratch;

struct TqpStoreWriter {
    /* constant after creation */
    char *dir;
    int dirfd, lock;
    TqpGeneration *base;
    TqpBroker *broker;
    const TqpHostPoll *poll; /* of all threads that add; then of the one that finishes */
    uint64_t generation, nonce;
    uint32_t ncolumns;
    TqpStoreColumn *columns;
    int *base_column; /* of the base, or -1 */
    bool *rewrite;    /* per segment of the base: mostly dead, so copy what is taken from it */
    TqpInterner **interners; /* NULL but for text */
    uint32_t nblocks;        /* of the relation; 0 = not told */
    /* atomic */
    bool *plain; /* per column: its strings stay plain from now on */
    /* under the mutex */
    pthread_mutex_t mutex;
    int fd; /* the segment, -1 before the first byte */
    uint64_t end;
    uint64_t laid; /* up to here the page cache has its pages */
    char *zeros;   /* a huge page of them */
    uint32_t nslots;
    uint32_t ngroups, cap;
    TqpDiskGroup *groups;
    TqpDiskChunk *chunks; /* [group * ncolumns + column] */
    TqpWriterScratch *idle;
    bool abandoned;   /* no file is to be made any more */
    TqpError failure; /* of any add: the build cannot be finished */
    /* under the mutex while groups arrive, then of the thread that finishes */
    bool renamed, finished;
};

void tqp_writer_temp_name(char name[TQP_FILE_NAME], uint64_t generation);
/* TQP_CANCELLED when the poll says so. */
TqpStatus tqp_writer_poll(const TqpStoreWriter *w, TqpError *err) TQP_NODISCARD;
/*
 * A place of so many bytes in the segment, page-aligned, and the first of its nslots slots; what is
 * not written of it reads as zeros.  Thread-safe.
 */
TqpStatus tqp_writer_place(TqpStoreWriter *w, uint64_t bytes, uint32_t nslots, uint64_t *offset,
                           uint32_t *slot, TqpError *err) TQP_NODISCARD;
/* Write into a place, asking the poll in between. */
TqpStatus tqp_writer_write(TqpStoreWriter *w, const void *data, uint64_t bytes, uint64_t offset,
                           TqpError *err) TQP_NODISCARD;
/*
 * group.c: encode column c of group g anew; what it had stays when it gets no codes.  For the one
 * thread that finishes.
 */
TqpStatus tqp_writer_recode(TqpStoreWriter *w, uint32_t g, uint32_t c, const TqpStage *stage,
                            TqpError *err) TQP_NODISCARD;
/* recode.c: the strings of groups that were postponed become codes where others are. */
TqpStatus tqp_writer_recode_all(TqpStoreWriter *w, TqpError *err) TQP_NODISCARD;
const TqpDiskChunk *tqp_writer_base_chunk(const TqpStoreWriter *w, int32_t base_group,
                                          uint32_t column); /* or NULL */

#endif
