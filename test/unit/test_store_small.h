/*
 * A small cache that the tests of damage and of builders make, and read again as a whole: five
 * columns, two row groups, every value known.
 */
#ifndef TQP_TEST_STORE_SMALL_H
#define TQP_TEST_STORE_SMALL_H

#include "unit/test_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { NCOLS = 5, NROWS = 12, NGROUPS = 2 };

static const TqpStoreColumn columns[NCOLS] = {
    {1, 1, {TQP_TYPE_I32, 0, 0}},  {2, 2, {TQP_TYPE_TEXT, 0, 0}}, {3, 3, {TQP_TYPE_TEXT, 0, 0}},
    {4, 4, {TQP_TYPE_BOOL, 0, 0}}, {5, 5, {TQP_TYPE_F64, 0, 0}},
};
static const TqpStorePublish publish = {.timeline = 1};

static inline void fill(TqpStage *stages[NCOLS], uint32_t nrows) {
    char text[32];
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_reset(stages[c]);
    for (uint32_t i = 0; i < nrows; i++) {
        if (i == 4)
            tqp_stage_null(stages[0]);
        else
            tqp_stage_int(stages[0], i * 1000);
        tqp_stage_text(stages[1], "xyz", i % 3 + 1);
        tqp_stage_text(stages[2], text, (uint32_t)snprintf(text, sizeof text, "row %u", i));
        tqp_stage_bool(stages[3], i % 2 == 0);
        tqp_stage_float(stages[4], i / 8.0);
    }
}

/* 5000 rows make the strings of column 2 too many for a dictionary. */
static inline TqpStatus build(const char *dir, TqpGeneration *base, uint32_t nrows, TqpError *err) {
    TqpStoreWriter *w;
    TqpStage *stages[NCOLS];
    TqpStatus status = tqp_store_writer_create(dir, base, NCOLS, columns, NULL, &w, err);
    for (int c = 0; c < NCOLS; c++)
        stages[c] = tqp_stage_create(columns[c].type, NULL);
    for (uint32_t g = 0; status == TQP_OK && g < NGROUPS; g++) {
        TqpStoreGroup meta = make_group(g * 1000, nrows, 5);
        fill(stages, nrows);
        status = tqp_store_writer_add(w, &meta, -1, stages, err);
        free_group(&meta);
    }
    if (status == TQP_OK)
        status = tqp_store_writer_finish(w, &publish, err);
    tqp_store_writer_destroy(w);
    for (int c = 0; c < NCOLS; c++)
        tqp_stage_destroy(stages[c]);
    return status;
}

static inline bool row_same(const TqpTensor t[NCOLS], uint32_t i) {
    char text[32];
    return tensor_null(&t[0], i) == (i == 4) && (i == 4 || tensor_int(&t[0], i) == i * 1000) &&
           view_is(tensor_view(&t[1], i), "xyz", i % 3 + 1) &&
           view_is(tensor_view(&t[2], i), text, (size_t)snprintf(text, sizeof text, "row %u", i)) &&
           tqp_bitmap_get(t[3].data, i) == (i % 2 == 0) &&
           ((const double *)t[4].data)[i] == i / 8.0;
}

typedef enum Seen { GOOD, DETECTED, WRONG } Seen;

/* Open and read everything.  `status` is the first failure. */
static inline Seen inspect(const char *dir, uint64_t boot, uint32_t nrows, TqpStatus *status) {
    TqpGeneration *gen;
    TqpTensor t[NCOLS];
    Seen seen = GOOD;
    *status = tqp_store_open(dir, &gen, NULL);
    if (*status != TQP_OK)
        return DETECTED;
    if (gen == NULL)
        return WRONG;
    tqp_store_set_boot(gen, boot);
    if (gen->ngroups != NGROUPS || gen->rows != nrows * NGROUPS)
        seen = WRONG;
    for (uint32_t g = 0; seen == GOOD && g < gen->ngroups; g++) {
        const TqpStoreGroup *group = &gen->groups[g];
        if (group->first_block != g * 1000 || group->vm_lsn != 5 || group->page_lsn[0] != 5 ||
            !tqp_bitmap_get(group->cached, 0) || group->row_start[group->nblocks] != nrows)
            seen = WRONG;
        for (uint32_t c = 0; *status == TQP_OK && c < NCOLS; c++)
            *status = tqp_store_tensor(gen, g, c, &t[c], NULL);
        if (*status != TQP_OK)
            seen = DETECTED;
        for (uint32_t i = 0; seen == GOOD && i < nrows; i++)
            if (!row_same(t, i))
                seen = WRONG;
    }
    tqp_store_close(gen);
    return seen;
}

static inline char *slurp(const char *path, size_t *bytes) {
    int fd = open(path, O_RDONLY);
    struct stat st;
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    char *data = malloc((size_t)st.st_size + 1);
    *bytes = (size_t)st.st_size;
    CHECK(read(fd, data, *bytes) == (ssize_t)*bytes);
    close(fd);
    return data;
}

static inline void put(const char *path, const char *data, size_t bytes) {
    /* Not O_TRUNC: some file systems then write the whole file out at close. */
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
    CHECK_INT(ftruncate(fd, (off_t)bytes), 0);
    close(fd);
}

/* The name of the one file that ends so. */
static inline void find_file(const char *dir, const char *suffix, char path[512]) {
    DIR *list = opendir(dir);
    path[0] = '\0';
    for (struct dirent *e; (e = readdir(list)) != NULL;) {
        size_t n = strlen(e->d_name), m = strlen(suffix);
        if (n >= m && strcmp(e->d_name + n - m, suffix) == 0)
            snprintf(path, 512, "%s/%.200s", dir, e->d_name);
    }
    closedir(list);
    CHECK(path[0] != '\0');
}

static inline uint32_t count_files(const char *dir) {
    uint32_t n = 0;
    DIR *list = opendir(dir);
    for (struct dirent *e; list != NULL && (e = readdir(list)) != NULL;)
        n += e->d_name[0] != '.';
    if (list != NULL)
        closedir(list);
    return n;
}

#endif
