#!/usr/bin/env python3
"""What every public header promises: promises.py SOURCE-DIR.

Each function says how threads may call it, in the words of qnt/status.h; functions without a comment of their own share
the one before them. Each struct that starts with its size is tested with other versions' sizes (tests/unit/test_config.c).
"""
import pathlib
import re
import sys

PART = re.compile(r"/\*\*(?!<).*?\*/|QNT_API\b[^;{]*;|\}", re.S)
THREADS = re.compile(r"\b[Tt]hread-safe\b|\b(Reads?|Changes|Frees) (the|both|it)\b")
SIZED = re.compile(r"typedef struct (\w+) \{\s*size_t size;")

source = pathlib.Path(sys.argv[1])
sizes_test = (source / "tests/unit/test_config.c").read_text(encoding="utf-8")
functions = structs = failed = 0
for header in sorted((source / "include/qnt").glob("*.h")):
    text = header.read_text(encoding="utf-8")
    comment = ""
    for part in PART.findall(text):
        if part == "}":
            comment = ""
        elif part.startswith("/**"):
            comment = " ".join(part.split())
        else:
            functions += 1
            name = re.search(r"(\w+)\(", part).group(1)
            if not THREADS.search(comment.replace(" * ", " ")):
                failed += 1
                print(f"FAILED: {header.name}: {name} does not say how threads may call it")
    for name in SIZED.findall(text):
        structs += 1
        if not re.search(rf"\b{name}\b", sizes_test):
            failed += 1
            print(f"FAILED: {header.name}: {name} is not in tests/unit/test_config.c")
if not functions or not structs:
    failed += 1
    print("FAILED: no functions or no structs found")
print(f"{functions} functions, {structs} structs with a size")
print(f"{functions + structs - failed} passed, {failed} failed, 0 skipped")
sys.exit(1 if failed else 0)
