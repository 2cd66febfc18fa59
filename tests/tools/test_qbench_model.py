"""qbench model: the layers are those of the session, with work known by hand; all forms of output; reasons. No times."""
import csv
import functools
import json
import os
import re
import tempfile
import xml.etree.ElementTree as xml
import cases
from cases import SLOW, has, natively, run

QUICK = ("--rounds", 1 if SLOW else 3, "--seconds", 0.003)
TRUE_SHARES = not cases.WRAPPER and os.environ.get("QNT_ISA") != "ref"
FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def model(name, *options):
    path = os.path.join(FOLDER.name, name + ".qnt")
    run("qtrain", "--model", name, "--images", 10, "--batch", 2, "--test-images", 4, "--epochs", 1, *options, "--out", path)
    return path


def bench(path, *args):
    return json.loads(run("qbench", "model", path, *QUICK, "--json", *args).stdout)


def check_layers(report, steps, batch=1):
    peaks = [peak["peak"] for peak in report["peaks"]]
    assert [layer["layer"] for layer in report["layers"]] == [step["name"] for step in steps]
    for layer, step in zip(report["layers"], steps):
        assert (layer["op"], layer["macs"]) == (step["op"], step["macs"] * batch), (layer, step)
        assert layer["us_q1"] <= layer["us"] <= layer["us_q3"], layer
        assert 0 <= layer["part"] <= 1 and ("peak" in layer) == (layer["macs"] > 0), layer
        if layer["us"]:
            assert layer["roof"] in peaks, layer
            most = 4 if "winograd" in layer.get("variant", "") else 1.5  # which takes a quarter of the products
            assert not TRUE_SHARES or layer["roof_share"] <= most, layer
        if layer["macs"]:
            assert layer["peak"] in peaks and layer["padded_macs"] >= layer["macs"], layer
            assert layer["kernel"] and layer["f32_us"] > 0, layer
    assert abs(sum(layer["part"] for layer in report["layers"]) - 1) < 0.001
    assert set(report["not_faster_than_f32"]) <= {layer["layer"] for layer in report["layers"]}
    for run_of in ("run", "f32_run"):
        assert report[run_of]["us_q1"] <= report[run_of]["us"] <= report[run_of]["us_q3"]


def test_layers():
    path = model("article-cnn")
    steps = json.loads(run("qrun", path, "--layers", "--json").stdout)
    for batch in (1,) if SLOW else (1, 3):
        check_layers(bench(path, "--batch", batch), steps, batch)
    layers = {layer["layer"]: layer for layer in bench(path)["layers"]}
    conv, fc = layers["conv1"], layers["fc1"]
    assert (conv["macs"], conv["output"], conv["peak"]) == (32 * 32 * 27 * 16, "32x32x16", "8-bit peak"), conv
    assert fc["macs"] == 2048 * 128 and fc["bytes"] >= 2048 * 128, fc
    assert layers["flatten"]["us"] == 0 and layers["flatten"]["kernel"] == "" and "roof" not in layers["flatten"]


def test_kinds():
    natively("qbench: networks")
    peaks = {layer["peak"] for layer in bench(model("binary-resnet-8"))["layers"] if "peak" in layer}
    assert peaks == {"binary peak", "float peak"}, peaks
    report = bench(model("article-cnn", "--bits", 0))
    assert {layer["peak"] for layer in report["layers"] if "peak" in layer} == {"float peak"}
    assert not any("8-bit" in peak["peak"] for peak in report["peaks"])
    assert report["not_faster_than_f32"] == []


def test_conditions():
    natively("qbench: networks")
    path = model("article-cnn")
    report = bench(path, "--threads", 2)
    assert report["threads"] == 2 and report["run"]["us"] > 0
    assert bench(path, "--cold")["caches"] == "cold"


def test_reasons():
    natively("qbench: networks")
    report = bench(model("article-cnn"), "--isa", "ref")
    for layer in report["layers"]:
        assert layer["isa"] == ("ref" if layer["kernel"] else ""), layer
        if layer["macs"] > 100000 and layer["roof_share"] < 0.7:
            has(layer["why"], "reference kernel: left out by the configuration")


def test_compare():
    natively("qbench: networks")
    path = model("article-cnn")
    sentence = "Layers that are not faster than in floats:"
    assert sentence not in run("qbench", "model", path, *QUICK).stdout
    text = run("qbench", "model", path, *QUICK, "--compare-fp32").stdout
    has(text, sentence)
    has(text, r"^Layers of this network alone \(such as quantize\): [0-9.]+ us; of the float network alone: 0\.000 us\.$")


def test_formats():
    path = model("article-cnn")
    text = run("qbench", "model", path, *QUICK).stdout
    has(text, r"^qbench model .*article-cnn\.qnt: libqnt \d+\.\d+\.\d+; .*; 1 thread, warm caches; batch 1$")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert re.fullmatch(r"\|[-:| ]+\|", lines[1]), lines[1]
    assert {len(re.findall(r"(?:^| )\|(?: |$)", line)) for line in lines} == {14}, text
    text = run("qbench", "model", path, *QUICK, "--format", "csv").stdout.splitlines()
    assert text[0].startswith("# qbench model "), text[0]
    rows = list(csv.DictReader(text[1:]))
    assert len(rows) == len(lines) - 2 and all(None not in row and None not in row.values() for row in rows)
    assert [row["layer"] for row in rows] == [line.split("|")[1].strip() for line in lines[2:]]
    name = 'a "quoted", name'
    cases.write_onnx("names.onnx", [(("Relu", name), ["x"], ["y"])], [("x", 1, [1, 5])], [("y", 1, [1, 5])])
    text = run("qbench", "model", "names.onnx", *QUICK, "--format", "csv").stdout.splitlines()
    rows = list(csv.DictReader(text[1:]))
    assert [row["layer"] for row in rows] == [name] and None not in rows[0], rows


def test_plot():
    natively("qbench: networks")
    run("qbench", "model", model("article-cnn"), *QUICK, "--plot", "chart.svg")
    assert len(xml.parse("chart.svg").getroot().findall("{http://www.w3.org/2000/svg}rect")) > 5


def test_usage():
    has(run("qbench", "model", code=2).stderr, "missing operand, expected a model's FILE")
    has(run("qbench", "model", "no.qnt", code=1).stderr, "^qbench: .*no.qnt")
    has(run("qbench", "model", "no.qnt", "--batch", 0, code=2).stderr, "outside 1 to")


cases.main(globals())
