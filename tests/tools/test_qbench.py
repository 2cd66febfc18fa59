"""qbench: every command in every form of output, quick; shares that can be; refusals. No times."""
import csv
import json
import os
import re
import xml.etree.ElementTree as xml
import cases
from cases import SLOW, has, natively, run

QUICK = ("--rounds", 1 if SLOW else 3, "--seconds", 0.003)
ONCE = ("--rounds", 1, "--seconds", 0.0005)
NEAR = ("--sizes", "products,popcount,fma,L1,L2")  # what takes no large buffer
FEW = ("--sizes", "popcount,L1")  # what is quick under emulation, too
# Under emulation, and with the reference alone, what one instruction costs beside another means nothing.
TRUE_SHARES = not cases.WRAPPER and os.environ.get("QNT_ISA") != "ref"


def check_rows(report):
    machine = report["machine"]
    assert machine["levels"].split()[0] == "ref", machine
    assert len(machine["cpus"]) == min(machine["threads"], machine["usable_cores"]), machine
    assert report["rows"]
    for row in report["rows"]:
        for stat in ("us", "rate"):
            assert 0 < row[stat]["q1"] <= row[stat]["median"] <= row[stat]["q3"], row
        assert row["unit"] == ("GMAC/s" if row["macs"] else "GB/s"), row
        if "share" in row:
            assert row["share"] > 0 and row["limit_share"] > 0, row
            assert row["limit"] in [peak["peak"] for peak in report["peaks"]], row
    return report["rows"]


def is_beyond(row):
    """Winograd's products are up to four times as few as those that count."""
    return max(row.get("share", 0), row.get("limit_share", 0)) > (6 if "winograd" in row["kernel"] else 1.5)


def bench(*args, env=None):
    """The rows. Neighbours on the machine may spoil some: what is more than can be must not be so each time."""
    beyond = []
    for _ in range(4):
        rows = check_rows(json.loads(run("qbench", *args, *QUICK, "--json", env=env).stdout))
        beyond = [row for row in rows if is_beyond(row)]
        if not beyond or not TRUE_SHARES:
            return rows
    raise AssertionError(f"shares beyond what can be: {beyond}")


def test_common():
    cases.check_common("qbench", ("peak",))


def test_peak():
    rows = bench("peak", *NEAR)
    kinds = {row["case"] for row in rows}
    assert kinds == {"8-bit products", "xor, popcount, add", "float fma", "read L1", "copy L1", "read L2", "copy L2"}
    levels = json.loads(run("qinfo", "--json").stdout)["kernels"]
    usable = [row["variant"] for row in levels if row["op"] == "peak_s8" and row["usable"]]
    assert [row["kernel"] for row in rows if row["case"] == "8-bit products"] == usable


def test_isa():
    for args, env in [(("--isa", "ref"), {}), ((), {"QNT_ISA": "ref"})]:
        done = run("qbench", "peak", *QUICK, *FEW, "--json", *args, env=env)
        assert json.loads(done.stdout)["machine"]["levels"] == "ref"
    has(run("qbench", "peak", "--isa", "mmx", code=1).stderr, "^qbench: .*'mmx'")


def test_formats():
    natively("qbench: many cases")
    text = run("qbench", "peak", *QUICK, *FEW).stdout
    has(text, r"^qbench peak: libqnt \d+\.\d+\.\d+; .*; levels ref.*; 1 thread, warm caches$")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) > 4 and {len(line) for line in lines} == {len(lines[0])}, text
    assert re.fullmatch(r"\|[-:|]+\|", lines[1]), lines[1]
    assert json.loads(run("qbench", "peak", *QUICK, *FEW, "--format", "json").stdout)["command"] == "peak"
    text = run("qbench", "peak", *QUICK, *FEW, "--format", "csv").stdout.splitlines()
    assert text[0].startswith("# qbench peak: libqnt"), text[0]
    rows = list(csv.DictReader(text[1:]))
    assert len(rows) == len(lines) - 2 and all(float(row["rate"]) > 0 for row in rows)


def test_plot():
    run("qbench", "peak", *QUICK, *FEW, "--plot", "chart.svg")
    chart = xml.parse("chart.svg").getroot()
    bars = chart.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) > 3, len(bars)
    has(run("qbench", "peak", *QUICK, *FEW, "--plot", "no/chart.svg", code=1).stderr, "^qbench: no/chart.svg: ")


def test_conditions():
    natively("qbench: many cases")
    cpus = json.loads(run("qinfo", "--json").stdout)["usable_cpus"]
    report = json.loads(run("qbench", "peak", *QUICK, "--sizes", "popcount,L", "--cold", "--json").stdout)
    assert report["caches"] == "cold" and not any("L1" in row["case"] for row in check_rows(report))
    for command, size in [("peak", "L1"), ("gemm", "3,40,20"), ("gemm", "1,40,20"), ("conv", "dw3x3 1024"),
                          ("quantize", "1001"), ("binary", "@14")]:
        report = json.loads(run("qbench", command, *QUICK, "--sizes", size, "--threads", 2, "--json").stdout)
        assert report["machine"]["threads"] == 2
        check_rows(report)
    has(run("qbench", "peak", *QUICK, *FEW, "--cpus", cpus[0]).stdout, "1 thread, warm")


def test_kernels():
    """All usable variants, plain and tiles."""
    natively("qbench: many cases")
    for op in "dot_s8", "gemm_s8", "add_f32":
        rows = bench("kernels", "--sizes", op)
        known = json.loads(run("qinfo", "--json").stdout)["kernels"]
        usable = [(row["op"], row["variant"]) for row in known if op in row["op"] and row["usable"]]
        assert [(row["case"], row["kernel"]) for row in rows] == usable
    check_rows(json.loads(run("qbench", "kernels", *QUICK, "--sizes", "b1,gemm_f32,copy", "--threads", 2, "--json").stdout))


def test_gemm():
    natively("qbench: many cases")
    rows = bench("gemm", "--sizes", "17,33,40;1,64,64")
    assert {row["case"] for row in rows} == {"17x33x40", "1x64x64"}
    types = [row["type"] for row in rows if row["case"] == "1x64x64"]
    assert types == ["u8 s8 -> s32", "s8 s8 -> s32", "u8 s8 -> u8", "s8 s8 -> s8", "s8 s4 -> s8", "s8 s2 -> s8", "f32"]
    assert all(row["macs"] == 64 * 64 for row in rows if row["case"] == "1x64x64")


def test_conv():
    natively("qbench: many cases")
    rows = bench("conv", "--sizes", "3->16,dw3x3s2")
    assert [row["type"] for row in rows] == ["s8", "f32", "s8", "s8, 4-bit weights", "s8, 2-bit weights", "f32"], rows
    assert rows[-1]["macs"] == 32 * 32 * 16 * 27 and rows[0]["kernel"] and rows[-1]["kernel"]


def test_quantize():
    natively("qbench: many cases")
    rows = bench("quantize", "--sizes", "1000,4096")
    assert [row["bytes"] for row in rows] == 7 * [5000] + 7 * [20480]
    assert rows[6]["kernel"] == "memcpy"


def test_binary():
    natively("qbench: many cases")
    rows = bench("binary", "--sizes", "256x256x256,@14")
    assert [row["type"] for row in rows] == ["binary -> s32", "s8 s8 -> s32", "binary", "s8"]
    assert [row["peak"] for row in rows] == 2 * ["binary peak", "8-bit peak"]


def test_tune():
    natively("qbench: many cases")
    done = run("qbench", "tune", *ONCE, "--sizes", "gemm_f32", "--costs", "new/costs", "--json")
    rows = check_rows(json.loads(done.stdout))
    assert len({row["case"] for row in rows}) == 25 and {row["type"].split(", ")[0] for row in rows} == {"f32"}, rows
    has(done.stderr, r"^qbench: gemm_f32: of 25 shapes \d+ are chosen ")
    has(done.stderr, "^qbench: written: new/costs$")
    costs = json.loads(run("qinfo", "--json", env={"QNT_COSTS": "new/costs"}).stdout)["costs"]
    assert costs == {"measured": True, "file": "new/costs", "reason": ""}, costs
    cache = {"QNT_COSTS": "", "XDG_CACHE_HOME": os.path.abspath("cache")}
    done = run("qbench", "tune", *ONCE, "--sizes", "gemm_f32", env=cache)  # into the cache folder
    assert os.path.isfile(done.stderr.splitlines()[-1].removeprefix("qbench: written: ")), done.stderr
    del cache["QNT_COSTS"]
    has(run("qinfo", env={**cache, "QNT_COSTS": os.path.join("cache", "libqnt", os.listdir("cache/libqnt")[0])}).stdout,
        "^costs of tiles: measured, of cache/libqnt/costs-")
    run("qbench", "tune", *ONCE, "--sizes", "gemm_f32", "--costs", "", env={"XDG_CACHE_HOME": os.path.abspath("none")})
    assert not os.path.exists("none")
    has(run("qbench", "tune", *ONCE, "--sizes", "gemm_f32", "--costs", "new/costs/x", code=1).stderr, "^qbench: new/costs/x: ")
    done = run("qbench", "tune", *ONCE, "--costs", "new/all")
    for op in ("gemm_s8", "gemm_s4s8", "gemm_s2s8", "gemm_b1", "gemm_f32"):
        has(done.stderr, rf"^qbench: {op}: of 25 shapes \d+ are chosen ")


def engine(*args, **how):
    """The report of qbench engine; skips the case where there is one CPU."""
    natively("qbench engine: threads that spin")
    if len(json.loads(run("qinfo", "--json").stdout)["usable_cpus"]) < 2:
        has(run("qbench", "engine", code=3).stderr, "take two CPUs, and there is one")
        raise cases.Skip("qbench engine: one CPU")
    return run("qbench", "engine", "--rounds", 1, "--seconds", 0.001, *args, **how)


def test_engine():
    """Each row has a figure, unless the machine was never calm around it; what is asked for is there."""
    wanted = ["engine depth 1 with data", "process depth 8", "a word each way", "TCP loopback", "ONNX Runtime", "ring 64 at a time",
              "4096 lines to and fro", "idle worker"]
    report = json.loads(engine("--sizes", ",".join(wanted), "--json").stdout)
    assert report["program_cpu"] != report["worker_cpu"] and report["model"] == "784-128-10, 8-bit", report
    rows = {row["row"]: row for row in report["rows"]}
    assert list(rows) == wanted, rows
    assert rows["ONNX Runtime"]["skipped"] == "--ort names no library", rows["ONNX Runtime"]
    for row in rows.values():
        assert ("figure" in row) == (row["kept"] > 0) and row["kept"] <= 1 and row["dropped"] <= 4, row
        if row["kept"]:
            assert row["figure"]["median"] >= 0 and ("round_trips" in row) == (row["unit"] == "us"), row
        if "goal" in row:
            least = row["goal"]["is"] == "least"
            assert row["goal"]["met"] == ((row["goal"]["measured"] >= row["goal"]["value"]) == least), row


def test_engine_forms():
    few = ("--sizes", "engine depth 1,futex,ring 64,ONNX", "--plot", "chart.svg", "--ort", "no/library.so")
    text = engine(*few).stdout
    has(text, r"^784-128-10, 8-bit; program on CPU \d+, worker on CPU \d+$")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 7 and {len(line) for line in lines} == {len(lines[0])}, text
    has(text, "^skipped: ONNX Runtime: .*no/library.so")
    chart = xml.parse("chart.svg").getroot()
    assert chart.find("{http://www.w3.org/2000/svg}rect") is not None
    names = [text.text for text in chart.findall("{http://www.w3.org/2000/svg}text")]
    assert any(name.startswith("Requests one at a time") for name in names), names
    text = engine(*few, "--format", "csv").stdout.splitlines()
    assert text[0].startswith("# qbench engine: libqnt"), text[0]
    assert [row["row"] for row in csv.DictReader(text[1:])][-1] == "ring 64 at a time", text


def test_engine_process():
    """The server's socket goes with it."""
    os.mkdir("temporary")
    report = json.loads(engine("--sizes", "process", "--json", env={"TMPDIR": "temporary"}).stdout)
    assert [row["row"] for row in report["rows"]] == [f"process depth {n}" for n in (1, 2, 8, 32)], report
    assert not os.listdir("temporary")
    has(engine("--sizes", "process", env={"TMPDIR": "none"}, code=5).stderr, "^qbench: engine: no folder for a socket in none: ")


def test_engine_model():
    """A model of several inputs and outputs."""
    natively("qbench engine: threads that spin")
    path = cases.write_onnx("two.onnx", [("Add", ["a", "b"], ["sum"]), ("Mul", ["a", "b"], ["product"])],
                            [("a", 1, ["n", 5]), ("b", 1, ["n", 5])], [("sum", 1, ["n", 5]), ("product", 1, ["n", 5])])
    report = json.loads(engine(path, "--sizes", "depth 2,socket", "--json").stdout)
    assert report["model"] == path and [row["row"] for row in report["rows"]] == [
        "engine depth 2", "process depth 2", "Unix socket"], report
    has(run("qbench", "engine", "no/model.qnt", code=1).stderr, "^qbench: no/model.qnt")


def test_costs():
    with open("bad", "w", encoding="ascii") as file:
        file.write("libqnt costs 0\n")
    for args, env in [(("--costs", "bad"), {}), ((), {"QNT_COSTS": "bad"})]:
        done = run("qbench", "peak", *QUICK, *FEW, *args, env=env)
        has(done.stderr, "^qbench: warning: costs of tiles: bad: line 1: expected 'libqnt costs 1', found 'libqnt costs 0'")


def test_usage():
    for args, text in [((), "missing operand"), (("speed",), "unknown command 'speed'"),
                       (("peak", "x"), "unexpected operand 'x'"), (("model",), "missing operand, expected a model's FILE"),
                       (("peak", "--format", "xml"), "expected md, csv or json"),
                       (("peak", "--rounds", 0), "outside 1 to"), (("peak", "--seconds", "nan"), "not a number"),
                       (("peak", "--cpus", "a"), "expected CPU numbers"), (("peak", "--sizes", "q"), "no peak has 'q'"),
                       (("kernels", "--sizes", "fft"), "no op has 'fft'"),
                       (("tune", "--sizes", "fft"), "no op of tiles has 'fft'"),
                       (("engine", "--threads", 2), "--cpus says where"), (("engine", "--cold"), "--cold: caches are"),
                       (("tune", "--threads", 2), "one thread is measured, not 2"),
                       (("model", "m.qnt", "--sizes", "conv"), "model: all layers are measured"),
                       (("gemm", "--sizes", "1,2"), "expected M,N,K"), (("gemm", "--sizes", "0,2,3"), "expected M,N,K"),
                       (("conv", "--sizes", "vgg"), "no layer has 'vgg'"),
                       (("quantize", "--sizes", "x"), "expected numbers"), (("binary", "--sizes", "x9"), "no case has 'x9'")]:
        done = run("qbench", *args, code=2)
        has(done.stderr, text)
        assert done.stdout == ""


cases.main(globals())
