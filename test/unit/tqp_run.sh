#!/bin/bash
# tqp_run end to end: IR programs over CSV files, expected results computed by hand, on every backend
# and ISA of this machine, with and without dictionaries, rewrites and threads.
# usage: tqp_run.sh [path of tqp_run]
set -eu
run=$(realpath "${1:-build/release/tqp_run}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
passed=0 failed=0

cat >t.csv <<'EOF'
1,10.50,apple,1999-12-31,t,1.5,x
2,,banana,2000-01-01,f,-0.5,"y  "
3,-3.25,,2000-02-29,,NaN,y
,0.00,"",2024-02-29,t,inf,x
5,100.00,apple,,f,,
2,7.75,"a,""b""",1970-01-01,t,2.25,x
EOF
T='(scan 0 "t" ("i" i32) ("n" num(2)) ("s" text) ("d" date) ("b" bool) ("f" f64) ("c" bpchar))'
I='(col 0 i32)' N='(col 1 num(2))' S='(col 2 text)' D='(col 3 date)' B='(col 4 bool)' F='(col 5 f64)'
C='(col 6 bpchar)'
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "%d,%d,%s\n", i, i % 7, (i % 11 ? "s" i % 13 : "") }' >big.csv
BIG='(scan 0 "big" ("i" i32) ("k" i64) ("s" text))'

all_off=constant_folding,canonicalise,predicate_pushdown,column_pruning
variants=("-e ref" "-e ref -b -d $all_off -t 3" "-e cpu -i scalar" "-e cpu -i scalar -b -t 2")
for isa in avx2 avx512; do
    # an ISA that this CPU lacks is refused with the usage
    if "$run" -i $isa x 2>&1 | grep -q 'are needed'; then
        variants+=("-e cpu -i $isa" "-e cpu -i $isa -b -d $all_off -t 3")
    fi
done

record() { # ok? name
    if [ "$1" = yes ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "tqp_run.sh: failed: $2" >&2
    fi
}

# name, data, plan; expected result on stdin
gives() {
    cat >expected
    printf '%s' "$3" >plan.tqp
    for variant in "${variants[@]}"; do
        # shellcheck disable=SC2086
        if "$run" $variant plan.tqp "$2" >got 2>err && diff -u expected got >differ; then
            record yes ''
        else
            record no "$1 ($variant): $(cat err) $(cat differ 2>/dev/null)"
        fi
    done
}

# name, data, plan, part of the message
fails() {
    printf '%s' "$3" >plan.tqp
    for variant in "${variants[@]}"; do
        # shellcheck disable=SC2086
        if "$run" $variant plan.tqp "$2" >got 2>err || ! grep -qF "$4" err || [ -s got ]; then
            record no "$1 ($variant): $(cat err)"
        else
            record yes ''
        fi
    done
}

gives 'scan' t.csv "$T" <<'EOF'
1,10.50,apple,1999-12-31,t,1.5,x
2,,banana,2000-01-01,f,-0.5,y
3,-3.25,,2000-02-29,,NaN,y
,0.00,"",2024-02-29,t,Infinity,x
5,100.00,apple,,f,,
2,7.75,"a,""b""",1970-01-01,t,2.25,x
EOF
gives 'filter and arithmetic' t.csv "(project ((mul $I (const 2 i32)) (mul $N (const 15 num(1))))
    (filter (and (gt $N (const 0 num(2))) (lt $D (const 1 date))) $T))" <<'EOF'
2,15.750
4,11.625
EOF
gives 'group by text' t.csv "(sort ((col 0 text) asc nulls_last)
    (aggregate ($S) ((sum $N) (count_star) (count $N)) $T))" <<'EOF'
"",0.00,1,1
"a,""b""",7.75,1,1
apple,110.50,2,2
banana,,1,0
,-3.25,1,1
EOF
gives 'aggregates' t.csv "(aggregate () ((count distinct $I) (sum $N (where $B)) (bool_and $B) (bool_or $B)
    (min $S) (max $D) (sum $I) (max $F) (min $F)) $T)" <<'EOF'
4,18.25,f,t,"",2024-02-29,13,NaN,-0.5
EOF
gives 'aggregate over nothing' t.csv "(aggregate () ((count_star) (sum $N) (max $S))
    (filter (eq $I (const 99 i32)) $T))" <<'EOF'
0,,
EOF
gives 'groups of nothing' t.csv "(aggregate ($I) ((count_star)) (filter (eq $I (const 99 i32)) $T))" <<'EOF'
EOF
gives 'having' t.csv "(sort ((col 0 bpchar) desc nulls_first) (filter (and (gt (col 1 i64) (const 1 i64))
    (not (is_null (col 0 bpchar)))) (aggregate ($C) ((count_star)) $T)))" <<'EOF'
y,2
x,3
EOF
gives 'top n' t.csv "(limit (const 3 i64) (const 1 i64) (sort ((col 0 f64) desc nulls_last) (project ($F) $T)))" <<'EOF'
Infinity
2.25
1.5
EOF
gives 'extract' t.csv "(sort ((col 0 num(0)) asc nulls_first)
    (project ((extract (const \"year\" text) $D num(0))) $T))" <<'EOF'

1970
1999
2000
2000
2024
EOF
gives 'like' t.csv "(aggregate () ((count_star)) (filter (like $S (const \"a%\" text)) $T))" <<'EOF'
3
EOF
gives 'like of padded' t.csv "(aggregate () ((count_star))
    (filter (like (pad $C (const 3 i32)) (const \"y  \" text)) $T))" <<'EOF'
2
EOF
gives 'in and three-valued logic' t.csv "(project ((in $I (const 2 i32) (const null i32)) (or $B (gt $I (const 1 i32))))
    $T)" <<'EOF'
,t
t,t
,t
,t
,t
t,t
EOF
gives 'guarded division' t.csv "(project ((case (eq $I (const 2 i32)) (const null i32)
    (div (const 10 i32) (sub $I (const 2 i32))))) $T)" <<'EOF'
-10

10

3

EOF
gives 'casts' t.csv "(project ((cast $N i32) (cast $N num(1)) (cast $I num(3)) (coalesce $S (const \"none\" text))
    (substr $S (const 2 i32) (const 3 i32)) (length $S)) $T)" <<'EOF'
11,10.5,1.000,apple,ppl,5
,,2.000,banana,ana,6
-3,-3.3,3.000,none,,
0,0.0,,"","",0
100,100.0,5.000,apple,ppl,5
8,7.8,2.000,"a,""b""",",""b",5
EOF
gives 'count of rows' t.csv "(aggregate () ((count_star)) $T)" <<'EOF'
6
EOF
gives 'distinct' t.csv "(sort ((col 0 i32) asc nulls_first) (aggregate ($I) () $T))" <<'EOF'

1
2
3
5
EOF

# Sums of i over i % 7 = k below 200000: 28571 full periods and i = 199997, 199998, 199999.
gives 'several row groups' big.csv "(sort ((col 0 i64) asc nulls_last)
    (aggregate ((col 1 i64)) ((count_star) (sum (col 0 i32))) $BIG))" <<EOF
$(for k in 0 1 2 3 4 5 6; do
    n=$((28571 + (k < 3)))
    echo "$k,$n,$((n * k + 7 * n * (n - 1) / 2))"
done)
EOF
gives 'range of several groups' big.csv "(aggregate () ((count_star) (min (col 0 i32)))
    (filter (and (ge (col 0 i32) (const 131000 i32)) (lt (col 0 i32) (const 131100 i32))) $BIG))" <<'EOF'
100,131000
EOF
gives 'nulls of several groups' big.csv "(aggregate () ((count_star) (count (col 2 text)) (count distinct (col 2 text)))
    $BIG)" <<'EOF'
200000,181818,13
EOF

fails 'division by zero' t.csv "(project ((div (const 1 i32) (sub $I (const 2 i32)))) $T)" 'division by zero'
fails 'overflow' t.csv "(project ((mul $I (const 2000000000 i32))) $T)" 'overflow'
fails 'syntax' t.csv "(project ((mul $I)) $T)" 'mul: 1 arguments'
fails 'unknown file' none.csv "$T" 'none.csv'
fails 'field count' big.csv "$T" 'big.csv:1: '
fails 'field type' t.csv '(scan 0 "t" ("i" i32) ("n" num(2)) ("s" date) ("d" date) ("b" bool) ("f" f64) ("c" bpchar))' \
    't.csv:1: field 3 is no date'

printf '%s' "(aggregate () ((sum $N)) (filter (gt $I (const 1 i32)) $T))" >plan.tqp
if "$run" -p plan.tqp t.csv >got 2>err && grep -q '104.50' got && grep -q 'filter i > 1' err &&
    grep -q '^pipeline 0: ' err; then
    record yes ''
else
    record no 'printing'
fi

echo "tqp_run: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
