# shellcheck shell=bash
# Sourced by the demo: TPC-H tables made by tpchgen and copied into the database that psql's
# environment (PGHOST, PGPORT, PGUSER, PGDATABASE) names.

TPCH_TABLES=(region nation supplier part partsupp customer orders lineitem)

# tpch_load SCALE: creates, fills and indexes the eight tables, telling how far it is.
tpch_load() {
    local scale=$1 here=${BASH_SOURCE[0]%/*} table started
    psql -X -q -v ON_ERROR_STOP=1 -f "$here/schema.sql"
    for table in "${TPCH_TABLES[@]}"; do
        started=$EPOCHREALTIME
        printf '  %-9s' "$table"
        "$here/tpchgen/tpchgen" -s "$scale" -T "$table" -v |
            psql -X -q -v ON_ERROR_STOP=1 -c "COPY $table FROM STDIN"
        printf ' — %s rows in %s s\n' "$(psql -X -Atc "SELECT count(*) FROM $table")" \
            "$(seconds_since "$started")"
    done
    echo "  primary keys and indexes"
    psql -X -q -v ON_ERROR_STOP=1 -f "$here/indexes.sql"
    echo "  VACUUM ANALYZE"
    psql -X -q -v ON_ERROR_STOP=1 -c "VACUUM (ANALYZE)"
}

seconds_since() {
    awk -v from="${1/,/.}" -v to="${EPOCHREALTIME/,/.}" 'BEGIN { printf "%.1f", to - from }'
}
