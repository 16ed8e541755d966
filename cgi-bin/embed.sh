#!/bin/sh
# Prints the C++ that puts files into a program, compressed; the compressed ones are kept in FOLDER.
# usage: embed.sh FOLDER FILE...
set -eu
folder=$1
shift
mkdir -p "$folder"

# $1: a symbol, for the bytes of the file $2.
include() {
    cat <<END
asm(R"(
    .section .rodata
    $1: .incbin "$2"
    $1_end: .byte 0
    .text
)");
extern const char $1[], $1_end[];
END
}

rows=
echo '#include "web_files.h"'
for file; do
    name=${file##*/}
    symbol=web_$(echo "$name" | tr -c '[:alnum:]\n' _)
    gzip -9 -n -c "$file" >"$folder/$name.gz"
    include "$symbol" "$folder/$name.gz"
    tag=$(sha256sum "$file" | cut -c 1-32)
    rows="$rows        {\"$name\", {$symbol, ${symbol}_end}, $(stat -c %s "$file"), \"$tag\"},
"
done
cat <<END
std::span<const WebFile> web_files()
{
    static const WebFile files[] = {
$rows    };
    return files;
}
END
