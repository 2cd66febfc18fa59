#!/bin/sh
# A header compiles alone, and twice. Arguments: the header as included, then the compiler and its options.
header=$1
shift
printf '#include "%s"\n#include "%s"\nextern int qnt_header_test;\n' "$header" "$header" |
    "$@" -fsyntax-only -Wall -Wextra -Wpedantic -Werror -
