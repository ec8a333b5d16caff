/* Customers, parts, suppliers and the small tables. Value ranges: TPC-H specification, 4.2.3. */
#include "tables.h"

#include "names.h"
#include "orders.h"
#include "text.h"

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

enum { STREAM_SUPPLIER = 1, STREAM_PART, STREAM_PARTSUPP, STREAM_CUSTOMER, STREAM_SMALL };

Scale scale_make(double factor, const char *text) {
    /* 4 suppliers at least: a part has 4 different ones. 3 customers: each third one orders
     * nothing. */
    Scale scale = {
        .factor = factor,
        .suppliers = (int64_t)(factor * 10000) > 4 ? (int64_t)(factor * 10000) : 4,
        .parts = (int64_t)(factor * 200000) > 1 ? (int64_t)(factor * 200000) : 1,
        .customers = (int64_t)(factor * 150000) > 3 ? (int64_t)(factor * 150000) : 3,
        .orders = (int64_t)(factor * 1500000) > 1 ? (int64_t)(factor * 1500000) : 1,
        .clerks = (int64_t)(factor * 1000) > 1 ? (int64_t)(factor * 1000) : 1,
        .text = text,
    };
    return scale;
}

int64_t part_price_cents(int64_t part) {
    return 90000 + part / 10 % 20001 + 100 * (part % 1000);
}

/* Suppliers of a part lie a quarter of all suppliers apart. At odd scales this stride can bring the
 * same supplier twice; then it is lengthened. */
int64_t part_supplier(const Scale *scale, int64_t part, int nth) {
    int64_t count = scale->suppliers;
    int64_t stride = count / 4 + (part - 1) / count;
    while (stride % count == 0 || 2 * stride % count == 0 || 3 * stride % count == 0) {
        stride++;
    }
    return (part + nth * stride) % count + 1;
}

static void out_comment(const Scale *scale, Random *random, int low, int high, Out *out) {
    size_t length;
    const char *text = text_pick(scale->text, random, low, high, &length);
    out_bytes(out, text, length);
}

static void out_address(Random *random, Out *out) {
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ, ";
    char address[40];
    size_t length = (size_t)random_between(random, 10, 40);
    for (size_t i = 0; i < length; i++) {
        address[i] = letters[random_between(random, 0, 63)];
    }
    out_bytes(out, address, length);
}

static void out_phone(Random *random, int64_t nation, Out *out) {
    char phone[64];
    int length =
        snprintf(phone, sizeof(phone), "%d-%d-%d-%d", (int)nation + 10,
                 (int)random_between(random, 100, 999), (int)random_between(random, 100, 999),
                 (int)random_between(random, 1000, 9999));
    out_bytes(out, phone, (size_t)length);
}

/* One supplier in 2000 is complained of and one is recommended: Q16 looks for them. */
static void out_supplier_comment(const Scale *scale, int64_t supplier, Random *random, Out *out) {
    char comment[100];
    size_t length;
    const char *text = text_pick(scale->text, random, 25, 100, &length);
    memcpy(comment, text, length);
    const char *verdict = supplier % 2000 == 7     ? "Complaints"
                          : supplier % 2000 == 507 ? "Recommends"
                                                   : NULL;
    if (verdict) {
        size_t gap = (size_t)random_between(random, 1, (int64_t)length - 18);
        memcpy(comment, "Customer", 8);
        memcpy(comment + 7 + gap, verdict, 10);
    }
    out_bytes(out, comment, length);
}

static int64_t region_units(const Scale *scale) {
    (void)scale;
    return COUNT(REGIONS);
}

static void write_region(const Scale *scale, int64_t row, Out *out) {
    Random random = random_stream(STREAM_SMALL, (uint64_t)row);
    out_number(out, row - 1);
    out_string(out, REGIONS[row - 1]);
    out_comment(scale, &random, 31, 115, out);
    out_end_row(out);
}

static int64_t nation_units(const Scale *scale) {
    (void)scale;
    return COUNT(NATIONS);
}

static void write_nation(const Scale *scale, int64_t row, Out *out) {
    Random random = random_stream(STREAM_SMALL, 1000 + (uint64_t)row);
    out_number(out, row - 1);
    out_string(out, NATIONS[row - 1].name);
    out_number(out, NATIONS[row - 1].region);
    out_comment(scale, &random, 31, 114, out);
    out_end_row(out);
}

static int64_t supplier_units(const Scale *scale) {
    return scale->suppliers;
}

static void write_supplier(const Scale *scale, int64_t row, Out *out) {
    Random random = random_stream(STREAM_SUPPLIER, (uint64_t)row);
    int64_t nation = random_between(&random, 0, COUNT(NATIONS) - 1);
    out_number(out, row);
    out_tagged(out, "Supplier#", row);
    out_address(&random, out);
    out_number(out, nation);
    out_phone(&random, nation, out);
    out_cents(out, random_between(&random, -99999, 999999));
    out_supplier_comment(scale, row, &random, out);
    out_end_row(out);
}

static int64_t customer_units(const Scale *scale) {
    return scale->customers;
}

static void write_customer(const Scale *scale, int64_t row, Out *out) {
    Random random = random_stream(STREAM_CUSTOMER, (uint64_t)row);
    int64_t nation = random_between(&random, 0, COUNT(NATIONS) - 1);
    out_number(out, row);
    out_tagged(out, "Customer#", row);
    out_address(&random, out);
    out_number(out, nation);
    out_phone(&random, nation, out);
    out_cents(out, random_between(&random, -99999, 999999));
    out_string(out, SEGMENTS[random_between(&random, 0, COUNT(SEGMENTS) - 1)]);
    out_comment(scale, &random, 29, 116, out);
    out_end_row(out);
}

/* Five different colours. */
static void out_part_name(Random *random, Out *out) {
    char name[80];
    int chosen[5];
    int length = 0;
    for (int i = 0; i < 5; i++) {
        bool again;
        do {
            chosen[i] = (int)random_between(random, 0, COUNT(COLOURS) - 1);
            again = false;
            for (int j = 0; j < i; j++) {
                again |= chosen[j] == chosen[i];
            }
        } while (again);
        length += snprintf(name + length, sizeof(name) - (size_t)length, i ? " %s" : "%s",
                           COLOURS[chosen[i]]);
    }
    out_bytes(out, name, (size_t)length);
}

static int64_t part_units(const Scale *scale) {
    return scale->parts;
}

static void write_part(const Scale *scale, int64_t row, Out *out) {
    Random random = random_stream(STREAM_PART, (uint64_t)row);
    int maker = (int)random_between(&random, 1, 5);
    char text[64];
    out_number(out, row);
    out_part_name(&random, out);
    snprintf(text, sizeof(text), "Manufacturer#%d", maker);
    out_string(out, text);
    snprintf(text, sizeof(text), "Brand#%d%d", maker, (int)random_between(&random, 1, 5));
    out_string(out, text);
    const char *size = TYPE_SIZES[random_between(&random, 0, COUNT(TYPE_SIZES) - 1)];
    const char *finish = TYPE_FINISHES[random_between(&random, 0, COUNT(TYPE_FINISHES) - 1)];
    const char *metal = TYPE_METALS[random_between(&random, 0, COUNT(TYPE_METALS) - 1)];
    snprintf(text, sizeof(text), "%s %s %s", size, finish, metal);
    out_string(out, text);
    out_number(out, random_between(&random, 1, 50));
    const char *box = BOX_SIZES[random_between(&random, 0, COUNT(BOX_SIZES) - 1)];
    snprintf(text, sizeof(text), "%s %s", box,
             BOX_KINDS[random_between(&random, 0, COUNT(BOX_KINDS) - 1)]);
    out_string(out, text);
    out_cents(out, part_price_cents(row));
    out_comment(scale, &random, 5, 22, out);
    out_end_row(out);
}

static void write_partsupp(const Scale *scale, int64_t part, Out *out) {
    Random random = random_stream(STREAM_PARTSUPP, (uint64_t)part);
    for (int nth = 0; nth < 4; nth++) {
        out_number(out, part);
        out_number(out, part_supplier(scale, part, nth));
        out_number(out, random_between(&random, 1, 9999));
        out_cents(out, random_between(&random, 100, 100000));
        out_comment(scale, &random, 49, 198, out);
        out_end_row(out);
    }
}

const Table TABLES[] = {
    {"region", region_units, write_region},       {"nation", nation_units, write_nation},
    {"supplier", supplier_units, write_supplier}, {"part", part_units, write_part},
    {"partsupp", part_units, write_partsupp},     {"customer", customer_units, write_customer},
    {"orders", order_units, write_order},         {"lineitem", order_units, write_lineitems},
};
const int TABLE_COUNT = COUNT(TABLES);
