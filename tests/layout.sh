#!/bin/sh
# Includes point one way, and each foreign thing has one home. Prints what strays; fails if anything does.
cd "$(dirname "$0")/.." || exit 1
strays=0

# only PATTERN WHERE...: nothing but files named by WHERE may match PATTERN in an #include.
only() {
    pattern=$1; shift
    found=$(grep -rlE "#include [<\"]($pattern)" cgi-bin lib cron admin | grep -vE "$(echo "$*" | sed 's/ /|/g')")
    if [ -n "$found" ]; then echo "<$pattern> belongs to $*, not to: $found"; strays=1; fi
}
# never FOLDER PATTERN: files of FOLDER must not include PATTERN.
never() {
    found=$(grep -rlE "#include \"($2)" "$1")
    if [ -n "$found" ]; then echo "$1 must not include $2: $found"; strays=1; fi
}

only 'fcgiapp\.h|fcgi_' '^cgi-bin/main\.cpp$'
only 'sqlite3\.h' '^lib/sqlite/'
only 'secp256k1' '^lib/auth/wallet_signature\.cpp$' '^lib/ethereum/private_key\.cpp$'
only 'curl/' '^lib/ethereum/http_transport\.cpp$'
only 'zlib\.h' '^lib/agora/'
only 'openssl/' '^lib/base/' '^lib/ethereum/uint256\.cpp$'
only 'CLI/' '^admin/'

never lib 'http\.h|app\.h|routes\.h|fields\.h'
never lib/base 'auth/|credits/|requests/|rooms/|sessions/|agora/|ethereum/|sqlite/|shared/'
never lib/shared 'auth/|credits/|requests/|rooms/|sessions/|agora/|ethereum/|sqlite/'
for foreign in agora ethereum sqlite; do
    never "lib/$foreign" 'auth/|credits/|requests/|rooms/|sessions/|shared/'
done
# Counting and limiting are the edge's; the report of it all stands above the domain.
for domain in auth credits requests rooms sessions; do
    never "lib/$domain" 'shared/'
done
for below in base shared agora ethereum sqlite auth credits requests rooms sessions; do
    never "lib/$below" 'metrics/'
done
never lib/credits 'auth/|requests/|rooms/|sessions/'
never lib/auth 'credits/|requests/|rooms/|sessions/'
never lib/rooms 'auth/|requests/|sessions/'
never lib/requests 'auth/|credits/|rooms/|sessions/'
never lib/sessions 'auth/|requests/'
# Time and randomness come in from the edge.
found=$(grep -rnE 'system_now\(|std::time\(|system_clock|CURRENT_TIMESTAMP|unixepoch|random_device|SystemRandom [a-z]' lib schema |
    grep -vE '^lib/base/(clock|random|log)\.')
if [ -n "$found" ]; then echo "a clock or chance below the edge: $found"; strays=1; fi
# A file that a reader can hold in mind.
found=$(wc -l cgi-bin/*.[ch]* lib/*/*.[ch]* cron/*.[ch]* admin/*.[ch]* | awk '$1 > 400 && $2 != "total" { print $2 }')
if [ -n "$found" ]; then echo "over 400 lines: $found"; strays=1; fi
exit "$strays"
