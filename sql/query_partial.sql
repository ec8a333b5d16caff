-- Parts of statements that cannot run whole; q_few is made by query_joins.
SELECT same('SELECT k, s, rank() OVER (ORDER BY s, k) FROM (SELECT k, sum(i8) AS s FROM q_all GROUP BY k) x');
SELECT same('SELECT x.k, x.a, row_number() OVER (ORDER BY x.k) FROM (SELECT k, avg(n) AS a, max(t) AS m, count(*) FROM q_all GROUP BY k ORDER BY sum(id)) x WHERE x.k > 3');
SELECT same('WITH s AS (SELECT t, c, count(*) AS n, max(ts) AS m FROM q_all GROUP BY t, c) SELECT a.*, lag(b.n) OVER (ORDER BY a.t, a.c) FROM s a JOIN s b ON a.t = b.t AND a.c = b.c');
SELECT same('WITH s AS MATERIALIZED (SELECT id, i4 FROM q_all WHERE id < 30) SELECT id, sum(i4) OVER (ORDER BY id) FROM s WHERE id > 20');
SELECT same('SELECT g FROM generate_series(1, (SELECT count(*) FROM q_all WHERE i4 < -48000)) g');
SELECT same('SELECT g, g IN (SELECT max(id) FROM q_all GROUP BY k) FROM generate_series(4980.0, 5003) g');
SELECT same('SELECT g FROM generate_series(4980.0, 5003) g WHERE g NOT IN (SELECT id FROM q_all WHERE id % 3 = 0)');
SELECT same('SELECT ARRAY(SELECT DISTINCT k FROM q_all ORDER BY k), g FROM generate_series(1.0, 2) g');
SELECT same('WITH RECURSIVE r AS (SELECT min(id) AS i, 0 AS d FROM q_all UNION ALL SELECT r.i + x.n::int, d + 1 FROM r, (SELECT count(*) AS n FROM q_all GROUP BY k LIMIT 1) x WHERE d < 5) SELECT * FROM r');
SELECT same('SELECT f.id, x.n FROM q_few f JOIN (SELECT k, count(*) AS n FROM q_all GROUP BY k) x ON x.k = f.k FOR UPDATE OF f');
SELECT same('SELECT x.k, x.n, y.n, random() >= 0 FROM (SELECT k, count(*) AS n FROM q_all GROUP BY k) x LEFT JOIN (SELECT k, sum(u) AS n FROM q_all GROUP BY k) y USING (k)');
SELECT same('SELECT x.n, generate_series(1, 3) FROM (SELECT count(*) AS n, sum(n0) FROM q_all UNION ALL SELECT max(id), 1 FROM q_few) x');
-- conditions from outside stay outside; those of a row that is read more than once too
SELECT same('SELECT x.k, count(*) OVER () FROM (SELECT k, t, count(*) AS n FROM q_all GROUP BY k, t) x WHERE x.k = 4 AND x.n > 10 AND x.t <> ''date''');
SELECT same('SELECT f.id, x.s, sum(x.s) OVER (ORDER BY f.id) FROM q_few f FULL JOIN (SELECT k, sum(id) AS s FROM q_all GROUP BY k) x ON f.id = x.k WHERE coalesce(f.id, x.k) = 3');
SELECT same('SELECT g, (SELECT sum(s.n) FROM (SELECT k, count(*) AS n FROM q_all GROUP BY k) s WHERE s.k = g) FROM generate_series(0.0, 12) g');
SELECT same('SELECT g, s.* FROM generate_series(0.0, 3) g CROSS JOIN LATERAL (SELECT k, g + count(*) FROM q_all GROUP BY k) s');
-- a part that PostgreSQL has to answer, or that is never asked
SELECT same('SELECT k, s, rank() OVER (ORDER BY s, k) FROM (SELECT k, sum(2147483647 / (i4 - i4 / 2 * 2 + 5)) AS s FROM q_all GROUP BY k) x');
SELECT same('SELECT x.s, row_number() OVER () FROM (SELECT sum(nw * 1e18) AS s, max(9223372036854775807 - id) FROM q_all) x');
SELECT same('SELECT x.id, count(*) OVER () FROM (SELECT id, 1 / (id - 1000) AS q FROM q_all ORDER BY id LIMIT 2000) x');
SELECT same('SELECT g, CASE WHEN g > 5 THEN (SELECT max(1 / (id - id)) FROM q_all) END FROM generate_series(1.0, 3) g');
SELECT same('SELECT x.q, random() < 2 FROM (SELECT id, 1 / (id - 1000) AS q FROM q_all OFFSET 0) x LIMIT 5');
SELECT same('SELECT g, x.q FROM generate_series(1.0, 3) g LEFT JOIN LATERAL (SELECT y.q FROM (SELECT k, sum(nw * 1e18) AS q FROM q_all GROUP BY k ORDER BY k) y WHERE y.k = g) x ON true');
SET tqp.force = on;
SELECT x.q, rank() OVER (ORDER BY x.q) FROM (SELECT k, sum(1 / (id - 1000)) AS q FROM q_all GROUP BY k) x;
SELECT outcome, reason FROM tqp.query_log WHERE pid = pg_backend_pid() ORDER BY at DESC LIMIT 1;

-- where the parts stand
SET tqp.isa = scalar;
SET tqp.threads = 1;
EXPLAIN (COSTS OFF) SELECT k, s, rank() OVER (ORDER BY s, k) FROM (SELECT k, sum(i8) AS s FROM q_all GROUP BY k) x;
EXPLAIN (COSTS OFF) SELECT g FROM generate_series(1.0, 3) g WHERE g IN (SELECT max(id) FROM q_all GROUP BY k);
EXPLAIN (COSTS OFF) WITH s AS (SELECT k, count(*) AS n FROM q_all GROUP BY k) SELECT a.k, sum(b.n) OVER () FROM s a, s b;
EXPLAIN (COSTS OFF, VERBOSE) SELECT x.m, row_number() OVER () FROM (SELECT max(t) AS m FROM q_all GROUP BY k ORDER BY k) x;

-- statements that modify data read what was there before them
CREATE TABLE q_source AS SELECT * FROM q_all;
VACUUM ANALYZE q_source;
CREATE TABLE q_part (k int PRIMARY KEY, n numeric, s bigint);
EXPLAIN (COSTS OFF) INSERT INTO q_part SELECT k, sum(n), count(*) FROM q_source GROUP BY k;
EXPLAIN (COSTS OFF) DELETE FROM q_part WHERE s > (SELECT avg(s) FROM q_part);
CREATE FUNCTION modify() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE q_part;
    INSERT INTO q_source (id, k, i2) VALUES (6000, 77, 1), (6001, 78, 2);
    INSERT INTO q_part SELECT k, sum(n), count(*) FROM q_source GROUP BY k;
    INSERT INTO q_part SELECT max(k) + 1, sum(n), count(*) FROM q_part;
    RETURN QUERY SELECT 'inserted ' || p FROM q_part p ORDER BY k;
    UPDATE q_part p SET n = x.n, s = x.c + (SELECT sum(s) FROM q_part)
      FROM (SELECT k, max(n) AS n, count(*) AS c FROM q_source GROUP BY k) x WHERE x.k = p.k;
    RETURN QUERY SELECT 'updated ' || p FROM q_part p ORDER BY k;
    RETURN QUERY WITH x AS (SELECT k, min(i4) AS m FROM q_source GROUP BY k)
    DELETE FROM q_part p USING x WHERE x.k = p.k AND x.m = (SELECT min(m) FROM x) RETURNING 'first deleted ' || p;
    DELETE FROM q_part WHERE s < (SELECT avg(s) FROM q_part);
    RETURN QUERY SELECT 'left ' || p FROM q_part p ORDER BY k;
    RETURN QUERY WITH moved AS (DELETE FROM q_part WHERE k > 3 RETURNING k)
    SELECT count(*) || ' moved, seen ' || (SELECT sum(s) FROM q_part) FROM moved;
    INSERT INTO q_part SELECT k, sum(n), count(*) FROM q_source GROUP BY k HAVING k > 4 ON CONFLICT (k) DO UPDATE SET s = -1;
    MERGE INTO q_part p USING (SELECT k, count(*) AS c FROM q_source GROUP BY k) x ON x.k = p.k
      WHEN MATCHED THEN UPDATE SET s = x.c WHEN NOT MATCHED THEN INSERT VALUES (x.k, 0, x.c);
    RETURN QUERY SELECT 'merged ' || p FROM q_part p ORDER BY k;
    DELETE FROM q_source WHERE id > 5000;
END $$;
SET tqp.enabled = off;
CREATE TEMP TABLE rows_off AS SELECT row_number() OVER () AS i, m FROM modify() m;
SET tqp.enabled = on;
CREATE TEMP TABLE rows_on AS SELECT row_number() OVER () AS i, m FROM modify() m;
SELECT outcome, reason, query FROM tqp.query_log WHERE pid = pg_backend_pid() AND query ~ '(INSERT|UPDATE|DELETE|MERGE|WITH)' ORDER BY at DESC LIMIT 8;
SELECT count(*), count(*) FILTER (WHERE a.m IS DISTINCT FROM b.m) AS different FROM rows_off a FULL JOIN rows_on b USING (i);
DROP TABLE rows_off, rows_on;
DROP FUNCTION modify();
-- prepared, with a parameter inside; rescans and cursors
PREPARE q_part_prepared(int) AS
    SELECT k, s, rank() OVER (ORDER BY s) FROM (SELECT k, sum(id) AS s FROM q_all WHERE id > $1 GROUP BY k) x ORDER BY k LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXECUTE q_part_prepared(0);
EXECUTE q_part_prepared(4990);
EXECUTE q_part_prepared(NULL);
RESET plan_cache_mode;
DEALLOCATE q_part_prepared;
BEGIN;
DECLARE c SCROLL CURSOR FOR
    SELECT k, s, lead(s) OVER (ORDER BY k) FROM (SELECT k, sum(id) AS s FROM q_all GROUP BY k) x;
FETCH 3 c;
FETCH BACKWARD 2 c;
FETCH LAST c;
COMMIT;
-- the caller's privileges hold inside a part
CREATE ROLE q_part_role;
GRANT SELECT ON q_few TO q_part_role;
SET ROLE q_part_role;
SELECT x.k, rank() OVER () FROM (SELECT k, count(*) FROM q_all GROUP BY k) x;
RESET ROLE;
DROP OWNED BY q_part_role;
DROP ROLE q_part_role;
DROP TABLE q_part, q_source;
RESET tqp.force;
RESET tqp.isa;
RESET tqp.threads;
