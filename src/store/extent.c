/*
 * Ranges of mapped segments: made resident under a status rather than a SIGBUS, and checked once
 * per server start, which small shared files of flags remember.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "store/files.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define READ_SLICE ((uint64_t)4 << 20)

/* A kernel before 5.14 does not know the advice: then an I/O error does raise SIGBUS. */
static int populate(char *from, uint64_t bytes, int advice) {
    uint64_t skip = (uintptr_t)from % TQP_STORE_PAGE;
    int rc;
    do
        rc = madvise(from - skip, bytes + skip, advice);
    while (rc != 0 && (errno == EINTR || errno == EAGAIN));
    return rc != 0 && errno != EINVAL ? -1 : 0;
}

/* Make bytes and their pad resident, slice by slice, and with `sum` find their checksum. */
static TqpStatus read_in(const TqpGenerationFiles *f, char *from, uint64_t bytes, bool sum,
                         uint32_t *crc, TqpError *err) {
    *crc = 0;
    for (uint64_t at = 0;; at += READ_SLICE) {
        uint64_t left = bytes - at, n = left < READ_SLICE ? left : READ_SLICE;
        bool last = n == left;
        if (f->poll != NULL && f->poll->interrupted(f->poll->host))
            return tqp_error_set(err, TQP_CANCELLED, "reading the cache was cancelled");
        if (populate(from + at, n + (last ? TQP_CHUNK_PAD : 0), MADV_POPULATE_READ) != 0) {
            TqpStatus status = errno == ENOMEM ? TQP_NO_MEMORY : TQP_IO;
            return tqp_error_set(err, status, "could not read a chunk: %s",
                                 status == TQP_IO ? "input/output error" : "out of memory");
        }
        if (sum)
            *crc = tqp_checksum_crc32c(*crc, from + at, n);
        if (last)
            return TQP_OK;
    }
}

TqpStatus tqp_extent_use(TqpGenerationFiles *f, const TqpDiskExtent *x, TqpExtentCheck check,
                         const void *arg, const char **data, TqpError *err) {
    TqpSegment *segment = &f->segments[x->segment];
    *data = segment->map + x->offset;
    if (__atomic_load_n(&segment->seen[x->slot], __ATOMIC_ACQUIRE) != 0)
        return TQP_OK;
    uint8_t *ok = segment->ok != NULL ? &segment->ok[x->slot] : NULL;
    bool sum = ok == NULL || __atomic_load_n(ok, __ATOMIC_RELAXED) != 1;
    uint32_t crc;
    TQP_TRY(read_in(f, segment->map + x->offset, x->bytes, sum, &crc, err));
    if (sum) {
        if (crc != x->crc)
            return tqp_error_set(err, TQP_CORRUPT, "checksum of chunk %u of %016llx is wrong",
                                 x->slot, (unsigned long long)segment->generation);
        TQP_TRY(check(arg, *data, err));
        if (ok != NULL)
            __atomic_store_n(ok, 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&segment->seen[x->slot], 1, __ATOMIC_RELEASE);
    return TQP_OK;
}

/* ---- the shared flags ---- */

static int open_flags(const char *dir, uint64_t generation, size_t bytes) {
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%016llx.ok", dir, (unsigned long long)generation);
    if (n < 0 || (size_t)n >= sizeof path)
        return -1;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    /* Real blocks, because a full disk under a mapping of a hole is a SIGBUS. */
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        ((uint64_t)st.st_size == bytes ||
         (st.st_size == 0 && posix_fallocate(fd, 0, (off_t)bytes) == 0)))
        return fd;
    close(fd);
    return -1;
}

/*
 * Flags of another boot, of another file that had this name, or from before somebody wrote to the
 * file, are cleared.  Processes that race
 * here lose flags at worst, and verify again.  Failing to open them is no error either.
 */
void tqp_flags_open(TqpGenerationFiles *f, TqpSegment *segment, uint64_t boot) {
    tqp_flags_close(segment);
    size_t bytes = sizeof(TqpDiskFlags) + segment->nslots;
    int fd = open_flags(f->dir, segment->generation, bytes);
    if (fd < 0)
        return;
    char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return;
    if (populate(map, bytes, MADV_POPULATE_WRITE) != 0) {
        munmap(map, bytes);
        return;
    }
    TqpDiskFlags *head = (TqpDiskFlags *)map;
    if (head->magic != TQP_FLAGS_MAGIC || head->nonce != segment->nonce ||
        head->nslots != segment->nslots || head->seconds != segment->identity.seconds ||
        head->nanoseconds != segment->identity.nanoseconds ||
        __atomic_load_n(&head->boot, __ATOMIC_ACQUIRE) != boot) {
        __atomic_store_n(&head->boot, 0, __ATOMIC_RELEASE);
        for (uint32_t i = 0; i < segment->nslots; i++)
            __atomic_store_n((uint8_t *)map + sizeof *head + i, 0, __ATOMIC_RELAXED);
        head->magic = TQP_FLAGS_MAGIC;
        head->nonce = segment->nonce;
        head->nslots = segment->nslots;
        head->seconds = segment->identity.seconds;
        head->nanoseconds = segment->identity.nanoseconds;
        __atomic_store_n(&head->boot, boot, __ATOMIC_RELEASE);
    }
    segment->ok_map = map;
    segment->ok_bytes = bytes;
    segment->ok = (uint8_t *)map + sizeof *head;
}

void tqp_flags_close(TqpSegment *segment) {
    if (segment->ok_map != NULL)
        munmap(segment->ok_map, segment->ok_bytes);
    segment->ok_map = NULL;
    segment->ok = NULL;
}
