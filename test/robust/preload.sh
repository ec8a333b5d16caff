#!/bin/bash
# CREATE and DROP EXTENSION and session_preload_libraries: other entries are kept, ours is appended
# and taken out again, databases without the extension do not notice, dump and restore work.
. "$(dirname "$0")/lib.sh"
start_cluster "fsync = off"
mark=$(wc -c <"$dir/log")

# What the database itself sets; empty when it sets nothing.
setting() {
    q -d postgres "SELECT c FROM pg_db_role_setting s, unnest(setconfig) c, pg_database d
        WHERE s.setdatabase = d.oid AND setrole = 0 AND datname = '$1' AND c LIKE 'session_preload%'"
}
shown() { q -d "$1" "SHOW session_preload_libraries"; }
# Is the library loaded in a new session of the database, before anything of it is called?
active() { q -d "$1" "SELECT count(*) FROM pg_settings WHERE name = 'tqp.enabled'"; }
make_db() {
    q -d postgres "DROP DATABASE IF EXISTS $1 WITH (FORCE)" >/dev/null
    q -d postgres "CREATE DATABASE $1" >/dev/null
}

make_db robust_one
make_db robust_two
make_db robust_other
is "before: not loaded" "$(active robust_one)" 0
q -d robust_one "CREATE EXTENSION tqp"
is "created: set for the database" "$(setting robust_one)" "session_preload_libraries=tqp"
is "created: loaded by a new session" "$(active robust_one)" 1
is "created: a session sees it" "$(shown robust_one)" tqp
is "another database is as it was" "$(setting robust_other)$(active robust_other)" 0
q -d robust_one "DROP EXTENSION tqp"
is "dropped: the setting is gone" "$(setting robust_one)" ""
is "dropped: not loaded" "$(active robust_one)" 0
q -d robust_one "CREATE EXTENSION tqp"
is "created again" "$(setting robust_one)$(active robust_one)" "session_preload_libraries=tqp1"
q -d robust_one "BEGIN; DROP EXTENSION tqp; ROLLBACK"
is "DROP rolled back: still set" "$(setting robust_one)" "session_preload_libraries=tqp"
q -d robust_one "DROP SCHEMA tqp CASCADE" >/dev/null 2>&1
is "DROP SCHEMA tqp is refused or takes the extension and the setting with it" \
    "$(q -d robust_one "SELECT count(*) FROM pg_extension WHERE extname = 'tqp'")-$(setting robust_one | wc -l)" \
    "$(if [ -n "$(setting robust_one)" ]; then echo 1-1; else echo 0-0; fi)"

# ---- entries of others ----
q -d postgres "ALTER DATABASE robust_two SET session_preload_libraries = 'auto_explain', 'pg_stat_statements'"
before=$(setting robust_two)
q -d robust_two "CREATE EXTENSION tqp"
is "others are kept, in order" "$(setting robust_two | tr -d ' ')" \
    "session_preload_libraries=auto_explain,pg_stat_statements,tqp"
is "others: loaded" "$(q -d robust_two "SELECT count(*) FROM pg_settings
    WHERE name IN ('tqp.enabled', 'auto_explain.log_min_duration')")" 2
q -d robust_two "DROP EXTENSION tqp"
is "others are restored" "$(setting robust_two)" "$before"
q -d postgres "ALTER DATABASE robust_two SET session_preload_libraries = 'tqp', 'auto_explain'"
q -d robust_two "CREATE EXTENSION tqp"
is "ours is not added twice" "$(setting robust_two | tr -d ' ')" \
    "session_preload_libraries=tqp,auto_explain"
q -d robust_two "DROP EXTENSION tqp"
is "removed from the front" "$(setting robust_two)" "session_preload_libraries=auto_explain"
q -d postgres "ALTER DATABASE robust_two RESET session_preload_libraries"
q -d postgres "ALTER DATABASE robust_two SET work_mem = '8MB'"
q -d robust_two "CREATE EXTENSION tqp"
q -d robust_two "DROP EXTENSION tqp"
is "other settings of the database are kept" "$(q -d robust_two "SHOW work_mem")" 8MB

# A value of postgresql.conf: the database's own takes its place, so it must be carried over.
start_cluster "fsync = off" "session_preload_libraries = 'auto_explain'"
q -d robust_two "CREATE EXTENSION tqp"
is "the server's entries are carried over" "$(shown robust_two | tr -d ' ')" "auto_explain,tqp"
q -d robust_two "DROP EXTENSION tqp"
is "dropped: the server's entries hold" "$(shown robust_two)" auto_explain
start_cluster "fsync = off" "shared_preload_libraries = 'tqp'"
q -d robust_two "CREATE EXTENSION tqp"
is "with shared_preload_libraries too" "$(active robust_two)" 1
q -d robust_two "DROP EXTENSION tqp"
is "inert in a database without the extension" \
    "$(q -d robust_other "SET tqp.force = on; CREATE TABLE IF NOT EXISTS u AS SELECT 1 AS a;
       EXPLAIN (COSTS OFF) SELECT sum(a) FROM u" | grep -c Tqp)" 0

# ---- only superusers ----
q -d postgres "DROP ROLE IF EXISTS robust_owner" "CREATE ROLE robust_owner" >/dev/null
PGDATABASE=robust_other raises "CREATE EXTENSION by an ordinary user" 42501 hint \
    "SET ROLE robust_owner; CREATE EXTENSION tqp"

# ---- dump and restore ----
make_db robust_one
q -d robust_one "CREATE EXTENSION tqp"
q -d robust_one "CREATE TABLE t AS SELECT g AS a, 'v' || g AS b FROM generate_series(1, 20000) g"
q -d robust_one "VACUUM ANALYZE t" "SELECT tqp.load('t')" >/dev/null
pg_dump -Fc -d robust_one >"${TMPDIR:-/tmp}/tqp-robust.dump"
is "the dump names the extension" \
    "$(pg_restore -f - "${TMPDIR:-/tmp}/tqp-robust.dump" | grep -c 'CREATE EXTENSION.*tqp')" 1
is "the dump holds no object of its schema" \
    "$(pg_restore -f - "${TMPDIR:-/tmp}/tqp-robust.dump" | grep -c 'CREATE FUNCTION tqp\|CREATE VIEW tqp')" 0
make_db robust_two
pg_restore -d robust_two "${TMPDIR:-/tmp}/tqp-robust.dump" || fail "pg_restore"
rm -f "${TMPDIR:-/tmp}/tqp-robust.dump"
is "restored: set for the new database" "$(setting robust_two)" "session_preload_libraries=tqp"
q -d robust_two "VACUUM ANALYZE t"
is "restored: a query" "$(q -d robust_two "SET tqp.force = on; SELECT sum(a), count(DISTINCT b) FROM t")" \
    "200010000|20000"
is "restored: offloaded" "$(q -d robust_two "SET tqp.force = on; EXPLAIN SELECT sum(a) FROM t" | grep -c TqpScan)" 1
is "CREATE DATABASE TEMPLATE" "$(q -d postgres "DROP DATABASE robust_other" \
    "CREATE DATABASE robust_other TEMPLATE robust_two"; q -d robust_other "SET tqp.force = on; SELECT sum(a) FROM t")" 200010000

# ---- the library is gone: what doc/operations.md says ----
q -d postgres "ALTER DATABASE robust_other SET session_preload_libraries = 'no_such_library'"
is "a missing library keeps sessions out" \
    "$(q -d robust_other "SELECT 1" | grep -c 'could not access file')" 1
is "PGOPTIONS lets a superuser in" \
    "$(PGOPTIONS="-c session_preload_libraries=" q -d robust_other "SELECT 1")" 1
q -d postgres "ALTER DATABASE robust_other RESET session_preload_libraries"
is "RESET from another database lets everybody in" "$(q -d robust_other "SELECT 1")" 1

# ---- files ----
oid=$(q -d postgres "SELECT oid FROM pg_database WHERE datname = 'robust_one'")
cache=$dir/data/pgsql_tmp_tqp
is "a loaded database has files" "$(find "$cache/$oid" -name manifest | wc -l)" 1
is "files are the owner's alone" "$(find "$cache" -perm /077 | wc -l)" 0
q -d robust_one "DROP EXTENSION tqp"
is "DROP EXTENSION removes the files" "$(find "$cache/$oid" -type f 2>/dev/null | wc -l)" 0
is "no crash" "$(tail -c +$((mark + 1)) "$dir/log" | grep -c -e 'terminated by signal' -e PANIC)" 0
for db in robust_one robust_two robust_other; do
    q -d postgres "DROP DATABASE IF EXISTS $db WITH (FORCE)" >/dev/null
done
q -d postgres "DROP ROLE robust_owner"
finish
