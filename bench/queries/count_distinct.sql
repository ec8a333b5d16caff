select l_returnflag, count(distinct l_suppkey) as suppliers, count(distinct l_partkey) as parts
from lineitem
group by l_returnflag
order by l_returnflag;
