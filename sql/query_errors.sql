-- Errors are PostgreSQL's own; anomalies replay; permissions and settings.
SET tqp.force = on;
SET tqp.isa = 'scalar';
SET tqp.threads = 1;

-- overflow, division by zero, invalid input: after a replay PostgreSQL raises, or not
SELECT i4 / (k - 3) FROM q_all WHERE k >= 3 ORDER BY 1;
SELECT sum(i4 * 1000000) FROM q_all;
SELECT i2 * 100::int2 FROM q_all;
SELECT i8 * 1000000000 FROM q_all;
SELECT f8 / (f8 - f8) FROM q_all;
SELECT avg(f8 * 1e200) FROM q_all;
SELECT exp(f8 * 1000) FROM q_all WHERE f8 > 10;
SELECT n / (k - 3) FROM q_all;
SELECT avg(n) / 0 FROM q_all;
SELECT i4::int2 FROM q_all;
SELECT count(*) FROM q_all WHERE t LIKE 'a\';
SELECT count(*) FROM q_all LIMIT -1;
SELECT count(*) FROM q_all WHERE 1 / (k - 5) > 0;
SELECT CASE WHEN k <> 5 THEN 1 / (k - 5) ELSE 0 END, count(*) FROM q_all GROUP BY 1 ORDER BY 1;

-- a replay is shown, and its answer is PostgreSQL's
CREATE TABLE q_odd (a numeric(10,2), b int);
INSERT INTO q_odd SELECT i, i FROM generate_series(1, 1000) i;
SELECT sum(a), count(*) FROM q_odd;
INSERT INTO q_odd VALUES ('NaN', 0);
SELECT sum(a), count(*) FROM q_odd;
SELECT count(*) FROM q_odd WHERE a > 999;
SET tqp.memory_limit = '1MB';
SELECT count(*) FROM (VALUES (1)) v;
SELECT count(*), count(DISTINCT id::text) FROM q_all;
RESET tqp.memory_limit;
DROP TABLE q_odd;

-- permissions: table, column, function
CREATE ROLE regress_q_reader;
SET ROLE regress_q_reader;
SELECT count(*) FROM q_all;
RESET ROLE;
GRANT SELECT (id, k) ON q_all TO regress_q_reader;
SET ROLE regress_q_reader;
SET tqp.force = on;
SELECT count(k), sum(id) FROM q_all;
SELECT sum(n) FROM q_all;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION int4pl(int, int) FROM PUBLIC;
SET ROLE regress_q_reader;
SELECT sum(id + k) FROM q_all;
RESET ROLE;
GRANT EXECUTE ON FUNCTION int4pl(int, int) TO PUBLIC;
-- row-level security keeps PostgreSQL's plan
GRANT SELECT ON q_all TO regress_q_reader;
ALTER TABLE q_all ENABLE ROW LEVEL SECURITY;
CREATE POLICY q_policy ON q_all USING (k = 1);
SET ROLE regress_q_reader;
SELECT count(*) FROM q_all;
RESET ROLE;
SELECT count(*) FROM q_all;
DROP POLICY q_policy ON q_all;
ALTER TABLE q_all DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON q_all FROM regress_q_reader;
DROP ROLE regress_q_reader;

-- settings
SET tqp.threads = -1;
SET tqp.memory_limit = '10kB';
SET tqp.min_cost = -5;
SET tqp.isa = 'neon';
SET tqp.backend = 'cuda';
SET tqp.disabled_passes = 'column_pruning, nonsense';
SET tqp.enable_gpu = on;
SET tqp.nonsense = 1;
SET tqp.disabled_passes = 'column_pruning, predicate_pushdown';
SELECT k, count(*) FROM q_all WHERE i4 > 0 GROUP BY k HAVING k > 7 ORDER BY k;
SET tqp.disabled_passes = 'constant_folding, canonicalise';
SELECT k, count(*) FROM q_all WHERE i4 > 0 GROUP BY k HAVING k > 7 ORDER BY k;
RESET tqp.disabled_passes;
SET tqp.backend = 'ref';
SELECT k, count(*) FROM q_all WHERE i4 > 0 GROUP BY k HAVING k > 7 ORDER BY k;
RESET tqp.backend;
