#!/bin/sh
# The library's names: exported ones against symbols.txt and the headers, hidden ones by their prefix.
# Usage: abi.sh NM SOURCE-DIR LIBQNT.SO LIBQNT.A
set -eu
nm=$1 source=$2 shared=$3 static=$4
list=$source/tests/abi/symbols.txt
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

same() { # same WHAT FILE: FILE holds what symbols.txt says
    if ! diff -u "$list" "$2" > "$tmp/diff"; then
        echo "FAILED: $1 differ from tests/abi/symbols.txt:"
        sed 1,2d "$tmp/diff"
        failed=$((failed + 1))
    fi
}

# "address T name@@QNT_0"; the version itself is an absolute symbol
"$nm" -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | LC_ALL=C sort > "$tmp/exported"
same 'the exported symbols' "$tmp/exported"
cat "$source"/include/qnt/*.h | tr '\n' ' ' | grep -oE 'QNT_API [^;]*' | grep -oE 'qnt_[a-z0-9_]+\(' | tr -d '(' |
    LC_ALL=C sort -u > "$tmp/declared"
same 'the functions declared in include/qnt' "$tmp/declared"

"$nm" -D --defined-only "$shared" | awk '$2 != "A" && $3 !~ /@@QNT_0$/ { print $3 }' > "$tmp/unversioned"
if [ -s "$tmp/unversioned" ]; then
    echo 'FAILED: exported without a version:'
    cat "$tmp/unversioned"
    failed=$((failed + 1))
fi
# Someone who links the archive meets all its global names.
"$nm" -g --defined-only "$static" | awk 'NF == 3 && $3 !~ /^qnt_/ { print $3 }' | LC_ALL=C sort -u > "$tmp/unprefixed"
if [ -s "$tmp/unprefixed" ]; then
    echo 'FAILED: in the static library without the prefix qnt_:'
    cat "$tmp/unprefixed"
    failed=$((failed + 1))
fi
echo "$((4 - failed)) passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
