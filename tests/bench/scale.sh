#!/bin/sh
# What stays as it is when the service grows: participants, workers, requests, time. tests/bench/README.md says what the
# rows are.  usage: scale.sh BUILD
set -eu
# shellcheck disable=SC2034,SC2317 source=tests/bench/common.sh
. tests/bench/common.sh
open=${BENCH_OPEN:-1000000} few=1000 many_requests=${BENCH_REQUESTS:-1000000}
heartbeat='POST /rooms/heartbeat'

heading

# ---- people ----

people_seconds=${BENCH_PEOPLE_SECONDS:-60}
most_p99=50000

# carries COUNT: whether so many people get their answers in time. Each sends a heartbeat every 30 s and renews every 45 s;
# one joins and one leaves every 10 minutes for each of them; one in ten lists the rooms every 15 s; and each signs in every
# hour. They renew in the order of their tokens, and a sweep comes by.
carries() {
    folder=$var/people crowd=$var/people/clients meter_failed=$var/people/meter-failed
    rm -rf "$folder"
    settings "$folder" 90
    "$build/bench-seed" "$folder/session-voice.env" "$1" $(($1 / 30 + 2)) >"$crowd" &&
        "$build/bench-sign" "$folder/session-voice.env" $(($1 * people_seconds / 3600 + 2)) >>"$crowd" || return 1
    serve "$build/session-voice" "$folder"
    {
        sleep $((people_seconds / 2))
        "$build/session-voice-meter" --config "$folder/session-voice.env" >/dev/null || touch "$meter_failed"
    } &
    sweeping=$!
    in_time=no
    if load "$served" "$people_seconds" "$crowd" heartbeat "$(calculate "$1 / 30")" renew "$(calculate "$1 / 45")" \
        visit "$(calculate "$1 / 600")" list "$(calculate "$1 / 150")" sign-in "$(calculate "$1 / 3600")"; then
        in_time=yes
    fi
    wait "$sweeping"
    end "$served_pid"
    [ "$in_time" = yes ] && [ ! -e "$meter_failed" ] && latency_of all && [ "$p99" -le $most_p99 ]
}

# The most that are carried, to 5 %. Who fails may have been disturbed by something else, and is tried once more.
carried=0 too_many=0 tried=${BENCH_PEOPLE:-100000} latencies=''
until [ "$too_many" -gt 0 ] && [ $((too_many - carried)) -le $((too_many / 20)) ] || [ "$tried" -lt 100 ]; do
    if carries "$tried" || carries "$tried"; then
        carried=$tried
        latencies=$(awk '{ printf "%s%s %.1f", (NR > 1 ? ", " : ""), $1, $5 / 1000 }' "$var/load")
    else
        too_many=$tried
    fi
    if [ "$too_many" -eq 0 ]; then tried=$((2 * carried)); else tried=$(((carried + too_many) / 2)); fi
done
rm -rf "$var/people"
if [ "$carried" -gt 0 ]; then
    failure=''
    row '**participants on this machine**' "$carried" '>= 100000' "p99 in ms: $latencies"
else
    failed '**participants on this machine**' '>= 100000'
fi

# ---- sweeping ----

# For all of a million the clock stands still: they stay as they are, which is present, with a mark less than a minute old.
STANDING_CLOCK=$(date +%s)
on_standing_clock() { LD_PRELOAD=$build/bench-standing-clock.so STANDING_CLOCK=$STANDING_CLOCK "$@"; }
settings "$var/many"
many=$var/many/clients
on_standing_clock "$build/bench-seed" "$var/many/session-voice.env" "$open" 0 $((open / 10)) >"$many"

# sweep FIELD: sets $rate to a number of the sweep's summary.
sweep() {
    on_standing_clock "$build/session-voice-meter" --config "$var/many/session-voice.env" --json >"$var/sweep" &&
        rate=$(sed "s/.*\"$1\":\([0-9]*\).*/\1/" "$var/sweep")
}

sweep_what="a sweep with $open present, none lapsed and all booked within a minute"
swept=yes
for _ in $(seq "$rounds"); do
    if ! sweep duration_ms; then swept=no; break; fi
    echo "$rate" >>"$var/durations"
done
if [ $swept = yes ]; then
    row "$sweep_what" "$(calculate "$(median <"$var/durations") / 1000" 3) s" '<= 0.1 s'
else
    failed "$sweep_what" '<= 0.1 s'
fi

# serve_standing FOLDER
serve_standing() {
    export LD_PRELOAD="$build/bench-standing-clock.so" STANDING_CLOCK
    serve "$build/session-voice" "$1"
    unset LD_PRELOAD
}

# lapse ROUND: ends the tokens of a tenth of them, nobody's of $many, others in each round. Nobody has the database open.
lapse() {
    sqlite3 "$var/many/session-voice.db" "UPDATE connections SET last_metered_at = $STANDING_CLOCK - 50,
        token_expires_at = $STANDING_CLOCK - 1 WHERE agora_uid % 10 = $1 + 1"
}
# sweep_round ROUND: a while of heartbeats without a sweep, and one with a sweep that has the lapsed to settle.
sweep_round() {
    ask "$served" "$heartbeat" "$many" || return 1
    [ -n "$steady" ] || steady=$(calculate "$rate * 0.4" 0)
    load "$served" $((3 * seconds)) "$many" heartbeat "$steady" || return 1
    without=$p99
    "$build/bench-load" "$served" 600 "$many" heartbeat "$steady" >"$var/load" &
    loading=$!
    settled=none
    if sweep connections_lapsed; then settled=$rate; fi
    kill $loading
    wait $loading
    read_load || return 1
    if [ "$settled" != $((open / 10)) ]; then failure="the sweep settled $settled"; return 1; fi
    echo "$without" >>"$var/p99-without"
    echo "$p99" >>"$var/p99-with"
    calculate "$p99 / $without" >>"$var/p99-ratios"
    echo >>"$var/p99-ratios"
    sed 's/.*"duration_ms":\([0-9]*\).*/\1/' "$var/sweep" >>"$var/settling-ms"
}
sweeps_what="heartbeats' p99 during a sweep that settles $((open / 10)) of $open, of that without"
sweep_rounds=0 swept=yes steady='' begun=$(date +%s)
while [ $swept = yes ] && [ $sweep_rounds -lt "$rounds" ] && [ $sweep_rounds -lt 8 ] && # no new one after two minutes
    [ $(($(date +%s) - begun)) -lt 120 ]; do
    sweep_rounds=$((sweep_rounds + 1))
    lapse $sweep_rounds
    serve_standing "$var/many"
    if ! sweep_round; then swept=no; fi
    end "$served_pid"
done
if [ $swept = yes ]; then
    row "$sweeps_what" "$(median <"$var/p99-ratios")" '<= 1.5' "$(median <"$var/p99-with") : $(median <"$var/p99-without") µs \
at $steady/s, no error, rounds: $sweep_rounds; the sweep took $(median <"$var/settling-ms") ms"
else
    failed "$sweeps_what" '<= 1.5'
fi

# ---- a thousand and a million ----

settings "$var/few"
on_standing_clock "$build/bench-seed" "$var/few/session-voice.env" $few >"$var/few/clients"
serve_standing "$var/many"
with_many=$served with_many_pid=$served_pid
serve_standing "$var/few"
compare "$heartbeat with $open participants, of the rate with $few" '>= 0.90' \
    "ask $with_many '$heartbeat' $many" "ask $served '$heartbeat' $var/few/clients"
end "$served_pid" "$with_many_pid"
rm -r "$var/many"

# ---- workers ----

settings "$var/ten"
clients=$var/ten/clients
"$build/bench-seed" "$var/ten/session-voice.env" 10000 >"$clients"

# tail_latency: the median and the 99.9th percentile of heartbeats, with renewals at a third of their rate beside, at 80 % of
# the most that can be done of both.
tail_latency() {
    : >"$var/peaks"; : >"$var/tails"
    for _ in 1 2 3; do
        ask "$served" "$heartbeat,$heartbeat,$heartbeat,POST /rooms/token/renew" "$clients" || return 1
        echo "$rate" >>"$var/peaks"
    done
    steady=$(calculate "0.8 * 0.75 * $(median <"$var/peaks")" 0)
    for _ in $(seq "$rounds"); do
        load "$served" "$seconds" "$clients" heartbeat "$steady" renew "$(calculate "$steady / 3" 0)" || return 1
        latency_of heartbeat
        echo "$(calculate "$p999 / $p50") $p999 $p50" >>"$var/tails"
    done
    sort -n "$var/tails" | sed -n "$(((rounds + 1) / 2))p" >"$var/tail"
    read -r ratio p999 p50 <"$var/tail"
}
for workers in 1 2 4 8; do
    tail_what="heartbeats' p99.9 of the median, with renewals beside, workers: $workers"
    serve "$build/session-voice" "$var/ten" $workers
    if tail_latency; then
        row "$tail_what" "$ratio" '<= 20' "$p999 : $p50 µs at $steady/s"
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

# ---- what is written ----

serve "$build/session-voice" "$var/ten"
wal_what="log (WAL) written in a participant's hour"
if wal_written "$served" "$var/ten/session-voice.db" "$clients"; then
    row "$wal_what" "$rate B" '-'
else
    failed "$wal_what" '-'
fi
end "$served_pid"

settings "$var/grow" 90
grow() {
    admin="$build/session-voice-admin --config $var/grow/session-voice.env"
    "$build/bench-grow" "$var/grow/session-voice.env" 10 20 >"$var/grown" &&
        read -r bytes_before bytes_full hours <"$var/grown" &&
        $admin prune --vacuum >/dev/null && $admin audit >"$var/audit" &&
        bytes_pruned=$(stat -c %s "$var/grow/session-voice.db")
}
grow_what='database per hour of a participant, after prune --vacuum'
if grow; then
    row "$grow_what" "$(calculate "($bytes_pruned - $bytes_before) / $hours" 0) B" '<= 446 B' \
        "before $(calculate "($bytes_full - $bytes_before) / $hours" 0) B; audit: $(tail -n 1 "$var/audit")"
else
    failed "$grow_what" '<= 446 B'
fi
exit $exit_status
