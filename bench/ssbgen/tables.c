/* Suppliers, customers, parts and the lines of orders. Prices are in cents. */
#include "names.h"
#include "random.h"
#include "ssbgen.h"

#define COUNT(list)        ((int)(sizeof(list) / sizeof((list)[0])))
#define PICK(random, list) (list)[random_between(random, 0, COUNT(list) - 1)]

enum { STREAM_SUPPLIER = 64, STREAM_CUSTOMER, STREAM_PART, STREAM_ORDER };
enum { LINES_MAX = 7, LAST_ORDER_DAY = 2405 /* 1998-08-02 */ };

SsbScale ssb_scale(double factor) {
    int64_t parts = (int64_t)(200000 * factor);
    if (factor >= 1) {
        /* 200,000 * (1 + log2 of the scale), of which the whole part */
        parts = 200000;
        for (double doubled = 2; doubled <= factor; doubled *= 2) {
            parts += 200000;
        }
    }
    SsbScale scale = {
        .suppliers = (int64_t)(2000 * factor) + 1,
        .customers = (int64_t)(30000 * factor) + 1,
        .parts = parts + 1,
        .orders = (int64_t)(1500000 * factor) + 1,
    };
    return scale;
}

static void out_address(Random *random, Out *out) {
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char address[25];
    size_t length = (size_t)random_between(random, 10, 25);
    for (size_t i = 0; i < length; i++) {
        address[i] = letters[random_between(random, 0, (int)sizeof(letters) - 2)];
    }
    out_bytes(out, address, length);
}

/* Address, city, nation, region, phone. A city is the nation's first nine characters and a digit.
 */
static void out_place(Random *random, Out *out) {
    int nation = (int)random_between(random, 0, COUNT(NATIONS) - 1);
    char text[32];
    out_address(random, out);
    snprintf(text, sizeof(text), "%-9.9s%d", NATIONS[nation].name,
             (int)random_between(random, 0, 9));
    out_string(out, text);
    out_string(out, NATIONS[nation].name);
    out_string(out, REGIONS[NATIONS[nation].region]);
    snprintf(text, sizeof(text), "%d-%03d-%03d-%04d", nation + 10,
             (int)random_between(random, 100, 999), (int)random_between(random, 100, 999),
             (int)random_between(random, 1000, 9999));
    out_string(out, text);
}

static int64_t supplier_units(const SsbScale *scale) {
    return scale->suppliers;
}

static void write_supplier(const SsbScale *scale, int64_t row, Out *out) {
    (void)scale;
    Random random = random_stream(STREAM_SUPPLIER, (uint64_t)row);
    out_number(out, row + 1);
    out_tagged(out, "Supplier#", row + 1);
    out_place(&random, out);
    out_end_row(out);
}

static int64_t customer_units(const SsbScale *scale) {
    return scale->customers;
}

static void write_customer(const SsbScale *scale, int64_t row, Out *out) {
    (void)scale;
    Random random = random_stream(STREAM_CUSTOMER, (uint64_t)row);
    out_number(out, row + 1);
    out_tagged(out, "Customer#", row + 1);
    out_place(&random, out);
    out_string(out, PICK(&random, SEGMENTS));
    out_end_row(out);
}

static int64_t part_units(const SsbScale *scale) {
    return scale->parts;
}

/* The hierarchy: 5 manufacturers, 25 categories, 1000 brands. */
static void write_part(const SsbScale *scale, int64_t row, Out *out) {
    (void)scale;
    Random random = random_stream(STREAM_PART, (uint64_t)row);
    int maker = (int)random_between(&random, 1, 5);
    int category = (int)random_between(&random, 1, 5);
    const char *colour = PICK(&random, COLOURS);
    char text[64];
    out_number(out, row + 1);
    snprintf(text, sizeof(text), "%s %s", colour, PICK(&random, COLOURS));
    out_string(out, text);
    snprintf(text, sizeof(text), "MFGR#%d", maker);
    out_string(out, text);
    snprintf(text, sizeof(text), "MFGR#%d%d", maker, category);
    out_string(out, text);
    snprintf(text, sizeof(text), "MFGR#%d%d%d", maker, category,
             (int)random_between(&random, 1, 40));
    out_string(out, text);
    out_string(out, colour);
    const char *size = PICK(&random, TYPE_SIZES);
    const char *finish = PICK(&random, TYPE_FINISHES);
    snprintf(text, sizeof(text), "%s %s %s", size, finish, PICK(&random, TYPE_METALS));
    out_string(out, text);
    out_number(out, random_between(&random, 1, 50));
    const char *box = PICK(&random, BOX_SIZES);
    snprintf(text, sizeof(text), "%s %s", box, PICK(&random, BOX_KINDS));
    out_string(out, text);
    out_end_row(out);
}

typedef struct Line {
    int64_t part, supplier, quantity, price, discount, tax;
    int commit_day;
    const char *mode;
} Line;

static int64_t part_price(int64_t part) {
    return 90000 + part / 10 % 20001 + 100 * (part % 1000);
}

static int64_t order_units(const SsbScale *scale) {
    return scale->orders;
}

static Line make_line(const SsbScale *scale, int day, Random *random) {
    Line line = {
        .part = random_between(random, 1, scale->parts),
        .supplier = random_between(random, 1, scale->suppliers),
        .quantity = random_between(random, 1, 50),
        .discount = random_between(random, 0, 10),
        .tax = random_between(random, 0, 8),
        .commit_day = day + (int)random_between(random, 30, 90),
        .mode = PICK(random, MODES),
    };
    line.price = line.quantity * part_price(line.part);
    return line;
}

static void write_order(const SsbScale *scale, int64_t order, Out *out) {
    Random random = random_stream(STREAM_ORDER, (uint64_t)order);
    int day = (int)random_between(&random, 0, LAST_ORDER_DAY);
    int64_t customer = random_between(&random, 1, scale->customers);
    const char *priority = PICK(&random, PRIORITIES);
    int count = (int)random_between(&random, 1, LINES_MAX);
    Line lines[LINES_MAX];
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        lines[i] = make_line(scale, day, &random);
        total += lines[i].price * (100 - lines[i].discount) * (100 + lines[i].tax) / 10000;
    }
    for (int i = 0; i < count; i++) {
        const Line *line = &lines[i];
        out_number(out, order / 8 * 32 + order % 8 + 1);
        out_number(out, i + 1);
        out_number(out, customer);
        out_number(out, line->part);
        out_number(out, line->supplier);
        out_number(out, ssb_date_key(day));
        out_string(out, priority);
        out_number(out, 0);
        out_number(out, line->quantity);
        out_number(out, line->price);
        out_number(out, total);
        out_number(out, line->discount);
        out_number(out, line->price * (100 - line->discount) / 100);
        out_number(out, part_price(line->part) * 6 / 10);
        out_number(out, line->tax);
        out_number(out, ssb_date_key(line->commit_day));
        out_string(out, line->mode);
        out_end_row(out);
    }
}

static int64_t date_units(const SsbScale *scale) {
    (void)scale;
    return SSB_DAYS;
}

const SsbTable SSB_TABLES[] = {
    {"date", date_units, ssb_write_date},         {"supplier", supplier_units, write_supplier},
    {"customer", customer_units, write_customer}, {"part", part_units, write_part},
    {"lineorder", order_units, write_order},
};
const int SSB_TABLE_COUNT = COUNT(SSB_TABLES);
