"""qbench: every command in every form of output, quick; shares that can be; refusals. No times."""
import csv
import json
import os
import re
import xml.etree.ElementTree as xml
import cases
from cases import has, run

QUICK = ("--rounds", 3, "--seconds", 0.003)
# Under emulation, and with the reference alone, what one instruction costs beside another means nothing.
TRUE_SHARES = not cases.WRAPPER and os.environ.get("QNT_ISA") != "ref"


def check_rows(report):
    machine = report["machine"]
    assert machine["levels"].split()[0] == "ref" and machine["threads"] == len(machine["cpus"]), machine
    assert report["rows"]
    for row in report["rows"]:
        for stat in ("us", "rate"):
            assert 0 < row[stat]["q1"] <= row[stat]["median"] <= row[stat]["q3"], row
        assert row["unit"] == ("GMAC/s" if row["macs"] else "GB/s"), row
        if "share" in row:
            assert row["share"] > 0 and row["limit_share"] > 0, row
            assert not TRUE_SHARES or (row["share"] <= 1.5 and row["limit_share"] <= 1.5), row
            assert row["limit"] in [peak["peak"] for peak in report["peaks"]], row
    return report["rows"]


def bench(*args, env=None):
    return check_rows(json.loads(run("qbench", *args, *QUICK, "--json", env=env).stdout))


def test_common():
    cases.check_common("qbench", ("peak",))


def test_peak():
    rows = bench("peak")
    kinds = {row["case"] for row in rows}
    assert {"8-bit products", "xor, popcount, add", "float fma", "read L1", "copy L1", "read memory"} <= kinds, kinds
    levels = json.loads(run("qinfo", "--json").stdout)["kernels"]
    usable = [row["variant"] for row in levels if row["op"] == "peak_s8" and row["usable"]]
    assert [row["kernel"] for row in rows if row["case"] == "8-bit products"] == usable


def test_isa():
    for args, env in [(("--isa", "ref"), {}), ((), {"QNT_ISA": "ref"})]:
        done = run("qbench", "peak", *QUICK, "--json", *args, env=env)
        assert json.loads(done.stdout)["machine"]["levels"] == "ref"
    has(run("qbench", "peak", "--isa", "mmx", code=1).stderr, "^qbench: .*'mmx'")


def test_formats():
    text = run("qbench", "peak", *QUICK).stdout
    has(text, r"^qbench peak: libqnt \d+\.\d+\.\d+; .*; levels ref.*; 1 thread, warm caches$")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) > 5 and {len(line) for line in lines} == {len(lines[0])}, text
    assert re.fullmatch(r"\|[-:|]+\|", lines[1]), lines[1]
    assert json.loads(run("qbench", "peak", *QUICK, "--format", "json").stdout)["command"] == "peak"
    text = run("qbench", "peak", *QUICK, "--format", "csv").stdout.splitlines()
    assert text[0].startswith("# qbench peak: libqnt"), text[0]
    rows = list(csv.DictReader(text[1:]))
    assert len(rows) == len(lines) - 2 and all(float(row["rate"]) > 0 for row in rows)


def test_plot():
    run("qbench", "peak", *QUICK, "--plot", "chart.svg")
    chart = xml.parse("chart.svg").getroot()
    bars = chart.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) > 5, len(bars)
    has(run("qbench", "peak", *QUICK, "--plot", "no/chart.svg", code=1).stderr, "^qbench: no/chart.svg: ")


def test_conditions():
    report = json.loads(run("qbench", "peak", *QUICK, "--cold", "--json").stdout)
    assert report["caches"] == "cold" and not any("L1" in row["case"] for row in check_rows(report))
    report = json.loads(run("qbench", "peak", *QUICK, "--threads", 2, "--json").stdout)
    assert report["machine"]["threads"] == 2
    has(run("qbench", "peak", *QUICK, "--cpus", 0).stdout, "1 thread, warm")


def test_usage():
    for args, text in [((), "missing operand"), (("speed",), "unknown command 'speed'"),
                       (("peak", "x"), "unexpected operand 'x'"), (("peak", "--format", "xml"), "expected md, csv or json"),
                       (("peak", "--rounds", 0), "outside 1 to"), (("peak", "--seconds", "nan"), "not a number"),
                       (("peak", "--cpus", "a"), "expected CPU numbers")]:
        done = run("qbench", *args, code=2)
        has(done.stderr, text)
        assert done.stdout == ""


cases.main(globals())
