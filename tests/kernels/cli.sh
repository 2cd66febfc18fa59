#!/bin/sh
# checkkern's options: narrowing and its errors, one op, one seed, lists, JSON, figures.
failed=0
run() { # expected exit status, text that must appear, then arguments
    want=$1 text=$2
    shift 2
    out=$($MESON_EXE_WRAPPER "$checkkern" "$@" 2>&1)
    status=$?
    if [ $status -ne "$want" ] || ! printf '%s\n' "$out" | grep -q -e "$text"; then
        printf 'checkkern %s: exit status %d, expected %d and "%s"\n%s\n' "$*" $status "$want" "$text" "$out"
        failed=1
    fi
}
checkkern=$1
export CHECKKERN_QUICK=1
unset QNT_ISA CHECKKERN_ISA
run 0 '^1 passed, 0 failed, 0 skipped$' --op clamp_s8 --isa ref --seed 7
run 0 'seed 7' --op clamp_s8 --isa ref --seed 7
run 0 'Gelem/s .* 1.00 x ref' --op clamp_s8 --isa ref --bench
run 0 '"outcome": "passed"' --op clamp_s8 --json
run 0 '^dot_s8 *ref *usable$' --list
run 0 '"op": "dot_s8", "variant": "ref", "usable": true}' --list --json
run 2 "no op 'nothing'" --op nothing
run 2 "unknown ISA level 'avx9'" --isa avx9
CHECKKERN_ISA=avx9 run 2 "CHECKKERN_ISA: unknown ISA level 'avx9'" --op clamp_s8
CHECKKERN_ISA=ref run 0 '^1 passed, 0 failed, 0 skipped$' --op clamp_s8
export QNT_ISA=ref
run 0 '^1 passed, 0 failed, [1-9]' --op dot_s8
export QNT_ISA=avx9
run 2 "QNT_ISA: unknown ISA level 'avx9'"
exit $failed
