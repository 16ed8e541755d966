#!/bin/sh
# A PostgreSQL of the tests' own, of the newest release that is installed, reached by a socket in its folder alone.
#   postgres.sh start FOLDER    makes it and prints its URL; nothing is brought to the disk or vacuumed, unless DURABLE is set
#   postgres.sh stop FOLDER     and takes the folder away
set -eu
folder=$2
programs=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)

# A vacuum that makes a table shorter locks it, on a busy machine for longer than impatient tests wait.
unsafe='-c fsync=off -c full_page_writes=off -c autovacuum=off'
[ -z "${DURABLE:-}" ] || unsafe=''

# It refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then as='runuser -u postgres --'; else as=''; fi

case $1 in
start)
    mkdir -p "$folder"
    [ -z "$as" ] || chown postgres "$folder"
    $as "$programs/initdb" -D "$folder/data" -U voice --auth=trust --encoding=UTF8 --locale=C --no-sync >"$folder/initdb.log"
    $as "$programs/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w -o "-c listen_addresses='' -k '$folder' $unsafe \
        -c max_connections=50 -c max_pred_locks_per_transaction=256" start >/dev/null
    psql -q -h "$folder" -U voice postgres -c 'CREATE DATABASE voice'
    echo "postgresql://voice@/voice?host=$folder"
    ;;
stop)
    $as "$programs/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null || true
    rm -rf "$folder"
    ;;
esac
