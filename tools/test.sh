#!/bin/sh
# Passes the tests: installs what is missing, builds with gcc and clang, with sanitizers and for ARM64, and runs the suites.
# Usage: tools/test.sh [--quick] [--no-deps]
#   --quick    one build with gcc, natively
#   --no-deps  install nothing
# Builds in build-test/. Ends with "N passed, N failed, N skipped" and a non-zero status when something failed.
set -eu
cd "$(dirname "$0")/.."

quick=no deps=yes
for word; do
    case $word in
        --quick) quick=yes ;;
        --no-deps) deps=no ;;
        *)
            echo "usage: tools/test.sh [--quick] [--no-deps]" >&2
            exit 2
            ;;
    esac
done

out=build-test
mkdir -p $out
rm -f $out/*.log $out/*.counts $out/*.seconds $out/skips
all_passed=0 all_failed=0 all_skipped=0
begin=$(date +%s)

# add NAME PASSED FAILED SKIPPED: a line of the summary
add() {
    all_passed=$((all_passed + $2)) all_failed=$((all_failed + $3)) all_skipped=$((all_skipped + $4))
    printf '%-28s %6d passed %4d failed %4d skipped %5d s\n' "$1" "$2" "$3" "$4" $(($(date +%s) - started))
}

# skip NAME REASON: a whole configuration that cannot run here
skip() {
    started=$(date +%s)
    echo "$1: $2" >> $out/skips
    add "$1" 0 0 1
}

# build NAME DIR TARGET SETUP-OPTION...: configures (once) and compiles; a failure counts as one failed test
build() {
    name=$1 dir=$out/$2 target=$3
    shift 3
    started=$(date +%s)
    if { [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@"; } > "$out/$name.build.log" 2>&1 &&
        ninja -C "$dir" "$target" >> "$out/$name.build.log" 2>&1; then
        return 0
    fi
    grep -E 'error|ERROR|FAILED' "$out/$name.build.log" | head -20 >&2 || true
    echo "$name: does not build, see $out/$name.build.log" >&2
    add "$name (build)" 0 1 0
    return 1
}

# launch NAME DIR TEST-OPTION...: runs suites of a build
launch() {
    name=$1 dir=$out/$2 started=$(date +%s)
    shift 2
    rm -f "$dir/meson-logs/$name"*.json
    meson test -C "$dir" --no-rebuild --logbase "$name" "$@" > "$out/$name.log" 2>&1 || true
    echo $(($(date +%s) - started)) > "$out/$name.seconds"
}

# collect NAME DIR: counts what launch ran
collect() {
    name=$1 dir=$out/$2
    started=$(($(date +%s) - $(cat "$out/$name.seconds")))
    tests/summary.py "$dir/meson-logs/$name"*.json > "$out/$name.counts" || echo 0 1 0 > "$out/$name.counts"
    sed "1d;s/^/$name: /" "$out/$name.counts" >> $out/skips
    # shellcheck disable=SC2046 # three numbers
    set -- $(head -1 "$out/$name.counts")
    [ "$2" = 0 ] || tail -50 "$out/$name.log" >&2
    add "$name" "$1" "$2" "$3"
}

check() {
    launch "$@"
    collect "$1" "$2"
}

arm=yes
if [ $deps = yes ]; then
    tools/deps.sh
    if [ $quick = no ]; then
        tools/deps.sh --arm64 || arm=no
    fi
fi

command -v aarch64-linux-gnu-gcc > /dev/null && command -v qemu-aarch64 > /dev/null || arm=no
# The static build for boards is made once: for ARM64, as boards have it, where that is tested.
board='--no-suite board'
[ $quick = no ] && [ $arm = yes ] || board=
gcc=no
if build gcc gcc all -Dwerror=true; then
    gcc=yes
    # shellcheck disable=SC2086 # words
    check gcc gcc $board
fi
if [ $quick = no ]; then
    if build clang clang all -Dwerror=true --native-file .ci/native/clang.ini; then
        # The tools and the harness are checked in gcc's build, what runs no kernels there and under clang's sanitizers.
        check clang clang --setup again
    fi
    if [ $gcc = yes ]; then
        check gcc-ref gcc --setup ref
        [ "$(uname -m)" != x86_64 ] || check gcc-avx2 gcc --setup avx2
    fi
    # -O1: with more, compilers take five times as long over the widest tiles, for the same checks. gcc leaves vzeroupper out
    # then, which -fexpensive-optimizations brings back. clang has the fuzzer, which takes a minute of one core for each
    # format beside what follows.
    fuzz=no
    sanitize='-Doptimization=1 -Db_lundef=false -Dtools=false'
    if ! command -v clang > /dev/null; then
        skip fuzz "no clang"
        set -- "-Dc_args=-fno-sanitize-recover=all -fexpensive-optimizations"
    else
        set -- -Dc_args=-fno-sanitize-recover=all -Dfuzz=true --native-file .ci/native/clang.ini
        fuzz=yes
    fi
    # The programs are large, with the library in each: gold links them in a third of the time, where there is one.
    ! command -v ld.gold > /dev/null || set -- "$@" -Dc_link_args=-fuse-ld=gold
    # shellcheck disable=SC2086 # words
    if build asan-ubsan asan all $sanitize -Db_sanitize=address,undefined "$@"; then
        check asan-ubsan asan --setup asan
        if [ $fuzz = yes ]; then
            launch fuzz asan --suite libfuzzer &
            fuzz=$!
        fi
    fi
    # One long program, too.
    qemu=no
    if ! command -v qemu-x86_64 > /dev/null; then
        skip qemu-x86_64 "no qemu-x86_64"
    elif [ $gcc = yes ] && [ "$(uname -m)" = x86_64 ]; then
        launch qemu-x86_64-max gcc --setup qemu_x86_64_max &
        qemu=$!
    fi
    # Threads meet in lib/ and in what kernels store: one level of vectors shows both.
    # shellcheck disable=SC2086 # words
    if build tsan tsan thread-tests $sanitize -Db_sanitize=thread -Dlevels=avx2,neon; then
        check tsan tsan --setup tsan --suite threads
    fi
    if [ $arm = no ]; then
        skip aarch64 "no cross compiler or no qemu-aarch64"
    elif build aarch64 aarch64 all --cross-file .ci/cross/aarch64.ini -Dwerror=true; then
        # Some wait, and one starts compilers.
        check cortex-a53 aarch64 --setup cortex_a53 --num-processes $(($(nproc) + 1))
        check cortex-a76 aarch64 --setup cortex_a76
        check i8mm aarch64 --setup i8mm --suite kernels --no-suite harness --no-suite same-kernels
        check aarch64 aarch64 --suite emulated
    fi
    case $fuzz in
        no | yes) ;;
        *)
            wait "$fuzz"
            collect fuzz asan
            ;;
    esac
    if [ $qemu != no ]; then
        wait "$qemu"
        collect qemu-x86_64-max gcc
    fi
fi

if [ -s $out/skips ]; then
    echo
    echo "skipped:"
    sed 's/^/  /' $out/skips
fi
echo
echo "$(($(date +%s) - begin)) s"
echo "$all_passed passed, $all_failed failed, $all_skipped skipped"
[ $all_failed = 0 ]
