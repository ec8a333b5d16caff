/* System calls as statuses: writing, reading and naming the files of a directory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files.h"

#define LARGE_FILE ((off_t)4 << 20)

TqpStatus tqp_file_error(TqpError *err, const char *what, const char *name) {
    char text[96];
    int number = errno;
    /* The GNU strerror_r: may return a constant instead of filling the buffer. */
    return tqp_error_set(err, TQP_IO, "could not %s \"%s\": %s", what, name,
                         strerror_r(number, text, sizeof text));
}

void tqp_file_segment_name(char name[TQP_FILE_NAME], uint64_t generation) {
    snprintf(name, TQP_FILE_NAME, "%016" PRIx64 ".seg", generation);
}

bool tqp_file_parse_name(const char *name, uint64_t *generation) {
    if (strspn(name, "0123456789abcdef") != 16)
        return false;
    *generation = strtoull(name, NULL, 16);
    name += 16;
    return strcmp(name, ".seg") == 0 || strcmp(name, ".seg.tmp") == 0 || strcmp(name, ".ok") == 0;
}

/* mkdir -p, for the owner only. */
static int make_dirs(const char *dir) {
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT)
        return -1;
    char *parent = strdup(dir);
    char *slash = parent != NULL ? strrchr(parent, '/') : NULL;
    int rc = -1;
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        rc = make_dirs(parent);
    }
    free(parent);
    if (rc == 0 && mkdir(dir, 0700) != 0 && errno != EEXIST)
        rc = -1;
    return rc;
}

TqpStatus tqp_file_make_dir(const char *dir, int *dirfd, TqpError *err) {
    if (make_dirs(dir) != 0)
        return tqp_file_error(err, "create directory", dir);
    *dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*dirfd < 0)
        return tqp_file_error(err, "open directory", dir);
    return TQP_OK;
}

TqpStatus tqp_file_write(int fd, const void *data, uint64_t bytes, uint64_t offset,
                         const char *name, TqpError *err) {
    const char *from = data;
    while (bytes > 0) {
        ssize_t n = pwrite(fd, from, bytes < (1u << 30) ? bytes : 1u << 30, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return tqp_file_error(err, "write", name);
        from += n;
        bytes -= (uint64_t)n;
        offset += (uint64_t)n;
    }
    return TQP_OK;
}

TqpStatus tqp_file_replace(int dirfd, const char *name, const char *temp, const void *data,
                           uint64_t bytes, TqpError *err) {
    int fd = openat(dirfd, temp, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tqp_file_error(err, "create", temp);
    TqpStatus status = tqp_file_write(fd, data, bytes, 0, temp, err);
    if (status == TQP_OK && fsync(fd) != 0)
        status = tqp_file_error(err, "fsync", temp);
    if (close(fd) != 0 && status == TQP_OK)
        status = tqp_file_error(err, "close", temp);
    if (status == TQP_OK && renameat(dirfd, temp, dirfd, name) != 0)
        status = tqp_file_error(err, "rename", temp);
    if (status != TQP_OK)
        unlinkat(dirfd, temp, 0);
    return status;
}

static void *close_file(void *fd) {
    close((int)(intptr_t)fd);
    return NULL;
}

void tqp_file_release(int fd) {
    struct stat st;
    sigset_t all, old;
    pthread_t thread;
    pthread_attr_t detached;
    if (fstat(fd, &st) != 0 || st.st_nlink > 0 || st.st_size < LARGE_FILE ||
        pthread_attr_init(&detached) != 0) {
        close(fd);
        return;
    }
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old); /* as in every thread but the host's own */
    if (pthread_create(&thread, &detached, close_file, (void *)(intptr_t)fd) != 0)
        close(fd);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&detached);
}

int tqp_file_remove(int dirfd, const char *name) {
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int rc = unlinkat(dirfd, name, 0), number = errno;
    if (fd >= 0)
        tqp_file_release(fd);
    errno = number;
    return rc;
}

TqpFileIdentity tqp_file_identity_of(const struct stat *st) {
    TqpFileIdentity id = {true,
                          (uint64_t)st->st_dev,
                          (uint64_t)st->st_ino,
                          (uint64_t)st->st_size,
                          (int64_t)st->st_mtim.tv_sec,
                          (int64_t)st->st_mtim.tv_nsec};
    return id;
}

TqpFileIdentity tqp_file_identity(const char *dir, const char *name) {
    TqpFileIdentity none = {0};
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0)
        return none;
    return tqp_file_identity_of(&st);
}

bool tqp_file_same(const TqpFileIdentity *a, const TqpFileIdentity *b) {
    if (!a->exists || !b->exists)
        return a->exists == b->exists;
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

static TqpStatus read_fully(int fd, char *to, uint64_t bytes, const char *name, TqpError *err) {
    while (bytes > 0) {
        ssize_t n = read(fd, to, bytes < (1u << 30) ? bytes : 1u << 30);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tqp_file_error(err, "read", name);
        if (n == 0)
            return tqp_error_set(err, TQP_CORRUPT, "\"%s\" is shorter than its size", name);
        to += n;
        bytes -= (uint64_t)n;
    }
    return TQP_OK;
}

TqpStatus tqp_file_read(int dirfd, const char *name, void **data, uint64_t *bytes,
                        TqpFileIdentity *identity, TqpError *err) {
    struct stat st;
    *data = NULL;
    *bytes = 0;
    memset(identity, 0, sizeof *identity);
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? TQP_OK : tqp_file_error(err, "open", name);
    TqpStatus status = TQP_OK;
    if (fstat(fd, &st) != 0) {
        status = tqp_file_error(err, "stat", name);
    } else if (!S_ISREG(st.st_mode)) {
        status = tqp_error_set(err, TQP_CORRUPT, "\"%s\" is not a file", name);
    } else {
        char *memory = malloc((size_t)st.st_size + 1);
        if (memory == NULL)
            status = tqp_error_set(err, TQP_NO_MEMORY, "no memory for \"%s\"", name);
        else
            status = read_fully(fd, memory, (uint64_t)st.st_size, name, err);
        if (status != TQP_OK) {
            free(memory);
        } else {
            *data = memory;
            *bytes = (uint64_t)st.st_size;
            *identity = tqp_file_identity_of(&st);
        }
    }
    close(fd);
    return status;
}
