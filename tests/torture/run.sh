#!/bin/sh
# The long form of what `make test` shows in short. Says what each part did and survived, and ends with a table and
# "N passed, N failed". usage: run.sh BUILD SANITIZED_BUILD SEED [PART...]
# The same seed does the same again, as far as processes and disks do.
set -u
build=$1 sanitized=$2 seed=$3
shift 3
[ $# -gt 0 ] || set -- crash reorgs faults cuts simulation days wal backup import webhooks fuzz leaks attack arm64 mutants
shm=$(mktemp -d /dev/shm/session-voice-torture.XXXXXX)
trap 'kill 0' INT TERM
trap 'rm -rf "$shm"' EXIT

# tests SUITE...: of the C++ tests.
tests() {
    suites=$(echo "$@" | tr ' ' ,)
    "$build/run_tests" --color_output=no --run_test="$suites" 2>&1
}

# kill -9 of workers, sweeps and the web server.
crash() { CRASH_KILLS=${CRASH_KILLS:-500} CRASH_CALM_SECONDS=60 CRASH_SEED=$seed tests/e2e/run.sh tests/e2e/crash.test.mjs; }
# Blocks are taken back, in every state of an attestation.
reorgs() { CONFIRM_ROUNDS=${CONFIRM_ROUNDS:-20} tests/e2e/run.sh tests/e2e/confirm.test.mjs; }
# Every call to the disk and every allocation fails, in every operation.
faults() { FAULT_STRIDE=${FAULT_STRIDE:-1} tests io_faults_tests allocation_faults_tests real_disk_tests; }
# The power goes, and what was not synced is lost or written in any order.
cuts() { FAULT_ROUNDS=${FAULT_ROUNDS:-3000} FAULT_SEED=$seed tests power_cut_tests; }
# Days of a whole town against the model, with faults, crashes and a wild clock.
simulation() { SIMULATION_SEED=$seed SIMULATION_STEPS=${STEPS:-10000000} tests simulation_tests; }
# Ten days at a steady load: no growth beyond what is stored.
days() { SIMULATION_SEED=$seed SIMULATION_DAYS=${DAYS:-10} SIMULATION_WALLETS=40 tests day_tests; }
# Six processes write for five minutes while checkpoints run.
wal() { for _ in 1 2 3 4 5; do "$build/wal-torture" "$shm" "${WAL_SECONDS:-60}" || return 1; done; }
# Twenty backups, each within a minute of writing, and kill -9 of a hundred and of as many restorations.
backup() { "$build/backup-torture" "$shm/backup" "${BACKUP_ROUNDS:-20}" "${BACKUP_SECONDS:-60}" 100 "$seed"; }
# A million accounts of the first service, imported under kill -9, each compared; on both engines.
import() { node tests/torture/import.mjs "$build" "${IMPORT_WALLETS:-1000000}" "${IMPORT_KILLS:-20}" "$seed"; }
# A hundred thousand webhooks, while kill -9 takes two notifiers and the receiver.
webhooks() {
    SESSION_VOICE_BUILD=$build node tests/torture/webhooks.mjs "${WEBHOOKS_ROUNDS:-20}" "${WEBHOOKS_EVENTS:-5000}" "$seed" &&
        SESSION_VOICE_BUILD=$build WEBHOOKS_KILLS=0 WEBHOOKS_AT_ONCE=1 node tests/torture/webhooks.mjs 1 20000 "$seed"
}
# Inputs that libFuzzer makes up.
fuzz() { tests/fuzz/run.sh "$sanitized/fuzz" "${FUZZ_SECONDS:-600}" "$PWD/$sanitized/found"; }
# Small faults in the program, one at a time, of which the tests are to see nearly all.
mutants() { node tests/torture/mutants.mjs "$build" "${MUTANTS:-200}" "$seed"; }
# Whatever is lost without being freed, read before it is written, or used outside of what is allocated, in the tests
# and in the processes that they fork. All tests but a few, each of which has a reason.
leaks() {
    # Watches the memory that the process takes, of which valgrind takes much more.
    without='!day_tests'
    # Do a hundred thousand times what other tests do a few times, for a quarter of an hour.
    for case in auth_tests/strangers_cannot_grow_the_database_by_asking_for_nonces \
        rate_limiter_tests/a_million_strangers_grow_nothing rate_limiter_tests/who_asks_the_most_is_forgotten_last; do
        without="$without:!$case"
    done
    # Without nouserintercepts valgrind would take the place of the tests' own operator new, and nothing would fail; and
    # to free what belongs to libc, it would have each forked process print once more what its parent had not yet.
    # Of so few power cuts some must lose something, as those of FAULT_SEED=1 do.
    SIMULATION_SEED=$seed SIMULATION_STEPS=2000 FAULT_SEED=1 FAULT_STRIDE=200 FAULT_ROUNDS=10 \
        valgrind --log-file="$shm/valgrind.%p" --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --error-exitcode=9 --suppressions=tests/torture/valgrind.supp \
        --soname-synonyms=somalloc=nouserintercepts --run-libc-freeres=no \
        "$build/run_tests" --color_output=no --report_level=short --run_test="$without" >"$shm/tested" 2>&1
    status=$?
    cat "$shm/tested"
    # sum PATTERN: over what each process says of itself; one that is killed says nothing.
    sum() { cat "$shm"/valgrind.* | sed -n "s/^==.*== *$1.*/\1/p" | tr -d , | awk '{ sum += $1 } END { print sum + 0 }'; }
    errors=$(sum 'ERROR SUMMARY: \([0-9,]*\) errors')
    if [ "$errors" -ne 0 ]; then grep -l 'ERROR SUMMARY: [1-9]' "$shm"/valgrind.* | xargs cat; fi
    good=$(sed -n 's/^ *\([0-9]*\) test cases* out of [0-9]* passed.*/\1/p' "$shm/tested")
    echo "leaks: ${good:-0} tests passed in $(grep -l 'ERROR SUMMARY' "$shm"/valgrind.* | wc -l) processes," \
        "$errors errors, $(sum 'definitely lost: \([0-9,]*\) bytes') bytes definitely lost"
    [ "$status" -eq 0 ] && [ "$errors" -eq 0 ] && [ "${good:-0}" -gt 0 ]
}

# What an attacker tries.
attack() { tests/attack.sh "$build"; }
# The cheapest machines there are: cross-built, emulated.
arm64() { FAULT_SEED=1 tests/debian/arm64.sh; }

# What a part says of itself, of all that it prints.
figures='^# seed \|^arm64: \|^mutants: \|^survived: \|^[-+] \|^faults: \|^power cuts: \|^simulation of \|^wild clock \|^  [0-9]* worlds\|^hour 24\|rows acknowledged\|backups killed\|^leaks: \|^import: \|^webhooks: \|^held \|^NOT HELD \|^[0-9]* held, \|^[a-z]* .* ok$\|FAILED$\|[0-9]* passed, [0-9]* failed$\|No errors\|failures\? '

echo "SEED=$seed"
passed=0 failed=0
for part; do
    echo "== $part"
    begun=$(date +%s)
    "$part" >"$shm/log" 2>&1 && verdict=survived || verdict=FAILED
    if [ "$verdict" = FAILED ]; then failed=$((failed + 1)); grep -av ' session-voice: ' "$shm/log" | tail -n 200; else passed=$((passed + 1)); fi
    grep -a "$figures" "$shm/log" | sed 's/^# seed [0-9]*: //' >"$shm/figures"
    cat "$shm/figures"
    { printf '%-12s %-9s %6d s\n' "$part" "$verdict" $(($(date +%s) - begun)); sed 's/^/    /' "$shm/figures"; } >>"$shm/table"
done

echo
echo "part         result     took     (SEED=$seed)"
cat "$shm/table"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
