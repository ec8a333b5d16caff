-- Text in random order becomes codes where it repeats; distinct values by the thousand.
SET tqp.threads = 2;
CREATE TABLE many (g int, name text COLLATE "C", lone text COLLATE "C", v bigint, f float8);
INSERT INTO many
SELECT i % 7000, 'name ' || (hashint4(i) & 2147483647) % 50000, 'only ' || i,
       nullif(hashint4(i)::bigint * 1000003, 0), (hashint4(i + 7) & 2147483647) % 90000 / 8.0
  FROM generate_series(1, 200000) i;
VACUUM (FREEZE, ANALYZE) many;
SELECT rows_cached, row_groups > 2 AS several FROM tqp.load('many');

-- 50,000 names, and no row group that could tell them from unique strings by itself
SELECT column_name, tqp.explain(format('SELECT count(DISTINCT %I) FROM many', column_name), 'program') ~ 'load u(16|32) ' AS coded
  FROM unnest('{name,lone}'::text[]) column_name;
SELECT column_name, rows_checked, mismatches FROM tqp.verify('many');
SELECT same('SELECT count(*), sum(n), sum(s), min(m), max(t) FROM
             (SELECT name, count(*) n, sum(v) s, min(lone) m, max(name) t FROM many GROUP BY name) x');
SELECT same('SELECT name, lone FROM many WHERE name LIKE ''name 4999%'' AND name > ''name 49990''');

-- of all rows, of many groups and of few, of groups with known numbers and by hash
SELECT same('SELECT count(DISTINCT name), count(DISTINCT lone), count(DISTINCT v), sum(DISTINCT v) FROM many');
SELECT same('SELECT g, count(DISTINCT name), count(DISTINCT v), sum(DISTINCT v) FROM many GROUP BY g');
SELECT same('SELECT g * 2.5, count(DISTINCT lone), count(DISTINCT f) FILTER (WHERE v > 0) FROM many GROUP BY 1');
SELECT same('SELECT g % 5, count(DISTINCT f), sum(DISTINCT f) FROM many WHERE v < 0 GROUP BY 1');
SELECT same('SELECT count(*), sum(n), sum(m) FROM
             (SELECT lone, count(DISTINCT f) n, count(DISTINCT name) m FROM many GROUP BY lone) x');
SELECT same('SELECT count(DISTINCT v), count(DISTINCT name) FROM many WHERE v IS NULL');

-- rows that are not in the cache, with new strings
UPDATE many SET name = 'new ' || name WHERE v % 1000 = 1;
SELECT same('SELECT count(*), sum(n), max(name) FROM (SELECT name, count(*) n FROM many GROUP BY name) x');
SELECT same('SELECT g % 100, count(DISTINCT name), count(DISTINCT lone) FROM many GROUP BY 1');

-- a limit that does not hold the values: PostgreSQL's answer
SET tqp.memory_limit = '4MB';
SELECT same('SELECT count(DISTINCT v), count(DISTINCT lone) FROM many');
RESET tqp.memory_limit;
DROP TABLE many;
RESET tqp.threads;
