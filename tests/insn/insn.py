"""What inference costs on ARM64, in instructions: insn.py [--record] PLUGIN CASES, under qemu-aarch64 as meson names it.

counts.json holds the counts of the cases for each CPU and the build that they are of; another build is a counted skip.
More than half a percent away fails, down too: a gain is recorded (--record, or the target insn-record), so that it is kept.
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile

CPUS = ["cortex-a53", "cortex-a76", "max,sve=off,sme=off"]
TOLERANCE = 0.005
COUNTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counts.json")
EMULATOR = shlex.split(os.environ.get("MESON_EXE_WRAPPER", "qemu-aarch64"))


def skip(reason):
    print(f"skipped: insn: {reason}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def count(cpu, plugin, cases):
    """The build, and the count by case."""
    with tempfile.TemporaryDirectory(prefix="qnt-insn-") as folder:
        out = os.path.join(folder, "counts")
        env = {name: value for name, value in os.environ.items() if name != "QNT_ISA"}
        done = subprocess.run([*EMULATOR, "-plugin", f"{plugin},out={out}", cases], capture_output=True, text=True, check=False,
                              env={**env, "QEMU_CPU": cpu, "QNT_COSTS": ""})
        if "API version" in done.stderr:
            skip(f"{EMULATOR[0]}: {done.stderr.strip()}")
        assert done.returncode == 0, f"{cpu}: status {done.returncode}\n{done.stdout}{done.stderr}"
        with open(out, encoding="ascii") as file:
            counts = [int(line) for line in file]
    build, *names = done.stdout.splitlines()
    assert len(counts) == len(names) > 0, f"{cpu}: {len(counts)} counts for {names}"
    counts = dict(zip(names, counts))
    assert counts.pop("2001 instructions") == 2001, f"{cpu}: the plugin miscounts"
    return build, counts


def compare(known, found):
    passed = failed = 0
    for cpu in CPUS:
        for name in sorted({*known[cpu], *found[cpu]}):
            want, got = known[cpu].get(name), found[cpu].get(name)
            good = want and got and abs(got - want) <= TOLERANCE * want
            change = f" ({100 * (got - want) / want:+.2f} %)" if want and got else ""
            print(f"{'ok' if good else 'FAILED'} {cpu}: {name}: {got} instructions, expected {want}{change}")
            passed, failed = passed + bool(good), failed + (not good)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed


def main(args):
    record = args[:1] == ["--record"]
    plugin, cases = map(os.path.abspath, args[record:])
    if "-plugin" not in subprocess.run([*EMULATOR, "--help"], capture_output=True, text=True, check=False).stdout:
        skip(f"{EMULATOR[0]} takes no plugins")
    with open(COUNTS, encoding="utf-8") as file:
        known = json.load(file)
    found = {}
    for cpu in CPUS:
        build, found[cpu] = count(cpu, plugin, cases)
        if not record and build != known["build"]:
            skip(f"this build is {build}, recorded is {known['build']}")
    if not record:
        sys.exit(1 if compare(known, found) else 0)
    with open(COUNTS, "w", encoding="utf-8") as file:
        json.dump({"build": build, **found}, file, indent=2)
        file.write("\n")


main(sys.argv[1:])
