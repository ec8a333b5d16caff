/* A directory of the store as a whole: the builder's lock, sweeping, sizes, removal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/files.h"

#define LOCK_NAME      "lock"
#define STAMPS_SECONDS 60 /* writing stamps takes less */

/*
 * flock, so that the lock goes with its holder.  The holder of a lock file that tqp_store_drop has
 * unlinked holds nothing: hence the look at the link count.
 */
TqpStatus tqp_file_lock(int dirfd, int *lock, TqpError *err) {
    struct stat st;
    int fd = openat(dirfd, LOCK_NAME, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tqp_file_error(err, "create", LOCK_NAME);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int number = errno;
        close(fd);
        errno = number;
        if (number == EWOULDBLOCK || number == EINTR)
            return tqp_error_set(err, TQP_CANCELLED, "another build of this relation is running");
        return tqp_file_error(err, "lock", LOCK_NAME);
    }
    if (fstat(fd, &st) != 0 || st.st_nlink == 0) {
        close(fd);
        return tqp_error_set(err, TQP_CANCELLED, "the cache directory was just removed");
    }
    *lock = fd;
    return TQP_OK;
}

/*
 * Stamps are written without the lock: the process whose id is in the name may be about to rename
 * them, unless it is gone, or another bears its id by now.
 */
static bool is_orphan(int dirfd, const char *name) {
    struct stat st;
    long pid;
    size_t len = strlen(name);
    if (len <= 4 || strcmp(name + len - 4, ".tmp") != 0)
        return false;
    if (sscanf(name, "stamps.%ld.", &pid) != 1)
        return true;
    return (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH) ||
           (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_mtim.tv_sec + STAMPS_SECONDS < time(NULL));
}

/* A private description of the directory, so that positions are not shared. */
static DIR *open_list(int dirfd) {
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (list == NULL && fd >= 0)
        close(fd);
    return list;
}

void tqp_file_sweep(int dirfd, const uint64_t *keep, uint32_t n) {
    DIR *list = open_list(dirfd);
    if (list == NULL)
        return;
    for (struct dirent *e; (e = readdir(list)) != NULL;) {
        uint64_t generation;
        bool remove = is_orphan(dirfd, e->d_name);
        if (!remove && keep != NULL && tqp_file_parse_name(e->d_name, &generation)) {
            remove = true;
            for (uint32_t i = 0; i < n; i++)
                remove &= keep[i] != generation;
        }
        if (remove)
            (void)tqp_file_remove(dirfd, e->d_name);
    }
    closedir(list);
}

uint64_t tqp_file_next_generation(int dirfd) {
    uint64_t greatest = 0, generation;
    DIR *list = open_list(dirfd);
    if (list == NULL)
        return 1;
    for (struct dirent *e; (e = readdir(list)) != NULL;)
        if (tqp_file_parse_name(e->d_name, &generation) && generation > greatest)
            greatest = generation;
    closedir(list);
    return greatest + 1;
}

/* The generations of the segments that the manifest names; no memory or a damaged one: false. */
static bool named_segments(int dirfd, uint64_t **keep, uint32_t *n) {
    TqpGenerationFiles f = {0};
    TqpFileIdentity identity;
    TqpError err;
    uint64_t bytes;
    bool known = tqp_file_read(dirfd, "manifest", &f.manifest, &bytes, &identity, &err) == TQP_OK &&
                 (f.manifest == NULL || tqp_manifest_check(&f, bytes, &err) == TQP_OK);
    *keep = known ? calloc((size_t)f.nsegments + 1, sizeof **keep) : NULL;
    *n = f.nsegments;
    for (uint32_t i = 0; *keep != NULL && i < *n; i++)
        (*keep)[i] = f.disk_segments[i].generation;
    free(f.manifest);
    return *keep != NULL;
}

void tqp_store_tidy(const char *dir) {
    TqpError err;
    uint64_t *keep = NULL;
    uint32_t n = 0;
    int lock, dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return;
    if (tqp_file_lock(dirfd, &lock, &err) == TQP_OK) {
        (void)named_segments(dirfd, &keep, &n);
        tqp_file_sweep(dirfd, keep, n);
        free(keep);
        close(lock);
    }
    close(dirfd);
}

static bool is_dot(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static uint64_t size_below(int dirfd, int depth) {
    uint64_t total = 0;
    DIR *list = open_list(dirfd);
    if (list == NULL)
        return 0;
    for (struct dirent *e; (e = readdir(list)) != NULL;) {
        struct stat st;
        if (is_dot(e->d_name) || fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode)) {
            total += (uint64_t)st.st_size;
        } else if (S_ISDIR(st.st_mode) && depth > 0) {
            int fd = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
            if (fd >= 0) {
                total += size_below(fd, depth - 1);
                close(fd);
            }
        }
    }
    closedir(list);
    return total;
}

static uint64_t size_of(const char *path, int depth) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    uint64_t total = size_below(fd, depth);
    close(fd);
    return total;
}

uint64_t tqp_store_dir_bytes(const char *dir) {
    return size_of(dir, 0);
}

uint64_t tqp_store_total_bytes(const char *root) {
    return size_of(root, 8);
}

bool tqp_store_is_building(const char *dir) {
    bool busy = false;
    int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return false;
    int fd = openat(dirfd, LOCK_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        busy = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        close(fd);
    }
    close(dirfd);
    return busy;
}

/* The manifest goes first, so that nobody opens a generation whose segments are going. */
TqpStatus tqp_store_drop(const char *dir, TqpError *err) {
    int lock, dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return errno == ENOENT ? TQP_OK : tqp_file_error(err, "open directory", dir);
    TqpStatus status = tqp_file_lock(dirfd, &lock, err);
    if (status != TQP_OK) {
        close(dirfd);
        return status;
    }
    if (unlinkat(dirfd, "manifest", 0) != 0 && errno != ENOENT)
        status = tqp_file_error(err, "remove", "manifest");
    DIR *list = open_list(dirfd);
    for (struct dirent *e; list != NULL && (e = readdir(list)) != NULL;) {
        if (is_dot(e->d_name) || strcmp(e->d_name, LOCK_NAME) == 0)
            continue;
        if (tqp_file_remove(dirfd, e->d_name) != 0 && errno != ENOENT && status == TQP_OK)
            status = tqp_file_error(err, "remove", e->d_name);
    }
    if (list != NULL)
        closedir(list);
    unlinkat(dirfd, LOCK_NAME, 0);
    close(lock);
    close(dirfd);
    if (status == TQP_OK && rmdir(dir) != 0 && errno != ENOENT && errno != ENOTEMPTY &&
        errno != EEXIST)
        status = tqp_file_error(err, "remove directory", dir);
    return status;
}
