#!/bin/sh
# fuzz.sh TARGET SEEDS-PROGRAM FORMAT: libFuzzer from fresh seeds, a minute of the importer or half a minute of .qnt files,
# which are checked as a whole before they are read. QNT_FUZZ_SECONDS sets another length, QNT_FUZZ_CORPUS a folder where a
# folder for each format is kept and gone on from. What is found lies in the folder named at the end.
set -eu
target=$1 seeds=$2 format=$3
corpus=${QNT_FUZZ_CORPUS:+$QNT_FUZZ_CORPUS/$format}
work=$(mktemp -d)
if [ -z "$corpus" ]; then
    corpus=$work/corpus
fi
mkdir -p "$work/seeds" "$work/found" "$corpus"
"$seeds" "$format" "$work/seeds"
seconds=60
[ "$format" != qnt ] || seconds=30
memory=/dev/shm # saving waits for a disk
[ -w $memory ] || memory=$work
if TMPDIR=$memory "$target" -max_total_time="${QNT_FUZZ_SECONDS:-$seconds}" -max_len=65536 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="$work/found/" "$corpus" "$work/seeds" > "$work/log" 2>&1; then
    grep -E 'DONE|stat::(number_of_executed_units|average_exec)' "$work/log"
    rm -rf "$work"
    echo "1 passed, 0 failed, 0 skipped"
else
    grep -vE '^#[0-9]+' "$work/log" | tail -60
    echo "found: $(ls "$work/found"), in $work/found"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
