select l_orderkey, sum(l_quantity) as quantity, count(*) as lines
from lineitem
group by l_orderkey
having sum(l_quantity) > 300;
