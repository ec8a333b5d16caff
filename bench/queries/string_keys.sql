select o_clerk, o_orderpriority, count(*) as orders, sum(o_totalprice) as value
from orders
where o_orderstatus <> 'P'
group by o_clerk, o_orderpriority;
