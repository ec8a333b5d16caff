#!/bin/bash
# `make fuzz`: libFuzzer on every target (TARGET: one) for LIMIT seconds, from the corpus in
# test/fuzz/corpus. Inputs that reach new code stay in build/fuzz/corpus for the next run; what fails
# is written to build/fuzz/NAME-crash-*: add it to test/fuzz/corpus/NAME when it is mended.
set -euo pipefail
cd "$(dirname "$0")/../.."
limit=${LIMIT:-60}
# The words of the IR come from its registries.
sed -nE 's/^TQP_(OP|AGG|TYPE)\(\w+, "(\w+)".*/"\2"/p' src/ir/*.def src/tensor/types.def >build/fuzz/fuzz_ir.dict
cp test/fuzz/*.dict build/fuzz/
for program in build/fuzz/${TARGET:-fuzz_*}; do
    name=$(basename "$program")
    [ -x "$program" ] && [ -f "test/fuzz/$name.c" ] || continue
    mkdir -p "build/fuzz/corpus/$name"
    options=(-max_total_time="$limit" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="build/fuzz/$name-")
    [ ! -f "build/fuzz/$name.dict" ] || options+=(-dict="build/fuzz/$name.dict")
    echo "== $name"
    "$program" "${options[@]}" "build/fuzz/corpus/$name" "test/fuzz/corpus/$name" 2>"build/fuzz/$name.log" || {
        tail -60 "build/fuzz/$name.log"
        exit 1
    }
    grep -E '^stat::number_of_executed|^#.*DONE' "build/fuzz/$name.log"
done
