"""qrun: data sets and raw files, digest, JSON, damaged models."""
import array
import json
import os
import random
import re
import struct
import subprocess
import zipfile
import zlib
import cases
from cases import SLOW, command, has, natively, npy, run, write, write_onnx

MODEL = os.path.abspath(f"qrun-{os.getpid()}.qnt")
PIXELS = 32 * 32 * 3
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def noise(size):
    return random.Random(1).randbytes(size)


def png(width, height, pixels, channels=3, depth=8, interlaced=False, palette=None):
    """Pixels, row after row, as a PNG file; with a palette they are its indices."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    one = channels * depth // 8
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    lines = [b"\0" + b"".join(pixels[(y * width + x) * one:][:one] for x in range(left, width, across))
             for left, top, across, down in passes if left < width for y in range(top, height, down)]
    kind = 3 if palette else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)) +
            (chunk(b"PLTE", palette) if palette else b"") + chunk(b"IDAT", zlib.compress(b"".join(lines))) + chunk(b"IEND", b""))


def raw_image_files():
    """Three noise images as bytes, and as the floats of a model that normalises with mean 0, deviation 1."""
    data = noise(3 * PIXELS)
    with open("images.u8", "wb") as file:
        file.write(data)
    with open("images.f32", "wb") as file:
        one = array.array("f", [255.0])[0]
        file.write(array.array("f", [byte / one for byte in data]).tobytes())


def test_common():
    cases.check_common("qrun", [MODEL])


def test_test_set():
    text = run("qrun", MODEL, "--images", 50).stdout
    has(text, r"^ran: +50 images, batch 1, 1 thread")
    has(text, r"^accuracy: +\d+\.\d\d % \(\d+ of 50\)$")
    has(text, r"^latency: +median [\d.]+ us, p99 [\d.]+ us")
    has(text, r"^throughput: +\d+ inferences/s$")
    has(text, r"^digest: +[0-9a-f]{16}$")


def test_json_and_digest():
    first = None
    for threads, batch in [(1, 1), (2, 7), (3, 50)]:
        result = json.loads(run("qrun", MODEL, "--images", 50, "--threads", threads, "--batch", batch, "--json").stdout)
        assert result["threads"] == threads and result["batch"] == batch and result["images"] == 50
        assert 0 <= result["accuracy"] <= 1 and result["images_per_second"] > 0
        assert result["latency_median_us"] <= result["latency_p99_us"]
        first = first or result["digest"]
        assert result["digest"] == first, (threads, batch)
    assert run("qrun", MODEL, "--images", 50, "--hash").stdout == first + "\n"
    for images in 1, 2, 3:  # so few that the slowest call is the one in a hundred
        result = json.loads(run("qrun", MODEL, "--images", images, "--json").stdout)
        assert result["latency_median_us"] <= result["latency_p99_us"], result


def test_more_images_another_digest():
    assert run("qrun", MODEL, "--images", 49, "--hash").stdout != run("qrun", MODEL, "--images", 50, "--hash").stdout


def test_raw_files():
    raw_image_files()
    from_bytes = run("qrun", MODEL, "images.u8", "--u8", "--raw-out", "bytes.out").stdout
    from_floats = run("qrun", MODEL, "images.f32", "--raw-out", "floats.out", "--batch", 2).stdout
    rows = re.findall(r"^image \d: class \d \([-+.e\d]+\)$", from_bytes, re.M)
    assert len(rows) == 3, from_bytes
    assert rows == re.findall(r"^image .*$", from_floats, re.M)
    with open("bytes.out", "rb") as one, open("floats.out", "rb") as two:
        scores = one.read()
        assert len(scores) == 3 * 10 * 4 and scores == two.read()


def outputs(*args):
    """What --raw-out receives, as floats."""
    run("qrun", *args, "--raw-out", "floats")
    with open("floats", "rb") as file:
        return array.array("f", file.read())


def test_png():
    raw_image_files()
    pixels = noise(PIXELS)
    expected = run("qrun", MODEL, "images.u8", "--u8", "--images", 1, "--hash").stdout
    deep = b"".join(bytes([byte, byte]) for byte in pixels)
    with_alpha = b"".join(pixels[i:i + 3] + b"\x07" for i in range(0, PIXELS, 3))
    for name, file in [("rgb", png(32, 32, pixels)), ("deep", png(32, 32, deep, depth=16)), ("alpha", png(32, 32, with_alpha, 4)),
                       ("interlaced", png(32, 32, pixels, interlaced=True))]:
        assert run("qrun", MODEL, write(name + ".png", file), "--hash").stdout == expected, name
    grey = pixels[:32 * 32]
    write("grey.u8", bytes(byte for byte in grey for _ in range(3)))
    expected = run("qrun", MODEL, "grey.u8", "--u8", "--hash").stdout
    palette = bytes(byte for byte in range(256) for _ in range(3))
    for name, file in [("grey", png(32, 32, grey, 1)), ("palette", png(32, 32, grey, 1, palette=palette))]:
        assert run("qrun", MODEL, write(name + ".png", file), "--hash").stdout == expected, name
    several = run("qrun", MODEL, "rgb.png", "grey.png", "rgb.png", "--batch", 2).stdout
    rows = re.findall(r"^image \d: (.*)$", several, re.M)
    assert len(rows) == 3 and rows[0] == rows[2] != rows[1], several


def shrunk(row, size):
    """A line of pixels averaged by a triangle."""
    scale = len(row) / size
    reach = max(scale, 1)
    result = []
    for i in range(size):
        weight = [max(0, 1 - abs(k + 0.5 - (i + 0.5) * scale) / reach) for k in range(len(row))]
        result.append(sum(w * x for w, x in zip(weight, row)) / sum(weight))
    return result


def test_pixels_of_png():
    """Through relu the pixels themselves are seen: channels first as the ONNX file says, fed as they are in the image."""
    natively("qrun: many images")
    as_bytes = ("--deviation", "0.00392156863", "--mean", "0,0,0")
    pixels = noise(12 * 8 * 3)
    write("image.png", png(12, 8, pixels))
    for height, width in (8, 12), (4, 5), (16, 30), (8, 6):
        write_onnx("relu.onnx", [("Relu", "x", "y")], [("x", 1, ["n", 3, height, width])], [("y", 1, ["n", 3, height, width])])
        got = outputs("relu.onnx", "image.png", *as_bytes, "--resize", "linear")
        for c in range(3):
            lines = [shrunk(pixels[y * 36 + c:(y + 1) * 36:3], width) for y in range(8)]
            columns = [shrunk(column, height) for column in zip(*lines)]
            for y in range(height):
                for x in range(width):
                    found = got[(c * height + y) * width + x]
                    assert abs(found - columns[x][y]) <= 0.501, (height, width, c, y, x, found, columns[x][y])
    write_onnx("grey.onnx", [("Relu", "x", "y")], [("x", 1, ["n", 1, 8, 12])], [("y", 1, ["n", 1, 8, 12])])
    for i, found in enumerate(outputs("grey.onnx", "image.png", *as_bytes)):
        red, green, blue = pixels[3 * i:][:3]
        assert abs(found - (0.299 * red + 0.587 * green + 0.114 * blue)) <= 0.501, (i, found)
    write_onnx("two.onnx", [("Relu", "x", "y")], [("x", 1, ["n", 2, 8, 12])], [("y", 1, ["n", 2, 8, 12])])
    has(run("qrun", "two.onnx", "image.png", code=1).stderr, "'x' of 8 x 12 x 2, expected height, width and 1, 3 or 4 channels")


def test_arrays():
    raw_image_files()
    floats, data = open("images.f32", "rb").read(), open("images.u8", "rb").read()
    expected = run("qrun", MODEL, "images.f32", "--hash").stdout
    write("a.npy", npy("<f4", (3, 32, 32, 3), floats))
    write("u.npy", npy("|u1", (3, 1, 32, 32, 3), data))
    write("one.npy", npy("<f4", (32, 32, 3), floats[:4 * PIXELS]))
    write("two.npy", npy("<f4", (2, 32, 32, 3), floats[4 * PIXELS:]))
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(f"{how}.npz", "w", how) as archive:
            archive.write("one.npy")
            archive.write("two.npy")
        assert run("qrun", MODEL, f"{how}.npz", "--hash").stdout == expected
    assert run("qrun", MODEL, "a.npy", "--hash", "--batch", 2).stdout == expected
    assert run("qrun", MODEL, "u.npy", "--u8", "--hash").stdout == expected
    assert run("qrun", MODEL, "one.npy", "two.npy", "--hash").stdout == expected
    has(run("qrun", MODEL, "u.npy", code=3).stderr, r"is f32 and the files hold u8 \(--u8 takes them as images\)")
    has(run("qrun", MODEL, "one.npy", "u.npy", code=1).stderr, r"^qrun: u\.npy: holds u8 for input '.*', expected f32")


def test_several_inputs_and_outputs():
    """s = x + y, r = relu(x), z = z as it is; outputs of an image follow each other, whatever the batch."""
    write_onnx("io.onnx", [("Add", "xy", "s"), ("Relu", "x", "r"), ("Identity", "z", "t")],
               [("x", 1, ["n", 2]), ("y", 1, ["n", 2]), ("z", 7, ["n", 1])], [("s", 1, ["n", 2]), ("r", 1, ["n", 2]), ("t", 7, ["n", 1])])
    x, y, z = [1, -2, 3, -4, 5, -6], [10, 20, 30, 40, 50, 60], [7, -8, 2**40]
    arrays = {"x": npy("<f4", (3, 2), struct.pack("<6f", *x)), "y": npy("<f4", (3, 2), struct.pack("<6f", *y)),
              "z": npy("<i8", (3, 1), struct.pack("<3q", *z))}
    expected = b"".join(struct.pack("<4fq", x[i] + y[i], x[i + 1] + y[i + 1], max(x[i], 0), max(x[i + 1], 0), z[i // 2])
                        for i in range(0, 6, 2))
    for name, data in arrays.items():
        write(name + ".npy", data)
    with zipfile.ZipFile("named.npz", "w") as archive:
        for name in "zxy":
            archive.write(name + ".npy")
    write("x.raw", arrays["x"][-24:])
    digests = set()
    for files in ("x.npy", "y.npy", "z.npy"), ("named.npz",), ("x.raw", "y.npy", "z.npy"):
        for batch in 1, 2, 3:
            run("qrun", "io.onnx", *files, "--batch", batch, "--raw-out", "out")
            assert open("out", "rb").read() == expected, (files, batch)
            digests.add(run("qrun", "io.onnx", *files, "--batch", batch, "--hash").stdout)
    assert len(digests) == 1
    has(run("qrun", "io.onnx", "x.npy", "y.npy", code=1).stderr, "3 images for input 'x', and 0 for input 'z'")
    has(run("qrun", "io.onnx", "x.npy", "z.npy", "y.npy", code=1).stderr, r"^qrun: z\.npy: an array of 3 x 1, expected for input 'y' 2")
    has(run("qrun", "io.onnx", code=1).stderr, "the model has 3 inputs")
    rows = json.loads(run("qrun", "io.onnx", "--profile", "--json", "--repeat", 3).stdout)
    # an emulated counter may go by microseconds
    assert rows["runs"] == 3 and (SLOW or rows["run_us"] > 0) and len(rows["layers"]) >= 2, rows


def test_integer_inputs():
    write_onnx("u8.onnx", [("Identity", "x", "y")], [("x", 2, ["n", 4])], [("y", 2, ["n", 4])])
    write("u.npy", npy("|u1", (2, 4), b"\x00\x80\x7f\xff\x01\x02\x03\x04"))
    run("qrun", "u8.onnx", "u.npy", "--raw-out", "out")
    assert open("out", "rb").read() == b"\x00\x80\x7f\xff\x01\x02\x03\x04"
    write("i.npy", npy("|i1", (2, 4), bytes(8)))
    has(run("qrun", "u8.onnx", "i.npy", code=3).stderr, "input 'x' is u8 and the files hold s8$")


def test_labels():
    natively("qrun: names")
    raw_image_files()
    names = [f"name {i}" for i in range(10)]
    write("names.txt", "\r\n".join(names).encode())
    scores = outputs(MODEL, "images.f32")
    found = json.loads(run("qrun", MODEL, "images.f32", "--labels", "names.txt", "--json", "--batch", 2).stdout)["predictions"]
    text = run("qrun", MODEL, "images.f32", "--labels", "names.txt").stdout
    for image in range(3):
        mine = scores[10 * image:][:10]
        best = sorted(range(10), key=lambda k: -mine[k])[:5]  # pylint: disable=cell-var-from-loop
        assert found[image]["image"] == image
        assert [row["class"] for row in found[image]["top"]] == best
        assert [row["name"] for row in found[image]["top"]] == [names[k] for k in best]
        assert all(abs(row["score"] - mine[k]) < 1e-5 for row, k in zip(found[image]["top"], best))
        has(text, rf"^image {image}: class {best[0]} \(.*\): name {best[0]}\n" +
            "".join(rf"    then class {k} \(.*\): name {k}\n" for k in best[1:]))
    assert len(json.loads(run("qrun", MODEL, "--images", 7, "--labels", "names.txt", "--json").stdout)["predictions"]) == 7
    write("short.txt", b"one\ntwo\n")
    has(run("qrun", MODEL, "images.f32", "--labels", "short.txt", code=1).stderr,
        r"^qrun: short\.txt: expected a line for each of the 10 elements of output '.*', found 2$")
    write("zero.txt", b"one\0two\n")
    has(run("qrun", MODEL, "images.f32", "--labels", "zero.txt", code=1).stderr, r"^qrun: zero\.txt: .*zero byte")
    has(run("qrun", MODEL, "images.f32", "--labels", "absent.txt", code=1).stderr, r"^qrun: absent\.txt: ")


def test_profile():
    steps = json.loads(run("qrun", MODEL, "--layers", "--json", "--batch", 2).stdout)
    found = json.loads(run("qrun", MODEL, "--profile", "--json", "--batch", 2, "--repeat", 5, "--data", "builtin").stdout)
    assert found["runs"] == 5 and found["images"] == 2
    assert [(row["name"], row["op"], row["variant"], row["macs"]) for row in found["layers"]] == \
           [(row["name"], row["op"], row["variant"], row["macs"]) for row in steps]
    for row in found["layers"]:
        assert row["us"] >= 0 and (row["gmacs_per_second"] > 0) == (row["macs"] > 0 and row["us"] > 0), row
        assert abs(row["share"] - row["us"] / found["run_us"]) < 1e-9
    text = run("qrun", MODEL, "--profile", "--repeat", 5, "--threads", 2, "--plot", "layers.svg").stdout
    has(text, r"^layer +op +kernel +us +share +MACs/image +GMAC/s$")
    shares = [float(share) for share in re.findall(r" ([\d.]+) %", text)]
    assert len(shares) == len(steps) and 10 < sum(shares) < 200, text
    drawn = open("layers.svg", encoding="utf-8").read()
    for row in steps:
        has(text, rf"^{row['name']} +{row['op']} ")
        assert f">{row['name']}</text>" in drawn
    has(run("qrun", MODEL, "--profile", "--hash", code=2).stderr, "--profile gives no results")
    has(run("qrun", MODEL, "--plot", "x.svg", code=2).stderr, "--plot draws what --profile tells")
    has(run("qrun", MODEL, "x.raw", "--data", "builtin", code=2).stderr, "--data and INPUT: expected one of them")
    has(run("qrun", MODEL, "--profile", "--repeat", 1, "--plot", "/dev/full", code=1).stderr, "^qrun: /dev/full: cannot be written")


def test_quantized_bytes():
    run("qrun", MODEL, "--images", 9, "--quantized", "--raw-out", "codes.out")
    assert os.path.getsize("codes.out") == 9 * 10


def test_small_weights():
    """Other kernels, the same digest."""
    runs = [json.loads(run("qrun", MODEL, "--images", 5, "--json", *more).stdout) for more in ([], ["--small-weights"])]
    assert runs[0]["digest"] == runs[1]["digest"] and runs[0]["packed_bytes"] >= runs[1]["packed_bytes"] > 0, runs
    layers = [json.loads(run("qrun", MODEL, "--layers", "--json", *more).stdout) for more in ([], ["--small-weights"])]
    transformed = [any("winograd" in row["variant"] for row in rows) for rows in layers]
    assert not transformed[1] and transformed[0] == (runs[0]["packed_bytes"] > runs[1]["packed_bytes"]), layers


def test_layers():
    rows = json.loads(run("qrun", MODEL, "--layers", "--json").stdout)
    ops = [row["op"] for row in rows]
    assert ops.count("conv2d") == 2 and ops.count("fully_connected") == 2, ops
    assert sum(row["macs"] for row in rows) == (32 * 32 * 16 * 27 + 16 * 16 * 32 * 144 + 2048 * 128 + 128 * 10)
    text = run("qrun", MODEL, "--layers").stdout
    for row in rows:
        assert row["name"] in text


def test_cpus():
    cpu = json.loads(run("qinfo", "--json").stdout)["usable_cpus"][0]
    result = json.loads(run("qrun", MODEL, "--images", 5, "--cpus", cpu, "--json").stdout)
    assert result["cpus"] == [cpu] and result["threads"] == 1
    for bad in ["", "0,", "x", "3-1", "0-", "99999"]:
        has(run("qrun", MODEL, "--cpus", bad, code=2).stderr, "^qrun: --cpus: '.*': expected CPU numbers")


def test_usage():
    has(run("qrun", code=2).stderr, r"^qrun: missing operand, expected MODEL \[INPUT\.\.\.\]$")
    has(run("qrun", MODEL, "--batch", 0, code=2).stderr, "outside 1 to 65536")
    has(run("qrun", MODEL, "--threads", "two", code=2).stderr, "'two' is not a whole number")
    has(run("qrun", MODEL, "--batch", code=2).stderr, "option '--batch' needs N")
    with open(MODEL, "rb") as file:
        before = file.read()
    has(run("qrun", MODEL, "--raw-out", MODEL, code=1).stderr, "cannot be written: it is read$")
    with open(MODEL, "rb") as file:
        assert file.read() == before
    has(run("qrun", MODEL, "--raw-out", "absent/x", code=1).stderr, "^qrun: absent/x: cannot be written: No such file")
    closed = subprocess.run(command("qrun", MODEL, "--images", 3, "--raw-out", "closed.out"), stderr=subprocess.PIPE, text=True,
                            check=False, preexec_fn=lambda: os.close(1))
    assert closed.returncode == 1 and os.path.getsize("closed.out") == 3 * 40, closed
    has(closed.stderr, "^qrun: standard output cannot be written")


def test_wrong_files():
    with open("short.raw", "wb") as file:
        file.write(b"123")
    has(run("qrun", MODEL, "short.raw", code=1).stderr, r"^qrun: short\.raw: 3 bytes are not whole f32 images")
    has(run("qrun", MODEL, "absent.raw", code=1).stderr, r"^qrun: absent\.raw: ")
    has(run("qrun", MODEL, ".", code=1).stderr, r"^qrun: \.: ")
    has(run("qrun", MODEL, "--data", "absent", code=1).stderr, r"^qrun: .*absent")
    has(run("qrun", MODEL, "--images", 5, "--raw-out", "/dev/full", code=1).stderr, "^qrun: /dev/full: cannot be written")
    has(run("qrun", "absent.qnt", code=1).stderr, r"^qrun: .*absent\.qnt")


def test_hostile_inputs():
    """Each is refused with its name and what was expected; nothing is run on it."""
    natively("qrun: many files")
    good = npy("<f4", (1, 32, 32, 3), bytes(4 * PIXELS))
    image = png(32, 32, noise(PIXELS))
    with zipfile.ZipFile("good.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy("<f4", (1, 32, 32, 3), noise(4 * PIXELS)))
    packed = open("good.npz", "rb").read()
    central = packed.rindex(b"PK\1\2")
    much = struct.pack("<I", 2**31)
    bomb = packed[:22] + much + packed[26:central + 24] + much + packed[central + 28:]
    other = packed[:central + 24] + much + packed[central + 28:]
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 1
    spoiled = bytearray(image)
    spoiled[60] ^= 1
    huge = image[:16] + struct.pack(">II", 60000, 60000) + image[24:29]
    huge += struct.pack(">I", zlib.crc32(huge[12:29])) + image[33:]
    cases_ = [("cut.npy", good[:60], "cut off or too long"), ("long.npy", good[:8] + b"\xff\xff" + good[10:], "too long"),
              ("less.npy", good[:-1], "12287 bytes of elements, expected 3072 elements of 4"), ("more.npy", good + b"x", "12289 bytes"),
              ("wide.npy", npy("<f8", (1, 32, 32, 3), bytes(8 * PIXELS)), "expected a 'descr'"),
              ("big.npy", npy(">f4", (1, 32, 32, 3), bytes(4 * PIXELS)), "expected a 'descr'"),
              ("order.npy", npy("<f4", (1, 32, 32, 3), bytes(4 * PIXELS), True), "expected a 'fortran_order' of False"),
              ("overflow.npy", npy("<f4", (2**40, 2**40), b""), "expected a 'shape'"),
              ("minus.npy", npy("<f4", (-1, 3072), b""), "expected a 'shape'"),
              ("ranks.npy", npy("<f4", [1] * 9, bytes(4)), "expected a 'shape' of at most 8"),
              ("none.npy", npy("<f4", (0, 32, 32, 3), b""), "an array of 0 x 32 x 32 x 3, expected for input"),
              ("planes.npy", npy("<f4", (1, 3, 32, 32), bytes(4 * PIXELS)), "of 1 x 3 x 32 x 32, expected for input '.*' 32 x 32 x 3"),
              ("cut.npz", packed[:len(packed) // 2], "cannot be read as an .npz archive"), ("empty.npz", b"PK\5\6" + bytes(18), "found none"),
              ("flipped.npz", bytes(flipped), "a: "), ("bomb.npz", bomb, "a: says that 2147483648 bytes are packed in"),
              ("two.npz", other, "cannot be read as an .npz archive"), ("cut.png", image[:-100], "found the end of the file"),
              ("spoiled.png", bytes(spoiled), "PNG image: "), ("huge.png", huge, "60000 x 60000, expected at most"),
              ("small.png", png(31, 32, noise(31 * 32 * 3)), "height and width are 32 and 31, .* expects 32 and 32"),
              ("begin.png", image[:8], "PNG image: ")]
    for name, data, told in cases_:
        bad = run("qrun", MODEL, write(name, data), code=1)
        has(bad.stderr, rf"^qrun: {name}: .*{told}")
        assert bad.stdout == "", name
    with zipfile.ZipFile("other.npz", "w") as archive:
        archive.writestr("readme.txt", "not an array")
    has(run("qrun", MODEL, "other.npz", code=1).stderr, r"^qrun: other\.npz: readme\.txt: does not begin as an \.npy file does")
    has(run("qrun", MODEL, "small.png", "--resize", "cubic", code=2).stderr, "expected linear")
    write("latin.txt", b"caf\xe9\n" * 10)
    has(run("qrun", MODEL, write("good.npy", good), "--labels", "latin.txt", code=1).stderr, r"^qrun: latin\.txt: line 1 .*UTF-8")
    write("bool.npy", npy("|b1", (1, 2), b"\1\2"))
    write_onnx("bool.onnx", [("Identity", "x", "y")], [("x", 9, ["n", 2])], [("y", 9, ["n", 2])])
    has(run("qrun", "bool.onnx", "bool.npy", code=1).stderr, r"^qrun: bool\.npy: element 1 is 2, expected 0 or 1")


def test_damaged_models():
    with open(MODEL, "rb") as file:
        good = file.read()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    for name, data in [("empty", b""), ("text", b"not a model\n" * 100), ("cut", good[:-1]), ("half", good[:len(good) // 2]),
                       ("flipped", bytes(flipped)), ("longer", good + b"x")]:
        with open(name + ".qnt", "wb") as file:
            file.write(data)
        bad = run("qrun", name + ".qnt", code=1)
        has(bad.stderr, rf"^qrun: .*{name}\.qnt: .+")
        assert bad.stdout == "", name


run("qtrain", "--recipe", "article", "--images", 64, "--epochs", 1, "--test-images", 40, "--out", MODEL)
try:
    cases.main(globals())
finally:
    os.unlink(MODEL)
