"""qquant: models of every width, what is written runs, options, refusals, sensitivity."""
import json
import os
import struct
import subprocess
import zipfile
import cases
from cases import SLOW, has, natively, run

IMAGES = ("--images", 3 if SLOW else 16)


def float_model():
    if not os.path.exists("float.qnt"):
        run("qtrain", "--bits", 0, "--batch", 2 if SLOW else 8, "--images", 4 if SLOW else 64, "--test-images", 2, "--epochs", 1, "--out", "float.qnt")
    return "float.qnt"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_common():
    cases.check_common("qquant", ("absent.qnt",))


def test_usage():
    has(run("qquant", code=2).stderr, "operand")
    has(run("qquant", "m", "--bits", 9, code=2).stderr, "expected 1 to 8 or ternary")
    has(run("qquant", "m", "--ranges", "wild", code=2).stderr, "expected mse, minmax, average, percentile or entropy")
    has(run("qquant", "m", "--mean", "1,x", code=2).stderr, "separated by commas")
    has(run("qquant", "m", "--deviation", "1,2,3,4,5", code=2).stderr, "at most 4 numbers")
    has(run("qquant", "m", "--rounding", "up", code=2).stderr, "expected nearest or learned")


def test_failures():
    has(run("qquant", "absent.qnt", code=1).stderr, r"^qquant: .*absent\.qnt")
    has(run("qquant", float_model(), *IMAGES, "--keep-float", "fc9", code=1).stderr, "keep_float: no node fits 'fc9'")
    has(run("qquant", float_model(), *IMAGES, "--only", "conv1,fc*x", code=1).stderr, r"only: no node fits 'fc\*x'")
    has(run("qquant", float_model(), *IMAGES, "--layer-bits", "none=4", code=1).stderr, "none")
    has(run("qquant", float_model(), *IMAGES, "--calib", "absent", code=1).stderr, "absent")
    has(run("qquant", float_model(), *IMAGES, "--out", "absent/x.qnt", code=1).stderr, r"absent/x\.qnt")
    run("qquant", float_model(), *IMAGES, "--out", "eight.qnt")
    has(run("qquant", "eight.qnt", *IMAGES, code=1).stderr, "a float model is expected")


def test_widths():
    size = {}
    for bits in ("8", "ternary") if SLOW else ("8", "7", "4", "3", "2", "1", "ternary"):
        done = run("qquant", float_model(), *IMAGES, "--bits", bits, "--json", "--out", "some.qnt")
        size[bits] = json.loads(done.stdout)["weight_bytes"]
        has(run("qrun", "some.qnt", "--data", "builtin", "--images", 4).stdout, "%")
    assert size["ternary"] < size["8"] and (SLOW or size["ternary"] < size["4"] < size["8"]), size


def test_edges_and_layers():
    natively("qquant: many models")
    def bytes_of(*options):
        return json.loads(run("qquant", float_model(), *IMAGES, "--json", *options).stdout)["weight_bytes"]
    two = bytes_of("--bits", 2)
    assert two < bytes_of("--bits", 2, "--edge-bits", 8) < bytes_of("--bits", 2, "--layer-bits", "fc1=8")
    assert two < bytes_of("--bits", 2, "--keep-float", "conv*") < bytes_of("--bits", 2, "--only", "conv1")


def test_ways():
    natively("qquant: many models")
    seen = set()
    for extra in [(), ("--ranges", "minmax"), ("--ranges", "average"), ("--ranges", "percentile", "--percentile", "0.01"), ("--ranges", "entropy"), ("--per-tensor",), ("--no-bias-correction",), ("--equalize",), ("--rounding", "learned")]:
        run("qquant", float_model(), *IMAGES, "--bits", 4, *extra, "--out", "way.qnt")
        seen.add(read("way.qnt"))
        run("qquant", float_model(), *IMAGES, "--bits", 4, *extra, "--out", "again.qnt")
        assert read("way.qnt") == read("again.qnt"), extra
    assert len(seen) == 9


def test_accuracy_is_told():
    done = run("qquant", float_model(), *IMAGES, "--data", "builtin", "--test-images", 4 if SLOW else 50)
    has(done.stdout, r"^accuracy: +[\d.]+ % \(float: [\d.]+ %\) of \d+ test images$")


def test_inputs_from_files():
    data = struct.pack("<6144f", *[((i * 37) % 101 - 50) / 50 for i in range(6144)])
    cases.write("in.npy", cases.npy("<f4", (2, 32, 32, 3), data))
    cases.write("in.raw", data)
    with zipfile.ZipFile("in.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for half in range(2):
            archive.writestr(f"arr_{half}.npy", cases.npy("<f4", (32, 32, 3), data[half * 12288:][:12288]))
    models = set()
    for name in ("in.npy", "in.raw", "in.npz"):
        run("qquant", float_model(), "--calib", name, "--out", "some.qnt")
        models.add(read("some.qnt"))
    assert len(models) == 1
    for name, wrong, told in [
            ("wide.npy", cases.npy("<f8", (2, 32, 32, 3), 2 * data), "'descr' of '<f4'"),
            ("bytes.npy", cases.npy("|u1", (8, 32, 32, 3), data), "holds u8, expected f32 or PNG images"),
            ("cut.npy", read("in.npy")[:40], "cut off"), ("odd.raw", data[:-4], "not whole f32 images .* of 12288 bytes each")]:
        cases.write(name, wrong)
        has(run("qquant", float_model(), "--calib", name, code=1).stderr, f"^qquant: {name}: .*{told}")


def test_folders_and_lists():
    natively("qquant: many models")
    data = struct.pack("<12288f", *[((i * 37) % 101 - 50) / 50 for i in range(12288)])
    one = [data[12288 * i:][:12288] for i in range(4)]
    os.makedirs("inputs/folder")
    for i, values in enumerate(one):
        cases.write(f"inputs/{i}.raw", values)
    cases.write("inputs/.hidden", b"no input")
    cases.write("list", b"inputs/1.raw\r\n\ninputs/3.raw\n")
    for where, images, same in [("inputs", 4, data), ("inputs", 9, data), ("inputs", 2, one[0] + one[2]), ("@list", 9, one[1] + one[3])]:
        cases.write("same.raw", same)
        run("qquant", float_model(), "--calib", where, "--images", images, "--out", "a.qnt")
        run("qquant", float_model(), "--calib", "same.raw", "--out", "b.qnt")
        assert read("a.qnt") == read("b.qnt"), (where, images)
    cases.write("wrong", b"inputs/1.raw\nabsent.raw\n")
    has(run("qquant", float_model(), "--calib", "@wrong", code=1).stderr, r"^qquant: absent\.raw: cannot be read")
    has(run("qquant", float_model(), "--calib", "@absent", code=1).stderr, "^qquant: absent: cannot be read")
    has(run("qquant", float_model(), "--calib", "inputs/folder", code=1).stderr, "data_batch_1.bin")


def test_onnx():
    command = ("qquant", float_model(), *IMAGES, "--bits", 4, "--out", "four.qnt", "--onnx", "four.onnx")
    done = subprocess.run(cases.command(*command), capture_output=True, text=True, check=False)
    if "it has no protobuf-c" in done.stderr:
        raise cases.Skip("ONNX, a build without protobuf-c")
    assert done.returncode == 0, done.stderr
    assert b"QuantizeLinear" in read("four.onnx") and b"libqnt" in read("four.onnx")
    run("qquant", float_model(), *IMAGES, "--bits", 4, "--out", "four.qnt", "--onnx", "small.onnx", "--int4", "--opset", 21)
    assert len(read("small.onnx")) < len(read("four.onnx"))
    has(run("qinfo", "small.onnx").stdout, "conv1")
    has(run("qquant", float_model(), *IMAGES, "--onnx", "absent/x.onnx", code=1).stderr, r"absent/x\.onnx")
    has(run("qquant", float_model(), *IMAGES, "--bits", 4, "--onnx", "x.onnx", "--int4", "--opset", 13, code=3).stderr, "needs opset 21")


def test_sensitivity():
    natively("qquant: a model for each layer")
    rows = json.loads(run("qquant", float_model(), *IMAGES, "--bits", 4, "--sensitivity", "--json").stdout)
    assert [row["layer"] for row in rows] == ["conv1", "conv2", "conv3", "fc1", "fc2"][:len(rows)] or len(rows) > 2, rows
    assert all(row["alone"]["sqnr_db"] > 0 and 0.5 < row["up_to"]["cosine"] <= 1 for row in rows), rows
    has(run("qquant", float_model(), *IMAGES, "--sensitivity").stdout, "^layer, alone")


cases.main(globals())
