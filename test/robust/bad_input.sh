#!/bin/bash
# Bad input to the SQL functions and the settings: PostgreSQL's own kind of errors, with SQLSTATE
# and, where one can help, a hint; and the server lives.
. "$(dirname "$0")/lib.sh"
start_cluster "fsync = off"
mark=$(wc -c <"$dir/log")
fresh robust_bad_input
q -d postgres "DROP ROLE IF EXISTS robust_nobody" >/dev/null
q "CREATE ROLE robust_nobody LOGIN;
   CREATE TABLE plain (a int, b text, j jsonb, n numeric);
   INSERT INTO plain SELECT g, 'x' || g, '{}', g FROM generate_series(1, 1000) g;
   CREATE INDEX plain_a ON plain (a);
   CREATE VIEW plain_view AS SELECT * FROM plain;
   CREATE SEQUENCE some_sequence;
   CREATE UNLOGGED TABLE unlogged_table (a int);
   CREATE TABLE parts (a int) PARTITION BY RANGE (a);
   CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
   CREATE TYPE composite AS (a int);
   CREATE TABLE empty_table (a int);
   CREATE TABLE no_columns ();
   CREATE EXTENSION file_fdw;
   CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
   CREATE FOREIGN TABLE foreign_table (a text) SERVER files OPTIONS (filename '/dev/null');
   CREATE MATERIALIZED VIEW stored_view AS SELECT a FROM plain"
q "VACUUM plain" "VACUUM stored_view" "VACUUM parts_1" >/dev/null

# ---- tqp.load ----
raises "load of an unknown table" 42P01 "" "SELECT tqp.load('no_such_table')"
raises "load of an unknown column" 42703 hint "SELECT tqp.load('plain', ARRAY['nope'])"
raises "load of a column in the wrong case" 42703 hint "SELECT tqp.load('plain', ARRAY['A'])"
raises "load of a system column" 0A000 hint "SELECT tqp.load('plain', ARRAY['ctid'])"
raises "load of no column" 22023 hint "SELECT tqp.load('plain', ARRAY[]::text[])"
raises "load of a null column" 22004 "" "SELECT tqp.load('plain', ARRAY[NULL]::text[])"
raises "load of numeric without scale" 0A000 hint "SELECT tqp.load('plain', ARRAY['n'])"
raises "load of a view" 42809 hint "SELECT tqp.load('plain_view')"
raises "load of a foreign table" 42809 hint "SELECT tqp.load('foreign_table')"
raises "load of a partitioned table" 42809 hint "SELECT tqp.load('parts')"
raises "load of a sequence" 42809 hint "SELECT tqp.load('some_sequence')"
raises "load of an index" 42809 hint "SELECT tqp.load('plain_a')"
raises "load of a composite type" 42809 hint "SELECT tqp.load('composite')"
raises "load of an unlogged table" 0A000 hint "SELECT tqp.load('unlogged_table')"
raises "load of a temporary table" 0A000 hint \
    "CREATE TEMP TABLE t (a int); SELECT tqp.load('t')"
raises "load of a catalog" 0A000 hint "SELECT tqp.load('pg_class')"
raises "load of a shared catalog" 0A000 hint "SELECT tqp.load('pg_database')"
raises "load of an OID that is none" 42P01 "" "SELECT tqp.load(4294967295::oid::regclass)"
is "load of null" "$(q "SELECT tqp.load(NULL::regclass) IS NULL")" t
is "load of an empty table" "$(q "SELECT (tqp.load('empty_table')).rows_cached")" 0
is "load of a table without columns" "$(q "SELECT (tqp.load('no_columns')).columns_cached" | tail -1)" 0
is "load of a materialized view" "$(q "SELECT (tqp.load('stored_view')).rows_cached")" 1000
is "load of a partition" "$(q "SELECT (tqp.load('parts_1')).rows_cached")" 0
is "load of a jsonb column" "$(q "SELECT (tqp.load('plain', ARRAY['j'])).columns_cached")" 1
q "SELECT tqp.unload('plain')" >/dev/null
is "load of the same column twice" \
    "$(q "SELECT (tqp.load('plain', ARRAY['a', 'a'])).columns_cached")" 1
raises "load of a table made in this transaction" 55000 hint \
    "CREATE TABLE made (a int); INSERT INTO made VALUES (1); SELECT tqp.load('made')"
is "a query of a table made in this transaction" \
    "$(q "SET tqp.force = on; CREATE TABLE made (a int); INSERT INTO made VALUES (1);
          SELECT sum(a) FROM made")" 1

# ---- privileges ----
for function in load unload verify; do
    raises "$function without privilege" 42501 "" \
        "SET ROLE robust_nobody; SELECT tqp.$function('plain')"
done
raises "load of a column without privilege" 42501 "" \
    "SET ROLE robust_nobody; SELECT tqp.load('plain', ARRAY['b'])"
q "GRANT SELECT (a) ON plain TO robust_nobody"
raises "load of all columns with privilege for one" 42501 "" \
    "SET ROLE robust_nobody; SELECT tqp.load('plain', ARRAY['a', 'b'])"
is "load of a column with privilege" \
    "$(q "SET ROLE robust_nobody; SELECT (tqp.load('plain', ARRAY['a'])).rows_cached")" 1000
raises "a query without privilege" 42501 "" \
    "SET tqp.force = on; SET ROLE robust_nobody; SELECT sum(length(b)) FROM plain"
raises "cache_size by an ordinary user" 42501 "" \
    "SET ROLE robust_nobody; SET tqp.cache_size = '1GB'"
raises "preload_add by an ordinary user" 42501 "" \
    "SET ROLE robust_nobody; SELECT tqp.preload_add()"

# ---- settings ----
for setting in threads min_cost memory_limit cache_size worker_naptime refresh_share; do
    raises "negative tqp.$setting" "\(22023\|55P02\)" "" "SET tqp.$setting = -1"
done
raises "absurd tqp.threads" 22023 "" "SET tqp.threads = 100000000"
raises "tqp.threads that is no number" 22023 "" "SET tqp.threads = 'many'"
raises "tqp.memory_limit beyond its range" 22023 hint "SET tqp.memory_limit = '90000TB'"
raises "tqp.min_cost that is no number" 22023 "" "SET tqp.min_cost = 'NaN'"
raises "unknown tqp.isa" 22023 hint "SET tqp.isa = 'mmx'"
raises "unknown tqp.backend" 22023 hint "SET tqp.backend = 'tpu'"
raises "unknown rewrite" 22023 "" "SET tqp.disabled_passes = 'no_such_rewrite'"
raises "tqp.enable_gpu" 0A000 hint "SET tqp.enable_gpu = on"
raises "unknown setting" 42602 "" "SET tqp.no_such_setting = 1"
is "tqp.threads = 1024 works" "$(q "SET tqp.threads = 1024; SET tqp.force = on; SELECT sum(a) FROM plain")" 500500
is "tqp.min_cost = 0 works" "$(q "SET tqp.min_cost = 0; SELECT sum(a) FROM plain")" 500500
is "tqp.cache_size = 0 works" \
    "$(q "SET tqp.cache_size = 0; SET tqp.force = on; SELECT sum(length(b)) FROM plain")" 3893
raises "load beyond tqp.cache_size" 53400 hint \
    "SET tqp.cache_size = 0; SELECT tqp.load('plain', ARRAY['b'])"

# ---- the other functions ----
raises "tqp.explain of an unknown stage" 22023 hint \
    "SELECT * FROM tqp.explain('SELECT sum(a) FROM plain', 'no_such_stage')"
raises "tqp.explain of a syntax error" 42601 "" "SELECT * FROM tqp.explain('SELEC 1', 'ir')"
raises "verify of a view" 42809 hint "SELECT * FROM tqp.verify('plain_view')"
raises "unload of a view" 42809 hint "SELECT tqp.unload('plain_view')"
is "unload" "$(q "SELECT tqp.unload('plain')")" t
is "unload of what is not there" "$(q "SELECT tqp.unload('plain')")" f

# ---- PostgreSQL's own errors stay its own ----
q "SELECT tqp.load('plain', ARRAY['a', 'b'])" >/dev/null
export PGOPTIONS="-c tqp.force=on"
raises "division by zero" 22012 "" "SELECT sum(1 / (a - 500)) FROM plain"
raises "integer overflow" 22003 "" "SELECT sum(a * 2000000000) FROM plain"
raises "invalid cast" 22P02 "" "SELECT sum(b::int) FROM plain"
raises "unknown column" 42703 "" "SELECT sum(nope) FROM plain"
raises "negative LIMIT" 2201W "" "SELECT a FROM plain ORDER BY a LIMIT -1"
raises "negative OFFSET" 2201X "" "SELECT a FROM plain ORDER BY a OFFSET -1"
unset PGOPTIONS
is "no crash" "$(tail -c +$((mark + 1)) "$dir/log" | grep -c -e 'terminated by signal' -e PANIC)" 0
q -d postgres "DROP DATABASE robust_bad_input WITH (FORCE)" "DROP ROLE robust_nobody" >/dev/null
q -d postgres "DROP ROLE IF EXISTS robust_nobody" >/dev/null
finish
