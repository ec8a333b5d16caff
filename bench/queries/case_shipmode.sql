select l_shipmode,
       sum(case when l_shipinstruct = 'NONE' then 0 else 1 end) as instructed,
       sum(case when l_receiptdate > l_commitdate then l_extendedprice else 0 end) as late_value,
       count(*) filter (where l_returnflag = 'R') as returned
from lineitem
where l_shipmode like '%AIR%' or l_shipmode in ('MAIL', 'SHIP')
group by l_shipmode
order by l_shipmode;
