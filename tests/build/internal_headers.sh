#!/bin/sh
# Every header of lib, simd, tools and tests compiles alone, but for those of one instruction set and for templates.
# Arguments: the source folder, then the compiler and its options.
root=$1
shift
count=0 failed=0
cd "$root" || exit 1
for header in $(find lib simd tools tests -name '*.h' ! -path 'simd/x86/*' ! -path 'simd/arm/*' ! -path 'simd/tmpl/*'); do
    count=$((count + 1))
    tests/build/header_alone.sh "$header" "$@" || failed=$((failed + 1))
done
echo "$((count - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ] && [ $count -gt 0 ]
