/* Orders and their line items, which are made together: an order's price and status are its lines'.
 */
#ifndef TPCHGEN_ORDERS_H
#define TPCHGEN_ORDERS_H

#include "tables.h"

int64_t order_units(const Scale *scale);
void write_order(const Scale *scale, int64_t order, Out *out);
void write_lineitems(const Scale *scale, int64_t order, Out *out);

/* Of tables.c: what a line item takes from its part. nth is 0 to 3. */
int64_t part_price_cents(int64_t part);
int64_t part_supplier(const Scale *scale, int64_t part, int nth);

#endif
