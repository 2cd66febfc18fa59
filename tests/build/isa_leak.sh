#!/bin/sh
# Code outside a level's own files must run on any CPU of the architecture, and a level's files must not lend inline
# functions to others. Arguments: objdump nm family, then archives as name=path (base: lib and dispatch; ref; the levels).
objdump=$1 nm=$2 family=$3
shift 3
case $family in
x86_64) beyond='%[yz]mm[0-9]|[[:space:]]v[a-z0-9]+ .*%xmm|%k[1-7]\b' ;;        # anything encoded with VEX or EVEX
aarch64) beyond='[[:space:]]([su]dot|usdot|[su]mmla|usmmla|ptrue|whilelo)[[:space:]]' ;; # dotprod, i8mm, SVE
*) echo "1 skipped: no rule for $family"; exit 77 ;;
esac
failed=0 controls=0
for arg in "$@"; do
    name=${arg%%=*} archive=${arg#*=}
    code=$("$objdump" -d --no-show-raw-insn "$archive") || { echo "cannot read $archive"; exit 1; }
    lines=$(printf '%s\n' "$code" | grep -c '^ ')
    hits=$(printf '%s\n' "$code" | grep -cE "$beyond")
    case $name in
    base | ref)
        echo "$name: $lines instructions, $hits beyond the base of $family"
        if [ "$lines" -eq 0 ] || [ "$hits" -ne 0 ]; then
            printf '%s\n' "$code" | grep -E "^[0-9a-f]+ <|$beyond" | grep -B1 -E "$beyond" | head -20
            failed=1
        fi ;;
    neon) ;; # the base of aarch64
    *)
        [ "$hits" -gt 0 ] && controls=$((controls + 1))
        lent=$("$nm" -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | grep -vE '^(qnt_|__asan|__odr_asan|__ubsan|\.L)')
        if [ -n "$lent" ]; then
            echo "$name defines global names that are not its own:" $lent
            failed=1
        fi ;;
    esac
done
# The pattern must be able to match: some level's code has such instructions.
if [ "$controls" -eq 0 ]; then
    echo "1 skipped: positive control, no level above the base has code in this build"
fi
exit $failed
