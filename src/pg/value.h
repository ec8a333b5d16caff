/* PostgreSQL's Datums as values of the engine: constants at plan time, parameters at bind. */
#ifndef TQP_PG_VALUE_H
#define TQP_PG_VALUE_H

#include "postgres.h"

#include "utils/numeric.h"

#include "ir/ir.h"
#include "pg/plan.h"

/*
 * A non-null Datum of type typid as a value of engine type `type`; text is copied into the arena.
 * False when the value is not of that type's grid (and rounding is EXACT) or outside its range.
 */
extern bool tqp_value_from_datum(TqpArena *arena, Datum datum, Oid typid, TqpType type,
                                 TqpRounding rounding, TqpValue *value);

/*
 * The other way, for values that are not NULL; palloc'd.  typmod: of bpchar the width to pad to, of
 * numeric the scale.
 */
extern Datum tqp_value_to_datum(const TqpValue *value, Oid typid, int32 typmod);
extern Datum tqp_value_numeric(TqpInt128 value, int32 scale);
/* Varlena text of a string, padded with blanks to `width` characters (0: as it is); palloc'd. */
extern Datum tqp_value_text(TqpView view, int32 width);

/* A value of a type that is carried as its bytes; palloc'd where it is passed by reference. */
extern Datum tqp_value_carried(TqpView view, Oid typid);

/* Display scale of a finite numeric; false for NaN and infinities. */
extern bool tqp_value_numeric_scale(Numeric number, int32 *scale);

#endif
