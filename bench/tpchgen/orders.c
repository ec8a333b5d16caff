/* Rules for dates, flags and prices: TPC-H specification, 4.2.3. Days count from 1992-01-01. */
#include "orders.h"

#include "names.h"
#include "text.h"

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

enum { STREAM_NUMBERS = 16, STREAM_ORDER_TEXT, STREAM_LINE_TEXT };

enum {
    LINES_MAX = 7,
    LAST_ORDER_DAY = 2405, /* 1998-08-02: the last line arrives on 1998-12-31 */
    CURRENT_DAY = 1263,    /* 1995-06-17 */
};

static const char *const INSTRUCTIONS[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                           "TAKE BACK RETURN"};
typedef struct Line {
    int64_t part;
    int64_t supplier;
    int64_t quantity;
    int64_t price_cents;
    int64_t discount_percent;
    int64_t tax_percent;
    int ship_day;
    int commit_day;
    int receipt_day;
    char return_flag;
    char status;
} Line;

typedef struct Order {
    int64_t customer;
    int day;
    int line_count;
    Line lines[LINES_MAX];
} Order;

int64_t order_units(const Scale *scale) {
    return scale->orders;
}

/* Only 8 of each 32 keys are used. */
static int64_t order_key(int64_t order) {
    return order / 8 * 32 + order % 8;
}

static Line make_line(const Scale *scale, int order_day, Random *random) {
    Line line = {
        .part = random_between(random, 1, scale->parts),
        .quantity = random_between(random, 1, 50),
        .discount_percent = random_between(random, 0, 10),
        .tax_percent = random_between(random, 0, 8),
        .ship_day = order_day + (int)random_between(random, 1, 121),
        .commit_day = order_day + (int)random_between(random, 30, 90),
    };
    line.supplier = part_supplier(scale, line.part, (int)random_between(random, 0, 3));
    line.receipt_day = line.ship_day + (int)random_between(random, 1, 30);
    line.price_cents = line.quantity * part_price_cents(line.part);
    line.status = line.ship_day > CURRENT_DAY ? 'O' : 'F';
    line.return_flag = 'N';
    if (line.receipt_day <= CURRENT_DAY) {
        line.return_flag = random_between(random, 0, 1) ? 'R' : 'A';
    }
    return line;
}

static Order make_order(const Scale *scale, int64_t order_number) {
    Random random = random_stream(STREAM_NUMBERS, (uint64_t)order_number);
    Order order = {.day = (int)random_between(&random, 0, LAST_ORDER_DAY)};
    do {
        order.customer = random_between(&random, 1, scale->customers);
    } while (order.customer % 3 == 0);
    order.line_count = (int)random_between(&random, 1, LINES_MAX);
    for (int i = 0; i < order.line_count; i++) {
        order.lines[i] = make_line(scale, order.day, &random);
    }
    return order;
}

static void out_date(Out *out, int day) {
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1992;
    int month = 0;
    for (int length; day >= (length = year % 4 ? 365 : 366); year++) {
        day -= length;
    }
    for (int length; day >= (length = month_days[month] + (month == 1 && year % 4 == 0)); month++) {
        day -= length;
    }
    char text[10];
    char *end = format_number(text + 10, day + 1, 2);
    *--end = '-';
    end = format_number(end, month + 1, 2);
    *--end = '-';
    format_number(end, year, 4);
    out_bytes(out, text, sizeof(text));
}

/* Each line's price after discount and tax, rounded to the cent. */
static int64_t total_cents(const Order *order) {
    int64_t total = 0;
    for (int i = 0; i < order->line_count; i++) {
        const Line *line = &order->lines[i];
        total += (line->price_cents * (100 - line->discount_percent) * (100 + line->tax_percent) +
                  5000) /
                 10000;
    }
    return total;
}

static const char *order_status(const Order *order) {
    int open = 0;
    for (int i = 0; i < order->line_count; i++) {
        open += order->lines[i].status == 'O';
    }
    return open == 0 ? "F" : open == order->line_count ? "O" : "P";
}

void write_order(const Scale *scale, int64_t order_number, Out *out) {
    Order order = make_order(scale, order_number);
    Random random = random_stream(STREAM_ORDER_TEXT, (uint64_t)order_number);
    size_t length;
    out_number(out, order_key(order_number));
    out_number(out, order.customer);
    out_string(out, order_status(&order));
    out_cents(out, total_cents(&order));
    out_date(out, order.day);
    out_string(out, PRIORITIES[random_between(&random, 0, COUNT(PRIORITIES) - 1)]);
    out_tagged(out, "Clerk#", random_between(&random, 1, scale->clerks));
    out_number(out, 0);
    const char *comment = text_pick(scale->text, &random, 19, 78, &length);
    out_bytes(out, comment, length);
    out_end_row(out);
}

void write_lineitems(const Scale *scale, int64_t order_number, Out *out) {
    Order order = make_order(scale, order_number);
    Random random = random_stream(STREAM_LINE_TEXT, (uint64_t)order_number);
    for (int i = 0; i < order.line_count; i++) {
        const Line *line = &order.lines[i];
        size_t length;
        out_number(out, order_key(order_number));
        out_number(out, line->part);
        out_number(out, line->supplier);
        out_number(out, i + 1);
        out_cents(out, line->quantity * 100);
        out_cents(out, line->price_cents);
        out_cents(out, line->discount_percent);
        out_cents(out, line->tax_percent);
        out_bytes(out, &line->return_flag, 1);
        out_bytes(out, &line->status, 1);
        out_date(out, line->ship_day);
        out_date(out, line->commit_day);
        out_date(out, line->receipt_day);
        out_string(out, INSTRUCTIONS[random_between(&random, 0, COUNT(INSTRUCTIONS) - 1)]);
        out_string(out, MODES[random_between(&random, 0, COUNT(MODES) - 1)]);
        const char *comment = text_pick(scale->text, &random, 10, 43, &length);
        out_bytes(out, comment, length);
        out_end_row(out);
    }
}
