/* A CSV file as a relation: rows are staged and encoded in groups of 64 Ki, as the cache does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/csv.h"
#include "store/store.h"

enum { GROUP_ROWS = 1 << 16, DICT_ENTRIES = 1 << 20 };

typedef struct Column {
    TqpStage *stage;
    TqpInterner *interner; /* text with dictionaries, else NULL */
} Column;

typedef struct Reader {
    TqpArena *a;
    const TqpCsvOptions *options;
    const char *path;
    TqpError *err;
    char *data; /* the file; fields are unquoted in place */
    size_t size, pos;
    uint64_t line;
    Column *columns;    /* nkept */
    uint32_t *position; /* field -> kept column, or UINT32_MAX */
    uint32_t rows;      /* in the open group */
    TqpRowGroup *groups;
    uint32_t ngroups, cap;
} Reader;

typedef struct Field {
    char *s;
    uint32_t len;
    bool quoted;
    char end; /* ',', '\n', or 0 at the end of the file */
} Field;

static TqpStatus malformed(Reader *r, const char *what) {
    return tqp_error_set(r->err, TQP_INVALID, "%s:%llu: %s", r->path, (unsigned long long)r->line,
                         what);
}

static TqpStatus read_file(Reader *r) {
    FILE *f = fopen(r->path, "rb");
    size_t cap = 0;
    if (f == NULL)
        return tqp_error_set(r->err, TQP_IO, "%s: %s", r->path, strerror(errno));
    for (size_t n = 1; n > 0; r->size += n) {
        if (r->size == cap) {
            char *data = realloc(r->data, cap = 2 * cap + 65536);
            if (data == NULL) {
                fclose(f);
                return TQP_NO_MEMORY;
            }
            r->data = data;
        }
        n = fread(r->data + r->size, 1, cap - r->size, f);
    }
    bool failed = ferror(f);
    fclose(f);
    return failed ? tqp_error_set(r->err, TQP_IO, "%s: cannot be read", r->path) : TQP_OK;
}

/* After a quote: unquote in place up to the closing one. */
static TqpStatus quoted_field(Reader *r, Field *f) {
    char *to = f->s = r->data + ++r->pos;
    for (; r->pos < r->size; r->pos++) {
        char c = r->data[r->pos];
        if (c == '"' && (++r->pos >= r->size || r->data[r->pos] != '"')) {
            f->len = (uint32_t)(to - f->s);
            return TQP_OK;
        }
        r->line += c == '\n';
        *to++ = c;
    }
    return malformed(r, "quote without end");
}

static TqpStatus next_field(Reader *r, Field *f) {
    *f = (Field){.s = r->data + r->pos};
    if (r->pos < r->size && *f->s == '"') {
        f->quoted = true;
        TQP_TRY(quoted_field(r, f));
    } else {
        while (r->pos < r->size && strchr(",\r\n\"", r->data[r->pos]) == NULL)
            r->pos++;
        f->len = (uint32_t)(r->data + r->pos - f->s);
    }
    if (r->pos < r->size && r->data[r->pos] == '\r')
        r->pos++;
    if (r->pos >= r->size)
        return TQP_OK;
    f->end = r->data[r->pos++];
    return f->end == ',' || f->end == '\n' ? TQP_OK : malformed(r, "characters beside quotes");
}

static TqpStatus stage_field(Reader *r, uint32_t index, const Field *f) {
    TqpType type = r->options->types[index];
    TqpValue v;
    if (r->position[index] == UINT32_MAX)
        return TQP_OK;
    TqpStage *stage = r->columns[r->position[index]].stage;
    if (f->len == 0 && !f->quoted) {
        tqp_stage_null(stage);
        return TQP_OK;
    }
    if (!tqp_csv_value(type, f->s, f->len, &v)) {
        char name[32];
        tqp_type_print(type, name);
        return tqp_error_set(r->err, TQP_INVALID, "%s:%llu: field %u is no %s", r->path,
                             (unsigned long long)r->line, index + 1, name);
    }
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        tqp_stage_bool(stage, v.b);
        break;
    case TQP_CLASS_INT:
        tqp_stage_int128(stage, v.i);
        break;
    case TQP_CLASS_FLOAT:
        tqp_stage_float(stage, v.f);
        break;
    case TQP_CLASS_TEXT:
        tqp_stage_text(stage, v.s.data, v.s.len);
        break;
    }
    return TQP_OK;
}

static TqpStatus close_group(Reader *r) {
    if (r->rows == 0)
        return TQP_OK;
    if (r->ngroups == r->cap) {
        uint32_t cap = r->cap ? 2 * r->cap : 8;
        TqpRowGroup *groups = tqp_arena_alloc(r->a, cap * sizeof(*groups));
        if (groups == NULL)
            return r->a->failed;
        if (r->ngroups > 0)
            memcpy(groups, r->groups, r->ngroups * sizeof(*groups));
        r->groups = groups;
        r->cap = cap;
    }
    TqpRowGroup *g = &r->groups[r->ngroups];
    *g = (TqpRowGroup){.nrows = r->rows, .live_rows = r->rows};
    g->tensors = tqp_arena_zalloc(r->a, r->options->nkept * sizeof(*g->tensors) + 1);
    if (g->tensors == NULL)
        return r->a->failed;
    for (uint32_t c = 0; c < r->options->nkept; c++) {
        Column *column = &r->columns[c];
        TQP_TRY(tqp_stage_tensor(column->stage, r->a, column->interner, &g->tensors[c], r->err));
        tqp_stage_reset(column->stage);
    }
    r->ngroups++;
    r->rows = 0;
    return TQP_OK;
}

static TqpStatus read_rows(Reader *r) {
    for (r->line = 1; r->pos < r->size; r->line++) {
        Field f = {.end = ','};
        uint32_t n = 0;
        for (; f.end == ','; n++) {
            TQP_TRY(next_field(r, &f));
            if (n < r->options->ncolumns)
                TQP_TRY(stage_field(r, n, &f));
        }
        if (n != r->options->ncolumns && r->options->ncolumns > 0)
            return malformed(r, "wrong number of fields");
        if (++r->rows == GROUP_ROWS)
            TQP_TRY(close_group(r));
    }
    return close_group(r);
}

static TqpStatus open_columns(Reader *r) {
    const TqpCsvOptions *o = r->options;
    r->columns = tqp_arena_zalloc(r->a, o->nkept * sizeof(*r->columns) + 1);
    r->position = tqp_arena_alloc(r->a, o->ncolumns * sizeof(*r->position) + 1);
    if (r->columns == NULL || r->position == NULL)
        return r->a->failed;
    for (uint32_t i = 0; i < o->ncolumns; i++)
        r->position[i] = UINT32_MAX;
    for (uint32_t c = 0; c < o->nkept; c++) {
        TqpType type = o->types[o->kept[c]];
        r->position[o->kept[c]] = c;
        if ((r->columns[c].stage = tqp_stage_create(type, r->a->broker)) == NULL)
            return TQP_NO_MEMORY;
        if (!o->dictionaries || tqp_type_class(type.kind) != TQP_CLASS_TEXT)
            continue;
        r->columns[c].interner = tqp_interner_create(NULL, DICT_ENTRIES, UINT32_MAX, r->a->broker);
        if (r->columns[c].interner == NULL)
            return TQP_NO_MEMORY;
    }
    return TQP_OK;
}

/* All groups are read: dictionaries get their order, tensors their dictionary. */
static TqpStatus finish(Reader *r, TqpRelation *rel) {
    uint32_t n = r->options->nkept;
    *rel = (TqpRelation){.ncolumns = n, .ngroups = r->ngroups, .groups = r->groups};
    rel->columns = tqp_arena_zalloc(r->a, n * sizeof(*rel->columns) + 1);
    if (rel->columns == NULL)
        return r->a->failed;
    for (uint32_t c = 0; c < n; c++) {
        TqpRelColumn *column = &rel->columns[c];
        column->type = r->options->types[r->options->kept[c]];
        if (r->columns[c].interner == NULL)
            continue;
        TqpDict *dict = tqp_arena_zalloc(r->a, sizeof(*dict));
        if (dict == NULL)
            return r->a->failed;
        TQP_TRY(tqp_interner_dict(r->columns[c].interner, r->a, 0, NULL, NULL, dict, r->err));
        column->dict = dict;
        for (uint32_t g = 0; g < r->ngroups; g++)
            if (r->groups[g].tensors[c].encoding == TQP_ENC_DICT)
                r->groups[g].tensors[c].dict = dict;
    }
    return TQP_OK;
}

TqpStatus tqp_csv_read(TqpArena *a, const char *path, const TqpCsvOptions *options,
                       TqpRelation *rel, TqpError *err) {
    Reader r = {.a = a, .options = options, .path = path, .err = err};
    TqpStatus status = read_file(&r);
    if (status == TQP_OK)
        status = open_columns(&r);
    if (status == TQP_OK)
        status = read_rows(&r);
    if (status == TQP_OK)
        status = finish(&r, rel);
    for (uint32_t c = 0; r.columns != NULL && c < options->nkept; c++) {
        tqp_stage_destroy(r.columns[c].stage);
        tqp_interner_destroy(r.columns[c].interner);
    }
    free(r.data);
    return status;
}
