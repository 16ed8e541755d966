# What bench.sh and scale.sh have in common; sourced by them, with the folder of the programs as $1.
# shellcheck shell=sh disable=SC2034,SC2154 # variables that only one of the two uses or sets

build=$(cd "$1" && pwd)
rounds=${BENCH_ROUNDS:-5} seconds=${BENCH_SECONDS:-2} port=${BENCH_PORT:-3391}
cores=$(nproc)
PATH=$PATH:/usr/sbin
unset MAKEFLAGS MAKELEVEL MFLAGS
var=$(mktemp -d)
pids='' exit_status=0 requests=0 failure=''

stop() {
    trap - EXIT
    # shellcheck disable=SC2086 # a list
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$var"
}
trap stop EXIT
trap 'exit 1' INT TERM

# ---- services ----

# settings FOLDER [TTL_SECONDS]: of a service whose database is in FOLDER. Participants stay for so long without renewing,
# otherwise for a day.
settings() {
    ttl_seconds=${2:-80000}
    mkdir -p "$1/empty"
    cat >"$1/session-voice.env" <<SETTINGS
ENVIRONMENT=development
CHAIN_MODE=mock
DATABASE_PATH=$1/session-voice.db
JWT_SECRET=only for the benchmarks, which end soon
AGORA_APP_ID=0123456789abcdef0123456789abcdef
AGORA_APP_CERTIFICATE=fedcba9876543210fedcba9876543210
FREE_TOKEN_TTL_SECONDS=$ttl_seconds
MINIMUM_CREDIT_SECONDS=$ttl_seconds
NONCE_TTL_SECONDS=3600
SETTINGS
}

until_answers() {
    tries=0
    until curl -fs -o /dev/null "http://127.0.0.1:$1/health"; do
        tries=$((tries + 1))
        if [ "$tries" -ge 200 ]; then echo "nothing answers on port $1" >&2; exit 1; fi
        sleep 0.1
    done
}

# serve PROGRAM FOLDER [WORKERS]: behind lighttpd, with so many workers for reads and heartbeats, on the next port. Sets $served
# (the port) and $served_pid.
serve() {
    served=$port
    port=$((port + 1))
    # Tokens that are good for a day are left over all the time here.
    if grep -aq EARLY_LEAVE_BUDGET_SECONDS "$1" && ! grep -q EARLY_LEAVE_BUDGET_SECONDS "$2/session-voice.env"; then
        echo EARLY_LEAVE_BUDGET_SECONDS=0 >>"$2/session-voice.env"
    fi
    sed "s/-procs\" => var.cores,/-procs\" => ${3:-var.cores},/" "${web_server:-lighttpd.conf}" >"$2/lighttpd.conf"
    SESSION_VOICE_BIND=127.0.0.1 SESSION_VOICE_PORT=$served SESSION_VOICE_BIN=$1 SESSION_VOICE_VAR=$2 \
        SESSION_VOICE_SOCKETS=$2 SESSION_VOICE_CONFIG=$2/session-voice.env lighttpd -D -f "$2/lighttpd.conf" &
    served_pid=$!
    pids="$pids $served_pid"
    until_answers "$served"
}

# end PID...: of what was started.
end() {
    kill "$@"
    for ended in "$@"; do
        wait "$ended" || true
        pids=$(echo "$pids " | sed "s| $ended | |; s| *\$||")
    done
}

# ---- measuring ----

# ask PORT ROUTES CLIENTS [SCRIPT [OPTION...]]: lets wrk ask for $seconds on 8 connections. Sets $rate (requests/s) and
# $p99 and adds what the service on the port $counted was asked to $requests; after any error sets $failure and returns 1.
ask() {
    target=http://127.0.0.1:$1
    export BENCH_ROUTES="$2" BENCH_CLIENTS="$3" BENCH_THREADS="${threads:-2}" BENCH_HEADER="${header:-}"
    wrk -t"$BENCH_THREADS" -c8 -d"${seconds}s" --timeout 10s --latency -s "tests/bench/${4:-client}.lua" "$target" \
        >"$var/wrk" 2>&1 || { failure=$(tail -n 1 "$var/wrk"); return 1; }
    failure=$(grep -E 'Non-2xx|Socket errors' "$var/wrk" | tr -s ' ' | tr '\n' ' ') || true
    rate=$(awk '/Requests\/sec/ { print $2 }' "$var/wrk")
    p99=$(awk '$1 == "99%" { print $2 }' "$var/wrk")
    [ "$1" != "${counted:-}" ] || requests=$((requests + $(awk '/requests in/ { print $1 }' "$var/wrk")))
    [ -z "$failure" ] && [ "${rate%.*}" -gt 0 ]
}

# join_and_leave PORT VISITORS: each round has its own of the visitors in that file, since the end of a run may leave them in
# their rooms. So many that nobody joins often, whose earlier stays would all be looked at. A connection has a thread of its
# own, so that the script knows whose answer it reads.
connections_at_once=8 visitors_at_once=200
join_and_leave() {
    tail -n +$(((round - 1) * visitors_at_once + 1)) "$2" | head -n "$visitors_at_once" >"$var/visiting"
    threads=$connections_at_once
    joined=no
    if ask "$1" none "$var/visiting" pair; then joined=yes; fi
    threads=''
    [ "$joined" = yes ]
}

# sign_in PORT BUILD FOLDER: with wallets, nonces and signatures that BUILD's programs make for the settings in FOLDER, so many that
# none is used twice.
sign_in() {
    "$2/bench-sign" "$3/session-voice.env" "${wallets:-16000}" >"$var/signed" && ask "$1" none "$var/signed" verify
}

# load PORT SECONDS CLIENTS [KIND RATE]...: constant rates. Of an answer that is missing or an error sets $failure and
# returns 1.
load() {
    "$build/bench-load" "$@" >"$var/load" && read_load
}
# latency_of NAME: sets $asked, and $p50, $p99, $p999 in µs, of the requests of that name, or of all.
latency_of() {
    # shellcheck disable=SC2046 # five numbers
    set -- $(awk -v name="$1" '$1 == name { print $2, $3, $4, $5, $6 }' "$var/load")
    asked=$1 errors=$2 p50=$3 p99=$4 p999=$5
}
read_load() {
    latency_of all
    failure=''
    [ "$errors" -eq 0 ] && [ "$asked" -gt 0 ] && return
    failure="$errors of $asked requests were not answered 200"
    return 1
}

# wal_written PORT DATABASE CLIENTS: sets $rate to the bytes of the log that heartbeats and renewals write in a
# participant's hour, in which there are 120 and 80. Somebody reads an old state meanwhile, so that the log only grows, but
# for the one time that it begins anew if all of it is in the database before.
wal_written() {
    shm=$2-shm frames_before=0
    [ "$(number_at 16 "$shm")" -eq "$(number_at 96 "$shm")" ] || frames_before=$(number_at 16 "$shm")
    sqlite3 "$2" 'BEGIN' 'SELECT count(*) FROM sqlite_schema' \
        ".shell '$build/bench-load' $1 $seconds '$3' heartbeat 600 renew 400 >'$var/load'" >/dev/null
    read_load || return 1
    frames=$(($(number_at 16 "$shm") - frames_before))
    latency_of heartbeat
    rate=$(calculate "$frames * ($(sqlite3 "$2" 'PRAGMA page_size') + 24) / ($asked / 120)" 0)
}
# number_at OFFSET FILE: of 32 bits. In SQLite's index of the log they are at 16 how many frames it has, at 96 how many of
# them are in the database.
number_at() { od -An -t u4 -j "$1" -N 4 "$2" | tr -d ' '; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
calculate() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }

# compare WHAT BAR OURS THEIRS [UNIT]: runs the two commands in turn, $rounds times; each sets $rate. The figure is the
# median of the ratios. Leaves the medians of the rates in $ours_rate and $theirs_rate.
compare() {
    : >"$var/our-rates"; : >"$var/their-rates"; : >"$var/ratios"
    for round in $(seq "$rounds"); do
        eval "$3" || { failed "$1" "$2"; return 0; }
        ours_rate=$rate
        eval "$4" || { failed "$1" "$2"; return 0; }
        echo "$ours_rate" >>"$var/our-rates"
        echo "$rate" >>"$var/their-rates"
        calculate "$ours_rate / $rate" 4 >>"$var/ratios"
        echo >>"$var/ratios"
    done
    ours_rate=$(median <"$var/our-rates") theirs_rate=$(median <"$var/their-rates")
    row "$1" "$(median <"$var/ratios")" "$2" "$(calculate "$ours_rate" 0) : $(calculate "$theirs_rate" 0) ${5:-requests/s}"
}

# tree PID: it and all its descendants.
tree() {
    echo "$1"
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree "$child"; done
}

# PSS in KiB of each process of the tree.
pss_of() {
    for pid in $(tree "$1"); do awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null || true; done
}
pss_sum() { pss_of "$1" | awk '{ sum += $1 } END { print sum }'; }
pss_of_largest_worker() { pss_of "$1" | sed 1d | sort -n | tail -n 1; }

# ---- the table ----

heading() {
    lighttpd=$(lighttpd -v | sed -n 's|^lighttpd/\([^ ]*\).*|\1|p')
    sqlite=$(dpkg-query -W -f '${Version}' libsqlite3-0)
    echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $cores cores; lighttpd $lighttpd, SQLite $sqlite;" \
        "load average at the start $(cut -d ' ' -f 1-3 /proc/loadavg); median of $rounds rounds of $seconds s"
    printf '\n| what | measured | bar | |\n|---|---|---|---|\n'
}

# row WHAT FIGURE BAR [DETAIL]: FIGURE is a number, perhaps with a unit behind it; so is N in BAR, "<= N" or ">= N".
row() {
    verdict=$(echo "$3" | awk -v figure="$2" '
        $1 == "<=" { print (figure + 0 <= $2 + 0) ? "met" : "missed" }
        $1 == ">=" { print (figure + 0 >= $2 + 0) ? "met" : "missed" }')
    figure=$(echo "$2" | awk '{ printf(($1 >= 100 || $1 == int($1)) ? "%.0f" : "%.2f", $1); if (NF > 1) printf " %s", $2 }')
    echo "| $1 | $figure${4:+ ($4)} | $3 | $verdict |"
}

failed() {
    exit_status=1
    echo "| $1 | FAILED: ${failure:-it did not run} | $2 | FAILED |"
    failure=''
}
