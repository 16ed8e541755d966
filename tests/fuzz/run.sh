#!/bin/sh
# Runs every target for so many seconds, two at a time, beginning with its corpus. Prints a table and, of what fails,
# the report and the input; ends with "N passed, N failed". usage: run.sh PROGRAM SECONDS [NEW_INPUTS_FOLDER]
# With a folder, the inputs that reach something new are kept there, as a beginning for the next run.
set -u
program=$(realpath "$1") seconds=$2
cd "$(dirname "$0")" || exit 1
scratch=$(mktemp -d /dev/shm/session-voice-fuzz.XXXXXX)
found=${3:-$scratch/found}
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

# Every file that a target makes is in memory; stacks in ASan's reports are short, because keeping long ones is slow.
export TMPDIR="$scratch" ASAN_OPTIONS=malloc_context_size=5:quarantine_size_mb=32

# What the program itself lists: its paths, with the words that request_fuzz.cpp replaces by ids, the fields of bodies, and
# the names of settings.
sed -nE 's/^ *\{"[A-Z]+", "([^"]+)".*/"\1"/p' ../../cgi-bin/routes.cpp |
    sed 's/:room_id/@r/; s/:connection_id/@c/; s/:wallet/@w1/; s/:file/client.js/; s/:id/7/' | sort -u >"$scratch/request.dict"
grep -oE '"[a-z_]+": \{' ../../cgi-bin/openapi.json | sed -nE 's/^"([a-z_]+)".*/"\\"\1\\":"/p' | sort -u >>"$scratch/request.dict"
sed -nE 's/^ *\{"([A-Z_]+)", &.*/"\1="/p' ../../lib/base/config.cpp >"$scratch/config.dict"
for listed in request config; do
    if [ "$(wc -l <"$scratch/$listed.dict")" -lt 20 ]; then echo "no list for $listed.dict"; exit 1; fi
done

# one TARGET: leaves its line of the table in $scratch/TARGET.line, and what failed in $scratch/TARGET.failed.
one() {
    target=$1
    mkdir -p "$found/$target"
    set -- "-max_total_time=$seconds" -timeout=60 -rss_limit_mb=4096 -max_len=4096 -print_final_stats=1 -entropic=0 \
        -close_fd_mask=2 "-artifact_prefix=$scratch/$target-"
    if [ -e "$target.dict" ]; then
        cat "$target.dict" >>"$scratch/$target.dict"
        set -- "$@" "-dict=$scratch/$target.dict"
    fi
    FUZZ_TARGET=$target "$program" "$@" "$found/$target" "corpus/$target" >"$scratch/$target.log" 2>&1
    status=$?
    awk -v target="$target" -v verdict="$([ $status -eq 0 ] && echo ok || echo FAILED)" '
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1)
                   if ($i == "corp:") { split($(i + 1), size, "/"); inputs = size[1] } } }
        /^stat::number_of_executed_units/ { executions = $2 }
        END { printf "%-10s %10d %7d %7d %9d  %s\n", target, executions, inputs, edges, features, verdict }' \
        "$scratch/$target.log" >"$scratch/$target.line"
    [ $status -eq 0 ] && return
    { grep -av '^#\|NEW_FUNC' "$scratch/$target.log" | head -n 60
      for input in "$scratch/$target"-*; do
          [ -e "$input" ] && echo "$target: the input ($(basename "$input")), in base64:" && base64 "$input" | head -n 100
      done; } >"$scratch/$target.failed"
}

# row FIRST: every second target.
row() {
    number=0
    for file in *_fuzz.cpp; do
        number=$((number + 1))
        if [ $((number % 2)) -eq "$1" ]; then one "${file%_fuzz.cpp}"; fi
    done
}
row 0 &
row 1
wait

printf '%-10s %10s %7s %7s %9s\n' target executions corpus edges features
cat "$scratch"/*.line
cat "$scratch"/*.failed 2>/dev/null
passed=$(grep -l ' ok$' "$scratch"/*.line | wc -l)
failed=$(grep -L ' ok$' "$scratch"/*.line | wc -l)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
