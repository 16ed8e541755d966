#!/bin/sh
# Runs every test and ends with "N passed, N failed". usage: run.sh BUILD SANITIZED_BUILD
set -u
build=$1 sanitized=$2
said=$(mktemp -d) # what the rows of tests say
trap 'kill 0' INT TERM
trap 'rm -rf "$said"' EXIT

# count PASSED FAILED NAME
count() {
    echo "== $3: $1 passed, $2 failed"
}
# Before what is counted next: for the line that tells how long it took.
begin() { begun=$(date +%s); }
took() { echo "   $(($(date +%s) - begun)) s"; }

# cases passed|skipped: how many, by the report of the run whose log is $log.
cases() {
    found=$(sed -n "s/^ *\([0-9]*\) test cases* out of [0-9]* $1.*/\1/p" "$log.report" | head -n 1)
    echo "${found:-0}"
}

# boost NAME PROGRAM [ARGUMENTS]: what the service logs meanwhile goes to a file. One that hangs is ended, and has failed.
# $left_out cases are not to be run, and those that are about one engine on the other: at most a quarter.
boost() {
    name=$1; shift; begin
    log=$(dirname "$1")/tests.log
    rm -f "$log.report"
    report=$(timeout --foreground --kill-after=10 "${BOOST_SECONDS:-1800}" \
        "$@" --report_level=short --report_sink="$log.report" 2>"$log")
    status=$?
    echo "$report" | tail -n 60
    grep -a 'SIMULATION_SEED=\|ERROR: AddressSanitizer\|runtime error' "$log"
    good=$(cases passed) skipped=$(cases skipped)
    all=$(sed -n 's/^ *[0-9]* test cases* out of \([0-9]*\) .*/\1/p' "$log.report" | head -n 1)
    bad=$((${all:-0} - good - skipped))
    # A crash leaves no report; a run of nothing proves nothing, and nobody leaves out what nobody said.
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ] || [ "$skipped" -lt "${left_out:-0}" ] ||
        [ $((4 * (skipped - ${left_out:-0}))) -gt "$all" ]; }; then
        bad=1
        tail -n 40 "$log"
    fi
    count "$good" "$bad" "$name"
    rm -f "$log.report"
    took
}

# on_postgresql COMMAND...: runs it with a server of its own.
on_postgresql() {
    server=$(mktemp -d)
    chmod 755 "$server" # PostgreSQL is a user of its own
    trap 'tests/postgres.sh stop "$server/cluster"; exit 1' INT TERM
    if SESSION_VOICE_TEST_URL=$(tests/postgres.sh start "$server/cluster"); then
        export SESSION_VOICE_TEST_URL
        "$@"
    else
        count 0 1 "a PostgreSQL starts"
    fi
    unset SESSION_VOICE_TEST_URL
    tests/postgres.sh stop "$server/cluster"
    trap - INT TERM
    rm -rf "$server"
}

# check NAME COMMAND...: one test that is a command.
check() {
    name=$1; shift; begin
    if "$@"; then count 1 0 "$name"; else count 0 1 "$name"; fi
    took
}

# many NAME COMMAND...: tests that count themselves, and end with "N passed, N failed". Of a failed one, what it says.
many() {
    name=$1; shift; begin
    output=$("$@" 2>&1)
    echo "$output" | grep -a -A 30 '^ *not ok ' | head -n 300
    echo "$output" | grep -av '^ *# Subtest\|duration_ms\|^ *ok \|^ *---$\|^ *\.\.\.$\|^ *type: ' | tail -n 150
    line=$(echo "$output" | grep -ax '[0-9]* passed, [0-9]* failed' | tail -n 1)
    good=${line%% passed*}
    bad=${line##*, }
    if [ -n "$line" ]; then count "$good" "${bad%% failed}" "$name"; else count 0 1 "$name"; fi
    took
}

# Whoever made the programs anew meanwhile would have tested neither the old nor the new ones.
stat -c '%i %y %n' "$build"/session-voice* >"$said/programs"

# Most tests keep less than one processor busy, so they run in three rows. The others are shown when the first is done.
many "the Debian package" tests/debian/run.sh "$build" >"$said/third" 2>&1 &
many "through web servers" env SESSION_VOICE_BUILD="$build" tests/e2e/run.sh >"$said/second" 2>&1 &
{
    check "includes point one way" tests/layout.sh
    check "clang-tidy and cppcheck find nothing" make -s lint UNITY=1 BUILD="$build"
    boost "unit, handlers, simulation" "$build/run_tests"
    check "no secret is logged by them" tests/secrets.sh "$build/tests.log"
    on_postgresql boost "the same on PostgreSQL" "$build/run_tests" "--run_test=!@sqlite"
    check "nor is one there" tests/secrets.sh "$build/tests.log"
    shm=$(mktemp -d /dev/shm/session-voice.XXXXXX)
    check "no row lost to a checkpoint" "$build/wal-torture" "$shm" "${WAL_TORTURE_SECONDS:-8}"
    check "backups are whole, restorations too" "$build/backup-torture" "$shm/backup" \
        "${BACKUP_TORTURE_ROUNDS:-3}" "${BACKUP_TORTURE_SECONDS:-2}" "${BACKUP_TORTURE_KILLS:-10}"
    rm -rf "$shm"
    # Those that do the same some hundred times, or in some hundred processes, were seen above.
    long='' left_out=0
    for case in backup_tests/a_restoration_killed_anywhere_was_done_or_not_done \
        pruning_tests/killed_anywhere_it_leaves_a_whole_ledger_and_can_be_run_again \
        pruning_tests/a_month_of_talk_takes_little_room_once_it_is_pruned \
        rate_limiter_tests/a_million_strangers_grow_nothing rate_limiter_tests/who_asks_the_most_is_forgotten_last \
        sweep_tests/ten_minutes_without_a_sweep_are_charged_as_under_a_perfect_one; do
        long="$long:!$case" left_out=$((left_out + 1))
    done
    SIMULATION_STEPS=${SANITIZED_SIMULATION_STEPS:-6000} FAULT_STRIDE=${SANITIZED_FAULT_STRIDE:-1000} FAULT_ROUNDS=15 \
        boost "the same under ASan and UBSan" "$sanitized/run_tests" "--run_test=${long#:}"
    many "fuzzing" tests/fuzz/run.sh "$sanitized/fuzz" "${FUZZ_SECONDS:-5}"
} 2>&1 | tee "$said/first"
wait
check "the programs stayed what they were" sh -c 'stat -c "%i %y %n" "$0"/session-voice* | cmp - "$1"' "$build" "$said/programs" |
    tee "$said/fourth"
cat "$said/second" "$said/third"

# Once more at the end, where somebody looks first.
grep -ah '^ *not ok \|error: in "\|^== .* [1-9][0-9]* failed$' "$said"/* | sort -u | head -n 40

awk '/^== .*: [0-9]+ passed, [0-9]+ failed$/ { passed += $(NF - 3); failed += $(NF - 1) }
    END { print passed + 0 " passed, " failed + 0 " failed"; exit failed > 0 || passed == 0 }' \
    "$said"/*
