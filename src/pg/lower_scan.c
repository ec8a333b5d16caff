/*
 * A table in FROM: a scan of the columns that the query reads, with what its unique indexes
 * promise, and right above it the filters of row security.
 */
#include "postgres.h"

#include "access/attmap.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_index.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "pg/cache.h"
#include "pg/compat.h"
#include "pg/lower.h"

typedef struct TableScan {
    TqpLowering *l;
    Relation rel;
    int rtindex;
    uint32_t ncolumns;
    const char **names;
    TqpType *types;
    AttrNumber *attnums;
} TableScan;

static bool column_type(Form_pg_attribute att, TqpType *type, const char **reason) {
    *reason = tqp_decline(TQP_DECLINE_NONDETERMINISTIC);
    if (OidIsValid(att->attcollation) && !get_collation_isdeterministic(att->attcollation))
        return false;
    return tqp_pg_type(att->atttypid, att->atttypmod, att->attcollation, type, reason);
}

static void add_column(TableScan *s, Form_pg_attribute att, TqpType type) {
    s->names[s->ncolumns] = pstrdup(NameStr(att->attname));
    s->types[s->ncolumns] = type;
    s->attnums[s->ncolumns++] = att->attnum;
}

static TqpVarColumn *used_column(TableScan *s, Form_pg_attribute att) {
    TqpVarColumn *c = palloc0(sizeof(*c));
    const char *reason = NULL;
    TqpType type;
    *c = (TqpVarColumn){
        .varno = s->rtindex, .attno = att->attnum, .scale = -1, .not_null = att->attnotnull};
    if (column_type(att, &type, &reason)) {
        c->index = s->ncolumns;
        c->type = type;
        add_column(s, att, type);
    } else {
        c->reason = tqp_decline(TQP_DECLINE_COLUMN, NameStr(att->attname), reason);
    }
    return c;
}

/* A scan needs a column to know its rows by: one of few bytes if there is any that the cache holds.
 */
static bool ensure_column(TableScan *s, TupleDesc desc) {
    const char *reason;
    TqpType type;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < desc->natts && s->ncolumns == 0; i++)
            if (!TupleDescAttr(desc, i)->attisdropped &&
                column_type(TupleDescAttr(desc, i), &type, &reason) &&
                (pass > 0 || type.kind != TQP_TYPE_BYTES))
                add_column(s, TupleDescAttr(desc, i), type);
    if (s->ncolumns == 0)
        tqp_lower_fail(s->l, TQP_DECLINE_NO_COLUMN);
    return s->ncolumns > 0;
}

/* Is the index's equality that of the column's type? */
static bool default_equality(Relation index, int key, Oid type) {
    Oid opcintype = index->rd_opcintype[key];
    Oid equality =
        get_opfamily_member(index->rd_opfamily[key], opcintype, opcintype, BTEqualStrategyNumber);
    return equality == lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
}

/*
 * A snapshot from before the index was made may see the duplicates that were deleted for it.  The
 * plan is run under this snapshot or later ones.
 */
static bool holds_for_snapshot(Relation index) {
    TransactionId made = HeapTupleHeaderGetXmin(index->rd_indextuple->t_data);
    if (TransactionIdIsCurrentTransactionId(made))
        return !IsolationUsesXactSnapshot();
    return ActiveSnapshotSet() && !XidInMVCCSnapshot(made, GetActiveSnapshot());
}

/* The scan's columns of a unique index; false when it lacks one or promises less. */
static bool unique_columns(const TableScan *s, Relation index, TqpUnique *unique) {
    Form_pg_index form = index->rd_index;
    uint32_t *columns = palloc(sizeof(*columns) * (Size)(form->indnkeyatts + 1));
    if (!form->indisunique || !form->indisvalid || !form->indimmediate || form->indcheckxmin ||
        RelationGetIndexPredicate(index) != NIL || RelationGetIndexExpressions(index) != NIL ||
        !holds_for_snapshot(index))
        return false;
    for (int k = 0; k < form->indnkeyatts; k++) {
        AttrNumber attnum = form->indkey.values[k];
        uint32_t c = 0;
        while (c < s->ncolumns && s->attnums[c] != attnum)
            c++;
        if (c == s->ncolumns ||
            !default_equality(index, k,
                              TupleDescAttr(RelationGetDescr(s->rel), attnum - 1)->atttypid))
            return false;
        columns[k] = c;
    }
    *unique = (TqpUnique){(uint32_t)form->indnkeyatts, columns};
    return true;
}

static const TqpNode *add_uniques(const TableScan *s, const TqpNode *scan) {
    List *indexes = RelationGetIndexList(s->rel);
    TqpUnique *uniques = palloc(sizeof(*uniques) * ((Size)list_length(indexes) + 1));
    uint32_t n = 0;
    ListCell *lc;
    foreach (lc, indexes) {
        Relation index = index_open(lfirst_oid(lc), AccessShareLock);
        n += unique_columns(s, index, &uniques[n]);
        index_close(index, NoLock);
    }
    list_free(indexes);
    return n > 0 ? tqp_ir_scan_unique(s->l->arena, scan, n, uniques) : scan;
}

/* NOT NULL is checked before it is believed; whoever drops it invalidates the plan. */
static const TqpNode *add_not_null(const TableScan *s, Relation rel, List *attnums,
                                   const TqpNode *scan) {
    uint32_t *columns = palloc(sizeof(*columns) * ((Size)s->ncolumns + 1)), n = 0;
    ListCell *lc;
    foreach (lc, attnums)
        if (lfirst_int(lc) > 0 &&
            TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1)->attnotnull)
            columns[n++] = (uint32_t)foreach_current_index(lc);
    return n > 0 ? tqp_ir_scan_not_null(s->l->arena, scan, n, columns) : scan;
}

/* A scan of rel: s->rel itself, or a child whose columns `map` finds by name. */
static const TqpNode *build_scan(TableScan *s, Relation rel, const AttrMap *map) {
    TqpLowering *l = s->l;
    TqpPlanRelation *relation = palloc0(sizeof(*relation));
    uint32_t number = (uint32_t)list_length(l->relations);
    relation->relid = RelationGetRelid(rel);
    for (uint32_t c = 0; c < s->ncolumns; c++)
        relation->attnums = lappend_int(
            relation->attnums, map != NULL ? map->attnums[s->attnums[c] - 1] : s->attnums[c]);
    l->relations = lappend(l->relations, relation);
    const TqpNode *scan = tqp_ir_scan(l->arena, number, RelationGetRelationName(rel), s->ncolumns,
                                      s->names, s->types);
    if (scan != NULL)
        scan = add_not_null(s, rel, relation->attnums, scan);
    return scan != NULL && map == NULL ? add_uniques(s, scan) : scan;
}

static const TqpNode *scan_child(TableScan *s, Oid relid) {
    const char *reason = NULL;
    Relation rel = table_open(relid, NoLock); /* locked when it was found */
    const TqpNode *node = NULL;
    if (rel->rd_rel->relkind != RELKIND_RELATION)
        s->l->reason = tqp_decline(TQP_DECLINE_PARTITION);
    else if (!tqp_cache_relation_ok(rel, &reason))
        s->l->reason = reason;
    else
        node =
            build_scan(s, rel, tqp_compat_attrmap(RelationGetDescr(rel), RelationGetDescr(s->rel)));
    table_close(rel, NoLock);
    return node;
}

/* Does PostgreSQL's plan read the table?  Its planner may have proved that no row is needed. */
static bool is_planned(const TqpLowering *l, Oid relid) {
    ListCell *lc;
    foreach (lc, l->planned) {
        const RangeTblEntry *rte = lfirst(lc);
        if (rte->rtekind == RTE_RELATION && rte->relid == relid && !rte->inh)
            return true;
    }
    return l->planned == NIL;
}

/* A table without rows. */
static const TqpNode *nothing(const TableScan *s) {
    return tqp_ir_values(s->l->arena, s->ncolumns, s->types, 0, NULL);
}

/* Balanced: the IR's depth is bounded. */
static const TqpNode *append(TqpArena *arena, const TqpNode **nodes, int n) {
    if (n == 1)
        return nodes[0];
    return tqp_ir_append(arena, append(arena, nodes, n / 2),
                         append(arena, nodes + n / 2, n - n / 2));
}

/*
 * A partitioned or inherited table: the rows of all tables below it, and of itself.  Whoever
 * attaches or detaches one invalidates the plan.
 */
static const TqpNode *scan_children(TableScan *s) {
    List *children = find_all_inheritors(RelationGetRelid(s->rel), AccessShareLock, NULL);
    const TqpNode **nodes = palloc(sizeof(*nodes) * ((Size)list_length(children) + 1));
    int n = 0;
    ListCell *lc;
    foreach (lc, children) {
        if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE ||
            !is_planned(s->l, lfirst_oid(lc)))
            continue;
        nodes[n] = scan_child(s, lfirst_oid(lc));
        if (nodes[n++] == NULL)
            return NULL;
    }
    return n > 0 ? append(s->l->arena, nodes, n) : nothing(s);
}

static bool has_children(const RangeTblEntry *rte) {
    return rte->relkind == RELKIND_PARTITIONED_TABLE || (rte->inh && has_subclass(rte->relid));
}

static const char *not_scannable(const RangeTblEntry *rte, Relation rel) {
    const char *reason = NULL;
    if (rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE)
        return tqp_decline(TQP_DECLINE_RELATION_KIND);
    if (rte->tablesample != NULL)
        return tqp_decline(TQP_DECLINE_TABLESAMPLE);
    if (!has_children(rte) && !tqp_cache_relation_ok(rel, &reason))
        return reason;
    return NULL;
}

static bool scan_columns(TableScan *s, TqpLeaf *leaf) {
    TupleDesc desc = RelationGetDescr(s->rel);
    Size n = (Size)desc->natts + 1;
    s->names = palloc(sizeof(*s->names) * n);
    s->types = palloc(sizeof(*s->types) * n);
    s->attnums = palloc(sizeof(*s->attnums) * n);
    for (int i = 0; i < desc->natts; i++)
        if (tqp_lower_is_used(s->l, s->rtindex, TupleDescAttr(desc, i)->attnum))
            leaf->columns = lappend(leaf->columns, used_column(s, TupleDescAttr(desc, i)));
    return ensure_column(s, desc);
}

/* No other condition may meet the rows that these reject: they come first, one above the other. */
static bool filter_rows(TqpLowering *l, List *quals, TqpLeaf *leaf) {
    const TqpNode *node = l->node;
    List *columns = l->columns;
    ListCell *lc;
    bool ok = true;
    l->node = leaf->node;
    l->columns = leaf->columns;
    foreach (lc, quals)
        ok = ok && tqp_lower_filter(l, make_ands_implicit(lfirst(lc)));
    leaf->node = l->node;
    l->node = node;
    l->columns = columns;
    return ok;
}

bool tqp_lower_scan(TqpLowering *l, int rtindex, TqpLeaf *leaf) {
    const RangeTblEntry *rte = rt_fetch(rtindex, l->query->rtable);
    Relation rel = table_open(rte->relid, NoLock); /* locked since parse analysis */
    TableScan s = {.l = l, .rel = rel, .rtindex = rtindex};
    const char *reason = not_scannable(rte, rel);
    if (reason != NULL)
        l->reason = reason;
    else if (scan_columns(&s, leaf))
        leaf->node = has_children(rte) ? scan_children(&s) : build_scan(&s, rel, NULL);
    table_close(rel, NoLock);
    return leaf->node != NULL && filter_rows(l, rte->securityQuals, leaf);
}
