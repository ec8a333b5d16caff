/*
 * The store over damaged files.  A small cache is built once; the input says which bytes of its
 * manifest, segment and stamps change, and whether checksums are made right again afterwards, so
 * that the checks of structure are met as well.  Reading everything must end in values or in a
 * status; and in the right values where the checksums were left alone.
 *
 * Input: a byte of flags (1: right checksums), then edits of 4 bytes: file and high bits of the
 * offset, offset (2 bytes), what to xor.
 */
#include "base/checksum.h"
#include "fuzz/fuzz.h"
#include "store/format.h"
#include "unit/test_store_small.h"

enum { MANIFEST, SEGMENT, STAMPS, NFILES, EDITS_MAX = 64 };

typedef struct File {
    char path[512];
    char *original, *data;
    size_t bytes;
} File;

/* Of the process: libFuzzer calls the target from one thread. */
static char *dir;
static File files[NFILES];

static void remove_cache(void) {
    (void)!tqp_store_drop(dir, NULL);
    free(dir);
    for (int i = 0; i < NFILES; i++) {
        free(files[i].original);
        free(files[i].data);
    }
}

static void make_cache(void) {
    static const char *const suffixes[NFILES] = {"manifest", ".seg", "stamps"};
    uint64_t lsn[NGROUPS] = {5, 5}, bits[NGROUPS] = {1, 1};
    const uint64_t *cached[NGROUPS] = {&bits[0], &bits[1]};
    TqpGeneration *gen;
    dir = test_dir();
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    CHECK_INT(tqp_store_restamp(gen, lsn, cached, NULL), TQP_OK);
    tqp_store_close(gen);
    for (int i = 0; i < NFILES; i++) {
        find_file(dir, suffixes[i], files[i].path);
        files[i].original = slurp(files[i].path, &files[i].bytes);
        files[i].data = slurp(files[i].path, &files[i].bytes);
    }
    atexit(remove_cache);
}

static void edit(const uint8_t *e) {
    File *f = &files[(e[0] & 3) % NFILES];
    size_t at = (size_t)(e[0] >> 2) << 16 | (size_t)e[1] << 8 | e[2];
    f->data[at % f->bytes] ^= (char)e[3];
}

static void correct_extent(TqpDiskExtent *x) {
    const File *f = &files[SEGMENT];
    if (x->bytes <= f->bytes && x->offset <= f->bytes - x->bytes)
        x->crc = tqp_checksum_crc32c(0, f->data + x->offset, x->bytes);
}

static void correct_checksums(void) {
    char *m = files[MANIFEST].data;
    TqpDiskManifest head = *(const TqpDiskManifest *)files[MANIFEST].original;
    TqpDiskSegment *segments = (TqpDiskSegment *)(m + sizeof head);
    TqpDiskColumn *column = (TqpDiskColumn *)(segments + head.nsegments);
    TqpDiskGroup *group = (TqpDiskGroup *)(column + head.ncolumns);
    TqpDiskChunk *chunk = (TqpDiskChunk *)(group + head.ngroups);
    for (uint32_t i = 0; i < head.ncolumns; i++)
        correct_extent(&column[i].dict);
    for (uint32_t i = 0; i < head.ngroups; i++)
        correct_extent(&group[i].meta);
    for (uint32_t i = 0; i < head.ngroups * head.ncolumns; i++)
        if (chunk[i].state == TQP_DISK_PRESENT)
            correct_extent(&chunk[i].u.data.extent);
    TqpDiskManifest *manifest = (TqpDiskManifest *)m;
    manifest->crc = 0;
    manifest->crc = tqp_checksum_crc32c(0, m, files[MANIFEST].bytes);
    TqpDiskStamps *stamps = (TqpDiskStamps *)files[STAMPS].data;
    stamps->manifest_crc = manifest->crc;
    stamps->crc = 0;
    stamps->crc = tqp_checksum_crc32c(0, files[STAMPS].data, files[STAMPS].bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 1 + 4 * EDITS_MAX)
        return 0;
    if (dir == NULL)
        make_cache();
    for (size_t at = 1; at + 4 <= size; at += 4)
        edit(data + at);
    bool corrected = data[0] & 1;
    if (corrected)
        correct_checksums();
    for (int i = 0; i < NFILES; i++)
        put(files[i].path, files[i].data, files[i].bytes);
    TqpStatus status;
    Seen seen = inspect(dir, 0, NROWS, &status);
    fuzz_require(seen != WRONG || corrected, "wrong values pass the checksums", "");
    fuzz_require(seen != DETECTED || status == TQP_CORRUPT || status == TQP_INVALID ||
                     status == TQP_UNSUPPORTED,
                 "status", tqp_status_name(status));
    for (int i = 0; i < NFILES; i++)
        memcpy(files[i].data, files[i].original, files[i].bytes);
    return 0;
}
