"""The same bytes everywhere: models trained on the built-in set, and their outputs, on every ISA level this machine has, for
several thread counts and batches. digests.json holds what every machine, real or emulated, must give; a change that is
meant to alter the bytes takes the values from the failures."""
import hashlib
import json
import os
import cases
from cases import run

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "digests.json"), encoding="utf-8") as known:
    EXPECTED = json.load(known)
LEVELS = [row["name"] for row in json.loads(run("qinfo", "--json").stdout)["isas"] if row["usable"]]
MODELS = {"float": ("--bits", 0), "8-bit": ("--bits", 8), "4-bit": ("--bits", 4),
          "mixed": ("--bits", 2, "--layer-bits", "conv1=8,fc2=5")}


def train(name, level):
    run("qtrain", "--images", 32, "--batch", 16, "--epochs", 1, "--test-images", 10, *MODELS[name], "--out", "model.qnt",
        env={"QNT_ISA": level})
    with open("model.qnt", "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def outputs(level, threads, batch):
    return run("qrun", "model.qnt", "--images", 20, "--hash", "--threads", threads, "--batch", batch,
               env={"QNT_ISA": level}).stdout.strip()


def check(name):
    wrong = []
    for level in LEVELS:
        got = {f"{level}, trained": ("model", train(name, level))}
        for threads, batch in [(1, 1), (2, 1), (3, 1), (1, 7), (2, 7), (3, 7)]:
            got[f"{level}, {threads} threads, batch {batch}"] = ("outputs", outputs(level, threads, batch))
        wrong += [f"{where}: {what} {digest}" for where, (what, digest) in got.items() if digest != EXPECTED[name][what]]
    assert not wrong, f"expected {EXPECTED[name]}\n" + "\n".join(wrong)


def test_float():
    check("float")


def test_8_bit():
    check("8-bit")


def test_4_bit():
    check("4-bit")


def test_mixed():
    check("mixed")


print("ISA levels:", *LEVELS)
cases.main(globals())
