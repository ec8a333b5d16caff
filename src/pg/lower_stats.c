/*
 * What PostgreSQL's statistics say of the relations, for the optimiser's join order: the estimate
 * of rows that the planner itself uses, and pg_statistic's distinct values, NULLs and bounds.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "optimizer/plancat.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/cache.h"
#include "pg/lower.h"
#include "pg/value.h"

static void widen(TqpArena *arena, Datum datum, Oid typid, TqpType type, TqpOptColumn *column) {
    TqpValue value;
    if (!tqp_value_from_datum(arena, datum, typid, type, TQP_ROUND_EXACT, &value))
        return;
    double v = tqp_type_class(type.kind) == TQP_CLASS_FLOAT ? value.f : (double)value.i;
    column->min = column->has_range ? Min(column->min, v) : v;
    column->max = column->has_range ? Max(column->max, v) : v;
    column->has_range = true;
}

/* The least and greatest of the histogram and of the common values. */
static void find_range(TqpArena *arena, HeapTuple tuple, TqpType type, TqpOptColumn *column) {
    static const int kinds[] = {STATISTIC_KIND_HISTOGRAM, STATISTIC_KIND_MCV};
    for (size_t k = 0; k < lengthof(kinds); k++) {
        AttStatsSlot slot;
        if (!get_attstatsslot(&slot, tuple, kinds[k], InvalidOid, ATTSTATSSLOT_VALUES))
            continue;
        for (int i = 0; i < slot.nvalues; i++)
            if (kinds[k] == STATISTIC_KIND_MCV || i == 0 || i == slot.nvalues - 1)
                widen(arena, slot.values[i], slot.valuetype, type, column);
        free_attstatsslot(&slot);
    }
}

static void describe_column(TqpArena *arena, Relation rel, AttrNumber attnum, double rows,
                            TqpOptColumn *column) {
    Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
    const char *reason;
    TqpType type;
    HeapTuple tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(RelationGetRelid(rel)),
                                      Int16GetDatum(attnum), BoolGetDatum(false));
    if (!HeapTupleIsValid(tuple))
        return;
    Form_pg_statistic stats = (Form_pg_statistic)GETSTRUCT(tuple);
    column->null_fraction = stats->stanullfrac;
    column->ndistinct = stats->stadistinct >= 0 ? stats->stadistinct : -stats->stadistinct * rows;
    if (tqp_pg_type(att->atttypid, att->atttypmod, att->attcollation, &type, &reason) &&
        (tqp_type_class(type.kind) == TQP_CLASS_INT ||
         tqp_type_class(type.kind) == TQP_CLASS_FLOAT))
        find_range(arena, tuple, type, column);
    ReleaseSysCache(tuple);
}

static void describe_relation(TqpArena *arena, const TqpPlanRelation *relation,
                              TqpOptRelation *out) {
    Relation rel = table_open(relation->relid, NoLock); /* locked since it was lowered */
    TqpOptColumn *columns = palloc0(sizeof(*columns) * ((Size)list_length(relation->attnums) + 1));
    BlockNumber pages;
    double visible;
    ListCell *lc;
    estimate_rel_size(rel, NULL, &pages, &out->rows, &visible);
    foreach (lc, relation->attnums)
        describe_column(arena, rel, (AttrNumber)lfirst_int(lc), out->rows,
                        &columns[foreach_current_index(lc)]);
    out->ncolumns = (uint32_t)list_length(relation->attnums);
    out->columns = columns;
    table_close(rel, NoLock);
}

TqpOptRelation *tqp_lower_stats(TqpArena *arena, List *relations) {
    TqpOptRelation *stats = palloc0(sizeof(*stats) * ((Size)list_length(relations) + 1));
    ListCell *lc;
    if (list_length(relations) > 1) /* one needs no order */
        foreach (lc, relations)
            describe_relation(arena, lfirst(lc), &stats[foreach_current_index(lc)]);
    return stats;
}
