#!/bin/bash
# PostgreSQL's own tests, run three times on private servers: without tqp ("plain"), with it preloaded
# at default settings ("preloaded"), with tqp.force = on ("forced").  A difference that is neither the
# order of rows, nor a plan, nor listed in doc/check-core.md fails the test; so does a crash.
#
# usage: test/core.sh [SUITE ...] [RUN ...]
#        SUITE: regress (src/test/regress), isolation (src/test/isolation), contrib (the modules
#               that are installed); RUN: plain, preloaded, forced, compare; all where none is named
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
tools=$(dirname "$("$pg_config" --pgxs)")/../test
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
            '*/src/test/regress/*' '*/src/test/isolation/*' '*/contrib/*'
        return
    done
    die "no source of $package could be fetched: $work/fetch.log"
}

# The tests load a library of C functions, and two of contrib/spi that the server brings along.
# Sources are copied, for scripts are mended for today's psql.
prepare() {
    local source=${TQP_CORE_SOURCE:-$work/source} inputs
    [ -d "$source/contrib" ] || fetch
    rm -rf "${work:?}/tests" "${work:?}/lib"
    mkdir -p "$work/tests" "$work/lib"
    cp -r "$source/src/test/regress" "$source/src/test/isolation" "$source/contrib" "$work/tests/"
    for inputs in "$work"/tests/regress "$work"/tests/contrib/*/; do
        [ ! -d "$inputs/sql" ] || "$here/transcript.py" "$inputs/sql"
    done
    # shellcheck disable=SC2046  # words
    ${CC:-gcc} -O2 -fPIC -shared -fno-strict-aliasing -fwrapv -w $("$pg_config" --cppflags) \
        -I"$("$pg_config" --includedir-server)" -I"$work/tests/regress" -o "$work/lib/regress.so" \
        "$work/tests/regress/regress.c"
    cp "$("$pg_config" --pkglibdir)"/{refint,autoinc}.so "$work/lib/"
    chmod -R a+rX "$work/lib" "$work/tests"
}

# The scripts of a contrib module, in order, when the module is installed and has any.
scripts_of() {
    local module=$work/tests/contrib/$1
    [ -d "$module/sql" ] && [ -f "$("$pg_config" --sharedir)/extension/$1.control" ] || return 0
    sed -e ':join;/\\$/{N;s/\\\n//;bjoin' -e '}' "$module/Makefile" |
        sed -n 's/\$([A-Z_]*)//g;s/^REGRESS *+\{0,1\}=//p'
}

# one RUN TOOL TESTS DATABASE [argument ...]: tests/TESTS, which is the working directory that paths of
# data follow, with results in RUN/TESTS/results
one() {
    local run=$1 tool=$2 tests=$3 database=$4 status=0 load=(--load-extension=tqp)
    shift 4
    [ "$run" != plain ] || load=()
    as_owner mkdir -p "$work/$run/$tests"
    (cd "$work/tests/$tests" && as_owner env -u PGDATABASE "$tools/$tool" --bindir="$bindir" \
        --inputdir="$work/tests/$tests" --outputdir="$work/$run/$tests" --dlpath="$work/lib" \
        --max-concurrent-tests=20 --host="$PGHOST" --port="$PGPORT" --user=postgres \
        --dbname="$database" ${load[@]+"${load[@]}"} "$@") >>"$log" 2>&1 || status=$?
    [ "$status" -le 1 ] || die "$tool: $log"
}

run_suite() {
    local suite=$1 run=$2 module scripts
    case "$suite" in
    regress)
        one "$run" regress/pg_regress regress regression \
            --schedule="$work/tests/regress/parallel_schedule"
        ;;
    isolation)
        one "$run" isolation/pg_isolation_regress isolation isolation_regression \
            --schedule="$work/tests/isolation/isolation_schedule"
        ;;
    contrib)
        for module in "$work"/tests/contrib/*/; do
            module=$(basename "$module")
            scripts=$(scripts_of "$module")
            # shellcheck disable=SC2086  # words
            [ -z "$scripts" ] || one "$run" regress/pg_regress "contrib/$module" \
                "contrib_$module" $scripts
        done
        ;;
    esac
}

run() {
    local suite=$1 run=$2 libraries=() log=$work/$2/$1.log settings=()
    [ "$suite" != contrib ] || libraries=(pg_stat_statements)
    [ "$run" = plain ] || libraries+=(tqp)
    [ "$run" != forced ] || settings=('tqp.force = on')
    "$cluster" remove "$work/cluster"
    rm -rf "${work:?}/$run/$suite"
    mkdir -p "$work/$run"
    [ "$(id -u)" -ne 0 ] || chown "$owner" "$work/$run"
    : >"$log"
    # The server connects to itself in the tests of dblink and postgres_fdw, by PGHOST.
    PGHOST=$work/cluster TQP_LOCALE=C "$cluster" start "$work/cluster" 'fsync = off' \
        'max_prepared_transactions = 5' 'compute_query_id = regress' \
        "shared_preload_libraries = '$(IFS=,; echo "${libraries[*]-}")'" \
        ${settings[@]+"${settings[@]}"}
    eval "$("$cluster" env "$work/cluster")"
    run_suite "$suite" "$run"
    "$cluster" stop "$work/cluster"
    echo "$suite, $run: $(grep -c '\.\.\. ok' "$log") ok, $(grep -c '\.\.\. FAILED' "$log") differ" \
        "from PostgreSQL's expected files"
    if grep -E 'was terminated by signal|TRAP:' "$work/cluster/log"; then
        echo "FAILED: the server crashed"
        failures=$((failures + 1))
    fi
}

failures=0
suites=() runs=()
for word in "$@"; do
    case "$word" in
    regress | isolation | contrib) suites+=("$word") ;;
    plain | preloaded | forced | compare) runs+=("$word") ;;
    *) die "unknown part $word" ;;
    esac
done
[ ${#suites[@]} -gt 0 ] || suites=(regress isolation contrib)
[ ${#runs[@]} -gt 0 ] || runs=(plain preloaded forced compare)
mkdir -p "$work"
prepare
for suite in "${suites[@]}"; do
    for run in "${runs[@]}"; do
        if [ "$run" = compare ]; then
            "$here/core_compare.py" "$work" "$suite" preloaded forced || failures=$((failures + 1))
        else
            run "$suite" "$run"
        fi
    done
done
[ "$failures" -eq 0 ]
