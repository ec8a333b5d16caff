#!/bin/bash
# A private PostgreSQL cluster in a directory of its own, reached through a Unix socket only.
#
# usage: test/cluster.sh start DIR [configuration line ...]
#        test/cluster.sh stop|status|env|remove DIR
#        test/cluster.sh psql DIR [psql argument ...]
#        test/cluster.sh place NAME
#
#   start   creates DIR if it is not there and starts the server; lines given replace those of
#           the last start and restart a running server, so that they always hold
#   stop    stops the server; DIR keeps the data
#   status  exits 0 when the server runs
#   env     prints export lines for PGHOST, PGPORT, PGUSER, PGDATABASE
#   remove  stops the server and deletes DIR
#   psql    psql connected to the cluster
#   place   prints a directory for a cluster called NAME: in this checkout, or under /var/tmp when
#           the checkout is in a place that the owner of the cluster cannot reach, such as /root
#
# PostgreSQL refuses to run as root, so root runs the server as the user postgres
# (TQP_CLUSTER_USER); everybody else runs it as themselves. A directory without our marker file is
# never touched.
# Environment: PG_CONFIG (pg_config), TQP_LOCALE (C.UTF-8), TQP_PORT (54015), TQP_CLUSTER_WRAP (a
# command put before `postgres`, for example valgrind).
set -euo pipefail

marker_name=.tqp-cluster
# sun_path holds 108 bytes with the terminating zero.
socket_path_max=107

die() {
    printf 'cluster.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}

# Runs a command as the owner of the cluster, from a directory that this user may read.
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u "$owner" -- "$@")
    else
        (cd / && "$@")
    fi
}

choose_owner() {
    owner=$(id -un)
    if [ "$(id -u)" -eq 0 ]; then
        owner=${TQP_CLUSTER_USER:-postgres}
        id "$owner" >/dev/null 2>&1 || die "there is no user $owner to run PostgreSQL as"
    fi
}

# The marker holds one name=value per line. It is parsed, not sourced: root must not run what the
# owner of the cluster may have written there.
read_marker() {
    [ -f "$dir/$marker_name" ] || die "$dir is not a cluster that this script made"
    local name value
    while IFS='=' read -r name value; do
        case "$name" in
        owner) owner=$value ;;
        socket_dir) socket_dir=$value ;;
        port) port=$value ;;
        esac
    done <"$dir/$marker_name"
}

is_running() {
    as_owner "$bindir/pg_ctl" -D "$dir/data" status >/dev/null 2>&1
}

make_socket_dir() {
    socket_dir=$dir
    if [ $((${#dir} + ${#port} + 12)) -gt "$socket_path_max" ]; then
        socket_dir=$(as_owner mktemp -d /tmp/tqp-socket-XXXXXX)
    fi
}

create_cluster() {
    choose_owner
    port=${TQP_PORT:-54015}
    mkdir -p "$dir"
    [ -z "$(ls -A "$dir")" ] || die "$dir is not empty and is not a cluster that this script made"
    [ "$(id -u)" -ne 0 ] || chown "$owner" "$dir"
    chmod 0755 "$dir"
    if ! as_owner test -w "$dir"; then
        rmdir "$dir"
        die "the user $owner cannot reach $dir: choose a directory outside of private ones"
    fi
    make_socket_dir
    printf 'owner=%s\nsocket_dir=%s\nport=%s\n' "$owner" "$socket_dir" "$port" >"$dir/$marker_name"
    as_owner "$bindir/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 \
        --locale="${TQP_LOCALE:-C.UTF-8}" >"$dir/initdb.log" 2>&1 || {
        cat "$dir/initdb.log" >&2
        rm -rf "$dir"
        die "initdb failed"
    }
    echo "include_if_exists = 'tqp-cluster.conf'" >>"$dir/data/postgresql.conf"
}

write_configuration() {
    {
        printf "listen_addresses = ''\n"
        printf "unix_socket_directories = '%s'\nport = %s\n" "$socket_dir" "$port"
        if [ $# -gt 0 ]; then printf '%s\n' "$@"; fi
    } | as_owner tee "$dir/data/tqp-cluster.conf" >/dev/null
}

# pg_ctl starts one program, so a wrapper travels in a small script.
postgres_program() {
    if [ -z "${TQP_CLUSTER_WRAP:-}" ]; then
        echo "$bindir/postgres"
        return
    fi
    # shellcheck disable=SC2016  # "$@" is for the script written
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$TQP_CLUSTER_WRAP" "$bindir/postgres" \
        >"$dir/postgres-wrapped"
    chmod 0755 "$dir/postgres-wrapped"
    echo "$dir/postgres-wrapped"
}

cmd_start() {
    if [ ! -f "$dir/$marker_name" ]; then create_cluster; fi
    read_marker
    if is_running; then
        [ $# -gt 0 ] || return 0
        cmd_stop
    fi
    if [ $# -gt 0 ] || [ ! -f "$dir/data/tqp-cluster.conf" ]; then write_configuration "$@"; fi
    local program
    program=$(postgres_program)
    as_owner "$bindir/pg_ctl" -D "$dir/data" -p "$program" -l "$dir/log" -w -t 300 -s start || {
        tail -n 20 "$dir/log" >&2
        die "the server did not start"
    }
}

cmd_stop() {
    read_marker
    if is_running; then as_owner "$bindir/pg_ctl" -D "$dir/data" -w -t 300 -m fast -s stop; fi
}

cmd_remove() {
    [ -e "$dir" ] || return 0
    cmd_stop
    if [ "$socket_dir" != "$dir" ]; then rm -rf "$socket_dir"; fi
    rm -rf "$dir"
}

cmd_env() {
    read_marker
    printf 'export PGHOST=%q PGPORT=%q PGUSER=postgres PGDATABASE=postgres\n' "$socket_dir" "$port"
}

cmd_psql() {
    read_marker
    PGHOST=$socket_dir PGPORT=$port PGUSER=postgres PGDATABASE=${PGDATABASE:-postgres} \
        exec "$bindir/psql" "$@"
}

cmd_place() {
    local root
    root=$(cd "$(dirname "$0")/.." && pwd -P)
    choose_owner
    if as_owner test -x "$root"; then
        echo "$root/$1"
    else
        echo "/var/tmp/tqp-$(printf '%s' "$root" | cksum | cut -d' ' -f1)-$1"
    fi
}

[ $# -ge 2 ] || usage
command=$1
if [ "$command" = place ]; then
    cmd_place "$2"
    exit
fi
dir=$(realpath -m "$2")
shift 2
bindir=$("${PG_CONFIG:-pg_config}" --bindir)
case "$command" in
start) cmd_start "$@" ;;
stop) cmd_stop ;;
status) read_marker && is_running ;;
env) cmd_env ;;
remove) cmd_remove ;;
psql) cmd_psql "$@" ;;
*) usage ;;
esac
