/*
 * Private to src/store: the bytes on disk.  doc/cache-format.md explains them.  All integers are of
 * the machine's own byte order, which the headers name; a change of any structure here is a new
 * TQP_STORE_VERSION.
 */
#ifndef TQP_STORE_FORMAT_H
#define TQP_STORE_FORMAT_H

#include <stdint.h>

#define TQP_STORE_VERSION 2u
#define TQP_STORE_ENDIAN  0x01020304u

#define TQP_SEGMENT_MAGIC  UINT64_C(0x004d474553505154) /* "TQPSEGM" */
#define TQP_MANIFEST_MAGIC UINT64_C(0x00494e414d505154) /* "TQPMANI" */
#define TQP_STAMPS_MAGIC   UINT64_C(0x00504d5453505154) /* "TQPSTMP" */
#define TQP_FLAGS_MAGIC    UINT64_C(0x0047414c46505154) /* "TQPFLAG" */

#define TQP_SEGMENT_HEADER 4096 /* bytes before the first chunk */
#define TQP_STORE_PAGE     4096
/* Column c's chunks begin at (c * 1088) modulo the page: 17 lines, so 64 columns hit 64 L1 sets. */
#define TQP_STAGGER 1088

/* A checksummed range of a segment file; `slot` is its place among the verified flags. */
typedef struct TqpDiskExtent {
    uint64_t offset, bytes;
    uint32_t segment, slot;
    uint32_t crc, unused;
} TqpDiskExtent;

typedef struct TqpDiskSegmentHeader {
    uint64_t magic;
    uint32_t version, endian;
    uint64_t generation; /* of the build, and the file's name */
    uint64_t nonce;      /* tells a file from another of the same name in a directory made anew */
    uint64_t bytes;
    uint32_t nslots;
    uint32_t crc; /* of this header with crc 0 */
} TqpDiskSegmentHeader;

typedef struct TqpDiskManifest {
    uint64_t magic;
    uint32_t version, endian;
    uint64_t bytes;
    uint32_t crc; /* of the whole file with crc 0 */
    uint32_t nsegments, ncolumns, ngroups;
    uint64_t generation, timeline, max_lsn, rows;
} TqpDiskManifest;
/* Then nsegments segments, ncolumns columns, ngroups groups, ngroups * ncolumns chunks. */

typedef struct TqpDiskSegment {
    uint64_t generation, nonce, bytes;
    uint32_t nslots, unused;
} TqpDiskSegment;

#define TQP_DISK_DICT    1u /* the column has a dictionary */
#define TQP_DISK_RANKS   2u /* ... with rank and by_rank; else the codes are in order */
#define TQP_DISK_ORDERED 4u /* ... whose order is known */

typedef struct TqpDiskColumn {
    uint64_t identity;
    int32_t attnum;
    uint32_t kind;
    int32_t scale;
    uint32_t collation;
    uint32_t dict_flags, dict_count;
    uint32_t dict_text, unused; /* bytes of the strings */
    TqpDiskExtent dict;         /* offsets (count + 1), rank (count), by_rank (count), strings */
} TqpDiskColumn;

typedef struct TqpDiskGroup {
    uint32_t first_block, nblocks, nrows, unused;
    uint64_t vm_lsn;
    TqpDiskExtent meta; /* page_lsn (nblocks), row_start (nblocks + 1), cached bitmap */
} TqpDiskGroup;

typedef enum TqpDiskState {
    TQP_DISK_ABSENT,
    TQP_DISK_PRESENT,
    TQP_DISK_UNSUPPORTED, /* `reason` says why */
} TqpDiskState;

#define TQP_DISK_REASON 80

typedef struct TqpDiskChunk {
    uint8_t state, encoding, lane, has_range;
    uint32_t null_count;
    union {
        struct {
            TqpDiskExtent extent; /* sections as tqp_chunk_layout says */
            int64_t base;
            uint64_t min[2], max[2]; /* low and high half */
            uint32_t text_bytes, unused;
        } data;
        char reason[TQP_DISK_REASON];
    } u;
} TqpDiskChunk;

/* `stamps`: this header, then per group a vm_lsn, then the cached bitmaps one after another. */
typedef struct TqpDiskStamps {
    uint64_t magic;
    uint32_t version, endian;
    uint64_t bytes;
    uint64_t generation;
    uint32_t crc; /* of the whole file with crc 0 */
    uint32_t ngroups;
    uint32_t manifest_crc, unused; /* of the manifest that they belong to */
} TqpDiskStamps;

/* `<segment>.ok`: this header, then a byte per slot: 1 = verified since `boot`,
 * and since anybody wrote to the segment. */
typedef struct TqpDiskFlags {
    uint64_t magic;
    uint64_t nonce; /* of the segment */
    uint64_t boot;
    uint32_t nslots, unused;
    int64_t seconds, nanoseconds; /* of the segment's last modification */
} TqpDiskFlags;

_Static_assert(sizeof(TqpDiskExtent) == 32, "no padding");
_Static_assert(sizeof(TqpDiskSegmentHeader) == 48, "no padding");
_Static_assert(sizeof(TqpDiskManifest) == 72, "no padding");
_Static_assert(sizeof(TqpDiskSegment) == 32, "no padding");
_Static_assert(sizeof(TqpDiskColumn) == 72, "no padding");
_Static_assert(sizeof(TqpDiskGroup) == 56, "no padding");
_Static_assert(sizeof(TqpDiskChunk) == 88, "no padding");
_Static_assert(sizeof(TqpDiskStamps) == 48, "no padding");

#endif
