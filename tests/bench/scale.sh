#!/bin/sh
# What stays as it is when the service grows: participants, workers, requests, time. tests/bench/README.md says what the
# rows are.  usage: scale.sh BUILD
set -eu
# shellcheck disable=SC2034,SC2317 source=tests/bench/common.sh
. tests/bench/common.sh
open=${BENCH_OPEN:-1000000} few=1000 many_requests=${BENCH_REQUESTS:-1000000}
heartbeat='POST /rooms/heartbeat'

heading

# load RATE SECONDS [CLIENTS]: heartbeats at a constant rate to the service served last. Sets $p50, $p99, $p999 in µs.
load() {
    "$build/bench-load" "$served" "$1" "$2" "$3" >"$var/load" && read_load
}
read_load() {
    read -r asked errors p50 p99 p999 _ <"$var/load"
    failure=''
    [ "$errors" -eq 0 ] && [ "$asked" -gt 0 ] && return
    failure="$errors of $asked heartbeats were not answered 200"
    return 1
}

# ---- sweeping ----

silent_after_seconds=5
settings "$var/many" HEARTBEAT_INTERVAL_SECONDS=$silent_after_seconds
many=$var/many/clients
"$build/bench-seed" "$var/many/session-voice.env" "$open" >"$many"

# sweep: sets $metered and $sweep_rate (silent connections a second).
sweep() {
    "$build/session-voice-meter" --config "$var/many/session-voice.env" --json >"$var/sweep" || return 1
    metered=$(sed 's/.*"connections_metered":\([0-9]*\).*/\1/' "$var/sweep")
    sweep_rate=$(calculate "$metered * 1000 / $(sed 's/.*"duration_ms":\([0-9]*\).*/\1/' "$var/sweep")" 0)
}

# Each round: a sweep alone, a while without any, which makes everybody silent again, a sweep under load. No new one begins
# after two minutes.
sweeps() {
    ask "$served" "$heartbeat" "$many" || return 1
    steady=$(calculate "$rate * 0.4" 0)
    sweep_rounds=0 begun=$(date +%s)
    while [ "$sweep_rounds" -lt "$rounds" ] && [ $(($(date +%s) - begun)) -lt 120 ]; do
        sweep_rounds=$((sweep_rounds + 1))
        sweep || return 1
        echo "$sweep_rate" >>"$var/sweep-rates"
        load "$steady" $((silent_after_seconds + 1)) "$many" || return 1
        without=$p99
        "$build/bench-load" "$served" "$steady" 600 "$many" >"$var/load" &
        loading=$!
        swept=yes
        sweep || swept=no
        kill $loading
        wait $loading
        [ $swept = yes ] && read_load || return 1
        echo "$without" >>"$var/p99-without"
        echo "$p99" >>"$var/p99-with"
        calculate "$p99 / $without" >>"$var/p99-ratios"
        echo >>"$var/p99-ratios"
        sleep $((silent_after_seconds + 1))
    done
}

serve "$build/session-voice" "$var/many"
sweep_what="heartbeats' p99 during a sweep of $open silent participants, of that without"
if sweeps; then
    row "$sweep_what" "$(median <"$var/p99-ratios")" '<= 2' \
        "$(median <"$var/p99-with") : $(median <"$var/p99-without") µs at $steady/s, no error, rounds: $sweep_rounds"
    row "silent participants swept in a second, of $open" "$(median <"$var/sweep-rates")" '>= 150000'
else
    failed "$sweep_what" '<= 2'
fi
end "$served_pid"

# The same statements with nothing around them, while nobody else is there.
bare_what="rounds of a bare loop of the sweep's SQL in a second"
if rate=$("$build/bench-bare" "$var/many/session-voice.db" $((5 * seconds)) 200 NORMAL); then
    row "$bare_what" "$rate" '-'
else
    failed "$bare_what" '-'
fi

# ---- a thousand and a million ----

# The clock of these two runs faster, so that one of a thousand has talked for some seconds when its turn comes again.
LD_PRELOAD=$build/bench-fast-clock.so FAST_CLOCK_SINCE=$(date +%s)
settings "$var/few"
"$build/bench-seed" "$var/few/session-voice.env" $few >"$var/few/clients"
export LD_PRELOAD FAST_CLOCK_SINCE
serve "$build/session-voice" "$var/many"
with_many=$served with_many_pid=$served_pid
serve "$build/session-voice" "$var/few"
unset LD_PRELOAD FAST_CLOCK_SINCE
compare "$heartbeat with $open participants, of the rate with $few" '>= 0.80' \
    "ask $with_many '$heartbeat' $many" "ask $served '$heartbeat' $var/few/clients"
end "$served_pid" "$with_many_pid"
rm -r "$var/many"

# ---- workers ----

settings "$var/ten"
clients=$var/ten/clients
"$build/bench-seed" "$var/ten/session-voice.env" 10000 >"$clients"

# tail_latency WORKERS: the median and the 99.9th percentile at 80 % of the most that they can do.
tail_latency() {
    : >"$var/peaks"; : >"$var/tails"
    for _ in 1 2 3; do
        ask "$served" "$heartbeat" "$clients" || return 1
        echo "$rate" >>"$var/peaks"
    done
    most=$(calculate "0.8 * $(median <"$var/peaks")" 0)
    for _ in $(seq "$rounds"); do
        load "$most" "$seconds" "$clients" || return 1
        echo "$(calculate "$p999 / $p50") $p999 $p50" >>"$var/tails"
    done
    sort -n "$var/tails" | sed -n "$(((rounds + 1) / 2))p" >"$var/tail"
    read -r ratio p999 p50 <"$var/tail"
}
for workers in 1 2 4 8; do
    tail_what="heartbeats' p99.9 at 80 % of the most, workers: $workers, of the median"
    serve "$build/session-voice" "$var/ten" $workers
    if tail_latency $workers; then
        row "$tail_what" "$ratio" '<= 20' "$p999 : $p50 µs at $most/s"
    else
        failed "$tail_what" '<= 20'
    fi
    end "$served_pid"
done

# ---- a million requests ----

serve "$build/session-voice" "$var/ten" 1
counted=$served
routes="$heartbeat,GET /credits,GET /health" # what waits for the disk would take too long
ask_until() {
    while [ "$requests" -lt "$1" ]; do ask "$served" "$routes" "$clients" || return 1; done
}
pss_what="PSS of a worker after $many_requests requests, of that after"
if ask_until 10000; then
    requests_before=$requests pss_before=$(pss_of_largest_worker "$served_pid") seconds_before=$seconds
    [ "$many_requests" -lt 100000 ] || seconds=10
    if ask_until "$many_requests"; then
        pss_after=$(pss_of_largest_worker "$served_pid")
        row "$pss_what $requests_before" "$(calculate "$pss_after / $pss_before")" '<= 1.05' "$pss_after : $pss_before KiB"
    else
        failed "$pss_what $requests_before" '<= 1.05'
    fi
    seconds=$seconds_before
else
    failed "$pss_what 10000" '<= 1.05'
fi
end "$served_pid"

# ---- the ledger ----

settings "$var/grow"
FREE_TOKEN_TTL_SECONDS=90 MINIMUM_CREDIT_SECONDS=90
export FREE_TOKEN_TTL_SECONDS MINIMUM_CREDIT_SECONDS
grow() {
    admin="$build/session-voice-admin --config $var/grow/session-voice.env"
    "$build/bench-grow" "$var/grow/session-voice.env" 10 20 >"$var/grown" &&
        read -r bytes_before bytes_full hours <"$var/grown" &&
        $admin prune --vacuum >/dev/null && $admin audit >"$var/audit" &&
        bytes_pruned=$(stat -c %s "$var/grow/session-voice.db")
}
grow_what='database per hour of a participant, after prune --vacuum'
if grow; then
    row "$grow_what" "$(calculate "($bytes_pruned - $bytes_before) / $hours" 0) B" '<= 2000 B' \
        "before $(calculate "($bytes_full - $bytes_before) / $hours" 0) B; audit: $(tail -n 1 "$var/audit")"
else
    failed "$grow_what" '<= 2000 B'
fi
exit $exit_status
