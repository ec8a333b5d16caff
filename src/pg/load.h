/* Loading a relation into the cache, and the housekeeping of the cache directory. */
#ifndef TQP_PG_LOAD_H
#define TQP_PG_LOAD_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "utils/rel.h"

#include "pg/compat.h"
#include "store/store.h"

/* Rows of a group aimed at, and blocks that its range may span. */
#define TQP_LOAD_GROUP_ROWS   (1 << 16)
#define TQP_LOAD_GROUP_BLOCKS 8192

/* types.c: fingerprint of an attribute; a column whose fingerprint has changed is loaded anew. */
extern uint64 tqp_cache_identity(Form_pg_attribute att);

/* What the cache holds after a load. */
typedef struct TqpLoadResult {
    uint64 rows, bytes;
    uint32 groups, columns;
    uint32 blocks_not_visible;
    bool published; /* false: everything asked for was there, or nothing could be taken */
    bool busy;      /* another load of the relation went on for too long; nothing was done */
} TqpLoadResult;

#define TQP_WAIT_FOR_EVER (-1)

typedef struct TqpLoadRequest {
    int ncolumns;
    const AttrNumber *attnums; /* which tqp_pg_type must know */
    int wait_ms;               /* for another load of the same relation */
    bool narrow; /* where everything must be read anew, only these columns, not all that were there
                  */
} TqpLoadRequest;

/*
 * Bring the cache of rel up to date and add the columns.  When it has waited for another load long
 * enough result->busy says so, with TQP_OK.
 * Engine and file failures are returned; PostgreSQL's own errors (a cancel, a page that cannot be
 * read) are raised, with threads joined and files removed.
 */
extern TqpStatus tqp_load_relation(Relation rel, const TqpLoadRequest *request,
                                   TqpLoadResult *result, TqpError *err) TQP_NODISCARD;

/* A relation file made by this transaction must not be loaded by it (cache.c says why). */
extern bool tqp_cache_file_is_new(Relation rel);

/* ---- load_files.c ---- */

/* The directory of a relation file's cache: <cache directory>/<database>/<tablespace>_<file>. */
extern void tqp_cache_path(RelFileNode node, char path[MAXPGPATH]);
/* One loader of a relation file at a time: a heavyweight lock that conflicts with nothing else. */
extern bool tqp_cache_lock(RelFileNode node, bool wait);
/* Waits at most so many milliseconds, or TQP_WAIT_FOR_EVER. */
extern bool tqp_cache_lock_within(RelFileNode node, int wait_ms);
extern void tqp_cache_unlock(RelFileNode node);
/* Note a use, for eviction. */
extern void tqp_cache_touch(const char *path);
/*
 * Remove caches of relation files and databases that no longer exist, and from all others what
 * loads that died (kill -9, a crash of the server) have left there.
 */
extern void tqp_cache_remove_orphans(void);
/*
 * Make room: with the files of the build under way in `keep`, is the cache within tqp.cache_size?
 * Evicts the caches that were not used for longest.  `replaced`: bytes that the publish will free.
 */
extern bool tqp_cache_make_room(RelFileNode keep, uint64 replaced);

#endif
