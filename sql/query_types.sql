-- Domains act as their base types; every other type is carried as its bytes: uuid, bytea and enums compared,
-- the rest given back, counted, and met by functions of PostgreSQL.
CREATE TYPE o_mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE o_mood ADD VALUE 'meh' BEFORE 'ok';
CREATE TYPE o_pair AS (x int, y text);
CREATE DOMAIN o_posint AS int CHECK (VALUE > 0);
CREATE DOMAIN o_money AS numeric(12,2);
CREATE DOMAIN o_name AS varchar(10);
CREATE DOMAIN o_code AS char(5);
CREATE TABLE o_all (id int, u uuid, bt bytea, e o_mood, j jsonb, js json, a int[], at text[], iv interval, ip inet, r int4range, p o_pair, pt point, o oid, ch "char", mo money, tt timetz, bi bit(9), xx xid, nm name, di o_posint, dn o_money, dv o_name, dc o_code, rc regclass);
INSERT INTO o_all SELECT i, CASE WHEN i % 7 > 0 THEN md5((i % 100)::text)::uuid END, CASE WHEN i % 5 > 0 THEN decode(md5((i % 50)::text) || '00', 'hex') ELSE '' END,
  (enum_range(NULL::o_mood))[i % 5], CASE WHEN i % 3 > 0 THEN jsonb_build_object('k', i % 4, 'v', repeat('x', i % 10 * 300)) END, json_build_object('k', i), ARRAY[i, NULL, i % 3], ARRAY['a' || i % 3, 'b'],
  i % 40 * interval '1 day 1 hour', ('10.0.0.' || i % 200)::inet, int4range(i % 9, i % 9 + 5), ROW(i, 'p' || i % 3)::o_pair, point(i, 0.5), (i % 10)::oid, chr(65 + i % 26)::"char", (i % 100)::money, '12:00+02'::timetz + i % 10 * interval '1 hour',
  (i % 512)::bit(9), (i % 11)::text::xid, ('n' || i % 20)::name, i % 30 + 1, (i % 1000)::numeric / 100, 'v' || i % 30, 'c' || i % 9, CASE WHEN i % 2 = 0 THEN 'pg_class'::regclass ELSE 'pg_proc'::regclass END
  FROM generate_series(1, 3000) i;
INSERT INTO o_all (id) VALUES (3001);
INSERT INTO o_all (id, bt, j) SELECT 4000, decode(string_agg(md5(i::text), ''), 'hex'), jsonb_object_agg(i, md5(i::text)) FROM generate_series(1, 2000) i;
VACUUM o_all;
-- from the heap
SELECT same('SELECT * FROM o_all ORDER BY id');
SELECT same('SELECT id, u, e, j, iv, a FROM o_all WHERE u = ''a87ff679-a2f3-e71d-9181-a67b7542122c'' OR bt > ''\xf000'' OR e = ''meh'' OR u IN (''c81e728d-9d4c-2f63-6f06-7f89cc14862c'', NULL) ORDER BY id');
SELECT same('SELECT u, count(*), count(j), max(id) FROM o_all WHERE u > ''80000000-0000-0000-0000-000000000000'' GROUP BY u ORDER BY u');
SELECT same('SELECT DISTINCT u, bt FROM o_all ORDER BY bt DESC NULLS LAST, u');
SELECT same('SELECT e, count(*), count(DISTINCT u), count(DISTINCT bt) FROM o_all GROUP BY e ORDER BY e');
SELECT same('SELECT e, count(*) FROM o_all WHERE e > ''meh'' AND e IS DISTINCT FROM ''ok'' GROUP BY e');
SELECT same('SELECT count(*) FROM o_all WHERE e::text LIKE ''%a%'' AND j->>''k'' = ''2'' AND j IS NOT NULL');
SELECT same('SELECT j->>''k'' AS k, at[1] AS x, count(*) FROM o_all WHERE id <= 3000 GROUP BY 1, 2');
SELECT same('SELECT count(*) FROM o_all WHERE iv > interval ''10 days'' AND ip << ''10.0.0.0/26'' AND r @> 5 AND ''a1'' = ANY (at) AND nm = ''n3''');
SELECT same('SELECT id FROM o_all ORDER BY iv, id LIMIT 20');
SELECT same('SELECT sum(di), avg(dn), max(dv), min(dc), sum(dn * di), count(DISTINCT dv) FROM o_all');
SELECT same('SELECT dv, dc, dn, di, count(*) FROM o_all WHERE di > 10 AND dv LIKE ''v1%'' AND dn < 5.005 AND dc = ''c3'' GROUP BY dv, dc, dn, di');
SELECT same('SELECT id, dc || ''|'', dc FROM o_all WHERE upper(dv) = ''V3''');
SELECT same('SELECT id, CASE WHEN id % 2 = 0 THEN u END, coalesce(e, ''sad''), coalesce(bt, ''\x00''), nullif(u, ''a87ff679-a2f3-e71d-9181-a67b7542122c''), greatest(u, ''80000000-0000-0000-0000-000000000000'') FROM o_all');
SELECT same('SELECT id, length(bt), j FROM o_all WHERE id > 3000');
-- no equality or order that the engine knows
SELECT same('SELECT j, count(*) FROM o_all GROUP BY j');
SELECT same('SELECT DISTINCT a FROM o_all');
SELECT same('SELECT count(DISTINCT iv) FROM o_all');
SELECT same('SELECT max(iv) FROM o_all');
SELECT same('SELECT id FROM o_all WHERE greatest(e, ''ok'') = ''happy''');
-- from the cache
SELECT rows_cached, row_groups, blocks_not_visible FROM tqp.load('o_all');
SELECT count(*), sum(mismatches) FROM tqp.verify('o_all');
SELECT same('SELECT * FROM o_all ORDER BY id');
SELECT same('SELECT id, u, e, j, iv, a FROM o_all WHERE u = ''a87ff679-a2f3-e71d-9181-a67b7542122c'' OR bt > ''\xf000'' OR e = ''meh'' OR u IN (''c81e728d-9d4c-2f63-6f06-7f89cc14862c'', NULL) ORDER BY id');
SELECT same('SELECT u, count(*), count(j), max(id) FROM o_all WHERE u > ''80000000-0000-0000-0000-000000000000'' GROUP BY u ORDER BY u');
SELECT same('SELECT DISTINCT u, bt FROM o_all ORDER BY bt DESC NULLS LAST, u');
SELECT same('SELECT e, count(*), count(DISTINCT u), count(DISTINCT bt) FROM o_all GROUP BY e ORDER BY e');
SELECT same('SELECT e, count(*) FROM o_all WHERE e > ''meh'' AND e IS DISTINCT FROM ''ok'' GROUP BY e');
SELECT same('SELECT count(*) FROM o_all WHERE e::text LIKE ''%a%'' AND j->>''k'' = ''2'' AND j IS NOT NULL');
SELECT same('SELECT j->>''k'' AS k, at[1] AS x, count(*) FROM o_all WHERE id <= 3000 GROUP BY 1, 2');
SELECT same('SELECT count(*) FROM o_all WHERE iv > interval ''10 days'' AND ip << ''10.0.0.0/26'' AND r @> 5 AND ''a1'' = ANY (at) AND nm = ''n3''');
SELECT same('SELECT id FROM o_all ORDER BY iv, id LIMIT 20');
SELECT same('SELECT sum(di), avg(dn), max(dv), min(dc), sum(dn * di), count(DISTINCT dv) FROM o_all');
SELECT same('SELECT dv, dc, dn, di, count(*) FROM o_all WHERE di > 10 AND dv LIKE ''v1%'' AND dn < 5.005 AND dc = ''c3'' GROUP BY dv, dc, dn, di');
SELECT same('SELECT id, dc || ''|'', dc FROM o_all WHERE upper(dv) = ''V3''');
SELECT same('SELECT id, CASE WHEN id % 2 = 0 THEN u END, coalesce(e, ''sad''), coalesce(bt, ''\x00''), nullif(u, ''a87ff679-a2f3-e71d-9181-a67b7542122c''), greatest(u, ''80000000-0000-0000-0000-000000000000'') FROM o_all');
SELECT same('SELECT id, length(bt), j FROM o_all WHERE id > 3000');
-- no equality or order that the engine knows
SELECT same('SELECT j, count(*) FROM o_all GROUP BY j');
SELECT same('SELECT DISTINCT a FROM o_all');
SELECT same('SELECT count(DISTINCT iv) FROM o_all');
SELECT same('SELECT max(iv) FROM o_all');
SELECT same('SELECT id FROM o_all WHERE greatest(e, ''ok'') = ''happy''');
-- parameters and labels that change
PREPARE by_uuid(uuid) AS SELECT count(*) FROM o_all WHERE u = $1;
PREPARE by_mood(o_mood) AS SELECT count(*), min(e::text) FROM o_all WHERE e = $1;
SET tqp.force = on;
EXECUTE by_uuid('a87ff679-a2f3-e71d-9181-a67b7542122c');
EXECUTE by_mood('meh');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_uuid('a87ff679-a2f3-e71d-9181-a67b7542122c');
EXECUTE by_mood('meh');
ALTER TYPE o_mood RENAME VALUE 'meh' TO 'so so';
EXECUTE by_mood('so so');
RESET tqp.force;
SELECT same('SELECT e, e::text || ''!'' AS x, count(*) FROM o_all GROUP BY 1, 2');
-- a table without a column of another kind, and values that a new column has without being stored
CREATE TABLE o_only (j jsonb);
INSERT INTO o_only SELECT jsonb_build_object('i', i) FROM generate_series(1, 100) i;
ALTER TABLE o_only ADD e o_mood DEFAULT 'ok', ADD u uuid DEFAULT 'a87ff679-a2f3-e71d-9181-a67b7542122c', ADD iv interval DEFAULT '1 day';
VACUUM o_only;
SELECT same('SELECT count(*) FROM o_only');
SELECT same('SELECT * FROM o_only WHERE e = ''ok''');
DROP TABLE o_only, o_all;
DEALLOCATE ALL;
DROP DOMAIN o_posint, o_money, o_name, o_code;
DROP TYPE o_mood, o_pair;
