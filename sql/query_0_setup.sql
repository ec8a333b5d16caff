-- Tables of every type with NULLs and extremes, and same(): a query with tqp off and on, compared.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tqp;
RESET client_min_messages;

CREATE TABLE q_all (
    id int NOT NULL,
    b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8,
    n numeric(12,2), n0 numeric(9,0), nw numeric(30,6),
    d date, ti time, ts timestamp, tz timestamptz,
    t text, v varchar(20), c char(6), tc text COLLATE "C",
    k int NOT NULL, u numeric);
INSERT INTO q_all
SELECT i,
       CASE i % 7 WHEN 0 THEN NULL ELSE i % 3 = 0 END,
       CASE WHEN i % 11 = 0 THEN NULL ELSE (i * 37 % 2000 - 1000)::int2 END,
       CASE WHEN i % 13 = 0 THEN NULL ELSE i * 7919 % 100000 - 50000 END,
       CASE WHEN i % 17 = 0 THEN NULL ELSE i::int8 * 1000000007 % 100000000000 END,
       CASE WHEN i % 19 = 0 THEN NULL ELSE (i % 1000)::float4 / 8 END,
       CASE WHEN i % 23 = 0 THEN NULL ELSE (i * 31 % 5000)::float8 / 16 - 100 END,
       CASE WHEN i % 29 = 0 THEN NULL ELSE (i * 7 % 100000)::numeric / 100 - 300 END,
       i * 3 % 1000,
       CASE WHEN i % 5 = 0 THEN NULL ELSE i::numeric * 123456789012345.678901 END,
       CASE WHEN i % 31 = 0 THEN NULL ELSE date '1995-01-01' + i % 2000 END,
       time '00:00' + (i * 17 % 86400) * interval '1 second',
       CASE WHEN i % 37 = 0 THEN NULL ELSE timestamp '1999-12-31 22:00' + i * interval '37 minutes' END,
       timestamptz '2001-02-03 04:05:06+00' + i * interval '13 hours',
       CASE WHEN i % 41 = 0 THEN NULL
            ELSE (ARRAY['apple','Banana','cherry','date','','Ünïcode','zebra %','under_score'])[i % 8 + 1] END,
       CASE WHEN i % 43 = 0 THEN NULL ELSE 'item ' || i % 100 END,
       CASE WHEN i % 47 = 0 THEN NULL ELSE (ARRAY['a','bb','ccc','dd  ','eeeeee'])[i % 5 + 1] END,
       md5((i % 50)::text),
       i % 10,
       CASE WHEN i % 3 = 0 THEN i::numeric / 7 ELSE i END
  FROM generate_series(1, 5000) i;
CREATE TABLE q_empty (LIKE q_all);
CREATE TABLE q_one (LIKE q_all);
INSERT INTO q_one SELECT * FROM q_all WHERE id = 42;
VACUUM ANALYZE q_all, q_empty, q_one;
SELECT rows_cached, row_groups, blocks_not_visible FROM tqp.load('q_all');

/* The rows of a query as text, in order. */
CREATE FUNCTION rows_of(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    r record;
    found text[] := '{}';
BEGIN
    FOR r IN EXECUTE query LOOP
        found := found || r::text;
    END LOOP;
    RETURN found;
END $$;

/*
 * How the query ran, how many rows it gave, and how many of them differ from PostgreSQL's own.  They
 * are compared as text, so that scales and padding count; in order when there is an ORDER BY, unless told.
 */
CREATE FUNCTION same(query text, ordered bool DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
    off_rows text[];
    on_rows text[];
    different bigint;
BEGIN
    PERFORM set_config('tqp.enabled', 'off', true);
    off_rows := rows_of(query);
    PERFORM set_config('tqp.enabled', 'on', true), set_config('tqp.force', 'on', true);
    on_rows := rows_of(query);
    PERFORM set_config('tqp.enabled', 'off', true);
    SELECT l.outcome || coalesce(': ' || l.reason, '') INTO outcome FROM tqp.query_log l
     WHERE pid = pg_backend_pid() AND l.query = same.query ORDER BY at DESC LIMIT 1;
    IF NOT coalesce(ordered, query ILIKE '%order by%') THEN
        off_rows := ARRAY(SELECT x FROM unnest(off_rows) x ORDER BY x COLLATE "C");
        on_rows := ARRAY(SELECT x FROM unnest(on_rows) x ORDER BY x COLLATE "C");
    END IF;
    SELECT count(*) INTO different
      FROM unnest(off_rows, on_rows) AS u(a, b) WHERE a IS DISTINCT FROM b;
    RETURN format('%s, %s rows%s', coalesce(outcome, 'not seen'), cardinality(on_rows),
                  CASE WHEN different > 0 THEN format(', %s DIFFERENT', different) END);
END $$;
