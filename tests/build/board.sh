#!/bin/sh
# The build for boards: static alone, without hwloc and SLEEF. Its library passes the tests of what differs, installs, and
# serves a program that is linked with -static; this must print what the same program prints in the build around.
# Usage: board.sh SOURCE-DIR MESON CROSS-FILE BOARD CC... (CROSS-FILE: '' in a native build; BOARD: board.c in the build around)
set -eu
: "${MESON_EXE_WRAPPER=}" # set by meson in a cross build
source=$(cd "$1" && pwd) meson=$2 cross=$3 board=$4
shift 4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

# try WHAT COMMAND...: one test
try() {
    what=$1
    shift
    if "$@" > "$tmp/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok $what"
    else
        failed=$((failed + 1))
        echo "FAILED $what"
        tail -30 "$tmp/log"
    fi
}
# shellcheck disable=SC2086,SC2317 # words; called through try, too
run() { # starts a program of this build
    $MESON_EXE_WRAPPER "$@"
}
# shellcheck disable=SC2317
silent_on() { # silent_on WORD FILE: there is a text, and the word is not in it
    [ -s "$2" ] && ! grep -i "$1" "$2"
}
end() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed = 0 ]
    exit
}

run "$board" > "$tmp/expected"
# Not optimized, which is built in a fraction of the time: kernels do not differ from other builds.
options='--default-library static -Dhwloc=disabled -Dsleef=disabled -Dtools=false -Doptimization=0'
# shellcheck disable=SC2086 # words
if [ -n "$cross" ]; then
    try 'configures' "$meson" setup "$tmp/build" "$source" --cross-file "$cross" $options
else
    try 'configures' env CC="$*" "$meson" setup "$tmp/build" "$source" $options
fi
[ $failed = 0 ] || end
try 'builds' ninja -C "$tmp/build" lib/libqnt.a tests/unit/test_session tests/topo/test_machine tests/topo/test_topo \
    tests/kernels/test_math
[ $failed = 0 ] || end
try 'no shared library' [ -z "$(find "$tmp/build" -name 'libqnt.so*')" ]

CK_DEFAULT_TIMEOUT=120
export CK_DEFAULT_TIMEOUT
for test in unit/test_session topo/test_machine topo/test_topo; do
    try "$test" run "$tmp/build/tests/$test"
done
CK_RUN_CASE=none run "$tmp/build/tests/kernels/test_math" > "$tmp/math" 2>&1 || true
try 'the comparison with SLEEF is a counted skip' grep '^1 skipped: exp against SLEEF' "$tmp/math"

try 'installs' env DESTDIR="$tmp/root" "$meson" install -C "$tmp/build" --no-rebuild
PKG_CONFIG_PATH=$(dirname "$(find "$tmp/root" -name qnt.pc)")
PKG_CONFIG_SYSROOT_DIR=$tmp/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
pkg-config --static --cflags --libs qnt > "$tmp/flags"
for name in hwloc sleef; do
    try "pkg-config names no $name" silent_on $name "$tmp/flags"
    try "CMake names no $name" silent_on $name "$(find "$tmp/root" -name qntConfig.cmake)"
done
# shellcheck disable=SC2046 # words
try 'a static program: links' "$@" -static "$source/tests/build/board.c" -o "$tmp/board" $(cat "$tmp/flags")
try 'a static program: runs' run "$tmp/board"
cp "$tmp/log" "$tmp/told"
try 'a static program: same output' diff "$tmp/expected" "$tmp/told"
if ! command -v cmake > /dev/null; then
    skipped=1
    echo 'skipped: CMake package of the static build, no cmake'
    end
fi
system=
[ -z "$cross" ] || system='-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64'
mkdir "$tmp/cm"
cat > "$tmp/cm/CMakeLists.txt" << END
cmake_minimum_required(VERSION 3.16)
project(board C)
find_package(qnt 0.1 REQUIRED)
add_executable(board $source/tests/build/board.c)
target_link_libraries(board -static qnt::qnt)
END
# shellcheck disable=SC2086 # words
try 'CMake: configures' env CC="$*" cmake -G Ninja $system -S "$tmp/cm" -B "$tmp/cm/build" -DCMAKE_PREFIX_PATH="$(find "$tmp/root" -path "*/include/qnt" -prune)/../.."
try 'CMake: builds' cmake --build "$tmp/cm/build"
try 'CMake: runs' run "$tmp/cm/build/board"
end
