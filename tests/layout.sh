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

only 'fcgiapp\.h|fcgi_' '^cgi-bin/fastcgi\.cpp$'
only 'sqlite3\.h' '^lib/sqlite/'
only 'libpq-fe\.h' '^lib/postgresql/'
only 'postgresql/' '^lib/postgresql/' '^lib/storage/'
# A driver is chosen in one place; what an operator does to SQLite's files is SQLite's own, and so is a file that another
# program made.
only 'sqlite/' '^lib/sqlite/' '^lib/storage/' '^lib/import/' '^admin/'
only 'import/' '^lib/import/' '^admin/'
only 'secp256k1' '^lib/auth/wallet_signature\.cpp$' '^lib/ethereum/private_key\.cpp$'
only 'curl/' '^lib/http_client/'
only 'http_client/curl_library\.h' '^lib/http_client/' '^lib/ethereum/http_transport\.cpp$'
only 'zlib\.h' '^lib/agora/' '^cgi-bin/web_files\.cpp$'
only 'openssl/' '^lib/base/' '^lib/ethereum/uint256\.cpp$'
only 'CLI/' '^admin/'

never lib 'http\.h|app\.h|routes\.h|fields\.h'
never lib/base 'auth/|credits/|requests/|rooms/|sessions/|agora/|ethereum/|http_client/|outbox/|database/|sqlite/|storage/|shared/'
never lib/shared 'auth/|credits/|requests/|rooms/|sessions/|agora/|ethereum/|database/|sqlite/|storage/'
for foreign in agora ethereum http_client database sqlite storage; do
    never "lib/$foreign" 'auth/|credits/|requests/|rooms/|sessions/|shared/'
done
never lib/database 'agora/|ethereum/|http_client/|sqlite/|storage/'
never lib/http_client 'agora/|ethereum/|database/|outbox/|sqlite/|storage/'
never lib/sqlite 'agora/|ethereum/|storage/'
# Counting and limiting are the edge's; the report of it all stands above the domain.
for domain in auth credits outbox requests rooms sessions usage; do
    never "lib/$domain" 'shared/|storage/'
done
for below in base shared agora ethereum http_client database sqlite storage auth credits outbox requests rooms sessions; do
    never "lib/$below" 'metrics/|usage/'
done
never lib/credits 'auth/|requests/|rooms/|sessions/'
never lib/outbox 'auth/|credits/|requests/|rooms/|sessions/'
never lib/auth 'credits/|requests/|rooms/|sessions/'
never lib/rooms 'auth/|requests/|sessions/'
never lib/requests 'auth/|credits/|rooms/|sessions/'
never lib/sessions 'auth/|requests/'
never lib/import 'auth/|requests/|sessions/|agora/|storage/|shared/|metrics/'
# Time and randomness come in from the edge.
found=$(grep -rnE 'system_now\(|std::time\(|system_clock|CURRENT_TIMESTAMP|unixepoch|random_device|SystemRandom [a-z]' lib schema |
    grep -vE '^lib/base/(clock|random|log)\.')
if [ -n "$found" ]; then echo "a clock or chance below the edge: $found"; strays=1; fi
# The domain and the edge know the seam alone, and count in words of their own.
found=$(grep -rniE 'sqlite|":memory:"|-wal\b|tally_|ifnull|indexed by|rowid|\breplace into' lib/auth lib/credits lib/requests lib/rooms \
    lib/sessions lib/shared lib/metrics lib/usage lib/database cgi-bin/*.cpp cgi-bin/*.h cron/*.cpp cron/*.h |
    grep -vE 'lib/(database/connection|metrics/report)\.')
if [ -n "$found" ]; then echo "a word of SQLite's above its driver: $found"; strays=1; fi
# Each file includes what it names, though another file of its folder may do so, too: UNITY=1 compiles them as one.
found=$(find lib cgi-bin cron admin tests -name '*.cpp' -o -name '*.h' | xargs awk '
    FNR == 1 { known[FILENAME] = 1 }
    /^#include "/ { split($0, part, "\""); includes[FILENAME] = includes[FILENAME] " " part[2] }
    !/^ *\/\// {
        code = $0
        gsub(/"[^"]*"/, "", code)
        while (match(code, /(^|[^a-zA-Z_:])[a-z_]+::/)) {
            name = substr(code, RSTART, RLENGTH - 2)
            sub(/^[^a-z_]/, "", name)
            names[FILENAME] = names[FILENAME] " " name
            code = substr(code, RSTART + RLENGTH)
        }
    }
    function visit(file, count, each, i, j, path) {
        if (file in seen) return
        seen[file] = 1
        split(file, place, "/")
        if (place[1] == "lib") reached[place[2]] = 1
        count = split(includes[file], each, " ")
        for (i = 1; i <= count; i++)
            for (j = 1; j <= 4; j++) {
                path = (j == 1 ? "lib/" : j == 2 ? "cgi-bin/" : j == 3 ? "tests/" : "") each[i]
                if (j == 4) { path = file; sub(/[^\/]*$/, "", path); path = path each[i] }
                if (path in known) visit(path)
            }
    }
    END {
        for (file in known) if (split(file, at, "/") > 2 && at[1] == "lib") folder[at[2]] = 1
        for (file in known) {
            if (file !~ /cpp$/) continue
            split("", seen); split("", reached)
            visit(file)
            count = split(names[file], named, " ")
            for (i = 1; i <= count; i++)
                if (named[i] in folder && !(named[i] in reached)) print file ": " named[i]
        }
    }' | sort -u)
if [ -n "$found" ]; then echo "names without an #include: $found"; strays=1; fi
# A file that a reader can hold in mind.
found=$(wc -l cgi-bin/*.[ch]* cgi-bin/web/*.[chj]* lib/*/*.[ch]* cron/*.[ch]* admin/*.[ch]* | awk '$1 > 400 && $2 != "total" { print $2 }')
if [ -n "$found" ]; then echo "over 400 lines: $found"; strays=1; fi
# A function, too: from its opening brace to the closing one of the same depth.
found=$(awk '
    FNR == 1 { before = ""; split("", start) }
    { match($0, /^ */); indent = RLENGTH; text = substr($0, indent + 1) }
    text == "{" && before !~ /^(class|struct|enum|union|namespace)/ { start[indent] = FNR; name[indent] = before }
    FILENAME ~ /js$/ && text ~ /\{$/ && text ~ /function|=>|^[a-z#][A-Za-z]*\(/ { start[indent] = FNR; name[indent] = text }
    text ~ /^}/ && indent in start {
        if (FNR - start[indent] > 59) print FILENAME ": " name[indent]
        delete start[indent]
    }
    { before = text }' cgi-bin/*.[ch]* cgi-bin/web/*.js lib/*/*.[ch]* cron/*.[ch]* admin/*.[ch]*)
if [ -n "$found" ]; then echo "over 60 lines: $found"; strays=1; fi
exit "$strays"
