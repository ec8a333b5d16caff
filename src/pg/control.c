/*
 * The control file: mapped shared by every backend.  One file per server start (its name carries
 * the start time), so nothing stale is ever read; older ones are removed by whoever makes the new
 * one. Entries are published under a sequence number each (odd = being written), so that a backend
 * that is killed while it writes can never block or mislead another.
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "pg/compat.h"
#include "pg/control.h"
#include "pg/tqp_pg.h"

#define LOG_ENTRIES    1024
#define PROGRESS_SLOTS 128
#define REASON_BYTES   200
#define QUERY_BYTES    700

typedef struct LogEntry {
    _Atomic uint64 sequence; /* odd while being written; 0 = never used */
    TimestampTz at;
    Oid database, user;
    int32 pid;
    int32 outcome; /* TqpOutcome */
    uint64 query_id;
    double ms;
    uint64 rows;
    char reason[REASON_BYTES];
    char query[QUERY_BYTES];
} LogEntry;

typedef struct ProgressSlot {
    _Atomic int32 pid; /* 0 = free */
    Oid database, relation, user;
    TimestampTz started;
    _Atomic uint32 blocks_total, blocks_done;
    _Atomic uint64 rows_done;
} ProgressSlot;

typedef struct ControlFile {
    _Atomic uint64 next_entry;
    ProgressSlot progress[PROGRESS_SLOTS];
    LogEntry log[LOG_ENTRIES];
    TqpUseSlot uses[TQP_USE_SLOTS];
} ControlFile;

static ControlFile *control; /* this backend's mapping */
static bool control_failed;  /* do not try again for every query */
static ProgressSlot *my_slot;

const char *tqp_control_cache_dir(void) {
    static char path[MAXPGPATH];
    if (path[0] == '\0') {
        /* Base backups skip names that begin so, and the server removes only base/pgsql_tmp. */
        snprintf(path, sizeof(path), "%s/pgsql_tmp_tqp", DataDir);
        if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
            ereport(DEBUG1, (errcode_for_file_access(),
                             errmsg("could not create directory \"%s\": %m", path)));
    }
    return path;
}

static void control_path(char *path, size_t size) {
    snprintf(path, size, "%s/control." UINT64_FORMAT, tqp_control_cache_dir(), (uint64)PgStartTime);
}

/* Control files of earlier server starts. */
static void remove_old_files(const char *current) {
    const char *dir = tqp_control_cache_dir();
    DIR *d = opendir(dir);
    struct dirent *de;
    char path[MAXPGPATH];
    if (d == NULL)
        return;
    while ((de = readdir(d)) != NULL) {
        if (strncmp(de->d_name, "control.", 8) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
        if (strcmp(path, current) != 0)
            unlink(path);
    }
    closedir(d);
}

/* A file that is long enough but zero is a valid empty control file, so creation needs no lock. */
static ControlFile *map_control(void) {
    char path[MAXPGPATH];
    struct stat st;
    void *p = MAP_FAILED;
    if (control != NULL || control_failed)
        return control;
    control_path(path, sizeof(path));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd >= 0) {
        bool fresh = fstat(fd, &st) == 0 && st.st_size == 0;
        /* posix_fallocate: a full disk is an error now rather than a SIGBUS later. */
        if (posix_fallocate(fd, 0, sizeof(ControlFile)) == 0)
            p = mmap(NULL, sizeof(ControlFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (fresh)
            remove_old_files(path);
    }
    control_failed = p == MAP_FAILED;
    control = control_failed ? NULL : p;
    return control;
}

TqpUseSlot *tqp_control_uses(void) {
    ControlFile *c = map_control();
    return c != NULL ? c->uses : NULL;
}

/* Copy as much of src as fits, cut at a character boundary. */
static void copy_clipped(char *dst, size_t size, const char *src) {
    size_t len = src == NULL ? 0 : strlen(src);
    if (len >= size)
        len = pg_mbcliplen(src, (int)len, (int)size - 1);
    if (len > 0)
        memcpy(dst, src, len);
    dst[len] = '\0';
}

void tqp_control_log(TqpOutcome outcome, uint64 query_id, const char *query_text,
                     const char *reason, double ms, uint64 rows) {
    ControlFile *c = map_control();
    if (c == NULL)
        return;
    uint64 number = atomic_fetch_add(&c->next_entry, 1);
    LogEntry *e = &c->log[number % LOG_ENTRIES];
    atomic_store(&e->sequence, number * 2 + 1);
    e->at = GetCurrentTimestamp();
    e->database = MyDatabaseId;
    e->user = GetUserId();
    e->pid = MyProcPid;
    e->outcome = outcome;
    e->query_id = query_id;
    e->ms = ms;
    e->rows = rows;
    copy_clipped(e->reason, sizeof(e->reason), reason);
    copy_clipped(e->query, sizeof(e->query), query_text);
    atomic_store(&e->sequence, number * 2 + 2);
}

void tqp_control_progress_begin(Oid relid, uint32 blocks_total) {
    ControlFile *c = map_control();
    if (c == NULL)
        return;
    tqp_control_progress_end();
    for (int i = 0; i < PROGRESS_SLOTS && my_slot == NULL; i++) {
        ProgressSlot *s = &c->progress[i];
        int32 owner = atomic_load(&s->pid);
        /* A slot of a process that no longer exists (kill -9) is free. */
        if (owner != 0 && (kill(owner, 0) == 0 || errno != ESRCH))
            continue;
        if (atomic_compare_exchange_strong(&s->pid, &owner, MyProcPid))
            my_slot = s;
    }
    if (my_slot == NULL)
        return;
    my_slot->database = MyDatabaseId;
    my_slot->relation = relid;
    my_slot->user = GetUserId();
    my_slot->started = GetCurrentTimestamp();
    atomic_store(&my_slot->blocks_total, blocks_total);
    tqp_control_progress_update(0, 0);
}

void tqp_control_progress_update(uint32 blocks_done, uint64 rows_done) {
    if (my_slot == NULL)
        return;
    atomic_store(&my_slot->blocks_done, blocks_done);
    atomic_store(&my_slot->rows_done, rows_done);
}

void tqp_control_progress_end(void) {
    if (my_slot != NULL)
        atomic_store(&my_slot->pid, 0);
    my_slot = NULL;
}

static bool may_read(Oid owner) {
    return has_privs_of_role(GetUserId(), owner) ||
           has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

static const char *const outcome_names[] = {
    [TQP_OUTCOME_OFFLOADED] = "offloaded",
    [TQP_OUTCOME_DECLINED] = "declined",
    [TQP_OUTCOME_REPLAYED] = "replayed",
};

PG_FUNCTION_INFO_V1(tqp_query_log);

/* Set-returning: the ring, oldest first; rows of other roles need pg_read_all_stats. */
Datum tqp_query_log(PG_FUNCTION_ARGS) {
    static const Oid types[] = {TIMESTAMPTZOID, OIDOID,    OIDOID,  INT4OID, TEXTOID,
                                TEXTOID,        FLOAT8OID, INT8OID, INT8OID, TEXTOID};
    ReturnSetInfo *rsinfo = (ReturnSetInfo *)fcinfo->resultinfo;
    tqp_extension_check(fcinfo, 0, lengthof(types), types);
    tqp_compat_init_srf(fcinfo);
    ControlFile *c = map_control();
    if (c == NULL)
        return (Datum)0;
    uint64 end = atomic_load(&c->next_entry);
    uint64 begin = end > LOG_ENTRIES ? end - LOG_ENTRIES : 0;
    for (uint64 n = begin; n < end; n++) {
        const LogEntry *shared = &c->log[n % LOG_ENTRIES];
        LogEntry e;
        if (atomic_load(&shared->sequence) != n * 2 + 2)
            continue;
        memcpy(&e, shared, sizeof(e));
        if (atomic_load(&shared->sequence) != n * 2 + 2 || !may_read(e.user))
            continue;
        Datum values[10];
        bool nulls[10] = {false};
        values[0] = TimestampTzGetDatum(e.at);
        values[1] = ObjectIdGetDatum(e.database);
        values[2] = ObjectIdGetDatum(e.user);
        values[3] = Int32GetDatum(e.pid);
        values[4] = CStringGetTextDatum(outcome_names[e.outcome]);
        nulls[5] = e.reason[0] == '\0';
        values[5] = nulls[5] ? (Datum)0 : CStringGetTextDatum(e.reason);
        values[6] = Float8GetDatum(e.ms);
        values[7] = Int64GetDatum((int64)e.rows);
        values[8] = Int64GetDatum((int64)e.query_id);
        /* Text of another database may be in another encoding. */
        nulls[9] = e.database != MyDatabaseId;
        values[9] = nulls[9] ? (Datum)0 : CStringGetTextDatum(e.query);
        tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
    }
    return (Datum)0;
}

PG_FUNCTION_INFO_V1(tqp_stat_progress_load);

/* Set-returning: loads under way, as far as the caller may see them. */
Datum tqp_stat_progress_load(PG_FUNCTION_ARGS) {
    static const Oid types[] = {INT4OID, OIDOID, OIDOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID};
    ReturnSetInfo *rsinfo = (ReturnSetInfo *)fcinfo->resultinfo;
    tqp_extension_check(fcinfo, 0, lengthof(types), types);
    tqp_compat_init_srf(fcinfo);
    ControlFile *c = map_control();
    if (c == NULL)
        return (Datum)0;
    for (int i = 0; i < PROGRESS_SLOTS; i++) {
        ProgressSlot *s = &c->progress[i];
        int32 pid = atomic_load(&s->pid);
        if (pid == 0 || (kill(pid, 0) != 0 && errno == ESRCH) || !may_read(s->user))
            continue;
        Datum values[7];
        bool nulls[7] = {false};
        values[0] = Int32GetDatum(pid);
        values[1] = ObjectIdGetDatum(s->database);
        values[2] = ObjectIdGetDatum(s->relation);
        values[3] = TimestampTzGetDatum(s->started);
        values[4] = Int64GetDatum(atomic_load(&s->blocks_total));
        values[5] = Int64GetDatum(atomic_load(&s->blocks_done));
        values[6] = Int64GetDatum((int64)atomic_load(&s->rows_done));
        tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
    }
    return (Datum)0;
}
