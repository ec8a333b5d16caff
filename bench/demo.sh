#!/bin/bash
# tqp shown on one page: a private PostgreSQL with TPC-H-shaped data, a few queries with tqp off
# and on, the times and whether the answers agree. Exits non-zero when an answer differs.
#
# Environment: SF, the scale (0.1, which is 600 thousand line items); TQP_DEMO_DIR, where the
# cluster goes (demo-data in the checkout); PG_CONFIG; MAKE.
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd -P)
root=${bench%/*}
scale=${SF:-0.1}
queries=(tpch/q01 tpch/q06 like_comment like_name case_shipmode group_suppkey count_distinct top_n)
runs=3
export PG_CONFIG=${PG_CONFIG:-pg_config}

# shellcheck source=/dev/null
. "$bench/data.sh"

step() {
    printf '\n== %s\n' "$*"
}

step "Debian packages"
"$root/test/setup.sh" demo
echo "  all there"

# Who owns the cluster, and so where it can be, is known when PostgreSQL is installed.
demo_dir=${TQP_DEMO_DIR:-$("$root/test/cluster.sh" place demo-data)}
work=$(mktemp -d)
# shellcheck disable=SC2317  # called by the trap
finish() {
    local status=$?
    rm -rf "$work"
    if [ "$status" -ne 0 ]; then
        echo "The demo ended with an error. The server's log is $demo_dir/log;"
        echo "'make demo-stop' removes everything."
    fi
}
trap finish EXIT

build_and_install() {
    "${MAKE:-make}" -C "$root" -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG"
    "${MAKE:-make}" -C "$bench/tpchgen" -s
    local sudo=()
    if [ ! -w "$("$PG_CONFIG" --pkglibdir)" ]; then sudo=(sudo); fi
    "${sudo[@]}" "${MAKE:-make}" -C "$root" -s PG_CONFIG="$PG_CONFIG" install
}

start_server() {
    "$root/test/cluster.sh" remove "$demo_dir"
    "$root/test/cluster.sh" start "$demo_dir" "shared_preload_libraries = 'tqp'" \
        "shared_buffers = 512MB" "work_mem = 64MB" "maintenance_work_mem = 256MB" \
        "max_wal_size = 4GB" "max_parallel_workers_per_gather = $(($(nproc) > 1 ? $(nproc) : 2))"
    eval "$("$root/test/cluster.sh" env "$demo_dir")"
    psql -X -q -c 'CREATE DATABASE demo'
    export PGDATABASE=demo
}

load_cache() {
    psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION tqp'
    local table
    for table in "${TPCH_TABLES[@]}"; do
        printf '  %-9s ' "$table"
        psql -X -v ON_ERROR_STOP=1 -At -x -F = \
            -c "SELECT * FROM tqp.load('$table')" | paste -sd ' '
    done
}

# run_query NAME on|off: leaves the answer in $work/NAME.on|off and prints the median time in
# milliseconds, as psql's \timing sees it: the whole statement, all rows fetched.
run_query() {
    local name=$1 mode=$2 statement
    statement=$(cat "$bench/queries/$name.sql")
    {
        echo "SET tqp.enabled = $mode;"
        printf '\\o %s\n%s\n\\timing on\n' "$work/${name##*/}.$mode" "$statement"
        for ((i = 0; i < runs; i++)); do printf '\\o /dev/null\n%s\n' "$statement"; done
    } | psql -X -q -At -v ON_ERROR_STOP=1 | awk '/^Time:/ { print $2 }' | sort -n |
        sed -n "$((runs / 2 + 1))p"
    # Without ORDER BY the order of rows is free.
    if ! grep -qi 'order by' "$bench/queries/$name.sql"; then
        LC_ALL=C sort -o "$work/${name##*/}.$mode" "$work/${name##*/}.$mode"
    fi
}

# Says who really ran a query: a silent fallback would prove nothing.
ran_on() {
    if psql -X -At -c "EXPLAIN $(cat "$bench/queries/$1.sql")" | grep -q TqpScan; then
        echo tqp
    else
        echo PostgreSQL
    fi
}

compare_queries() {
    local name off on same ratio status=0
    printf '  %-16s %14s %10s %8s  %-11s %s\n' query 'PostgreSQL ms' 'tqp ms' ratio 'ran on' \
        'same answer'
    for name in "${queries[@]}"; do
        off=$(run_query "$name" off)
        on=$(run_query "$name" on)
        same=yes
        # No time means that the statement failed.
        if [ -z "$off" ] || [ -z "$on" ] || ! cmp -s "$work/${name##*/}.off" "$work/${name##*/}.on"; then
            same=NO
            status=1
        fi
        ratio=$(awk -v off="${off:-0}" -v on="${on:-0}" \
            'BEGIN { if (on > 0) printf "%.1fx", off / on; else print "-" }')
        printf '  %-16s %14s %10s %8s  %-11s %s\n' "${name##*/}" "${off:--}" "${on:--}" "$ratio" \
            "$(ran_on "$name")" "$same"
    done
    return "$status"
}

say_how_to_play() {
    cat <<TEXT

== Play
The server is running. Connect to it:

    psql -h $PGHOST -p $PGPORT -U postgres demo

and try, for example:

    \\timing on
    SELECT l_shipmode, count(*), avg(l_extendedprice) FROM lineitem GROUP BY l_shipmode;
    SET tqp.enabled = off;     -- PostgreSQL's own plan; run the query again, then set it on
    EXPLAIN (ANALYZE, VERBOSE) SELECT count(*) FROM orders WHERE o_comment LIKE '%special%';
    UPDATE lineitem SET l_quantity = 1 WHERE l_orderkey = 1;   -- queries see it at once
    SELECT * FROM tqp.query_log;

The statements of the table above are in $bench/queries.
'make demo-stop' stops the server and removes $demo_dir.
TEXT
}

step "building and installing tqp"
build_and_install
step "a private PostgreSQL in $demo_dir"
start_server
step "TPC-H-shaped data, scale $scale"
tpch_load "$scale"
step "CREATE EXTENSION tqp, then tqp.load(table)"
load_cache
step "tqp off and on: medians of $runs warm runs, the whole statement in psql"
same=0
compare_queries || same=1
step "EXPLAIN ANALYZE of q06"
psql -X -At -c "EXPLAIN (ANALYZE) $(cat "$bench/queries/tpch/q06.sql")"
say_how_to_play
exit "$same"
