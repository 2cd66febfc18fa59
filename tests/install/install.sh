#!/bin/sh
# The installed library as a user meets it: the README's program through pkg-config as C and C++, linked against the shared
# and the static library, and through CMake.
# Usage: install.sh SOURCE-DIR BUILD-DIR MESON READELF TOOL CC... (TOOL, a program of the build, makes meson tell its emulator)
set -eu
: "${MESON_EXE_WRAPPER=}" # set by meson in a cross build
source=$(cd "$1" && pwd) build=$2 meson=$3 readelf=$4
shift 5
[ "${1##*/}" != ccache ] || shift # meson puts it before the compiler where it is installed
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

ok() {
    passed=$((passed + 1))
    echo "ok $1"
}
fail() {
    failed=$((failed + 1))
    echo "FAILED $1"
    cat "$tmp/log"
}
skip() {
    skipped=$((skipped + 1))
    echo "skipped: $1"
}
# try WHAT COMMAND...: one test
try() {
    what=$1
    shift
    if "$@" > "$tmp/log" 2>&1; then ok "$what"; else fail "$what"; fi
}
same() { # same WHAT: the program said what the first one said
    cp log log.copy
    try "$1: same output" cmp log.copy out-shared
}
run() { # starts a program of this build
    # shellcheck disable=SC2086 # words
    $MESON_EXE_WRAPPER "$@"
}

"$meson" install -C "$build" --no-rebuild --quiet --destdir "$tmp/root" > "$tmp/log" 2>&1 || {
    cat "$tmp/log"
    exit 1
}
pc=$(find "$tmp/root" -name qnt.pc)
lib=$(dirname "$(dirname "$pc")")
prefix=$(dirname "$(find "$tmp/root" -path '*/bin/qinfo')")/..
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$tmp/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
cd "$tmp"

# The program is the README's first block of C; the others are lines for one like it.
# shellcheck disable=SC2016 # backquotes, not a command
sed -n '/^```c$/,/^```$/p' "$source/README.md" > blocks
sed '/^```$/,$d;/^```c$/d' blocks > program.c
cp program.c program.cpp
try 'the program has ten lines' [ "$(wc -l < program.c)" = 10 ]
{
    printf '#include <qnt/qnt.h>\nint main(void) {\n    qnt_model *model = NULL;\n    static float image[32 * 32 * 3], score[10];\n'
    sed '1,/^```$/d' blocks | sed '/^```/d'
    echo '}'
} > lines.c

for page in qinfo.1 qrun.1 qtrain.1; do
    try "man page $page" [ -s "$prefix/share/man/man1/$page" ]
done
"$readelf" -d "$lib/libqnt.so" > dynamic
try 'SONAME' grep -q 'SONAME.*libqnt\.so\.[0-9]*\]' dynamic

# The installed tools find the installed library, and make the model that the program wants.
LD_LIBRARY_PATH=$lib
export LD_LIBRARY_PATH
try 'qtrain makes model.qnt' run "$prefix/bin/qtrain" --images 64 --epochs 1 --test-images 40 --out model.qnt
unset LD_LIBRARY_PATH

flags=$(pkg-config --cflags qnt) libs=$(pkg-config --libs qnt) all_libs=$(pkg-config --static --libs qnt)
warnings='-Wall -Wextra -Wpedantic -Werror'
# shellcheck disable=SC2086,SC2046 # lists of words
{
    try 'C, shared: compiles' "$@" -std=c11 $warnings $flags program.c -o c-shared $libs "-Wl,-rpath,$lib"
    try 'C, shared: runs' run ./c-shared
    cp log out-shared
    try 'C, lines: compile' "$@" -std=c11 $warnings $flags lines.c -o lines $libs
    try 'C, static: compiles' "$@" -std=c11 $warnings $flags program.c -o c-static \
        $(echo "$all_libs" | sed 's/-lqnt/-l:libqnt.a/')
    "$readelf" -d c-static > dynamic 2> log || true
    if grep -q 'NEEDED.*libqnt' dynamic; then fail 'C, static: needs no libqnt.so'; else ok 'C, static: needs no libqnt.so'; fi
    try 'C, static: runs' run ./c-static
    same 'C, static'
}
cxx=$(echo "$1" | sed 's/clang\(-[0-9]*\)\{0,1\}$/clang++\1/;s/gcc\(-[0-9]*\)\{0,1\}$/g++\1/;s/cc$/c++/')
if command -v "$cxx" > /dev/null; then
    # shellcheck disable=SC2086
    try 'C++, shared: compiles' "$cxx" -std=c++17 $warnings $flags program.cpp -o cxx-shared $libs "-Wl,-rpath,$lib"
    try 'C++, shared: runs' run ./cxx-shared
    same 'C++, shared'
else
    skip "C++ program, no $cxx"
fi

if [ -n "$MESON_EXE_WRAPPER" ]; then
    skip 'CMake package, cross build'
elif command -v cmake > /dev/null; then
    mkdir cm
    cp program.c cm
    cat > cm/CMakeLists.txt << 'END'
cmake_minimum_required(VERSION 3.16)
project(program C)
find_package(qnt 99 QUIET)
if(qnt_FOUND)
  message(FATAL_ERROR "version 99 was found")
endif()
find_package(qnt 0.1 REQUIRED)
add_executable(shared program.c)
target_link_libraries(shared qnt::qnt)
add_executable(static program.c)
target_link_libraries(static qnt::qnt_static)
END
    try 'CMake: configures' env CC="$*" cmake -G Ninja -S cm -B cm/build -DCMAKE_PREFIX_PATH="$prefix"
    try 'CMake: builds' cmake --build cm/build
    try 'CMake, shared: runs' cm/build/shared
    same 'CMake, shared'
    try 'CMake, static: runs' cm/build/static
    same 'CMake, static'
else
    skip 'CMake package, no cmake'
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
