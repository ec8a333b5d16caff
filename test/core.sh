#!/bin/bash
# PostgreSQL's own regression files, run three times on private servers: without tqp ("plain"), with
# it preloaded at default settings ("preloaded"), with tqp.force = on ("forced").  Orders of rows and
# plans may differ; what differs otherwise is printed, and fails the test when preloaded does.  A
# crash fails it always.
#
# usage: test/core.sh [plain|preloaded|forced|compare ...]    (all of them, in this order)
#
# Nothing of PostgreSQL is kept in the repository: its Debian source package is fetched, of which
# only the test files are used; a source newer or older than the server is fine, for the runs are
# compared with each other.  Needs the extension installed, and pg_regress of server-dev.
# Environment: PG_CONFIG, TQP_CORE_DIR (sources, clusters, results), TQP_CORE_SOURCE (an unpacked
# source tree to use instead of fetching one).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
cluster=$here/cluster.sh
work=$(realpath -m "${TQP_CORE_DIR:-$("$cluster" place core)}")
pg_config=${PG_CONFIG:-pg_config}
bindir=$("$pg_config" --bindir)
pg_regress=$(dirname "$("$pg_config" --pgxs)")/../test/regress/pg_regress
owner=$(id -un)
[ "$(id -u)" -ne 0 ] || owner=${TQP_CLUSTER_USER:-postgres}

die() {
    printf 'core.sh: %s\n' "$*" >&2
    exit 1
}

as_owner() {
    if [ "$(id -u)" -eq 0 ]; then runuser -u "$owner" -- "$@"; else "$@"; fi
}

# Lists and cache of apt lie in our directory, so that the system's sources stay as they are.  A
# mirror may lag behind its own index, hence the versions are tried from the newest down.
fetch() {
    local apt=$work/apt suite version package
    package=postgresql-$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    mkdir -p "$apt/lists/partial" "$apt/cache" "$apt/source"
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    {
        local key='signed-by=/usr/share/keyrings/debian-archive-keyring.gpg'
        echo "deb-src [$key] http://deb.debian.org/debian $suite main"
        echo "deb-src [$key] http://deb.debian.org/debian-security $suite-security main"
    } >"$apt/sources.list"
    local options=(-q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update >"$work/fetch.log" 2>&1 || die "apt-get update: $work/fetch.log"
    for version in $(apt-cache "${options[@]}" showsrc "$package" |
        sed -n 's/^Version: //p' | sort -rVu); do
        (cd "$apt/source" && apt-get "${options[@]}" source --download-only "$package=$version") \
            >>"$work/fetch.log" 2>&1 || continue
        echo "PostgreSQL's test files: $package $version"
        mkdir -p "$work/source"
        tar -C "$work/source" --strip-components=1 --wildcards -xf "$apt"/source/*.orig.tar.* \
            '*/src/test/regress/*'
        return
    done
    die "no source of $package could be fetched: $work/fetch.log"
}

# The tests load a library of C functions, and two of contrib/spi that the server brings along.
prepare() {
    mkdir -p "$work/lib"
    source=${TQP_CORE_SOURCE:-$work/source}
    [ -d "$source/src/test/regress" ] || fetch
    regress=$source/src/test/regress
    # shellcheck disable=SC2046  # words
    ${CC:-gcc} -O2 -fPIC -shared -fno-strict-aliasing -fwrapv -w $("$pg_config" --cppflags) \
        -I"$("$pg_config" --includedir-server)" -I"$regress" -o "$work/lib/regress.so" \
        "$regress/regress.c"
    cp "$("$pg_config" --pkglibdir)"/{refint,autoinc}.so "$work/lib/"
    chmod -R a+rX "$work/lib" "$source"
}

# run NAME [configuration line ...]: results in $work/NAME/results
run() {
    local name=$1 status=0 load=(--load-extension=tqp)
    shift
    [ "$name" != plain ] || load=()
    "$cluster" remove "$work/cluster-$name"
    rm -rf "${work:?}/$name"
    mkdir -p "$work/$name"
    [ "$(id -u)" -ne 0 ] || chown "$owner" "$work/$name"
    TQP_LOCALE=C "$cluster" start "$work/cluster-$name" 'fsync = off' \
        'max_prepared_transactions = 2' "$@"
    eval "$("$cluster" env "$work/cluster-$name")"
    (cd "$work" && as_owner env -u PGDATABASE "$pg_regress" --bindir="$bindir" \
        --inputdir="$regress" --outputdir="$work/$name" --dlpath="$work/lib" \
        --max-concurrent-tests=20 --schedule="$regress/parallel_schedule" --host="$PGHOST" \
        --port="$PGPORT" --user=postgres ${load[@]+"${load[@]}"}) >"$work/$name.log" 2>&1 || status=$?
    "$cluster" stop "$work/cluster-$name"
    echo "$name: $(grep -c '\.\.\. ok' "$work/$name.log") ok, $(grep -c '\.\.\. FAILED' \
        "$work/$name.log") differ from PostgreSQL's expected files (pg_regress ended with $status)"
    [ "$status" -le 1 ] || die "pg_regress: $work/$name.log"
    if grep -E 'was terminated by signal|TRAP:' "$work/cluster-$name/log"; then
        echo "FAILED: the server crashed in the run $name"
        failures=$((failures + 1))
    fi
}

compare() {
    "$here/core_compare.py" "$work" || failures=$((failures + 1))
}

failures=0
mkdir -p "$work"
prepare
[ $# -gt 0 ] || set -- plain preloaded forced compare
for part in "$@"; do
    case "$part" in
    plain) run plain ;;
    preloaded) run preloaded "shared_preload_libraries = 'tqp'" ;;
    forced) run forced "shared_preload_libraries = 'tqp'" 'tqp.force = on' ;;
    compare) compare ;;
    *) die "unknown part $part" ;;
    esac
done
[ "$failures" -eq 0 ]
