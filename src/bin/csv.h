/*
 * Relations from CSV files, for tqp_run: no header, commas, fields in double quotes where needed
 * ("" is a quote inside).  An empty field is NULL, a quoted empty one is the empty text.  Dates are
 * YYYY-MM-DD, times HH:MM:SS[.ffffff], timestamps both with a blank between, booleans t or f.
 */
#ifndef TQP_BIN_CSV_H
#define TQP_BIN_CSV_H

#include "base/arena.h"
#include "ir/ir.h"

typedef struct TqpCsvOptions {
    uint32_t ncolumns;    /* fields of a row */
    const TqpType *types; /* of the fields */
    uint32_t nkept;       /* columns of the relation, as indexes of fields */
    const uint32_t *kept;
    bool dictionaries; /* of text columns; else their bytes */
} TqpCsvOptions;

/* The relation lives in the arena.  A malformed file is TQP_INVALID, err says where. */
TqpStatus tqp_csv_read(TqpArena *a, const char *path, const TqpCsvOptions *options,
                       TqpRelation *rel, TqpError *err) TQP_NODISCARD;
/* A field as a value of the type; text points into the field.  False when it is none. */
bool tqp_csv_value(TqpType type, const char *s, uint32_t len, TqpValue *value);
/* A value as a field. */
void tqp_csv_print(TqpType type, const TqpValue *value, TqpString *out);

#endif
