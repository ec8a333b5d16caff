select p_brand, count(*) as parts, sum(p_retailprice) as price, avg(p_size) as size
from part
where p_name like '%green%' and p_name not like 'dark%'
group by p_brand
order by p_brand;
