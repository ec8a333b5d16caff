/*
 * The cache directory as a whole: names, locks, last use, orphans, the budget of tqp.cache_size.
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/relation.h"
#include "catalog/pg_tablespace_d.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/compat.h"
#include "pg/control.h"
#include "pg/load.h"
#include "pg/tqp_pg.h"

#define USED_FILE "used"
#define POLL_MS   5

void tqp_cache_path(RelFileNode node, char path[MAXPGPATH]) {
    snprintf(path, MAXPGPATH, "%s/%u/%u_%u", tqp_control_cache_dir(), node.dbNode, node.spcNode,
             node.relNode);
}

/* A type of its own, so that who looks for advisory locks in pg_locks sees the application's. */
static LOCKTAG lock_tag(RelFileNode node) {
    return (LOCKTAG){.locktag_field1 = node.dbNode,
                     .locktag_field2 = node.relNode,
                     .locktag_field3 = node.spcNode,
                     .locktag_type = LOCKTAG_USERLOCK,
                     .locktag_lockmethodid = USER_LOCKMETHOD};
}

bool tqp_cache_lock(RelFileNode node, bool wait) {
    LOCKTAG tag = lock_tag(node);
    return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

bool tqp_cache_lock_within(RelFileNode node, int wait_ms) {
    if (wait_ms == TQP_WAIT_FOR_EVER)
        return tqp_cache_lock(node, true);
    TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms);
    while (!tqp_cache_lock(node, false)) {
        if (GetCurrentTimestamp() >= end)
            return false;
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, POLL_MS,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    return true;
}

void tqp_cache_unlock(RelFileNode node) {
    LOCKTAG tag = lock_tag(node);
    LockRelease(&tag, ExclusiveLock, false);
}

void tqp_cache_touch(const char *path) {
    char file[MAXPGPATH];
    snprintf(file, sizeof(file), "%s/" USED_FILE, path);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return;
    (void)futimens(fd, NULL);
    close(fd);
}

typedef struct CacheDir {
    RelFileNode node;
    char path[MAXPGPATH];
    uint64 bytes;
    time_t used;
} CacheDir;

static void add_dir(List **dirs, RelFileNode node) {
    char file[MAXPGPATH + 8];
    struct stat st;
    CacheDir *d = palloc0(sizeof(CacheDir));
    d->node = node;
    tqp_cache_path(node, d->path);
    d->bytes = tqp_store_dir_bytes(d->path);
    snprintf(file, sizeof(file), "%s/" USED_FILE, d->path);
    if (stat(file, &st) == 0 || stat(d->path, &st) == 0)
        d->used = st.st_mtime;
    *dirs = lappend(*dirs, d);
}

/* Every relation file with a cache; of all databases. */
static List *list_dirs(void) {
    List *dirs = NIL;
    struct dirent *db, *entry;
    DIR *top = opendir(tqp_control_cache_dir());
    if (top == NULL)
        return NIL;
    while ((db = readdir(top)) != NULL) {
        RelFileNode node;
        char path[MAXPGPATH], end;
        DIR *dir;
        if (sscanf(db->d_name, "%u%c", &node.dbNode, &end) != 1)
            continue;
        snprintf(path, sizeof(path), "%s/%s", tqp_control_cache_dir(), db->d_name);
        if ((dir = opendir(path)) == NULL)
            continue;
        while ((entry = readdir(dir)) != NULL)
            if (sscanf(entry->d_name, "%u_%u%c", &node.spcNode, &node.relNode, &end) == 2)
                add_dir(&dirs, node);
        closedir(dir);
    }
    closedir(top);
    return dirs;
}

static void remove_dir(const CacheDir *d) {
    TqpError err;
    if (tqp_store_drop(d->path, &err) != TQP_OK)
        ereport(LOG, (errmsg("could not remove the cache in \"%s\": %s", d->path, err.message)));
}

static bool is_orphan(RelFileNode node) {
    if (node.dbNode != MyDatabaseId) {
        char *name = get_database_name(node.dbNode);
        return name == NULL;
    }
    Oid relid = RelidByRelfilenode(node.spcNode, node.relNode);
    return !OidIsValid(relid);
}

void tqp_cache_remove_orphans(void) {
    List *dirs = list_dirs();
    ListCell *lc;
    foreach (lc, dirs) {
        CacheDir *d = lfirst(lc);
        char db[MAXPGPATH];
        CHECK_FOR_INTERRUPTS();
        bool orphan = is_orphan(d->node);
        if (!tqp_cache_lock(d->node, false))
            continue;
        if (orphan)
            remove_dir(d);
        else
            tqp_store_tidy(d->path);
        tqp_cache_unlock(d->node);
        if (!orphan)
            continue;
        /* The folder of a database that is gone, once it is empty. */
        snprintf(db, sizeof(db), "%s/%u", tqp_control_cache_dir(), d->node.dbNode);
        (void)rmdir(db);
    }
    list_free_deep(dirs);
}

static int least_recent_first(const ListCell *a, const ListCell *b) {
    const CacheDir *x = lfirst(a), *y = lfirst(b);
    return (x->used > y->used) - (x->used < y->used);
}

bool tqp_cache_make_room(RelFileNode keep, uint64 replaced) {
    List *dirs = list_dirs();
    ListCell *lc;
    uint64 total = 0, limit = (uint64)tqp_cache_size_mb * 1024 * 1024;
    foreach (lc, dirs) {
        CacheDir *d = lfirst(lc);
        if (RelFileNodeEquals(d->node, keep))
            d->bytes -= Min(d->bytes, replaced);
        if (RelFileNodeEquals(d->node, keep) && d->bytes > limit)
            return false; /* it would not fit alone */
        total += d->bytes;
    }
    if (total > limit)
        list_sort(dirs, least_recent_first);
    foreach (lc, dirs) {
        CacheDir *d = lfirst(lc);
        if (total <= limit)
            break;
        if (RelFileNodeEquals(d->node, keep) || !tqp_cache_lock(d->node, false))
            continue;
        remove_dir(d);
        tqp_cache_unlock(d->node);
        total -= d->bytes;
    }
    list_free_deep(dirs);
    return total <= limit;
}
