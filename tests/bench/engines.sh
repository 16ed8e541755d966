#!/bin/sh
# PostgreSQL, by a socket on the same machine, beside SQLite: the same programs, in turns.  usage: engines.sh BUILD
set -eu
# shellcheck disable=SC2034,SC2317 source=tests/bench/common.sh
. tests/bench/common.sh
participants=${BENCH_PARTICIPANTS:-20000}
token=only-for-the-benchmarks

heading

cluster=$var/cluster
mkdir "$cluster"
chmod 755 "$var"
url=$(DURABLE=1 tests/postgres.sh start "$cluster")
stop_all() { tests/postgres.sh stop "$cluster"; stop; }
trap stop_all EXIT

# start NAME [URL]: sets $served.
start() {
    settings "$var/$1"
    echo "METRICS_TOKEN=$token" >>"$var/$1/session-voice.env"
    if [ $# -gt 1 ]; then
        sed -i "s|^DATABASE_PATH=.*|DATABASE_URL=$2|" "$var/$1/session-voice.env"
        echo "STATE_DIRECTORY=$var/$1" >>"$var/$1/session-voice.env"
    fi
    "$build/bench-seed" "$var/$1/session-voice.env" "$participants" $((rounds * visitors_at_once + participants / 30)) >"$var/$1/seeded"
    grep -v ' -$' "$var/$1/seeded" >"$var/$1/clients"
    grep ' -$' "$var/$1/seeded" >"$var/$1/visitors"
    { cat "$var/$1/clients"; tail -n $((participants / 30)) "$var/$1/visitors"; } >"$var/$1/people"
    serve "$build/session-voice" "$var/$1"
}
start sqlite
sqlite=$served
start postgresql "$url"
postgresql=$served
psql -q "$url" -c 'VACUUM ANALYZE'

beside() {
    compare "$1, of SQLite's rate" "$2" "ask $postgresql '$1' $var/postgresql/clients" "ask $sqlite '$1' $var/sqlite/clients"
}
beside 'POST /rooms/heartbeat' '>= 0.6'
beside 'POST /rooms/token/renew' '>= 0.8'
compare "join and leave, of SQLite's rate" '-' "join_and_leave $postgresql $var/postgresql/visitors" \
    "join_and_leave $sqlite $var/sqlite/visitors"

# Of the $1th row of the list: what psql holds while others go on.
held_wallet=$(psql -qAt "$url" -c "SELECT wallet FROM connections WHERE agora_uid = 1 LIMIT 1")
held_room=$(psql -qAt "$url" -c "SELECT room_id FROM connections WHERE agora_uid = 6 LIMIT 1")
tail -n +11 "$var/postgresql/clients" >"$var/others"
mix() { load "$postgresql" 6 "$var/others" heartbeat 400 renew 200 && latency_of all; }
p99_of_mix() { mix && rate=$p99; }
p99_while_held() {
    psql -q "$url" -c BEGIN -c "SELECT FROM credit_accounts WHERE wallet = '$held_wallet' FOR UPDATE" \
        -c "SELECT FROM connections WHERE wallet = '$held_wallet' FOR UPDATE" \
        -c "SELECT FROM rooms WHERE room_id = '$held_room' FOR UPDATE" -c 'SELECT pg_sleep(5)' -c COMMIT >/dev/null &
    holder=$!
    p99_of_mix
    held=$?
    wait $holder
    return $held
}
compare "p99 of others while a wallet's and a room's rows are held for 5 s, of that without" '<= 2' p99_while_held p99_of_mix µs

# counted PATTERN: the sum of all series like it.
counted() {
    curl -fs -H "Authorization: Bearer $token" "http://127.0.0.1:$postgresql/metrics" | grep -E "^session_voice_$1" |
        awk '{ sum += $2 } END { print sum + 0 }'
}
writes='http_requests_total.route="/rooms/(token/renew|join|leave)"'
retries_before=$(counted database_retries_total) writes_before=$(counted "$writes")
if load "$postgresql" 20 "$var/postgresql/people" heartbeat $((participants / 30)) renew $((participants / 45)) visit $((participants / 600)); then
    retried=$(($(counted database_retries_total) - retries_before))
    written=$(($(counted "$writes") - writes_before))
    row "transactions run again, of those of a mix of $participants people" "$(calculate "100 * $retried / $written" 3) %" '<= 0.5 %' \
        "$retried of $written"
else
    failed 'transactions run again' '<= 0.5 %'
fi
exit "$exit_status"
