select l_suppkey,
       count(*) as lines,
       sum(l_extendedprice * (1 - l_discount)) as revenue,
       avg(l_quantity) as quantity,
       max(l_shipdate) as last
from lineitem
group by l_suppkey;
