#!/bin/bash
# What is declined, from src/pg/declines.def.
#
# usage: test/declined.sh page     prints doc/declined.md
#        test/declined.sh check    fails unless doc/declined.md is that and each reason is given somewhere
#        test/declined.sh rows     prints id, reason, example by tabs, as COPY reads them; used by
#                                  sql/declined.sql, which plans the examples
set -euo pipefail
cd "$(dirname "$0")/.."

# id, reason, why, example; or "section" and its heading.  Adjacent strings are one, as in C.
entries() {
    awk '
        /^\/\* [A-Z].*\*\/$/ && !in_entry {
            gsub(/^\/\* | \*\/$/, "")
            print "section\t" $0
            next
        }
        /^TQP_DECLINE\(/ { in_entry = 1; text = "" }
        in_entry { text = text " " $0 }
        in_entry && /\)$/ {
            in_entry = n = 0
            match(text, /\([A-Z_]+/)
            row = substr(text, RSTART + 1, RLENGTH - 1)
            text = substr(text, RSTART + RLENGTH)
            while (match(text, /"([^"\\]|\\.)*"/)) {
                value = substr(text, RSTART + 1, RLENGTH - 2)
                gsub(/\\"/, "\"", value)
                row = row (substr(text, 1, RSTART - 1) ~ /,/ ? "\t" : "") value
                text = substr(text, RSTART + RLENGTH)
            }
            print row
        }' src/pg/declines.def
}

page() {
    cat <<'END'
# What is declined

A statement that cannot run whole on the engine runs in PostgreSQL, with those of its subqueries that can on the
engine (`in part`). `EXPLAIN VERBOSE` and `tqp.query_log` give one of these reasons; of several, the one
met first. This page is made by `test/declined.sh page` from `src/pg/declines.def`, which holds the texts themselves, and
the regression test `declined` plans every example. `%s` stands for a name. The tables of the examples are made in
`sql/declined.sql`.

What stands under *Expressions* is declined in few places only. In the select list, in HAVING and in ORDER BY of the
outermost query PostgreSQL evaluates it over the engine's rows; in WHERE, in the condition of an inner join, in keys, in
aggregates and in inner queries PostgreSQL is asked for each different value of a column, or for each row
(HostEval). Left are conditions of outer joins and of IN that read both sides, what stands above groups in an inner
query, what correlated subqueries compute of the row around them, results of type `numeric` without a declared scale,
and volatile functions.
END
    entries | awk -F'\t' '
        function cell(s) { gsub(/\|/, "\\|", s); return s }
        $1 == "section" {
            print "\n## " $2 "\n\n| reason | why | example |\n|---|---|---|"
            next
        }
        { print "| " cell($2) " | " cell($3) " | " ($4 == "" ? "" : "`" cell($4) "`") " |" }'
}

case "${1:-}" in
page) page ;;
check)
    page | cmp -s - doc/declined.md || {
        echo 'doc/declined.md is not what test/declined.sh page prints'
        exit 1
    }
    for id in $(entries | awk -F'\t' '$1 != "section" { print $1 }'); do
        grep -qw "TQP_DECLINE_$id" src/pg/*.c || {
            echo "src/pg/declines.def: nothing gives the reason $id"
            exit 1
        }
    done
    ;;
rows) entries | awk -F'\t' -v OFS='\t' '$1 != "section" { gsub(/\\/, "\\\\", $4); print $1, $2, $4 }' ;;
*)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
    ;;
esac
