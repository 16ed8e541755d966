#!/bin/sh
# All that an attacker tries, at length, against the three web servers and plain CGI: a line each of what held, then
# "N held, M did not". usage: attack.sh [BUILD]
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 0 ] || export SESSION_VOICE_BUILD="$1"
exec node tests/e2e/attack/main.mjs
