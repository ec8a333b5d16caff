/*
 * Opening a generation: the manifest is read, its segments are mapped (and so stay good whatever is
 * unlinked later), the few bytes per block are checked.  Chunks are read when they are asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/checksum.h"
#include "store/files.h"

#define OPEN_TRIES 16
/* Segments up to this size are read back from the disk in huge pages, neighbours of what is asked
 * for included: 1 GB of them at worst, once. */
#define HUGE_READ ((uint64_t)1 << 30)

void tqp_store_close(TqpGeneration *gen) {
    if (gen == NULL)
        return;
    TqpGenerationFiles *f = gen->files;
    for (uint32_t i = 0; f->segments != NULL && i < f->nsegments; i++) {
        tqp_flags_close(&f->segments[i]);
        if (f->segments[i].map != NULL)
            munmap(f->segments[i].map, f->segments[i].bytes);
        free(f->segments[i].seen);
    }
    if (f->lock_ready)
        pthread_mutex_destroy(&f->lock);
    free(f->segments);
    free(f->cached != NULL ? f->cached[0] : NULL);
    free(f->cached);
    free(f->dicts);
    free(f->dict_bound);
    free(f->public_columns);
    free(f->public_groups);
    free(f->manifest);
    free(f->dir);
    free(f);
    free(gen);
}

static TqpStatus check_segment(const TqpSegment *s, TqpError *err) {
    TqpDiskSegmentHeader head;
    memcpy(&head, s->map, sizeof head);
    uint32_t crc = head.crc;
    head.crc = 0;
    if (head.magic != TQP_SEGMENT_MAGIC || head.version != TQP_STORE_VERSION ||
        head.endian != TQP_STORE_ENDIAN || head.generation != s->generation ||
        head.nonce != s->nonce || head.bytes != s->bytes || head.nslots != s->nslots ||
        tqp_checksum_crc32c(0, &head, sizeof head) != crc)
        return tqp_error_set(err, TQP_CORRUPT, "segment %016llx is not the manifest's",
                             (unsigned long long)s->generation);
    return TQP_OK;
}

/* *gone: the file does not exist, which a newer manifest may explain. */
static TqpStatus map_segment(int dirfd, const TqpDiskSegment *disk, TqpSegment *s, bool *gone,
                             TqpError *err) {
    char name[TQP_FILE_NAME];
    struct stat st;
    tqp_file_segment_name(name, disk->generation);
    *s = (TqpSegment){.bytes = disk->bytes,
                      .nonce = disk->nonce,
                      .generation = disk->generation,
                      .nslots = disk->nslots};
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        *gone = errno == ENOENT;
        return *gone ? tqp_error_set(err, TQP_CORRUPT, "segment \"%s\" is missing", name)
                     : tqp_file_error(err, "open", name);
    }
    TqpStatus status = TQP_OK;
    if (fstat(fd, &st) != 0)
        status = tqp_file_error(err, "stat", name);
    else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != s->bytes ||
             s->bytes < TQP_SEGMENT_HEADER)
        status = tqp_error_set(err, TQP_CORRUPT, "size of segment \"%s\" is wrong", name);
    if (status == TQP_OK) {
        s->identity = tqp_file_identity_of(&st);
        char *map = mmap(NULL, s->bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
            status = errno == ENOMEM
                         ? tqp_error_set(err, TQP_NO_MEMORY, "no memory for \"%s\"", name)
                         : tqp_file_error(err, "map", name);
        else
            s->map = map;
        if (s->map != NULL && s->bytes <= HUGE_READ)
            (void)madvise(map, s->bytes, MADV_HUGEPAGE);
    }
    close(fd);
    if (status == TQP_OK) /* first: it confirms the number of slots */
        status = check_segment(s, err);
    if (status == TQP_OK && (s->seen = calloc(1, (size_t)s->nslots + 1)) == NULL)
        status = tqp_error_set(err, TQP_NO_MEMORY, "no memory for \"%s\"", name);
    return status;
}

/* ---- what the host sees ---- */

static TqpStatus check_meta(const void *arg, const char *data, TqpError *err) {
    const TqpDiskGroup *group = arg;
    const uint32_t *start = (const uint32_t *)(data + tqp_meta_layout(group->nblocks).row_start);
    bool ok = start[0] == 0 && start[group->nblocks] == group->nrows;
    for (uint32_t b = 0; b < group->nblocks; b++)
        ok &= start[b] <= start[b + 1];
    return ok ? TQP_OK : tqp_error_set(err, TQP_CORRUPT, "rows of blocks are not ascending");
}

static TqpStatus describe_groups(TqpGeneration *gen, TqpError *err) {
    TqpGenerationFiles *f = gen->files;
    uint64_t words = 0;
    for (uint32_t g = 0; g < gen->ngroups; g++)
        words += tqp_bitmap_words(f->groups[g].nblocks);
    f->public_groups = calloc((size_t)gen->ngroups + 1, sizeof *f->public_groups);
    f->cached = calloc((size_t)gen->ngroups + 1, sizeof *f->cached);
    uint64_t *bits = calloc(words + 1, sizeof *bits);
    if (f->public_groups == NULL || f->cached == NULL || bits == NULL) {
        free(bits);
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for row groups");
    }
    f->cached[0] = bits;
    for (uint32_t g = 0; g < gen->ngroups; g++) {
        const TqpDiskGroup *disk = &f->groups[g];
        TqpStoreGroup *group = &f->public_groups[g];
        TqpMetaLayout l = tqp_meta_layout(disk->nblocks);
        uint64_t n = tqp_bitmap_words(disk->nblocks) * sizeof(uint64_t);
        const char *data;
        f->cached[g] = bits;
        bits += tqp_bitmap_words(disk->nblocks);
        TQP_TRY(tqp_extent_use(f, &disk->meta, check_meta, disk, &data, err));
        memcpy(f->cached[g], data + l.cached, n);
        group->first_block = disk->first_block;
        group->nblocks = disk->nblocks;
        group->nrows = disk->nrows;
        group->vm_lsn = disk->vm_lsn;
        group->page_lsn = (const uint64_t *)(data + l.page_lsn);
        group->row_start = (const uint32_t *)(data + l.row_start);
        group->cached = f->cached[g];
    }
    gen->groups = f->public_groups;
    return TQP_OK;
}

static TqpStatus describe(TqpGeneration *gen, uint64_t manifest_bytes, TqpError *err) {
    TqpGenerationFiles *f = gen->files;
    const TqpDiskManifest *m = f->manifest;
    gen->id = m->generation;
    gen->timeline = m->timeline;
    gen->max_lsn = m->max_lsn;
    gen->rows = m->rows;
    gen->ncolumns = m->ncolumns;
    gen->ngroups = m->ngroups;
    gen->bytes = manifest_bytes;
    for (uint32_t i = 0; i < f->nsegments; i++)
        gen->bytes += f->segments[i].bytes;
    f->public_columns = calloc((size_t)gen->ncolumns + 1, sizeof *f->public_columns);
    f->dicts = calloc((size_t)gen->ncolumns + 1, sizeof *f->dicts);
    f->dict_bound = calloc((size_t)gen->ncolumns + 1, sizeof *f->dict_bound);
    if (f->public_columns == NULL || f->dicts == NULL || f->dict_bound == NULL ||
        pthread_mutex_init(&f->lock, NULL) != 0)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for columns");
    f->lock_ready = true;
    for (uint32_t c = 0; c < gen->ncolumns; c++) {
        const TqpDiskColumn *disk = &f->columns[c];
        f->public_columns[c] = (TqpStoreColumn){
            disk->attnum, disk->identity, {(TqpTypeKind)disk->kind, disk->scale, disk->collation}};
    }
    gen->columns = f->public_columns;
    return describe_groups(gen, err);
}

/* One attempt; *gone as for map_segment. */
static TqpStatus open_once(const char *dir, int dirfd, TqpGeneration **out, bool *gone,
                           TqpError *err) {
    uint64_t bytes;
    TqpGeneration *gen = calloc(1, sizeof *gen);
    TqpGenerationFiles *f = calloc(1, sizeof *f);
    *out = gen;
    *gone = false;
    if (gen == NULL || f == NULL) {
        free(gen);
        free(f);
        *out = NULL;
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory to open a cache");
    }
    gen->files = f;
    f->dir = strdup(dir);
    if (f->dir == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory to open a cache");
    TQP_TRY(tqp_file_read(dirfd, "manifest", &f->manifest, &bytes, &f->manifest_identity, err));
    if (f->manifest == NULL) {
        tqp_store_close(gen);
        *out = NULL;
        return TQP_OK;
    }
    TQP_TRY(tqp_manifest_check(f, bytes, err));
    f->segments = calloc((size_t)f->nsegments + 1, sizeof *f->segments);
    if (f->segments == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory to open a cache");
    for (uint32_t i = 0; i < f->nsegments; i++)
        TQP_TRY(map_segment(dirfd, &f->disk_segments[i], &f->segments[i], gone, err));
    TQP_TRY(describe(gen, bytes, err));
    return tqp_stamps_apply(gen, dirfd, err);
}

TqpStatus tqp_store_open(const char *dir, TqpGeneration **gen, TqpError *err) {
    *gen = NULL;
    int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return errno == ENOENT ? TQP_OK : tqp_file_error(err, "open directory", dir);
    TqpStatus status = TQP_OK;
    for (int try = 0; try < OPEN_TRIES; try++) {
        bool gone;
        status = open_once(dir, dirfd, gen, &gone, err);
        if (status == TQP_OK)
            break;
        TqpFileIdentity seen = {0};
        if (*gen != NULL)
            seen = (*gen)->files->manifest_identity;
        tqp_store_close(*gen);
        *gen = NULL;
        /* A segment may be gone because its manifest is: then look at the new one. */
        TqpFileIdentity now = tqp_file_identity(dir, "manifest");
        if (!gone || tqp_file_same(&seen, &now))
            break;
    }
    close(dirfd);
    return status;
}

bool tqp_store_is_current(const TqpGeneration *gen) {
    const TqpGenerationFiles *f = gen->files;
    TqpFileIdentity manifest = tqp_file_identity(f->dir, "manifest");
    if (!tqp_file_same(&manifest, &f->manifest_identity))
        return false;
    for (uint32_t i = 0; i < f->nsegments; i++) {
        char name[TQP_FILE_NAME];
        tqp_file_segment_name(name, f->segments[i].generation);
        TqpFileIdentity segment = tqp_file_identity(f->dir, name);
        if (!tqp_file_same(&segment, &f->segments[i].identity))
            return false;
    }
    TqpFileIdentity stamps = tqp_file_identity(f->dir, "stamps");
    return tqp_file_same(&stamps, &f->stamps_identity);
}

int tqp_store_find_column(const TqpGeneration *gen, int32_t attnum, uint64_t identity) {
    for (uint32_t c = 0; c < gen->ncolumns; c++)
        if (gen->columns[c].attnum == attnum && gen->columns[c].identity == identity)
            return (int)c;
    return -1;
}

void tqp_store_set_poll(TqpGeneration *gen, const TqpHostPoll *poll) {
    gen->files->poll = poll;
}

void tqp_store_set_boot(TqpGeneration *gen, uint64_t boot) {
    TqpGenerationFiles *f = gen->files;
    if (boot == 0 || f->boot == boot)
        return;
    f->boot = boot;
    for (uint32_t i = 0; i < f->nsegments; i++)
        tqp_flags_open(f, &f->segments[i], boot);
}
