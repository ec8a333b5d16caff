#!/bin/bash
# The project's own regression files (sql/*.sql), run with tqp.enabled = off and with tqp.force = on
# against the server that PGHOST and PGPORT name: each statement's answers are compared by
# core_compare.py, whose exemptions are the rows own/... in doc/check-core.md.  Settings of these two
# in the files are dropped.  Fails on a difference, and when fewer than MIN statements more ran on the
# engine with it forced (those of same() and its like run there in both).
#
# usage: test/on_off.sh [DIR]       (build/on_off)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
work=$(realpath -m "${1:-$here/../build/on_off}")
psql=$("${PG_CONFIG:-pg_config}" --bindir)/psql
least=${MIN:-80}

# run NAME OPTIONS: prints how many statements ran on the engine
run() {
    local out=$work/$1/own/results total=0 script
    mkdir -p "$out"
    "$psql" -XqAt -d postgres -c "DROP DATABASE IF EXISTS tqp_on_off" \
        -c "CREATE DATABASE tqp_on_off TEMPLATE template0 ENCODING 'UTF8'" 2>/dev/null
    "$psql" -XqAt -d tqp_on_off -c 'CREATE EXTENSION tqp'
    for script in "$work"/tests/own/sql/*.sql; do
        PGOPTIONS="$2" PGTZ=PST8PDT PGDATESTYLE='Postgres, MDY' "$psql" -Xaq -d tqp_on_off \
            -v count="$work/count" -f "$script" -f "$work/count.sql" \
            >"$out/$(basename "$script" .sql).out" 2>&1 || true
        total=$((total + $(cat "$work/count")))
    done
    echo "$total"
}

rm -rf "$work"
mkdir -p "$work/tests/own/sql"
for script in "$here"/../sql/*.sql; do
    sed -E 's/^(SET|RESET) tqp\.(enabled|force)\b[^;]*;//' "$script" \
        >"$work/tests/own/sql/$(basename "$script")"
done
cat >"$work/count.sql" <<'EOF'
\pset format unaligned
\pset tuples_only on
\o :count
SELECT count(*) FROM tqp.query_log WHERE pid = pg_backend_pid() AND outcome = 'offloaded';
EOF
plain=$(run plain '-c tqp.enabled=off -c tqp.force=on')
forced=$(run forced '-c tqp.force=on')
"$psql" -XqAt -d postgres -c 'DROP DATABASE tqp_on_off'
same=0
"$here/core_compare.py" "$work" own forced || same=$?
echo "on the engine: $plain statements with tqp off, $forced with it forced"
[ $((forced - plain)) -ge "$least" ] || {
    echo "on_off.sh: less than $least statements more on the engine"
    same=1
}
exit "$same"
