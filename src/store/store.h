/*
 * The columnar cache on disk: generations of row groups, encodings, dictionaries, checksums.  It
 * knows nothing of heaps or snapshots; block numbers and LSNs are carried for the host to judge.
 *
 * A directory belongs to one relation file.  It holds one `manifest` (replaced by rename),
 * immutable segment files (a column's chunks of one build), dictionary files, and a `stamps`
 * sidecar.  Files are written to a temporary name, fsynced, renamed; unlinked when no manifest
 * names them, never truncated, so a mapping that exists stays good.
 */
#ifndef TQP_STORE_STORE_H
#define TQP_STORE_STORE_H

#include "base/arena.h"
#include "base/thread.h"
#include "tensor/tensor.h"

/* ---- staging: one column of one row group, wide, as a loader appends it (store/stage.c) ---- */

typedef struct TqpStage TqpStage; /* not thread-safe */

TqpStage *tqp_stage_create(TqpType type, TqpBroker *broker); /* NULL: no memory */
void tqp_stage_reset(TqpStage *s);
void tqp_stage_destroy(TqpStage *s);
uint32_t tqp_stage_rows(const TqpStage *s);
/* Appending is infallible until tqp_stage_status says otherwise (sticky: NO_MEMORY, UNSUPPORTED).
 */
void tqp_stage_null(TqpStage *s);
void tqp_stage_int(TqpStage *s, int64_t value); /* INT class */
void tqp_stage_int128(TqpStage *s, TqpInt128 value);
void tqp_stage_float(TqpStage *s, double value); /* F32 too: exact */
void tqp_stage_bool(TqpStage *s, bool value);
void tqp_stage_text(TqpStage *s, const char *data, uint32_t len); /* copied */
void tqp_stage_unsupported(TqpStage *s, const char *reason); /* static string: e.g. "numeric NaN" */
TqpStatus tqp_stage_status(const TqpStage *s, const char **reason);
/*
 * The narrowest exact tensor over memory of the arena (a delta row group).  Text becomes BYTES, or
 * DICT when `interner` is not NULL and has room; tensor->dict is NULL then: the caller sets it when
 * the interner is frozen.
 */
struct TqpInterner;
TqpStatus tqp_stage_tensor(const TqpStage *s, TqpArena *a, struct TqpInterner *interner,
                           TqpTensor *tensor, TqpError *err) TQP_NODISCARD;

/* ---- dictionaries under construction (store/interner.c); thread-safe ---- */

typedef struct TqpInterner TqpInterner;
typedef int (*TqpStoreCompare)(void *host, uint32_t collation, TqpView a, TqpView b);

/* `base` (may be NULL) keeps its codes; its strings must outlive the interner. */
TqpInterner *tqp_interner_create(const TqpDict *base, uint32_t max_entries, uint64_t max_bytes,
                                 TqpBroker *broker);
void tqp_interner_destroy(TqpInterner *in);
/* Asked while much is copied or ordered, by whichever thread does it.  NULL: nobody is asked. */
void tqp_interner_set_poll(TqpInterner *in, const TqpHostPoll *poll);
/* Codes of n strings; false when the limits would be exceeded (then none was added). */
bool tqp_interner_codes(TqpInterner *in, uint32_t n, const TqpView *strings, uint32_t *codes);
/* Entries, the base's included: more than base->count means that new strings were seen. */
uint32_t tqp_interner_count(TqpInterner *in);
/*
 * Freeze into a TqpDict in the arena with ranks from `compare` (called by this thread; NULL or
 * collation 0: bytes).  Strings are copied into the arena; but when nothing was added to a ranked
 * base, *dict is the base itself.  Nobody may add meanwhile.  TQP_CANCELLED: the poll said so.
 */
TqpStatus tqp_interner_dict(TqpInterner *in, TqpArena *a, uint32_t collation,
                            TqpStoreCompare compare, void *host, TqpDict *dict,
                            TqpError *err) TQP_NODISCARD;

/* ---- what a generation holds ---- */

typedef struct TqpStoreColumn {
    int32_t attnum;    /* the host's number of the attribute */
    uint64_t identity; /* the host's fingerprint of type, typmod, collation and its version, ... */
    TqpType type;
} TqpStoreColumn;

/* A row group: blocks [first_block, first_block + nblocks), rows in block order. */
typedef struct TqpStoreGroup {
    uint32_t first_block, nblocks;
    uint32_t nrows;
    uint64_t vm_lsn;           /* of the one visibility-map page that covers all its blocks */
    const uint32_t *row_start; /* nblocks + 1: rows of block b are [row_start[b], row_start[b+1]) */
    const uint64_t *page_lsn;  /* nblocks: of the heap page at the build */
    const uint64_t *cached;    /* bitmap of blocks held; the others were not all-visible */
} TqpStoreGroup;

typedef struct TqpGeneration {
    uint64_t id;                /* grows with each publish */
    uint64_t timeline, max_lsn; /* of the build, for the host: valid iff in its history */
    uint64_t rows, bytes;       /* totals; bytes of files */
    uint32_t ncolumns;
    const TqpStoreColumn *columns;
    uint32_t ngroups;
    const TqpStoreGroup *groups;      /* ascending, disjoint block ranges; vm_lsn as re-stamped */
    struct TqpGenerationFiles *files; /* private */
} TqpGeneration;

/* Open the current generation.  *gen is NULL with TQP_OK when there is none. One thread at a time.
 */
TqpStatus tqp_store_open(const char *dir, TqpGeneration **gen, TqpError *err) TQP_NODISCARD;
void tqp_store_close(TqpGeneration *gen);
/* False when a newer manifest or stamps file was published (one or two stat calls). */
bool tqp_store_is_current(const TqpGeneration *gen);
int tqp_store_find_column(const TqpGeneration *gen, int32_t attnum, uint64_t identity); /* or -1 */
/* True when the column was loaded for every group. False: tqp_store_tensor would fail. */
bool tqp_store_has_chunk(const TqpGeneration *gen, uint32_t group, uint32_t column);
/*
 * Map and (once per `boot`, see tqp_store_set_boot) check a chunk.  TQP_CORRUPT: checksum, size or
 * structure is wrong: the host should call tqp_store_drop and rebuild.  TQP_UNSUPPORTED: the chunk
 * was not representable (err has the reason, e.g. "numeric NaN").  Several threads may call it, and
 * tqp_store_dict, on one generation.
 */
TqpStatus tqp_store_tensor(TqpGeneration *gen, uint32_t group, uint32_t column, TqpTensor *tensor,
                           TqpError *err) TQP_NODISCARD;
/* The column's dictionary, or NULL when it has none. Checked like chunks. */
TqpStatus tqp_store_dict(TqpGeneration *gen, uint32_t column, const TqpDict **dict,
                         TqpError *err) TQP_NODISCARD;

/*
 * Chunks verified since `boot` (the host's server start time) need no second check by other
 * processes: small shared files beside the segments remember them.
 */
void tqp_store_set_boot(TqpGeneration *gen, uint64_t boot);
/*
 * Asked while a chunk or dictionary is read in and checked for the first time, by the thread that
 * wants it, which then gets TQP_CANCELLED.  NULL, as at the beginning: nobody is asked.
 */
void tqp_store_set_poll(TqpGeneration *gen, const TqpHostPoll *poll);

/* ---- building ---- */

typedef struct TqpStoreWriter TqpStoreWriter;

/*
 * Begin a build over `base` (may be NULL), which must stay open until the writer is gone.  Columns
 * are those of the new generation.  The segment file is written as groups arrive (sync_file_range
 * as it goes, one fsync at the end).  There is one builder to a directory at a time. TQP_CANCELLED:
 * another has it, or `base` is not the published generation any more; wait (the call does not),
 * poll for interrupts, open the current generation and decide again.
 */
TqpStatus tqp_store_writer_create(const char *dir, TqpGeneration *base, uint32_t ncolumns,
                                  const TqpStoreColumn *columns, TqpBroker *broker,
                                  TqpStoreWriter **writer, TqpError *err) TQP_NODISCARD;
/*
 * Add a group; thread-safe, any order.  stages[c] NULL: column c is taken unchanged from group
 * `base_group` of the base (same blocks, same rows).  meta and stages are copied/encoded before
 * return.  A stage that is UNSUPPORTED is recorded as such, the group is still added.
 */
TqpStatus tqp_store_writer_add(TqpStoreWriter *w, const TqpStoreGroup *meta, int32_t base_group,
                               TqpStage *const *stages, TqpError *err) TQP_NODISCARD;
/* Of the segment file until now.  Any thread. */
uint64_t tqp_store_writer_bytes(TqpStoreWriter *w);
/*
 * Asked by every thread that adds, between slices of a few milliseconds: it must be thread-safe.
 * Once it has said so, adding returns TQP_CANCELLED and the build cannot be finished.
 */
void tqp_store_writer_set_poll(TqpStoreWriter *w, const TqpHostPoll *poll);
/* Before the first group: blocks of the relation, so that a group tells how many rows to expect. */
void tqp_store_writer_set_blocks(TqpStoreWriter *w, uint32_t nblocks);
typedef struct TqpStorePublish {
    uint64_t timeline, max_lsn;
    TqpStoreCompare compare; /* ranks of dictionaries */
    void *host;
    const TqpHostPoll *poll; /* may be NULL; asked instead of the writer's from now on */
} TqpStorePublish;
/* Rank dictionaries, fsync, write the manifest, rename, remove files no longer named. */
TqpStatus tqp_store_writer_finish(TqpStoreWriter *w, const TqpStorePublish *publish,
                                  TqpError *err) TQP_NODISCARD;
/*
 * For a process that exits with threads of the build still running: its file is unlinked, and none
 * is made any more.  Nothing is freed.  Any thread that is not within a call on the writer.
 */
void tqp_store_writer_abandon(TqpStoreWriter *w);
/* Free the writer; removes its files unless it was finished. */
void tqp_store_writer_destroy(TqpStoreWriter *w);

/*
 * Replace the stamps sidecar: vm_lsn and the cached bitmap of each group of gen (ngroups).  gen
 * shows them too and stays current.  TQP_CANCELLED: gen is no longer the published one; nothing was
 * done.
 */
TqpStatus tqp_store_restamp(TqpGeneration *gen, const uint64_t *vm_lsn,
                            const uint64_t *const *cached, TqpError *err) TQP_NODISCARD;
/* Remove everything in dir and dir itself; missing is fine. TQP_CANCELLED: a build is running. */
TqpStatus tqp_store_drop(const char *dir, TqpError *err) TQP_NODISCARD;

/*
 * Remove what a builder that died has left: temporary files, and segments that the manifest does
 * not name.  Does nothing while a build is running; one that begins meanwhile gets TQP_CANCELLED.
 */
void tqp_store_tidy(const char *dir);

/* True while some writer has the directory.  It tries the lock: do not call it in a tight loop. */
bool tqp_store_is_building(const char *dir);
/* Sizes of the files in one directory; of all below a root that holds directories. 0 if missing. */
uint64_t tqp_store_dir_bytes(const char *dir);
uint64_t tqp_store_total_bytes(const char *root);

#endif
