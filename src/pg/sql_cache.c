/* The function under the view tqp.cache: what is cached in this database. */
#include "postgres.h"

#include <dirent.h>

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "base/bitmap.h"
#include "pg/cache_open.h"
#include "pg/compat.h"
#include "pg/control.h"
#include "pg/load.h"
#include "pg/tqp_pg.h"
#include "pg/validity.h"

#define NVALUES 8

/* Blocks that are held and all-visible now; a moved stamp is not looked into (see doc/cache.md). */
static uint32 fresh_blocks(const TqpGeneration *gen, const TqpVisible *visible) {
    uint32 fresh = 0;
    for (uint32 g = 0; g < gen->ngroups; g++) {
        const TqpStoreGroup *group = &gen->groups[g];
        for (uint32 w = 0; w < tqp_bitmap_words(group->nblocks); w++) {
            uint64 at = (uint64)group->first_block + (uint64)w * 64;
            if (at < visible->nblocks)
                fresh += (uint32)__builtin_popcountll(group->cached[w] &
                                                      tqp_validity_word(visible->bits, at));
        }
    }
    return fresh;
}

static Datum column_names(Relation rel, const TqpGeneration *gen) {
    TupleDesc desc = RelationGetDescr(rel);
    Datum *names = palloc(Max(gen->ncolumns, 1) * sizeof(Datum));
    int n = 0;
    for (uint32 c = 0; c < gen->ncolumns; c++) {
        int attnum = gen->columns[c].attnum;
        if (attnum < 1 || attnum > desc->natts)
            continue;
        Form_pg_attribute att = TupleDescAttr(desc, attnum - 1);
        if (!att->attisdropped && tqp_cache_identity(att) == gen->columns[c].identity)
            names[n++] = CStringGetTextDatum(NameStr(att->attname));
    }
    return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void add_row(Relation rel, const TqpGeneration *gen, ReturnSetInfo *rsinfo) {
    TqpVisible visible;
    Datum values[NVALUES];
    bool nulls[NVALUES] = {false};
    BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
    tqp_validity_sample(rel, nblocks, &visible);
    uint32 fresh = fresh_blocks(gen, &visible);
    values[0] = ObjectIdGetDatum(RelationGetRelid(rel));
    values[1] = column_names(rel, gen);
    values[2] = Int64GetDatum((int64)gen->rows);
    values[3] = Int32GetDatum((int32)gen->ngroups);
    values[4] = Int64GetDatum((int64)gen->bytes);
    values[5] = Int64GetDatum(nblocks);
    values[6] = Int64GetDatum(fresh);
    values[7] = Float8GetDatum(nblocks == 0 ? 0.0 : 1.0 - (double)fresh / nblocks);
    tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* A relation that is being dropped or rewritten is passed over rather than waited for. */
static void list_relation(Oid relid, RelFileNode node, ReturnSetInfo *rsinfo) {
    if (!OidIsValid(relid) || !ConditionalLockRelationOid(relid, AccessShareLock))
        return;
    Relation rel = try_relation_open(relid, NoLock);
    if (rel == NULL) {
        UnlockRelationOid(relid, AccessShareLock);
        return;
    }
    TqpOpenHold *hold =
        tqp_open_hold(RelFileNodeEquals(rel->rd_node, node) ? tqp_open_acquire(rel) : NULL);
    if (hold->open != NULL)
        add_row(rel, hold->open->gen, rsinfo);
    tqp_open_unhold(hold);
    relation_close(rel, AccessShareLock);
}

PG_FUNCTION_INFO_V1(tqp_cache_list);

Datum tqp_cache_list(PG_FUNCTION_ARGS) {
    static const Oid types[] = {OIDOID,  TEXTARRAYOID, INT8OID, INT4OID,
                                INT8OID, INT8OID,      INT8OID, FLOAT8OID};
    char path[MAXPGPATH];
    struct dirent *entry;
    List *nodes = NIL;
    ListCell *lc;
    tqp_extension_check(fcinfo, 0, lengthof(types), types);
    tqp_compat_init_srf(fcinfo);
    snprintf(path, sizeof(path), "%s/%u", tqp_control_cache_dir(), MyDatabaseId);
    DIR *dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        RelFileNode *node = palloc(sizeof(RelFileNode));
        char end;
        node->dbNode = MyDatabaseId;
        if (sscanf(entry->d_name, "%u_%u%c", &node->spcNode, &node->relNode, &end) == 2)
            nodes = lappend(nodes, node);
    }
    if (dir != NULL)
        closedir(dir);
    foreach (lc, nodes) {
        RelFileNode *node = lfirst(lc);
        list_relation(RelidByRelfilenode(node->spcNode, node->relNode), *node,
                      (ReturnSetInfo *)fcinfo->resultinfo);
    }
    return (Datum)0;
}
