/*
 * The stamps sidecar: what the host found out about the blocks of a generation after its build,
 * replaced as a whole by rename.  It belongs to exactly one manifest and is ignored beside another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/checksum.h"
#include "store/files.h"

static uint64_t stamps_bytes(const TqpGeneration *gen) {
    uint64_t words = gen->ngroups;
    for (uint32_t g = 0; g < gen->ngroups; g++)
        words += tqp_bitmap_words(gen->groups[g].nblocks);
    return sizeof(TqpDiskStamps) + words * sizeof(uint64_t);
}

static uint32_t manifest_crc(const TqpGeneration *gen) {
    return ((const TqpDiskManifest *)gen->files->manifest)->crc;
}

static void use_stamps(TqpGeneration *gen, const uint64_t *words) {
    TqpGenerationFiles *f = gen->files;
    const uint64_t *bits = words + gen->ngroups;
    for (uint32_t g = 0; g < gen->ngroups; g++) {
        uint32_t n = tqp_bitmap_words(gen->groups[g].nblocks);
        f->public_groups[g].vm_lsn = words[g];
        memcpy(f->cached[g], bits, n * sizeof(uint64_t));
        bits += n;
    }
}

static TqpStatus check_stamps(const TqpGeneration *gen, TqpDiskStamps *head, uint64_t bytes,
                              bool *ours, TqpError *err) {
    *ours = false;
    if (bytes < sizeof *head || head->magic != TQP_STAMPS_MAGIC ||
        head->version != TQP_STORE_VERSION || head->endian != TQP_STORE_ENDIAN ||
        head->bytes != bytes)
        return tqp_error_set(err, TQP_CORRUPT, "stamps: not a whole file of this version");
    uint32_t crc = head->crc;
    head->crc = 0;
    if (tqp_checksum_crc32c(0, head, bytes) != crc)
        return tqp_error_set(err, TQP_CORRUPT, "stamps: checksum is wrong");
    *ours = head->generation == gen->id && head->manifest_crc == manifest_crc(gen);
    if (*ours && (head->ngroups != gen->ngroups || bytes != stamps_bytes(gen)))
        return tqp_error_set(err, TQP_CORRUPT, "stamps: counts disagree with the manifest");
    return TQP_OK;
}

TqpStatus tqp_stamps_apply(TqpGeneration *gen, int dirfd, TqpError *err) {
    void *data;
    uint64_t bytes;
    bool ours;
    TQP_TRY(tqp_file_read(dirfd, "stamps", &data, &bytes, &gen->files->stamps_identity, err));
    if (data == NULL)
        return TQP_OK;
    TqpStatus status = check_stamps(gen, data, bytes, &ours, err);
    if (status == TQP_OK && ours)
        use_stamps(gen, (const uint64_t *)((TqpDiskStamps *)data + 1));
    free(data);
    return status;
}

static TqpStatus write_stamps(const TqpGeneration *gen, const void *data, uint64_t bytes,
                              TqpError *err) {
    char temp[TQP_FILE_NAME];
    TqpGenerationFiles *f = gen->files;
    int dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0 && errno != ENOENT)
        return tqp_file_error(err, "open directory", f->dir);
    TqpFileIdentity now = tqp_file_identity(f->dir, "manifest");
    TqpStatus status;
    snprintf(temp, sizeof temp, "stamps.%ld.tmp", (long)getpid());
    if (dirfd < 0 || !tqp_file_same(&now, &f->manifest_identity))
        status = tqp_error_set(err, TQP_CANCELLED, "a newer generation was published");
    else
        status = tqp_file_replace(dirfd, "stamps", temp, data, bytes, err);
    if (dirfd >= 0)
        close(dirfd);
    return status;
}

TqpStatus tqp_store_restamp(TqpGeneration *gen, const uint64_t *vm_lsn,
                            const uint64_t *const *cached, TqpError *err) {
    uint64_t bytes = stamps_bytes(gen);
    TqpDiskStamps *head = calloc(1, bytes);
    if (head == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for stamps");
    uint64_t *words = (uint64_t *)(head + 1), *bits = words + gen->ngroups;
    for (uint32_t g = 0; g < gen->ngroups; g++) {
        uint32_t n = tqp_bitmap_words(gen->groups[g].nblocks);
        words[g] = vm_lsn[g];
        memcpy(bits, cached[g], n * sizeof(uint64_t));
        bits += n;
    }
    head->magic = TQP_STAMPS_MAGIC;
    head->version = TQP_STORE_VERSION;
    head->endian = TQP_STORE_ENDIAN;
    head->bytes = bytes;
    head->generation = gen->id;
    head->ngroups = gen->ngroups;
    head->manifest_crc = manifest_crc(gen);
    head->crc = tqp_checksum_crc32c(0, head, bytes);
    TqpStatus status = write_stamps(gen, head, bytes, err);
    if (status == TQP_OK) {
        use_stamps(gen, words);
        gen->files->stamps_identity = tqp_file_identity(gen->files->dir, "stamps");
    }
    free(head);
    return status;
}
