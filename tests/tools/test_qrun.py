"""qrun: data sets and raw files, digest, JSON, damaged models."""
import array
import json
import os
import random
import re
import cases
from cases import has, run

MODEL = os.path.abspath(f"qrun-{os.getpid()}.qnt")
PIXELS = 32 * 32 * 3


def raw_image_files():
    """Three noise images as bytes, and as the floats of a model that normalises with mean 0, deviation 1."""
    noise = random.Random(1)
    data = bytes(noise.randrange(256) for _ in range(3 * PIXELS))
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


def test_quantized_bytes():
    run("qrun", MODEL, "--images", 9, "--quantized", "--raw-out", "codes.out")
    assert os.path.getsize("codes.out") == 9 * 10


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


def test_wrong_files():
    with open("short.raw", "wb") as file:
        file.write(b"123")
    has(run("qrun", MODEL, "short.raw", code=1).stderr, r"^qrun: short\.raw: 3 bytes are not whole f32 images")
    has(run("qrun", MODEL, "absent.raw", code=1).stderr, r"^qrun: absent\.raw: ")
    has(run("qrun", MODEL, ".", code=1).stderr, r"^qrun: \.: ")
    has(run("qrun", MODEL, "--data", "absent", code=1).stderr, r"^qrun: .*absent")
    has(run("qrun", MODEL, "--images", 5, "--raw-out", "/dev/full", code=1).stderr, "^qrun: /dev/full: cannot be written")
    has(run("qrun", "absent.qnt", code=1).stderr, r"^qrun: .*absent\.qnt")


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
