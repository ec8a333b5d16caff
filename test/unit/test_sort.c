/* Sorting of rows by texts and numbers against a comparison of neighbours. */
#include "check.h"
#include "exec/sort.h"

#define MAX_ROWS 6000u

typedef struct Rows {
    uint32_t n;
    bool nullable;
    char text[MAX_ROWS][120];
    TqpView views[MAX_ROWS];
    uint8_t valid[MAX_ROWS];
    int64_t numbers[MAX_ROWS];
    TqpColumn columns[2]; /* text, number */
} Rows;

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* Texts share `common` bytes, then follow up to `tail` letters of a small alphabet, zero included.
 */
static void make_rows(Rows *rows, uint32_t n, uint32_t common, uint32_t tail, bool nullable) {
    static const char letters[] = {'\0', 'a', 'b', '\x7f', (char)0x80, (char)0xff};
    uint64_t seed = n + common * 31 + tail;
    rows->n = n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t len = common + next_random(&seed) % (tail + 1);
        memset(rows->text[i], 'p', common);
        for (uint32_t k = common; k < len; k++)
            rows->text[i][k] = letters[next_random(&seed) % sizeof(letters)];
        rows->valid[i] = !nullable || next_random(&seed) % 8 > 0;
        rows->views[i] = rows->valid[i] ? tqp_view(rows->text[i], len) : tqp_view("", 0);
        rows->numbers[i] = next_random(&seed) % 4;
    }
    rows->columns[0] = (TqpColumn){.slot = {.type = {TQP_TYPE_TEXT, 0, 0}, .lane = TQP_LANE_VIEW},
                                   .values = {.data = rows->views}};
    if (nullable)
        rows->columns[0].valid.data = rows->valid;
    rows->columns[1] = (TqpColumn){.slot = {.type = {TQP_TYPE_I64, 0, 0}, .lane = TQP_LANE_I64},
                                   .values = {.data = rows->numbers}};
}

static int compare_column(const Rows *rows, const TqpSortSpec *spec, uint32_t a, uint32_t b) {
    int order;
    if (spec->column == 1) {
        order = (rows->numbers[a] > rows->numbers[b]) - (rows->numbers[a] < rows->numbers[b]);
        return spec->descending ? -order : order;
    }
    if (rows->valid[a] != rows->valid[b])
        return (rows->valid[a] < rows->valid[b]) == spec->nulls_first ? -1 : 1;
    TqpView x = rows->views[a], y = rows->views[b];
    order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    order = order != 0 ? order : (x.len > y.len) - (x.len < y.len);
    return spec->descending ? -order : order;
}

static int compare_rows(const Rows *rows, const TqpSortSpec *sort, uint32_t nsort, uint32_t a,
                        uint32_t b) {
    int order = 0;
    for (uint32_t k = 0; k < nsort && order == 0; k++)
        order = compare_column(rows, &sort[k], a, b);
    return order;
}

static TqpStatus sort_rows(const Rows *rows, const TqpSortSpec *sort, uint32_t nsort,
                           const TqpStop *stop, uint32_t *order) {
    TqpBroker broker;
    tqp_broker_init(&broker, 0);
    TqpQuery query = {.broker = &broker};
    TqpSortInput input = {.query = &query,
                          .stop = stop,
                          .nrows = rows->n,
                          .columns = rows->columns,
                          .nsort = nsort,
                          .sort = sort};
    TqpStatus status = tqp_sort_order(&input, order);
    CHECK_INT(broker.used, 0);
    return status;
}

/* Every row once, neighbours in order, equal ones as they lay. */
static void check_sort(const Rows *rows, const TqpSortSpec *sort, uint32_t nsort) {
    static uint32_t order[MAX_ROWS];
    static bool seen[MAX_ROWS];
    uint32_t wrong = 0, missing = 0;
    memset(seen, 0, sizeof(seen));
    CHECK_INT(sort_rows(rows, sort, nsort, NULL, order), TQP_OK);
    for (uint32_t i = 0; i < rows->n; i++) {
        seen[order[i]] = true;
        int c = i > 0 ? compare_rows(rows, sort, nsort, order[i - 1], order[i]) : -1;
        wrong += c > 0 || (c == 0 && order[i - 1] > order[i]);
    }
    for (uint32_t i = 0; i < rows->n; i++)
        missing += !seen[i];
    CHECK_INT(wrong, 0);
    CHECK_INT(missing, 0);
}

static void check_specs(const Rows *rows) {
    for (uint32_t bits = 0; bits < 8; bits++) {
        bool descending = bits & 1, nulls_first = bits & 2;
        TqpSortSpec text = {0, descending, nulls_first}, number = {1, bits & 4, false};
        check_sort(rows, (TqpSortSpec[]){text}, 1);
        check_sort(rows, (TqpSortSpec[]){text, number}, 2);
        check_sort(rows, (TqpSortSpec[]){number, text}, 2);
        check_sort(rows, (TqpSortSpec[]){number, text, number, text}, 4);
    }
}

typedef struct Countdown {
    int left;
} Countdown;

static bool count_down(void *host) {
    return --((Countdown *)host)->left <= 0;
}

/* A stop at the n-th question, for every n that comes up. */
static void check_cancel(const Rows *rows) {
    static uint32_t order[MAX_ROWS];
    const TqpSortSpec sort[] = {{0, true, false}, {1, false, false}};
    bool done = false;
    for (int n = 1; !done && n < 10000; n++) {
        Countdown countdown = {n};
        TqpHostPoll poll = {count_down, &countdown};
        TqpStop stop = {.poll = &poll};
        TqpStatus status = sort_rows(rows, sort, 2, &stop, order);
        done = countdown.left > 0;
        CHECK_INT(status, done ? TQP_OK : TQP_CANCELLED);
    }
    CHECK(done);
}

int main(void) {
    static const uint32_t sizes[] = {0, 1, 2, 63, 64, 65, 1023, 1024, MAX_ROWS};
    static const uint32_t shapes[][2] = {{0, 3},  {0, 20}, {7, 2},  {8, 12},
                                         {20, 0}, {70, 3}, {100, 0}};
    static Rows rows;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
        for (size_t k = 0; k < sizeof(shapes) / sizeof(*shapes); k++)
            for (int nullable = 0; nullable < 2; nullable++) {
                make_rows(&rows, sizes[s], shapes[k][0], shapes[k][1], nullable);
                check_specs(&rows);
            }
    make_rows(&rows, MAX_ROWS, 8, 12, true);
    check_cancel(&rows);
    make_rows(&rows, MAX_ROWS, 70, 3, false);
    check_cancel(&rows);
    return check_report("sort");
}
