-- EXPLAIN in every form, reasons of declined queries, tqp.explain.
CREATE TABLE q_plan WITH (autovacuum_enabled = off) AS
    SELECT id, k, i4, n FROM q_all WHERE id <= 2000;
VACUUM ANALYZE q_plan;
SELECT rows_cached, row_groups, blocks_not_visible FROM tqp.load('q_plan');
-- the steps of a program are the binder's affair: one line of them stands for all
CREATE FUNCTION explained(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    in_steps boolean := false;
BEGIN
    FOR line IN EXECUTE command LOOP
        line := regexp_replace(line, 'bytes [0-9]+', 'bytes N');
        IF line !~ '^ {5,}[a-z_0-9]+ .*\(rows in=[0-9]+ out=[0-9]+\)$' THEN
            RETURN NEXT line;
            in_steps := false;
        ELSIF NOT in_steps THEN
            RETURN NEXT '       (steps)';
            in_steps := true;
        END IF;
    END LOOP;
END $$;
SET tqp.force = on;
SET tqp.isa = 'scalar';
SET tqp.threads = 1;
EXPLAIN (COSTS OFF) SELECT sum(n) FROM q_all WHERE d < '1996-01-01' AND k = 3;
EXPLAIN (COSTS OFF, VERBOSE) SELECT k, avg(n) AS a, upper(max(tc)) FROM q_all GROUP BY k HAVING avg(n) > 1 ORDER BY a DESC LIMIT 3;
EXPLAIN (COSTS OFF, VERBOSE) SELECT k, count(*) FROM q_all GROUP BY k ORDER BY k DESC LIMIT 2;
SELECT explained('EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) SELECT k, count(*) FROM q_plan WHERE i4 > 0 GROUP BY k ORDER BY k');
SELECT explained('EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM q_plan WHERE id > 5000');
-- what is shared is shown once and counted once
SELECT explained('EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) WITH x AS (SELECT k, count(*) AS c FROM q_plan GROUP BY k) SELECT count(*) FROM x a, x b WHERE a.c <= b.k');
DELETE FROM q_plan WHERE id = 1;
SELECT explained('EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) SELECT avg(n) FROM q_plan');
EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) SELECT sum(n) FROM q_plan WHERE n * n * 1e33 < 0;
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT count(*) FROM q_all WHERE k = 3;
EXPLAIN (COSTS OFF, FORMAT YAML, VERBOSE) SELECT count(*) FROM q_all WHERE k = 3;
EXPLAIN (COSTS OFF, FORMAT XML) SELECT count(*) FROM q_all;
-- declined
EXPLAIN (COSTS OFF, VERBOSE) SELECT bit_and(k) FROM q_one;
EXPLAIN (COSTS OFF, VERBOSE, FORMAT JSON) SELECT id FROM q_one TABLESAMPLE SYSTEM (100);
EXPLAIN (COSTS OFF) SELECT bit_and(k) FROM q_one;
-- below the cost gate: nothing is said
RESET tqp.force;
EXPLAIN (COSTS OFF, VERBOSE) SELECT count(*) FROM q_one;
SET enable_seqscan = off; -- adds 1e10 to the cost
EXPLAIN (COSTS OFF, VERBOSE) SELECT count(*) FROM q_all;
RESET enable_seqscan;
SET tqp.min_cost = 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM q_one;
RESET tqp.min_cost;

SELECT tqp.explain('SELECT k, sum(n) FROM q_all WHERE i4 > 5 GROUP BY k HAVING k > 3 ORDER BY 2 DESC LIMIT 3', 'lowered');
SELECT tqp.explain('SELECT k, sum(n) FROM q_all WHERE i4 > 5 GROUP BY k HAVING k > 3 ORDER BY 2 DESC LIMIT 3');
SELECT tqp.explain('SELECT count(*) FROM q_plan WHERE k = 3', 'program') LIKE 'pipeline 0: relation 0%eq_ri%aggregate%collect%';
SELECT tqp.explain('SELECT bit_and(k) FROM q_all');
SELECT tqp.explain('DELETE FROM q_all');
SELECT tqp.explain('SELECT 1; SELECT 2');
SELECT tqp.explain('SELECT k FROM q_all', 'assembler');
DROP FUNCTION explained;
DROP TABLE q_plan;
