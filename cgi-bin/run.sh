#!/bin/sh
# Serves a development copy until Ctrl-C or SIGTERM: the web server with its workers, and the sweep every 30 s.
# usage: run.sh BUILD PORT VAR
set -eu

# What another user may have put into the folder must not be done as root.
if [ "$(id -u)" -eq 0 ] && [ -e "$3" ] && [ "$(stat -L -c %u "$3")" -ne 0 ]; then
    echo "$3 belongs to another user than root; run this as that user, or choose another: make run VAR=/root/var" >&2
    exit 1
fi
mkdir -p "$3/empty"
build=$(cd "$1" && pwd) port=$2 var=$(cd "$3" && pwd)
program=$build/session-voice
export SESSION_VOICE_BIND=127.0.0.1 SESSION_VOICE_PORT="$port" SESSION_VOICE_BIN="$program"
export SESSION_VOICE_VAR="$var" SESSION_VOICE_CONFIG="$var/session-voice.env"
export SESSION_VOICE_SOCKETS="$3" # as short as it was given: a socket's path has at most 107 bytes
PATH=$PATH:/usr/sbin

random_hex() { od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

if [ ! -e "$SESSION_VOICE_CONFIG" ]; then
    umask_before=$(umask)
    umask 077
    cat >"$SESSION_VOICE_CONFIG" <<SETTINGS
# Made on first use, for development. Variables of the environment win over these lines.
ENVIRONMENT=development
$(if [ -n "${DATABASE_URL:-}" ]; then
    printf 'DATABASE_URL=%s\nSTATE_DIRECTORY=%s\n' "$DATABASE_URL" "$var"
else
    echo "DATABASE_PATH=$var/session-voice.db"
fi)
JWT_SECRET=$(random_hex 32)
AGORA_APP_ID=$(random_hex 16)
AGORA_APP_CERTIFICATE=$(random_hex 16)
CHAIN_MODE=mock
ORACLE_PRIVATE_KEY=0x00$(random_hex 31)
ORACLE_SERVICE_TOKEN=$(random_hex 32)
SETTINGS
    umask "$umask_before"
fi
"$program" --check >/dev/null
if curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$port/"; then
    echo "something answers on port $port already; choose another: make run PORT=4000 VAR=./var-4000" >&2
    exit 1
fi
"$build/session-voice-admin" migrate >/dev/null

lighttpd_pid='' meter_pid='' attest_pid='' notify_pid=''
stop() {
    trap - INT TERM EXIT
    for pid in $lighttpd_pid $meter_pid $attest_pid $notify_pid; do kill -TERM "$pid" 2>/dev/null || true; done
    wait
}
trap 'stop; exit 0' INT TERM
trap stop EXIT

lighttpd -D -f lighttpd.conf &
lighttpd_pid=$!
# sweep_forever PROGRAM SECONDS: every so many; a day at a time, in case the shell is left running for years.
sweep_forever() {
    sweep=''
    trap 'kill "$sweep" 2>/dev/null; exit 0' INT TERM
    while :; do
        "$build/session-voice-$1" --every "$2" --for 86400 --json >>"$var/$1.log" 2>&1 &
        sweep=$!
        wait "$sweep" && continue
        sleep 30 &
        sweep=$!
        wait "$sweep"
    done
}
sweep_forever meter 30 &
meter_pid=$!
sweep_forever attest 30 &
attest_pid=$!
if [ -n "${WEBHOOK_URL:-}${AGORA_CUSTOMER_ID:-}" ] ||
    grep -qE '^[[:space:]]*(WEBHOOK_URL|AGORA_CUSTOMER_ID)[[:space:]]*=[[:space:]]*[^[:space:]]' "$SESSION_VOICE_CONFIG"; then
    sweep_forever notify 1 &
    notify_pid=$!
fi

tries=0
until curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$port/health" 2>/dev/null; do
    tries=$((tries + 1))
    if ! kill -0 "$lighttpd_pid" 2>/dev/null || [ "$tries" -ge 100 ]; then
        echo "session-voice did not come up; see $var/lighttpd.log" >&2
        tail -n 5 "$var/lighttpd.log" >&2 || true
        exit 1
    fi
    sleep 0.1
done
echo "session-voice ready on http://127.0.0.1:$port"
wait "$lighttpd_pid"
