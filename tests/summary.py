#!/usr/bin/env python3
"""Counts what meson's test logs hold: summary.py LOG.json... prints "PASSED FAILED SKIPPED", then a line per reason of a skip.

A test program says what it did in one of these ways, else it counts as one:
  "N passed, N failed, N skipped"             checkkern and the test scripts
  "100%: Checks: N, Failures: N, Errors: N"   libcheck
and prints a line "skipped: REASON" or "1 skipped: REASON" for what it could not do.
"""
import collections
import json
import re
import sys

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)
SKIPS = re.compile(r"^(?:\d+ )?skipped: (.*)$", re.M)


def count(test):
    out = test.get("stdout", "")
    reasons = SKIPS.findall(out)
    if test["result"] == "SKIP":
        return 0, 0, 1, reasons or [test["name"]]
    passed = failed = skipped = 0
    if COUNTS.search(out):
        for line in COUNTS.findall(out):
            passed, failed, skipped = passed + int(line[0]), failed + int(line[1]), skipped + int(line[2])
    elif CHECKS.search(out):
        for line in CHECKS.findall(out):
            wrong = int(line[1]) + int(line[2])
            passed, failed = passed + int(line[0]) - wrong, failed + wrong
        skipped = len(reasons)
    else:
        passed, skipped = int(test["result"] == "OK"), len(reasons)
    if test["result"] not in ("OK", "EXPECTEDFAIL") and failed == 0:
        failed = 1
    return passed, failed, skipped, reasons


def main(paths):
    total, why = [0, 0, 0], collections.Counter()
    for path in paths:
        with open(path, encoding="utf-8") as log:
            for line in log:
                *numbers, reasons = count(json.loads(line))
                total = [a + b for a, b in zip(total, numbers)]
                why.update(reasons)
    print(*total)
    for reason, times in sorted(why.items()):
        print(f"{times} x {reason}" if times > 1 else reason)


main(sys.argv[1:])
