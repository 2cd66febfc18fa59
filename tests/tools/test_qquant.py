"""qquant: models of every width, what is written runs, options, refusals, sensitivity."""
import json
import os
import struct
import subprocess
import xml.etree.ElementTree as xml
import zipfile
import zlib
import cases
from cases import SLOW, has, natively, run

IMAGES = ("--images", 3 if SLOW else 16)
FEW = ("--images", 4)


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
    has(run("qquant", "m", "--plot", "x.svg", code=2).stderr, "--plot draws what --sensitivity tells")
    has(run("qquant", "m", "--max-drop", 1, code=2).stderr, "--target-latency are of --auto")
    has(run("qquant", "m", "--auto", "--plan", "p", code=2).stderr, "--auto: expected without --plan")
    has(run("qquant", "m", "--sensitivity", "--plan-out", "p", code=2).stderr, "--plan-out: expected without --sensitivity")
    has(run("qquant", "m", "--block", 32, "--activation-bits", 8, code=2).stderr, "--block: expected without options of activations")
    has(run("qquant", "m", "--block-codes", code=2).stderr, "--block-codes is of --block")
    for size in ("0", "-1", "4k", "1.5M", "K", "99999999999999M", ""):
        has(run("qquant", "m", "--auto", f"--target-size={size}", code=2).stderr, "expected a number of bytes above 0")


def test_failures():
    natively("qquant: mistakes")
    has(run("qquant", "absent.qnt", code=1).stderr, r"^qquant: .*absent\.qnt")
    has(run("qquant", float_model(), *IMAGES, "--keep-float", "fc9", code=1).stderr, "keep_float: no node fits 'fc9'")
    has(run("qquant", float_model(), *IMAGES, "--only", "conv1,fc*x", code=1).stderr, r"only: no node fits 'fc\*x'")
    has(run("qquant", float_model(), *IMAGES, "--layer-bits", "none=4", code=1).stderr, "none")
    has(run("qquant", float_model(), *IMAGES, "--calib", "absent", code=1).stderr, "absent")
    has(run("qquant", float_model(), *IMAGES, "--out", "absent/x.qnt", code=1).stderr, r"absent/x\.qnt")
    run("qquant", float_model(), *IMAGES, "--out", "eight.qnt")
    has(run("qquant", "eight.qnt", *IMAGES, code=1).stderr, "a float model is expected")
    has(run("qquant", float_model(), *IMAGES, "--out", "x", "--onnx", "x", code=1).stderr, "^qquant: x: is to be two outputs$")
    has(run("qquant", float_model(), *IMAGES, "--out", ".", code=1).stderr, "^qquant: .: cannot be written: Is a directory$")
    with open("odd.f32", "wb") as file:
        file.write(struct.pack("3072f", *[0.0] * 3071, float("nan")))
    has(run("qquant", float_model(), "--calib", "odd.f32", code=1).stderr, "element 3071 of '.*' is -?nan in image 0, expected a finite")


def test_blocks():
    natively("qquant: weights in blocks")
    size = {}
    for bits, more in ((4, ()), (8, ()), (4, ("--block-codes",))):
        done = run("qquant", float_model(), *IMAGES, "--block", 32, "--bits", bits, *more, "--json", "--out", "blocks.qnt")
        size[bits, more] = json.loads(done.stdout)["weight_bytes"]
        has(run("qinfo", "blocks.qnt").stdout, rf" u8{' of 4 bits' if bits == 4 else ''}$")
    assert size[4, ()] == size[4, ("--block-codes",)] < size[8, ()] < json.loads(done.stdout)["float_weight_bytes"], size
    run("qquant", float_model(), *IMAGES, "--block", 32, "--out", "blocks.qnt")
    has(run("qinfo", "blocks.qnt").stdout, " block_fully_connected ")
    has(run("qquant", float_model(), *IMAGES, "--block", 24, code=1).stderr, "blocks of 24, expected a multiple of 16")
    has(run("qquant", float_model(), *IMAGES, "--block", 32, "--bits", 3, code=1).stderr, "3 bits and codes 0, expected 4 or 8")


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
        return json.loads(run("qquant", float_model(), *FEW, "--json", *options).stdout)["weight_bytes"]
    two = bytes_of("--bits", 2)
    assert two < bytes_of("--bits", 2, "--edge-bits", 8) < bytes_of("--bits", 2, "--layer-bits", "fc1=8")
    assert two < bytes_of("--bits", 2, "--keep-float", "conv*") < bytes_of("--bits", 2, "--only", "conv1")


def test_ways():
    natively("qquant: many models")
    seen = set()
    for extra in [(), ("--ranges", "minmax"), ("--ranges", "average"), ("--ranges", "percentile", "--percentile", "0.01"), ("--ranges", "entropy"), ("--per-tensor",), ("--no-bias-correction",), ("--equalize",), ("--rounding", "learned")]:
        run("qquant", float_model(), *FEW, "--bits", 4, *extra, "--out", "way.qnt")
        seen.add(read("way.qnt"))
        if "learned" in extra:
            continue  # takes long; that it gives the same again is seen in tests/unit
        run("qquant", float_model(), *FEW, "--bits", 4, *extra, "--out", "again.qnt")
        assert read("way.qnt") == read("again.qnt"), extra
    assert len(seen) == 9


def test_accuracy_is_told():
    done = run("qquant", float_model(), *IMAGES, "--data", "builtin", "--test-images", 4 if SLOW else 50)
    has(done.stdout, r"^accuracy: +[\d.]+ % \(float: [\d.]+ %\) of \d+ test images$")


def test_inputs_from_files():
    pixels = bytes((i * 37) % 256 for i in range(3072))
    rows = b"".join(b"\0" + pixels[96 * y:][:96] for y in range(32))
    chunks = [(b"IHDR", struct.pack(">2I5B", 32, 32, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    cases.write("in.png", b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(c)) + t + c + struct.pack(">I", zlib.crc32(t + c)) for t, c in chunks))
    cases.write("same.raw", struct.pack("<3072f", *[p / 255 for p in pixels]))
    for name in "in.png", "same.raw":
        run("qquant", float_model(), "--calib", name, "--mean", 0, "--deviation", 1, "--out", f"{name}.qnt")
    assert read("in.png.qnt") == read("same.raw.qnt")
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
            ("bytes.npy", cases.npy("|u1", (8, 32, 32, 3), data), "holds u8 for input .*, expected f32 or PNG images"),
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


def layers():
    """Names of the layers of float.qnt, by the table of --plan-out."""
    cases.write("one.raw", struct.pack("<3072f", *[i % 7 / 7 for i in range(3072)]))
    run("qquant", float_model(), "--calib", "one.raw", "--plan-out", "all.plan", "--out", "any.qnt")
    return [line.split()[0] for line in open("all.plan", encoding="utf-8") if not line.startswith("#")]


def test_plans():
    natively("qquant: many plans")
    first, last = layers()[0], layers()[-1]
    chosen = ("--bits", 4, "--activation-bits", 6, "--edge-bits", 7, "--layer-bits", f"{last}=ternary", "--per-tensor")
    run("qquant", float_model(), *IMAGES, *chosen, "--plan-out", "a.plan", "--out", "a.qnt")
    run("qquant", float_model(), *IMAGES, "--plan", "a.plan", "--plan-out", "b.plan", "--out", "b.qnt")
    assert read("a.qnt") == read("b.qnt") and read("a.plan") == read("b.plan")
    has(read("a.plan").decode(), rf"^{first} +7 +6 +tensor$")
    has(read("a.plan").decode(), rf"^{last} +ternary +8 +tensor$")
    cases.write("c.plan", f"# by hand\r\n\n\t{first}  float\r\n\"{last[:-1]}\\x{ord(last[-1]):02x}\" 3 - channel # so\n".encode())
    run("qquant", float_model(), *IMAGES, "--plan", "c.plan", "--out", "a.qnt")
    run("qquant", float_model(), *IMAGES, "--keep-float", first, "--layer-bits", f"{last}=3", "--out", "b.qnt")
    assert read("a.qnt") == read("b.qnt")
    has(run("qquant", float_model(), *IMAGES, "--plan-out", "absent/x", code=1).stderr, "^qquant: absent/x: ")


def test_wrong_plans():
    natively("qquant: many plans")
    name = layers()[0]
    for line, told in [
            ("nobody 8", "line 2: found 'nobody', expected the name of a node of the model"),
            (f"{name}", "line 2: found the line's end, expected weights of 1 to 8"),
            (f"{name} 9", "line 2: found '9', expected weights of"),
            (f"{name} 8 1", "line 2: found '1', expected activations of 2 to 8 or -"),
            (f"{name} 8 float", "line 2: found 'float', expected activations of"),
            (f"{name} 8 8 row", "line 2: found 'row', expected scales by channel, tensor or -"),
            (f"{name} 8 8 channel more", "line 2: found 'more', expected the line's end or a comment"),
            (f"{name} 8\n{name} 8", f"line 3: found '{name}' again, expected each node once \\(line 2\\)"),
            ("relu1 4" if "relu1" in read("float.qnt").decode("latin1") else "nobody 4", "line 2: found '.*', expected (float or -|the name)"),
            ('"cut 8', 'line 2: found \'"cut 8\', expected a name in quotes'),
            ('"a\\q" 8', "line 2: .*expected a name in quotes"), ('"a\\x0" 8', "line 2: .*expected a name"), ('"a"b 8', "line 2: .*expected a name"),
            ("x" * 5000 + " 8", "line 2: found 'x{60}'\\.\\., expected"), ("a\0b 8", "found a zero byte, expected lines of text")]:
        cases.write("wrong.plan", f"# a comment\n{line}\n".encode())
        has(run("qquant", float_model(), "--calib", "one.raw", "--plan", "wrong.plan", code=1).stderr, f"^qquant: wrong.plan: {told}")
    has(run("qquant", float_model(), "--calib", "one.raw", "--plan", "absent", code=1).stderr, "^qquant: absent: cannot be read")


def search(*options, code=0):
    done = run("qquant", float_model(), "--images", 8, "--test-images", 40, "--auto", "--json", *options, code=code)
    has(done.stderr, "^qquant: step 0: 0 changes, ")
    return json.loads(done.stdout), done.stderr


def test_search_by_size():
    natively("qquant: many models")
    found, _ = search("--max-drop", 100, "--target-size", "150K", "--plan-out", "found.plan", "--out", "found.qnt")
    assert found["met"] and found["weight_bytes"] <= 150 * 1024 < found["steps"][0]["weight_bytes"] < found["float_weight_bytes"], found
    assert found["steps"][-1]["kept"] and found["weight_bytes"] > 150 * 1024 - 32768, found # fc1 has 8 times so many weights
    bits = {row["node"]: row["weights"] for row in found["plan"]}
    for step in found["steps"]:
        for move in step["moves"]:
            assert move["to"] < move["from"] and (not step["kept"] or bits[move["layer"]] <= str(move["to"]))
    for layer in found["layers"]:
        known = [width for width in layer["widths"] if width.get("noise", 0) > 0]
        assert len(known) >= 2 and known[0]["bytes"] < known[-1]["bytes"], layer
    run("qquant", float_model(), "--images", 8, "--plan", "found.plan", "--out", "again.qnt")
    assert read("found.qnt") == read("again.qnt")
    again, _ = search("--max-drop", 100, "--target-size", 150 * 1024, "--out", "again.qnt")
    assert read("found.qnt") == read("again.qnt") and again["steps"] == found["steps"]


def test_search_that_fails():
    natively("qquant: many models")
    found, told = search("--max-drop", 100, "--target-size", 1000, "--out", "none.qnt", code=1)
    has(told, r"^qquant: --target-size: \d+ bytes are the least found that lose at most 100 points, expected 1000$")
    assert not found["met"] and found["model"] is None and not os.path.exists("none.qnt")
    assert {row["weights"] for row in found["plan"] if row["weights"] != "-"} == {"2"}, found["plan"]
    found, told = search("--max-drop", 100, "--target-latency", 0.001, "--out", "none.qnt", code=1)
    for layer in found["layers"]:
        assert [width["weights"] for width in layer["widths"] if width["us"] > 0] == ["float", *"2345678"], layer
    has(told, r"^qquant: --target-latency: [\d.]+ us are the least found")
    found, _ = search("--max-drop", 100, "--target-latency", 1e8, "--target-size", "1M")
    assert found["met"] and len(found["steps"]) == 1 and found["steps"][0]["us"] > 0, found


def test_search_within_a_drop():
    """Inputs without labels: what is lost is dB of SQNR."""
    natively("qquant: many models")
    cases.write("in.raw", struct.pack("<12288f", *[((i * 37) % 101 - 50) / 50 for i in range(12288)]))
    found, _ = search("--calib", "in.raw", "--max-drop", 4)
    assert found["met"] and found["lost_unit"] == "dB" and 0 < found["lost"] <= 4 and "accuracy" not in found, found
    assert all(step["kept"] == (step["lost"] <= 4) for step in found["steps"]), found["steps"]
    assert any(not step["kept"] for step in found["steps"]) and found["weight_bytes"] < found["steps"][0]["weight_bytes"]
    text = run("qquant", float_model(), "--images", 8, "--test-images", 40, "--auto", "--out", "some.qnt").stdout
    has(text, "^step +bytes +SQNR dB +accuracy +lost")
    has(text, r"^us/image: [\d.]+ \([\d.]+, float: [\d.]+\)")


def test_several_inputs():
    """Arrays by the inputs' names, files in turn, archives in a folder: the same inputs, the same model."""
    natively("qquant: many files")
    def constant(name, values):
        tensor = cases.field(1, 3) + cases.field(1, 3) + cases.field(2, 1) + cases.field(9, struct.pack("<9f", *values))
        return ("Constant", [], [name], cases.field(1, "value") + cases.field(20, 4) + cases.field(5, tensor))
    dims = ["n", 3]
    nodes = [constant("u", range(-4, 5)), constant("v", range(9)), ("MatMul", ["a", "u"], ["p"]), ("MatMul", ["b", "v"], ["q"]), ("Add", ["p", "q"], ["y"])]
    cases.write_onnx("floats.onnx", nodes, [("a", 1, dims), ("b", 1, dims)], [("y", 1, dims), ("p", 1, dims)])
    cases.write_onnx("two.onnx", nodes + [("Identity", ["z"], ["t"])], [("a", 1, dims), ("b", 1, dims), ("z", 7, ["n"])], [("y", 1, dims), ("t", 7, ["n"])])
    rows = {"a": [cases.npy("<f4", (1, 3), struct.pack("<3f", i, -1, 2)) for i in range(4)],
            "b": [cases.npy("<f4", (1, 3), struct.pack("<3f", 50 * i, 7, -9)) for i in range(4)],
            "z": [cases.npy("<i8", (1,), struct.pack("<q", i)) for i in range(4)]}
    names, packs = [], []
    os.makedirs("packs")
    for i in range(4):
        for name in rows:
            names.append(cases.write(f"{name}{i}.npy", rows[name][i]))
        packs.append(f"packs/{i}.npz")
        with zipfile.ZipFile(packs[-1], "w") as archive:
            for name in "zba":
                archive.writestr(f"{name}.npy", rows[name][i])
    cases.write("list", "\n".join(names).encode())
    cases.write("odd", "\n".join(names[:-1]).encode())
    cases.write("half", "\n".join(names[:3] + names[6:9]).encode())
    models = []
    for where, images in ("@list", 9), ("packs", 9), ("packs", 4), ("@list", 2), ("@half", 9):
        told = json.loads(run("qquant", "two.onnx", "--calib", where, "--images", images, "--json", "--out", "two.qnt").stdout)
        assert told["inputs"] == (2 if images == 2 or where == "@half" else 4), told
        models.append(read("two.qnt"))
    assert models[0] == models[1] == models[2] != models[3] == models[4]
    has(run("qquant", "two.onnx", "--calib", "@odd", code=1).stderr, "^qquant: @odd: names 11 files, expected one for each of the model's 3 inputs")
    has(run("qquant", "two.onnx", "--calib", "builtin", code=1).stderr, "3072 values; the model has 3 inputs, 'a' of 3 values")
    cases.write("wrong.npy", cases.npy("<f4", (1,), struct.pack("<f", 1)))
    cases.write("wrong", "\n".join(names[:2] + ["wrong.npy"]).encode())
    has(run("qquant", "two.onnx", "--calib", "@wrong", code=1).stderr, "^qquant: @wrong: holds f32 for input 'z', expected s64")
    has(run("qquant", "two.onnx", "--calib", "packs", "--sensitivity").stdout, r"^MatMul_\d +[\d.]+ ")
    cases.write("pairs", "\n".join(names[:2] + names[3:5]).encode())
    run("qquant", "floats.onnx", "--calib", "@pairs", "--out", "two.qnt", "--onnx", "again.onnx")


def test_onnx():
    natively("qquant: files written and read again")
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
    some = ("--data", "builtin", "--test-images", 20)
    rows = json.loads(run("qquant", float_model(), *IMAGES, *some, "--bits", 4, "--sensitivity", "--json", "--plot", "both.svg").stdout)
    assert [row["layer"] for row in rows] == ["conv1", "conv2", "conv3", "fc1", "fc2"][:len(rows)] or len(rows) > 2, rows
    assert all(row["alone"]["sqnr_db"] > 0 and 0.5 < row["up_to"]["cosine"] <= 1 for row in rows), rows
    assert rows[0]["alone"] == rows[0]["up_to"] and rows[-1]["up_to"] != rows[-1]["alone"], rows
    text = run("qquant", float_model(), *IMAGES, "--sensitivity", "--plot", "one.svg").stdout
    has(text, "^layer, alone")
    for name, panels in ("one.svg", 1), ("both.svg", 2):
        chart = xml.parse(name).getroot()
        def all_of(kind):
            return chart.findall("{http://www.w3.org/2000/svg}" + kind)
        assert len(all_of("polyline")) == panels and len(all_of("rect")) == 2 + panels * len(rows), name
        shown = {"".join(t.itertext()) for t in all_of("text")}
        assert all(any(row["layer"] in t for t in shown) for row in rows), shown
        assert ("top-1 accuracy lost, points" in shown) == (panels == 2) and "nan" not in read(name).decode()
    has(run("qquant", float_model(), *IMAGES, "--sensitivity", "--plot", "/dev/full", code=1).stderr, "^qquant: /dev/full: cannot be written")


cases.main(globals())
