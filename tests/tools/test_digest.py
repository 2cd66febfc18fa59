"""The tools give the bytes that the library gives: qrun the digests that tests/bits records for its networks, saved as files,
and qtrain models and outputs that are the same on every machine. digests.json holds these; a change that is meant to alter
the bytes takes the values from the failures. Every other level and CPU is the matter of tests/bits."""
import hashlib
import json
import os
import sys
import cases
from cases import run

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "digests.json"), encoding="utf-8") as known:
    EXPECTED = json.load(known)
BITS = os.path.abspath(sys.argv[-1])
MODELS = {"float": ("--bits", 0), "8-bit": ("--bits", 8), "4-bit": ("--bits", 4),
          "mixed": ("--bits", 2, "--layer-bits", "conv1=8,fc2=5")}
if cases.WRAPPER:  # an emulator
    MODELS = {"mixed": MODELS["mixed"]}


def digest(threads, batch, *args, env=None):
    return run("qrun", *args, "--hash", "--threads", threads, "--batch", batch, env=env).stdout.strip()


def test_qrun():
    networks = [line.split() for line in run(BITS, "--save", ".").stdout.splitlines()]
    assert len(networks) >= 5, networks
    for name, expected in networks[:2 if cases.WRAPPER else None]:
        for threads, batch in [(1, 1), (3, 7)]:
            got = digest(threads, batch, name + ".qnt", name + ".f32")
            assert got == expected, f"{name}, {threads} threads, batch {batch}: {got}, expected {expected}"


def test_other_tiles():
    """Costs turned upside down choose other tiles, which give the same bytes."""
    cases.natively("tiles are measured")
    run("qbench", "tune", "--rounds", 1, "--seconds", 1e-6, "--sizes", "gemm_f32", "--costs", "costs")
    with open("costs", encoding="ascii") as file:
        lines = [line.split() for line in file]
    for op in {words[0] for words in lines[4:-1]}:
        mine = [words for words in lines if words[0] == op]
        for words, step in zip(mine, sorted((int(words[2]) for words in mine), reverse=True)):
            words[2:] = [str(step), "0", "0", "0", "0"]
    with open("costs", "w", encoding="ascii") as file:
        file.writelines(" ".join(words) + "\n" for words in lines)
    networks = [line.split() for line in run(BITS, "--save", ".").stdout.splitlines()]
    chosen = []
    for costs in "", "costs":
        report = run("qbench", "model", networks[0][0] + ".qnt", "--rounds", 1, "--seconds", 1e-6, "--json", "--costs", costs)
        chosen.append([layer["variant"] for layer in json.loads(report.stdout)["layers"]])
    assert chosen[0] != chosen[1], chosen
    for name, expected in networks:
        got = digest(2, 3, name + ".qnt", name + ".f32", env={"QNT_COSTS": "costs"})
        assert got == expected, f"{name}: {got}, expected {expected}"


def check_qtrain(name, env):
    run("qtrain", "--recipe", "article", "--images", 32, "--batch", 16, "--epochs", 1, "--test-images", 10,
        *MODELS[name], "--out", "model.qnt", env=env)
    with open("model.qnt", "rb") as file:
        got = {"model": hashlib.sha256(file.read()).hexdigest()[:16]}
    for threads, batch in [(1, 1), (3, 7)]:
        got["outputs"] = digest(threads, batch, "model.qnt", "--images", 20, env=env)
        assert got == EXPECTED[name], f"{name}, {env}, {threads} threads, batch {batch}: {got}, expected {EXPECTED[name]}"


def test_qtrain():
    for name in MODELS:
        for env in [{}] if cases.WRAPPER else [{}, {"QNT_ISA": "ref"}]:
            check_qtrain(name, env)


cases.main(globals())
