-- Every example of src/pg/declines.def is declined for the reason that it stands for.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tqp;
RESET client_min_messages;
CREATE SCHEMA declined;
SET search_path = declined;
CREATE COLLATION loosely (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE ACCESS METHOD another_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TYPE pair AS (left_one int, right_one int);
CREATE TABLE t (
    id int PRIMARY KEY, k int, n numeric(12,2), fine numeric(38,36), hundreds numeric(5,-2), u numeric, x float8,
    s text, byte_order text COLLATE "C", posix_order text COLLATE "POSIX",
    loose text COLLATE loosely, c char(6), wide char(9),
    d date, ts timestamp, tz timestamptz, i interval, a int[], p pair);
CREATE TABLE r (id int, k int, s text);
CREATE TABLE keyed (id int PRIMARY KEY);
CREATE TABLE no_columns ();
CREATE SEQUENCE z;
CREATE TABLE other_method (k int) USING another_heap;
CREATE TEMPORARY TABLE temporary (k int);
CREATE UNLOGGED TABLE unlogged (k int);
INSERT INTO t (id, k, n) VALUES (1, 1, 1);
CREATE TEMPORARY TABLE declines (id text PRIMARY KEY, reason text NOT NULL UNIQUE, example text);
\copy declines FROM PROGRAM 'test/declined.sh rows'

/* The reason for which a statement is declined, or how else it is planned. */
CREATE FUNCTION reason_of(example text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    parameters text := (SELECT string_agg('NULL', ', ') FROM regexp_matches(example, '\$\d', 'g'));
    planned text := 'EXPLAIN (VERBOSE, COSTS OFF) ' || example;
BEGIN
    IF parameters IS NOT NULL THEN
        EXECUTE 'PREPARE p AS ' || example;
        planned := 'EXPLAIN (VERBOSE, COSTS OFF) EXECUTE p(' || parameters || ')';
    END IF;
    FOR line IN EXECUTE planned LOOP
        EXIT WHEN line ~ 'TQP: |^Custom Scan';
    END LOOP;
    IF parameters IS NOT NULL THEN
        DEALLOCATE p;
        RETURN (SELECT reason FROM tqp.query_log WHERE pid = pg_backend_pid() AND query = 'PREPARE p AS ' || example
                 ORDER BY at DESC LIMIT 1);
    END IF;
    RETURN regexp_replace(line, '^ *TQP: declined: |; runs in part$', '', 'g');
EXCEPTION WHEN OTHERS THEN
    RETURN 'error: ' || sqlerrm;
END $$;

SET tqp.force = on;
SET plan_cache_mode = force_generic_plan;
SELECT count(*) > 70 AS many FROM declines WHERE example <> '';
SELECT id, example, found
  FROM declines, LATERAL reason_of(example) AS found
 WHERE example <> '' AND
       coalesce(found, '') !~ ('^(column \w+: |)' || replace(regexp_replace(reason, '([.?*+()|\[\]{}^$\\])', '\\\1', 'g'), '%s', '.+') || '$')
 ORDER BY id;
RESET plan_cache_mode;
RESET tqp.force;
SET client_min_messages = warning;
DROP SCHEMA declined CASCADE;
DROP ACCESS METHOD another_heap CASCADE;
