#!/bin/sh
# Installs what is missing on Debian 12, with apt-get (through sudo when not root).
# Usage: tools/deps.sh [--arm64] [--examples] [--list]
#   --arm64     also the cross build for ARM64 and qemu
#   --examples  also what tools/examples takes
#   --list      only print what is missing
set -eu

# dpkg-dev tells meson where Debian keeps libraries: without it they would go where nothing looks.
native='gcc libc6-dev dpkg-dev meson ninja-build pkgconf libhwloc-dev libxxhash-dev libjansson-dev
    libprotobuf-c-dev protobuf-c-compiler libpng-dev libzip-dev'
tests='libsleef-dev g++ clang libclang-rt-dev check cmake binutils python3'
cross='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    libsleef-dev:arm64 libhwloc-dev:arm64 libxxhash-dev:arm64 libjansson-dev:arm64
    libprotobuf-c-dev:arm64 libpng-dev:arm64 libzip-dev:arm64 check:arm64'
examples='libxdp-dev libbpf-dev iproute2 libdpdk-dev'
arm64=no list=no
for word; do
    case $word in
        --arm64) arm64=yes ;;
        --examples) tests="$tests $examples" ;;
        --list) list=yes ;;
        *)
            echo "usage: tools/deps.sh [--arm64] [--examples] [--list]" >&2
            exit 2
            ;;
    esac
done

if ! command -v apt-get > /dev/null; then
    echo "deps.sh: no apt-get here; needed (by their Debian names): $native $tests" >&2
    exit 1
fi
wanted="$native $tests"
if [ $arm64 = yes ]; then
    if [ "$(dpkg --print-architecture)" != amd64 ]; then
        echo "deps.sh: --arm64 is for amd64 machines" >&2
        exit 1
    fi
    wanted="$wanted $cross"
fi

missing=
for package in $wanted; do
    case $package in
        *:*) name=$package ;;
        *) name=$package:$(dpkg --print-architecture) ;; # the other architecture's would not do
    esac
    # "all" packages are not listed under an architecture's name
    state=$(dpkg-query -W -f '${db:Status-Status}\n' "$name" 2> /dev/null ||
        dpkg-query -W -f '${Architecture} ${db:Status-Status}\n' "$package" 2> /dev/null | sed -n 's/^all //p') || true
    [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi
if [ $list = yes ]; then
    echo "$missing"
    exit 0
fi

root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo > /dev/null; then
        echo "deps.sh: not root and no sudo; please install:$missing" >&2
        exit 1
    fi
    root=sudo
fi
echo "deps.sh: installing$missing"
if [ $arm64 = yes ] && ! dpkg --print-foreign-architectures | grep -qx arm64; then
    $root dpkg --add-architecture arm64
fi
$root apt-get -q update
# shellcheck disable=SC2086 # a list of words
$root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
