#!/bin/sh
# The main job: trains a CNN in float, quantizes it to 8, 4, 2 and 1 bits, runs all five on the usable cores.
# Usage: tools/demo.sh [CIFAR-10 folder]
# Without a folder it takes the built-in set (under 3 minutes on 2 cores); with one, the recipes of the README's table.
# Builds in build-demo/, leaves the models, table.txt and table.svg in build-demo/out/.
set -eu
export LC_ALL=C # numbers with a point
if [ $# -gt 1 ] || { [ $# = 1 ] && [ ! -d "$1" ]; }; then
    echo "usage: tools/demo.sh [CIFAR-10 folder]" >&2
    exit 2
fi
data=builtin
[ $# = 0 ] || data=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
begin=$(date +%s)

tools/deps.sh
build=build-demo out=build-demo/out
mkdir -p $out
{
    [ -f $build/build.ninja ] || meson setup $build -Dtests=false
    ninja -C $build
} > $build/build.log 2>&1 || {
    cat $build/build.log >&2
    exit 1
}
bin=$build/tools

# field NAME FILE: a number or word of a JSON object, one member a line
field() {
    sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$2"
}

title() {
    printf '\n== %s\n' "$*"
}

# train NAME OPTION...
train() {
    name=$1
    shift
    title "qtrain --data $data $* --out $name.qnt"
    $bin/qtrain --data "$data" "$@" --out "$out/$name.qnt"
}

# measure NAME: a row of the table. One image at a time on one core gives the latency, batches on all cores the throughput;
# both must give the same bytes.
measure() {
    model=$out/$1.qnt
    $bin/qrun "$model" --data "$data" --json > "$out/one.json"
    $bin/qrun "$model" --data "$data" --json --threads "$cores" --batch 32 > "$out/all.json"
    if [ "$(field digest "$out/one.json")" != "$(field digest "$out/all.json")" ]; then
        echo "demo: $1: outputs differ between 1 and $cores threads" >&2
        exit 1
    fi
    printf '%s %s %s %s %s %s\n' "$1" "$(field accuracy "$out/one.json")" "$(field weight_bytes "$out/one.json")" \
        "$(field latency_median_us "$out/one.json")" "$(field images_per_second "$out/all.json")" \
        "$(field digest "$out/one.json")" >> "$out/rows"
}

accuracy() { # accuracy NAME, in percent
    awk -v name="$1" '$1 == name { printf "%.2f", $2 * 100 }' "$out/rows"
}

# line WHAT MEASURED TARGET CONDITION: a row of the comparison; the condition is in awk's terms
line() {
    printf '%-32s %-26s %-24s %s\n' "$1" "$2" "$3" "$(awk "BEGIN { print ($4) ? \"met\" : \"MISSED\" }")"
}

$bin/qinfo --json > $out/machine.json
cores=$(field usable_cores $out/machine.json)
if [ "$data" = builtin ]; then
    train float --bits 0 --recipe improved
else
    for seed in 1 2 3; do
        title "qtrain --data $data --bits 0 --recipe article --seed $seed"
        $bin/qtrain --data "$data" --bits 0 --recipe article --seed $seed --out "$out/article-$seed.qnt"
    done
    train float --bits 0 --recipe improved
fi
train 8-bit --from $out/float.qnt --bits 8
if [ "$data" = builtin ]; then more4='--epochs 4' more2='--epochs 6'; else more4='' more2=''; fi
# shellcheck disable=SC2086 # no words or two
{
    train 4-bit --from $out/float.qnt --bits 4 --lr 0.01 $more4
    train 2-bit --from $out/float.qnt --bits 2 --lr 0.02 $more2
    train 1-bit --from $out/float.qnt --bits 1
}

: > $out/rows
for model in float 8-bit 4-bit 2-bit 1-bit; do
    measure $model
done
title "$(field cpu $out/machine.json), $cores usable cores, $(field images $out/one.json) test images"
awk 'BEGIN { printf "%-8s %10s %10s %12s %12s  %s\n", "weights", "accuracy", "bytes", "us/image", "images/s", "digest of the outputs" }
    { printf "%-8s %8.2f %% %10d %12.1f %12.0f  %s\n", $1, $2 * 100, $3, $4, $5, $6 }' $out/rows | tee $out/table.txt
awk -f tools/chart.awk $out/rows > $out/table.svg
echo "us/image: median of single images on one core; images/s: batches of 32 on $cores cores, same bytes"

if [ "$data" != builtin ]; then
    title 'against the ground truth'
    mv $out/rows $out/rows.main
    : > $out/rows
    for seed in 1 2 3; do
        measure article-$seed
    done
    range=$(awk '{ a = $2 * 100; s += a; if (NR == 1 || a < lo) lo = a; if (NR == 1 || a > hi) hi = a }
        END { printf "%.2f %.2f %.2f", s / NR, lo, hi }' $out/rows)
    mv $out/rows.main $out/rows
    # shellcheck disable=SC2086 # three numbers
    set -- $range
    float=$(accuracy float) eight=$(accuracy 8-bit) one=$(accuracy 1-bit)
    {
        printf '%-32s %-26s %-24s\n' '' here 'target (PyTorch)'
        line "article's recipe, 3 seeds" "mean $1, $2 to $3" '45 to 58 (47.2 to 55.5)' "$2 >= 45 && $3 <= 58"
        line 'improved recipe, 20 epochs' "$float" '76.0 (76.77, 76.41)' "$float >= 76"
        line 'W8A8 fine-tuned 2 epochs' "$eight" 'own float - 0.5 at most' "$eight >= $float - 0.5"
        line 'W1A8 trained 5 epochs' "$one" 'own float - 10 at most' "$one >= $float - 10"
    } | tee -a $out/table.txt
fi
echo
echo "models, table.txt and table.svg are in $out/; $(($(date +%s) - begin)) s"
