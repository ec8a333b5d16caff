/* Validity of cached blocks. See validity.h and doc/cache.md for why this is exact. */
#include "postgres.h"

#include "access/timeline.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/memutils.h"

#include "base/bitmap.h"
#include "pg/validity.h"

#define FLUSH_BLOCKS 4096 /* reading so many pages again takes longer than a flush */

/* The all-visible bits of 32 blocks: the even bits of 8 bytes of the map. */
static inline uint32 even_bits(const char *bytes) {
    uint64 x = 0;
    for (int i = 0; i < 8; i++)
        x |= (uint64)(uint8)bytes[i] << (8 * i);
    x &= UINT64CONST(0x5555555555555555);
    x = (x | x >> 1) & UINT64CONST(0x3333333333333333);
    x = (x | x >> 2) & UINT64CONST(0x0f0f0f0f0f0f0f0f);
    x = (x | x >> 4) & UINT64CONST(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & UINT64CONST(0x0000ffff0000ffff);
    return (uint32)(x | x >> 16);
}

/* Pages of the map, as far as this backend knows; too small a number only costs a heap read. */
static BlockNumber map_pages(Relation rel) {
    SMgrRelation smgr = RelationGetSmgr(rel);
    BlockNumber known = smgr->smgr_cached_nblocks[VISIBILITYMAP_FORKNUM];
    if (known != InvalidBlockNumber)
        return known;
    return smgrexists(smgr, VISIBILITYMAP_FORKNUM) ? smgrnblocks(smgr, VISIBILITYMAP_FORKNUM) : 0;
}

/* Copy bits and LSN of one map page under its share lock: nwords of 32 blocks. */
static XLogRecPtr read_map_page(Relation rel, BlockNumber page, uint32 *words, uint32 nwords) {
    XLogRecPtr lsn = InvalidXLogRecPtr;
    Buffer buffer = ReadBufferExtended(rel, VISIBILITYMAP_FORKNUM, page, RBM_ZERO_ON_ERROR, NULL);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    if (!PageIsNew(BufferGetPage(buffer))) {
        const char *bytes = PageGetContents(BufferGetPage(buffer));
        lsn = BufferGetLSNAtomic(buffer);
        for (uint32 i = 0; i < nwords; i++)
            words[i] = even_bits(bytes + (size_t)i * 8);
    }
    UnlockReleaseBuffer(buffer);
    if (XLogRecPtrIsInvalid(lsn))
        memset(words, 0, nwords * sizeof(uint32));
    return lsn;
}

/* 32-bit pieces into 64-bit words from 32-bit position `at`, whatever the byte order. */
static void put_words(uint64 *bits, uint64 at, const uint32 *words, uint32 nwords) {
    for (uint32 i = 0; i < nwords; i++)
        bits[(at + i) / 2] |= (uint64)words[i] << (32 * ((at + i) % 2));
}

void tqp_validity_sample(Relation rel, BlockNumber nblocks, TqpVisible *visible) {
    uint32 words[TQP_VM_BYTES / 8];
    BlockNumber npages = (nblocks + TQP_VM_BLOCKS - 1) / TQP_VM_BLOCKS;
    BlockNumber known = map_pages(rel);
    size_t nwords = (size_t)npages * (TQP_VM_BLOCKS / 64 + 1) + 2;
    visible->nblocks = nblocks;
    visible->bits = MemoryContextAllocExtended(CurrentMemoryContext, nwords * sizeof(uint64),
                                               MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    visible->lsn = palloc0(Max(npages, 1) * sizeof(XLogRecPtr));
    for (BlockNumber page = 0; page < Min(npages, known); page++) {
        BlockNumber left = nblocks - page * TQP_VM_BLOCKS;
        uint32 n = left >= TQP_VM_BLOCKS ? TQP_VM_BYTES / 8 : (left + 31) / 32;
        visible->lsn[page] = read_map_page(rel, page, words, n);
        put_words(visible->bits, (uint64)page * (TQP_VM_BYTES / 8), words, n);
    }
    /* Bits past the end: the map may not have been cut yet. */
    if (nblocks % 64 != 0)
        visible->bits[nblocks / 64] &= tqp_bitmap_tail(nblocks);
}

XLogRecPtr tqp_validity_sample_page(Relation rel, BlockNumber first, uint64 *bits) {
    uint32 words[TQP_VM_BYTES / 8];
    BlockNumber page = first / TQP_VM_BLOCKS;
    memset(bits, 0, (TQP_VM_BLOCKS / 64 + 1) * sizeof(uint64));
    if (page >= map_pages(rel))
        return InvalidXLogRecPtr;
    XLogRecPtr lsn = read_map_page(rel, page, words, lengthof(words));
    put_words(bits, 0, words, lengthof(words));
    return lsn;
}

XLogRecPtr tqp_validity_lsn(const TqpVisible *visible, BlockNumber block) {
    return block < visible->nblocks ? visible->lsn[block / TQP_VM_BLOCKS] : InvalidXLogRecPtr;
}

/* Clear from *word the blocks whose heap page is no longer the one that was copied. */
static void check_pages(Relation rel, const TqpStoreGroup *group, uint32 first, uint64 *word,
                        BufferAccessStrategy ring) {
    for (uint64 left = *word; left != 0; left &= left - 1) {
        int bit = __builtin_ctzll(left);
        uint32 i = first + (uint32)bit;
        CHECK_FOR_INTERRUPTS();
        Buffer buffer =
            ReadBufferExtended(rel, MAIN_FORKNUM, group->first_block + i, RBM_NORMAL, ring);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        XLogRecPtr lsn = BufferGetLSNAtomic(buffer);
        UnlockReleaseBuffer(buffer);
        if (XLogRecPtrIsInvalid(lsn) || lsn != group->page_lsn[i])
            *word &= ~(UINT64CONST(1) << bit);
    }
}

static void check_group(Relation rel, const TqpStoreGroup *group, const TqpVisible *visible,
                        BufferAccessStrategy ring, TqpValidity *validity, uint32 g) {
    uint32 nwords = tqp_bitmap_words(group->nblocks);
    uint64 *valid = palloc0(Max(nwords, 1) * sizeof(uint64));
    XLogRecPtr lsn = tqp_validity_lsn(visible, group->first_block);
    bool same = lsn == group->vm_lsn;
    validity->valid[g] = valid;
    validity->whole[g] = true;
    for (uint32 w = 0; w < nwords; w++) {
        uint64 block = (uint64)group->first_block + (uint64)w * 64;
        uint64 now = block < visible->nblocks ? tqp_validity_word(visible->bits, block) : 0;
        valid[w] = XLogRecPtrIsInvalid(lsn) ? 0 : group->cached[w] & now;
        if (!same && valid[w] != 0) {
            check_pages(rel, group, w * 64, &valid[w], ring);
            validity->page_checked += (uint32)__builtin_popcountll(valid[w]);
        }
        validity->nvalid[g] += (uint32)__builtin_popcountll(valid[w]);
        if (valid[w] != group->cached[w])
            validity->whole[g] = false;
    }
    validity->moved |= !same && !XLogRecPtrIsInvalid(lsn);
    validity->blocks += validity->nvalid[g];
}

void tqp_validity_check(Relation rel, const TqpGeneration *gen, const TqpVisible *visible,
                        TqpValidity *validity) {
    BufferAccessStrategy ring = GetAccessStrategy(BAS_BULKREAD);
    memset(validity, 0, sizeof(*validity));
    validity->valid = palloc0(Max(gen->ngroups, 1) * sizeof(uint64 *));
    validity->nvalid = palloc0(Max(gen->ngroups, 1) * sizeof(uint32));
    validity->whole = palloc0(Max(gen->ngroups, 1) * sizeof(bool));
    for (uint32 g = 0; g < gen->ngroups; g++)
        check_group(rel, &gen->groups[g], visible, ring, validity, g);
    FreeAccessStrategy(ring);
}

/*
 * A group of a moved map page keeps only its proved blocks: under the new stamp the bit alone would
 * vouch for the others.  A stamp newer than the flushed WAL could meet another use of the same LSN
 * after a crash: after much work the flush is worth its wait, else the next pin may stamp.
 */
void tqp_validity_restamp(TqpGeneration *gen, const TqpVisible *visible,
                          const TqpValidity *validity) {
    uint64 *vm_lsn = palloc(Max(gen->ngroups, 1) * sizeof(uint64));
    const uint64 **cached = palloc(Max(gen->ngroups, 1) * sizeof(uint64 *));
    TqpError err;
    for (uint32 g = 0; g < gen->ngroups; g++) {
        const TqpStoreGroup *group = &gen->groups[g];
        XLogRecPtr lsn = tqp_validity_lsn(visible, group->first_block);
        bool stamp = lsn != group->vm_lsn && !XLogRecPtrIsInvalid(lsn);
        if (stamp && XLogNeedsFlush(lsn)) {
            if (validity->page_checked >= FLUSH_BLOCKS)
                XLogFlush(lsn);
            else
                stamp = false;
        }
        vm_lsn[g] = stamp ? lsn : group->vm_lsn;
        cached[g] = stamp ? validity->valid[g] : group->cached;
    }
    if (tqp_store_restamp(gen, vm_lsn, cached, &err) != TQP_OK)
        ereport(DEBUG1, (errmsg_internal("tqp: could not restamp a cache: %s", err.message)));
    pfree(vm_lsn);
    pfree(cached);
}

TimeLineID tqp_validity_timeline(void) {
    TimeLineID timeline;
    if (!RecoveryInProgress())
        return GetWALInsertionTimeLine();
    (void)GetXLogReplayRecPtr(&timeline);
    return timeline;
}

/* Did the build's timeline end, on the way to ours, at or after its last LSN? */
static bool in_history(TimeLineID ours, TimeLineID theirs, XLogRecPtr lsn) {
    bool found = false;
    List *history = readTimeLineHistory(ours);
    if (tliInHistory(theirs, history)) {
        XLogRecPtr end = tliSwitchPoint(theirs, history, NULL);
        found = XLogRecPtrIsInvalid(end) || lsn <= end;
    }
    list_free_deep(history);
    return found;
}

bool tqp_validity_generation(const TqpGeneration *gen) {
    static TimeLineID known_ours = 0, known_theirs = 0;
    static XLogRecPtr known_lsn = InvalidXLogRecPtr; /* the last one found in the history */
    TimeLineID ours = tqp_validity_timeline();
    XLogRecPtr now = RecoveryInProgress() ? GetXLogReplayRecPtr(NULL) : GetXLogInsertRecPtr();
    if (gen->max_lsn > now)
        return false;
    if (gen->timeline == ours)
        return true;
    if (ours == known_ours && gen->timeline == known_theirs && gen->max_lsn == known_lsn)
        return true;
    if (!in_history(ours, (TimeLineID)gen->timeline, gen->max_lsn))
        return false;
    known_ours = ours;
    known_theirs = (TimeLineID)gen->timeline;
    known_lsn = gen->max_lsn;
    return true;
}
