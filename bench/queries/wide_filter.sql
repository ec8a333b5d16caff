select l_orderkey, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax,
       l_returnflag, l_linestatus, l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode,
       l_comment
from lineitem
where l_shipdate between date '1994-03-01' and date '1994-03-14'
  and l_discount >= 0.05
  and l_quantity > 20;
