select extract(year from l_shipdate) as year,
       extract(month from l_shipdate) as month,
       count(*) as lines,
       sum(l_extendedprice * (1 - l_discount)) as revenue
from lineitem
group by extract(year from l_shipdate), extract(month from l_shipdate)
order by year, month;
