/*
 * Unit tests of src/store among processes: flags that they share, builders that meet, die or are
 * used wrongly, stamps, full disks and memory limits.
 */
#include "unit/test_store_small.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- flags ---- */

static void test_flags(void) {
    char *dir = test_dir(), path[512], ok[512];
    size_t bytes;
    TqpStatus status;
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    CHECK_INT(inspect(dir, 9, NROWS, &status), GOOD);
    find_file(dir, ".ok", ok);
    /* Change a double of the last chunk, in the file: boot 9 has checked it, boot 10 will. */
    find_file(dir, ".seg", path);
    char *data = slurp(path, &bytes), *at = NULL;
    double value = (NROWS - 1) / 8.0;
    for (size_t i = 0; i + 8 <= bytes; i += 8)
        if (memcmp(data + i, &value, sizeof value) == 0)
            at = data + i;
    CHECK(at != NULL);
    struct stat st;
    CHECK_INT(stat(path, &st), 0);
    struct timespec unchanged[2] = {st.st_atim, st.st_mtim};
    at[1] ^= 1;
    put(path, data, bytes);
    CHECK_INT(utimensat(AT_FDCWD, path, unchanged, 0), 0);
    CHECK_INT(inspect(dir, 9, NROWS, &status), WRONG);
    CHECK_INT(inspect(dir, 10, NROWS, &status), DETECTED);
    CHECK_INT(inspect(dir, 9, NROWS, &status), DETECTED); /* the flags are boot 10's now */
    at[1] ^= 1;
    put(path, data, bytes);
    CHECK_INT(inspect(dir, 10, NROWS, &status), GOOD);
    /* Flags of a wrong size, or that cannot be made, are done without. */
    put(ok, "garbage", 7);
    CHECK_INT(inspect(dir, 10, NROWS, &status), GOOD);
    CHECK_INT(unlink(ok), 0);
    CHECK_INT(mkdir(ok, 0700), 0);
    CHECK_INT(inspect(dir, 10, NROWS, &status), GOOD);
    CHECK_INT(rmdir(ok), 0);
    free(data);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

static void test_processes(void) {
    char *dir = test_dir();
    pid_t pids[3];
    CHECK_INT(build(dir, NULL, 5000, NULL), TQP_OK);
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            int bad = 0;
            TqpStatus status;
            for (uint64_t boot = 1; boot < 12; boot++)
                bad |= inspect(dir, boot, 5000, &status) != GOOD;
            _exit(bad);
        }
    }
    for (int i = 0; i < 3; i++) {
        int status;
        CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
        CHECK_INT(status, 0);
    }
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* ---- builders ---- */

static void test_builders(void) {
    char *dir = test_dir(), deep[512];
    TqpStoreWriter *w, *second;
    TqpGeneration *gen, *next;
    TqpError err;
    TqpStatus status;
    snprintf(deep, sizeof deep, "%s/1/2", dir); /* parents are made */
    CHECK(!tqp_store_is_building(deep));
    CHECK_INT(tqp_store_writer_create(deep, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    CHECK(tqp_store_is_building(deep));
    CHECK_INT(tqp_store_writer_create(deep, NULL, NCOLS, columns, NULL, &second, &err),
              TQP_CANCELLED);
    CHECK(second == NULL);
    CHECK_INT(tqp_store_drop(deep, NULL), TQP_CANCELLED);
    tqp_store_writer_destroy(w);
    CHECK(!tqp_store_is_building(deep));
    CHECK_INT(build(deep, NULL, NROWS, NULL), TQP_OK);
    CHECK_INT(tqp_store_open(deep, &gen, NULL), TQP_OK);
    CHECK_INT(build(deep, gen, NROWS, NULL), TQP_OK);
    /* gen is old now: nothing may be built on it, nor its stamps be written. */
    CHECK_INT(build(deep, gen, NROWS, NULL), TQP_CANCELLED);
    uint64_t lsn[NGROUPS] = {6, 6}, bits = 0;
    const uint64_t *cached[NGROUPS] = {&bits, &bits};
    CHECK_INT(tqp_store_restamp(gen, lsn, cached, NULL), TQP_CANCELLED);
    CHECK(!tqp_store_is_current(gen));
    tqp_store_close(gen);
    CHECK_INT(inspect(deep, 0, NROWS, &status), GOOD);
    /* Stamps are seen by who writes them, by who opens later, and not after the next build. */
    CHECK_INT(tqp_store_open(deep, &gen, NULL), TQP_OK);
    CHECK_INT(tqp_store_open(deep, &next, NULL), TQP_OK);
    CHECK_INT(tqp_store_restamp(gen, lsn, cached, NULL), TQP_OK);
    CHECK(tqp_store_is_current(gen) && !tqp_store_is_current(next));
    CHECK(gen->groups[1].vm_lsn == 6 && gen->groups[1].cached[0] == 0);
    tqp_store_close(next);
    CHECK_INT(tqp_store_open(deep, &next, NULL), TQP_OK);
    CHECK(next->groups[1].vm_lsn == 6 && next->groups[1].cached[0] == 0);
    CHECK(tqp_store_is_current(next));
    tqp_store_close(gen);
    CHECK_INT(build(deep, next, NROWS, NULL), TQP_OK);
    tqp_store_close(next);
    CHECK_INT(inspect(deep, 0, NROWS, &status), GOOD);
    CHECK_INT(count_files(deep), 3); /* lock, manifest, one segment */
    CHECK_INT(tqp_store_total_bytes(dir), tqp_store_dir_bytes(deep));
    CHECK(tqp_store_total_bytes(dir) > 4096 && tqp_store_dir_bytes(dir) == 0);
    struct stat st;
    char path[512];
    find_file(deep, ".seg", path);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(deep, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK_INT(tqp_store_drop(deep, NULL), TQP_OK);
    snprintf(deep, sizeof deep, "%s/1", dir);
    CHECK(rmdir(deep) == 0 && rmdir(dir) == 0);
    free(dir);
}

/* A build with its first group written. */
static TqpStatus begin_build(const char *dir, TqpStoreWriter **w) {
    TqpStage *stages[NCOLS];
    TqpStoreGroup meta = make_group(0, NROWS, 5);
    for (int c = 0; c < NCOLS; c++)
        stages[c] = tqp_stage_create(columns[c].type, NULL);
    fill(stages, NROWS);
    TqpStatus status = tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, w, NULL);
    if (status == TQP_OK)
        status = tqp_store_writer_add(*w, &meta, -1, stages, NULL);
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_destroy(stages[c]);
    free_group(&meta);
    return status;
}

/* What a host is told of the segment's size while it grows, against the file in the end. */
static void test_size(void) {
    char *dir = test_dir(), path[512];
    TqpStoreWriter *w;
    struct stat st;
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_bytes(w), 0);
    tqp_store_writer_destroy(w);
    CHECK_INT(begin_build(dir, &w), TQP_OK);
    uint64_t grown = tqp_store_writer_bytes(w);
    CHECK(grown > NROWS);
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_OK);
    find_file(dir, ".seg", path);
    CHECK_INT(stat(path, &st), 0);
    CHECK(grown <= (uint64_t)st.st_size); /* dictionaries come last */
    CHECK_INT(tqp_store_writer_bytes(w), (uint64_t)st.st_size);
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

static void kill_builder(const char *dir) {
    char path[512];
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        TqpStoreWriter *w;
        if (begin_build(dir, &w) == TQP_OK)
            raise(SIGKILL);
        _exit(1);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    find_file(dir, ".seg.tmp", path);
}

/* A builder that dies leaves a temporary file and no lock; the next build tidies up. */
static void test_dead_builder(void) {
    char *dir = test_dir();
    TqpStatus seen;
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    kill_builder(dir);
    CHECK_INT(inspect(dir, 0, NROWS, &seen), GOOD);
    CHECK(!tqp_store_is_building(dir));
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    CHECK_INT(inspect(dir, 0, NROWS, &seen), GOOD);
    CHECK_INT(count_files(dir), 3);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* Others tidy up after a dead builder, but leave one that lives alone. */
static void test_tidy(void) {
    char *dir = test_dir(), path[512];
    TqpStoreWriter *w;
    TqpStatus seen;
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    kill_builder(dir);
    snprintf(path, sizeof path, "%s/00000000000000ff.seg", dir); /* renamed, and then died */
    put(path, "orphan", 6);
    CHECK_INT(count_files(dir), 5);
    tqp_store_tidy(dir);
    CHECK_INT(count_files(dir), 3);
    CHECK_INT(inspect(dir, 0, NROWS, &seen), GOOD);
    CHECK_INT(begin_build(dir, &w), TQP_OK);
    tqp_store_tidy(dir);
    find_file(dir, ".seg.tmp", path);
    tqp_store_writer_destroy(w);
    CHECK_INT(count_files(dir), 3);
    /* Of a manifest that cannot be read nothing is concluded. */
    kill_builder(dir);
    snprintf(path, sizeof path, "%s/manifest", dir);
    put(path, "rubbish", 7);
    tqp_store_tidy(dir);
    CHECK_INT(count_files(dir), 3);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    tqp_store_tidy(dir); /* is not there any more */
    free(dir);
}

/* A process that exits with threads in the build leaves no file, whatever they do meanwhile. */
static void test_abandoned(void) {
    char *dir = test_dir();
    TqpStoreWriter *w;
    TqpStage *stages[NCOLS];
    TqpStoreGroup meta = make_group(0, NROWS, 5);
    for (int c = 0; c < NCOLS; c++)
        stages[c] = tqp_stage_create(columns[c].type, NULL);
    fill(stages, NROWS);
    CHECK_INT(begin_build(dir, &w), TQP_OK);
    CHECK_INT(count_files(dir), 2); /* lock and segment */
    tqp_store_writer_abandon(w);
    CHECK_INT(count_files(dir), 1);
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    tqp_store_writer_abandon(w); /* before the first byte */
    CHECK_INT(tqp_store_writer_add(w, &meta, -1, stages, NULL), TQP_CANCELLED);
    CHECK_INT(count_files(dir), 1);
    tqp_store_writer_destroy(w);
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_destroy(stages[c]);
    free_group(&meta);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

static bool always(void *host) {
    (void)host;
    return true;
}

static void test_misuse(void) {
    char *dir = test_dir();
    TqpStoreWriter *w;
    TqpStage *stages[NCOLS], *none[NCOLS] = {0};
    TqpStoreGroup meta = make_group(0, NROWS, 1), wider = make_group(0, NROWS + 60, 1);
    TqpHostPoll poll = {always, NULL};
    TqpStorePublish cancelled = {.poll = &poll};
    for (int c = 0; c < NCOLS; c++)
        stages[c] = tqp_stage_create(columns[c].type, NULL);
    fill(stages, NROWS);
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_add(w, &wider, -1, stages, NULL), TQP_INVALID);
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_INVALID); /* a failure sticks */
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_add(w, &meta, 0, none, NULL), TQP_INVALID); /* there is no base */
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_add(w, &meta, -1, stages, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_add(w, &meta, -1, stages, NULL), TQP_OK); /* the same blocks */
    CHECK_INT(tqp_store_writer_finish(w, &publish, NULL), TQP_INVALID);
    tqp_store_writer_destroy(w);
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_add(w, &meta, -1, stages, NULL), TQP_OK);
    CHECK_INT(tqp_store_writer_finish(w, &cancelled, NULL), TQP_CANCELLED);
    tqp_store_writer_destroy(w);
    CHECK_INT(count_files(dir), 1); /* the lock */
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_destroy(stages[c]);
    free_group(&meta);
    free_group(&wider);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* ---- full disks ---- */

/* Builds under a file size limit: each fails as I/O and leaves the old generation alone. */
static int build_limited(const char *dir) {
    int bad = 0;
    TqpStatus seen;
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < 200000; limit += 25000) {
        TqpGeneration *gen;
        TqpError err = {0};
        struct rlimit r = {limit, RLIM_INFINITY};
        if (tqp_store_open(dir, &gen, NULL) != TQP_OK || setrlimit(RLIMIT_FSIZE, &r) != 0)
            return 2;
        bad |=
            build(dir, gen, 5000, &err) != TQP_IO || strstr(err.message, "File too large") == NULL;
        tqp_store_close(gen);
        bad |= count_files(dir) != 3;
        bad |= inspect(dir, 0, NROWS, &seen) != GOOD;
    }
    return bad;
}

static void test_no_space(void) {
    char *dir = test_dir();
    int status;
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    pid_t pid = fork();
    if (pid == 0)
        _exit(build_limited(dir));
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    /* A directory that cannot be made. */
    TqpError err;
    CHECK_INT(build("/proc/no/such", NULL, NROWS, &err), TQP_IO);
    CHECK(strstr(err.message, "/proc/no/such") != NULL);
    free(dir);
}

/* The memory limit is a status, and what was charged is released. */
static void test_no_memory(void) {
    char *dir = test_dir();
    TqpStage *stages[NCOLS];
    TqpStoreGroup meta = make_group(0, 5000, 1);
    uint32_t done = 0, refused = 0;
    for (int c = 0; c < NCOLS; c++)
        stages[c] = tqp_stage_create(columns[c].type, NULL);
    fill(stages, 5000);
    for (int64_t limit = 1000; limit < 4000000 && done == 0; limit = limit * 5 / 4) {
        TqpBroker broker;
        TqpStoreWriter *w;
        tqp_broker_init(&broker, limit);
        CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, &broker, &w, NULL), TQP_OK);
        TqpStatus status = tqp_store_writer_add(w, &meta, -1, stages, NULL);
        if (status == TQP_OK)
            status = tqp_store_writer_finish(w, &publish, NULL);
        tqp_store_writer_destroy(w);
        done += status == TQP_OK;
        refused += status == TQP_MEMORY_LIMIT;
        CHECK(status == TQP_OK || status == TQP_MEMORY_LIMIT);
        CHECK_INT(atomic_load(&broker.used), 0);
    }
    CHECK(done == 1 && refused > 5);
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_destroy(stages[c]);
    free_group(&meta);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* ---- cancelling ---- */

typedef struct Asked {
    int left; /* questions until the answer is yes */
} Asked;

static bool stop_after(void *host) {
    return ((Asked *)host)->left-- <= 0;
}

/* A build of one group that is stopped at its n-th question, while adding or while publishing. */
static TqpStatus build_cancelled(const char *dir, TqpStage *const *stages, uint32_t nrows, int n) {
    TqpStoreWriter *w;
    Asked asked = {n};
    TqpHostPoll poll = {stop_after, &asked};
    TqpStorePublish p = {.timeline = 1, .poll = &poll};
    TqpStoreGroup meta = make_group(0, nrows, 5);
    CHECK_INT(tqp_store_writer_create(dir, NULL, NCOLS, columns, NULL, &w, NULL), TQP_OK);
    tqp_store_writer_set_poll(w, &poll);
    TqpStatus status = tqp_store_writer_add(w, &meta, -1, stages, NULL);
    if (status == TQP_OK)
        status = tqp_store_writer_finish(w, &p, NULL);
    else
        CHECK_INT(tqp_store_writer_finish(w, &p, NULL), status);
    tqp_store_writer_destroy(w);
    free_group(&meta);
    return status;
}

/* Wherever it is stopped, a build leaves nothing; a large file is given back behind our back. */
static void test_cancelled_build(void) {
    enum { MANY = 200000 };
    char *dir = test_dir();
    TqpStage *stages[NCOLS];
    for (int c = 0; c < NCOLS; c++)
        stages[c] = tqp_stage_create(columns[c].type, NULL);
    fill(stages, MANY);
    int n = 0;
    TqpStatus status = TQP_CANCELLED;
    for (; n < 1000 && status != TQP_OK; n++) {
        status = build_cancelled(dir, stages, MANY, n);
        CHECK(status == TQP_OK || status == TQP_CANCELLED);
        if (status != TQP_OK)
            CHECK_INT(count_files(dir), 1); /* the lock */
    }
    CHECK(n > 12 && n < 1000); /* every column, every megabyte, every dictionary */
    CHECK_INT(count_files(dir), 3);
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_destroy(stages[c]);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* A first use that is stopped is done again by the next. */
static void test_cancelled_read(void) {
    char *dir = test_dir();
    TqpGeneration *gen;
    TqpTensor t;
    Asked asked = {0};
    TqpHostPoll poll = {stop_after, &asked};
    CHECK_INT(build(dir, NULL, 5000, NULL), TQP_OK);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    tqp_store_set_boot(gen, 1);
    tqp_store_set_poll(gen, &poll);
    for (uint32_t c = 0; c < NCOLS; c++) {
        asked.left = 0;
        CHECK_INT(tqp_store_tensor(gen, 0, c, &t, NULL), TQP_CANCELLED);
        asked.left = 100;
        CHECK_INT(tqp_store_tensor(gen, 0, c, &t, NULL), TQP_OK);
        asked.left = 0; /* nobody is asked about what is there */
        CHECK_INT(tqp_store_tensor(gen, 0, c, &t, NULL), TQP_OK);
    }
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

int main(void) {
    test_flags();
    test_processes();
    test_builders();
    test_size();
    test_dead_builder();
    test_tidy();
    test_abandoned();
    test_misuse();
    test_no_space();
    test_no_memory();
    test_cancelled_build();
    test_cancelled_read();
    return check_report("store_builders");
}
