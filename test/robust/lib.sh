# What the shell tests of this folder share.  Sourced; needs the extension installed.  Prints
# "ok WHAT" or "FAILED WHAT" for each check and leaves with status 1 when any failed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$here/../cluster.sh
dir=${TQP_ROBUST_DIR:-$("$cluster" place robust)}
quick=${TQP_ROBUST_QUICK:-0}
failures=0

ok() { echo "ok $1"; }
fail() {
    echo "FAILED $1"
    failures=$((failures + 1))
}

# is WHAT GOT WANTED
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else
        fail "$1"
        printf '   got  %s\n   want %s\n' "$2" "$3"
    fi
}

# start_cluster [configuration line ...]
start_cluster() {
    "$cluster" start "$dir" "$@" || exit 1
    eval "$("$cluster" env "$dir")"
    export PGDATABASE=${database_in_use:-postgres}
}

# q [-d DATABASE] SQL ...: rows, unaligned; each SQL is one request
q() {
    local database=$PGDATABASE commands=()
    if [ "$1" = -d ]; then
        database=$2
        shift 2
    fi
    while [ $# -gt 0 ]; do
        commands+=(-c "$1")
        shift
    done
    psql -qXAt -v ON_ERROR_STOP=1 -d "$database" "${commands[@]}" 2>&1
}

# fresh NAME: a new database with the extension, which the following commands use
fresh() {
    q -d postgres "DROP DATABASE IF EXISTS $1 WITH (FORCE)" >/dev/null
    q -d postgres "CREATE DATABASE $1" >/dev/null
    database_in_use=$1
    export PGDATABASE=$1
    q "CREATE EXTENSION tqp"
}

# raises WHAT SQLSTATE hint|"" SQL: the statement ends with this error, and with a hint
raises() {
    local text
    text=$(psql -qXAt -v VERBOSITY=verbose -c "$4" 2>&1)
    if ! grep -q "ERROR:  $2:" <<<"$text"; then
        fail "$1: SQLSTATE $2"
        echo "$text" | head -5 | sed 's/^/   /'
    elif [ -n "$3" ] && ! grep -qi "HINT:" <<<"$text"; then
        fail "$1: has a hint"
        echo "$text" | head -5 | sed 's/^/   /'
    else
        ok "$1: $2"
    fi
}

# as_owner COMMAND...: as the user that runs the server
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u "${TQP_CLUSTER_USER:-postgres}" -- "$@")
    else
        (cd / && "$@")
    fi
}

finish() { [ "$failures" -eq 0 ]; exit $?; }
