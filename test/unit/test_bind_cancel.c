/* The binder asks the host whether to stop in every loop over a large dictionary. */
#include "exec/exec.h"
#include "unit/check.h"
#include "unit/rel.h"

#define STRINGS 40000u
#define SCAN0   "(scan 0 \"t\" (\"s\" text))"
#define SCAN1   "(scan 1 \"u\" (\"s\" text))"

typedef struct Host {
    uint32_t polls, comparisons, after; /* after: comparisons since it first said so */
    uint32_t patience;                  /* polls answered with no */
} Host;

static bool interrupted(void *arg) {
    Host *host = arg;
    return host->polls++ >= host->patience;
}

static int compare(void *arg, uint32_t collation, TqpView a, TqpView b) {
    Host *host = arg;
    (void)collation;
    host->comparisons++;
    host->after += host->polls > host->patience;
    uint32_t n = a.len < b.len ? a.len : b.len;
    int c = memcmp(a.data, b.data, n);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Strings in no order; first: what the first one is made of. */
static TqpDict *make_dict(TqpArena *a, uint32_t first) {
    TqpDict *d = tqp_arena_zalloc(a, sizeof(*d));
    uint32_t *offsets = tqp_arena_zalloc(a, (STRINGS + 1) * sizeof(*offsets));
    char *bytes = tqp_arena_zalloc(a, STRINGS * 16);
    for (uint32_t i = 0; i < STRINGS; i++)
        offsets[i + 1] =
            offsets[i] + (uint32_t)sprintf(bytes + offsets[i], "%08x", (first + i) * 2654435761u);
    *d = (TqpDict){.count = STRINGS, .offsets = offsets, .bytes = bytes};
    return d;
}

static TqpRelation *make_relation(TqpArena *a, const char *type, uint32_t first) {
    const char *types[] = {type};
    TqpRelation *rel = rel_make(a, 1, types, 1);
    uint16_t *codes = tqp_arena_zalloc(a, STRINGS * 2 + TQP_TENSOR_PAD);
    for (uint32_t i = 0; i < STRINGS; i++)
        codes[i] = (uint16_t)i;
    rel_set(rel, 0, 0,
            (TqpTensor){.encoding = TQP_ENC_DICT,
                        .lane = TQP_LANE_U16,
                        .nrows = STRINGS,
                        .data = codes,
                        .dict = make_dict(a, first)});
    return rel;
}

static TqpStatus bind(const char *text, const TqpRelation *const *rels, Host *host) {
    TqpArena arena = {0};
    TqpError err = {0};
    const TqpNode *node;
    const TqpProgram *program;
    TqpHostPoll poll = {interrupted, host};
    TqpBindOptions options = {
        .utf8 = true, .compare = compare, .compare_host = host, .poll = &poll};
    TqpStatus status = tqp_ir_parse(&arena, text, &node, &err);
    CHECK_INT(status, TQP_OK);
    if (status == TQP_OK)
        status = tqp_program_bind(&arena, node, rels, 2, NULL, 0, &options, &program, &err);
    if (status == TQP_CANCELLED)
        CHECK_STR(err.message, "interrupted");
    tqp_arena_free(&arena);
    return status;
}

static const char *const queries[] = {
    "(sort ((col 0 text(950)) asc nulls_last) (scan 0 \"t\" (\"s\" text(950))))",
    "(aggregate () ((max (col 0 text(950)))) (scan 0 \"t\" (\"s\" text(950))))",
    "(filter (lt (col 0 text) (const \"8\" text)) " SCAN0 ")",
    "(filter (like (col 0 text) (const \"%a%b%\" text)) " SCAN0 ")",
    "(project ((length (col 0 text))) " SCAN0 ")",
    "(project ((substr (col 0 text) (const 2 i32) (const 3 i32))) " SCAN0 ")",
    "(join inner (eq (col 0 text) (col 1 text)) " SCAN0 " " SCAN1 ")",
};

/* At whatever poll it is told to stop, it stops within the work of two polls. */
static void check_query(const char *text, const TqpRelation *const *rels) {
    Host never = {.patience = UINT32_MAX};
    CHECK_INT(bind(text, rels, &never), TQP_OK);
    CHECK(never.polls > 2);
    for (uint32_t k = 0; k < 4; k++) {
        Host host = {.patience = k * (never.polls - 1) / 3};
        CHECK_INT(bind(text, rels, &host), TQP_CANCELLED);
        CHECK_INT(host.after, 0);
        CHECK_INT(host.polls, host.patience + 1);
    }
}

int main(void) {
    TqpArena arena = {0};
    const TqpRelation *collated[] = {make_relation(&arena, "text(950)", 1), NULL};
    const TqpRelation *plain[] = {make_relation(&arena, "text", 1),
                                  make_relation(&arena, "text", 1000)};
    collated[1] = plain[1];
    for (size_t q = 0; q < sizeof(queries) / sizeof(queries[0]); q++)
        check_query(queries[q], q < 2 ? collated : plain);
    tqp_arena_free(&arena);
    return check_report("bind_cancel");
}
