"""qinfo: text, JSON, selftest, QNT_ISA."""
import json
import cases
from cases import has, run


def test_common():
    cases.check_common("qinfo")


def test_text():
    text = run("qinfo").stdout
    has(text, r"^libqnt \d")
    has(text, r"^cores: \d+ physical, \d+ hardware threads, [1-9]\d* usable")
    has(text, r"^ref +yes +yes +yes ")


def test_json():
    info = json.loads(run("qinfo", "--json").stdout)
    assert info["usable_cores"] >= 1 and len(info["usable_cpus"]) == info["usable_cores"]
    levels = {row["name"]: row for row in info["isas"]}
    assert levels["ref"]["usable"]
    for row in levels.values():
        assert row["usable"] <= (row["found"] and row["built"])
    for op in {row["op"] for row in info["kernels"] if not row["tile"]}:
        rows = [row for row in info["kernels"] if row["op"] == op]
        assert sum(row["preferred"] for row in rows) == 1, op
        assert [row for row in rows if row["usable"]][-1]["preferred"], op


def test_narrowed():
    info = json.loads(run("qinfo", "--json", env={"QNT_ISA": "ref"}).stdout)
    assert [row["name"] for row in info["isas"] if row["usable"]] == ["ref"]
    assert all(row["isa"] == "ref" for row in info["kernels"] if row["preferred"])


def test_unknown_level():
    bad = run("qinfo", code=1, env={"QNT_ISA": "mmx"})
    has(bad.stderr, r"^qinfo: QNT_ISA: unknown ISA level 'mmx'; valid:.* ref.* avx2")


def test_selftest():
    has(run("qinfo", "--selftest").stdout, r"^selftest: \d+ variants agree with the reference$")


def test_no_operands():
    has(run("qinfo", "what", code=2).stderr, "unexpected operand 'what'")


cases.main(globals())
