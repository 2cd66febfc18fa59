"""qinfo: text, JSON, selftest, QNT_ISA, affinity, limits."""
import json
import os
import re
import resource
import subprocess
import cases
from cases import has, natively, run


def test_common():
    cases.check_common("qinfo")


def test_text():
    text = run("qinfo").stdout
    has(text, r"^libqnt \d")
    has(text, r"^cores: \d+ physical, \d+ hardware threads, [1-9]\d* usable \(CPU \d+(,\d+)*\), by (hwloc|sysfs)$")
    has(text, r"^quota: (none|\d+\.\d{3} CPUs by /\S+)$")
    has(text, r"^NUMA nodes: [1-9]\d* \(\d+: CPU [\d,-]+(; \d+: CPU [\d,-]+)*\)$")
    has(text, r"^pages: \d+ KiB; huge:.*; transparent: \w+")
    has(text, r"^locked memory: (no limit|\d+ (bytes|KiB|MiB|GiB))$")
    has(text, r"^ref +yes +yes +yes ")


def test_json():
    info = json.loads(run("qinfo", "--json").stdout)
    assert info["usable_cores"] >= 1 and len(info["usable_cpus"]) == info["usable_cores"]
    threads = info["hardware_threads"]
    assert [row["cpu"] for row in threads if row["use"] == "used"] == info["usable_cpus"]
    assert len(threads) <= info["cpus"] and len({row["core"] for row in threads}) <= info["cores"]
    assert 1 <= len({row["node"] for row in threads}) <= info["numa_nodes"]
    assert info["page_bytes"] == resource.getpagesize()
    assert all(row["free"] <= row["total"] for row in info["huge_pages"])
    if info["quota_cpus"] is not None:
        assert info["usable_cores"] <= max(1, int(info["quota_cpus"])) and info["quota_file"]
    levels = {row["name"]: row for row in info["isas"]}
    assert levels["ref"]["usable"]
    for row in levels.values():
        assert row["usable"] <= (row["found"] and row["built"])
        assert row["usable"] == (row["reason"] == ""), row
    for row in info["kernels"]:
        assert row["reason"] == levels[row["isa"]]["reason"], row
    for op in {row["op"] for row in info["kernels"] if not row["tile"]}:
        rows = [row for row in info["kernels"] if row["op"] == op]
        assert sum(row["preferred"] for row in rows) == 1, op
        assert [row for row in rows if row["usable"]][-1]["preferred"], op


def test_narrowed():
    info = json.loads(run("qinfo", "--json", env={"QNT_ISA": "ref"}).stdout)
    assert [row["name"] for row in info["isas"] if row["usable"]] == ["ref"]
    assert all(row["isa"] == "ref" for row in info["kernels"] if row["preferred"])
    # Each of the others says why: the CPU (or its system) or the variable.
    reasons = {row["reason"] for row in info["kernels"] if not row["usable"]}
    assert all(reason.startswith(("the CPU lacks ", "the OS does not ", "not in this build: ", "left out by QNT_ISA"))
               for reason in reasons), reasons
    everything = json.loads(run("qinfo", "--json", env={"QNT_ISA": ""}).stdout)
    had = {(row["op"], row["variant"]) for row in everything["kernels"] if row["usable"] and row["isa"] != "ref"}
    assert had == {(row["op"], row["variant"]) for row in info["kernels"] if row["reason"] == "left out by QNT_ISA"}


def test_costs():
    for env, reason in [({"QNT_COSTS": ""}, "switched off by QNT_COSTS"),
                        ({"QNT_COSTS": "none"}, "none: there is no such file")]:
        has(run("qinfo", env=env).stdout, rf"^costs of tiles: the library's own; {reason}$")
    done = run("qinfo", "--json", env={"QNT_COSTS": "/dev/zero"})
    has(done.stderr, "^qinfo: warning: costs of tiles: /dev/zero: not a regular file; the library's own are used$")
    assert json.loads(done.stdout)["costs"] == {"measured": False, "file": "/dev/zero", "reason": "not a regular file"}


def test_choices():
    """The text names what the JSON says: the choice, and what is faster (for tiles: any other) with its reason."""
    for level in ("", "ref", "avx2", "avx512", "neon"):
        env = {"QNT_ISA": level}
        text = run("qinfo", env=env).stdout
        rows = json.loads(run("qinfo", "--json", env=env).stdout)["kernels"]
        for op in {row["op"] for row in rows}:
            mine = [row for row in rows if row["op"] == op]
            tile = mine[-1]["tile"]
            chosen = [row["variant"] for row in mine if row["usable" if tile else "preferred"]]
            after = 0 if tile else [row["preferred"] for row in mine].index(True) + 1
            wanted = [(row["variant"], row["reason"]) for row in mine[after:] if not row["usable"]]
            line = re.search(rf"^{op}: ([^;\n]*)(.*)$", text, re.M)
            assert line and line[1].split() == chosen, (op, level, chosen)
            told = [(name, reason) for names, reason in re.findall(r"; not ([^(]*) \(([^)]*)\)", line[2])
                    for name in names.split(", ")]
            assert told == wanted, (op, level, told, wanted)


def test_affinity():
    before = os.sched_getaffinity(0)
    one = json.loads(run("qinfo", "--json").stdout)["usable_cpus"][-1]
    if one not in before:
        raise cases.Skip(f"CPU {one} of another numbering")
    try:
        os.sched_setaffinity(0, {one})
        info = json.loads(run("qinfo", "--json").stdout)
        text = run("qinfo").stdout
    finally:
        os.sched_setaffinity(0, before)
    assert info["usable_cpus"] == [one]
    has(text, rf"^cores: .* 1 usable \(CPU {one}\)")
    others = [row for row in info["hardware_threads"] if row["cpu"] != one]
    assert all(row["use"] in ("not_allowed", "not_bound") for row in others), others
    if others:
        has(text, r"^  not used: CPU [\d,-]+: (the affinity mask leaves them out|a cpuset leaves them out)$")


def test_locked_memory():
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if 0 <= hard < 65536:
        raise cases.Skip(f"no more than {hard} bytes may be locked")
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, hard))
        assert json.loads(run("qinfo", "--json").stdout)["memlock_bytes"] == 65536
        has(run("qinfo").stdout, "^locked memory: 64 KiB$")
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (soft, hard))


def test_unknown_level():
    bad = run("qinfo", code=1, env={"QNT_ISA": "mmx"})
    has(bad.stderr, r"^qinfo: QNT_ISA: unknown ISA level 'mmx'; valid:.* ref.* avx2")


def test_selftest():
    has(run("qinfo", "--selftest").stdout, r"^selftest: \d+ variants agree with the reference$")


def test_model():
    natively("qinfo: a trained model")
    run("qtrain", "--images", 64, "--epochs", 1, "--test-images", 40, "--out", "model.qnt")
    text = run("qinfo", "model.qnt").stdout
    has(text, r"^model\.qnt: \d+ steps, [1-9]\d* MACs, [1-9]\d* bytes of weights, [1-9]\d* as the kernels take them, arena [1-9]\d* bytes$")
    has(text, r"^input \S+: 32 x 32 x 3, f32$")
    has(text, r"^output \S+: 10, f32$")
    has(text, r"^conv\S* +\d+ x 3 x 3 x \d+ +s8, \d+ scales [-+.e\d]+ to [-+.e\d]+$")
    info = json.loads(run("qinfo", "model.qnt", "--json").stdout)
    assert info["macs"] == sum(row["macs"] for row in info["steps"]) > 0 and info["arena_bytes"] > 0
    assert info["inputs"][0]["shape"] == [32, 32, 3] and info["outputs"][0]["shape"] == [10]
    assert (f" {info['macs']} MACs, {info['weight_bytes']} bytes of weights, {info['packed_bytes']} as the kernels take "
            f"them, arena {info['arena_bytes']} bytes") in text
    has(run("qinfo", "model.qnt", "--external-data", code=1).stderr, "external_data is set, which a .qnt file has no use")
    for row in info["steps"] + info["constants"]:
        has(text, rf"(^| ){re.escape(row['name'])} ")


def test_ops():
    rows = {(row["format"], row["domain"], row["name"]): row for row in json.loads(run("qinfo", "ops", "--json").stdout)}
    text = run("qinfo", "ops").stdout
    full = rows["qnt", "", "fully_connected"]
    assert full["required_inputs"] == [0, 1] and full["inputs"] == 4 and full["run"] and not full["import"], full
    has(text, "^fully_connected +2 to 4 +1 +run +$")
    for (form, domain, name), row in rows.items():
        has(text, rf"^{re.escape(domain + '.' if domain else '')}{name} .* {re.escape(' '.join(row['attributes']))}$")
        assert form == "qnt" or row["import"] or row["run"], row
    onnx = [row for row in rows.values() if row["format"] == "onnx"]
    if not onnx:
        raise cases.Skip("ONNX, a build without protobuf-c")
    conv = rows["onnx", "", "Conv"]
    assert conv["required_inputs"] == [0, 1] and conv["inputs"] == 3 and "dilations" in conv["attributes"], conv
    has(text, r"^Concat +1 or more +1 +import, run +axis$")
    has(text, r"^Where +3 +1 +import +$")
    has(text, r"^com\.microsoft\.MatMulNBits +3 to 6 +1 +run +K N accuracy_level bits block_size$")


def test_no_model():
    has(run("qinfo", "absent.onnx", code=1).stderr, "^qinfo: absent.onnx: No such file")
    with open("text.onnx", "w", encoding="ascii") as file:
        file.write("text")
    has(run("qinfo", "text.onnx", code=1).stderr, "^qinfo: text.onnx: 4 bytes, beginning with 74 65 78 74, expected a model")
    has(run("qinfo", "one", "two", code=2).stderr, "unexpected operand 'two'")
    for bad in ("n", "=1", "n=", "n=0", "n=x", "n=9999999999"):
        has(run("qinfo", "text.onnx", "--dim", bad, code=2).stderr, "expected NAME=N")


def test_onnx_model():
    """y = relu(x) of a named dimension: the smallest file that there is."""
    for path, dims in [("relu.onnx", [1, "n"]), ("open.onnx", ["b", "n"])]:
        cases.write_onnx(path, [("Relu", "x", "y")], [("x", 1, dims)], [("y", 1, dims)])
    assert json.loads(run("qinfo", "relu.onnx", "--dim", "n=5", "--json").stdout)["inputs"][0]["shape"] == [5]
    has(run("qinfo", "relu.onnx", code=3).stderr, r"^qinfo: relu\.onnx: .*'?n'?")
    fixed = run("qinfo", "open.onnx", "--dim", "n=5", "--fixed-batch", 3, "--external-data", "--json").stdout
    assert json.loads(fixed)["inputs"][0]["shape"] == [3, 5]


cases.main(globals())
