#!/bin/sh
# The layer check: an include may only point to a lower room (see Makefile, ENGINE_ROOMS), only
# src/pg knows PostgreSQL, only gpu/ knows CUDA and NCCL, only src/comm/comm_mpi.c knows MPI, and
# the engine keeps no global mutable state and never aborts.
set -eu
cd "$(dirname "$0")/.."
bad=0
complain() {
    echo "layers: $*"
    bad=$((bad + 1))
}

# room: the rooms it may include besides itself
allowed() {
    case $1 in
    base) echo "" ;;
    tensor) echo "base" ;;
    ir) echo "base tensor" ;;
    opt) echo "base tensor ir" ;;
    program) echo "base tensor ir opt" ;;
    backend | store | comm) echo "base tensor ir opt program" ;;
    exec) echo "base tensor ir opt program backend store comm" ;;
    pg | bin) echo "base tensor ir opt program backend store comm exec" ;;
    *) echo "?" ;;
    esac
}

for file in $(git ls-files -co --exclude-standard 'src/*.c' 'src/*.h' 'src/*.inc' 'src/*.def'); do
    room=$(echo "$file" | cut -d/ -f2)
    may=" $(allowed "$room") $room "
    [ "$may" != " ? $room " ] || complain "$file: unknown room $room"
    for target in $(sed -n 's/^#include "\([a-z_]*\)\/.*".*/\1/p' "$file" | sort -u); do
        [ -d "src/$target" ] || continue
        case $may in
        *" $target "*) ;;
        *) complain "$file ($room) includes $target/" ;;
        esac
    done
    if [ "$room" != pg ] && grep -nE '#include [<"](postgres|fmgr|catalog/|utils/|nodes/|access/)' "$file"; then
        complain "$file includes PostgreSQL"
    fi
    if grep -nE '#include [<"](cuda|nccl)' "$file"; then complain "$file includes CUDA or NCCL"; fi
    if [ "$file" != src/comm/comm_mpi.c ] && grep -nE '#include [<"]mpi\.h' "$file"; then
        complain "$file includes MPI"
    fi
    if [ "$room" != pg ] && [ "$room" != bin ] && grep -nE '\b(abort|exit|longjmp)\(' "$file"; then
        complain "$file aborts"
    fi
done

# Global mutable state: writable data symbols in the engine's objects, when they have been built.
# Relocated constants live in .data.rel.ro and are read-only at run time.
for object in $(find src -name '*.o' ! -path 'src/pg/*' ! -path 'src/bin/*' 2>/dev/null); do
    symbols=$(objdump -t "$object" 2>/dev/null |
        awk '$0 ~ /[ ]O[ ]/ && ($0 ~ /[ ]\.data\t/ || $0 ~ /[ ]\.bss\t/ || $0 ~ /\*COM\*/) {print $NF}')
    [ -z "$symbols" ] || complain "$object has mutable globals:" $symbols
done

[ "$bad" -eq 0 ] || exit 1
echo "layers: ok"
