#!/bin/bash
# Makes a bare Debian 12 ready for `make`, `make demo` and `make check`: installs the Debian
# packages that are missing, says which, and does nothing when all are there. For root, or a user
# with sudo.
#
# usage: test/setup.sh [demo|check|bench]     (check, the default, adds what only the tests need)
set -euo pipefail

pg_major=15
build_packages=(build-essential "postgresql-$pg_major" "postgresql-server-dev-$pg_major")
check_packages=(clang-format-14 python3)
bench_packages=(python3 python3-venv)

die() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root: run it as root, or install sudo"
    fi
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# postgresql-common creates and starts a cluster "main" when the server is installed. We use
# private clusters only, so it is told not to for this one installation.
no_main_cluster=/etc/postgresql-common/createcluster.d/tqp-setup.conf

forbid_main_cluster() {
    as_root mkdir -p "${no_main_cluster%/*}"
    echo 'create_main_cluster = false' | as_root tee "$no_main_cluster" >/dev/null
    trap 'as_root rm -f "$no_main_cluster"' EXIT
}

install_packages() {
    echo "setup.sh: installing Debian packages: $*"
    forbid_main_cluster
    as_root apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
    echo "setup.sh: installed: $*"
}

case "${1:-check}" in
demo) wanted=("${build_packages[@]}") ;;
check) wanted=("${build_packages[@]}" "${check_packages[@]}") ;;
bench) wanted=("${bench_packages[@]}") ;;
*) die "usage: setup.sh [demo|check|bench]" ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    die "no Debian: install PostgreSQL $pg_major, its headers, make and a C compiler yourself"
fi

missing=()
for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    install_packages "${missing[@]}"
fi
