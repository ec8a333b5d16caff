/* Private to src/store: system calls as statuses, names of files, and what a handle keeps of them.
 */
#ifndef TQP_STORE_FILES_H
#define TQP_STORE_FILES_H

#include <sys/stat.h>
#include <pthread.h>
#include <stddef.h>

#include "store/format.h"
#include "store/stage.h"
#include "store/store.h"

#define TQP_FILE_NAME 48

/* What tells one published file from its successor. */
typedef struct TqpFileIdentity {
    bool exists;
    uint64_t device, inode, bytes;
    int64_t seconds, nanoseconds; /* of the last modification */
} TqpFileIdentity;

void tqp_file_segment_name(char name[TQP_FILE_NAME], uint64_t generation);
/* True for "<16 hex digits>.seg", ".seg.tmp", ".ok"; gives the generation. */
bool tqp_file_parse_name(const char *name, uint64_t *generation);
/* errno's text into err; `what` and `name` say what failed. */
TqpStatus tqp_file_error(TqpError *err, const char *what, const char *name);
TqpStatus tqp_file_make_dir(const char *dir, int *dirfd, TqpError *err) TQP_NODISCARD;
TqpStatus tqp_file_write(int fd, const void *data, uint64_t bytes, uint64_t offset,
                         const char *name, TqpError *err) TQP_NODISCARD;
/* Write a small file: temporary name, fsync, rename.  Nothing is left behind on failure. */
TqpStatus tqp_file_replace(int dirfd, const char *name, const char *temp, const void *data,
                           uint64_t bytes, TqpError *err) TQP_NODISCARD;
/*
 * Close a file.  The last close of an unlinked one gives back its pages, which takes 20 to 50 ms
 * for 100 MB: all but small ones are closed by a thread that nobody waits for.
 */
void tqp_file_release(int fd);
/* Unlink, and release what was behind the name. */
int tqp_file_remove(int dirfd, const char *name);
/* The whole of a file into malloc'ed memory; *data is NULL when it does not exist. */
TqpStatus tqp_file_read(int dirfd, const char *name, void **data, uint64_t *bytes,
                        TqpFileIdentity *identity, TqpError *err) TQP_NODISCARD;
TqpFileIdentity tqp_file_identity_of(const struct stat *st);
TqpFileIdentity tqp_file_identity(const char *dir, const char *name);
bool tqp_file_same(const TqpFileIdentity *a, const TqpFileIdentity *b);

/*
 * The builder's lock of a directory, held by *fd until it is closed.  TQP_CANCELLED: another has
 * it.
 */
TqpStatus tqp_file_lock(int dirfd, int *fd, TqpError *err) TQP_NODISCARD;
/*
 * Unlink orphaned temporary files, and with keep segments (and their flags) whose generation is not
 * among the n kept ones.  For the holder of the lock.
 */
void tqp_file_sweep(int dirfd, const uint64_t *keep, uint32_t n);
/* One more than the greatest generation that a file of the directory bears in its name. */
uint64_t tqp_file_next_generation(int dirfd);

/* ---- an open generation ---- */

typedef struct TqpSegment {
    char *map; /* the whole file, read-only, shared */
    uint64_t bytes, nonce, generation;
    uint32_t nslots;
    TqpFileIdentity identity; /* when it was mapped */
    uint8_t *seen;            /* per slot: populated and verified by this handle */
    uint8_t *ok;              /* per slot, shared with other processes; NULL: not available */
    void *ok_map;
    size_t ok_bytes;
} TqpSegment;

typedef struct TqpGenerationFiles {
    char *dir;
    TqpFileIdentity manifest_identity, stamps_identity;
    void *manifest; /* the file's bytes, which the next four point into */
    const TqpDiskSegment *disk_segments;
    const TqpDiskColumn *columns;
    const TqpDiskGroup *groups;
    const TqpDiskChunk *chunks; /* [group * ncolumns + column] */
    uint32_t nsegments;
    TqpSegment *segments;
    pthread_mutex_t lock; /* of the dictionaries */
    bool lock_ready;
    TqpDict *dicts;   /* ncolumns */
    bool *dict_bound; /* ncolumns: dicts[i] is filled */
    TqpStoreColumn *public_columns;
    TqpStoreGroup *public_groups;
    uint64_t **cached; /* per group: the bitmap as re-stamped, malloc'ed as one block */
    uint64_t boot;
    const TqpHostPoll *poll; /* may be NULL */
} TqpGenerationFiles;

/* store/manifest.c: structure of the bytes read, all offsets and counts; sets the pointers. */
TqpStatus tqp_manifest_check(TqpGenerationFiles *f, uint64_t bytes, TqpError *err) TQP_NODISCARD;
/* store/stamps.c: apply the sidecar when it is of this generation. */
TqpStatus tqp_stamps_apply(TqpGeneration *gen, int dirfd, TqpError *err) TQP_NODISCARD;

/* store/extent.c: make a range readable, and check it once. */
typedef TqpStatus (*TqpExtentCheck)(const void *arg, const char *data, TqpError *err);
TqpStatus tqp_extent_use(TqpGenerationFiles *f, const TqpDiskExtent *extent, TqpExtentCheck check,
                         const void *arg, const char **data, TqpError *err) TQP_NODISCARD;
void tqp_flags_open(TqpGenerationFiles *f, TqpSegment *segment, uint64_t boot);
void tqp_flags_close(TqpSegment *segment);

/* Sections of a group's meta extent and of a dictionary's. */
typedef struct TqpMetaLayout {
    uint64_t page_lsn, row_start, cached, bytes;
} TqpMetaLayout;
typedef struct TqpDictLayout {
    uint64_t offsets, rank, by_rank, text, bytes; /* rank, by_rank: TQP_CHUNK_NONE without ranks */
} TqpDictLayout;
TqpMetaLayout tqp_meta_layout(uint32_t nblocks);
TqpDictLayout tqp_dict_layout(uint32_t count, uint32_t text_bytes, bool ranks);

#endif
