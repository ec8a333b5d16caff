/*
 * Which blocks are all-visible now, and which cached blocks that proves valid (DESIGN §3).
 */
#ifndef TQP_PG_VALIDITY_H
#define TQP_PG_VALIDITY_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

#include "store/store.h"

/* visibilitymap.c: two bits a heap block after the page header; private there, fixed on disk. */
#define TQP_VM_BYTES  (BLCKSZ - MAXALIGN(SizeOfPageHeaderData))
#define TQP_VM_BLOCKS (TQP_VM_BYTES * 4) /* heap blocks that one page of the map covers */

/* A sample of the visibility map. Bits of one map page and its LSN were read together. */
typedef struct TqpVisible {
    BlockNumber nblocks; /* of the relation: blocks at or past it are never valid */
    uint64 *bits;        /* block is all-visible; a word more than nblocks needs */
    XLogRecPtr *lsn;     /* of each map page; invalid: there is none or it was never logged */
} TqpVisible;

/* Sample the whole map.  Allocates in the current context. */
extern void tqp_validity_sample(Relation rel, BlockNumber nblocks, TqpVisible *visible);
/*
 * Sample the map page that covers block `first`.  bits: TQP_VM_BLOCKS / 64 + 1 words, bit 0 is the
 * first block of the map page.
 */
extern XLogRecPtr tqp_validity_sample_page(Relation rel, BlockNumber first, uint64 *bits);
extern XLogRecPtr tqp_validity_lsn(const TqpVisible *visible, BlockNumber block);

/* What a generation proves against a sample. */
typedef struct TqpValidity {
    uint64 **valid;      /* per group: bitmap of its valid blocks */
    uint32 *nvalid;      /* per group */
    bool *whole;         /* per group: every block it holds is valid */
    uint32 blocks;       /* sum of nvalid */
    uint32 page_checked; /* blocks that needed the second tier and passed */
    bool moved;          /* a map page's LSN moved: worth a restamp */
} TqpValidity;

/*
 * First tier, then the second for groups whose map page has moved: reads heap pages through a
 * bulk-read ring and answers interrupts.
 */
extern void tqp_validity_check(Relation rel, const TqpGeneration *gen, const TqpVisible *visible,
                               TqpValidity *validity);
/* Remember the second tier's work for everybody.  A failure only costs the next one its time. */
extern void tqp_validity_restamp(TqpGeneration *gen, const TqpVisible *visible,
                                 const TqpValidity *validity);

/* Was the generation built in this server's history? */
extern bool tqp_validity_generation(const TqpGeneration *gen);
/* The timeline that a build of now belongs to. */
extern TimeLineID tqp_validity_timeline(void);

/* 64 bits from position `bit`; the word after the last one must be readable. */
static inline uint64 tqp_validity_word(const uint64 *bits, uint64 bit) {
    uint64 low = bits[bit / 64] >> (bit % 64);
    return bit % 64 == 0 ? low : low | bits[bit / 64 + 1] << (64 - bit % 64);
}

#endif
