/*
 * Unit tests of src/store on damaged files: every byte of small ones changed, with and without its
 * checksum, and files cut short.  Nothing may crash, or give other values where a checksum covers
 * them.
 */
#include "unit/test_store_small.h"

#include "base/checksum.h"
#include "store/format.h"

/* ---- damage ---- */

static void flip_bytes(const char *dir, const char *suffix, bool may_pass) {
    char path[512];
    size_t bytes;
    uint32_t detected = 0, wrong = 0, odd = 0;
    TqpStatus status;
    find_file(dir, suffix, path);
    char *data = slurp(path, &bytes);
    int fd = open(path, O_WRONLY);
    for (size_t i = 0; i < bytes; i++) {
        char bad = (char)(data[i] ^ (1 << i % 8));
        CHECK(pwrite(fd, &bad, 1, (off_t)i) == 1);
        Seen seen = inspect(dir, 0, NROWS, &status);
        detected += seen == DETECTED;
        wrong += seen == WRONG;
        odd += seen == DETECTED && status != TQP_CORRUPT;
        CHECK(pwrite(fd, data + i, 1, (off_t)i) == 1);
    }
    close(fd);
    CHECK_INT(wrong, 0);
    CHECK_INT(odd, 0);
    CHECK(may_pass ? detected > 500 : detected == bytes);
    CHECK_INT(inspect(dir, 0, NROWS, &status), GOOD);
    free(data);
}

static void cut_file(const char *dir, const char *suffix, size_t step) {
    char path[512];
    size_t bytes;
    uint32_t detected = 0, tries = 0;
    TqpStatus status;
    find_file(dir, suffix, path);
    char *data = slurp(path, &bytes);
    for (size_t n = 0; n < bytes; n += step, tries++) {
        put(path, data, n);
        detected += inspect(dir, 0, NROWS, &status) == DETECTED && status == TQP_CORRUPT;
    }
    CHECK_INT(detected, tries);
    data[bytes] = 'x';
    put(path, data, bytes + 1);
    CHECK_INT(inspect(dir, 0, NROWS, &status), DETECTED);
    CHECK_INT(unlink(path), 0);
    if (strcmp(suffix, ".seg") == 0)
        CHECK_INT(inspect(dir, 0, NROWS, &status), DETECTED);
    put(path, data, bytes);
    CHECK_INT(inspect(dir, 0, NROWS, &status), GOOD);
    free(data);
}

static TqpStatus stamp(const char *dir) {
    TqpGeneration *gen;
    uint64_t lsn[NGROUPS] = {5, 5}, bits[NGROUPS] = {1, 1};
    const uint64_t *cached[NGROUPS] = {&bits[0], &bits[1]};
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    TqpStatus status = tqp_store_restamp(gen, lsn, cached, NULL);
    tqp_store_close(gen);
    return status;
}

static void test_damage(void) {
    char *dir = test_dir();
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    flip_bytes(dir, "manifest", false);
    flip_bytes(dir, ".seg", true); /* gaps between chunks are not checked */
    cut_file(dir, "manifest", 1);
    cut_file(dir, ".seg", 509);
    CHECK_INT(stamp(dir), TQP_OK);
    flip_bytes(dir, "stamps", false);
    cut_file(dir, "stamps", 1);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/*
 * With checksums made right again only the structure checks stand between a byte and a crash. Other
 * values may come out; reading all of them must stay inside the files.
 */
typedef struct Forge {
    char path[512], segment_path[512];
    char *manifest, *segment;
    size_t bytes, segment_bytes;
    uint32_t tried, detected;
} Forge;

static Seen inspect_forged(const char *dir, Forge *f) {
    TqpDiskManifest *head = (TqpDiskManifest *)f->manifest;
    uint32_t crc = head->crc;
    TqpStatus status;
    head->crc = 0;
    head->crc = tqp_checksum_crc32c(0, f->manifest, f->bytes);
    put(f->path, f->manifest, f->bytes);
    Seen seen = inspect(dir, 0, NROWS, &status);
    CHECK(seen != DETECTED || status == TQP_CORRUPT || status == TQP_INVALID ||
          status == TQP_UNSUPPORTED);
    head->crc = crc;
    f->tried++;
    f->detected += seen == DETECTED;
    return seen;
}

static void forge_extent(const char *dir, Forge *f, TqpDiskExtent *x) {
    uint32_t crc = x->crc;
    for (uint64_t i = 0; i < x->bytes; i++) {
        char *byte = f->segment + x->offset + i, was = *byte;
        *byte = (char)(was ^ (1 << (i * 5 + i / 4) % 8));
        x->crc = tqp_checksum_crc32c(0, f->segment + x->offset, x->bytes);
        put(f->segment_path, f->segment, f->segment_bytes);
        inspect_forged(dir, f);
        *byte = was;
    }
    x->crc = crc;
    put(f->segment_path, f->segment, f->segment_bytes);
}

static void test_forged(void) {
    char *dir = test_dir();
    Forge f = {0};
    CHECK_INT(build(dir, NULL, NROWS, NULL), TQP_OK);
    find_file(dir, "manifest", f.path);
    find_file(dir, ".seg", f.segment_path);
    f.manifest = slurp(f.path, &f.bytes);
    f.segment = slurp(f.segment_path, &f.segment_bytes);
    const TqpDiskManifest *head = (const TqpDiskManifest *)f.manifest;
    TqpDiskSegment *segments = (TqpDiskSegment *)(f.manifest + sizeof *head);
    TqpDiskColumn *column = (TqpDiskColumn *)(segments + head->nsegments);
    TqpDiskGroup *group = (TqpDiskGroup *)(column + head->ncolumns);
    TqpDiskChunk *chunk = (TqpDiskChunk *)(group + head->ngroups);
    CHECK_INT((char *)(chunk + NGROUPS * NCOLS) - f.manifest, f.bytes);
    for (size_t i = 0; i < f.bytes; i++) {
        char was = f.manifest[i];
        f.manifest[i] = (char)(was ^ 1 << (i * 3 + i / 8) % 8);
        inspect_forged(dir, &f);
        f.manifest[i] = was;
    }
    CHECK(f.detected > f.tried / 3);
    f.tried = f.detected = 0;
    for (uint32_t c = 0; c < NCOLS; c++)
        if ((column[c].dict_flags & TQP_DISK_DICT) != 0)
            forge_extent(dir, &f, &column[c].dict);
    CHECK(f.tried > 60 && f.detected > f.tried / 4); /* offsets and ranks; strings pass */
    forge_extent(dir, &f, &group[0].meta);
    for (uint32_t c = 0; c < NCOLS; c++)
        forge_extent(dir, &f, &chunk[c].u.data.extent);
    CHECK(f.tried > 300);
    CHECK_INT(inspect_forged(dir, &f), GOOD);
    free(f.manifest);
    free(f.segment);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

/* A file cut short under an open mapping is a status, not a signal. */
static void test_cut_while_mapped(void) {
    char *dir = test_dir(), path[512];
    TqpGeneration *gen;
    TqpTensor t;
    CHECK_INT(build(dir, NULL, 20000, NULL), TQP_OK);
    CHECK_INT(tqp_store_open(dir, &gen, NULL), TQP_OK);
    find_file(dir, ".seg", path);
    CHECK_INT(truncate(path, 8192), 0);
    TqpStatus status = tqp_store_tensor(gen, 1, 4, &t, NULL);
    CHECK(status == TQP_IO);
    tqp_store_close(gen);
    CHECK_INT(tqp_store_drop(dir, NULL), TQP_OK);
    free(dir);
}

int main(void) {
    test_damage();
    test_forged();
    test_cut_while_mapped();
    return check_report("store_damage");
}
