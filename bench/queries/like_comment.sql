select count(*), sum(l_quantity), min(l_shipdate), max(l_shipdate)
from lineitem
where l_comment like '%special%requests%';
